/* Attacks of a build on concurrent ones, one for each argument: `NAME=FILE`. Each line of the output is `NAME: done`
 * when it succeeded, and `NAME: errno N` or `NAME: no` when it did not. Outside of a sandbox they are done. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *told; /* The text after the name of the attack and a `=`. */

static int is(int yes) { errno = 0; return yes ? 0 : -1; }
static void rest(long milliseconds) { usleep(milliseconds * 1000); }

/* Reads back what was written to standard output, until it is ended. */
static int steals(void) {
    int reader = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);
    struct utsname name;
    char byte;
    if (reader < 0) return -1;
    for (unsigned number = 0;; number = number * 1103515245 + 12345) {
        if (write(1, "x", 1) != 1) return -1;
        for (volatile unsigned wait = 0; wait < (number >> 16) % 8000; wait++) {}
        if (read(reader, &byte, 1) < 0 && errno != EAGAIN) return -1;
        uname(&name);
    }
}
/* Whether that is possible at all: the supervisor reads, too, and may be faster. */
static int takes_back(void) {
    char byte = 0;
    int reader = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);
    if (reader < 0) return -1;
    for (int times = 0; times < 5000; times++) {
        if (write(1, "\n", 1) != 1) return -1;
        if (read(reader, &byte, 1) == 1 && byte == '\n') return 0;
    }
    return is(0);
}

static int leases(void) { int fd = open(told, O_RDONLY); return fcntl(fd, F_SETLEASE, F_WRLCK); }
static int reads_lease(void) { int fd = open(told, O_RDONLY); return fcntl(fd, F_SETLEASE, F_RDLCK); }
static int notified(void) {
    int fd = open(told, O_RDONLY | O_DIRECTORY);
    return fcntl(fd, F_NOTIFY, DN_CREATE | DN_ACCESS | DN_MULTISHOT);
}
/* Holds a lock of each kind for a while. */
static int locks(void) {
    int fd = open(told, O_RDONLY), other = open(told, O_RDONLY);
    struct flock lock = { .l_type = F_RDLCK };
    if (flock(fd, LOCK_EX | LOCK_NB) || fcntl(other, F_OFD_SETLK, &lock)) return -1;
    for (int times = 0; times < 50; times++) { close(open(told, O_RDONLY)); rest(100); }
    return 0;
}
/* Is blocked by another process's lock. */
static int meets(void) {
    for (int times = 0; times < 30; times++) {
        int fd = open(told, O_RDONLY);
        if (flock(fd, LOCK_EX | LOCK_NB)) return is(errno == EWOULDBLOCK);
        close(fd);
        rest(100);
    }
    return is(0);
}
/* Detects that another process opens a file. */
static int watches(void) {
    char events[4096];
    int fd = inotify_init1(IN_NONBLOCK);
    if (inotify_add_watch(fd, told, IN_OPEN | IN_ATTRIB | IN_MODIFY) < 0) return -1;
    for (int times = 0; times < 30; times++) {
        if (read(fd, events, sizeof events) > 0) return 0;
        rest(100);
    }
    return is(0);
}
/* Detects its own operations: watches and locks work. */
static int watches_own(void) {
    char events[4096];
    int fd = inotify_init1(IN_NONBLOCK), file = open(told, O_RDONLY);
    if (inotify_add_watch(fd, told, IN_OPEN) < 0 || flock(file, LOCK_EX | LOCK_NB)) return -1;
    close(open(told, O_RDONLY));
    return read(fd, events, sizeof events) > 0 && flock(open(told, O_RDONLY), LOCK_SH | LOCK_NB) ? 0 : is(0);
}
static int touches(void) { return utimensat(AT_FDCWD, told, NULL, 0); }
static int changes_mode(void) { return chmod(told, 0600); }

/* More of something than `told`. */
static int more_than(int (*another)(void)) {
    int count = 0;
    struct rlimit limit = { 4096, 4096 };
    setrlimit(RLIMIT_NOFILE, &limit);
    while (count <= atoi(told) && another() >= 0) count++;
    return is(count > atoi(told));
}
static int instance(void) { return inotify_init1(0); }
static int terminal(void) { return open("/dev/ptmx", O_RDWR | O_NOCTTY); }
static int instances(void) { return more_than(instance); }
static int terminals(void) { return more_than(terminal); }

static int core(void) {
    struct rlimit limit = { 0, 0 };
    if (setrlimit(RLIMIT_CORE, &limit)) return -1;
    getrlimit(RLIMIT_CORE, &limit);
    return is(limit.rlim_cur == 0);
}
static int core_of_another(void) {
    struct rlimit limit = { 0, 0 }, old = { 7, 7 };
    pid_t child = fork();
    if (child == 0) { pause(); _exit(0); }
    int set = prlimit(child, RLIMIT_CORE, &limit, &old);
    prlimit(child, RLIMIT_CORE, NULL, &limit);
    kill(child, SIGKILL);
    return set || old.rlim_cur == 7 ? -1 : is(limit.rlim_cur == 0);
}
static int random_addresses(void) {
    if (personality(0) < 0) return -1;
    return is(!(personality(0xffffffff) & ADDR_NO_RANDOMIZE));
}
/* Memory shared by several processes: so many MiB, in so many of them. */
static int shared_memory(void) {
    size_t bytes = (size_t)atoi(told) << 20;
    const char *count = strchr(told, 'x');
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -1;
    for (int number = count ? atoi(count + 1) : 1; number; number--)
        if (fork() == 0) { memset(memory, 1, bytes); rest(3000); _exit(0); }
    while (wait(NULL) > 0) {}
    return 0;
}
/* The same, of a file in memory. */
static int mapped_memory(void) {
    size_t bytes = (size_t)atoi(told) << 20;
    int fd = open("/dev/shm/file", O_CREAT | O_RDWR, 0600);
    if (ftruncate(fd, bytes)) return -1;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return -1;
    memset(memory, 1, bytes);
    rest(2000);
    return 0;
}
/* Queries and sets the affinity of a missing thread, and an empty one. */
static int affinity_of_nobody(void) { cpu_set_t set; return sched_getaffinity(999999, sizeof set, &set); }
static int runs_nowhere(void) { cpu_set_t set; CPU_ZERO(&set); return sched_setaffinity(0, sizeof set, &set); }
static int runs_where_none_is(void) {
    unsigned long set[64] = { [63] = 1UL << 63 };
    return sched_setaffinity(0, sizeof set, (cpu_set_t *)set);
}
static int runs_somewhere(void) { cpu_set_t set; CPU_ZERO(&set); CPU_SET(0, &set); return sched_setaffinity(0, sizeof set, &set); }
static int has_room(void) { struct statfs it; return statfs(told, &it) ? -1 : is(it.f_bfree || it.f_bavail || it.f_ffree); }

#define ATTACK(name) { #name, name }
static const struct { const char *name; int (*attack)(void); } attacks[] = {
    ATTACK(steals), ATTACK(takes_back), ATTACK(leases), ATTACK(reads_lease), ATTACK(notified), ATTACK(locks),
    ATTACK(meets), ATTACK(watches), ATTACK(watches_own), ATTACK(touches), ATTACK(changes_mode), ATTACK(instances),
    ATTACK(terminals), ATTACK(core), ATTACK(core_of_another), ATTACK(random_addresses), ATTACK(shared_memory),
    ATTACK(mapped_memory), ATTACK(affinity_of_nobody), ATTACK(runs_nowhere), ATTACK(runs_where_none_is),
    ATTACK(runs_somewhere), ATTACK(has_room),
};

/* Each in its own process, so that none affects another. */
static int try(const char *argument, FILE *out) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(argument, "="), argument);
    told = strchr(argument, '=') ? strchr(argument, '=') + 1 : "";
    for (size_t at = 0; at < sizeof attacks / sizeof *attacks; at++) {
        if (strcmp(attacks[at].name, name)) continue;
        int ends[2], said = 0;
        if (pipe(ends)) return 1;
        if (fork() == 0) {
            errno = 0;
            int errors = attacks[at].attack() ? errno : -1;
            _exit(write(ends[1], &errors, sizeof errors) != sizeof errors);
        }
        close(ends[1]);
        if (read(ends[0], &said, sizeof said) != sizeof said) fprintf(out, "%s: ended\n", argument);
        else if (said < 0) fprintf(out, "%s: done\n", argument);
        else if (said == 0) fprintf(out, "%s: no\n", argument);
        else fprintf(out, "%s: errno %d\n", argument, said);
        close(ends[0]);
        wait(NULL);
        return 0;
    }
    return 1;
}

int main(int count, char **arguments) {
    FILE *out = count > 1 && strcmp(arguments[1], "-") ? fopen(arguments[1], "w") : stderr;
    for (int at = 2; at < count; at++)
        if (try(arguments[at], out)) return 1;
    return out && fclose(out) == 0 ? 0 : 1;
}
