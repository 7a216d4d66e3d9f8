/* What a sandbox's first process does, from its clone to its end; the same as `sandbox.py`, step by step. */

#ifndef GRAFT_SANDBOX_H
#define GRAFT_SANDBOX_H

#include "wire.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

/* What all sandboxes are made with. */
struct walls {
    struct profile profile;
    int report;                      /* where first processes report */
    int hierarchy[MAX_HIERARCHIES];  /* the launcher's folders of control groups */
    int rule[MAX_RULES];             /* what Landlock's rules of the profile are about */
};

/* Build the walls, wait on the line for the call, run it, report, and wait for the end. */
_Noreturn void become_sandbox(const struct walls *walls, const struct order *order, int line);

/* Enter a sandbox in place of an executable, as its user, who has no power in it, and build the walls that all calls have
 * in common. `spaces` are its namespaces: of mounts, users, processes, IPC, UTS, network, control groups; through the files
 * `groups` processes enter control groups. */
void join_sandbox(const struct walls *walls, unsigned kind, uint32_t number, int line, const int *spaces,
                  const int *groups, size_t count);

/* Wait for the call of a process that has joined. */
const struct call *wait_for_script(void);

/* Build the walls that are only that call's, and give the process a name. */
void confine_script(const struct profile *profile, const struct kind *kind, const char *name);

/* Tell the launcher why the call cannot be run, and end. */
_Noreturn void fail_script(const char *why);

/* Write a small file in one go; false with errno set. */
bool write_file(int folder, const char *path, const char *content);

#endif
