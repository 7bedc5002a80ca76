// Files with a buffer.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct __file {
    int fd;
    int writes;      // what is in the buffer has to be written
    int end;
    int error;
    int unbuffered;
    size_t at;       // reading: the next byte; writing: how many there are
    size_t length;   // reading: how many bytes there are
    FILE *next;
    char buffer[BUFSIZ];
};

static FILE standard[3] = { { .fd = 0 }, { .fd = 1, .writes = 1 }, { .fd = 2, .writes = 1, .unbuffered = 1 } };

FILE *stdin = &standard[0];
FILE *stdout = &standard[1];
FILE *stderr = &standard[2];

static FILE *open_files;

int fflush(FILE *f)
{
    size_t done = 0;
    if (!f) {
        void __flush_all(void);
        __flush_all();
        return 0;
    }
    if (!f->writes) {
        // What was read ahead is given back.
        if (f->at < f->length)
            lseek(f->fd, (long)f->at - (long)f->length, SEEK_CUR);
        f->at = f->length = 0;
        return 0;
    }
    while (done < f->at) {
        ssize_t n = write(f->fd, f->buffer + done, f->at - done);
        if (n <= 0) {
            f->error = 1;
            f->at = 0;
            return EOF;
        }
        done += n;
    }
    f->at = 0;
    return 0;
}

void __flush_all(void)
{
    fflush(stdout);
    for (FILE *f = open_files; f; f = f->next)
        if (f->writes)
            fflush(f);
}

FILE *fdopen(int fd, const char *mode)
{
    FILE *f = calloc(1, sizeof(FILE));
    if (!f)
        return NULL;
    f->fd = fd;
    f->writes = mode[0] != 'r';
    f->next = open_files;
    open_files = f;
    return f;
}

FILE *fopen(const char *path, const char *mode)
{
    int flags = O_RDONLY;
    if (mode[0] == 'w')
        flags = O_CREAT | O_TRUNC | O_WRONLY;
    else if (mode[0] == 'a')
        flags = O_CREAT | O_APPEND | O_WRONLY;
    if (strchr(mode, '+'))
        flags = (flags & ~O_WRONLY) | O_RDWR;
    int fd = open(path, flags, 0666);
    if (fd < 0)
        return NULL;
    FILE *f = fdopen(fd, mode);
    if (!f)
        close(fd);
    return f;
}

int fclose(FILE *f)
{
    int failed = fflush(f) | f->error;
    if (close(f->fd) < 0)
        failed = 1;
    for (FILE **p = &open_files; *p; p = &(*p)->next)
        if (*p == f) {
            *p = f->next;
            free(f);
            break;
        }
    return failed ? EOF : 0;
}

int feof(FILE *f)
{
    return f->end;
}

int ferror(FILE *f)
{
    return f->error;
}

static void turn_to(FILE *f, int writes)
{
    if (f->writes != writes) {
        fflush(f);
        f->writes = writes;
        f->at = f->length = 0;
    }
}

size_t fwrite(const void *from, size_t size, size_t n, FILE *f)
{
    const char *p = from;
    size_t all = size * n;
    size_t left = all;
    turn_to(f, 1);
    while (left) {
        size_t room = BUFSIZ - f->at;
        size_t part = left < room ? left : room;
        memcpy(f->buffer + f->at, p, part);
        f->at += part;
        p += part;
        left -= part;
        if (f->at == BUFSIZ && fflush(f))
            return (all - left) / size;
    }
    if (f->unbuffered && fflush(f))
        return 0;
    return n;
}

size_t fread(void *to, size_t size, size_t n, FILE *f)
{
    char *p = to;
    size_t all = size * n;
    size_t left = all;
    turn_to(f, 0);
    while (left) {
        if (f->at == f->length) {
            ssize_t got = read(f->fd, f->buffer, BUFSIZ);
            f->at = f->length = 0;
            if (got <= 0) {
                f->end = got == 0;
                f->error = got < 0;
                break;
            }
            f->length = got;
        }
        size_t there = f->length - f->at;
        size_t part = left < there ? left : there;
        memcpy(p, f->buffer + f->at, part);
        f->at += part;
        p += part;
        left -= part;
    }
    return size ? (all - left) / size : 0;
}

int fseek(FILE *f, long offset, int whence)
{
    fflush(f);
    f->end = 0;
    return lseek(f->fd, offset, whence) < 0 ? -1 : 0;
}

long ftell(FILE *f)
{
    long at = lseek(f->fd, 0, SEEK_CUR);
    if (at < 0)
        return -1;
    return f->writes ? at + (long)f->at : at - (long)(f->length - f->at);
}

int fgetc(FILE *f)
{
    unsigned char c;
    return fread(&c, 1, 1, f) == 1 ? c : EOF;
}

int getc(FILE *f)
{
    return fgetc(f);
}

int getchar(void)
{
    return fgetc(stdin);
}

char *fgets(char *s, int n, FILE *f)
{
    int i = 0;
    while (i < n - 1) {
        int c = fgetc(f);
        if (c == EOF)
            break;
        s[i++] = c;
        if (c == '\n')
            break;
    }
    s[i] = 0;
    return i ? s : NULL;
}

int fputc(int c, FILE *f)
{
    unsigned char byte = c;
    return fwrite(&byte, 1, 1, f) == 1 ? byte : EOF;
}

int putc(int c, FILE *f)
{
    return fputc(c, f);
}

int putchar(int c)
{
    return fputc(c, stdout);
}

int fputs(const char *s, FILE *f)
{
    size_t n = strlen(s);
    return fwrite(s, 1, n, f) == n ? 0 : EOF;
}

int puts(const char *s)
{
    return fputs(s, stdout) < 0 || fputc('\n', stdout) < 0 ? EOF : 0;
}

void perror(const char *what)
{
    int error = errno;
    fputs(what, stderr);
    fputs(": ", stderr);
    fputs(strerror(error), stderr);
    fputc('\n', stderr);
}
