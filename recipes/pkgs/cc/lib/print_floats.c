// The digits of a floating-point number, all of them exact: it is a large number in units of 10^-DECIMALS.

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "long_double.h"

// A long double has up to 4933 digits before the point and up to 16445 behind it, nine to an element.
enum { BILLION = 1000000000, BEFORE = 550, BEHIND = 1830, ALL = BEFORE + BEHIND };

// limbs[BEHIND] are the units; an element further to the end weighs a billion times as much.
static uint32_t limbs[ALL];
static char digits[ALL * 9];

static void double_it(void)
{
    uint32_t carry = 0;
    for (int i = 0; i < ALL; i++) {
        uint32_t n = limbs[i] * 2 + carry;
        carry = n >= BILLION;
        limbs[i] = carry ? n - BILLION : n;
    }
}

static void times(uint32_t by)
{
    uint64_t carry = 0;
    for (int i = 0; i < ALL; i++) {
        carry += (uint64_t)limbs[i] * by;
        limbs[i] = carry % BILLION;
        carry /= BILLION;
    }
}

static void halve(int shift)
{
    uint64_t rest = 0;
    for (int i = ALL - 1; i >= 0; i--) {
        rest = rest * BILLION + limbs[i];
        limbs[i] = rest >> shift;
        rest &= ((uint64_t)1 << shift) - 1;
    }
}

// Fills `digits` with x, and returns where the first that is not 0 is, or ALL * 9.
static int expand(long double x)
{
    union long_double u;
    u.value = x;
    int exponent = u.parts.top - 16383 - 63;
    if (u.parts.top == 0)
        exponent++;
    memset(limbs, 0, sizeof limbs);
    limbs[BEHIND] = u.parts.mantissa % BILLION;
    limbs[BEHIND + 1] = u.parts.mantissa / BILLION % BILLION;
    limbs[BEHIND + 2] = u.parts.mantissa / BILLION / BILLION;
    for (; exponent >= 29; exponent -= 29)
        times(1 << 29);
    for (; exponent > 0; exponent--)
        double_it();
    for (; exponent <= -29; exponent += 29)
        halve(29);
    if (exponent < 0)
        halve(-exponent);
    int first = ALL * 9;
    for (int i = 0; i < ALL; i++) {
        uint32_t n = limbs[ALL - 1 - i];
        for (int k = 8; k >= 0; k--) {
            digits[i * 9 + k] = n % 10;
            n /= 10;
        }
    }
    for (int i = ALL * 9 - 1; i >= 0; i--)
        if (digits[i])
            first = i;
    return first;
}

enum { UNITS = BEFORE * 9 - 1 }; // the digit before the point

// Rounds to nearest and to even, so that nothing but zeroes is left behind the digit at `last`.
static void round_at(int last)
{
    if (last + 1 >= ALL * 9)
        return;
    int up = last < -1 ? 0 : digits[last + 1] > 5;
    if (last >= -1 && digits[last + 1] == 5) {
        up = last >= 0 && digits[last] % 2;
        for (int i = last + 2; i < ALL * 9; i++)
            up |= digits[i] != 0;
    }
    for (int i = last + 1 < 0 ? 0 : last + 1; i < ALL * 9; i++)
        digits[i] = 0;
    for (int i = last; up && i >= 0; i--) {
        up = digits[i] == 9;
        digits[i] = up ? 0 : digits[i] + 1;
    }
}

static char *put_digits(char *to, int from, int n)
{
    for (int i = 0; i < n; i++)
        *to++ = '0' + (from + i < ALL * 9 ? digits[from + i] : 0);
    return to;
}

static char *fixed(char *to, int precision, int alternate)
{
    int first = 0;
    while (first < UNITS && !digits[first])
        first++;
    to = put_digits(to, first, UNITS - first + 1);
    if (precision || alternate)
        *to++ = '.';
    return put_digits(to, UNITS + 1, precision);
}

static char *scientific(char *to, int letter, int first, int precision, int alternate)
{
    int exponent = first == ALL * 9 ? 0 : UNITS - first;
    to = put_digits(to, first, 1);
    if (precision || alternate)
        *to++ = '.';
    to = put_digits(to, first + 1, precision);
    *to++ = letter;
    *to++ = exponent < 0 ? '-' : '+';
    if (exponent < 0)
        exponent = -exponent;
    for (int weight = exponent >= 1000 ? 1000 : exponent >= 100 ? 100 : 10; weight; weight /= 10)
        *to++ = '0' + exponent / weight % 10;
    return to;
}

static int first_digit(void)
{
    int first = 0;
    while (first < ALL * 9 && !digits[first])
        first++;
    return first;
}

// Writes x, which is finite and not negative, as printf's letter says; returns how many bytes that are.
int __format_float(char *to, long double x, int letter, int precision, int alternate)
{
    char *end;
    int kind = tolower(letter);
    int e = isupper(letter) ? 'E' : 'e';
    int first = expand(x);
    if (precision < 0)
        precision = 6;
    if (kind == 'f') {
        round_at(UNITS + precision);
        return fixed(to, precision, alternate) - to;
    }
    if (kind == 'e') {
        round_at(first + precision);
        return scientific(to, e, first_digit(), precision, alternate) - to;
    }
    if (precision == 0)
        precision = 1;
    round_at(first + precision - 1);
    first = first_digit();
    int exponent = first == ALL * 9 ? 0 : UNITS - first;
    if (exponent >= -4 && exponent < precision)
        end = fixed(to, precision - 1 - exponent, alternate);
    else
        end = scientific(to, e, first, precision - 1, alternate);
    if (!alternate && precision > 1) {
        // Zeroes at the end of what is behind the point go, and the point with the last of them.
        char *tail = end;
        char *mark = to;
        while (mark < end && *mark != e)
            mark++;
        char *last = mark;
        int point = 0;
        for (char *p = to; p < mark; p++)
            point |= *p == '.';
        while (point && last[-1] == '0')
            last--;
        if (point && last[-1] == '.')
            last--;
        memmove(last, mark, tail - mark);
        end -= mark - last;
    }
    return end - to;
}
