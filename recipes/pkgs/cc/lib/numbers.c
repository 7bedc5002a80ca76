// Integers from text, sorting, and other small things of stdlib.h.

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int digit(int c)
{
    if (isdigit(c))
        return c - '0';
    if (isalpha(c))
        return tolower(c) - 'a' + 10;
    return 99;
}

// The digits' value, ULONG_MAX if it is too large; the sign is put into *negative.
static unsigned long parse(const char *s, char **end, int base, int *negative, int *overflow)
{
    const char *p = s;
    unsigned long value = 0;
    int any = 0;
    *overflow = 0;
    while (isspace(*p))
        p++;
    *negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    if ((base == 0 || base == 16) && p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && digit(p[2]) < 16) {
        p += 2;
        base = 16;
    } else if (base == 0) {
        base = *p == '0' ? 8 : 10;
    }
    for (; digit(*p) < base; p++) {
        any = 1;
        if (value > (ULONG_MAX - digit(*p)) / base)
            *overflow = 1;
        value = value * base + digit(*p);
    }
    if (end)
        *end = (char *)(any ? p : s);
    if (*overflow) {
        errno = ERANGE;
        return ULONG_MAX;
    }
    return value;
}

unsigned long strtoul(const char *s, char **end, int base)
{
    int negative;
    int overflow;
    unsigned long value = parse(s, end, base, &negative, &overflow);
    return negative && !overflow ? -value : value;
}

long strtol(const char *s, char **end, int base)
{
    int negative;
    int overflow;
    unsigned long value = parse(s, end, base, &negative, &overflow);
    if (overflow || value > (unsigned long)LONG_MAX + negative) {
        errno = ERANGE;
        return negative ? LONG_MIN : LONG_MAX;
    }
    return negative ? -value : value;
}

unsigned long long strtoull(const char *s, char **end, int base)
{
    return strtoul(s, end, base);
}

long long strtoll(const char *s, char **end, int base)
{
    return strtol(s, end, base);
}

int atoi(const char *s)
{
    return strtol(s, NULL, 10);
}

long atol(const char *s)
{
    return strtol(s, NULL, 10);
}

double atof(const char *s)
{
    return strtod(s, NULL);
}

int abs(int n)
{
    return n < 0 ? -n : n;
}

long labs(long n)
{
    return n < 0 ? -n : n;
}

static void merge_sort(char *a, char *spare, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    if (n < 2)
        return;
    size_t half = n / 2;
    char *left = a;
    char *right = a + half * size;
    char *left_end = right;
    char *end = a + n * size;
    char *to = spare;
    merge_sort(left, spare, half, size, compare);
    merge_sort(right, spare, n - half, size, compare);
    while (left < left_end || right < end) {
        char **from = right == end || left < left_end && compare(left, right) <= 0 ? &left : &right;
        memcpy(to, *from, size);
        to += size;
        *from += size;
    }
    memcpy(a, spare, n * size);
}

// What is equal keeps its order, so that the result depends on nothing but what is sorted.
void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    char *spare = malloc(n * size);
    if (!spare) {
        fputs("qsort: no more memory\n", stderr);
        abort();
    }
    merge_sort(base, spare, n, size, compare);
    free(spare);
}

void *bsearch(const void *key, const void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    const char *from = base;
    while (n) {
        const char *middle = from + n / 2 * size;
        int order = compare(key, middle);
        if (order == 0)
            return (void *)middle;
        if (order > 0) {
            from = middle + size;
            n -= n / 2 + 1;
        } else {
            n /= 2;
        }
    }
    return NULL;
}

void __assert_fail(const char *what, const char *file, int line, const char *function)
{
    fprintf(stderr, "%s:%d: %s: not so: %s\n", file, line, function, what);
    abort();
}
