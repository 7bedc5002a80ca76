// float, double and long double: constants, arithmetic, conversions and comparisons. Bits are compared, not digits.
#include <float.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void show_float(const char *what, float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    printf("%s %08x\n", what, bits);
}

static void show_double(const char *what, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    printf("%s %016lx\n", what, bits);
}

static void show_ldouble(const char *what, long double x)
{
    uint64_t bits[2] = { 0, 0 };
    memcpy(bits, &x, 10);
    printf("%s %04lx %016lx\n", what, bits[1], bits[0]);
}

#define F(e) show_float(#e, e)
#define D(e) show_double(#e, e)
#define L(e) show_ldouble(#e, e)
#define I(e) printf("%s %ld\n", #e, (long)(e))

static double table[] = { 1, 0.1, -2.5e10, 1e308, 4.9406564584124654e-324, 2.2250738585072011e-308, 1 / 3.0, 0.1 + 0.2, -0.0 };
static float ftable[] = { 1, 0.1, 0.1f, 16777217, 3.4028235e38f, 1e-45f, 1.17549435e-38f, 1.0f / 3, 2.0f * 3.5f - 1 };
static long double ltable[] = { 1, 0.1, 0.1L, 1.18973149535723176502e4932L, 3.6e-4951L, 1.0L / 3, 18446744073709551615ull };
static int from_float = 3.99, from_negative = -3.99f;
static unsigned long from_big = 1e19;

static float add(float a, float b) { return a + b; }
static double half(double x) { return x / 2; }
static long double third(long double x) { return x / 3; }
static double many(char a, float b, short c, double d, long double e, long f) { return a + b * c - d + e * f; }

int main(void)
{
    for (int i = 0; i < sizeof table / sizeof *table; i++)
        D(table[i]);
    for (int i = 0; i < sizeof ftable / sizeof *ftable; i++)
        F(ftable[i]);
    for (int i = 0; i < sizeof ltable / sizeof *ltable; i++)
        L(ltable[i]);
    I(from_float); I(from_negative); printf("%lu\n", from_big);

    // Halfway cases, the ends of the range, and hexadecimal constants.
    D(9007199254740993.0); D(9007199254740995.0); D(9007199254740992.99999999999999999999999999999999999999999); D(1e23); D(8.5e22);
    D(2.2250738585072012e-308); D(2.4703282292062327e-324); D(2.4703282292062328e-324); D(1.7976931348623158e308); D(1e400); D(1e-400);
    D(123456789012345678901234567890.); D(.5e-10); D(0x1p-1074); D(0x1.8p-1074); D(0x1.fffffffffffff8p1022); D(0x.1p4); D(0xA.8p0);
    D(0x1.00000000000008p0); D(0x1.000000000000080000001p0); D(0x1.00000000000018p0); D(0e5); D(000.1); D(1.e2); D(0x1p1023);
    F(16777217.0f); F(16777219.0f); F(1.00000005960464477539062500000f); F(1.0000000596046448f); F(7.0064923216240854e-46f);
    F(7.0064923216240862e-46f); F(3.4028235677973366e38f); F(0x1.000001p0f); F(0x1.000003p0f); F(1e-40f); F(.1e1f);
    L(0.1L); L(1.0000000000000000001L); L(1e4932L); L(1e-4940L); L(3.3621031431120935063e-4932L); L(0x1.8p-16445L); L(0x1p-16446L);
    L(0x1.fffffffffffffffep0L); L(0x1.ffffffffffffffffp0L); L(123456789123456789123456789.L); L(1e5000L); L(.3L); L(1e-4951L);
    F(FLT_MAX); F(FLT_MIN); D(DBL_MAX); D(DBL_EPSILON); L(LDBL_MAX); L(LDBL_MIN);

    volatile float f = 1.1f, g = -7.75f;
    volatile double d = 1e15 + 0.3, e = -0.0, zero = 0;
    volatile long double l = 1e18L + 0.5L, m = -3.25L;
    F(f + g); F(f - g); F(f * g); F(f / g); F(-f); D(f + d); D(d - e); D(d * g); D(d / 3); D(-d); D(-e); L(l + d); L(l - m); L(l * f);
    L(l / 3); L(-m); L(m * m - l / m + 2 * m); D(d * d + d / (d - 1) * (2 - d)); F(f * 2 + 1 - g / f * (f - g)); D(f); F(d); F(l); D(l);
    F(add(f, g)); D(half(d)); L(third(l)); D(many(1, 2.5f, 3, 4.5, 5.5L, 6)); D(half(3)); F(add(1, 2)); L(third(1));
    f += 1; D(f); f *= d; F(f); d -= 0.7L; D(d); l /= 7; L(l); g++; F(g); --d; D(d); L(m--); L(m); int n = 10; n *= 1.26; I(n);
    n = 7; n += 0.99; I(n); n -= 1.5f; I(n); unsigned char c = 250; c += 2.5; I(c); short s = -3; s /= 2.0L; I(s);

    I(1.9); I(-1.9); I((int)1e9f); I((signed char)-100.7); I((unsigned char)200.7); I((short)-30000.9f); I((unsigned)4e9);
    I((unsigned short)65535.9L); I((long)-9e18); printf("%lu %lu\n", (unsigned long)1.8e19, (unsigned long)9.3e18f);
    printf("%lu %lu\n", (unsigned long)18446744073709551615.0L, (unsigned long)5.5L); I((_Bool)0.1); I((_Bool)e); I((_Bool)m);
    volatile double vd[] = { 1.8e19, 9223372036854775808.0, 3.7, 4294967295.5 };
    for (int i = 0; i < 4; i++)
        printf("%lu %u\n", (unsigned long)vd[i], (unsigned)(i < 2 ? 1.5 : vd[i]));
    volatile long double vl[] = { 18446744073709551615.0L, 9223372036854775808.0L, 3.7L, 4294967295.5L };
    for (int i = 0; i < 4; i++)
        printf("%lu\n", (unsigned long)vl[i]);
    volatile unsigned long ul[] = { 18446744073709551615ul, 9223372036854775809ul, 9007199254740993, 0x8000000000000400, 0x8000000000000401, 5 };
    for (int i = 0; i < 6; i++) {
        F(ul[i]); D(ul[i]); L(ul[i]); F((long)ul[i]); D((long)ul[i]); L((long)ul[i]); F((int)ul[i]); D((unsigned)ul[i]);
    }
    D((char)-5); F((unsigned char)200); L((short)-7); D((_Bool)5);

    volatile double nan = zero / zero, inf = 1 / zero;
    volatile float fnan = nan, finf = -inf;
    volatile long double lnan = nan, linf = inf;
    double all[] = { 1, -1, 0, e, nan, inf, -inf };
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 7; k++) {
            double x = all[i], y = all[k];
            float p = x, q = y;
            long double v = x, w = y;
            printf("%d%d%d%d%d%d %d%d%d%d%d%d %d%d%d%d%d%d %d %d\n", x < y, x <= y, x > y, x >= y, x == y, x != y, p < q, p <= q, p > q,
                   p >= q, p == q, p != q, v < w, v <= w, v > w, v >= w, v == w, v != w, x && y, !x || p > q ? 1 : v < w);
        }
    if (nan) puts("nan is true");
    if (!nan) puts("nan is false");
    if (e) puts("-0 is true");
    while (f > 1) f /= 2;
    F(f);
    for (d = 0; d < 1; d += 0.125) ;
    D(d);
    D(1 ? 1 : 2.5); D(0 ? 1.5f : 2); L(1 ? 1 : 2.0L); I(sizeof(1 ? 1 : 2.5)); I(sizeof(1.f)); I(sizeof(1.L)); I(sizeof(f + 1)); I(sizeof(f + 1.0));
    I(fnan == fnan); I(lnan == lnan); I(finf < 0); I(linf > 1e4000L);
    D((1.5, 2.5)); D(d = f = 0.1); F((float)0.1 + (float)0.2); D((double)(float)0.1); L((double)0.1L); D(1e16 + 1 + 1); F(1e8f + 1.0f - 1e8f);
    D(1.5 * 2 - 7 / 2.0 + 1e-17); D(3 * 0.1); L(3 * 0.1L); D(1.0 - 0.9); D(1e308 * 10); D(-1e-200 * 1e-200); D(5.0 / 9.0 * (451 - 32));
    return 0;
}
