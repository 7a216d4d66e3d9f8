#define _GNU_SOURCE
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The same on every architecture, and younger than some C libraries. */
enum { CLOSE_RANGE = 436, LANDLOCK_CREATE = 444, LANDLOCK_ADD = 445, LANDLOCK_RESTRICT = 446, PATH_BENEATH = 1 };
enum { REPORT_FD = 3, LINE_FD = 4, RULES_FD = 5 };
enum { CAPABILITIES_V3 = 0x20080522 };

struct __attribute__((packed)) report {
    uint32_t sandbox, code, signal;
    double cpu;
    uint32_t maxrss;
    char error[MAX_ERROR];
};

/* Signals that are as they are by default when the executable starts. SIGPIPE stays ignored, as xapi leaves it. */
static const int RESET[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXFSZ, SIGCHLD};
/* In this order; the namespace of mounts the launcher has. */
static const char *const SPACES[] = {"user", "pid", "ipc", "uts", "net", "cgroup"};
enum { SPACES_COUNT = sizeof SPACES / sizeof *SPACES };

static struct report report;
static int report_fd;
static unsigned char message[MAX_CALL];
static struct call call;

/* Tell the launcher why there is no sandbox, and end. */
__attribute__((format(printf, 1, 2))) static _Noreturn void fail(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    vsnprintf(report.error, sizeof report.error, format, rest);
    va_end(rest);
    (void)!write(report_fd, &report, offsetof(struct report, error) + strlen(report.error));
    _exit(127);
}

/* Go on only if a system call has succeeded. */
static long must(long result, const char *what) {
    if (result < 0)
        fail("%s: %s", what, strerror(errno));
    return result;
}

bool write_file(int folder, const char *path, const char *content) {
    int fd = openat(folder, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t written = write(fd, content, strlen(content));
    int error = errno;
    close(fd);
    errno = error;
    return written >= 0;
}

static void close_from(unsigned first) {
    must(syscall(CLOSE_RANGE, first, ~0U, 0), "close_range");
}

/* Move into the control groups, but for those that this process was born in. */
static void join_groups(const struct walls *walls, const struct order *order) {
    char procs[MAX_ORDER + 16];
    if (!order->group[0])
        return;
    snprintf(procs, sizeof procs, "%s/cgroup.procs", order->group);
    for (unsigned n = 0; n < walls->profile.hierarchies; n++)
        if (!walls->profile.unified[n])
            must(write_file(walls->hierarchy[n], procs, "0") - 1, procs);
}

static void raise_loopback(void) {
    struct ifreq asked = {.ifr_name = "lo"};
    int line = (int)must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    must(ioctl(line, SIOCGIFFLAGS, &asked), "the loopback");
    asked.ifr_flags |= IFF_UP;
    must(ioctl(line, SIOCSIFFLAGS, &asked), "the loopback");
    close(line);
}

/* Become a user that owns nothing, in a user namespace that owns none of the other namespaces. */
static void become_user(const struct profile *profile, int32_t wanted, int own) {
    uid_t uid = geteuid(), real, effective, saved;
    gid_t gid = getegid();
    char map[64];
    if (wanted != -1) {
        uid = (uid_t)wanted;
        gid = (gid_t)wanted;
        if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
            fail("root here cannot become user %d (%s): %s", wanted, strerror(errno), profile->user_hint);
        must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl"); /* for the maps */
    }
    must(getresuid(&real, &effective, &saved), "getresuid");
    if (!real || !effective || !saved)
        fail("a call must not run as root");
    must(unshare(CLONE_NEWUSER), "unshare");
    must(write_file(own, "setgroups", "deny") - 1, "setgroups");
    snprintf(map, sizeof map, "%u %u 1", profile->inner, uid);
    must(write_file(own, "uid_map", map) - 1, "uid_map");
    snprintf(map, sizeof map, "%u %u 1", profile->inner, gid);
    must(write_file(own, "gid_map", map) - 1, "gid_map");
    /* This process is a copy of the maker: the call must not look into it. */
    must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl");
}

/* Give up every capability, and that any program could give one back. */
static void drop_capabilities(uint32_t last) {
    struct {
        uint32_t version;
        int pid;
    } header = {CAPABILITIES_V3, 0};
    uint32_t none[6] = {0};
    for (uint32_t number = 0; number <= last; number++)
        prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
    must(syscall(SYS_capset, &header, none), "capset");
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
}

static void allow(const struct profile *profile, int ruleset, int place, uint64_t access) {
    struct __attribute__((packed)) {
        uint64_t access;
        int32_t place;
    } rule = {access & profile->handled, place};
    struct stat found;
    must(fstat(place, &found), "fstat");
    if (!S_ISDIR(found.st_mode))
        rule.access &= profile->of_files;
    must(syscall(LANDLOCK_ADD, ruleset, PATH_BENEATH, &rule, 0), "landlock_add_rule");
}

/* The same by a path; one that does not exist is skipped. */
static void allow_path(const struct profile *profile, int ruleset, const char *path, uint64_t access) {
    int place = open(path, O_PATH | O_CLOEXEC);
    if (place < 0 && errno == ENOENT)
        return;
    allow(profile, ruleset, (int)must(place, path), access);
    close(place);
}

/* What the call is to reach; -1 where the kernel has no Landlock. */
static int make_ruleset(const struct walls *walls, const struct kind *kind) {
    const struct profile *profile = &walls->profile;
    if (!profile->handled)
        return -1;
    int ruleset = (int)must(syscall(LANDLOCK_CREATE, kind->ruleset, kind->ruleset_size, 0), "landlock_create_ruleset");
    for (unsigned n = 0; n < profile->rules; n++)
        allow(profile, ruleset, walls->rule[n], profile->rule[n]);
    for (unsigned n = 0; n < profile->paths; n++)
        allow_path(profile, ruleset, profile->path[n], profile->path_access[n]);
    return ruleset;
}

/* Keep nothing of the maker's but the line, where to report, and the ruleset. */
static void keep(int line, int ruleset) {
    int kept[] = {report_fd, line, ruleset};
    for (int n = 0; n < 3; n++)
        if (kept[n] != -1)
            kept[n] = (int)must(fcntl(kept[n], F_DUPFD_CLOEXEC, RULES_FD + 1), "dup");
    for (int n = 0; n < 3; n++)
        if (kept[n] != -1)
            must(dup3(kept[n], REPORT_FD + n, O_CLOEXEC), "dup");
    report_fd = REPORT_FD;
    close_from(ruleset != -1 ? RULES_FD + 1 : RULES_FD);
}

/* Hand out the sandbox's namespaces, for a process that is to run in it in place of an executable. */
static void let_in(void) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int[SPACES_COUNT]))];
    } control = {.head = {CMSG_LEN(sizeof(int[SPACES_COUNT])), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec text = {"J", 1};
    struct msghdr answer = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control};
    int fds[SPACES_COUNT];
    answer.msg_controllen = sizeof control.room;
    for (int n = 0; n < SPACES_COUNT; n++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/self/ns/%s", SPACES[n]);
        fds[n] = (int)must(open(path, O_RDONLY | O_CLOEXEC), path);
    }
    memcpy(CMSG_DATA(&control.head), fds, sizeof fds);
    must(sendmsg(LINE_FD, &answer, MSG_NOSIGNAL), "sendmsg");
    for (int n = 0; n < SPACES_COUNT; n++)
        close(fds[n]);
}

/* Take the call and its three descriptors, and serve requests for namespaces before. */
static void wait_for_call(int fds[3]) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int[3]))];
    } control;
    struct iovec into = {message, sizeof message};
    struct msghdr got = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control};
    ssize_t size;
    for (;;) {
        got.msg_controllen = sizeof control.room;
        got.msg_flags = 0;
        size = must(recvmsg(LINE_FD, &got, MSG_CMSG_CLOEXEC), "recvmsg");
        if (size == 0)
            _exit(0); /* not needed any more */
        if (size != 1 || message[0] != 'J')
            break;
        let_in();
    }
    const struct cmsghdr *came = CMSG_FIRSTHDR(&got);
    bool whole = !(got.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && came && came->cmsg_type == SCM_RIGHTS;
    if (!whole || came->cmsg_len != CMSG_LEN(sizeof(int[3])) || !read_call(&call, message, (size_t)size))
        fail("the call has not come whole");
    memcpy(fds, CMSG_DATA(came), sizeof(int[3]));
}

/* Set a limit; where there is a lower ceiling already, that one stays. */
static int set_limit(int which, uint64_t soft, uint64_t hard) {
    struct rlimit old;
    if (getrlimit(which, &old))
        return -1;
    struct rlimit new = {soft < old.rlim_max ? soft : old.rlim_max, hard < old.rlim_max ? hard : old.rlim_max};
    return setrlimit(which, &new);
}

/* Set what holds for this call alone: limits, what it may do with what was mounted for it, its descriptors. */
static void confine(const struct profile *profile, const struct kind *kind, int ruleset, const int fds[3]) {
    const char *path = call.paths;
    struct sock_fprog filter = {(unsigned short)kind->filter_length, (struct sock_filter *)kind->filter};
    if (call.processes) /* this one counts too */
        must(set_limit(RLIMIT_NPROC, call.processes + 1ULL, call.processes + 1ULL), "setrlimit");
    if (ruleset != -1) {
        for (unsigned n = 0; n < call.rules; n++, path += strlen(path) + 1) {
            uint64_t access;
            memcpy(&access, call.access + 8 * n, sizeof access);
            allow_path(profile, RULES_FD, path, access);
        }
        must(syscall(LANDLOCK_RESTRICT, RULES_FD, 0), "landlock_restrict_self");
    }
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0), "seccomp");
    for (int n = 0; n < 3; n++)
        must(dup2(fds[n], n), "dup2"); /* none of them is below 3 */
    close_from(REPORT_FD + 1);
    for (unsigned n = 0; n < call.limits; n++)
        if (call.limit[n].which != RLIMIT_AS)
            must(set_limit((int)call.limit[n].which, call.limit[n].soft, call.limit[n].hard), "setrlimit");
}

/* Start the executable: its number. Only the child, which shares this process's memory until then, is limited in that. */
static pid_t start(void) {
    static volatile int error;
    pid_t child = vfork();
    if (child == 0) {
        for (size_t n = 0; n < sizeof RESET / sizeof *RESET; n++)
            signal(RESET[n], SIG_DFL);
        for (unsigned n = 0; n < call.limits; n++)
            if (call.limit[n].which == RLIMIT_AS && set_limit(RLIMIT_AS, call.limit[n].soft, call.limit[n].hard))
                error = errno;
        if (!error) {
            execve(call.arguments[0], call.arguments, call.variables);
            error = errno;
        }
        _exit(127);
    }
    must(child, "vfork");
    if (error)
        fail("%s", strerror(error));
    return child;
}

/* Kill and reap everything else in this namespace, of which this process is pid 1: what is left is its child. */
static void end_the_rest(void) {
    pid_t reaped;
    while ((reaped = waitpid(-1, NULL, WNOHANG)) > 0) {
    }
    if (reaped < 0 || kill(-1, SIGKILL))
        return;
    while (waitpid(-1, NULL, 0) > 0) {
    }
}

static double seconds(struct timeval time) {
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

void join_sandbox(const struct walls *walls, unsigned kind, uint32_t number, int line, const int *spaces,
                  const int *groups, size_t count) {
    static const int KINDS[] = {CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWNET, CLONE_NEWCGROUP};
    const uint32_t inner = walls->profile.inner;
    report.sandbox = number;
    report_fd = walls->report;
    for (size_t n = 0; n < count; n++)
        must(write(groups[n], "0", 1), "cgroup.procs");
    for (size_t n = 0; n < sizeof KINDS / sizeof *KINDS; n++)
        must(setns(spaces[3 + n], KINDS[n]), "setns");
    must(setns(spaces[0], CLONE_NEWNS), "setns");
    must(setns(spaces[1], CLONE_NEWUSER), "setns");
    must(setresgid(inner, inner, inner), "setresgid");
    must(setresuid(inner, inner, inner), "setresuid");
    drop_capabilities(walls->profile.last_capability); /* a user namespace has given them all */
    /* As a program that is executed; and there is nothing to hide here. */
    must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl");
    must(setsid(), "setsid");
    keep(line, make_ruleset(walls, &walls->profile.kind[kind]));
}

static int call_fds[3];

const struct call *wait_for_script(void) {
    wait_for_call(call_fds);
    if (access(call.arguments[0], X_OK))
        fail("%s", strerror(errno));
    return &call;
}

void confine_script(const struct profile *profile, const struct kind *kind, const char *name) {
    confine(profile, kind, profile->handled ? RULES_FD : -1, call_fds);
    for (unsigned n = 0; n < call.limits; n++)
        if (call.limit[n].which == RLIMIT_AS)
            must(set_limit(RLIMIT_AS, call.limit[n].soft, call.limit[n].hard), "setrlimit");
    must(prctl(PR_SET_NAME, name, 0, 0, 0), "prctl");
    close_from(REPORT_FD);
}

_Noreturn void fail_script(const char *why) {
    fail("%s", why);
}

_Noreturn void become_sandbox(const struct walls *walls, const struct order *order, int line) {
    const struct profile *profile = &walls->profile;
    const struct kind *kind = &profile->kind[order->kind];
    int fds[3], status;
    report.sandbox = order->number;
    report_fd = walls->report;

    join_groups(walls, order);
    must(unshare(CLONE_NEWCGROUP), "unshare"); /* only now, so that its own groups are the roots that it sees */
    signal(SIGCHLD, SIG_DFL);
    must(setsid(), "setsid");
    /* Through the launcher's /proc, which unlike the call's own can be written to. */
    int own = (int)must(open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "/proc/self");
    must(write_file(own, "oom_score_adj", profile->oom_score) - 1, "oom_score_adj");
    if (kind->place == LOOPBACK)
        raise_loopback();
    must(mount("proc", "/proc", "proc", profile->proc_flags, profile->proc_options), "mount proc at /proc");
    become_user(profile, order->uid, own);
    umask(022);
    drop_capabilities(profile->last_capability);
    int ruleset = make_ruleset(walls, kind);
    keep(line, ruleset);
    wait_for_call(fds);
    confine(profile, kind, ruleset, fds);

    pid_t executable = start();
    while (must(waitpid(-1, &status, 0), "waitpid") != executable) {
    }
    end_the_rest();
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    report.code = WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 0;
    report.signal = WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0;
    report.cpu = seconds(used.ru_utime) + seconds(used.ru_stime);
    report.maxrss = (uint32_t)used.ru_maxrss;
    (void)!write(REPORT_FD, &report, offsetof(struct report, error));
    for (;;)
        pause(); /* the launcher kills this process when it has told of the end, which has no time to lose */
}
