// The type of what an assignment to a bit-field gives: that of the bit-field, which is promoted to int where it fits.
#include <stdio.h>

enum e { A, B, C };
struct bits {
    unsigned narrow : 2;
    unsigned long of_long : 5;
    unsigned full : 32;
    unsigned char of_char : 7;
    int with_sign : 32;
    unsigned short of_short : 16;
    enum e of_enum : 3;
    unsigned long full_of_long : 32;
    long full_with_sign : 32;
    unsigned long long all : 64;
    _Bool truth : 1;
    int plain;
} b, *p = &b;

#define TYPE(e) do { \
    printf("%d %d %d %d ", -1 < (e), -1 < (0, (e)), (e) - 100 < 0, ((e) ?: (e)) > -1); \
    printf("%d %d %d %d ", -1 < (unsigned)(e), -1 < (unsigned long)(e), (int)sizeof((e) + 0), (int)sizeof(+(e))); \
    printf("%d %d %d %d\n", (1 ? (e) : (e)) > -1, ~(e) < 0, ((e) - 3) >> 1 < 0, -(e) < 1); \
    switch ((e) - 100) { case -99: puts("-99"); } \
} while (0)

#define ALL(m) do { \
    puts(#m); \
    TYPE(b.m); TYPE(b.m = 1); TYPE(b.m += 1); TYPE(b.m++); TYPE(++b.m); TYPE(b.m--); TYPE(--b.m); TYPE(b.m |= 1); \
    TYPE((0, b.m = 1)); TYPE(p->m = 1); TYPE((&*p)->m = 1); TYPE(b.plain = b.m = 1); TYPE(b.m <<= 1); \
    TYPE(b.m ^= p->m); \
} while (0)

int main(void)
{
    int below = -10;
    ALL(narrow); ALL(of_long); ALL(full); ALL(of_char); ALL(with_sign); ALL(of_short); ALL(of_enum);
    ALL(full_of_long); ALL(full_with_sign); ALL(all); ALL(truth);
    printf("%d %d %d\n", below < (b.narrow = 2), below < (b.narrow += 1), below < b.narrow++);
    return 0;
}
