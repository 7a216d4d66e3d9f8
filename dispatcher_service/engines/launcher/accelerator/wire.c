#include "wire.h"

#include <string.h>

struct reader {
    unsigned char *at, *end;
    bool good;
};

static unsigned char *take(struct reader *from, size_t size) {
    if (!from->good || (size_t)(from->end - from->at) < size) {
        from->good = false;
        return NULL;
    }
    unsigned char *taken = from->at;
    from->at += size;
    return taken;
}

/* A whole number of so many bytes, 0 where there is none any more. */
static uint64_t number(struct reader *from, size_t size) {
    const unsigned char *taken = take(from, size);
    uint8_t byte = 0;
    uint16_t half = 0;
    uint32_t word = 0;
    uint64_t large = 0;
    void *into = size == 1 ? (void *)&byte : size == 2 ? (void *)&half : size == 4 ? (void *)&word : (void *)&large;
    if (taken)
        memcpy(into, taken, size);
    return byte + half + word + large;
}

/* A count that is within a bound. */
static unsigned count(struct reader *from, size_t size, unsigned most) {
    uint64_t found = number(from, size);
    if (found > most)
        from->good = false;
    return from->good ? (unsigned)found : 0;
}

/* A text with the NUL behind it. */
static char *text(struct reader *from) {
    size_t left = from->good ? (size_t)(from->end - from->at) : 0;
    const unsigned char *end = left ? memchr(from->at, 0, left) : NULL;
    if (!end) {
        from->good = false;
        return NULL;
    }
    return (char *)take(from, (size_t)(end - from->at) + 1);
}

static void read_kind(struct reader *from, struct kind *kind) {
    kind->place = (enum place)count(from, 1, LOOPBACK);
    kind->ruleset_size = (size_t)number(from, 1);
    kind->ruleset = take(from, kind->ruleset_size);
    kind->filter_length = (size_t)number(from, 2);
    kind->filter = take(from, 8 * kind->filter_length);
    if (!kind->filter_length)
        from->good = false; /* no sandbox without a filter */
}

bool read_profile(struct profile *profile, unsigned char *data, size_t size) {
    struct reader from = {data, data + size, size <= MAX_PROFILE};
    const unsigned char *kind = take(&from, 1);
    if (!kind || *kind != 'P')
        return false;
    profile->namespaces = (uint32_t)number(&from, 4);
    profile->inner = (uint32_t)number(&from, 4);
    profile->last_capability = count(&from, 4, 63);
    profile->tmp_flags = (uint32_t)number(&from, 4);
    profile->proc_flags = (uint32_t)number(&from, 4);
    profile->handled = number(&from, 8);
    profile->of_files = number(&from, 8);
    profile->tmp_options = text(&from);
    profile->proc_options = text(&from);
    profile->oom_score = text(&from);
    profile->user_hint = text(&from);
    profile->hierarchies = count(&from, 1, MAX_HIERARCHIES);
    for (unsigned n = 0; n < profile->hierarchies; n++)
        profile->unified[n] = count(&from, 1, 1);
    profile->rules = count(&from, 1, MAX_RULES);
    for (unsigned n = 0; n < profile->rules; n++)
        profile->rule[n] = number(&from, 8);
    profile->paths = count(&from, 1, MAX_PATHS);
    for (unsigned n = 0; n < profile->paths; n++) {
        profile->path_access[n] = number(&from, 8);
        profile->path[n] = text(&from);
    }
    profile->kinds = count(&from, 1, MAX_KINDS);
    for (unsigned n = 0; n < profile->kinds; n++)
        read_kind(&from, &profile->kind[n]);
    return from.good && from.at == from.end && profile->kinds;
}

static bool names_a_group(const unsigned char *name, size_t length) {
    for (size_t n = 0; n < length; n++) {
        bool letter = (name[n] | 32) >= 'a' && (name[n] | 32) <= 'z';
        if (!letter && (name[n] < '0' || name[n] > '9'))
            return false;
    }
    return true;
}

bool read_order(struct order *order, const struct profile *profile, const unsigned char *data, size_t size) {
    struct reader from = {(unsigned char *)data, (unsigned char *)data + size, size <= MAX_ORDER};
    order->number = (uint32_t)number(&from, 4);
    order->uid = (int32_t)number(&from, 4);
    order->kind = count(&from, 1, profile->kinds - 1);
    order->stale_count = (unsigned)number(&from, 1);
    const unsigned char *stale = take(&from, order->stale_count);
    if (!from.good || order->uid < -1)
        return false;
    for (unsigned n = 0; n < order->stale_count; n++) {
        if (stale[n] >= profile->hierarchies)
            return false;
        order->stale[n] = stale[n];
    }
    size_t length = (size_t)(from.end - from.at);
    if (!names_a_group(from.at, length))
        return false;
    memcpy(order->group, from.at, length);
    order->group[length] = 0;
    return true;
}

bool read_call(struct call *call, unsigned char *data, size_t size) {
    struct reader from = {data, data + size, size <= MAX_CALL};
    const unsigned char *kind = take(&from, 1);
    if (!kind || *kind != 'C')
        return false;
    call->limits = (unsigned)number(&from, 1);
    call->rules = (unsigned)number(&from, 2);
    unsigned arguments = (unsigned)number(&from, 2), variables = (unsigned)number(&from, 2);
    call->processes = (uint32_t)number(&from, 4);
    for (unsigned n = 0; n < call->limits; n++) {
        call->limit[n].which = (uint32_t)number(&from, 4);
        call->limit[n].soft = number(&from, 8);
        call->limit[n].hard = number(&from, 8);
    }
    call->access = take(&from, 8 * (size_t)call->rules);
    call->paths = (const char *)from.at;
    for (unsigned n = 0; n < call->rules; n++)
        text(&from);
    call->arguments = call->texts;
    for (unsigned n = 0; n < arguments; n++)
        call->arguments[n] = text(&from);
    call->arguments[arguments] = NULL;
    call->variables = call->arguments + arguments + 1;
    for (unsigned n = 0; n < variables; n++) {
        char *variable = text(&from);
        if (!variable || variable[0] == '=' || !strchr(variable, '='))
            from.good = false;
        call->variables[n] = variable;
    }
    call->variables[variables] = NULL;
    return from.good && from.at == from.end && arguments;
}
