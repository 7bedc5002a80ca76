/* probe CLIENTS WHAT ROOT …: does one operation on the files below ROOT and prints how long it took.
 *
 *   stat ROOT LIST PASSES     lstat of each path of LIST
 *   walk ROOT PASSES          openat, getdents64 and fstatat of everything, as find(1) does it
 *   read ROOT LIST PASSES     open, read to the end with 64 KiB at a time, close
 *   sequential ROOT FILE      read FILE with 1 MiB at a time
 *   random ROOT FILE COUNT    pread of 4 KiB at COUNT random places
 *   pages ROOT FILE           map FILE and read one word of every page
 *
 * CLIENTS processes do the same at the same time, but each begins a list elsewhere and has its own random offsets,
 * the same ones in every run: none of them is to find all that another has just fetched. LIST holds paths
 * relative to ROOT, each ended by a NUL: ROOT itself, which is deeper for some contenders than for others, is looked
 * up once. The one line of output is
 *
 *   NANOSECONDS OPERATIONS BYTES SUM
 *
 * from the moment when all clients are released until the last of them has finished. SUM is computed from sizes and a
 * few of the bytes, so that contenders which should serve the same can be compared without reading much memory.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SMALL_READ = 64 << 10, LARGE_READ = 1 << 20, PAGE = 4096, LISTING = 32 << 10 };

/* What one client did; shared with the process that prints it. */
struct done {
    uint64_t end, operations, bytes, sum;
};

/* The operation, prepared before the clock starts. */
struct job {
    void (*run)(const struct job *, struct done *);
    char **paths;
    size_t count;
    long passes;
    const char *file;
    /* The number of clients, and of this one. */
    size_t clients, client;
};

static void die(const char *what) {
    fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int open_or_die(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        die(path);
    return file;
}

static void *allocate(size_t size) {
    void *memory = NULL;
    if (posix_memalign(&memory, PAGE, size) != 0)
        die("memory");
    /* Its pages must not be allocated while the clock runs. */
    memset(memory, 1, size);
    return memory;
}

static uint64_t word(const void *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* The path that a client comes to after `step` others, with the clients spread evenly over the list. */
static const char *path_at(const struct job *job, size_t step) {
    return job->paths[(job->count * job->client / job->clients + step) % job->count];
}

static void stat_paths(const struct job *job, struct done *done) {
    struct stat is;
    for (long pass = 0; pass < job->passes; pass++)
        for (size_t step = 0; step < job->count; step++) {
            const char *path = path_at(job, step);
            if (lstat(path, &is) != 0)
                die(path);
            done->operations++;
            done->sum += (uint64_t)is.st_size;
        }
}

static void walk_folder(int folder, struct done *done) {
    char listing[LISTING];
    ssize_t length;
    while ((length = getdents64(folder, listing, sizeof listing)) > 0)
        for (char *at = listing; at < listing + length;) {
            struct dirent64 *entry = (struct dirent64 *)at;
            struct stat is;
            at += entry->d_reclen;
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            if (fstatat(folder, entry->d_name, &is, AT_SYMLINK_NOFOLLOW) != 0)
                die(entry->d_name);
            done->operations++;
            if (S_ISDIR(is.st_mode)) {
                int below = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (below < 0)
                    die(entry->d_name);
                walk_folder(below, done);
                close(below);
            } else {
                /* The sizes of folders are specific to each file system. */
                done->sum += (uint64_t)is.st_size;
            }
        }
    if (length < 0)
        die("getdents64");
}

static void walk(const struct job *job, struct done *done) {
    for (long pass = 0; pass < job->passes; pass++) {
        int folder = open_or_die(".");
        walk_folder(folder, done);
        close(folder);
    }
}

/* Reads a file from here to its end. */
static void drain(int file, char *buffer, size_t size, const char *path, struct done *done) {
    ssize_t length;
    while ((length = read(file, buffer, size)) > 0) {
        done->bytes += (uint64_t)length;
        done->sum += (unsigned char)buffer[0] + ((uint64_t)(unsigned char)buffer[length - 1] << 8);
    }
    if (length < 0)
        die(path);
}

static void read_paths(const struct job *job, struct done *done) {
    char *buffer = allocate(SMALL_READ);
    for (long pass = 0; pass < job->passes; pass++)
        for (size_t step = 0; step < job->count; step++) {
            const char *path = path_at(job, step);
            int file = open_or_die(path);
            drain(file, buffer, SMALL_READ, path, done);
            close(file);
            done->operations++;
        }
}

static void read_sequentially(const struct job *job, struct done *done) {
    char *buffer = allocate(LARGE_READ);
    int file = open_or_die(job->file);
    drain(file, buffer, LARGE_READ, job->file, done);
    close(file);
    done->operations++;
}

static uint64_t size_of(int file, const char *path) {
    struct stat is;
    if (fstat(file, &is) != 0)
        die(path);
    return (uint64_t)is.st_size;
}

static void read_randomly(const struct job *job, struct done *done) {
    char *buffer = allocate(PAGE);
    int file = open_or_die(job->file);
    uint64_t pages = size_of(file, job->file) / PAGE, state = 88172645463325252u + job->client;
    for (long at = 0; at < job->passes; at++) {
        /* Marsaglia's xorshift64. */
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if (pread(file, buffer, PAGE, (off_t)(state % pages * PAGE)) != PAGE)
            die(job->file);
        done->sum += word(buffer);
    }
    close(file);
    done->operations += (uint64_t)job->passes;
    done->bytes += (uint64_t)job->passes * PAGE;
}

static void sum_pages(const struct job *job, struct done *done) {
    int file = open_or_die(job->file);
    uint64_t size = size_of(file, job->file);
    char *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED)
        die(job->file);
    for (uint64_t at = 0; at + PAGE <= size; at += PAGE) {
        done->sum += word(bytes + at);
        done->operations++;
    }
    munmap(bytes, size);
    close(file);
    done->bytes += size;
}

/* The paths of a list; the memory is never freed. */
static void load_list(const char *list, struct job *job) {
    int file = open_or_die(list);
    size_t size = (size_t)size_of(file, list), got = 0;
    char *text = malloc(size + 1);
    if (text == NULL)
        die(list);
    while (got < size) {
        ssize_t length = read(file, text + got, size - got);
        if (length <= 0)
            die(list);
        got += (size_t)length;
    }
    close(file);
    text[size] = 0;
    for (size_t at = 0; at < size; at++)
        job->count += text[at] == 0;
    job->paths = calloc(job->count + 1, sizeof *job->paths);
    if (job->paths == NULL)
        die(list);
    for (size_t number = 0; number < job->count; number++) {
        job->paths[number] = text;
        text += strlen(text) + 1;
    }
}

/* One client: reports that it is ready, waits for its release, and works. */
static void client(const struct job *job, struct done *done, int ready, int go) {
    char byte = 0;
    struct done mine = {0};
    /* What interrupts the benchmark ends its children, and must not leave theirs in the mount. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(ready, &byte, 1) != 1)
        die("pipe");
    /* The timing process closes this pipe's end, for all clients at once. */
    if (read(go, &byte, 1) != 0)
        die("pipe");
    job->run(job, &mine);
    mine.end = now();
    *done = mine;
}

static int usage(void) {
    fputs("usage: probe CLIENTS stat|walk|read|sequential|random|pages ROOT …; see probe.c\n", stderr);
    return 2;
}

/* Reads the arguments from `WHAT` on; 0 when they make no sense. */
static int parse(int count, char **words, struct job *job) {
    const char *what = words[0];
    if (count == 4 && strcmp(what, "stat") == 0)
        job->run = stat_paths;
    else if (count == 3 && strcmp(what, "walk") == 0)
        job->run = walk;
    else if (count == 4 && strcmp(what, "read") == 0)
        job->run = read_paths;
    else if (count == 3 && strcmp(what, "sequential") == 0)
        job->run = read_sequentially;
    else if (count == 4 && strcmp(what, "random") == 0)
        job->run = read_randomly;
    else if (count == 3 && strcmp(what, "pages") == 0)
        job->run = sum_pages;
    else
        return 0;
    if (job->run == stat_paths || job->run == read_paths)
        load_list(words[2], job);
    else if (job->run != walk)
        job->file = words[2];
    if (count == 4 || job->run == walk)
        job->passes = strtol(words[count - 1], NULL, 10);
    if (chdir(words[1]) != 0)
        die(words[1]);
    return 1;
}

int main(int count, char **words) {
    struct job job = {0};
    long clients = count > 2 ? strtol(words[1], NULL, 10) : 0;
    int ready[2], go[2], failed = 0;
    if (clients < 1 || clients > 1024 || !parse(count - 2, words + 2, &job))
        return usage();
    job.clients = (size_t)clients;
    size_t room = (size_t)clients * sizeof(struct done);
    struct done *done = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), all = {0};
    if (done == MAP_FAILED || pipe(ready) != 0 || pipe(go) != 0)
        die("setting up");
    for (long number = 0; number < clients; number++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            close(go[1]);
            job.client = (size_t)number;
            client(&job, &done[number], ready[1], go[0]);
            return 0;
        }
    }
    /* Else this process would wait for ever for a client that died. */
    close(ready[1]);
    for (long number = 0; number < clients; number++) {
        char byte;
        if (read(ready[0], &byte, 1) != 1)
            die("pipe");
    }
    uint64_t begin = now();
    close(go[1]);
    for (int status; wait(&status) > 0;)
        failed |= status != 0;
    for (long number = 0; number < clients; number++) {
        all.end = done[number].end > all.end ? done[number].end : all.end;
        all.operations += done[number].operations;
        all.bytes += done[number].bytes;
        all.sum += done[number].sum;
    }
    if (!failed)
        printf("%llu %llu %llu %llu\n", (unsigned long long)(all.end - begin), (unsigned long long)all.operations,
               (unsigned long long)all.bytes, (unsigned long long)all.sum);
    return failed;
}
