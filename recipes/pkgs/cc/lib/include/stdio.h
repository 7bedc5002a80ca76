#pragma once

#include <stdarg.h>
#include <stddef.h>

#define EOF (-1)
#define BUFSIZ 4096
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

typedef struct __file FILE;

extern FILE *stdin;
extern FILE *stdout;
extern FILE *stderr;

int fclose(FILE *f);
FILE *fdopen(int fd, const char *mode);
int feof(FILE *f);
int ferror(FILE *f);
int fflush(FILE *f);
int fgetc(FILE *f);
char *fgets(char *s, int n, FILE *f);
FILE *fopen(const char *path, const char *mode);
int fprintf(FILE *f, const char *format, ...);
int fputc(int c, FILE *f);
int fputs(const char *s, FILE *f);
size_t fread(void *to, size_t size, size_t n, FILE *f);
int fseek(FILE *f, long offset, int whence);
long ftell(FILE *f);
size_t fwrite(const void *from, size_t size, size_t n, FILE *f);
int getc(FILE *f);
int getchar(void);
void perror(const char *what);
int printf(const char *format, ...);
int putc(int c, FILE *f);
int putchar(int c);
int puts(const char *s);
int remove(const char *path);
int rename(const char *from, const char *to);
int snprintf(char *to, size_t n, const char *format, ...);
int sprintf(char *to, const char *format, ...);
int sscanf(const char *s, const char *format, ...);
int vfprintf(FILE *f, const char *format, va_list arguments);
int vprintf(const char *format, va_list arguments);
int vsnprintf(char *to, size_t n, const char *format, va_list arguments);
int vsprintf(char *to, const char *format, va_list arguments);
