// Statements.
enum { A, B, C = 10, D, E = C * 2 + 1, F = -1, G, };
enum { BIG = 0x123456789abcdef, NEGATIVE = -0x123456789abcdef };
long calls;
long count(long n) { calls++; return n; }
void nothing() { }
void early(long n) { if (n) return; print("not early\n"); }
long no_value(long n) { if (n) return 5; }
long even(long n);
long odd(long n) { return n == 0 ? 0 : even(n - 1); }
long even(long n) { return n == 0 ? 1 : odd(n - 1); }
long many(long a, char b, long c, char d, long e, long f, long g, long h, long i, long j, long k, long l)
{ return a - b * 2 + c * 3 - d * 4 + e * 5 - f * 6 + g * 7 - h * 8 + i * 9 - j * 10 + k * 11 - l * 12; }
long fibonacci(long n) { if (n < 2) return n; return fibonacci(n - 1) + fibonacci(n - 2); }
long choose(long n)
{
    switch (n) {
    case 1: return 100;
    case 2:
    case 3: n += 1000; break;
    case C: n = 5; // falls through
    case D: { n++; break; }
    case -5: n = 55; break;
    case BIG: return 77;
    case NEGATIVE: return 78;
    case 'x': return 79;
    default: n = -1; break;
    case F: n = 66;
    }
    return n;
}
long nested(long a, long b)
{
    long r = 0;
    switch (a) {
    case 0: switch (b) { case 0: r = 1; break; case 1: r = 2; default: r += 10; } r += 100; break;
    case 1: while (b) { if (b == 3) { b--; continue; } if (b == 1) break; r += b; b--; } r *= 2; break;
    }
    switch (b) { default: ; }
    switch (b) ;
    switch (b) case 2: r += 5000;
    return r;
}
long duff(long n)
{
    long r = 0;
    long i = (n + 3) / 4;
    switch (n % 4) {
    case 0: do { r += 1;
    case 3: r += 10;
    case 2: r += 100;
    case 1: r += 1000;
    } while (--i > 0);
    }
    return r;
}
long main(long argc, char **argv)
{
    long i, j = 3, *p = &j; ;;
    show("enum", A + B * 10 + C * 100 + D * 1000 + E * 10000 + F * 100000 + G);
    for (i = -8; i < 16; i++) show("choose", choose(i));
    show("choose", choose(BIG)); show("choose", choose(NEGATIVE)); show("choose", choose('x'));
    for (i = 0; i < 4; i++) for (j = 0; j < 5; j++) show("nested", nested(i, j));
    for (i = 1; i < 12; i++) show("duff", duff(i));
    i = 0; for (;;) { if (++i > 5) break; if (i == 3) continue; show("for", i); }
    for (i = 10; i; ) i--; for (i = 0; i < 3; ++i) ; show("i", i);
    i = 0; do { i++; if (i == 2) continue; if (i == 7) break; show("do", i); } while (i < 10); show("i", i);
    do i--; while (i > 3); show("i", i);
    while (i < 10) i++; show("i", i); while (1) { if (i-- < 5) break; else continue; } show("i", i);
    if (i) if (i > 100) print("big\n"); else print("small\n"); else print("zero\n");
    if (0) ; else print("else\n");
    calls = 0; show("&&", count(0) && count(1)); show("calls", calls); show("||", count(1) || count(0));
    show("calls", calls);
    show("&&||", count(1) && count(0) || count(2)); show("calls", calls);
    show("?", count(1) ? count(2) : count(3)); show("calls", calls);
    nothing(); early(0); early(1); no_value(0); show("no value", no_value(1)); show("even", even(10));
    show("odd", odd(7));
    show("many", many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    show("many", many(1, 258, 3, 260, 5, 6, 7, 8, 9, 10, 11, 12));
    show("fib", fibonacci(15)); show("nested call", count(count(count(1) + 1) + 1));
    { long i = 5; { long i = i = 6; show("inner", i); } show("middle", i); { char i = 255; i++;
    show("char", i); } } show("outer", i);
    i > 3 ? nothing() : early(0); (void)count(1); (void)0;
    show("cond", 1 ? 2 : 3); show("cond", argc > 100 ? 2 : argc > 50 ? 3 : 4);
    long big = 0; for (i = 0; i < 100000; i++) big += i ^ big; show("big", big);
    char buf[1000]; long k; for (k = 0; k < 1000; k++) buf[k] = k;
    show("buf", buf[999] + buf[256] + buf[255]);
    switch (argc) { case 1: print("one argument\n"); }
    return 7;
}
