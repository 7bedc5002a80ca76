// Variable arguments of every type, lists handed on, and setjmp.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef int (*putter)(const char *);

struct pair { int a, b; };
struct big { long n[5]; char c; };

static long sum(int n, ...)
{
    va_list list;
    long total = 0;
    va_start(list, n);
    while (n--)
        total += va_arg(list, int);
    va_end(list);
    return total;
}

static void all(const char *types, ...)
{
    va_list list, copy;
    va_start(list, types);
    va_copy(copy, list);
    for (const char *t = types; *t; t++)
        switch (*t) {
        case 'i': printf("int %d\n", va_arg(list, int)); break;
        case 'u': printf("unsigned %u\n", va_arg(list, unsigned)); break;
        case 'l': printf("long %ld\n", va_arg(list, long)); break;
        case 'q': printf("long long %lld\n", va_arg(list, long long)); break;
        case 'd': printf("double %g\n", va_arg(list, double)); break;
        case 'L': printf("long double %Lg\n", va_arg(list, long double)); break;
        case 's': printf("string %s\n", va_arg(list, char *)); break;
        case 'p': { struct pair p = va_arg(list, struct pair); printf("pair %d %d\n", p.a, p.b); break; }
        case 'b': { struct big b = va_arg(list, struct big); printf("big %ld %ld %c\n", b.n[0], b.n[4], b.c); break; }
        case 'f': printf("function %d\n", va_arg(list, putter)("called") >= 0); break;
        }
    va_end(list);
    printf("first again %d\n", va_arg(copy, int));
    va_end(copy);
}

static int forward(char *to, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsprintf(to, format, list);
    va_end(list);
    return n;
}

static struct pair of_pair(struct pair first, ...)
{
    va_list list;
    va_start(list, first);
    struct pair second = va_arg(list, struct pair);
    va_end(list);
    return (struct pair){ first.a + second.a, first.b * second.b };
}

static void one_of(va_list *list) { printf("%d ", va_arg(*list, int)); }
static void by_pointer(int n, ...) { va_list list; va_start(list, n); while (n--) one_of(&list); puts(""); va_end(list); }

static jmp_buf jump;
static int depth;
static void deep(int n) { if (n == 0) longjmp(jump, depth); depth++; deep(n - 1); }

static int jumping(void)
{
    volatile int times = 0;
    int r = setjmp(jump);
    times++;
    printf("setjmp %d, %d times\n", r, times);
    if (times < 4) {
        depth = times == 3 ? 0 : times * 10;
        if (times == 3)
            longjmp(jump, 0);
        deep(times);
    }
    if (setjmp(jump) == 0)
        longjmp(jump, 5);
    else
        puts("back");
    return times;
}

int main(void)
{
    char c = -1; short s = -2; unsigned char uc = 255; float f = 1.5f; _Bool b = 1;
    struct pair p = { 3, 4 }; struct big g = { { 10, 0, 0, 0, 50 }, 'g' };
    printf("%ld %ld %ld\n", sum(0), sum(3, 1, 2, 3), sum(12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    all("iiiiuildqsLpdbfLi", c, s, uc, b, 4000000000u, 'x', -5000000000l, f, 1ll << 40, "text", 2.25L, p, (double)f * 2, g, puts, -1e100L, 99);
    char buffer[100];
    printf("%d ", forward(buffer, "%s-%d-%c-%.2f-%lx", "one", 2, '3', 4.0, 0xfedcba98765l));
    puts(buffer);
    struct pair r = of_pair(p, (struct pair){ 5, 6 }); printf("%d %d\n", r.a, r.b);
    by_pointer(4, 9, 8, 7, 6);
    printf("%d\n", jumping());
    return 0;
}
