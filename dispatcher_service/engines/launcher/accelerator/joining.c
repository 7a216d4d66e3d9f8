/* A library for warm interpreters: forks children that join sandboxes; the same as `zygote/waiting.py`, step by step.
 *
 * Of an interpreter and its children each copies every page that it writes to, and nearly everything that Python does is
 * to write to many pages. So the interpreter is in here while it forks, and a child until its call has come. Nothing is
 * decided here: the profile is the maker's.
 */

#define _GNU_SOURCE
#include "sandbox.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
enum { CLONE3 = 435, CLONE_WORDS = 11, SPACES = 7, PROCESSES = 2, MOST_FDS = SPACES + 1 + MAX_HIERARCHIES };
static const uint64_t INTO_CGROUP = 0x200000000ULL;

/* A sandbox in which a child is wanted; see `waiting.py`. */
struct __attribute__((packed)) wanted {
    uint32_t number;
    bool unified, rehearse;
};

static unsigned char profile_data[MAX_PROFILE];
static struct walls walls;

/* Take the profile, where children report, and what Landlock's rules in the profile are about; false when it is none. */
EXPORTED bool graft_prepare(const void *data, size_t size, int report, const int *rules) {
    if (size > sizeof profile_data)
        return false;
    memcpy(profile_data, data, size);
    if (!read_profile(&walls.profile, profile_data, size))
        return false;
    walls.report = report;
    memcpy(walls.rule, rules, walls.profile.rules * sizeof *rules);
    return true;
}

/* Fork a child into a sandbox's namespace of processes, as a sibling; minus an error. */
static long fork_into(int processes, int cgroup, void *tid) {
    uint64_t flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | (cgroup != -1 ? INTO_CGROUP : 0);
    uint64_t arguments[CLONE_WORDS] = {flags, 0, (uintptr_t)tid};
    if (cgroup != -1)
        arguments[CLONE_WORDS - 1] = (uint64_t)cgroup;
    if (setns(processes, CLONE_NEWPID)) /* of the next child, not of this process */
        return -errno;
    long pid = syscall(CLONE3, arguments, sizeof arguments);
    return pid < 0 ? -errno : pid;
}

static bool answer(int line, uint32_t number, long pid, int child) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    const char *error = pid < 0 ? strerror((int)-pid) : "";
    int32_t told = pid < 0 ? 0 : (int32_t)pid;
    struct iovec parts[] = {{&number, sizeof number}, {&told, sizeof told}, {(char *)error, strlen(error)}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    if (told) {
        memcpy(CMSG_DATA(&control.head), &child, sizeof child);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.room;
    }
    return sendmsg(line, &message, MSG_NOSIGNAL) >= 0;
}

/* Fork children as they are ordered on the line. Returns in each child, which has joined its sandbox: whether it is to
 * rehearse; and in the interpreter itself -1, when the launcher is gone. `tid` is where the C library keeps the thread's
 * number. */
EXPORTED int graft_serve(int line, unsigned kind, void *tid) {
    for (;;) {
        union {
            struct cmsghdr head;
            char room[CMSG_SPACE(sizeof(int[MOST_FDS]))];
        } control;
        struct wanted wanted;
        struct iovec into = {&wanted, sizeof wanted};
        struct msghdr got = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        ssize_t size = recvmsg(line, &got, MSG_CMSG_CLOEXEC);
        const struct cmsghdr *came = size > 0 ? CMSG_FIRSTHDR(&got) : NULL;
        int fds[MOST_FDS], pair[2] = {-1, -1};
        size_t count = came && came->cmsg_type == SCM_RIGHTS ? (came->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return -1;
        memcpy(fds, came ? (const void *)CMSG_DATA(came) : fds, count * sizeof(int));
        size_t groups = SPACES + (wanted.unified ? 1 : 0);
        long pid = -EINVAL;
        if (size == sizeof wanted && count >= groups && !(got.msg_flags & MSG_CTRUNC)) {
            pid = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ? -errno : 0;
            if (!pid)
                pid = fork_into(fds[PROCESSES], wanted.unified ? fds[SPACES] : -1, tid);
            if (!pid) {
                join_sandbox(&walls, kind, wanted.number, pair[1], fds, fds + groups, count - groups);
                return wanted.rehearse;
            }
        }
        bool told = answer(line, wanted.number, pid, pair[0]);
        for (size_t n = 0; n < count; n++)
            close(fds[n]);
        for (int n = 0; n < 2; n++)
            if (pair[n] != -1)
                close(pair[n]);
        if (!told)
            return -1;
    }
}

/* Wait in the child for its call: its arguments, and behind them its variables, each with a NUL behind it; `size` becomes
 * their size, and `count` how many arguments there are. */
EXPORTED const char *graft_wait(size_t *size, unsigned *count) {
    const struct call *call = wait_for_script();
    const char *end = call->arguments[0];
    unsigned texts = 0;
    for (*count = 0; call->arguments[*count]; ++*count)
        texts++;
    for (unsigned n = 0; call->variables[n]; n++)
        texts++;
    while (texts--)
        end += strlen(end) + 1;
    *size = (size_t)(end - call->arguments[0]);
    return call->arguments[0];
}

/* Build the walls in the child that are only the call's, and give it the name. */
EXPORTED void graft_confine(unsigned kind, const char *name) {
    confine_script(&walls.profile, &walls.profile.kind[kind], name);
}

/* Tell in the child why it cannot run its script, and end. */
EXPORTED _Noreturn void graft_fail(const char *why) {
    fail_script(why);
}
