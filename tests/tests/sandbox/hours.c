/* Each argument names something that programs do with the clock, or while the supervisor answers for the kernel. It
 * writes a line for each: the name, and "ok" or what went wrong. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *self;

static double passed(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

/* One second later than the date; that comes in between one half and two and a half. */
static struct timespec soon(void) {
    struct timespec then;
    clock_gettime(CLOCK_REALTIME, &then);
    then.tv_sec += 1;
    return then;
}

static const char *in_time(double begun) {
    double took = passed() - begun;
    static char text[60];
    snprintf(text, sizeof text, "it took %f s", took);
    return took > 0.5 && took < 2.5 ? "ok" : text;
}

static const char *condition(void) {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    double begun = passed();
    struct timespec then = soon(), before = then;
    pthread_mutex_lock(&mutex);
    int woken;
    do woken = pthread_cond_timedwait(&never, &mutex, &then); while (woken == 0);
    if (woken != ETIMEDOUT) return strerror(woken);
    return memcmp(&then, &before, sizeof then) ? "the time was changed" : in_time(begun);
}

static const char *semaphore(void) {
    sem_t never;
    sem_init(&never, 0, 0);
    double begun = passed();
    struct timespec then = soon();
    while (sem_timedwait(&never, &then) != 0 && errno == EINTR) {}
    return errno == ETIMEDOUT ? in_time(begun) : strerror(errno);
}

static const char *sleeping(void) {
    double begun = passed();
    struct timespec then = soon();
    int failed = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &then, NULL);
    return failed ? strerror(failed) : in_time(begun);
}

static const char *timer_of_descriptor(void) {
    double begun = passed();
    struct itimerspec when = {.it_value = soon()}, before = when;
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
    unsigned long count;
    if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) || read(fd, &count, sizeof count) < 0) return strerror(errno);
    return memcmp(&when, &before, sizeof when) ? "the time was changed" : in_time(begun);
}

static const char *timer(void) {
    sigset_t set;
    sigemptyset(&set); sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    timer_t made;
    double begun = passed();
    struct itimerspec when = {.it_value = soon()};
    if (timer_create(CLOCK_REALTIME, &event, &made) || timer_settime(made, TIMER_ABSTIME, &when, NULL))
        return strerror(errno);
    int got;
    sigwait(&set, &got);
    timer_delete(made);
    return in_time(begun);
}

/* The date goes on as other clocks do, and never back. */
static const char *going_on(void) {
    struct timespec one, other = {0};
    double begun = passed();
    clock_gettime(CLOCK_REALTIME, &one);
    struct timespec last = one;
    while (passed() - begun < 3) {
        clock_gettime(CLOCK_REALTIME, &other);
        if (other.tv_sec < last.tv_sec || (other.tv_sec == last.tv_sec && other.tv_nsec <= last.tv_nsec))
            return "two readings are not one after the other";
        last = other;
        usleep(1000);
    }
    long seconds = other.tv_sec - one.tv_sec;
    return seconds >= 2 && seconds <= 4 ? "ok" : "another time passed";
}

/* What was written later is newer, and nothing is newer than now. */
static const char *newer(void) {
    struct stat before = {0}, now;
    for (int round = 0; round < 30; round++) {
        int fd = open("/tmp/newer", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
        struct timespec date;
        if (write(fd, "x", 1) != 1 || fstat(fd, &now)) return strerror(errno);
        close(fd);
        clock_gettime(CLOCK_REALTIME, &date);
        if (now.st_mtim.tv_sec > date.tv_sec) return "it is of the future";
        if (now.st_mtim.tv_sec < before.st_mtim.tv_sec ||
            (now.st_mtim.tv_sec == before.st_mtim.tv_sec && now.st_mtim.tv_nsec <= before.st_mtim.tv_nsec))
            return "it is not newer";
        before = now;
        usleep(15000);
    }
    return "ok";
}

/* A time that is set is the one that is read, by path, by descriptor and by statx(2). */
static const char *set_times(void) {
    int fd = open("/tmp/set", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    long times[] = {1, 315619200, 1000000000, 1234567890};
    for (int at = 0; at < 4; at++) {
        struct timespec both[2] = {{times[at], 7}, {times[at], 8}};
        struct stat path, open_one;
        struct statx more;
        if (futimens(fd, both) || stat("/tmp/set", &path) || fstat(fd, &open_one) ||
            statx(AT_FDCWD, "/tmp/set", 0, STATX_BASIC_STATS, &more))
            return strerror(errno);
        if (path.st_mtim.tv_sec != times[at] || path.st_mtim.tv_nsec != 8 || open_one.st_atim.tv_nsec != 7 ||
            open_one.st_mtim.tv_sec != times[at] || more.stx_mtime.tv_sec != times[at])
            return "another time is read";
    }
    return "ok";
}

/* A program that is started by another thread than the first, while that one waits for an answer. */
static void *starts(void *none) {
    (void)none;
    execl(self, self, "nothing", NULL);
    return NULL;
}

static const char *thread_starts(void) {
    for (int round = 0; round < 50; round++) {
        int pid = fork();
        if (pid == 0) {
            pthread_t other;
            struct stat it;
            pthread_create(&other, NULL, starts, NULL);
            for (;;) stat("/build", &it);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid || status != 0) return "it did not start";
    }
    return "ok";
}

/* Processes that are killed while their calls are answered. */
static const char *killed(void) {
    for (int round = 0; round < 100; round++) {
        int pid = fork();
        if (pid == 0) {
            struct stat it;
            for (;;) { stat("/build", &it); time(NULL); }
        }
        usleep(round * 37 % 3000);
        kill(pid, SIGKILL);
        int status;
        if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status)) return "it was not killed";
    }
    return "ok";
}

static volatile sig_atomic_t rang;
static void ring(int signal) { (void)signal; rang++; }

/* Signals come through, and no call fails for them. */
static const char *signals(void) {
    struct sigaction action = {.sa_handler = ring, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 700}, {0, 700}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    const char *wrong = "ok";
    for (int round = 0; round < 3000 || rang < 10; round++) {
        struct stat it;
        if (stat("/build", &it) || fstat(0, &it) || time(NULL) < 0) wrong = strerror(errno);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    return rang < 10 ? "they did not come" : wrong;
}

/* A build may stop and go on, and it may have a debugger. */
static const char *stopped(void) {
    int pid = fork();
    if (pid == 0) {
        struct stat it;
        for (;;) stat("/build", &it);
    }
    for (int round = 0; round < 20; round++) {
        int status;
        kill(pid, SIGSTOP);
        if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) return "it did not stop";
        kill(pid, SIGCONT);
        if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status)) return "it did not go on";
        usleep(500);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return "ok";
}

static const char *debugger(void) {
    int pid = fork(), status;
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execl(self, self, "nothing", NULL);
        _exit(9);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) return "no stop at its start";
    long stops = 0;
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, pid, 0, 0)) return strerror(errno);
        if (waitpid(pid, &status, 0) != pid) return strerror(errno);
        if (WIFEXITED(status)) return stops > 4 && WEXITSTATUS(status) == 0 ? "ok" : "it saw no calls";
        stops++;
    }
}

/* Many arguments and variables; a program that is not there; one that is no program. */
static const char *arguments(void) {
    static char *many[3003];
    static char text[3003][40];
    many[0] = self; many[1] = "nothing";
    for (int at = 2; at < 3002; at++) { snprintf(text[at], 40, "argument=%d", at); many[at] = text[at]; }
    int pid = fork(), status;
    if (pid == 0) { execve(self, many, many + 2); _exit(9); }
    waitpid(pid, &status, 0);
    if (status != 0) return "it did not start with all of them";
    char *none[] = {NULL};
    if (execve("/nowhere", many, none) != -1 || errno != ENOENT) return "a program that is not there";
    close(open("/tmp/text", O_CREAT | O_WRONLY | O_CLOEXEC, 0700));
    if (execve("/tmp/text", many, none) != -1 || errno != ENOEXEC) return "a program that is none";
    return "ok";
}

/* The clock that the kernel maps into each process asks nobody. */
static const char *no_vdso(void) { return getauxval(AT_SYSINFO_EHDR) ? "it is told" : "ok"; }

static const char *todays_date(void) { return time(NULL) > 1700000000 ? "ok" : "it is long ago"; }

static const char *other_bytes(void) {
    unsigned char one[16], other[16];
    if (syscall(SYS_getrandom, one, 16, 0) != 16 || syscall(SYS_getrandom, other, 16, 0) != 16) return strerror(errno);
    if (syscall(SYS_getrandom, one, 16, 0x100) != -1 || errno != EINVAL) return "unknown flags";
    if (syscall(SYS_getrandom, 8, 16, 0) != -1 || errno != EFAULT) return "a bad address";
    return memcmp(one, other, 16) ? "ok" : "they are the same";
}

static const char *nothing(void) { return "ok"; }

int main(int count, char **names) {
    static const struct { const char *name; const char *(*run)(void); } all[] = {
#define IT(name) {#name, name}
        IT(condition), IT(semaphore), IT(sleeping), IT(timer_of_descriptor), IT(timer), IT(going_on), IT(newer),
        IT(set_times), IT(thread_starts), IT(killed), IT(signals), IT(stopped), IT(debugger), IT(arguments),
        IT(no_vdso), IT(todays_date), IT(other_bytes), IT(nothing),
    };
    /* However it was found. */
    self = "/proc/self/exe";
    for (int at = 1; at < count && strchr(names[at], '=') == NULL; at++)
        for (size_t it = 0; it < sizeof all / sizeof *all; it++)
            if (strcmp(all[it].name, names[at]) == 0) {
                printf("%s: %s\n", names[at], all[it].run());
                fflush(stdout);
            }
    return 0;
}
