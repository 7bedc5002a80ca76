// Values in braces that take the place of earlier ones for the same bytes.
#include <stdio.h>

struct point { int x, y; };
union view { struct { int x; char y[2]; } pair; float f; struct { char a[8]; } bytes; };
struct whole { struct point p; char s[8]; union view u; int a[4]; };
struct inside { int a; union { int i; char c[8]; struct { short s, r; }; }; int b; };
struct outer { struct { struct { int a[2]; int z; } in; } q; int k; };

int one, two;
struct whole braces = { .p = { 1, 2 }, .p = { .y = 3 }, .s = "abcdefg", .s = "x", .a = { 1, 2, 3, 4 },
    .a = { [2] = 9 } };
struct whole members = { .p = { 1, 2 }, .p.y = 3, .s = "abcdefg", .s = { "x" }, .a = { 1, 2, 3, 4 }, .a[2] = 9, 8 };
struct whole flat = { .p = 1, 2, .p = 3, .s = { 1, 2, 3 }, .s = { 4 } };
struct whole other_member = { .u.pair.x = 5, .u.bytes.a[0] = 1 };
struct whole other_in_braces = { .u = { .pair.x = 5 }, .u.bytes.a[7] = 1 };
struct whole table[3] = { { .u.f = 1 }, { .u.f = 2 }, [0].u.pair = { 7 }, [1] = { .a = { 1 } }, [2].p.y = 1 };
union view designated = { .f = 4.44, .pair.y[1] = 3 };
union view same = { .pair = { 1, { 2, 3 } }, .pair.y[1] = 4 };
union view part = { .pair = { 1, { 2, 3 } }, .pair.y = { 4 } };
union view far = { .pair.x = 1, .bytes.a[5] = 7, 8 };
union view first = { 1, .bytes.a[5] = 7, 8 };
union view there_and_back = { .f = 1, .bytes.a[7] = 1, .f = 2 };
struct inside unnamed = { .i = -1, .c[1] = 2, .s = 5, .r = 6, .b = 1, .b = 2 };
int *pointers[6] = { [5] = &one, [0] = &two, [5] = 0, [3] = &one, [3] = &two, [1] = &one, [1] = 0 };
union { int *pointer; long number; } address = { .pointer = &one, .number = 5 }, number = { .number = 5, .pointer = 0 };
char *texts[] = { [1] = "b", [0] = "a", [1] = "c" };

void show(char *name, void *p, int n)
{
    unsigned char *bytes = p;
    printf("%s ", name);
    while (n--)
        printf("%02x", *bytes++);
    puts("");
}

#define SHOW(x) show(#x, &x, sizeof x)

void in_a_function(void)
{
    struct whole braces = { .p = { 1, 2 }, .p = { .y = 3 }, .s = "abcdefg", .s = "x", .a = { 1, 2, 3, 4 },
        .a = { [2] = 9 } };
    union view designated = { .f = 4.44, .pair.y[1] = 3 };
    struct inside unnamed = { .i = -1, .c[1] = 2, .s = 5, .r = 6, .b = 1, .b = 2 };
    struct { unsigned a : 3, b : 4; int c; } bits = { .a = 3, .b = 5, .a = 1, .c = 2 };
    struct point p = { 10, 20 };
    union view v = { .f = 3 };
    struct outer o = { { { { 1, 2 }, 3 } } };
    // A member of a value of the whole: GCC forgets the rest of it.
    struct whole member_of_value = { .p = p, .p.y = 3, .a = { 1, 2 }, .a = { 5 } };
    struct whole view_of_value = { .u = v, .u.pair.y[1] = 1 };
    struct whole value_at_last = { .p.x = 1, .u.f = 2, .p = p, .u = v };
    struct outer deep = { .q = o.q, .q.in.a = { 7 }, .k = 1 };
    int count = 0;
    int counted[2] = { [0] = count++, [0] = 7, [1] = 5 };
    SHOW(braces); SHOW(designated); SHOW(unnamed); SHOW(member_of_value); SHOW(view_of_value);
    SHOW(value_at_last); SHOW(deep);
    printf("%d %d %d %d %d %d\n", bits.a, bits.b, bits.c, count, counted[0], counted[1]);
    printf("%d %d\n", ((struct whole){ .a = { 1, 2 }, .a = { 5 } }).a[1], ((union view){ .f = 1, .pair = { 2 } }).pair.x);
}

int main(void)
{
    int i;
    SHOW(braces); SHOW(members); SHOW(flat); SHOW(other_member); SHOW(other_in_braces); SHOW(table);
    SHOW(designated); SHOW(same); SHOW(part); SHOW(far); SHOW(first); SHOW(there_and_back); SHOW(unnamed);
    for (i = 0; i < 6; i++)
        printf("%d ", pointers[i] == &one ? 1 : pointers[i] == &two ? 2 : pointers[i] != 0);
    printf("%ld %d %s%s\n", address.number, number.pointer == 0, texts[0], texts[1]);
    in_a_function();
    return 0;
}
