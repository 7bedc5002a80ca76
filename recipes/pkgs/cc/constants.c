// The values of integer constants, characters and strings.

// Set by integer_constant, besides the value.
long constant_unsigned; // the suffix u
long constant_longs;    // how many l
long constant_decimal;

long digit_value(long c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

// The value of a number without a point or an exponent.
long integer_constant(struct Token *t)
{
    char *p = t->text;
    char *end = p + t->length;
    long base = 10;
    long value = 0;
    if (*p == '0' && t->length > 1) {
        base = 8;
        if (p[1] == 'x' || p[1] == 'X') {
            base = 16;
            p += 2;
        } else if (p[1] == 'b' || p[1] == 'B') {
            base = 2;
            p += 2;
        }
        if (p == end || digit_value(*p) >= base)
            fail_about("invalid number", t->text, t->length, "");
    }
    constant_decimal = base == 10;
    while (p < end && digit_value(*p) < base) {
        // Does base * value + digit still fit into 64 bits?
        if (ult(udiv(-1 - digit_value(*p), base), value))
            fail_about("the number is too large:", t->text, t->length, "");
        value = value * base + digit_value(*p);
        p++;
    }
    constant_unsigned = 0;
    constant_longs = 0;
    while (p < end) {
        if ((*p == 'u' || *p == 'U') && !constant_unsigned) {
            constant_unsigned = 1;
            p++;
        } else if ((*p == 'l' || *p == 'L') && !constant_longs) {
            constant_longs = 1;
            if (p + 1 < end && p[1] == p[0]) {
                constant_longs = 2;
                p++;
            }
            p++;
        } else {
            fail_about("invalid number", t->text, t->length, "");
        }
    }
    return value;
}

char *escape_at; // behind the last character that was read

// The value of the character at p in a string or character constant.
long read_character(char *p)
{
    long value = 0;
    long i;
    escape_at = p + 1;
    if (*p != '\\')
        return *p;
    p++;
    escape_at = p + 1;
    if (*p >= '0' && *p <= '7') {
        for (i = 0; i < 3 && *p >= '0' && *p <= '7'; i++) {
            value = value * 8 + (*p - '0');
            p++;
        }
        if (value > 255)
            fail("octal escape sequence out of range");
        escape_at = p;
        return value;
    }
    switch (*p) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'a': return 7;
    case 'b': return 8;
    case 'f': return 12;
    case 'v': return 11;
    case 'e': return 27;
    case '\\': return '\\';
    case '\'': return '\'';
    case '"': return '"';
    case '?': return '?';
    case 'x':
        p++;
        if (digit_value(*p) > 15)
            fail("\\x is not followed by a hexadecimal digit");
        while (digit_value(*p) <= 15) {
            value = value * 16 + digit_value(*p);
            if (value > 255)
                fail("hexadecimal escape sequence out of range");
            p++;
        }
        escape_at = p;
        return value;
    }
    fail("unknown escape sequence");
    return 0;
}

// A character constant, with the sign that char has on x86-64.
long character_constant(struct Token *t)
{
    char *end = t->text + t->length - 1;
    if (t->length < 3)
        fail("empty character constant");
    long value = read_character(t->text + 1);
    if (escape_at != end)
        fail("character constants of several characters are not supported");
    if (value > 127)
        return value - 256;
    return value;
}

// Appends the contents of the string, without a terminating zero.
void add_string(struct Buffer *b, struct Token *t)
{
    char *p = t->text + 1;
    char *end = t->text + t->length - 1;
    while (p < end) {
        add_byte(b, read_character(p));
        p = escape_at;
    }
}
