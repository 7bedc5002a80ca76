// Constants, folded and not.
struct pair { long a; long b; };
enum { SIZE = sizeof(struct pair *) + 2 * 3, MASK = ~0 & 0xff, SHIFTED = (long)1 << 40 >> 38,
    TRUTH = (3 > 2) + (3 == 3) * 2 + !0 };
struct pair pairs[SIZE];
long sums[] = { SIZE, MASK, SHIFTED, TRUTH, 7 / 2, -7 / 2, -7 % 3, 7 % -3, 1 - 2, 6 ^ 3, 6 | 3, 6 & 3, -(5),
    (char)511, 0x8000000000000000 + 0 };
char *none = 0; char *number = (char *)4096; void *v = 0; long *l = (long *)0x10;
char b[SIZE]; char f = 'f', g[3] = { 'g', 2 > 1, };
long main(long argc, char **argv)
{
    long i; long x = argc; char *p = number;
    for (i = 0; i < 15; i++) show("sums", sums[i]);
    show("number", (long)number); show("none", none == 0); show("l", (long)l); show("b", sizeof(struct pair));
    show("f", f); show("g", g[0]); show("g", g[2]);
    show("1+x", 1 + x); show("5-x", 5 - x); show("x*3", x * 3); show("3*x", 3 * x);
    show("100/x", 100 / (x + 2)); show("x%7", (x + 20) % 7);
    show("1<<x", 1 << x); show("x<<5", x << 5); show("x-big", x - 0x123456789ab);
    show("big-x", 0x123456789ab - x); show("&", x & 0xffffffff); show("|", 0xf0f0f0f0f0f0f0f0 | x);
    show("eq", x == 0x7fffffffffffffff); show("big<", -0x123456789ab < x);
    show("c", 2 * 3 + x * (4 - 5) - 6 / 3);
    show("p+2", (long)(p + 2)); show("2+p", (long)(2 + p)); show("p-2", (long)(p - 2));
    show("p==", p == (char *)4096); show("l+1", (long)(l + 1)); show("l-l", (long *)64 - (long *)16);
    show("pairs", &pairs[3] - pairs); show("pairs", (long)&pairs[2].b - (long)pairs); pairs[1 + 1].b = 8;
    show("pairs", pairs[x + 1].b); show("pp", (&pairs[x] + 1)->b);
    show("pp", (pairs + 2)->b); show("pp", (*(pairs + 2)).b); show("pp", (x + pairs + 1)->b);
    show("pp", (1 + &pairs[x])->b);
    show("zero", 0 * x); show("!0", !0); show("!5", !5); show("-(-5)", -(-5)); show("~5", ~5);
    show("neg", - 9223372036854775807 - 1); show("wrap", 9223372036854775807 + 1);
    show("wrap", 0x7fffffffffffffff * 3);
    show("str", *("ab" + 1)); show("min", -2147483648); show("min", -2147483649); show("max", 2147483648);
    show("max", 4294967295 + x);
    return x << 3;
}
