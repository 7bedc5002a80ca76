/* Attacks, one for each argument. Each line of the output is `NAME: done` when it succeeded, and `NAME: errno N` or
 * `NAME: no` when it did not. Outside of a sandbox, as root, most are done: that is the control. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *told; /* The text after the name of the attack and a `=`. */

static int at_loopback(int family) {
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(atoi(told)) };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(told)), .sin6_addr = in6addr_loopback };
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0) return -1;
    return family == AF_INET ? connect(fd, (void *)&four, sizeof four) : connect(fd, (void *)&six, sizeof six);
}
static int tcp4(void) { return at_loopback(AF_INET); }
static int tcp6(void) { return at_loopback(AF_INET6); }
static int abstract(void) {
    struct sockaddr_un it = { .sun_family = AF_UNIX };
    strcpy(it.sun_path + 1, told);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (void *)&it, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(told));
}
/* Without a route the kernel refuses it at once. */
static int away(void) {
    struct sockaddr_in it = { .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x08080808) };
    return connect(socket(AF_INET, SOCK_DGRAM, 0), (void *)&it, sizeof it);
}
static int vsock(void) { return socket(AF_VSOCK, SOCK_STREAM, 0); }
static int packet(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static int raw(void) { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static int uevent(void) { return socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT); }
static int audit(void) { return socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT); }

static int readfile(void) {
    char byte;
    int fd = open(told, O_RDONLY);
    return fd < 0 ? -1 : read(fd, &byte, 1) == 1 ? 0 : -1;
}
static int sees(void) { return access(told, F_OK); }
static int writefile(void) { int fd = open(told, O_WRONLY | O_APPEND); return fd < 0 ? -1 : write(fd, "x", 1) == 1 ? 0 : -1; }
static int by_descriptor(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", open(told, O_RDONLY));
    return open(path, O_RDWR);
}
static int mode(void) { return chmod(told, 0777); }
static int owner(void) { return chown(told, 0, 0); }
static int renamed(void) { char to[4096]; snprintf(to, sizeof to, "%s.moved", told); return rename(told, to); }
static int removed(void) { return unlink(told); }
static int truncated(void) { return truncate(told, 0); }
static int times(void) { return utimes(told, NULL); }
static int attribute(void) { return setxattr(told, "user.x", "x", 1, 0); }
static int created(void) { char to[4096]; snprintf(to, sizeof to, "%s.new", told); return open(to, O_CREAT | O_WRONLY, 0666); }
static int shared(void) {
    int fd = open(told, O_RDONLY);
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? -1 : 0;
}
static int protect(void) {
    void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, open(told, O_RDONLY), 0);
    return mprotect(at, 4096, PROT_READ | PROT_WRITE);
}
static int hardlink(void) {
    if (!link(told, "/tmp/hard")) return open("/tmp/hard", O_WRONLY);
    return -1;
}

static int root(void) { return setuid(0); }
static int user_namespace(void) { return unshare(CLONE_NEWUSER); }
static int clone_namespace(void) {
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) _exit(0);
    return child < 0 ? -1 : 0;
}
static int clone_three(void) {
    uint64_t arguments[11] = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD };
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0) _exit(0);
    return child < 0 ? -1 : 0;
}
static int mounts(void) { return mount("none", "/tmp", "tmpfs", 0, NULL); }
static int new_mount(void) { return syscall(SYS_fsopen, "tmpfs", 0); }
static int tree(void) { return syscall(SYS_open_tree, AT_FDCWD, "/", 1); }
static int unmounts(void) { return umount2(told, MNT_DETACH); }
static int enters(void) { return setns(open("/proc/self/ns/mnt", O_RDONLY), 0); }
static int chroots(void) { return chroot("/tmp"); }
static int pivots(void) { return syscall(SYS_pivot_root, ".", "."); }
static int keyring(void) { return syscall(SYS_add_key, "user", "x", "x", 1, -3); }
static int keys(void) { return syscall(SYS_keyctl, 0, -3, 1); }
static int capability(void) { return prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 1 ? 0 : (errno = EPERM, -1); }
static int file_capability(void) {
    uint32_t data[5] = { 0x02000001, 0xffffffff, 0, 0xffffffff, 0 };
    close(open("/tmp/f", O_CREAT | O_WRONLY, 0755));
    return setxattr("/tmp/f", "security.capability", data, sizeof data, 0);
}
static int device(void) { return mknod("/tmp/device", S_IFBLK | 0600, makedev(254, 0)); }
static int character(void) { return mknod("/tmp/character", S_IFCHR | 0600, makedev(1, 1)); }
static int handle(void) {
    struct { struct file_handle it; char bytes[128]; } at = { .it.handle_bytes = 128 };
    int id;
    if (name_to_handle_at(AT_FDCWD, "/tmp", &at.it, &id, 0)) return -1;
    return open_by_handle_at(open("/tmp", O_RDONLY), &at.it, O_RDONLY);
}

static int traced(void) { return ptrace(PTRACE_ATTACH, atoi(told), 0, 0); }
static int seized(void) { return ptrace(PTRACE_SEIZE, atoi(told), 0, 0); }
static int memory(void) { char path[64]; snprintf(path, sizeof path, "/proc/%s/mem", told); return open(path, O_RDWR); }
static int written(void) {
    struct iovec here = { "x", 1 }, there = { (void *)0x400000, 1 };
    return process_vm_writev(atoi(told), &here, 1, &there, 1, 0) == 1 ? 0 : -1;
}
static int descriptor(void) { return syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, atoi(told), 0), 0, 0); }
static int listed(void) { char path[64]; snprintf(path, sizeof path, "/proc/%s/fd/0", told); return open(path, O_RDWR); }
static int its_root(void) { char path[64]; snprintf(path, sizeof path, "/proc/%s/root/etc", told); return open(path, O_RDONLY); }
static int signalled(void) { return kill(atoi(told), 0); }
/* Every signal to the first process, which survives: else this never prints anything. */
static int storm(void) {
    for (int turn = 0; turn < 3; turn++)
        for (int number = 1; number <= 64; number++) kill(1, number);
    return -1;
}

static int typed(void) { return ioctl(0, TIOCSTI, "x"); }
static int typed_own(void) { int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY); return ioctl(fd, TIOCSTI, "x"); }
static int own_terminal(void) {
    char name[64], text[3] = "";
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, sizeof name)) return -1;
    int other = open(name, O_RDWR | O_NOCTTY);
    if (other < 0 || write(fd, "x\n", 2) != 2 || read(other, text, 2) != 2) return -1;
    return strcmp(name, "/dev/pts/0") || strcmp(text, "x\n") ? -1 : 0;
}
static int discipline(void) { int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY), number = 15; return ioctl(fd, TIOCSETD, &number); }
static int ring(void) { char params[120] = { 0 }; return syscall(SYS_io_uring_setup, 4, params); }
static int bpf(void) { char attr[128] = { 1 }; return syscall(SYS_bpf, 0, attr, sizeof attr); }
static int perf(void) { uint32_t attr[32] = { 1, 128 }; return syscall(SYS_perf_event_open, attr, 0, -1, -1, 0); }
static int faults(void) { return syscall(SYS_userfaultfd, 0); }
static int kernel_log(void) { char text[64]; return syscall(SYS_syslog, 3, text, sizeof text); }
static int clock_set(void) { struct timespec it = { 1, 0 }; return syscall(SYS_clock_settime, 9, &it); }
static int renames_host(void) { return sethostname("x", 1); }
static int accounts(void) { return syscall(SYS_quotactl, 0x80000100, "", 0, NULL); }
static int thirty_two(void) {
    long it;
    /* getpid(2) of the 32-bit interface, in a child: it may be killed. */
    pid_t child = fork();
    if (child == 0) {
        __asm__ volatile("int $0x80" : "=a"(it) : "a"(20L) : "memory");
        _exit(it > 0 ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}
static int x32(void) { return syscall(0x40000000 | 39); }
static int listens(void) {
    struct sockaddr_un it = { .sun_family = AF_UNIX };
    strcpy(it.sun_path, told);
    return bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&it, sizeof it);
}
static int tty(void) { return open("/dev/tty", O_RDWR); }

/* A directory's names are complete, however often signals interrupt its reading. */
static void tick(int number) { (void)number; }
static int all_names(void) {
    char name[32];
    static char buffer[4096];
    mkdir("names", 0777);
    for (int i = 0; i < 3000; i++) { sprintf(name, "names/%d", i); close(open(name, O_CREAT | O_WRONLY, 0666)); }
    struct sigaction action = { .sa_handler = tick, .sa_flags = SA_RESTART };
    struct itimerval often = { { 0, 150 }, { 0, 150 } };
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int turn = 0; turn < 20; turn++) {
        int count = 0, fd = open("names", O_RDONLY);
        long got;
        while ((got = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0)
            for (long at = 0; at < got; at += *(unsigned short *)(buffer + at + 16)) count++;
        close(fd);
        if (got < 0 || count != 3002) { errno = got < 0 ? errno : ERANGE; return -1; }
    }
    return 0;
}

#define ATTACK(name) { #name, name }
static const struct { const char *name; int (*run)(void); } attacks[] = {
    ATTACK(tcp4), ATTACK(tcp6), ATTACK(abstract), ATTACK(away), ATTACK(vsock), ATTACK(packet), ATTACK(raw), ATTACK(uevent),
    ATTACK(audit), ATTACK(readfile), ATTACK(sees), ATTACK(writefile), ATTACK(by_descriptor), ATTACK(mode), ATTACK(owner),
    ATTACK(renamed), ATTACK(removed), ATTACK(truncated), ATTACK(times), ATTACK(attribute), ATTACK(created), ATTACK(shared),
    ATTACK(protect), ATTACK(hardlink), ATTACK(root), ATTACK(user_namespace), ATTACK(clone_namespace), ATTACK(clone_three),
    ATTACK(mounts), ATTACK(new_mount), ATTACK(tree), ATTACK(unmounts), ATTACK(enters), ATTACK(chroots), ATTACK(pivots),
    ATTACK(keyring), ATTACK(keys), ATTACK(capability), ATTACK(file_capability), ATTACK(device), ATTACK(character),
    ATTACK(handle), ATTACK(traced), ATTACK(seized), ATTACK(memory), ATTACK(written), ATTACK(descriptor), ATTACK(listed),
    ATTACK(its_root), ATTACK(signalled), ATTACK(storm), ATTACK(typed), ATTACK(typed_own), ATTACK(own_terminal), ATTACK(discipline), ATTACK(ring),
    ATTACK(bpf), ATTACK(perf), ATTACK(faults), ATTACK(kernel_log), ATTACK(clock_set), ATTACK(renames_host),
    ATTACK(accounts), ATTACK(thirty_two), ATTACK(x32), ATTACK(tty), ATTACK(listens), ATTACK(all_names),
};

int main(int argc, char **argv) {
    /* Each in its own process, so that none affects the next. */
    FILE *out = argv[1][0] == '-' ? stdout : fopen(argv[1], "we");
    for (int i = 2; i < argc; i++) {
        char *name = strdup(argv[i]), *equals = strchr(name, '=');
        told = equals ? equals + 1 : "";
        if (equals) *equals = 0;
        fflush(out);
        pid_t child = fork();
        if (child == 0) {
            for (size_t it = 0; it < sizeof attacks / sizeof *attacks; it++)
                if (!strcmp(attacks[it].name, name)) {
                    errno = 0;
                    int done = attacks[it].run();
                    if (done >= 0) fprintf(out, "%s: done\n", argv[i]);
                    else if (errno) fprintf(out, "%s: errno %d\n", argv[i], errno);
                    else fprintf(out, "%s: no\n", argv[i]);
                    fflush(out);
                    _exit(0);
                }
            fprintf(out, "%s: unknown\n", argv[i]);
            fflush(out);
            _exit(1);
        }
        int status;
        waitpid(child, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status)) fprintf(out, "%s: ended by %d\n", argv[i], status);
    }
    return fclose(out) ? 1 : 0;
}
