#pragma once

#include <stddef.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

void abort(void);
int abs(int n);
int atexit(void (*function)(void));
double atof(const char *s);
int atoi(const char *s);
long atol(const char *s);
void *bsearch(const void *key, const void *base, size_t n, size_t size, int (*compare)(const void *, const void *));
void *calloc(size_t n, size_t size);
void exit(int status);
void free(void *p);
char *getenv(const char *name);
long labs(long n);
void *malloc(size_t size);
void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));
void *realloc(void *p, size_t size);
double strtod(const char *s, char **end);
float strtof(const char *s, char **end);
long strtol(const char *s, char **end, int base);
long double strtold(const char *s, char **end);
long long strtoll(const char *s, char **end, int base);
unsigned long strtoul(const char *s, char **end, int base);
unsigned long long strtoull(const char *s, char **end, int base);
