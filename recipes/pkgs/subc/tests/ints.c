// Where C calculates in int, and where it does not.
char c = 255, d = 200; long l = 5;
enum { MILLION = 1000000, LARGE = 0xffffffff, LARGER = 0x7fffffffffffffff };
struct s { long a; long b; };
long main(long argc, char **argv)
{
    long i; char e = 128;
    show("const", 1000000 * 1000000); show("const", 2147483647 + 1); show("const", MILLION * MILLION);
    show("const", -2147483647 - 2); show("const", 65536 * 65536 + l);
    show("c<<24", c << 24); show("c<<23", c << 23); show("c<<8", c << 8 | d); show("c*", c * c * c * c);
    show("c-", d - c); show("l", l * c << 40); show("(long)", (long)c << 24);
    show("c+", c + 2147483647); show("-", -(c - 256 - 2147483647)); show("~", ~c << 30);
    show("+l", c + 2147483647 + l); show("l+", l + (c + 2147483647)); show("l+", l + c + 2147483647);
    show("?", argc ? c : l); show("?", (argc ? c : d) << 24); show("?", (argc ? c : l) << 24);
    show("=", (c = 130) << 24); show("=", (l = 130) << 24);
    show("cast", (char)300 << 24); show("cast", (char)l << 24); show("cast", (long)(char)l << 24);
    show("&&", (argc && c) << 31); show("cmp", (c < d) << 31); show("!", !!c << 31); show("'", 'a' << 24);
    show("'", '\xff' << 24);
    show("hex", 0xffffffff + l); show("hex", l & 0xffffffff); show("hex", 0xffffffff);
    show("hex", 0x80000000 + 0x7fffffff); show("hex", 0x7fffffff * 2); show("hex", 0xffffffffffffffff * 2);
    show("hex", 0x8000000000000000 - 1); show("hex", l | 0x8000000000000000);
    show("sizeof", sizeof(struct s) * l); show("sizeof", l - sizeof(struct s));
    show("sizeof", sizeof(struct s) / sizeof(long)); show("sizeof", (l - 1000) / (long)sizeof(long));
    show("sizeof", l == sizeof(long)); show("sizeof", sizeof(long) > 4);
    show("large", LARGE + l); show("large", l & LARGE); show("larger", LARGER); show("larger", LARGER + 1); 
    e++; e <<= 1; show("e", e); e = 100; e *= 3; show("e", e); e = 1; e -= 2; show("e", e); l = c; l <<= 24;
    show("l", l); l = 1; l <<= 31; show("l", l); i = 1 << 31; show("i", i); e = 200; e = e * 2 / 3;
    show("e", e); e = 3; e /= 2; show("e", e); e = 250; e >>= 1; show("e", e); e ^= 0xfff; show("e", e);
    e = 255; e %= 7; show("e", e); e += l; show("e", e); l += e; show("l", l); l = e << 24; show("l", l);
    switch (c) { case -1: print("no\n"); break; case 130: print("130\n"); }
    switch (l) { case 0x8000000000000000: print("no\n"); break; default: print("default\n"); }
    return c - d;
}
