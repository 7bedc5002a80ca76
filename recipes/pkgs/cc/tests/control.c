// Statements: loops, switches, jumps.
#include <stdio.h>

static int in_switch(int n)
{
    int r = 0;
    switch (n) {
    case 1:
        r += 1;
    case 2:
        r += 2;
        break;
    default:
        r += 100;
        break;
    case 'a' ... 'f':
        return 7;
    case -5: {
        int inner = 5;
        r = inner;
    }
    case 0x7fffffff:
        r += 50;
        switch (r) { case 55: r++; break; default: r--; }
    }
    return r;
}

static const char *large(unsigned long n)
{
    switch (n) {
    case 0: return "zero"; case 1: return "one"; case 5: return "five"; case 7: return "seven";
    case 11: return "eleven";
    case 100: return "hundred"; case 1000: return "thousand"; case 0x100000000: return "2^32";
    case 0x8000000000000000: return "2^63";
    case -1ul: return "most"; case 12: case 13: case 14: return "teens";
    }
    return "other";
}

// The least and the greatest of a type, behind which a counter wraps round.
static int outermost(long n)
{
    switch (n) {
    case 0x7fffffffffffffff: return 1;
    case -0x7fffffffffffffff - 1 ... -0x7fffffffffffffff: return 2;
    case 0x7ffffffffffffffd ... 0x7ffffffffffffffe: return 3;
    case -1 ... 1: return 4;
    }
    return 5;
}

static int duff(char *to, const char *from, int count)
{
    int n = (count + 3) / 4, steps = 0;
    switch (count % 4) {
    case 0: do { *to++ = *from++;
    case 3: *to++ = *from++;
    case 2: *to++ = *from++;
    case 1: *to++ = *from++;
            steps++;
            } while (--n > 0);
    }
    *to = 0;
    return steps;
}

static int jumps(int n)
{
    int count = 0;
again:
    count++;
    if (n-- > 0)
        goto again;
    if (count > 3)
        goto out;
    for (;;) {
        if (count++ > 10)
            goto out;
        while (1)
            goto next;
    next:;
    }
out:
    return count;
}

static long fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
static int odd(int n);
static int even(int n) { return n == 0 ? 1 : odd(n - 1); }
static int odd(int n) { return n == 0 ? 0 : even(n - 1); }
static void nothing(void) { return; }
static void of_void(void) { return nothing(); }

int main(int argc, char **argv)
{
    for (long n = 0x7ffffffffffffffb, k = 0; k < 10; k++, n = (long)((unsigned long)n + 1))
        printf("%d ", outermost(n));
    printf("%d\n", outermost(0));
    for (int n = -6; n < 4; n++)
        printf("%d ", in_switch(n));
    printf("%d %d %d\n", in_switch('c'), in_switch('g'), in_switch(0x7fffffff));
    unsigned long numbers[] = { 0, 1, 2, 5, 6, 7, 11, 12, 14, 15, 100, 999, 1000, 0x100000000,
        0x8000000000000000, -1, -2 };
    for (int i = 0; i < sizeof numbers / sizeof *numbers; i++)
        printf("%s ", large(numbers[i]));
    puts("");
    char to[30];
    for (int i = 1; i < 10; i++)
        printf("%d %s\n", duff(to, "abcdefghijklmnop", i), to);
    printf("%d %d %d\n", jumps(0), jumps(1), jumps(20));
    int i, k, total = 0;
    for (i = 0, k = 10; i < k; i++, k--) {
        if (i == 2)
            continue;
        for (int j = 0; ; j++) {
            if (j == 3)
                break;
            if (j == 1)
                continue;
            total += j;
        }
        total += 100;
    }
    printf("%d %d %d\n", i, k, total);
    do total -= 7; while (total > 300);
    do { if (total & 1) continue; total += 3; break; } while (0);
    while (total --> 290) ;
    printf("%d\n", total);
    if (0) puts("no"); else if (argc > 100) puts("no"); else puts("yes");
    if (argc) if (argc > 100) puts("no"); else puts("dangling");
    switch (argc) default: puts("only default");
    switch (argc) { int unreached; case 1: unreached = 3; printf("%d\n", unreached); }
    switch (3) { }
    for (int i = 0; i < 2; i++) { int i = 50; i++; printf("%d ", i); { int i = 60; printf("%d ", i);
    } printf("%d\n", i); }
    printf("%ld %d %d\n", fibonacci(20), even(100), odd(100));
    of_void();
    { goto inner; for (;;) { inner: puts("into a loop"); break; } }
    enum { LOCAL = 3 }; typedef int number; number n = LOCAL; { typedef char number;
    printf("%d %d\n", (int)sizeof(number), n); }
    { int number = 5; printf("%d\n", number * 2); }
    ;;;
    return argv[argc] ? 1 : 17;
}
