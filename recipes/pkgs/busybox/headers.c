/* headers SOURCE CONFIG OUTPUT: the headers of busybox that its makefiles have sed, a shell and kconfig write

   CONFIG is a list of options that are on, `NAME` or `NAME=VALUE`; the rest of a line behind `#` is a comment. OUTPUT is a
   folder that gets

     autoconf.h       for every option of SOURCE the macros CONFIG_NAME, ENABLE_NAME, IF_NAME and IF_NOT_NAME
     applets.h        include/applets.src.h, and the `//applet:` lines of all files where it says INSERT

   kconfig would follow what options say about each other. Here all that is on is in the list, and an option of the list that
   no file has is an error. */

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_LINE = 4096, MAX_OPTIONS = 4096, MAX_ENTRIES = 1024 };

struct option { char *name; char *value; int found; };

static struct option wanted[MAX_OPTIONS];
static int wanted_count;
static char *known[MAX_OPTIONS];
static int known_count;
static FILE *autoconf;
static FILE *applets;

static void fail(const char *format, ...)
{
    va_list rest;
    va_start(rest, format);
    fprintf(stderr, "headers: ");
    vfprintf(stderr, format, rest);
    fprintf(stderr, "\n");
    exit(1);
}

static FILE *open_file(const char *folder, const char *name, const char *mode)
{
    char path[MAX_LINE];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, mode);
    if (!file)
        fail("cannot open %s", path);
    return file;
}

static void read_config(const char *path)
{
    static char line[MAX_LINE];
    FILE *file = fopen(path, "r");
    if (!file)
        fail("cannot open %s", path);
    while (fgets(line, sizeof line, file)) {
        char *word;
        line[strcspn(line, "#\n")] = 0;
        for (word = strtok(line, " \t"); word; word = strtok(NULL, " \t")) {
            char *value = strchr(word, '=');
            if (value)
                *value++ = 0;
            if (wanted_count == MAX_OPTIONS)
                fail("%s has too many options", path);
            wanted[wanted_count].name = strdup(word);
            wanted[wanted_count++].value = value ? strdup(value) : NULL;
        }
    }
    fclose(file);
}

static void option(const char *name)
{
    const char *value = NULL;
    int i, on = 0;
    for (i = 0; i < known_count; i++)
        if (!strcmp(known[i], name))
            return;
    if (known_count == MAX_OPTIONS)
        fail("there are too many options");
    known[known_count++] = strdup(name);
    for (i = 0; i < wanted_count; i++)
        if (!strcmp(wanted[i].name, name)) {
            on = wanted[i].found = 1;
            value = wanted[i].value;
        }
    if (on)
        fprintf(autoconf, "#define CONFIG_%s %s\n#define ENABLE_%s 1\n", name, value ? value : "1", name);
    else
        fprintf(autoconf, "#define ENABLE_%s 0\n", name);
    fprintf(autoconf, "#define IF_%s(...)%s\n", name, on ? " __VA_ARGS__" : "");
    fprintf(autoconf, "#define IF_NOT_%s(...)%s\n", name, on ? "" : " __VA_ARGS__");
}

/* What stands behind `prefix` in the line, or NULL. */
static char *after(char *line, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(line, prefix, length) ? NULL : line + length;
}

/* `config NAME` or `menuconfig NAME`, behind white space. */
static void declaration(char *line)
{
    char *name;
    line += strspn(line, " \t");
    if (!(name = after(line, "config ")) && !(name = after(line, "menuconfig ")))
        return;
    name += strspn(name, " \t");
    name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] = 0;
    if (*name)
        option(name);
}

static void read_source(const char *folder, const char *name, int is_c)
{
    static char line[MAX_LINE];
    FILE *file = open_file(folder, name, "r");
    while (fgets(line, sizeof line, file)) {
        char *rest;
        if (!is_c)
            declaration(line);
        else if ((rest = after(line, "//config:")))
            declaration(rest);
        else if ((rest = after(line, "//applet:")))
            fputs(rest, applets);
    }
    fclose(file);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void walk(const char *folder)
{
    char *names[MAX_ENTRIES];
    int count = 0, i;
    struct dirent *entry;
    DIR *directory = opendir(folder);
    if (!directory)
        fail("cannot open %s", folder);
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        if (count == MAX_ENTRIES)
            fail("%s has too many entries", folder);
        names[count++] = strdup(entry->d_name);
    }
    closedir(directory);
    qsort(names, count, sizeof *names, by_name);
    for (i = 0; i < count; i++) {
        char path[MAX_LINE];
        struct stat about;
        size_t length = strlen(names[i]);
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (lstat(path, &about))
            fail("cannot look at %s", path);
        if (S_ISDIR(about.st_mode))
            walk(path);
        else if (S_ISREG(about.st_mode) && length > 2 && !strcmp(names[i] + length - 2, ".c"))
            read_source(folder, names[i], 1);
        else if (!strcmp(names[i], "Config.src") || !strcmp(names[i], "Config.in"))
            read_source(folder, names[i], 0);
        free(names[i]);
    }
}

int main(int argc, char **argv)
{
    static char line[MAX_LINE];
    FILE *frame;
    int i;
    if (argc != 4)
        fail("usage: headers SOURCE CONFIG OUTPUT");
    read_config(argv[2]);
    autoconf = open_file(argv[3], "autoconf.h", "w");
    applets = open_file(argv[3], "applets.h", "w");
    frame = open_file(argv[1], "include/applets.src.h", "r");
    while (fgets(line, sizeof line, frame))
        if (strcmp(line, "INSERT\n"))
            fputs(line, applets);
        else
            walk(argv[1]);
    fclose(frame);
    for (i = 0; i < wanted_count; i++)
        if (!wanted[i].found)
            fail("no file has an option %s", wanted[i].name);
    if (fclose(autoconf) || fclose(applets))
        fail("cannot write to %s", argv[3]);
    return 0;
}
