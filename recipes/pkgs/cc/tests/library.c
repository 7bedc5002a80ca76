// The library against another: formats, numbers from text, strings, files.
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void bits(const char *s)
{
    char *end;
    double d = strtod(s, &end);
    float f = strtof(s, NULL);
    long double l = strtold(s, NULL);
    uint64_t db, lb[2] = { 0, 0 };
    uint32_t fb;
    memcpy(&db, &d, 8);
    memcpy(&fb, &f, 4);
    memcpy(lb, &l, 10);
    printf("%s: %08x %016lx %04lx%016lx %ld\n", s, fb, db, lb[1], lb[0], (long)(end - s));
}

static void integers(const char *s, int base)
{
    char *end;
    printf("%s: %ld ", s, strtol(s, &end, base));
    printf("%lu %ld %llu %lld\n", strtoul(s, NULL, base), (long)(end - s), strtoull(s, NULL, base), strtoll(s, NULL, base));
}

int main(void)
{
    printf("[%d] [%5d] [%-5d] [%05d] [%+d] [% d] [%.3d] [%5.3d] [%-+6d] [%.0d] [%i]\n", 1, -2, 3, -4, 5, 6, 7, 8, 9, 0, 10);
    printf("[%u] [%x] [%X] [%#x] [%#X] [%o] [%#o] [%08x] [%#08x] [%.4x] [%#x]\n", -1, 255, 255, 255, 255, 8, 8, 255, 255, 10, 0);
    printf("[%ld] [%lu] [%llx] [%hd] [%hhd] [%hu] [%hhu] [%zu] [%jd] [%td]\n", -1l, -1l, -1ll, 70000, 300, 70000, 300, (size_t)5, (intmax_t)6, (ptrdiff_t)7);
    printf("[%c] [%3c] [%-3c] [%s] [%5s] [%-5s] [%.2s] [%5.1s] [%%] [%*d] [%-*d] [%.*s]\n", 'a', 'b', 'c', "s", "t", "u", "vwx", "yz", 4, 1, 4, 2, 2, "xyz");
    printf("[%p] [%10p] [%s]\n", (void *)0x1234, (void *)0xabc, "end");
    double numbers[] = { 0, 1, -1, 0.5, 1.5, 2.5, 123456789, 0.1, 1e10, 1e-10, 1e15, 123456.5, 999999.5, 9999995, 1e100, 1.7976931348623157e308,
        5e-324, 3.14159265358979, 0.00012345, 0.000012345, 100000, 1000000, -0.0, 1e-5, 9.5, 99.95, 0.045 };
    for (int i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double d = numbers[i];
        printf("[%f] [%e] [%g] [%.0f] [%.0e] [%.0g] [%.3f] [%.10g] [%15.2e] [%-12.4g] [%+g] [%012f] [%G] [%.20g] [%.1f]\n", d, d, d, d, d, d, d, d,
            d, d, d, d, d, d, d);
    }
    printf("[%#g] [%#.3g] [%#.0f] [%#.0e] [%#g] [%#x] [%#o]\n", 1.0, 100.0, 5.0, 5.0, 1e-10, 0, 0);
    printf("[%Lf] [%Le] [%Lg] [%.25Lg] [%Lg]\n", 1.1L, 1e4000L, 3e-4000L, 0.1L, 3.6e-4951L);
    double zero = 0; printf("[%f] [%F] [%5g] [%-6e]\n", 1 / zero, -1 / zero, 1 / zero, -1 / zero);
    char small[6]; int n = snprintf(small, sizeof small, "%s", "too long"); printf("%d %s %d\n", n, small, snprintf(NULL, 0, "%d", 12345));
    const char *reals[] = { "0", "1", "-1.5", "  +2.5e3x", "1e", "1e+", ".5", "5.", ".", "-", "", "0x1.8p3", "0x.8p-2", "0x1p", "0xg", "inf", "-INFINITY", "1e400",
        "1e-400", "9007199254740993", "9007199254740992.99999999999", "2.2250738585072011e-308", "4.9e-324", "2.4703282292062327e-324", "1.17549429e-38",
        "16777217", "0.1", "1.18973149535723176502e4932", "3.6e-4951", "1e-4951", "0x1.fffffffffffff8p0", "0x1.fffffffffffffffp0", "123456789012345678901234567890",
        "0.000000000000000000000000000000000000000000000000000000000000000001e66", "1e5000", "1e-20000", "00012.50", "1.5e0005" };
    for (int i = 0; i < sizeof reals / sizeof *reals; i++)
        bits(reals[i]);
    const char *ints[] = { "0", "12", "-12", "+7", "  42x", "0x1f", "0X", "017", "09", "z", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "-9223372036854775809", "18446744073709551615", "18446744073709551616", "-18446744073709551616", "" };
    for (int i = 0; i < sizeof ints / sizeof *ints; i++) { integers(ints[i], 0); integers(ints[i], 10); integers(ints[i], 16); integers(ints[i], 36); }
    errno = 0; strtol("99999999999999999999", NULL, 10); printf("%d %d %ld %g\n", errno == ERANGE, atoi("-5"), atol("6"), atof("7.5"));
    char t[40] = "abc"; strcat(t, "def"); strncat(t, "ghijk", 2); printf("%s %ld %s %s %s\n", t, (long)strlen(t), strchr(t, 'd'), strrchr("a/b/c", '/'), strstr(t, "fg"));
    printf("%d %d %d %d %d\n", strcmp("a", "b") < 0, strcmp("b", "a") > 0, strcmp("a", "a"), strncmp("abc", "abd", 2), memcmp("a\0b", "a\0c", 3) < 0);
    memmove(t + 2, t, 6); printf("%s ", t); memmove(t, t + 2, 6); printf("%s ", t); memset(t, 'x', 3); printf("%s %d %d\n", t, strchr(t, 'q') == NULL, (int)strspn("aab", "a"));
    strncpy(t, "12", 5); printf("%s %d %s %ld\n", t, t[4], strpbrk("hello", "ol"), (long)strcspn("hello", "l")); printf("%d\n", (char *)memchr("abc", 'c', 3) != NULL);
    int classes = 0; for (int c = 0; c < 128; c++) classes = classes * 31 + (!!isalpha(c) | !!isdigit(c) << 1 | !!isspace(c) << 2 | !!isupper(c) << 3 | !!ispunct(c) << 4 |
        !!isprint(c) << 5 | !!iscntrl(c) << 6 | !!isxdigit(c) << 7 | !!isalnum(c) << 8 | !!isgraph(c) << 9) + toupper(c) + tolower(c) * 3; printf("%d\n", classes);
    char *m = malloc(100), *k = calloc(10, 10); strcpy(m, "kept"); m = realloc(m, 100000); int nonzero = 0; for (int i = 0; i < 100; i++) nonzero += k[i]; printf("%s %d\n", m, nonzero);
    m = realloc(m, 5000000); m = realloc(m, 10); printf("%s\n", m); free(m); free(k); free(NULL);
    for (int i = 0; i < 2000; i++) { char *p = malloc(i * 7); memset(p, i, i * 7); if (i % 3) free(p); }
    printf("%g %g %Lg\n", ldexp(0.75, 10), ldexp(1, -1074), ldexpl(1.5L, 100)); int a, b, c = 0; printf("%d ", sscanf("0.9.27", "%d.%d.%d", &a, &b, &c)); printf("%d %d %d\n", a, b, c);
    FILE *f = fopen("library.tmp", "w"); for (int i = 0; i < 3000; i++) fprintf(f, "line %d\n", i); printf("%ld\n", ftell(f)); fclose(f);
    f = fopen("library.tmp", "r"); char line[50]; long total = 0; while (fgets(line, sizeof line, f)) total += strlen(line); printf("%ld %d\n", total, feof(f) != 0);
    fseek(f, 10, SEEK_SET); printf("%c %ld ", fgetc(f), ftell(f)); fseek(f, -5, SEEK_END); printf("%d %s\n", (int)fread(line, 1, 49, f), "read"); fclose(f); printf("%d\n", remove("library.tmp"));
    printf("%d %d\n", fopen("library.tmp", "r") == NULL, errno == ENOENT); puts("end"); putchar('.'); fputs("..\n", stdout); fputc('\n', stderr);
    printf("%d\n", getenv("NO SUCH NAME") == NULL);
    exit(3);
}
