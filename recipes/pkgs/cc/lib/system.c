// System calls under their usual names, and the beginning and end of a program.

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_CLOSE = 3, SYS_LSEEK = 8, SYS_MMAP = 9, SYS_MPROTECT = 10,
    SYS_MUNMAP = 11, SYS_ACCESS = 21, SYS_EXECVE = 59, SYS_EXIT = 60, SYS_GETCWD = 79, SYS_RENAME = 82,
    SYS_RMDIR = 84, SYS_UNLINK = 87, SYS_GETTIMEOFDAY = 96
};

enum { MOST_AT_EXIT = 32 };

long __syscall6(long n, long a, long b, long c, long d, long e, long f);
int main(int argc, char **argv, char **envp);
void __flush_all(void);

int errno;
char **environ;

static void (*at_exit[MOST_AT_EXIT])(void);
static int at_exit_count;

static long result(long r)
{
    if (r < 0 && r > -4096) {
        errno = -r;
        return -1;
    }
    return r;
}

void _exit(int status)
{
    __syscall6(SYS_EXIT, status, 0, 0, 0, 0, 0);
}

void exit(int status)
{
    while (at_exit_count > 0)
        at_exit[--at_exit_count]();
    __flush_all();
    _exit(status);
}

int atexit(void (*function)(void))
{
    if (at_exit_count == MOST_AT_EXIT)
        return -1;
    at_exit[at_exit_count++] = function;
    return 0;
}

void abort(void)
{
    __flush_all();
    _exit(134);
}

// The program begins here.
int __start(int argc, char **argv, char **envp)
{
    environ = envp;
    exit(main(argc, argv, envp));
    return 0;
}

char *getenv(const char *name)
{
    size_t n = strlen(name);
    for (char **e = environ; *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

int open(const char *path, int flags, ...)
{
    int mode = 0;
    if (flags & O_CREAT) {
        va_list list;
        va_start(list, flags);
        mode = va_arg(list, int);
        va_end(list);
    }
    return result(__syscall6(SYS_OPEN, (long)path, flags, mode, 0, 0, 0));
}

int close(int fd)
{
    return result(__syscall6(SYS_CLOSE, fd, 0, 0, 0, 0, 0));
}

ssize_t read(int fd, void *to, size_t n)
{
    return result(__syscall6(SYS_READ, fd, (long)to, n, 0, 0, 0));
}

ssize_t write(int fd, const void *from, size_t n)
{
    return result(__syscall6(SYS_WRITE, fd, (long)from, n, 0, 0, 0));
}

off_t lseek(int fd, off_t offset, int whence)
{
    return result(__syscall6(SYS_LSEEK, fd, offset, whence, 0, 0, 0));
}

int access(const char *path, int mode)
{
    return result(__syscall6(SYS_ACCESS, (long)path, mode, 0, 0, 0, 0));
}

int unlink(const char *path)
{
    return result(__syscall6(SYS_UNLINK, (long)path, 0, 0, 0, 0, 0));
}

int remove(const char *path)
{
    long r = __syscall6(SYS_UNLINK, (long)path, 0, 0, 0, 0, 0);
    if (r == -EISDIR)
        r = __syscall6(SYS_RMDIR, (long)path, 0, 0, 0, 0, 0);
    return result(r);
}

int rename(const char *from, const char *to)
{
    return result(__syscall6(SYS_RENAME, (long)from, (long)to, 0, 0, 0, 0));
}

char *getcwd(char *to, size_t n)
{
    return result(__syscall6(SYS_GETCWD, (long)to, n, 0, 0, 0, 0)) < 0 ? NULL : to;
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, long offset)
{
    return (void *)result(__syscall6(SYS_MMAP, (long)at, n, protection, flags, fd, offset));
}

int munmap(void *at, size_t n)
{
    return result(__syscall6(SYS_MUNMAP, (long)at, n, 0, 0, 0, 0));
}

int mprotect(void *at, size_t n, int protection)
{
    return result(__syscall6(SYS_MPROTECT, (long)at, n, protection, 0, 0, 0));
}

// A name without a slash is looked for in the folders of PATH.
int execvp(const char *file, char *const arguments[])
{
    const char *path = getenv("PATH");
    char name[4096];
    size_t length = strlen(file);
    if (strchr(file, '/') || !path)
        return result(__syscall6(SYS_EXECVE, (long)file, (long)arguments, (long)environ, 0, 0, 0));
    errno = ENOENT;
    while (*path) {
        size_t n = strcspn(path, ":");
        if (n + length + 2 < sizeof name) {
            memcpy(name, path, n);
            name[n] = '/';
            memcpy(name + n + 1, file, length + 1);
            result(__syscall6(SYS_EXECVE, (long)name, (long)arguments, (long)environ, 0, 0, 0));
        }
        path += n;
        if (*path == ':')
            path++;
    }
    return -1;
}

int gettimeofday(struct timeval *to, void *zone)
{
    return result(__syscall6(SYS_GETTIMEOFDAY, (long)to, (long)zone, 0, 0, 0, 0));
}
