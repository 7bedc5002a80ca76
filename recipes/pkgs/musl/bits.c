// bits alltypes OUT IN...: bits/alltypes.h of musl, out of its alltypes.h.in files
// bits syscall OUT IN: bits/syscall.h of musl, out of its syscall.h.in
//
// musl's makefile has sed do this. The rules are those of tools/mkalltypes.sed: each TYPEDEF, STRUCT or UNION line becomes a
// declaration that is only there where a header needs it; and each __NR_name gets a SYS_name beside it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINE = 4096 };

static char line[MOST_LINE];

static FILE *open_or_give_up(const char *path, const char *mode)
{
    FILE *f = fopen(path, mode);
    if (!f) {
        fprintf(stderr, "bits: cannot open %s\n", path);
        exit(1);
    }
    return f;
}

// The next line without its end, or 0.
static int next_line(FILE *in, const char *path)
{
    if (!fgets(line, sizeof line, in))
        return 0;
    size_t n = strlen(line);
    if (n == 0 || line[n - 1] != '\n') {
        fprintf(stderr, "bits: %s has a line that is too long or has no end\n", path);
        exit(1);
    }
    line[n - 1] = 0;
    return 1;
}

// `kind` is "" for a typedef, else "struct " or "union ": what is declared is kind, name and body, and the macros' names
// have it with an underscore.
static void guarded(FILE *out, const char *kind, const char *name, const char *body)
{
    char mark[MOST_LINE];
    const char *prefix = *kind == 's' ? "struct_" : *kind == 'u' ? "union_" : "";
    snprintf(mark, sizeof mark, "%s%s", prefix, name);
    fprintf(out, "#if defined(__NEED_%s) && !defined(__DEFINED_%s)\n", mark, mark);
    if (*kind)
        fprintf(out, "%s%s %s;\n", kind, name, body);
    else
        fprintf(out, "typedef %s %s;\n", body, name);
    fprintf(out, "#define __DEFINED_%s\n#endif\n\n", mark);
}

static void wrong(const char *path)
{
    fprintf(stderr, "bits: %s has a line that is not understood: %s\n", path, line);
    exit(1);
}

// Cuts the `;` off that ends the line.
static void cut_end(const char *path)
{
    size_t n = strlen(line);
    if (n == 0 || line[n - 1] != ';')
        wrong(path);
    line[n - 1] = 0;
}

static void type_line(FILE *out, const char *path)
{
    char *rest;
    if (strncmp(line, "TYPEDEF ", 8) == 0) {
        cut_end(path);
        // The name is behind the last blank.
        rest = strrchr(line, ' ');
        if (rest < line + 8)
            wrong(path);
        *rest = 0;
        guarded(out, "", rest + 1, line + 8);
    } else if (strncmp(line, "STRUCT ", 7) == 0 || strncmp(line, "UNION ", 6) == 0) {
        const char *kind = *line == 'S' ? "struct " : "union ";
        char *name = strchr(line, ' ') + 1;
        cut_end(path);
        rest = strchr(name, ' ');
        if (!rest)
            wrong(path);
        *rest = 0;
        guarded(out, kind, name, rest + 1);
    } else {
        fprintf(out, "%s\n", line);
    }
}

static void copy_lines(FILE *out, const char *path, int renamed)
{
    FILE *in = open_or_give_up(path, "r");
    while (next_line(in, path)) {
        char *name = strstr(line, "__NR_");
        if (!renamed)
            fprintf(out, "%s\n", line);
        else if (name)
            fprintf(out, "%.*sSYS_%s\n", (int)(name - line), line, name + 5);
    }
    fclose(in);
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "alltypes") == 0) {
        FILE *out = open_or_give_up(argv[2], "w");
        for (int i = 3; i < argc; i++) {
            FILE *in = open_or_give_up(argv[i], "r");
            while (next_line(in, argv[i]))
                type_line(out, argv[i]);
            fclose(in);
        }
        return fclose(out) != 0;
    }
    if (argc == 4 && strcmp(argv[1], "syscall") == 0) {
        FILE *out = open_or_give_up(argv[2], "w");
        copy_lines(out, argv[3], 0);
        copy_lines(out, argv[3], 1);
        return fclose(out) != 0;
    }
    fputs("usage: bits alltypes OUT IN... or bits syscall OUT IN\n", stderr);
    return 1;
}
