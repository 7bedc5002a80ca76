// Initialisers of variables of every kind.
#include <stdio.h>
#include <string.h>

struct point { int x, y; };
struct line { struct point from, to; char *name; };
struct bag { char tag[4]; int n[3]; struct point p[2]; union { int i; char c; } u; };

static int plain = 3 + 4 * 2, negative = -1, zeroes[5];
static int numbers[] = { 1, 2, 3, [7] = 8, 9, [1] = 20 };
static int grid[3][4] = { { 1, 2 }, { 5, 6, 7, 8 }, 9, 10 }, flat[2][3] = { 1, 2, 3, 4 };
static char text[] = "text", longer[10] = "ab", exact[3] = "abc", braced[] = { "braces" }, bytes[] = { 'x', 'y', 0 };
static char *words[] = { "one", "two", [4] = "five" }, *inside = &"inside"[2];
static struct point points[] = { { 1, 2 }, { .y = 4, .x = 3 }, 5, 6, [5] = { 7 } };
static struct line lines[] = { { { 1, 2 }, { 3, 4 }, "a" }, { 5, 6, 7, 8, "b" }, { .to = { 9, 10 }, .name = "c" }, { .to.y = 11, "d", .from.x = 12 } };
static struct bag bag = { "abc", { 1, 2 }, { [1].y = 4 }, { .c = 5 } }, bags[2] = { { "xy", 1, 2, 3, 4, 5, 6, 7, 8 }, { { 'q' }, .n[1] = 6, 7, 8, 9 } };
static int *pointer = &numbers[3], *back = numbers + 7 - 2, **again = &pointer;
static char (*row)[10] = &longer;
static struct line *last = &lines[2], *self_line = lines + 1;
static int *member = &lines[1].to.y;
static long difference = (long)sizeof(grid) - 10, address_size = sizeof(pointer);
static int (*function)(const char *, ...) = printf, (*functions[])(const char *) = { puts, &puts };
static int by_literal[] = { sizeof(int), (char)300, 'a', 1 ? 2 : 3, !0, ~0, 7 / 2, 1 << 4, 5 > 3 && 2 };
static struct point *literal = &(struct point){ 31, 32 }, list[] = { { 1, (int)2.9 }, (struct point){ 3, 4 } };
static unsigned char wrapped[] = { 255, -1, 256 + 7 };
static struct { int a; struct { int b, c; }; int d; } unnamed = { 1, 2, 3, 4 }, other = { .c = 5, 6 };
static union { struct { char a, b; }; int i; } onion = { .b = 2 };
static int count_of[sizeof(numbers) / sizeof(numbers[0])];
extern int declared_later[];
static void *nothing = 0, *address = (void *)0x1234, *cast = (char *)&plain + 1;
const char *const qualified = "const";
static enum colour { RED, GREEN = 5, BLUE, CYAN = GREEN + 10, MINUS = -3 } colour = BLUE;

static void show(const char *what, const void *p, int n)
{
    printf("%s:", what);
    for (int i = 0; i < n; i++)
        printf(" %02x", ((unsigned char *)p)[i]);
    puts("");
}

#define SHOW(x) show(#x, &x, sizeof x)

static int calls;
static int call(void) { return ++calls; }
static int sum(const int *p, int n) { int s = 0; while (n--) s += *p++; return s; }

static void locals(int n)
{
    int a = n, b[] = { n, n + 1, call() }, c[2][2] = { { n }, { 1, n } }, d[6] = { [2] = n, n + 1, [5] = 5 };
    char s[] = "local", t[8] = "pad", *p = "pointer";
    struct point q = { n, n * 2 }, r = q, qs[3] = { q, { .y = n }, r }, *pq = &(struct point){ .y = n };
    struct line l = { .from = q, .to.y = n, .name = p }, m = { { 1 }, r, "m" };
    struct bag g = { "ab", { n }, { q, { n, n } }, { n } };
    union { int i; char c[4]; } u = { 0x01020304 };
    static int kept = 5, never;
    double f = n, fs[3] = { n, 0.5 };
    int scalar = { n };
    printf("%d %d %d %d %d %d %d\n", a, b[2], c[0][0], c[0][1], c[1][1], d[3], d[4]);
    printf("%s %s %d %s %d %d %d\n", s, t, t[7], p, r.y, qs[1].x, qs[2].y);
    printf("%d %d %d %s %d %d %s %d\n", pq->y, l.from.y, l.to.x, l.name, m.from.y, m.to.y, m.name, u.c[0]);
    printf("%s %d %d %d %d %g %g %d %d %d\n", g.tag, g.n[1], g.p[0].y, g.p[1].x, g.u.i, f, fs[1], kept++, never--, scalar);
    printf("%d %d\n", sum((int[]){ 1, n, 3 }, 3), ((struct point){ n, 8 }).y + (int){ 9 });
    for (int i = 0; i < 3; i++) {
        int again[3] = { i };
        again[1] += i;
        again[2]++;
        printf("%d%d%d ", again[0], again[1], again[2]);
    }
    puts("");
    goto over;
over:;
    int after = call();
    printf("%d %d\n", after, (int)sizeof((char[]){ "size" }));
}

int declared_later[3] = { 4, 5, 6 };
int tentative;
int tentative = 12;
int tentative;

int main(void)
{
    SHOW(plain); SHOW(negative); SHOW(zeroes); SHOW(numbers); SHOW(grid); SHOW(flat); SHOW(text); SHOW(longer); SHOW(exact); SHOW(braced);
    SHOW(bytes); SHOW(points); SHOW(bag); SHOW(bags); SHOW(by_literal); SHOW(list); SHOW(wrapped); SHOW(unnamed); SHOW(other); SHOW(onion);
    SHOW(count_of); SHOW(declared_later); SHOW(tentative); SHOW(nothing); SHOW(address); SHOW(colour); SHOW(difference); SHOW(address_size);
    printf("%s %s %d %s %s\n", words[0], words[1], words[2] == 0, words[4], inside);
    for (int i = 0; i < 4; i++)
        printf("%d %d %d %d %s\n", lines[i].from.x, lines[i].from.y, lines[i].to.x, lines[i].to.y, lines[i].name ? lines[i].name : "none");
    printf("%d %d %d %s %s %s %d %d\n", *pointer, *back, **again, *row, last->name, self_line->name, *member, literal->y);
    function("%s %d %s\n", "called", (char *)cast - (char *)&plain == 1, qualified);
    functions[1]("puts");
    printf("%d %d %d %d\n", RED, CYAN, MINUS, (int)sizeof(enum colour));
    locals(3);
    locals(40);
    return 0;
}
