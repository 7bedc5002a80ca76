// Structs and unions: layout, nesting, members without names, copies, as arguments and results.
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct empty_tail { int n; char tail[]; };
struct mixed { char a; short b; char c; int d; char e; long f; char g; double h; float i; char j; long double k; char l; };
struct nested { char a; struct { char b; int c; } d; union { char e[5]; short f; } g; };
struct unnamed { int kind; union { int i; double d; struct { short lo, hi; }; }; struct { char x, y; }; };
struct small { char a, b, c; };
struct large { int values[40]; char name[10]; };
union any { int i; char c[8]; double d; struct small s; };
typedef struct list { int value; struct list *next; } list;
struct __attribute__((packed)) packed { char a; int b; short c; long d; };
struct { char a; int b __attribute__((aligned(16))); } aligned;
struct both { struct packed p; char c; } __attribute__((aligned(32)));

static struct small make_small(int n) { struct small s = { n, n + 1, n + 2 }; return s; }
static struct large make_large(int n)
{
    struct large l;
    memset(&l, 0, sizeof l);
    for (int i = 0; i < 40; i++)
        l.values[i] = n * i;
    strcpy(l.name, "large");
    return l;
}
static int sum_small(int before, struct small s, int after) { s.a += before; return s.a * 100 + s.b * 10 + s.c + after; }
static long sum_large(struct large l, struct small s) { long sum = s.c; for (int i = 0; i < 40; i++) sum += l.values[i]; return sum; }
static struct large twice(struct large l) { for (int i = 0; i < 40; i++) l.values[i] *= 2; return l; }
static union any make_any(double d) { union any a; a.d = d; return a; }
static struct unnamed make_unnamed(void) { struct unnamed u = { 1, { .d = 2.5 }, { 3, 4 } }; return u; }
static list *reverse(list *l) { list *r = NULL; while (l) { list *next = l->next; l->next = r; r = l; l = next; } return r; }

#define SIZE(t) printf("%s: %d bytes, aligned to %d\n", #t, (int)sizeof(t), (int)_Alignof(t))
#define AT(t, m) printf("%s.%s at %d\n", #t, #m, (int)offsetof(t, m))

int main(void)
{
    SIZE(struct empty_tail); SIZE(struct mixed); SIZE(struct nested); SIZE(struct unnamed); SIZE(struct small); SIZE(struct large);
    SIZE(union any); SIZE(list); SIZE(struct packed); SIZE(struct both);
    printf("%d\n", (int)sizeof aligned);
    AT(struct mixed, b); AT(struct mixed, c); AT(struct mixed, d); AT(struct mixed, f); AT(struct mixed, h); AT(struct mixed, i);
    AT(struct mixed, k); AT(struct mixed, l); AT(struct nested, d.c); AT(struct nested, g.f); AT(struct nested, g.e[3]);
    AT(struct unnamed, d); AT(struct unnamed, hi); AT(struct unnamed, y); AT(struct packed, b); AT(struct packed, d); AT(struct both, c);
    AT(struct empty_tail, tail);

    struct small s = make_small(1), t;
    t = s;
    t.b = 9;
    printf("%d %d %d %d\n", s.a, s.b, t.b, make_small(5).c);
    printf("%d\n", sum_small(1, t, 2));
    struct large l = make_large(3), k;
    printf("%ld %ld %s\n", sum_large(l, s), sum_large(twice(twice(l)), make_small(7)), twice(l).name);
    k = l = make_large(2);
    printf("%d %d %d\n", k.values[39], l.values[1], make_large(4).values[10]);
    struct large *p = &k;
    (*p).values[0] = 77;
    p->name[0] = 'L';
    l = *p;
    printf("%d %s %d\n", l.values[0], l.name, (int)(p == &k));
    union any a = make_any(1.0);
    printf("%x %x\n", a.c[7] & 255, a.c[6] & 255);
    a.s = make_small('x');
    printf("%.3s %c\n", a.c, a.s.c);
    struct unnamed u = make_unnamed(), *up = &u;
    printf("%d %g %d %d\n", u.kind, up->d, u.x, up->y);
    up->lo = 1; up->hi = 2;
    printf("%x %g\n", u.i, make_unnamed().d);
    list three = { 3 }, two = { 2, &three }, one = { 1, &two };
    for (list *r = reverse(&one); r; r = r->next)
        printf("%d ", r->value);
    puts("");
    printf("%d\n", (1 ? s : t).b + (0 ? s : t).b + (s, t).b);
    struct { struct small in[3]; } array = { { { 1, 2, 3 }, { 4, 5, 6 } } }, copy = array;
    copy.in[2] = copy.in[1];
    copy.in[1].b = 50;
    printf("%d %d %d\n", copy.in[2].b, copy.in[1].b, array.in[1].b);
    struct packed pk = { 1, 0x12345678, 3, 0x1122334455667788 };
    unsigned char *bytes = (unsigned char *)&pk;
    for (int i = 0; i < sizeof pk; i++)
        printf("%02x", bytes[i]);
    puts("");
    struct small (*function)(int) = make_small, (*functions[2])(int) = { make_small, &make_small };
    printf("%d %d %d\n", function(10).a, (*function)(20).b, functions[1](30).c);
    struct small many[4];
    struct small *end = many + 4, *it;
    for (it = many; it < end; it++)
        *it = make_small(it - many);
    printf("%d %ld %d\n", many[3].c, (long)(end - many), (it - 1)->a);
    { struct small { long now_larger; }; SIZE(struct small); struct large; struct large *unknown = 0; printf("%d\n", unknown == 0); }
    SIZE(struct small);
    return 0;
}
