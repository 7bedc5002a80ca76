// Arithmetic on floating-point constants: each result is rounded once, to its type. Results that are not finite
// are left to the running program.

// The product of two mantissas, as a large number.
void limbs_product(long a, long b)
{
    long i;
    long j;
    long parts[4];
    parts[0] = a & 0xffffffff;
    parts[1] = ushr(a, 32);
    parts[2] = b & 0xffffffff;
    parts[3] = ushr(b, 32);
    for (i = 0; i < 4; i++)
        limbs[i] = 0;
    for (i = 0; i < 2; i++) {
        long carry = 0;
        for (j = 0; j < 2; j++) {
            // At most (2^32 - 1)^2 + 2 * (2^32 - 1): it fits.
            long sum = parts[i] * parts[2 + j] + limbs[i + j] + carry;
            limbs[i + j] = sum & 0xffffffff;
            carry = ushr(sum, 32);
        }
        limbs[i + 2] = carry;
    }
    limb_count = 4;
}

// Adds mantissa * 2^shift, or takes it away, where the result is not below 0.
void limbs_add(long mantissa, long shift, long negative)
{
    long i;
    long carry = 0;
    while (limb_count < shift / 32 + 4) {
        limbs[limb_count] = 0;
        limb_count++;
    }
    for (i = 0; i < limb_count; i++) {
        // The 32 bits of mantissa * 2^shift that belong to this limb.
        long from = i * 32 - shift;
        long part = 0;
        if (from >= 0 && from < 64)
            part = ushr(mantissa, from) & 0xffffffff;
        else if (from < 0 && from > -32)
            part = mantissa << -from & 0xffffffff;
        if (negative)
            part = -part;
        long sum = limbs[i] + part + carry;
        limbs[i] = sum & 0xffffffff;
        carry = sum >> 32;
    }
}

struct Real *real_product(struct Real *a, struct Real *b, struct Type *t)
{
    struct Real *r = alloc(sizeof(struct Real));
    limbs_product(a->mantissa, b->mantissa);
    real_from_limbs(r, a->exponent + b->exponent, 0, t);
    r->negative = a->negative ^ b->negative;
    return r;
}

// 130 bits of the quotient, and whether there is more.
struct Real *real_quotient(struct Real *a, struct Real *b, struct Type *t)
{
    struct Real *r = alloc(sizeof(struct Real));
    long rest = a->mantissa;
    long i;
    long carry = 0;
    limbs_set(0);
    for (i = 0; i < 130; i++) {
        long bit = carry || !ult(rest, b->mantissa);
        if (bit)
            rest -= b->mantissa;
        limbs_multiply(2, bit);
        carry = ushr(rest, 63);
        rest = rest << 1;
    }
    real_from_limbs(r, a->exponent - b->exponent - 129, rest != 0 || carry, t);
    r->negative = a->negative ^ b->negative;
    return r;
}

struct Real *real_sum(struct Real *a, struct Real *b, struct Type *t)
{
    struct Real *r = alloc(sizeof(struct Real));
    if (a->exponent < b->exponent || a->exponent == b->exponent && ult(a->mantissa, b->mantissa)) {
        struct Real *other = a;
        a = b;
        b = other;
    }
    // Now a is the larger. b is far below it or within 140 bits; far below it is only a bit that is not 0.
    long apart = a->exponent - b->exponent;
    long mantissa = b->mantissa;
    if (apart > 140) {
        apart = 140;
        mantissa = 1;
    }
    limbs_set(0);
    limbs_add(a->mantissa, apart, 0);
    limbs_add(mantissa, 0, a->negative != b->negative);
    real_from_limbs(r, a->exponent - apart, 0, t);
    r->negative = a->negative && r->mantissa;
    return r;
}

struct Real *real_calculate(long op, struct Real *a, struct Real *b, struct Type *t)
{
    if (a->exponent == INFINITE || b->exponent == INFINITE || !a->mantissa || !b->mantissa)
        return 0;
    if (op == N_MULTIPLY)
        return real_product(a, b, t);
    if (op == N_DIVIDE)
        return real_quotient(a, b, t);
    if (op == N_ADD)
        return real_sum(a, b, t);
    struct Real *minus_b = copy_real(b);
    minus_b->negative = !b->negative;
    return real_sum(a, minus_b, t);
}
