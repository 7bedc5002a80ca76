#pragma once

#include <stddef.h>
#include <sys/types.h>

#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
#define R_OK 4
#define W_OK 2
#define X_OK 1
#define F_OK 0

extern char **environ;

int access(const char *path, int mode);
int close(int fd);
int execvp(const char *file, char *const arguments[]);
char *getcwd(char *to, size_t n);
off_t lseek(int fd, off_t offset, int whence);
ssize_t read(int fd, void *to, size_t n);
int unlink(const char *path);
ssize_t write(int fd, const void *from, size_t n);
void _exit(int status);
