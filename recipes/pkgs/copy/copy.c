// copy FROM TO: copies a file, or a folder with all that is in it. TO is made with the folders above it; what is there
// already is replaced, file by file. Nothing else is done: no links, no owners, no times.
//
// It is what a recipe needs to put files into its output where there is neither a shell nor cp.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SYS_MKDIR = 83, SYS_GETDENTS64 = 217, O_DIRECTORY = 0x10000, ROOM = 1 << 16, MOST_PATH = 4096 };

long __syscall6(long n, long a, long b, long c, long d, long e, long f);

// As the kernel writes it.
struct entry {
    unsigned long inode;
    long offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static void give_up(const char *what, const char *path)
{
    fprintf(stderr, "copy: %s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

static void make_folder(const char *path)
{
    long r = __syscall6(SYS_MKDIR, (long)path, 0777, 0, 0, 0, 0);
    if (r < 0 && r != -EEXIST) {
        errno = -r;
        give_up("cannot make", path);
    }
}

static void make_folders_above(char *path)
{
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            make_folder(path);
            *p = '/';
        }
}

static void copy_file(const char *from, const char *to, int mode)
{
    static char buffer[ROOM];
    int in = open(from, O_RDONLY);
    if (in < 0)
        give_up("cannot read", from);
    unlink(to);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (out < 0)
        give_up("cannot make", to);
    for (;;) {
        ssize_t n = read(in, buffer, sizeof buffer);
        if (n < 0)
            give_up("cannot read", from);
        if (n == 0)
            break;
        for (ssize_t done = 0; done < n;) {
            ssize_t part = write(out, buffer + done, n - done);
            if (part <= 0)
                give_up("cannot write", to);
            done += part;
        }
    }
    close(in);
    if (close(out) < 0)
        give_up("cannot write", to);
}

static void join(char *path, const char *folder, const char *name)
{
    if (snprintf(path, MOST_PATH, "%s/%s", folder, name) >= MOST_PATH) {
        fprintf(stderr, "copy: the path is too long: %s/%s\n", folder, name);
        exit(1);
    }
}

static void copy(const char *from, const char *to)
{
    int folder = open(from, O_RDONLY | O_DIRECTORY);
    if (folder < 0) {
        if (errno != ENOTDIR)
            give_up("cannot read", from);
        copy_file(from, to, access(from, X_OK) == 0 ? 0755 : 0644);
        return;
    }
    make_folder(to);
    char *entries = malloc(ROOM);
    char *inner_from = malloc(MOST_PATH);
    char *inner_to = malloc(MOST_PATH);
    if (!entries || !inner_from || !inner_to)
        give_up("no memory for", from);
    for (;;) {
        long n = __syscall6(SYS_GETDENTS64, folder, (long)entries, ROOM, 0, 0, 0);
        if (n < 0) {
            errno = -n;
            give_up("cannot read", from);
        }
        if (n == 0)
            break;
        for (long at = 0; at < n;) {
            struct entry *e = (struct entry *)(entries + at);
            at += e->length;
            if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
                continue;
            join(inner_from, from, e->name);
            join(inner_to, to, e->name);
            copy(inner_from, inner_to);
        }
    }
    close(folder);
    free(entries);
    free(inner_from);
    free(inner_to);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: copy FROM TO\n", stderr);
        return 1;
    }
    make_folders_above(argv[2]);
    copy(argv[1], argv[2]);
    return 0;
}
