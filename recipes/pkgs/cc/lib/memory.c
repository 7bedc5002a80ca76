// malloc and its kin. Blocks come in sizes of powers of two, with 16 bytes before each that say which; a block that is
// freed waits in a list for the next of its size. Large blocks are the kernel's.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HEADER = 16, SMALLEST = 5, LARGEST = 20, CHUNK = 1 << 22 };

struct block {
    size_t size;        // with the header
    struct block *next; // while it is free
};

static struct block *waiting[LARGEST + 1];
static char *chunk;
static size_t chunk_left;

static void *map(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static int class_of(size_t n)
{
    int class = SMALLEST;
    while (((size_t)1 << class) < n)
        class++;
    return class;
}

void *malloc(size_t n)
{
    struct block *b;
    if (n > INT64_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    n += HEADER;
    if (n > (size_t)1 << LARGEST) {
        n = (n + 4095) / 4096 * 4096;
        b = map(n);
        if (!b)
            return NULL;
        b->size = n;
        return (char *)b + HEADER;
    }
    int class = class_of(n);
    size_t size = (size_t)1 << class;
    if (waiting[class]) {
        b = waiting[class];
        waiting[class] = b->next;
    } else {
        if (chunk_left < size) {
            chunk = map(CHUNK);
            if (!chunk) {
                chunk_left = 0;
                return NULL;
            }
            chunk_left = CHUNK;
        }
        b = (struct block *)chunk;
        chunk += size;
        chunk_left -= size;
        b->size = size;
    }
    return (char *)b + HEADER;
}

void free(void *p)
{
    if (!p)
        return;
    struct block *b = (struct block *)((char *)p - HEADER);
    if (b->size > (size_t)1 << LARGEST) {
        munmap(b, b->size);
        return;
    }
    int class = class_of(b->size);
    b->next = waiting[class];
    waiting[class] = b;
}

void *calloc(size_t n, size_t size)
{
    if (size && n > INT64_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = malloc(n * size);
    if (p)
        memset(p, 0, n * size);
    return p;
}

void *realloc(void *p, size_t n)
{
    if (!p)
        return malloc(n);
    struct block *b = (struct block *)((char *)p - HEADER);
    size_t room = b->size - HEADER;
    if (n <= room && n > room / 4)
        return p;
    void *moved = malloc(n);
    if (!moved)
        return NULL;
    memcpy(moved, p, n < room ? n : room);
    free(p);
    return moved;
}
