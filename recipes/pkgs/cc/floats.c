// Floating-point constants, by integer arithmetic: decimal and hexadecimal numbers are rounded exactly, to nearest and
// to even, and values are converted between types. cc itself is compiled by a compiler that has no floats.
//
// A value is sign, mantissa of 64 bits whose highest bit is set, and the weight of the mantissa's lowest bit as a power
// of two; zero has the mantissa 0. Infinity has the exponent INFINITE.

enum { INFINITE = 100000, MAX_LIMBS = 2000, MAX_EXPONENT = 100000 };

// A large natural number, 32 bits in each element, the lowest first.
long limbs[MAX_LIMBS];
long limb_count;

void limbs_set(long n)
{
    limbs[0] = n;
    limb_count = n != 0;
}

void limbs_multiply(long by, long plus)
{
    long i;
    for (i = 0; i < limb_count; i++) {
        plus += limbs[i] * by;
        limbs[i] = plus & 0xffffffff;
        plus = ushr(plus, 32);
    }
    if (plus) {
        if (limb_count == MAX_LIMBS)
            fail("the number has too many digits");
        limbs[limb_count] = plus;
        limb_count++;
    }
}

// Divides and returns the remainder.
long limbs_divide(long by)
{
    long rest = 0;
    long i;
    for (i = limb_count - 1; i >= 0; i--) {
        long part = (rest << 32) + limbs[i];
        limbs[i] = udiv(part, by);
        rest = umod(part, by);
    }
    while (limb_count > 0 && limbs[limb_count - 1] == 0)
        limb_count--;
    return rest;
}

long limbs_bit(long at)
{
    if (at < 0 || at / 32 >= limb_count)
        return 0;
    return limbs[at / 32] >> at % 32 & 1;
}

long limbs_length(void)
{
    long n = limb_count * 32;
    while (n > 0 && !limbs_bit(n - 1))
        n--;
    return n;
}

struct Real {
    long negative;
    long mantissa;
    long exponent;
};

// Rounds to `bits` bits, with no bit lighter than 2^lowest. `below` tells of what lies under the mantissa's last bit:
// 0 nothing, 1 less than half of it, 2 half of it, 3 more.
void real_round(struct Real *r, long below, long bits, long lowest, long highest)
{
    long drop = 64 - bits;
    if (r->exponent == INFINITE || r->mantissa == 0)
        return;
    if (r->exponent + drop < lowest)
        drop = lowest - r->exponent;
    if (drop > 66)
        drop = 66;
    long up = 0;
    if (drop == 0) {
        up = below > 2 || below == 2 && (r->mantissa & 1);
    } else {
        // The bits that go, against half of what stays: drop is 1 to 66.
        long odd = drop < 64 && (ushr(r->mantissa, drop) & 1);
        long half = drop <= 64 && (ushr(r->mantissa, drop - 1) & 1);
        long rest = below != 0;
        if (drop > 64)
            rest = 1;
        else if (drop > 1 && (r->mantissa << (65 - drop)) != 0)
            rest = 1;
        up = half && (rest || odd);
        if (drop < 64)
            r->mantissa = ushr(r->mantissa, drop) << drop;
        else
            r->mantissa = 0;
    }
    if (up) {
        if (drop < 64)
            r->mantissa += (long)1 << drop;
        // Either it became zero by a carry out of its highest bit, or all of it was dropped.
        if (r->mantissa == 0) {
            r->mantissa = (long)1 << 63;
            if (drop < 64)
                r->exponent++;
            else
                r->exponent = r->exponent + drop - 63;
        }
    }
    if (r->mantissa == 0)
        r->exponent = 0;
    if (r->exponent > highest - 63)
        r->exponent = INFINITE;
}

// Rounds to a float, double or long double.
void real_round_to(struct Real *r, long below, struct Type *t)
{
    if (t->kind == TY_FLOAT)
        real_round(r, below, 24, -149, 127);
    else if (t->kind == TY_DOUBLE)
        real_round(r, below, 53, -1074, 1023);
    else
        real_round(r, below, 64, -16445, 16383);
}

// The large number times 2^exponent, or more if `more`.
void real_from_limbs(struct Real *r, long exponent, long more, struct Type *t)
{
    long length = limbs_length();
    long i;
    long below = 0;
    r->mantissa = 0;
    for (i = 1; i <= 64; i++)
        r->mantissa = (r->mantissa << 1) + limbs_bit(length - i);
    r->exponent = exponent + length - 64;
    if (limbs_bit(length - 65))
        below = 2;
    for (i = 66; i <= length && !more; i++)
        if (limbs_bit(length - i))
            more = 1;
    if (more)
        below++;
    real_round_to(r, below, t);
}

long read_exponent(char *p, char *end)
{
    long value = 0;
    long negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    if (p == end)
        fail("the exponent has no digits");
    while (p < end) {
        if (!is_digit(*p))
            fail("invalid digit in an exponent");
        if (value < MAX_EXPONENT)
            value = value * 10 + (*p - '0');
        p++;
    }
    if (negative)
        return -value;
    return value;
}

// Reads digits and a point. Sets limbs, returns how many digits stand behind the point.
char *digits_end;

long read_digits(char *p, char *end, long base)
{
    long behind = 0;
    long point = 0;
    long any = 0;
    limbs_set(0);
    while (p < end) {
        if (*p == '.' && !point) {
            point = 1;
        } else if (digit_value(*p) < base) {
            limbs_multiply(base, digit_value(*p));
            behind += point;
            any = 1;
        } else {
            break;
        }
        p++;
    }
    if (!any)
        fail("the number has no digits");
    digits_end = p;
    return behind;
}

void read_decimal(struct Real *r, char *p, char *end, struct Type *t)
{
    long exponent = -read_digits(p, end, 10);
    long twos = 0;
    long more = 0;
    if (digits_end < end) {
        if (*digits_end != 'e' && *digits_end != 'E')
            fail("invalid number");
        exponent += read_exponent(digits_end + 1, end);
    }
    if (limb_count == 0)
        return;
    // Beyond these no number of the size that is taken is finite, or not zero.
    if (exponent > 5000) {
        r->exponent = INFINITE;
        r->mantissa = (long)1 << 63;
        return;
    }
    if (exponent < -15000)
        return;
    while (exponent > 0) {
        limbs_multiply(10, 0);
        exponent--;
    }
    // Enough twos that 66 bits are left when the tens are divided out.
    while (twos < 96 - exponent * 4) {
        if (exponent == 0)
            break;
        limbs_multiply((long)1 << 24, 0);
        twos += 24;
    }
    while (exponent < 0) {
        long by = 10;
        exponent++;
        while (by < 100000000 && exponent < 0) {
            by *= 10;
            exponent++;
        }
        if (limbs_divide(by))
            more = 1;
    }
    real_from_limbs(r, -twos, more, t);
}

void read_hexadecimal(struct Real *r, char *p, char *end, struct Type *t)
{
    long exponent = -4 * read_digits(p, end, 16);
    if (digits_end == end || *digits_end != 'p' && *digits_end != 'P')
        fail("hexadecimal floating-point constant without an exponent");
    exponent += read_exponent(digits_end + 1, end);
    if (limb_count)
        real_from_limbs(r, exponent, 0, t);
}

struct Type *real_type; // of the constant that was read

void read_real(struct Real *r, struct Token *token)
{
    char *p = token->text;
    char *end = p + token->length;
    long hexadecimal = *p == '0' && (p[1] == 'x' || p[1] == 'X');
    r->negative = 0;
    r->mantissa = 0;
    r->exponent = 0;
    real_type = type_double;
    if (end[-1] == 'l' || end[-1] == 'L')
        real_type = type_ldouble;
    // f is a digit of a hexadecimal number, but not behind the exponent that it has to have.
    else if (end[-1] == 'f' || end[-1] == 'F')
        real_type = type_float;
    if (real_type != type_double)
        end--;
    if (hexadecimal)
        read_hexadecimal(r, p + 2, end, real_type);
    else
        read_decimal(r, p, end, real_type);
}

void real_from_integer(struct Real *r, long n, long is_unsigned, struct Type *t)
{
    r->negative = !is_unsigned && n < 0;
    if (r->negative)
        n = -n;
    r->mantissa = n;
    r->exponent = 0;
    if (n == 0)
        return;
    while (r->mantissa > 0) {
        r->mantissa = r->mantissa << 1;
        r->exponent--;
    }
    real_round_to(r, 0, t);
}

// Cuts off what is behind the point. What does not fit is not defined, and comes out as the processor has it.
long real_to_integer(struct Real *r)
{
    long n;
    if (r->mantissa == 0 || r->exponent < -63)
        return 0;
    if (r->exponent > 0)
        return (long)1 << 63;
    n = ushr(r->mantissa, -r->exponent);
    if (r->negative)
        return -n;
    return n;
}

// The bits of a float or double.
long real_bits(struct Real *r, struct Type *t)
{
    long bits = 53;
    long bias = 1023;
    long top = 63;
    if (t->kind == TY_FLOAT) {
        bits = 24;
        bias = 127;
        top = 31;
    }
    long result = r->negative << top;
    if (r->exponent == INFINITE)
        return result | (2 * bias + 1) << (bits - 1);
    if (r->mantissa == 0)
        return result;
    long e = r->exponent + 63 + bias;
    // A number too small for a leading one shifts to the right, and its exponent is 0.
    if (e <= 0)
        return result | ushr(r->mantissa, 64 - bits + 1 - e);
    return result | e << (bits - 1) | ushr(r->mantissa, 64 - bits) & ~((long)1 << (bits - 1));
}

// Sign and exponent of a long double: its highest 16 bits.
long real_top(struct Real *r)
{
    long top = r->negative << 15;
    if (r->exponent == INFINITE)
        return top | 0x7fff;
    if (r->mantissa == 0)
        return top;
    if (r->exponent + 63 + 16383 <= 0)
        return top;
    return top | (r->exponent + 63 + 16383);
}

// The mantissa of a long double: its lowest 64 bits.
long real_bottom(struct Real *r)
{
    if (r->exponent == INFINITE)
        return (long)1 << 63;
    if (r->mantissa && r->exponent + 63 + 16383 <= 0)
        return ushr(r->mantissa, 1 - (r->exponent + 63 + 16383));
    return r->mantissa;
}
