// Pointers, arrays, functions through pointers, declarators.
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*operation)(int, int);
typedef int vector[3];

static int add(int a, int b) { return a + b; }
static int subtract(int a, int b) { return a - b; }
static operation choose(char c) { return c == '+' ? add : subtract; }
static int (*choose_again(int c))(int, int) { return c ? &add : *subtract; }
static int apply(int f(int, int), int a, int b) { return f(a, b) + (*f)(a, b) + (**f)(a, b); }
static int sum(int a[], int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }
static int sum2(int a[][3], int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i][0] * 100 + a[i][2]; return s; }
static int sizes(int a[10], vector v) { return sizeof a + sizeof v; }
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static char *skip(char *s) { while (*s == ' ') s++; return s; }
static int *find(int *p, int what) { while (*p != what) ++p; return p; }
static int (*row_of(int (*m)[3], int n))[3] { return m + n; }
static void swap(int *a, int *b) { int t = *a; *a = *b; *b = t; }
static int old_style();
static int takes_anything(int n) { return n; }
static int old_style(int a, double b) { return a + b; }

static operation table[] = { add, subtract, choose_again };
int (*(*complicated)(int))(int, int) = choose_again;
char (*(*array_of_functions[2])(void))[4];
static char name[4] = "abc";
static char (*give_name(void))[4] { return &name; }

int main(void)
{
    int a[5] = { 5, 3, 9, 1, 7 }, *p = a, *end = &a[5], m[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } }, (*r)[3] = m, *q[3] = { a, a + 2, &a[4] }, **qq = q;
    printf("%d %d %d %d\n", *p, p[2], *(p + 3), 2[a]);
    printf("%ld %d %d %d\n", (long)(end - p), end > p, p + 5 == end, p != a);
    printf("%d %d %d %d\n", r[1][2], *r[1], (*r)[1], *(*(m + 1) + 1));
    printf("%d %d %d\n", **qq, *qq[1], *(*(qq + 2)));
    printf("%d %d %d %d\n", (int)sizeof a, (int)sizeof m[0], (int)sizeof *r, (int)sizeof &a);
    p += 2; printf("%d ", *p--); printf("%d ", *p); printf("%d ", *++p); printf("%d\n", -*p++ + *p);
    p = a; *p++ = 10; *p = *(p + 1) = 20; p[1]++; printf("%d %d %d\n", a[0], a[1], a[2]);
    printf("%d %d\n", sum(a, 5), sum2(m, 2));
    printf("%d %d\n", sizes(a, a), (int)sizeof(vector));
    printf("%d %d %d %d\n", choose('+')(5, 3), choose('-')(5, 3), choose_again(0)(9, 4), complicated(1)(9, 4));
    printf("%d %d %d\n", apply(add, 1, 2), table[1](5, 2), (*table[0])(5, 2));
    printf("%d\n", choose('+') == add && add == &add && *add == add && table[0] != subtract);
    qsort(a, 5, sizeof *a, compare);
    for (int i = 0; i < 5; i++) printf("%d ", a[i]);
    int key = 20; printf("%ld\n", (long)((int *)bsearch(&key, a, 5, sizeof *a, compare) - a) >= 0 ? 1l : 0l);
    printf("%s %ld\n", skip("   text"), (long)(find(a, 20) - a));
    printf("%d %d\n", (*row_of(m, 1))[2], row_of(m, 0)[1][0]);
    swap(&a[0], a + 4); printf("%d %d\n", a[0], a[4]);
    printf("%d %d\n", old_style(3, 4.5), takes_anything(3));
    array_of_functions[1] = give_name; printf("%s %d\n", *array_of_functions[1](), (int)sizeof *give_name());
    char *s = "string", *t = s + 3; printf("%c %c %s %ld %d\n", *s, t[-1], t, (long)(t - s), "abc"[1]);
    void *v = a; int *back = v; printf("%d %d\n", *back, *(int *)v); v = (char *)v + 4; printf("%d\n", *(int *)v);
    char bytes[8]; *(int *)bytes = 0x04030201; *(short *)(bytes + 4) = 0x0605; printf("%d %d %d\n", bytes[0], bytes[3], bytes[5]);
    long address = (long)a; printf("%d %d\n", *(int *)address, (int *)(address + 8) == a + 2);
    if (p) puts("pointer"); if (!p) puts("null"); p = 0; if (p) puts("pointer"); if (!p) puts("null"); p = NULL; printf("%d %d\n", p == 0, p ? 1 : 2);
    printf("%d\n", p == NULL && (void *)a == a && a);
    const int *const volatile cp = a; printf("%d\n", *cp);
    int cube[2][3][4]; for (int i = 0; i < 24; i++) (&cube[0][0][0])[i] = i;
    printf("%d %d %d %d\n", cube[1][2][3], **cube[1], (*(cube[1] + 1))[2], (int)(sizeof cube / sizeof *cube / sizeof **cube));
    int (*pc)[3][4] = cube; pc++; printf("%d %d\n", pc[0][1][1], (*pc)[2][0]);
    int (*pa)[5] = &a; printf("%d %d\n", (*pa)[1], (int)((int *)(pa + 1) - a));
    signed char index = -1; unsigned char up = 2; p = a + 2; printf("%d %d %d\n", p[index], p[up], *(p + index));
    unsigned u1 = 1; p -= u1; printf("%d\n", *p); p -= -1; printf("%d %d\n", *p, (p > a) + (p >= a + 2) + (p < a) + (p <= a + 2));
    char *words[] = { "a", "bb", "ccc", 0 }, **w; int n = 0; for (w = words; *w; w++) n += strlen(*w); printf("%d\n", n);
    struct node { struct node *left, *right; int v; } x = { 0, 0, 1 }, y = { &x, 0, 2 }, z = { &y, &x, 3 };
    printf("%d %d %d\n", z.left->left->v, (*z.left).v, z.right == y.left);
    extern int defined_below; extern int *pointer_below; printf("%d %d\n", defined_below, *pointer_below);
    int local_function(int); printf("%d\n", local_function(3));
    return 0;
}

int defined_below = 4, *pointer_below = &defined_below;
int local_function(int n) { return n * 2; }
