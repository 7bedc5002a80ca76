/* Structures among the variable arguments, in registers of every kind and on the stack. */
#include <stdarg.h>
#include <stdio.h>

struct f1 { float a; };
struct f2 { float a, b; };
struct f3 { float a, b, c; };
struct f4 { float a[4]; };
struct d2 { double a, b; };
struct fd { float a; double b; };
struct nested { struct f1 a, b, c; };
union of { double d[2]; float f[4]; };
struct d3 { double a, b, c; };
struct l2 { long a, b; };
struct c3 { char a[3]; };

static void floats(int count, ...)
{
    va_list ap, again;

    va_start(ap, count);
    va_copy(again, ap);
    while (count--) {
        struct d2 d2 = va_arg(ap, struct d2);
        struct f3 f3 = va_arg(ap, struct f3);
        double d = va_arg(ap, double);
        struct f4 f4 = va_arg(ap, struct f4);
        struct f1 f1 = va_arg(ap, struct f1);
        struct f2 f2 = va_arg(ap, struct f2);
        struct fd fd = va_arg(ap, struct fd);
        printf("%g %g  %g %g %g  %g  %g %g", d2.a, d2.b, f3.a, f3.b, f3.c, d, f4.a[0], f4.a[3]);
        printf("  %g  %g %g  %g %g\n", f1.a, f2.a, f2.b, fd.a, fd.b);
    }
    printf("%g", va_arg(again, double));
    printf(" %g\n", va_arg(again, double));
    va_end(again);
    va_end(ap);
}

static void others(int count, ...)
{
    va_list ap;

    va_start(ap, count);
    while (count--) {
        struct nested nested = va_arg(ap, struct nested);
        struct l2 l2 = va_arg(ap, struct l2);
        union of of = va_arg(ap, union of);
        struct d3 d3 = va_arg(ap, struct d3);
        struct c3 c3 = va_arg(ap, struct c3);
        struct d2 d2 = va_arg(ap, struct d2);
        int last = va_arg(ap, int);
        printf("%g %g %g  %ld %ld  %g %g", nested.a.a, nested.b.a, nested.c.a, l2.a, l2.b, of.d[0], of.d[1]);
        printf("  %g %g  %d %d  %g %g  %d\n", d3.a, d3.c, c3.a[0], c3.a[2], d2.a, d2.b, last);
    }
    va_end(ap);
}

int main(void)
{
    struct f1 f1 = { 1.5f };
    struct f2 f2 = { 2.5f, 3.5f };
    struct f3 f3 = { 4.5f, 5.5f, 6.5f };
    struct f4 f4 = { { 7.5f, 8.5f, 9.5f, 10.5f } };
    struct d2 d2 = { 11.5, 12.5 };
    struct fd fd = { 13.5f, 14.5 };
    struct nested nested = { { 15.5f }, { 16.5f }, { 17.5f } };
    union of of = { { 18.5, 19.5 } };
    struct d3 d3 = { 20.5, 21.5, 22.5 };
    struct l2 l2 = { 23, 24 };
    struct c3 c3 = { { 25, 26, 27 } };

    floats(2, d2, f3, 0.5, f4, f1, f2, fd, d2, f3, 0.5, f4, f1, f2, fd);
    others(3, nested, l2, of, d3, c3, d2, 1, nested, l2, of, d3, c3, d2, 2, nested, l2, of, d3, c3, d2, 3);
    return 0;
}
