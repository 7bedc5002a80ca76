/* What the braces of a local object leave out is 0, bit by bit. */
#include <stdio.h>
#include <string.h>

struct flags { const char *text; unsigned first : 1, second : 1; };
struct holes { unsigned a : 5, b : 3; int : 0; unsigned c : 4; };
struct nested { int n; struct holes in[2]; unsigned last : 7; };
union either { unsigned narrow : 3; unsigned char bytes[8]; };

static void dirty(void)
{
    volatile char bytes[512];
    int i;
    for (i = 0; i < 512; i++)
        bytes[i] = 0xff;
}

static int by_name(void) { struct flags it = {.second = 1}; return it.first; }
static int by_place(void) { struct flags it = {"x"}; return it.first + it.second; }
static int beside(void) { struct holes it = {1}; return it.b * 100 + it.c; }
static int inside(void) { struct nested it = {.in[1].a = 3}; return it.in[0].c + it.in[1].b + it.last + it.n; }
static int literal(void) { struct holes *it = &(struct holes){.c = 2}; return it->a + it->b; }
static int array(void) { struct holes it[3] = {[2] = {.a = 1}}; return it[0].a + it[1].c + it[2].b; }
static int of_union(void) { union either it = {1}; return it.bytes[0] * 10; }
static int counted(void) { struct holes it[] = {{1}, {2}}; return it[0].c + it[1].b; }
static int copied(void)
{
    struct holes one = {1, 2, 3};
    struct holes it = one;
    struct nested all = {9, {one, it}};
    return it.a * 100 + all.in[1].b * 10 + all.in[0].c + all.last;
}

int main(void)
{
    dirty(); printf("%d ", by_name());
    dirty(); printf("%d ", by_place());
    dirty(); printf("%d ", beside());
    dirty(); printf("%d ", inside());
    dirty(); printf("%d ", literal());
    dirty(); printf("%d ", array());
    dirty(); printf("%d ", of_union());
    dirty(); printf("%d ", counted());
    dirty(); printf("%d\n", copied());
    return 0;
}
