/* Reads messages as the accelerator does, and says what it has understood: one line each, `-` for what it refuses.
 *
 * In: the kind (one byte: P, O or C), the length (u32), the message. Each is read from memory of just its size, so that
 * the sanitizers see whatever is read beyond it.
 */

#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct profile profile;
static struct order order;
static struct call call;

static void show(const void *data, size_t size) {
    putchar(' ');
    for (size_t n = 0; n < size; n++)
        printf("%02x", ((const unsigned char *)data)[n]);
    putchar('.');
}

static void show_text(const char *text) {
    show(text, strlen(text));
}

static void show_profile(void) {
    printf("P %u %u %u %u %u", profile.namespaces, profile.inner, profile.last_capability, profile.tmp_flags, profile.proc_flags);
    printf(" %llu %llu", (unsigned long long)profile.handled, (unsigned long long)profile.of_files);
    show_text(profile.tmp_options);
    show_text(profile.proc_options);
    show_text(profile.oom_score);
    show_text(profile.user_hint);
    for (unsigned n = 0; n < profile.hierarchies; n++)
        printf(" h%d", profile.unified[n]);
    for (unsigned n = 0; n < profile.rules; n++)
        printf(" r%llu", (unsigned long long)profile.rule[n]);
    for (unsigned n = 0; n < profile.paths; n++) {
        printf(" p%llu", (unsigned long long)profile.path_access[n]);
        show_text(profile.path[n]);
    }
    for (unsigned n = 0; n < profile.kinds; n++) {
        printf(" k%d", (int)profile.kind[n].place);
        show(profile.kind[n].ruleset, profile.kind[n].ruleset_size);
        show(profile.kind[n].filter, 8 * profile.kind[n].filter_length);
    }
}

static void show_order(void) {
    printf("O %u %d %u", order.number, order.uid, order.kind);
    show(order.stale, order.stale_count);
    show_text(order.group);
}

static void show_call(void) {
    const char *path = call.paths;
    printf("C %u", call.processes);
    for (unsigned n = 0; n < call.limits; n++)
        printf(" l%u/%llu/%llu", call.limit[n].which, (unsigned long long)call.limit[n].soft, (unsigned long long)call.limit[n].hard);
    for (unsigned n = 0; n < call.rules; n++, path += strlen(path) + 1) {
        unsigned long long access;
        memcpy(&access, call.access + 8 * n, sizeof access);
        printf(" r%llu", access);
        show_text(path);
    }
    for (char **text = call.arguments; *text; text++)
        show_text(*text);
    printf(" |");
    for (char **text = call.variables; *text; text++)
        show_text(*text);
}

int main(void) {
    int kind;
    while ((kind = getchar()) != EOF) {
        uint32_t size;
        if (fread(&size, sizeof size, 1, stdin) != 1)
            return 2;
        unsigned char *message = malloc(size ? size : 1);
        if (!message || fread(message, 1, size, stdin) != size)
            return 2;
        if (kind == 'P' && read_profile(&profile, message, size))
            show_profile();
        else if (kind == 'O') {
            static const unsigned hierarchies = 3, kinds = 2;
            profile.hierarchies = hierarchies;
            profile.kinds = kinds;
            if (read_order(&order, &profile, message, size))
                show_order();
            else
                putchar('-');
        } else if (kind == 'C' && read_call(&call, message, size))
            show_call();
        else
            putchar('-');
        putchar('\n');
        free(message);
    }
    return 0;
}
