/* The maker: clones sandboxes for the launcher of the engine `native`; the same as `making.py`.
 *
 * The launcher executes it, with the line to it as descriptor 3, in its own namespaces. The first message that comes is
 * the profile: all that is decided about sandboxes is decided there. What is cloned is the launcher's child.
 */

#define _GNU_SOURCE
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE = 3, MAX_NETWORKS = 4096, MAX_FDS = 1 + MAX_HIERARCHIES + MAX_RULES, CLONE3 = 435, CLONE_WORDS = 11 };
static const uint64_t INTO_CGROUP = 0x200000000ULL;

static struct walls walls;
static unsigned char profile_data[MAX_PROFILE];
static int own_mounts, own_network;
static int kept[MAX_NETWORKS]; /* network namespaces with nothing in them, one more than their descriptors; 0 for none */
static char problem[MAX_ERROR]; /* why there is no sandbox */

/* A sandbox on its way; -1 where there is no descriptor. */
struct made {
    int ours, theirs, group, mounts;
    pid_t pid;
};

static bool refuse(const char *what) {
    snprintf(problem, sizeof problem, "%s: %s", what, strerror(errno));
    return false;
}

static void answer(uint32_t number, int32_t pid, const int *fds, size_t count) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int[2]))];
    } control = {.head = {CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec parts[] = {{&number, sizeof number}, {&pid, sizeof pid}, {problem, pid ? 0 : strlen(problem)}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    if (count) {
        memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    }
    if (sendmsg(LINE, &message, MSG_NOSIGNAL) < 0)
        _exit(1);
}

/* Kill what is left in a control group. */
static void kill_group(int hierarchy, const char *procs) {
    char found[4096];
    int fd = openat(hierarchy, procs, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t size = read(fd, found, sizeof found - 1);
    close(fd);
    found[size > 0 ? size : 0] = 0;
    for (char *at = found, *end;; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            return;
        if (pid > 0)
            kill((pid_t)pid, SIGKILL);
    }
}

/* Make a control group that is as none had ever been there. */
static bool renew(int hierarchy, const char *group) {
    char procs[MAX_ORDER + 16];
    if (unlinkat(hierarchy, group, AT_REMOVEDIR) && errno != ENOENT) {
        snprintf(procs, sizeof procs, "%s/cgroup.procs", group);
        kill_group(hierarchy, procs);
        if (unlinkat(hierarchy, group, AT_REMOVEDIR) && errno != ENOENT) {
            snprintf(problem, sizeof problem, "the control group %s is still in use", group);
            return false;
        }
    }
    return !mkdirat(hierarchy, group, 0755) || refuse("mkdir");
}

static bool prepare_group(const struct order *order, struct made *made) {
    if (!order->group[0])
        return true;
    for (unsigned n = 0; n < order->stale_count; n++)
        if (!renew(walls.hierarchy[order->stale[n]], order->group))
            return false;
    for (unsigned n = 0; n < walls.profile.hierarchies; n++)
        if (walls.profile.unified[n]) {
            made->group = openat(walls.hierarchy[n], order->group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            return made->group >= 0 || refuse("its control group");
        }
    return true;
}

/* Whether there is no unix socket in this process's network namespace, the only kind that calls in it may have. */
static bool network_is_empty(void) {
    char table[4096];
    int fd = open("/proc/thread-self/net/unix", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, table, sizeof table);
    close(fd);
    const char *title = size > 0 ? memchr(table, '\n', (size_t)size) : NULL;
    return title && title + 1 == table + size;
}

/* Be in the network namespace of a sandbox; no other sandbox that is there has the same number. */
static bool enter_network(uint32_t number) {
    if (number >= MAX_NETWORKS) {
        errno = ERANGE;
        return refuse("a network namespace");
    }
    if (kept[number]) {
        if (setns(kept[number] - 1, CLONE_NEWNET))
            return refuse("setns");
        if (network_is_empty())
            return true;
        close(kept[number] - 1);
        kept[number] = 0;
    }
    if (unshare(CLONE_NEWNET))
        return refuse("unshare");
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refuse("a network namespace");
    kept[number] = fd + 1;
    return true;
}

/* Clone the sandbox from a copy of the template, in which this process is meanwhile. */
static bool clone_sandbox(const struct order *order, struct made *made) {
    const struct profile *profile = &walls.profile;
    const struct kind *kind = &profile->kind[order->kind];
    if (kind->place == KEPT_NETWORK && !enter_network(order->number))
        return false;
    if (unshare(CLONE_NEWNS))
        return refuse("unshare");
    made->mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (made->mounts < 0)
        return refuse("its namespace of mounts");
    if (mount("tmp", "/tmp", "tmpfs", profile->tmp_flags, profile->tmp_options))
        return refuse("mount tmpfs at /tmp");
    uint64_t flags = profile->namespaces | CLONE_PARENT | (kind->place == LOOPBACK ? CLONE_NEWNET : 0);
    uint64_t arguments[CLONE_WORDS] = {flags};
    if (made->group >= 0) {
        arguments[0] |= INTO_CGROUP;
        arguments[CLONE_WORDS - 1] = (uint64_t)made->group;
    }
    made->pid = (pid_t)syscall(CLONE3, arguments, sizeof arguments);
    if (made->pid == 0)
        become_sandbox(&walls, order, made->theirs);
    return made->pid > 0 || refuse("clone3");
}

static void make(const struct order *order) {
    struct made made = {-1, -1, -1, -1, 0};
    int ends[2];
    bool good = prepare_group(order, &made);
    if (good && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        good = refuse("socketpair");
    else if (good) {
        made.ours = ends[0];
        made.theirs = ends[1];
        good = clone_sandbox(order, &made);
        bool back = !setns(own_mounts, CLONE_NEWNS);
        if (walls.profile.kind[order->kind].place == KEPT_NETWORK)
            back = back && !setns(own_network, CLONE_NEWNET);
        if (!back)
            _exit(1); /* nothing may be made from where it does not belong */
    }
    if (good)
        answer(order->number, made.pid, (int[]){made.ours, made.mounts}, 2);
    else
        answer(order->number, 0, NULL, 0);
    const int opened[] = {made.ours, made.theirs, made.group, made.mounts};
    for (size_t n = 0; n < sizeof opened / sizeof *opened; n++)
        if (opened[n] >= 0)
            close(opened[n]);
}

/* Take the profile with its descriptors, and see whether sandboxes can be made here. */
static bool begin(void) {
    static union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int[MAX_FDS]))];
    } control;
    struct iovec into = {profile_data, sizeof profile_data};
    struct msghdr got = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control};
    got.msg_controllen = sizeof control.room;
    ssize_t size = recvmsg(LINE, &got, MSG_CMSG_CLOEXEC);
    if (size <= 0)
        _exit(0);
    const struct profile *profile = &walls.profile;
    const struct cmsghdr *came = CMSG_FIRSTHDR(&got);
    bool whole = !(got.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && came && came->cmsg_type == SCM_RIGHTS;
    if (!whole || !read_profile(&walls.profile, profile_data, (size_t)size) ||
        came->cmsg_len != CMSG_LEN((1 + profile->hierarchies + profile->rules) * sizeof(int))) {
        errno = EPROTO;
        return refuse("the profile");
    }
    const unsigned char *fds = CMSG_DATA(came);
    memcpy(&walls.report, fds, sizeof(int));
    memcpy(walls.hierarchy, fds + sizeof(int), profile->hierarchies * sizeof(int));
    memcpy(walls.rule, fds + (1 + profile->hierarchies) * sizeof(int), profile->rules * sizeof(int));

    own_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    own_network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own_mounts < 0 || own_network < 0)
        return refuse("/proc/self/ns");
    /* Filters of containers, which cannot look at its flags, act as if it were not there. */
    if (syscall(CLONE3, NULL, 0) < 0 && errno == ENOSYS)
        return refuse("clone3");
    if (unshare(CLONE_NEWNS) || setns(own_mounts, CLONE_NEWNS))
        return refuse("unshare");
    return true;
}

int main(void) {
    static struct order order;
    unsigned char data[MAX_ORDER + 1];
    if (!begin()) {
        answer(0, 0, NULL, 0);
        return 1;
    }
    answer(0, getpid(), NULL, 0);
    for (;;) {
        ssize_t size = recv(LINE, data, sizeof data, 0);
        if (size <= 0)
            return 0; /* the launcher is gone */
        if (!read_order(&order, &walls.profile, data, (size_t)size))
            return 1;
        make(&order);
    }
}
