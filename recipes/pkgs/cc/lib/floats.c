// Floating-point numbers from text, rounded exactly: the digits are a large number, tens are multiplied in or divided
// out, and the highest 64 bits and what lies below them decide.

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "long_double.h"

enum { LIMBS = 1600, DIGITS = 4000 };

static uint32_t limbs[LIMBS];
static int limb_count;

static void multiply(uint32_t by, uint32_t plus)
{
    uint64_t carry = plus;
    for (int i = 0; i < limb_count; i++) {
        carry += (uint64_t)limbs[i] * by;
        limbs[i] = carry;
        carry >>= 32;
    }
    if (carry && limb_count < LIMBS)
        limbs[limb_count++] = carry;
}

static uint32_t divide(uint32_t by)
{
    uint64_t rest = 0;
    for (int i = limb_count - 1; i >= 0; i--) {
        rest = rest << 32 | limbs[i];
        limbs[i] = rest / by;
        rest %= by;
    }
    while (limb_count && !limbs[limb_count - 1])
        limb_count--;
    return rest;
}

static int bit(int at)
{
    return at >= 0 && limbs[at / 32] >> at % 32 & 1;
}

// A number as sign * mantissa * 2^exponent, the mantissa's highest bit set; `below` tells of what lies under it in
// halves of its last bit: 0 nothing, 1 less than half, 2 half, 3 more.
struct parsed {
    int negative;
    int infinite;
    uint64_t mantissa;
    int exponent;
    int below;
};

static void from_limbs(struct parsed *r, int exponent, int more)
{
    int length = limb_count * 32;
    while (length && !bit(length - 1))
        length--;
    r->mantissa = 0;
    for (int i = 1; i <= 64; i++)
        r->mantissa = r->mantissa << 1 | bit(length - i);
    r->exponent = exponent + length - 64;
    for (int i = 66; i <= length && !more; i++)
        more = bit(length - i);
    r->below = bit(length - 65) * 2 + more;
}

static int hex_digit(int c)
{
    return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

static const char *exponent_of(const char *p, int letter, int *exponent)
{
    const char *q = p + 1;
    int negative = *q == '-';
    int value = 0;
    if (tolower(*p) != letter)
        return p;
    if (*q == '-' || *q == '+')
        q++;
    if (!isdigit(*q))
        return p;
    for (; isdigit(*q); q++)
        if (value < 100000)
            value = value * 10 + (*q - '0');
    *exponent = negative ? -value : value;
    return q;
}

static int begins_with(const char *p, const char *word)
{
    for (; *word; word++, p++)
        if (tolower(*p) != *word)
            return 0;
    return 1;
}

static void decimal(struct parsed *r, int tens)
{
    int twos = 0;
    int more = 0;
    if (tens > 5000) {
        r->infinite = 1;
        return;
    }
    if (tens < -10000) {
        // Less than half of the least number there is.
        r->mantissa = (uint64_t)1 << 63;
        r->exponent = -30000;
        return;
    }
    for (; tens > 0; tens--)
        multiply(10, 0);
    if (tens < 0)
        for (; twos < 96 - tens * 4; twos += 24)
            multiply(1 << 24, 0);
    while (tens < 0) {
        uint32_t by = 1;
        for (; by < 100000000 && tens < 0; tens++)
            by *= 10;
        if (divide(by))
            more = 1;
    }
    from_limbs(r, -twos, more);
}

static const char *parse(const char *s, struct parsed *r)
{
    const char *p = s;
    int behind = 0;
    int point = 0;
    int any = 0;
    int used = 0;
    int dropped = 0;
    int lost = 0;
    int exponent = 0;
    memset(r, 0, sizeof *r);
    while (isspace(*p))
        p++;
    r->negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    if (begins_with(p, "inf")) {
        r->infinite = 1;
        return p + (begins_with(p, "infinity") ? 8 : 3);
    }
    int base = p[0] == '0' && tolower(p[1]) == 'x' && (isxdigit(p[2]) || p[2] == '.' && isxdigit(p[3])) ? 16 : 10;
    if (base == 16)
        p += 2;
    limb_count = 0;
    for (;; p++) {
        if (*p == '.' && !point) {
            point = 1;
            continue;
        }
        if (!(base == 16 ? isxdigit(*p) : isdigit(*p)))
            break;
        any = 1;
        // Digits beyond those that can be kept only matter by not being 0.
        if (used < DIGITS) {
            multiply(base, hex_digit(*p));
            used += limb_count > 0;
            behind += point;
        } else {
            lost |= *p != '0';
            dropped += !point;
        }
    }
    if (!any) {
        r->negative = 0;
        return s;
    }
    p = exponent_of(p, base == 16 ? 'p' : 'e', &exponent);
    if (limb_count == 0)
        return p;
    if (lost) {
        // One more digit stands for all of them.
        multiply(base, 1);
        behind++;
    }
    if (base == 16)
        from_limbs(r, exponent - 4 * behind + 4 * dropped, 0);
    else
        decimal(r, exponent - behind + dropped);
    return p;
}

// Rounds to `bits` bits and no bit lighter than 2^lowest. The value is then mantissa * 2^exponent, exactly.
static void round_to(struct parsed *r, int bits, int lowest)
{
    int drop = 64 - bits;
    if (r->exponent + drop < lowest)
        drop = lowest - r->exponent;
    if (drop > 65) {
        r->mantissa = 0;
        return;
    }
    for (int i = 0; i < drop; i++) {
        r->below = (int)(r->mantissa & 1) * 2 | (r->below != 0);
        r->mantissa >>= 1;
    }
    r->exponent += drop;
    if (r->below == 3 || r->below == 2 && r->mantissa & 1)
        if (++r->mantissa == 0) {
            r->mantissa = (uint64_t)1 << 63;
            r->exponent++;
        }
}

static long double value_of(struct parsed *r, int bits, int lowest, int highest)
{
    union long_double u;
    memset(&u, 0, sizeof u);
    if (!r->infinite && r->mantissa) {
        round_to(r, bits, lowest);
        if (r->mantissa == 0)
            errno = ERANGE;
    }
    int top = 63;
    while (r->mantissa && !(r->mantissa >> 63)) {
        // A number of the lowest exponent may lack its highest bit.
        if (r->exponent <= -16445)
            break;
        r->mantissa <<= 1;
        r->exponent--;
    }
    if (r->infinite || r->mantissa && r->exponent + top > highest) {
        u.parts.mantissa = (uint64_t)1 << 63;
        u.parts.top = 0x7fff;
        errno = ERANGE;
    } else if (r->mantissa) {
        u.parts.mantissa = r->mantissa;
        u.parts.top = r->mantissa >> 63 ? r->exponent + 63 + 16383 : 0;
    }
    u.parts.top |= r->negative << 15;
    return u.value;
}

long double strtold(const char *s, char **end)
{
    struct parsed r;
    const char *p = parse(s, &r);
    if (end)
        *end = (char *)p;
    return value_of(&r, 64, -16445, 16383);
}

double strtod(const char *s, char **end)
{
    struct parsed r;
    const char *p = parse(s, &r);
    if (end)
        *end = (char *)p;
    return value_of(&r, 53, -1074, 1023);
}

float strtof(const char *s, char **end)
{
    struct parsed r;
    const char *p = parse(s, &r);
    if (end)
        *end = (char *)p;
    return value_of(&r, 24, -149, 127);
}

// Exact but for one rounding, which only happens where the result is too small for all bits: the factor is applied in
// the wider type and the conversion rounds.
long double ldexpl(long double x, int exponent)
{
    for (; exponent > 0 && exponent < 40000; exponent--)
        x *= 2;
    for (; exponent < 0 && exponent > -40000; exponent++)
        x /= 2;
    return x;
}

double ldexp(double x, int exponent)
{
    return ldexpl(x, exponent);
}

// 0 - x, so that -0.0 becomes 0.0, too.
double fabs(double x)
{
    return x > 0 ? x : 0 - x;
}

float fabsf(float x)
{
    return x > 0 ? x : 0 - x;
}

long double fabsl(long double x)
{
    return x > 0 ? x : 0 - x;
}
