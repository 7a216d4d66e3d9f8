/* What is said to the maker and to a sandbox's first process, as `wire.py` describes it. Reading makes no system call. */

#ifndef GRAFT_WIRE_H
#define GRAFT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAX_ORDER = 256,
    MAX_CALL = 1 << 18,
    MAX_PROFILE = 1 << 17,
    MAX_ERROR = 500,
    MAX_HIERARCHIES = 16,
    MAX_RULES = 32,
    MAX_PATHS = 8,
    MAX_KINDS = 4,
    MAX_LIMITS = 255,
    MAX_TEXTS = 2 * 0xffff,
};

/* Where a sandbox's network comes from. */
enum place { HOST_NETWORK, KEPT_NETWORK, LOOPBACK };

struct kind {
    enum place place;
    const unsigned char *ruleset; /* struct landlock_ruleset_attr */
    size_t ruleset_size;
    const unsigned char *filter; /* struct sock_filter, for seccomp */
    size_t filter_length;        /* of those */
};

struct profile {
    uint32_t namespaces, inner, last_capability, tmp_flags, proc_flags;
    uint64_t handled, of_files; /* Landlock's accesses: those that it decides about, and those that fit a file */
    const char *tmp_options, *proc_options, *oom_score, *user_hint;
    unsigned hierarchies, rules, paths, kinds;
    bool unified[MAX_HIERARCHIES];
    uint64_t rule[MAX_RULES]; /* what is allowed with the descriptors that came with the profile */
    uint64_t path_access[MAX_PATHS];
    const char *path[MAX_PATHS];
    struct kind kind[MAX_KINDS];
};

struct order {
    uint32_t number;
    int32_t uid; /* -1 for the launcher's */
    unsigned kind;
    unsigned stale_count;
    unsigned char stale[MAX_ORDER];
    char group[MAX_ORDER]; /* empty for none */
};

struct limit {
    uint32_t which;
    uint64_t soft, hard;
};

struct call {
    unsigned limits, rules;
    uint32_t processes;
    struct limit limit[MAX_LIMITS];
    const unsigned char *access; /* of `rules` numbers of 64 bits, at any address */
    const char *paths;           /* as many, each with its NUL */
    char **arguments, **variables;
    char *texts[MAX_TEXTS + 2];
};

/* Each is false for what is no such message; what has been read points into it, and is not to be used then. */
bool read_profile(struct profile *profile, unsigned char *data, size_t size);
bool read_order(struct order *order, const struct profile *profile, const unsigned char *data, size_t size);
bool read_call(struct call *call, unsigned char *data, size_t size);

#endif
