// printf and its kin, and as much of sscanf as there is use for.

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "long_double.h"

int __format_float(char *to, long double x, int letter, int precision, int alternate);

// A long double has up to 4933 digits before the point; behind it no more than these are written.
enum { MOST_PRECISION = 5000, FLOAT_ROOM = 12000 };

// Where the text goes: into a file, or into a buffer that may be too small for it.
struct sink {
    FILE *file;
    char *to;
    size_t room;
    size_t count;
    int failed;
};

static void put_bytes(struct sink *s, const char *p, size_t n)
{
    if (s->file) {
        if (n && fwrite(p, 1, n, s->file) != n)
            s->failed = 1;
    } else {
        for (size_t i = 0; i < n && s->count + i + 1 < s->room; i++)
            s->to[s->count + i] = p[i];
    }
    s->count += n;
}

static void put_many(struct sink *s, char c, long n)
{
    for (; n > 0; n--)
        put_bytes(s, &c, 1);
}

struct spec {
    int minus;
    int plus;
    int space;
    int alternate;
    int zero;
    long width;
    long precision; // -1: none
};

// What is written is prefix and digits, filled up to the width.
static void put_field(struct sink *s, struct spec *f, const char *prefix, const char *digits, size_t n, long zeroes)
{
    long length = strlen(prefix) + zeroes + n;
    if (!f->minus && !f->zero)
        put_many(s, ' ', f->width - length);
    put_bytes(s, prefix, strlen(prefix));
    if (!f->minus && f->zero)
        put_many(s, '0', f->width - length);
    put_many(s, '0', zeroes);
    put_bytes(s, digits, n);
    if (f->minus)
        put_many(s, ' ', f->width - length);
}

static const char *sign_of(struct spec *f, int negative)
{
    return negative ? "-" : f->plus ? "+" : f->space ? " " : "";
}

static void put_integer(struct sink *s, struct spec *f, unsigned long n, int negative, int letter)
{
    char digits[32];
    char *p = digits + sizeof digits;
    const char *all = letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned base = letter == 'o' ? 8 : letter == 'x' || letter == 'X' || letter == 'p' ? 16 : 10;
    const char *prefix = "";
    unsigned long rest = n;
    for (; rest; rest /= base)
        *--p = all[rest % base];
    long length = digits + sizeof digits - p;
    if (letter == 'd')
        prefix = sign_of(f, negative);
    else if (letter == 'p' || f->alternate && n && base == 16)
        prefix = letter == 'X' ? "0X" : "0x";
    if (f->precision >= 0)
        f->zero = 0;
    long wanted = f->precision < 0 ? 1 : f->precision;
    if (letter == 'o' && f->alternate && length >= wanted)
        wanted = length + 1;
    put_field(s, f, prefix, p, length, wanted > length ? wanted - length : 0);
}

static void put_float(struct sink *s, struct spec *f, long double x, int letter)
{
    char digits[FLOAT_ROOM];
    union long_double u;
    u.value = x;
    int negative = u.parts.top >> 15;
    if ((u.parts.top & 0x7fff) == 0x7fff) {
        const char *word = u.parts.mantissa << 1 ? "nan" : "inf";
        if (isupper(letter))
            word = *word == 'n' ? "NAN" : "INF";
        f->zero = 0;
        put_field(s, f, sign_of(f, negative), word, 3, 0);
        return;
    }
    if (f->precision > MOST_PRECISION)
        f->precision = MOST_PRECISION;
    int n = __format_float(digits, negative ? -x : x, letter, f->precision, f->alternate);
    put_field(s, f, sign_of(f, negative), digits, n, 0);
}

static int format(struct sink *s, const char *p, va_list arguments)
{
    while (*p) {
        size_t plain = strcspn(p, "%");
        put_bytes(s, p, plain);
        p += plain;
        if (!*p)
            break;
        struct spec f = { .precision = -1 };
        for (;;) {
            p++;
            if (*p == '-')
                f.minus = 1;
            else if (*p == '+')
                f.plus = 1;
            else if (*p == ' ')
                f.space = 1;
            else if (*p == '#')
                f.alternate = 1;
            else if (*p == '0')
                f.zero = 1;
            else
                break;
        }
        if (*p == '*') {
            f.width = va_arg(arguments, int);
            p++;
            if (f.width < 0) {
                f.minus = 1;
                f.width = -f.width;
            }
        } else {
            f.width = strtoul(p, (char **)&p, 10);
        }
        if (*p == '.') {
            p++;
            if (*p == '*') {
                f.precision = va_arg(arguments, int);
                p++;
            } else {
                f.precision = isdigit(*p) ? strtoul(p, (char **)&p, 10) : 0;
            }
        }
        int length = 0; // -2 hh, -1 h, 1 l, 2 ll and the like, 3 L
        for (;; p++) {
            if (*p == 'h')
                length--;
            else if (*p == 'l')
                length++;
            else if (*p == 'z' || *p == 't' || *p == 'j')
                length = 1;
            else if (*p == 'L')
                length = 3;
            else
                break;
        }
        char c = *p++;
        switch (c) {
        case 'd': case 'i': {
            long n = length > 0 ? va_arg(arguments, long) : va_arg(arguments, int);
            if (length == -1)
                n = (short)n;
            if (length == -2)
                n = (signed char)n;
            put_integer(s, &f, n < 0 ? -(unsigned long)n : n, n < 0, 'd');
            break;
        }
        case 'u': case 'x': case 'X': case 'o': {
            unsigned long n = length > 0 ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned int);
            if (length == -1)
                n = (unsigned short)n;
            if (length == -2)
                n = (unsigned char)n;
            put_integer(s, &f, n, 0, c);
            break;
        }
        case 'p':
            put_integer(s, &f, (unsigned long)va_arg(arguments, void *), 0, 'p');
            break;
        case 'c': {
            char byte = va_arg(arguments, int);
            f.zero = 0;
            put_field(s, &f, "", &byte, 1, 0);
            break;
        }
        case 's': {
            const char *text = va_arg(arguments, const char *);
            size_t n = 0;
            if (!text)
                text = "(null)";
            while ((f.precision < 0 || n < f.precision) && text[n])
                n++;
            f.zero = 0;
            put_field(s, &f, "", text, n, 0);
            break;
        }
        case 'e': case 'E': case 'f': case 'F': case 'g': case 'G':
            put_float(s, &f, length == 3 ? va_arg(arguments, long double) : va_arg(arguments, double), c);
            break;
        case '%':
            put_bytes(s, "%", 1);
            break;
        default:
            fputs("printf: a format that is not known\n", stderr);
            abort();
        }
    }
    return s->failed ? -1 : s->count;
}

int vfprintf(FILE *f, const char *text, va_list arguments)
{
    struct sink s = { .file = f };
    return format(&s, text, arguments);
}

int vsnprintf(char *to, size_t n, const char *text, va_list arguments)
{
    struct sink s = { .to = to, .room = n };
    int count = format(&s, text, arguments);
    if (n)
        to[count < n ? count : n - 1] = 0;
    return count;
}

int vprintf(const char *text, va_list arguments)
{
    return vfprintf(stdout, text, arguments);
}

int vsprintf(char *to, const char *text, va_list arguments)
{
    return vsnprintf(to, LONG_MAX, text, arguments);
}

int printf(const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    return vfprintf(stdout, text, arguments);
}

int fprintf(FILE *f, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    return vfprintf(f, text, arguments);
}

int sprintf(char *to, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    return vsnprintf(to, LONG_MAX, text, arguments);
}

int snprintf(char *to, size_t n, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    return vsnprintf(to, n, text, arguments);
}

// Knows %d and plain characters; anything else in the format ends the program.
int sscanf(const char *s, const char *p, ...)
{
    va_list arguments;
    int count = 0;
    va_start(arguments, p);
    for (; *p; p++) {
        if (*p == '%') {
            char *end;
            p++;
            if (*p != 'd') {
                fputs("sscanf: a format that is not known\n", stderr);
                abort();
            }
            long n = strtol(s, &end, 10);
            if (end == s)
                return count;
            *va_arg(arguments, int *) = n;
            count++;
            s = end;
        } else if (isspace(*p)) {
            while (isspace(*s))
                s++;
        } else if (*s++ != *p) {
            return count;
        }
    }
    return count;
}
