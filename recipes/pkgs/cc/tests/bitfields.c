// Bit-fields: layout, sign, promotion, assignment.
#include <stdio.h>
#include <string.h>

struct a { unsigned x : 3; int y : 5; unsigned z : 8; int w : 16; };
struct b { char c; int x : 7; int y : 20; unsigned char d; unsigned z : 31; _Bool t : 1; };
struct c { unsigned short x : 9, y : 9; unsigned char p : 4, q : 5; };
struct d { int x : 3; int : 0; int y : 4; int : 5; unsigned z : 2; };
struct e { unsigned long x : 32; long y : 20; unsigned long long z : 12; long w : 64; };
struct f { signed char a : 4; short b : 12; long c : 30; int d; char e : 1; };
struct g { int : 7; char x; };
union u { unsigned all; struct { unsigned lo : 12, hi : 20; }; };
struct h { enum { P, Q, R } k : 2; unsigned m : 30; };

static struct a global = { 5, -3, 200, -1000 };
static struct b globals[2] = { { 'a', -5, 70000, 9, 0x7fffffff, 1 }, { .y = -1, .t = 3 } };

static void dump(const char *what, const void *p, int n)
{
    printf("%s:", what);
    for (int i = 0; i < n; i++)
        printf(" %02x", ((unsigned char *)p)[i]);
    puts("");
}

#define DUMP(x) dump(#x, &x, sizeof x)

static int calls;
static struct a *once(struct a *p) { calls++; return p; }

int main(void)
{
    printf("%d %d %d %d %d %d %d %d %d\n", (int)sizeof(struct a), (int)sizeof(struct b), (int)sizeof(struct c), (int)sizeof(struct d),
           (int)sizeof(struct e), (int)sizeof(struct f), (int)sizeof(struct g), (int)sizeof(union u), (int)sizeof(struct h));
    DUMP(global); DUMP(globals);
    struct a a; memset(&a, 0, sizeof a);
    struct b b; memset(&b, 0, sizeof b);
    struct c c; memset(&c, 0, sizeof c);
    struct d d; memset(&d, 0, sizeof d);
    struct e e; memset(&e, 0, sizeof e);
    struct f f; memset(&f, 0, sizeof f);
    struct h h; memset(&h, 0, sizeof h);
    a.x = 9; DUMP(a); a.y = 15; DUMP(a); a.y = 16; DUMP(a); a.z = 255; a.w = -2; DUMP(a);
    printf("%d %d %d %d\n", a.x, a.y, a.z, a.w);
    b.x = -1; b.y = 1 << 19; b.z = 5; b.t = 2; b.d = 3; DUMP(b); printf("%d %d %d %d %d\n", b.x, b.y, b.z, b.t, b.d);
    c.x = 511; c.y = 300; c.p = 15; c.q = 17; DUMP(c); printf("%d %d %d %d\n", c.x, c.y, c.p, c.q);
    d.x = 3; d.y = -8; d.z = 7; DUMP(d); printf("%d %d %d\n", d.x, d.y, d.z);
    e.x = -1; e.y = -7; e.z = 4095; e.w = -9; DUMP(e); printf("%ld %ld %ld %ld\n", (long)e.x, (long)e.y, (long)e.z, (long)e.w);
    f.a = 7; f.b = -2048; f.c = 1 << 29; f.d = 4; f.e = 1; DUMP(f); printf("%d %d %ld %d %d\n", f.a, f.b, (long)f.c, f.d, f.e);
    h.k = R; h.m = 1; DUMP(h); printf("%d\n", h.k == R);
    printf("%d %d %d\n", a.x = 12, a.y = 100, b.t = 4);
    printf("%d %d\n", a.x++, ++a.x); printf("%d %d\n", a.x, a.y += 3); printf("%d\n", a.z *= 2); printf("%d\n", --a.w);
    once(&a)->x += 2; once(&a)->y--; printf("%d %d %d\n", a.x, a.y, calls);
    printf("%d %d %d\n", a.x - 8 < 0, b.z - 6 < 0, (int)sizeof(a.x + 0));
    struct { unsigned full : 32; } full = { 1 };
    printf("%d\n", full.full - 2 < 0);
    union u u = { .hi = 0xabcde }; u.lo = 0x123; printf("%x\n", u.all);
    struct a copy = a, *p = &copy; p->z = 3; printf("%d %d %d %d\n", p->x, p->y, p->z, p->w);
    struct { struct a in[2]; } deep = { { { 1, 2, 3, 4 }, { .w = 5, .x = 6 } } }; deep.in[1].y = deep.in[0].y | 8; DUMP(deep);
    int total = 0; for (a.z = 0; a.z < 250; a.z += 25) total += a.z; printf("%d\n", total);
    if (a.x) puts("x"); while (a.x) a.x--; printf("%d\n", !a.x && a.w);
    return 0;
}
