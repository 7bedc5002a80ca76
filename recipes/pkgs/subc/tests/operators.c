// Every operator, on numbers from all over.
long numbers[] = { 0, 1, -1, 2, -2, 7, -7, 63, 255, 256, -256, 65535, 2147483647, -2147483647 - 1, 4294967296,
    0x7fffffffffffffff, 0x7fffffffffffffff + 1, 0x123456789abcdef, -0x123456789abcdef, };
long both(long a, long b)
{
    show("+", a + b); show("-", a - b); show("*", a * b);
    if (b != 0 && !(b == -1 && a == 0x7fffffffffffffff + 1)) { show("/", a / b); show("%", a % b); }
    if (b) { show("udiv", udiv(a, b)); show("umod", umod(a, b)); }
    show("ult", ult(a, b));
    if (b >= 0 && b < 64) { show("<<", a << b); show(">>", a >> b); show("ushr", ushr(a, b)); }
    show("&", a & b); show("|", a | b); show("^", a ^ b);
    show("<", a < b); show("<=", a <= b); show(">", a > b); show(">=", a >= b); show("==", a == b);
    show("!=", a != b);
    show("&&", a && b); show("||", a || b);
    show("?:", a ? b : 99); show("?:2", a < b ? a : b);
    return a ^ b << 1;
}
long one(long a)
{
    show("-", -a); show("!", !a); show("~", ~a); show("!!", !!a); show("- -", - -a); show("~-!", ~-!a);
    long b = a; b += 3; show("+=", b); b -= a & 15; show("-=", b); b *= 3; show("*=", b); b /= 7;
    show("/=", b);
    b %= 1000; show("%=", b); b &= 0xff; show("&=", b); b |= 0x100; show("|=", b); b ^= a; show("^=", b);
    b <<= 3; show("<<=", b); b >>= 2; show(">>=", b);
    show("++", ++b); show("b", b); show("++", b++); show("b", b); show("--", --b); show("--", b--);
    show("b", b);
    return b;
}
long main(long argc, char **argv)
{
    long i; long j; long sum = 0;
    for (i = 0; i < 19; i++) {
        sum ^= one(numbers[i]);
        for (j = 0; j < 19; j++) sum += both(numbers[i], numbers[j]);
    }
    show("precedence", 1 + 2 * 3 - 4 / 2 % 3 << 2 >> 1 & 0xff ^ 3 | 8);
    show("p2", 1 < 2 == 1); show("p3", 5 & 3 == 3); show("p4", 1 || 0 && 0); show("p5", !1 + 1);
    show("p6", -2 * -3);
    show("p7", 10 - 3 - 2); show("p8", 100 / 10 / 5); show("p9", 1 ? 2 : 0 ? 3 : 4);
    show("p10", 0 ? 2 : 0 ? 3 : 4);
    long x; long y; x = y = 7; show("assign", x + y); x += y -= 2; show("x", x); show("y", y);
    x = argc ? y : x; show("x", x);
    return sum & 127;
}
