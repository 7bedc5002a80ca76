/* Runs published cases of a C compiler, as a list says, and writes a report: run-cases LIST REPORT

   In the folder that it is started in. There is no shell, no diff and no sed in the sandbox. A line of LIST is empty, begins
   with `#`, or is one of these:

     in FOLDER                          the cases of the next lines are there, and so is the folder to run in
     by COMPILER WORD...                how one is compiled; {file} and {program} stand for paths
     run NAME [OPTION...] [-- WORD...]  compile with the options, run with the words; all that both say is in NAME.expect
     snippets NAME                      the same, for one `#if defined test_...` of the file after the other
     preprocess NAME                    the compiler says what is in NAME.expect
     succeeds NAME [OPTION...] [-- ...] compile and run: no failure, and nothing said that is no success
     refuses NAME MESSAGE               the compiler fails, says MESSAGE, and tells a line
     without NAME REASON                is left out
     total RUN REFUSED LEFT_OUT         so many there are

   In words, `\_` stands for a space. A file of FOLDER that has an .expect and is in no line is a failure, too: no case
   is forgotten. */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WORDS = 64, MOST_SAID = 1 << 20, MOST_NAMES = 1000, SECONDS = 60 };

static const char *list;
static int line_number;
static char home[4096];
static char folder[4096];
static char *compiler[MOST_WORDS];
static int compiler_words;
static char *named[MOST_NAMES];
static int names;
static FILE *report;
static int passed, refused, left_out, failed;

static void stop(const char *format, ...)
{
    va_list rest;
    fprintf(stderr, "%s:%d: ", list, line_number);
    va_start(rest, format);
    vfprintf(stderr, format, rest);
    va_end(rest);
    fputc('\n', stderr);
    exit(2);
}

static void *memory(size_t size)
{
    void *it = malloc(size);
    if (!it)
        stop("no more memory");
    return it;
}

static char *copy(const char *text)
{
    return strcpy(memory(strlen(text) + 1), text);
}

/* What programs said, one after the other. */
struct said {
    char *text;
    size_t length;
};

static void say(struct said *said, const char *text)
{
    size_t length = strlen(text);
    if (said->length + length >= MOST_SAID)
        stop("more than %d bytes are said", MOST_SAID);
    memcpy(said->text + said->length, text, length + 1);
    said->length += length;
}

/* Runs a program in the folder and adds what it says: its status, or 128 and the signal that ended it. */
static int run(char **words, struct said *said)
{
    int ends[2], status;
    ssize_t had;
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0)
        stop("cannot start %s: %s", words[0], strerror(errno));
    if (child == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        /* Nothing of a case hangs for ever. */
        alarm(SECONDS);
        if (chdir(folder) == 0)
            execv(words[0], words);
        printf("cannot run %s: %s\n", words[0], strerror(errno));
        fflush(stdout);
        _exit(127);
    }
    close(ends[1]);
    while ((had = read(ends[0], said->text + said->length, MOST_SAID - 1 - said->length)) > 0) {
        size_t at;
        for (at = said->length; at < said->length + had; at++)
            if (said->text[at] == 0)
                said->text[at] = '?';
        said->length += had;
    }
    said->text[said->length] = 0;
    close(ends[0]);
    if (said->length >= MOST_SAID - 1) {
        kill(child, 9);
        stop("%s says more than %d bytes", words[0], MOST_SAID);
    }
    if (waitpid(child, &status, 0) != child)
        stop("lost %s", words[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The text of a file; a null pointer when there is none. */
static char *contents(const char *name)
{
    char path[8192], *text;
    FILE *file;
    long size;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "r");
    if (!file)
        return 0;
    if (fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0)
        stop("cannot read %s", path);
    text = memory(size + 1);
    if (fread(text, 1, size, file) != (size_t)size)
        stop("cannot read %s", path);
    text[size] = 0;
    fclose(file);
    return text;
}

/* Makes alike what the makefiles' diff takes for alike: white space within a line (-b), or around everything (-w), for which
   `none` is set; empty lines (-B), for which `dense` is. */
static char *plain(const char *text, int none, int dense)
{
    char *result = memory(strlen(text) + 2), *to = result, *line = result;

    for (;;) {
        if (*text == '\n' || *text == 0) {
            while (to > line && to[-1] == ' ')
                to--;
            if (to > line || (!dense && *text == '\n')) {
                *to++ = '\n';
                line = to;
            }
            if (*text == 0)
                break;
            text++;
        } else if (isspace((unsigned char)*text)) {
            while (*text != '\n' && isspace((unsigned char)*text))
                text++;
            if (!none)
                *to++ = ' ';
        } else {
            *to++ = *text++;
        }
    }
    *to = 0;
    return result;
}

static void fail(const char *name, const char *why)
{
    failed++;
    fprintf(stderr, "%s:%d: %s/%s: %s\n", list, line_number, folder, name, why);
    fprintf(report, "FAILED      %s: %s\n", name, why);
}

static void pass(const char *name)
{
    passed++;
    fprintf(report, "passed      %s\n", name);
}

/* Passes when what was said is what is in the .expect file. */
static void compare(const char *name, const struct said *said, int none, int dense)
{
    char path[4096], *expected, *ours, *theirs, *at, why[400];
    int line = 1;

    snprintf(path, sizeof path, "%s.expect", name);
    expected = contents(path);
    if (!expected)
        stop("there is no %s/%s", folder, path);
    theirs = plain(expected, none, dense);
    ours = plain(said->text, none, dense);
    if (strcmp(ours, theirs) == 0) {
        pass(name);
    } else {
        char *our = ours, *their = theirs;
        for (at = ours; *at && *at == theirs[at - ours]; at++)
            if (*at == '\n') {
                line++;
                our = at + 1;
                their = theirs + (our - ours);
            }
        snprintf(why, sizeof why, "line %d is \"%.*s\" and not \"%.*s\"", line, (int)strcspn(our, "\n"), our,
            (int)strcspn(their, "\n"), their);
        fail(name, why);
    }
    free(expected);
    free(ours);
    free(theirs);
}

/* The command that compiles a file: the compiler, the options, and the rest of what `by` says. */
static void command(char **words, char **options, int count, char *file, char *program)
{
    int to = 0, at;

    if (compiler_words == 0)
        stop("no compiler yet: `by` is missing");
    words[to++] = compiler[0];
    for (at = 0; at < count; at++)
        words[to++] = options[at];
    for (at = 1; at < compiler_words; at++) {
        if (to >= 2 * MOST_WORDS - 1)
            stop("too many words");
        if (strcmp(compiler[at], "{file}") == 0)
            words[to++] = file;
        else if (strcmp(compiler[at], "{program}") == 0)
            words[to++] = program;
        else
            words[to++] = compiler[at];
    }
    words[to] = 0;
}

/* Where compiled programs go. */
static char program[8192];

/* Compiles a file and runs what comes of it; the status of what failed, or 0. */
static int compile_and_run(char *file, char **options, int count, char **words, struct said *said)
{
    char *line[2 * MOST_WORDS], *arguments[MOST_WORDS];
    int at, status;

    unlink(program);
    command(line, options, count, file, program);
    status = run(line, said);
    if (status != 0)
        return status;
    arguments[0] = program;
    for (at = 0; words[at]; at++)
        arguments[at + 1] = words[at];
    arguments[at + 1] = 0;
    return run(arguments, said);
}

/* The name behind the next `defined test_` of a text, at its end; a null pointer behind the last. */
static char *next_test(char *at, char *name, size_t room)
{
    size_t length;

    do
        at = strstr(at + 1, "defined test_");
    while (at && at[-1] == '!');
    if (!at)
        return 0;
    at += strlen("defined ");
    length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (length >= room)
        stop("a long name in a file of snippets");
    memcpy(name, at, length);
    name[length] = 0;
    return at;
}

/* Takes away that a snippet has no main: it is there to be compiled, and `tcc -dt -run` says nothing of it either. */
static void without_main(struct said *said)
{
    static const char missing[] = "tcc: error: undefined symbol 'main'\n";
    size_t length = sizeof missing - 1;

    if (said->length < length || strcmp(said->text + said->length - length, missing) != 0)
        return;
    said->length -= length;
    said->text[said->length] = 0;
}

/* A file with a macro defined for each test_... that a condition of it names, as `tcc -dt -run` does it. */
static void snippets(char *name, char *file, struct said *said)
{
    char *text = contents(file), *at, test[200], *line[2 * MOST_WORDS], *run_it[2] = { program, 0 };
    char *tests[MOST_WORDS * 4];
    int count = 0, before, status;

    if (!text)
        stop("there is no %s/%s", folder, file);
    for (at = text; (at = next_test(at, test, sizeof test)) != 0;) {
        char define[300], heading[300], *options[1] = { define };

        for (before = 0; before < count && strcmp(tests[before], test) != 0; before++)
            ;
        if (before < count)
            continue;
        if (count == MOST_WORDS * 4)
            stop("too many snippets");
        snprintf(define, sizeof define, "-D%s", test);
        snprintf(heading, sizeof heading, "%s[%s]\n", count ? "\n" : "", test);
        tests[count++] = copy(test);
        say(said, heading);
        command(line, options, 1, file, program);
        if (run(line, said) == 0) {
            status = run(run_it, said);
            snprintf(heading, sizeof heading, "[returns %d]\n", status);
            if (status != 0)
                say(said, heading);
        } else {
            without_main(said);
        }
    }
    while (count > 0)
        free(tests[--count]);
    free(text);
    compare(name, said, 0, 0);
}

/* No line may say anything else than that something succeeded. */
static void succeeds(const char *name, int status, const struct said *said)
{
    const char *line;
    int lines = 0;

    for (line = said->text; *line; lines++) {
        size_t length = strcspn(line, "\n");
        if (length < 7 || strncmp(line + length - 7, "success", 7) != 0) {
            fail(name, line);
            return;
        }
        line += length + (line[length] == '\n');
    }
    if (status != 0 || lines == 0)
        fail(name, "it fails, or says nothing");
    else
        pass(name);
}

/* The compiler fails by itself, with a message about a line of some file. */
static void refuses(const char *name, int status, const struct said *said, const char *message)
{
    const char *at = said->text + strcspn(said->text, ":\n");

    if (status == 0)
        fail(name, "it is compiled");
    else if (status >= 126)
        fail(name, "the compiler does not end by itself");
    else if (*at != ':' || !isdigit((unsigned char)at[1]) || !strstr(at, message))
        fail(name, said->text);
    else {
        refused++;
        fprintf(report, "refused     %s: %s\n", name, message);
    }
}

/* Every .expect of the folder is in some line. */
static void all_are_named(void)
{
    DIR *entries;
    struct dirent *entry;

    if (!folder[0])
        return;
    entries = opendir(folder);
    if (!entries)
        stop("there is no folder %s", folder);
    while ((entry = readdir(entries)) != 0) {
        char *ending = strrchr(entry->d_name, '.');
        int at;
        if (!ending || strcmp(ending, ".expect") != 0)
            continue;
        *ending = 0;
        for (at = 0; at < names && strcmp(named[at], entry->d_name) != 0; at++)
            ;
        if (at == names)
            fail(entry->d_name, "is in no line of the list");
    }
    closedir(entries);
    for (; names > 0; names--)
        free(named[names - 1]);
}

static void one_case(const char *how, char **words, int count, const char *rest)
{
    char file[4096], *line[2 * MOST_WORDS], *none[1] = { 0 };
    char *name = words[1];
    struct said said = { memory(MOST_SAID), 0 };
    struct stat found;
    int options = 0, status;

    said.text[0] = 0;
    if (count < 2)
        stop("the name of a case is missing");
    if (names == MOST_NAMES)
        stop("more than %d cases", MOST_NAMES);
    named[names++] = copy(name);
    snprintf(file, sizeof file, "%s/%s.c", folder, name);
    snprintf(file, sizeof file, "%s.%c", name, stat(file, &found) == 0 ? 'c' : 'S');
    while (2 + options < count && strcmp(words[2 + options], "--") != 0)
        options++;
    char **arguments = 2 + options < count ? words + 3 + options : none;
    if (strcmp(how, "run") == 0) {
        status = compile_and_run(file, words + 2, options, arguments, &said);
        if (status >= 128) {
            char text[100];
            snprintf(text, sizeof text, "signal %d\n", status - 128);
            say(&said, text);
        }
        compare(name, &said, 0, 0);
    } else if (strcmp(how, "snippets") == 0) {
        snippets(name, file, &said);
    } else if (strcmp(how, "preprocess") == 0) {
        int loose = 2 < count && strcmp(words[2], "loosely") == 0;
        command(line, none, 0, file, program);
        run(line, &said);
        compare(name, &said, loose, 1);
    } else if (strcmp(how, "succeeds") == 0) {
        status = compile_and_run(file, words + 2, options, arguments, &said);
        succeeds(name, status, &said);
    } else if (strcmp(how, "refuses") == 0) {
        command(line, none, 0, file, program);
        if (!*rest)
            stop("which message?");
        status = run(line, &said);
        refuses(name, status, &said, rest);
    } else if (strcmp(how, "without") == 0) {
        if (!*rest)
            stop("why is %s left out?", name);
        left_out++;
        fprintf(report, "without     %s: %s\n", name, rest);
    } else {
        stop("`%s` is not known", how);
    }
    free(said.text);
}

/* What stands behind two words and the white space behind them. */
static const char *behind_two(const char *line)
{
    int word;
    for (word = 0; word < 2; word++) {
        line += strspn(line, " \t");
        line += strcspn(line, " \t\n");
    }
    return line + strspn(line, " \t");
}

static void one_line(char *line)
{
    char *words[MOST_WORDS], *kept = copy(line), *word;
    int count = 0, at;

    kept[strcspn(kept, "\n")] = 0;
    for (word = strtok(line, " \t\n"); word; word = strtok(0, " \t\n")) {
        if (count == MOST_WORDS - 1)
            stop("too many words");
        words[count++] = word;
        for (; (word = strstr(word, "\\_")) != 0; word++) {
            *word = ' ';
            memmove(word + 1, word + 2, strlen(word + 2) + 1);
        }
    }
    words[count] = 0;
    if (count == 0 || words[0][0] == '#') {
    } else if (strcmp(words[0], "in") == 0 && count == 2) {
        all_are_named();
        snprintf(folder, sizeof folder, "%s/%s", home, words[1]);
        fprintf(report, "in %s\n", words[1]);
    } else if (strcmp(words[0], "by") == 0 && count > 1) {
        compiler_words = count - 1;
        for (at = 1; at < count; at++)
            compiler[at - 1] = copy(words[at]);
    } else if (strcmp(words[0], "total") == 0 && count == 4) {
        all_are_named();
        folder[0] = 0;
        if (atoi(words[1]) != passed || atoi(words[2]) != refused || atoi(words[3]) != left_out)
            fail("total", "there are other numbers than the list says");
        fprintf(report, "%d passed, %d refused, %d left out\n", passed, refused, left_out);
    } else {
        one_case(words[0], words, count, behind_two(kept));
    }
    free(kept);
}

int main(int argc, char **argv)
{
    static char line[4096];
    FILE *file;

    if (argc != 3) {
        fputs("run-cases: usage: run-cases LIST REPORT\n", stderr);
        return 2;
    }
    list = argv[1];
    file = fopen(list, "r");
    report = fopen(argv[2], "w");
    if (!file || !report || !getcwd(home, sizeof home))
        stop("cannot open the list or make the report: %s", strerror(errno));
    snprintf(program, sizeof program, "%s/case.program", home);
    while (fgets(line, sizeof line, file)) {
        line_number++;
        if (!strchr(line, '\n'))
            stop("a line is too long, or does not end");
        one_line(line);
    }
    if (folder[0])
        stop("the line `total` is missing");
    fprintf(stderr, "%d passed, %d refused, %d left out, %d failed\n", passed, refused, left_out, failed);
    if (fclose(report) != 0)
        stop("cannot write the report");
    return failed ? 1 : 0;
}
