// Types of integers, their conversions and operators.
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#define SHOW(e) printf("%s = %lld, %d bytes\n", #e, (long long)(e), (int)sizeof(e))
#define SHOWU(e) printf("%s = %llu, %d bytes\n", #e, (unsigned long long)(e), (int)sizeof(e))

static signed char sc = -3;
static unsigned char uc = 250;
static char c = -1;
static short s = -30000;
static unsigned short us = 60000;
static int i = -2000000000;
static unsigned u = 4000000000u;
static long l = -5000000000;
static unsigned long ul = 18000000000000000000ul;
static long long ll = LLONG_MIN;
static unsigned long long ull = ULLONG_MAX;
static _Bool b = 7;

static int count;
static int next(void) { return ++count; }

int main(void)
{
    SHOW(sc); SHOW(uc); SHOW(c); SHOW(s); SHOW(us); SHOW(i); SHOWU(u); SHOW(l); SHOWU(ul); SHOW(ll); SHOWU(ull); SHOW(b);
    SHOW(sc + uc); SHOW(s * us); SHOWU(i + u); SHOW(i + 1l); SHOWU(ul + sc); SHOW(-uc); SHOWU(-u); SHOW(~us); SHOW(!i);
    SHOW(sc / 2); SHOW(sc % 2); SHOW(s / 7); SHOW(s % 7); SHOW(i / -3); SHOW(i % -3); SHOWU(u / 3); SHOWU(u % 1000);
    SHOW(l / 77); SHOW(l % 77); SHOWU(ul / 77); SHOWU(ul % 77); SHOWU(ull / 10); SHOW(ll / 10); SHOW(ll % 10);
    SHOW(sc << 3); SHOW(i >> 5); SHOWU(u >> 5); SHOW(l >> 40); SHOWU(ul >> 40); SHOW(1l << 40); SHOWU(u << 4); SHOW(us << 16);
    SHOW(sc < uc); SHOW(i < u); SHOW(-1 < 1u); SHOW(l < ul); SHOW(sc < -2); SHOW(us > s); SHOW(ull > 0); SHOW(ll < 0);
    SHOW(i == -2000000000); SHOW(u != 4000000000); SHOW(u >= ul); SHOW(l <= i); SHOW(-1 == ull); SHOW(c == 255); SHOW(uc == 250);
    SHOW(sc & uc); SHOW(sc | us); SHOW(sc ^ i); SHOWU(ul & u); SHOW(l | sc); SHOWU(ull ^ i);
    SHOW((signed char)300); SHOW((unsigned char)-1); SHOW((short)us); SHOW((unsigned short)s); SHOW((int)u); SHOWU((unsigned)i);
    SHOW((char)uc); SHOW((int)l); SHOWU((unsigned)l); SHOW((long)u); SHOW((long)i); SHOWU((unsigned long)i); SHOW((_Bool)0x100);
    SHOW((short)ull); SHOW((_Bool)ll); SHOW((signed char)l); SHOWU((unsigned)ull); SHOW((long long)ul);
    SHOW(0x7fffffff); SHOW(0x80000000); SHOW(2147483648); SHOW(0xffffffff); SHOW(0x100000000); SHOW(017777777777);
    SHOW(037777777777); SHOW(1u); SHOW(1l); SHOW(1ull); SHOW(0xffffffffffffffff); SHOW('a'); SHOW('\377'); SHOW('\x80');
    SHOW('\0'); SHOW('\n'); SHOW('\\'); SHOW('\''); SHOW('"'); SHOW('\a'); SHOW('\v'); SHOW(0b1011);
    SHOW(1 ? -1 : 1u); SHOW(sizeof(int) > -1); SHOW(INT_MIN); SHOWU(UINT_MAX); SHOW(LONG_MIN); SHOW(SHRT_MIN); SHOW(CHAR_MIN);

    sc += 300; uc -= 251; s *= 3; us /= 7; i %= 1000; u >>= 3; l <<= 3; ul |= 1; ll ^= -1; ull &= 0xff00ff00ff00; c <<= 1;
    SHOW(sc); SHOW(uc); SHOW(s); SHOW(us); SHOW(i); SHOWU(u); SHOW(l); SHOWU(ul); SHOW(ll); SHOWU(ull); SHOW(c);
    i = 5; u = 0; uc = 255; sc = 127; b = 0;
    SHOW(i++); SHOW(i--); SHOW(++i); SHOW(--i); SHOWU(u--); SHOWU(u++); SHOW(uc++); SHOW(uc--); SHOW(++uc); SHOW(sc++); SHOW(sc);
    SHOW(b++); SHOW(b++); SHOW(b--); SHOW(b); SHOW(b += 5); SHOW(b = 0.5);
    i = 7; i += i++ * 0 + 3; i -= 2;
    int a[4] = { 1, 2, 3, 4 };
    int *p = a;
    *p++ += 10; *++p *= 5; a[next()] -= 100; p[-1]++; --*p; (*p)++;
    printf("%d %d %d %d %d %d\n", a[0], a[1], a[2], a[3], (int)(p - a), count);
    unsigned char w = 200, v = 100;
    SHOW(w + v); SHOW((unsigned char)(w + v)); SHOW(w += v); SHOW(w << 1 >> 1); SHOW(~w); SHOW(-w < 0);
    SHOW(i && next()); SHOW(0 && next()); SHOW(1 || next()); SHOW(!next() || !next()); SHOW(count); SHOW((next(), next(), 9)); SHOW(count);
    SHOW(i > 3 ? next() : 1000); SHOW(i < 3 ? next() : 1000); SHOW(next() ?: 5); SHOW(0 ?: 5); SHOW(count);
    SHOW(5 - 3 - 1); SHOW(2 + 3 * 4 % 5 - 6 / 2); SHOW(1 << 2 + 1); SHOW(6 & 3 == 3); SHOW(1 | 2 ^ 3 & 4); SHOW(-3 / 2 * 2 + -3 % 2);
    SHOW(1 ? 2 : 3 ? 4 : 5); SHOW(0 ? 2 : 0 ? 4 : 5); SHOW(i = u = 3); SHOW(!!i + ~-i); SHOW(- - -i);
    int64_t big = INT64_MAX; uint64_t ubig = UINT64_MAX;
    SHOW(big / 3 * 2); SHOWU(ubig / 5 * 3); SHOWU(ubig * 3); SHOW((int)(big >> 31)); SHOWU(ubig % 1000000007); SHOW(big % -1000000007);
    for (i = 0; i < 70; i += 7)
        printf("%lx %lx %x %x\n", 0x123456789abcdef0 >> (i & 63), 0xfedcba9876543210 << (i & 63), 0xf0e0d0c0 >> (i & 31), -1 << (i & 31));
    return 0;
}
