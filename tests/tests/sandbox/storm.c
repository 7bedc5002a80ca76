/* Makes its supervisor work. `names N`: lists a directory of N names again and again, each of which the supervisor sorts.
 * `maps N`: N processes share memory, so that it looks like N times as much, and have as many mappings as one may, each of
 * which the supervisor reads to find that it is less. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096l
#define MAPPINGS 60000l
#define SHARED (128l << 20)

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void *list(void *unused) {
    (void)unused;
    char bytes[300];
    int fd = open("/dev/shm/d", O_RDONLY | O_DIRECTORY);
    for (;;)
        if (syscall(SYS_getdents64, fd, bytes, sizeof bytes) <= 0) lseek(fd, 0, 0);
    return NULL;
}

static void names(long count) {
    char name[300], padding[201] = {0};
    memset(padding, 'n', 200);
    if (mkdir("/dev/shm/d", 0777)) fail("mkdir");
    for (long i = 0; i < count; i++) {
        snprintf(name, sizeof name, "/dev/shm/d/%s%ld", padding, i);
        int fd = open(name, O_CREAT | O_WRONLY, 0666);
        if (fd < 0) fail(name);
        close(fd);
    }
    printf("made\n");
    fflush(stdout);
    pthread_t thread;
    for (int i = 0; i < 100; i++)
        if (pthread_create(&thread, NULL, list, NULL)) fail("pthread_create");
}

static void maps(long count) {
    char *shared = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *own = mmap(NULL, MAPPINGS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || own == MAP_FAILED) fail("mmap");
    memset(shared, 1, SHARED);
    for (long i = 0; i < MAPPINGS; i += 2)
        if (mprotect(own + i * PAGE, PAGE, PROT_READ)) fail("mprotect");
    for (long i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0) fail("fork");
        if (child > 0) continue;
        volatile char read = 0;
        for (long at = 0; at < SHARED; at += PAGE) read += shared[at];
        for (;;) pause();
    }
    printf("made\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    if (!strcmp(argv[1], "names")) names(atol(argv[2]));
    else maps(atol(argv[2]));
    for (;;) pause();
}
