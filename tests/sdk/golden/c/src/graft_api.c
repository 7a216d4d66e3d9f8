/* Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da. */
/* Changes to it are lost when it is made again. */
#include "graft_api.h"

#include <stdlib.h>
#include <string.h>

static const char *const RESIZE_STATE_TEXTS[] = {
    NULL,
    "done",
    "queued",
    "half-done",
    "half_done",
    "5.6",
    "class",
};

graft_api_resize_state graft_api_resize_state_of(const char *text)
{
    size_t i;
    for (i = 1; text != NULL && i < sizeof RESIZE_STATE_TEXTS / sizeof RESIZE_STATE_TEXTS[0]; i++)
        if (strcmp(text, RESIZE_STATE_TEXTS[i]) == 0)
            return (graft_api_resize_state)i;
    return GRAFT_API_RESIZE_STATE_UNKNOWN;
}

const char *graft_api_resize_state_text(graft_api_resize_state value)
{
    size_t i = (size_t)value;
    return i < sizeof RESIZE_STATE_TEXTS / sizeof RESIZE_STATE_TEXTS[0] ? RESIZE_STATE_TEXTS[i] : NULL;
}

static const char *const COLOUR_TEXTS[] = {
    NULL,
    "red",
    "green",
};

graft_api_colour graft_api_colour_of(const char *text)
{
    size_t i;
    for (i = 1; text != NULL && i < sizeof COLOUR_TEXTS / sizeof COLOUR_TEXTS[0]; i++)
        if (strcmp(text, COLOUR_TEXTS[i]) == 0)
            return (graft_api_colour)i;
    return GRAFT_API_COLOUR_UNKNOWN;
}

const char *graft_api_colour_text(graft_api_colour value)
{
    size_t i = (size_t)value;
    return i < sizeof COLOUR_TEXTS / sizeof COLOUR_TEXTS[0] ? COLOUR_TEXTS[i] : NULL;
}

/* --- parameters ----------------------------------------------------------------------------------------------------- */

/* Some types only come, and others only go; and not every API has tasks. */
#if defined(__GNUC__)
#define MAYBE_UNUSED __attribute__((unused))
#else
#define MAYBE_UNUSED
#endif

MAYBE_UNUSED static graft_json *send_call(
    graft_client *client, const char *method, graft_buffer *arguments, bool session, graft_error *error)
{
    graft_json *answered = NULL;
    graft_error_free(error);
    graft_put_text(arguments, "}");
    if (arguments->fault != NULL)
        graft_fail(error, GRAFT_ARGUMENT, "%s: %s", method, arguments->fault);
    else
        answered = graft_call(client, method, arguments->data, session, error);
    graft_buffer_free(arguments);
    return answered;
}

MAYBE_UNUSED static graft_task *send_start(graft_client *client, const char *method, graft_buffer *arguments, graft_error *error)
{
    graft_task *task = NULL;
    graft_error_free(error);
    graft_put_text(arguments, "}");
    if (arguments->fault != NULL)
        graft_fail(error, GRAFT_ARGUMENT, "%s: %s", method, arguments->fault);
    else
        task = graft_start(client, method, arguments->data, error);
    graft_buffer_free(arguments);
    return task;
}

/* --- types ---------------------------------------------------------------------------------------------------------- */

MAYBE_UNUSED static void put_string_set(graft_buffer *buffer, graft_api_string_set const *value);
MAYBE_UNUSED static bool get_string_set(const graft_json *json, graft_api_string_set *value, graft_error *error);
MAYBE_UNUSED static void put_string_option(graft_buffer *buffer, char *const *value);
MAYBE_UNUSED static bool get_string_option(const graft_json *json, char **value, graft_error *error);
MAYBE_UNUSED static void put_int_to_float_map(graft_buffer *buffer, graft_api_int_to_float_map const *value);
MAYBE_UNUSED static bool get_int_to_float_map(const graft_json *json, graft_api_int_to_float_map *value, graft_error *error);
MAYBE_UNUSED static void put_disk_option(graft_buffer *buffer, graft_api_disk *const *value);
MAYBE_UNUSED static bool get_disk_option(const graft_json *json, graft_api_disk **value, graft_error *error);
MAYBE_UNUSED static void put_disk_set(graft_buffer *buffer, graft_api_disk_set const *value);
MAYBE_UNUSED static bool get_disk_set(const graft_json *json, graft_api_disk_set *value, graft_error *error);
MAYBE_UNUSED static void put_string_option_set(graft_buffer *buffer, graft_api_string_option_set const *value);
MAYBE_UNUSED static bool get_string_option_set(const graft_json *json, graft_api_string_option_set *value, graft_error *error);
MAYBE_UNUSED static void put_int_option(graft_buffer *buffer, int64_t *const *value);
MAYBE_UNUSED static bool get_int_option(const graft_json *json, int64_t **value, graft_error *error);
MAYBE_UNUSED static void put_string_to_disk_set_map(graft_buffer *buffer, graft_api_string_to_disk_set_map const *value);
MAYBE_UNUSED static bool get_string_to_disk_set_map(const graft_json *json, graft_api_string_to_disk_set_map *value, graft_error *error);
MAYBE_UNUSED static void put_int_option_set(graft_buffer *buffer, graft_api_int_option_set const *value);
MAYBE_UNUSED static bool get_int_option_set(const graft_json *json, graft_api_int_option_set *value, graft_error *error);
MAYBE_UNUSED static void put_datetime_set(graft_buffer *buffer, graft_api_datetime_set const *value);
MAYBE_UNUSED static bool get_datetime_set(const graft_json *json, graft_api_datetime_set *value, graft_error *error);
MAYBE_UNUSED static void put_datetime_set_option(graft_buffer *buffer, graft_api_datetime_set *const *value);
MAYBE_UNUSED static bool get_datetime_set_option(const graft_json *json, graft_api_datetime_set **value, graft_error *error);
MAYBE_UNUSED static void put_string_to_int_option_map(graft_buffer *buffer, graft_api_string_to_int_option_map const *value);
MAYBE_UNUSED static bool get_string_to_int_option_map(const graft_json *json, graft_api_string_to_int_option_map *value, graft_error *error);
MAYBE_UNUSED static void put_string_to_int_option_map_option(graft_buffer *buffer, graft_api_string_to_int_option_map *const *value);
MAYBE_UNUSED static bool get_string_to_int_option_map_option(const graft_json *json, graft_api_string_to_int_option_map **value, graft_error *error);
MAYBE_UNUSED static void put_volume_record(graft_buffer *buffer, const graft_api_volume_record *value);
MAYBE_UNUSED static bool get_volume_record(const graft_json *json, graft_api_volume_record *value, graft_error *error);
MAYBE_UNUSED static void put_disk(graft_buffer *buffer, const graft_api_disk *value);
MAYBE_UNUSED static bool get_disk(const graft_json *json, graft_api_disk *value, graft_error *error);
MAYBE_UNUSED static void put_disk_record(graft_buffer *buffer, const graft_api_disk_record *value);
MAYBE_UNUSED static bool get_disk_record(const graft_json *json, graft_api_disk_record *value, graft_error *error);

static void put_string_set(graft_buffer *buffer, graft_api_string_set const *value)
{
    size_t i;
    graft_put_text(buffer, "[");
    for (i = 0; i < value->count; i++) {
        if (i > 0)
            graft_put_text(buffer, ",");
        graft_put_string(buffer, &value->items[i]);
    }
    graft_put_text(buffer, "]");
}

static bool get_string_set(const graft_json *json, graft_api_string_set *value, graft_error *error)
{
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_ARRAY)
        return graft_misfit(error, "array", json);
    value->items = graft_allocate(json->count, sizeof *value->items, error);
    if (value->items == NULL)
        return false;
    for (; value->count < json->count; value->count++)
        if (!graft_get_string(&json->items[value->count], &value->items[value->count], error)) {
            graft_api_string_set_free(value);
            return false;
        }
    return true;
}

void graft_api_string_set_free(graft_api_string_set *value)
{
    size_t i;
    for (i = 0; i < value->count; i++)
        graft_free_string(&value->items[i]);
    free(value->items);
    memset(value, 0, sizeof *value);
}

static void put_string_option(graft_buffer *buffer, char *const *value)
{
    if (*value == NULL)
        graft_put_text(buffer, "null");
    else
        graft_put_string(buffer, value);
}

static bool get_string_option(const graft_json *json, char **value, graft_error *error)
{
    *value = NULL;
    if (json == NULL || json->kind == GRAFT_JSON_NULL)
        return true;
    return graft_get_string(json, value, error);
}

void graft_api_string_option_free(char **value)
{
    free(*value);
    *value = NULL;
}

static void put_int_to_float_map(graft_buffer *buffer, graft_api_int_to_float_map const *value)
{
    size_t i;
    graft_put_text(buffer, "{");
    for (i = 0; i < value->count; i++) {
        if (i > 0)
            graft_put_text(buffer, ",");
        graft_put_int_key(buffer, &value->items[i].key);
        graft_put_text(buffer, ":");
        graft_put_float(buffer, &value->items[i].value);
    }
    graft_put_text(buffer, "}");
}

static bool get_int_to_float_map(const graft_json *json, graft_api_int_to_float_map *value, graft_error *error)
{
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_OBJECT)
        return graft_misfit(error, "object", json);
    value->items = graft_allocate(json->count, sizeof *value->items, error);
    if (value->items == NULL)
        return false;
    for (; value->count < json->count; value->count++) {
        struct graft_api_int_to_float_map_entry *entry = &value->items[value->count];
        if (!graft_get_int_key(json->names[value->count], &entry->key, error)
            || !graft_get_float(&json->items[value->count], &entry->value, error)) {
            value->count++;
            graft_api_int_to_float_map_free(value);
            return false;
        }
    }
    return true;
}

void graft_api_int_to_float_map_free(graft_api_int_to_float_map *value)
{
    free(value->items);
    memset(value, 0, sizeof *value);
}

static void put_disk_option(graft_buffer *buffer, graft_api_disk *const *value)
{
    if (*value == NULL)
        graft_put_text(buffer, "null");
    else
        put_disk(buffer, *value);
}

static bool get_disk_option(const graft_json *json, graft_api_disk **value, graft_error *error)
{
    *value = NULL;
    if (json == NULL || json->kind == GRAFT_JSON_NULL)
        return true;
    *value = graft_allocate(1, sizeof **value, error);
    if (*value != NULL && get_disk(json, *value, error))
        return true;
    free(*value);
    *value = NULL;
    return false;
}

void graft_api_disk_option_free(graft_api_disk **value)
{
    if (*value != NULL)
        graft_api_disk_free(*value);
    free(*value);
    *value = NULL;
}

static void put_disk_set(graft_buffer *buffer, graft_api_disk_set const *value)
{
    size_t i;
    graft_put_text(buffer, "[");
    for (i = 0; i < value->count; i++) {
        if (i > 0)
            graft_put_text(buffer, ",");
        put_disk(buffer, &value->items[i]);
    }
    graft_put_text(buffer, "]");
}

static bool get_disk_set(const graft_json *json, graft_api_disk_set *value, graft_error *error)
{
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_ARRAY)
        return graft_misfit(error, "array", json);
    value->items = graft_allocate(json->count, sizeof *value->items, error);
    if (value->items == NULL)
        return false;
    for (; value->count < json->count; value->count++)
        if (!get_disk(&json->items[value->count], &value->items[value->count], error)) {
            graft_api_disk_set_free(value);
            return false;
        }
    return true;
}

void graft_api_disk_set_free(graft_api_disk_set *value)
{
    size_t i;
    for (i = 0; i < value->count; i++)
        graft_api_disk_free(&value->items[i]);
    free(value->items);
    memset(value, 0, sizeof *value);
}

static void put_string_option_set(graft_buffer *buffer, graft_api_string_option_set const *value)
{
    size_t i;
    graft_put_text(buffer, "[");
    for (i = 0; i < value->count; i++) {
        if (i > 0)
            graft_put_text(buffer, ",");
        put_string_option(buffer, &value->items[i]);
    }
    graft_put_text(buffer, "]");
}

static bool get_string_option_set(const graft_json *json, graft_api_string_option_set *value, graft_error *error)
{
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_ARRAY)
        return graft_misfit(error, "array", json);
    value->items = graft_allocate(json->count, sizeof *value->items, error);
    if (value->items == NULL)
        return false;
    for (; value->count < json->count; value->count++)
        if (!get_string_option(&json->items[value->count], &value->items[value->count], error)) {
            graft_api_string_option_set_free(value);
            return false;
        }
    return true;
}

void graft_api_string_option_set_free(graft_api_string_option_set *value)
{
    size_t i;
    for (i = 0; i < value->count; i++)
        graft_api_string_option_free(&value->items[i]);
    free(value->items);
    memset(value, 0, sizeof *value);
}

static void put_int_option(graft_buffer *buffer, int64_t *const *value)
{
    if (*value == NULL)
        graft_put_text(buffer, "null");
    else
        graft_put_int(buffer, *value);
}

static bool get_int_option(const graft_json *json, int64_t **value, graft_error *error)
{
    *value = NULL;
    if (json == NULL || json->kind == GRAFT_JSON_NULL)
        return true;
    *value = graft_allocate(1, sizeof **value, error);
    if (*value != NULL && graft_get_int(json, *value, error))
        return true;
    free(*value);
    *value = NULL;
    return false;
}

void graft_api_int_option_free(int64_t **value)
{
    free(*value);
    *value = NULL;
}

static void put_string_to_disk_set_map(graft_buffer *buffer, graft_api_string_to_disk_set_map const *value)
{
    size_t i;
    graft_put_text(buffer, "{");
    for (i = 0; i < value->count; i++) {
        if (i > 0)
            graft_put_text(buffer, ",");
        graft_put_string(buffer, &value->items[i].key);
        graft_put_text(buffer, ":");
        put_disk_set(buffer, &value->items[i].value);
    }
    graft_put_text(buffer, "}");
}

static bool get_string_to_disk_set_map(const graft_json *json, graft_api_string_to_disk_set_map *value, graft_error *error)
{
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_OBJECT)
        return graft_misfit(error, "object", json);
    value->items = graft_allocate(json->count, sizeof *value->items, error);
    if (value->items == NULL)
        return false;
    for (; value->count < json->count; value->count++) {
        struct graft_api_string_to_disk_set_map_entry *entry = &value->items[value->count];
        if (!graft_get_string_key(json->names[value->count], &entry->key, error)
            || !get_disk_set(&json->items[value->count], &entry->value, error)) {
            value->count++;
            graft_api_string_to_disk_set_map_free(value);
            return false;
        }
    }
    return true;
}

void graft_api_string_to_disk_set_map_free(graft_api_string_to_disk_set_map *value)
{
    size_t i;
    for (i = 0; i < value->count; i++) {
        graft_free_string(&value->items[i].key);
        graft_api_disk_set_free(&value->items[i].value);
    }
    free(value->items);
    memset(value, 0, sizeof *value);
}

static void put_int_option_set(graft_buffer *buffer, graft_api_int_option_set const *value)
{
    size_t i;
    graft_put_text(buffer, "[");
    for (i = 0; i < value->count; i++) {
        if (i > 0)
            graft_put_text(buffer, ",");
        put_int_option(buffer, &value->items[i]);
    }
    graft_put_text(buffer, "]");
}

static bool get_int_option_set(const graft_json *json, graft_api_int_option_set *value, graft_error *error)
{
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_ARRAY)
        return graft_misfit(error, "array", json);
    value->items = graft_allocate(json->count, sizeof *value->items, error);
    if (value->items == NULL)
        return false;
    for (; value->count < json->count; value->count++)
        if (!get_int_option(&json->items[value->count], &value->items[value->count], error)) {
            graft_api_int_option_set_free(value);
            return false;
        }
    return true;
}

void graft_api_int_option_set_free(graft_api_int_option_set *value)
{
    size_t i;
    for (i = 0; i < value->count; i++)
        graft_api_int_option_free(&value->items[i]);
    free(value->items);
    memset(value, 0, sizeof *value);
}

static void put_datetime_set(graft_buffer *buffer, graft_api_datetime_set const *value)
{
    size_t i;
    graft_put_text(buffer, "[");
    for (i = 0; i < value->count; i++) {
        if (i > 0)
            graft_put_text(buffer, ",");
        graft_put_datetime(buffer, &value->items[i]);
    }
    graft_put_text(buffer, "]");
}

static bool get_datetime_set(const graft_json *json, graft_api_datetime_set *value, graft_error *error)
{
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_ARRAY)
        return graft_misfit(error, "array", json);
    value->items = graft_allocate(json->count, sizeof *value->items, error);
    if (value->items == NULL)
        return false;
    for (; value->count < json->count; value->count++)
        if (!graft_get_datetime(&json->items[value->count], &value->items[value->count], error)) {
            graft_api_datetime_set_free(value);
            return false;
        }
    return true;
}

void graft_api_datetime_set_free(graft_api_datetime_set *value)
{
    free(value->items);
    memset(value, 0, sizeof *value);
}

static void put_datetime_set_option(graft_buffer *buffer, graft_api_datetime_set *const *value)
{
    if (*value == NULL)
        graft_put_text(buffer, "null");
    else
        put_datetime_set(buffer, *value);
}

static bool get_datetime_set_option(const graft_json *json, graft_api_datetime_set **value, graft_error *error)
{
    *value = NULL;
    if (json == NULL || json->kind == GRAFT_JSON_NULL)
        return true;
    *value = graft_allocate(1, sizeof **value, error);
    if (*value != NULL && get_datetime_set(json, *value, error))
        return true;
    free(*value);
    *value = NULL;
    return false;
}

void graft_api_datetime_set_option_free(graft_api_datetime_set **value)
{
    if (*value != NULL)
        graft_api_datetime_set_free(*value);
    free(*value);
    *value = NULL;
}

static void put_string_to_int_option_map(graft_buffer *buffer, graft_api_string_to_int_option_map const *value)
{
    size_t i;
    graft_put_text(buffer, "{");
    for (i = 0; i < value->count; i++) {
        if (i > 0)
            graft_put_text(buffer, ",");
        graft_put_string(buffer, &value->items[i].key);
        graft_put_text(buffer, ":");
        put_int_option(buffer, &value->items[i].value);
    }
    graft_put_text(buffer, "}");
}

static bool get_string_to_int_option_map(const graft_json *json, graft_api_string_to_int_option_map *value, graft_error *error)
{
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_OBJECT)
        return graft_misfit(error, "object", json);
    value->items = graft_allocate(json->count, sizeof *value->items, error);
    if (value->items == NULL)
        return false;
    for (; value->count < json->count; value->count++) {
        struct graft_api_string_to_int_option_map_entry *entry = &value->items[value->count];
        if (!graft_get_string_key(json->names[value->count], &entry->key, error)
            || !get_int_option(&json->items[value->count], &entry->value, error)) {
            value->count++;
            graft_api_string_to_int_option_map_free(value);
            return false;
        }
    }
    return true;
}

void graft_api_string_to_int_option_map_free(graft_api_string_to_int_option_map *value)
{
    size_t i;
    for (i = 0; i < value->count; i++) {
        graft_free_string(&value->items[i].key);
        graft_api_int_option_free(&value->items[i].value);
    }
    free(value->items);
    memset(value, 0, sizeof *value);
}

static void put_string_to_int_option_map_option(graft_buffer *buffer, graft_api_string_to_int_option_map *const *value)
{
    if (*value == NULL)
        graft_put_text(buffer, "null");
    else
        put_string_to_int_option_map(buffer, *value);
}

static bool get_string_to_int_option_map_option(const graft_json *json, graft_api_string_to_int_option_map **value, graft_error *error)
{
    *value = NULL;
    if (json == NULL || json->kind == GRAFT_JSON_NULL)
        return true;
    *value = graft_allocate(1, sizeof **value, error);
    if (*value != NULL && get_string_to_int_option_map(json, *value, error))
        return true;
    free(*value);
    *value = NULL;
    return false;
}

void graft_api_string_to_int_option_map_option_free(graft_api_string_to_int_option_map **value)
{
    if (*value != NULL)
        graft_api_string_to_int_option_map_free(*value);
    free(*value);
    *value = NULL;
}

static void put_volume_record(graft_buffer *buffer, const graft_api_volume_record *value)
{
    bool first = true;
    graft_put_text(buffer, "{");
    graft_put_name(buffer, "uuid", &first);
    graft_put_string(buffer, &value->uuid);
    graft_put_name(buffer, "name_label", &first);
    graft_put_string(buffer, &value->name_label);
    graft_put_name(buffer, "state", &first);
    graft_put_string(buffer, &value->state);
    graft_put_name(buffer, "class", &first);
    graft_put_string(buffer, &value->class_);
    graft_put_name(buffer, "VMs", &first);
    put_string_set(buffer, &value->vms);
    if (value->parent != NULL) {
        graft_put_name(buffer, "parent", &first);
        put_string_option(buffer, &value->parent);
    }
    if (value->passphrase != NULL) {
        graft_put_name(buffer, "passphrase", &first);
        put_string_option(buffer, &value->passphrase);
    }
    graft_put_name(buffer, "legacy", &first);
    graft_put_int(buffer, &value->legacy);
    graft_put_text(buffer, "}");
}

static bool get_volume_record(const graft_json *json, graft_api_volume_record *value, graft_error *error)
{
    const graft_json *member;
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_OBJECT)
        return graft_misfit(error, "object", json);
    member = graft_json_member(json, "uuid");
    if (!graft_get_string(member, &value->uuid, error))
        goto failed;
    member = graft_json_member(json, "name_label");
    if (member == NULL) {
        graft_json *given = graft_json_read("\042\042", 2, error);
        bool got = given != NULL && graft_get_string(given, &value->name_label, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!graft_get_string(member, &value->name_label, error)) {
        goto failed;
    }
    member = graft_json_member(json, "state");
    if (!graft_get_string(member, &value->state, error))
        goto failed;
    member = graft_json_member(json, "class");
    if (member == NULL) {
        graft_json *given = graft_json_read("\042plain \134\042text\134\042\042", 16, error);
        bool got = given != NULL && graft_get_string(given, &value->class_, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!graft_get_string(member, &value->class_, error)) {
        goto failed;
    }
    member = graft_json_member(json, "VMs");
    if (!get_string_set(member, &value->vms, error))
        goto failed;
    member = graft_json_member(json, "parent");
    if (member != NULL && !get_string_option(member, &value->parent, error))
        goto failed;
    member = graft_json_member(json, "passphrase");
    if (member != NULL && !get_string_option(member, &value->passphrase, error))
        goto failed;
    member = graft_json_member(json, "legacy");
    if (member == NULL) {
        graft_json *given = graft_json_read("0", 1, error);
        bool got = given != NULL && graft_get_int(given, &value->legacy, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!graft_get_int(member, &value->legacy, error)) {
        goto failed;
    }
    return true;
failed:
    graft_api_volume_record_free(value);
    return false;
}

bool graft_api_volume_record_get(const graft_json *json, graft_api_volume_record *value, graft_error *error)
{
    return get_volume_record(json, value, error);
}

void graft_api_volume_record_put(graft_buffer *buffer, const graft_api_volume_record *value)
{
    put_volume_record(buffer, value);
}

bool graft_api_volume_record_init(graft_api_volume_record *value, graft_error *error)
{
    graft_json *given;
    bool got = true;
    memset(value, 0, sizeof *value);
    given = graft_json_read("\042\042", 2, error);
    got = got && given != NULL && graft_get_string(given, &value->name_label, error);
    graft_json_free(given);
    given = graft_json_read("\042plain \134\042text\134\042\042", 16, error);
    got = got && given != NULL && graft_get_string(given, &value->class_, error);
    graft_json_free(given);
    given = graft_json_read("0", 1, error);
    got = got && given != NULL && graft_get_int(given, &value->legacy, error);
    graft_json_free(given);
    if (!got)
        graft_api_volume_record_free(value);
    return got;
}

void graft_api_volume_record_free(graft_api_volume_record *value)
{
    graft_free_string(&value->uuid);
    graft_free_string(&value->name_label);
    graft_free_string(&value->state);
    graft_free_string(&value->class_);
    graft_api_string_set_free(&value->vms);
    graft_api_string_option_free(&value->parent);
    graft_api_string_option_free(&value->passphrase);
    memset(value, 0, sizeof *value);
}

static void put_disk(graft_buffer *buffer, const graft_api_disk *value)
{
    bool first = true;
    graft_put_text(buffer, "{");
    graft_put_name(buffer, "label", &first);
    graft_put_string(buffer, &value->label);
    graft_put_name(buffer, "device", &first);
    graft_put_string(buffer, &value->device);
    graft_put_name(buffer, "size", &first);
    graft_put_int(buffer, &value->size);
    graft_put_name(buffer, "ratio", &first);
    graft_put_float(buffer, &value->ratio);
    graft_put_name(buffer, "bootable", &first);
    graft_put_bool(buffer, &value->bootable);
    graft_put_name(buffer, "made", &first);
    graft_put_datetime(buffer, &value->made);
    graft_put_name(buffer, "colour", &first);
    graft_put_string(buffer, &value->colour);
    graft_put_name(buffer, "tags", &first);
    put_string_set(buffer, &value->tags);
    graft_put_name(buffer, "sizes", &first);
    put_int_to_float_map(buffer, &value->sizes);
    if (value->parent != NULL) {
        graft_put_name(buffer, "parent", &first);
        put_disk_option(buffer, &value->parent);
    }
    graft_put_name(buffer, "children", &first);
    put_disk_set(buffer, &value->children);
    graft_put_name(buffer, "twice", &first);
    put_string_option_set(buffer, &value->twice);
    if (value->other != NULL) {
        graft_put_name(buffer, "other", &first);
        graft_put_json(buffer, &value->other);
    }
    if (value->a_dash_2 != NULL) {
        graft_put_name(buffer, "a-dash", &first);
        put_int_option(buffer, &value->a_dash_2);
    }
    if (value->a_dash != NULL) {
        graft_put_name(buffer, "a_dash", &first);
        put_int_option(buffer, &value->a_dash);
    }
    graft_put_text(buffer, "}");
}

static bool get_disk(const graft_json *json, graft_api_disk *value, graft_error *error)
{
    const graft_json *member;
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_OBJECT)
        return graft_misfit(error, "object", json);
    member = graft_json_member(json, "label");
    if (member == NULL) {
        graft_json *given = graft_json_read("\042\042", 2, error);
        bool got = given != NULL && graft_get_string(given, &value->label, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!graft_get_string(member, &value->label, error)) {
        goto failed;
    }
    member = graft_json_member(json, "device");
    if (!graft_get_string(member, &value->device, error))
        goto failed;
    member = graft_json_member(json, "size");
    if (!graft_get_int(member, &value->size, error))
        goto failed;
    member = graft_json_member(json, "ratio");
    if (member == NULL) {
        graft_json *given = graft_json_read("\042NaN\042", 5, error);
        bool got = given != NULL && graft_get_float(given, &value->ratio, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!graft_get_float(member, &value->ratio, error)) {
        goto failed;
    }
    member = graft_json_member(json, "bootable");
    if (member == NULL) {
        graft_json *given = graft_json_read("true", 4, error);
        bool got = given != NULL && graft_get_bool(given, &value->bootable, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!graft_get_bool(member, &value->bootable, error)) {
        goto failed;
    }
    member = graft_json_member(json, "made");
    if (member == NULL) {
        graft_json *given = graft_json_read("\0422026-01-01T00:00:00.25Z\042", 25, error);
        bool got = given != NULL && graft_get_datetime(given, &value->made, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!graft_get_datetime(member, &value->made, error)) {
        goto failed;
    }
    member = graft_json_member(json, "colour");
    if (member == NULL) {
        graft_json *given = graft_json_read("\042green\042", 7, error);
        bool got = given != NULL && graft_get_string(given, &value->colour, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!graft_get_string(member, &value->colour, error)) {
        goto failed;
    }
    member = graft_json_member(json, "tags");
    if (member == NULL) {
        graft_json *given = graft_json_read("[\042a\042, \042b\042]", 10, error);
        bool got = given != NULL && get_string_set(given, &value->tags, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!get_string_set(member, &value->tags, error)) {
        goto failed;
    }
    member = graft_json_member(json, "sizes");
    if (member == NULL) {
        graft_json *given = graft_json_read("{\0421\042: 0.5}", 10, error);
        bool got = given != NULL && get_int_to_float_map(given, &value->sizes, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!get_int_to_float_map(member, &value->sizes, error)) {
        goto failed;
    }
    member = graft_json_member(json, "parent");
    if (member != NULL && !get_disk_option(member, &value->parent, error))
        goto failed;
    member = graft_json_member(json, "children");
    if (member == NULL) {
        graft_json *given = graft_json_read("[]", 2, error);
        bool got = given != NULL && get_disk_set(given, &value->children, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!get_disk_set(member, &value->children, error)) {
        goto failed;
    }
    member = graft_json_member(json, "twice");
    if (member == NULL) {
        graft_json *given = graft_json_read("[null]", 6, error);
        bool got = given != NULL && get_string_option_set(given, &value->twice, error);
        graft_json_free(given);
        if (!got)
            goto failed;
    } else if (!get_string_option_set(member, &value->twice, error)) {
        goto failed;
    }
    member = graft_json_member(json, "other");
    if (member != NULL && !graft_get_json(member, &value->other, error))
        goto failed;
    member = graft_json_member(json, "a-dash");
    if (member != NULL && !get_int_option(member, &value->a_dash_2, error))
        goto failed;
    member = graft_json_member(json, "a_dash");
    if (member != NULL && !get_int_option(member, &value->a_dash, error))
        goto failed;
    return true;
failed:
    graft_api_disk_free(value);
    return false;
}

bool graft_api_disk_get(const graft_json *json, graft_api_disk *value, graft_error *error)
{
    return get_disk(json, value, error);
}

void graft_api_disk_put(graft_buffer *buffer, const graft_api_disk *value)
{
    put_disk(buffer, value);
}

bool graft_api_disk_init(graft_api_disk *value, graft_error *error)
{
    graft_json *given;
    bool got = true;
    memset(value, 0, sizeof *value);
    given = graft_json_read("\042\042", 2, error);
    got = got && given != NULL && graft_get_string(given, &value->label, error);
    graft_json_free(given);
    given = graft_json_read("\042NaN\042", 5, error);
    got = got && given != NULL && graft_get_float(given, &value->ratio, error);
    graft_json_free(given);
    given = graft_json_read("true", 4, error);
    got = got && given != NULL && graft_get_bool(given, &value->bootable, error);
    graft_json_free(given);
    given = graft_json_read("\0422026-01-01T00:00:00.25Z\042", 25, error);
    got = got && given != NULL && graft_get_datetime(given, &value->made, error);
    graft_json_free(given);
    given = graft_json_read("\042green\042", 7, error);
    got = got && given != NULL && graft_get_string(given, &value->colour, error);
    graft_json_free(given);
    given = graft_json_read("[\042a\042, \042b\042]", 10, error);
    got = got && given != NULL && get_string_set(given, &value->tags, error);
    graft_json_free(given);
    given = graft_json_read("{\0421\042: 0.5}", 10, error);
    got = got && given != NULL && get_int_to_float_map(given, &value->sizes, error);
    graft_json_free(given);
    given = graft_json_read("[]", 2, error);
    got = got && given != NULL && get_disk_set(given, &value->children, error);
    graft_json_free(given);
    given = graft_json_read("[null]", 6, error);
    got = got && given != NULL && get_string_option_set(given, &value->twice, error);
    graft_json_free(given);
    if (!got)
        graft_api_disk_free(value);
    return got;
}

void graft_api_disk_free(graft_api_disk *value)
{
    graft_free_string(&value->label);
    graft_free_string(&value->device);
    graft_free_string(&value->colour);
    graft_api_string_set_free(&value->tags);
    graft_api_int_to_float_map_free(&value->sizes);
    graft_api_disk_option_free(&value->parent);
    graft_api_disk_set_free(&value->children);
    graft_api_string_option_set_free(&value->twice);
    graft_free_json(&value->other);
    graft_api_int_option_free(&value->a_dash_2);
    graft_api_int_option_free(&value->a_dash);
    memset(value, 0, sizeof *value);
}

static void put_disk_record(graft_buffer *buffer, const graft_api_disk_record *value)
{
    bool first = true;
    graft_put_text(buffer, "{");
    graft_put_name(buffer, "x", &first);
    graft_put_int(buffer, &value->x);
    graft_put_text(buffer, "}");
}

static bool get_disk_record(const graft_json *json, graft_api_disk_record *value, graft_error *error)
{
    const graft_json *member;
    memset(value, 0, sizeof *value);
    if (json == NULL || json->kind != GRAFT_JSON_OBJECT)
        return graft_misfit(error, "object", json);
    member = graft_json_member(json, "x");
    if (!graft_get_int(member, &value->x, error))
        goto failed;
    return true;
failed:
    graft_api_disk_record_free(value);
    return false;
}

bool graft_api_disk_record_get(const graft_json *json, graft_api_disk_record *value, graft_error *error)
{
    return get_disk_record(json, value, error);
}

void graft_api_disk_record_put(graft_buffer *buffer, const graft_api_disk_record *value)
{
    put_disk_record(buffer, value);
}

bool graft_api_disk_record_init(graft_api_disk_record *value, graft_error *error)
{
    memset(value, 0, sizeof *value);
    (void)error;
    return true;
}

void graft_api_disk_record_free(graft_api_disk_record *value)
{
    memset(value, 0, sizeof *value);
}

/* --- errors --------------------------------------------------------------------------------------------------------- */

bool graft_api_error_as_draft(const graft_error *error, graft_api_draft *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_DRAFT))
        return false;
    params->message = error->message;
    return true;
}

bool graft_api_error_as_field_type_error(const graft_error *error, graft_api_field_type_error *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_FIELD_TYPE_ERROR))
        return false;
    params->place = graft_error_param(error, 0);
    params->expected = graft_error_param(error, 1);
    params->got = graft_error_param(error, 2);
    return true;
}

bool graft_api_error_as_handle_invalid(const graft_error *error, graft_api_handle_invalid *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_HANDLE_INVALID))
        return false;
    params->class_ = graft_error_param(error, 0);
    params->ref = graft_error_param(error, 1);
    return true;
}

bool graft_api_error_as_internal_error(const graft_error *error, graft_api_internal_error *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_INTERNAL_ERROR))
        return false;
    params->message = error->message;
    return true;
}

bool graft_api_error_as_invalid_value(const graft_error *error, graft_api_invalid_value *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_INVALID_VALUE))
        return false;
    params->place = graft_error_param(error, 0);
    params->value = graft_error_param(error, 1);
    params->reason = graft_error_param(error, 2);
    return true;
}

bool graft_api_error_as_method_unknown(const graft_error *error, graft_api_method_unknown *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_METHOD_UNKNOWN))
        return false;
    params->method = graft_error_param(error, 0);
    return true;
}

bool graft_api_error_as_parameter_count_mismatch(const graft_error *error, graft_api_parameter_count_mismatch *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_PARAMETER_COUNT_MISMATCH))
        return false;
    params->method = graft_error_param(error, 0);
    params->expected = graft_error_param(error, 1);
    params->received = graft_error_param(error, 2);
    return true;
}

bool graft_api_error_as_method_removed(const graft_error *error, graft_api_method_removed *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_METHOD_REMOVED))
        return false;
    params->message = error->message;
    return true;
}

bool graft_api_error_as_permission_denied(const graft_error *error, graft_api_permission_denied *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_PERMISSION_DENIED))
        return false;
    params->permission = graft_error_param(error, 0);
    params->text = graft_error_param(error, 1);
    return true;
}

bool graft_api_error_as_server_busy(const graft_error *error, graft_api_server_busy *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_SERVER_BUSY))
        return false;
    params->what = graft_error_param(error, 0);
    return true;
}

bool graft_api_error_as_service_unavailable(const graft_error *error, graft_api_service_unavailable *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_SERVICE_UNAVAILABLE))
        return false;
    params->service = graft_error_param(error, 0);
    params->reason = graft_error_param(error, 1);
    return true;
}

bool graft_api_error_as_authentication_failed(const graft_error *error, graft_api_authentication_failed *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_AUTHENTICATION_FAILED))
        return false;
    params->user = graft_error_param(error, 0);
    params->reason = graft_error_param(error, 1);
    return true;
}

bool graft_api_error_as_session_invalid(const graft_error *error, graft_api_session_invalid *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_SESSION_INVALID))
        return false;
    params->session = graft_error_param(error, 0);
    return true;
}

bool graft_api_error_as_task_cancelled(const graft_error *error, graft_api_task_cancelled *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_TASK_CANCELLED))
        return false;
    params->task = graft_error_param(error, 0);
    return true;
}

bool graft_api_error_as_value_not_supported(const graft_error *error, graft_api_value_not_supported *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_VALUE_NOT_SUPPORTED))
        return false;
    params->field = graft_error_param(error, 0);
    params->value = graft_error_param(error, 1);
    params->reason = graft_error_param(error, 2);
    return true;
}

bool graft_api_error_as_volume_in_use(const graft_error *error, graft_api_volume_in_use *params)
{
    if (!graft_error_is(error, GRAFT_API_ERROR_VOLUME_IN_USE))
        return false;
    params->volume = graft_error_param(error, 0);
    params->class_ = graft_error_param(error, 1);
    return true;
}

/* --- methods -------------------------------------------------------------------------------------------------------- */

static void put_vm_ping_arguments(graft_buffer *buffer, const graft_api_vm_ping_options *options)
{
    bool first = true;
    graft_put_text(buffer, "{");
    if (options != NULL && options->has_value) {
        graft_put_name(buffer, "value", &first);
        graft_put_float(buffer, &options->value);
    }
}

bool graft_api_vm_ping(
    graft_client *client, const graft_api_vm_ping_options *options, double *result, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_json *answered;
    bool done;
    put_vm_ping_arguments(&buffer, options);
    answered = send_call(client, "VM.ping", &buffer, false, error);
    memset(result, 0, sizeof *result);
    done = answered != NULL && graft_get_float(answered, result, error);
    graft_json_free(answered);
    return done;
}

graft_task *graft_api_start_vm_ping(graft_client *client, const graft_api_vm_ping_options *options, graft_error *error)
{
    graft_buffer buffer = {0};
    put_vm_ping_arguments(&buffer, options);
    return send_start(client, "VM.ping", &buffer, error);
}

bool graft_api_wait_vm_ping(graft_task *task, double seconds, double *result, graft_error *error)
{
    graft_json *answered = graft_task_wait(task, seconds, error);
    bool done;
    memset(result, 0, sizeof *result);
    done = answered != NULL && graft_get_float(answered, result, error);
    graft_json_free(answered);
    return done;
}

static void put_volume_resize_arguments(graft_buffer *buffer, const char *volume, const graft_api_disk_set *disks, const graft_api_volume_resize_options *options)
{
    bool first = true;
    graft_put_text(buffer, "{");
    graft_put_name(buffer, "volume", &first);
    graft_put_string(buffer, (char * const *)&volume);
    graft_put_name(buffer, "disks", &first);
    if (disks != NULL)
        put_disk_set(buffer, disks);
    else
        buffer->fault = "the argument disks is NULL";
    if (options != NULL && options->has_force) {
        graft_put_name(buffer, "force", &first);
        graft_put_bool(buffer, &options->force);
    }
    if (options != NULL && options->has_passphrase) {
        graft_put_name(buffer, "passphrase", &first);
        put_string_option(buffer, (char * const *)&options->passphrase);
    }
    if (options != NULL && options->has_timeout) {
        graft_put_name(buffer, "timeout", &first);
        graft_put_int(buffer, &options->timeout);
    }
}

bool graft_api_volume_resize(
    graft_client *client, const char *volume, const graft_api_disk_set *disks, const graft_api_volume_resize_options *options, char **result, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_json *answered;
    bool done;
    put_volume_resize_arguments(&buffer, volume, disks, options);
    answered = send_call(client, "Volume.resize", &buffer, true, error);
    memset(result, 0, sizeof *result);
    done = answered != NULL && graft_get_string(answered, result, error);
    graft_json_free(answered);
    return done;
}

graft_task *graft_api_start_volume_resize(graft_client *client, const char *volume, const graft_api_disk_set *disks, const graft_api_volume_resize_options *options, graft_error *error)
{
    graft_buffer buffer = {0};
    put_volume_resize_arguments(&buffer, volume, disks, options);
    return send_start(client, "Volume.resize", &buffer, error);
}

bool graft_api_wait_volume_resize(graft_task *task, double seconds, char **result, graft_error *error)
{
    graft_json *answered = graft_task_wait(task, seconds, error);
    bool done;
    memset(result, 0, sizeof *result);
    done = answered != NULL && graft_get_string(answered, result, error);
    graft_json_free(answered);
    return done;
}

static void put_volume_get_vms_arguments(graft_buffer *buffer, const char *self)
{
    bool first = true;
    graft_put_text(buffer, "{");
    graft_put_name(buffer, "self", &first);
    graft_put_string(buffer, (char * const *)&self);
}

bool graft_api_volume_get_vms(
    graft_client *client, const char *self, graft_api_string_to_disk_set_map *result, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_json *answered;
    bool done;
    put_volume_get_vms_arguments(&buffer, self);
    answered = send_call(client, "Volume.get_VMs", &buffer, true, error);
    memset(result, 0, sizeof *result);
    done = answered != NULL && get_string_to_disk_set_map(answered, result, error);
    graft_json_free(answered);
    return done;
}

graft_task *graft_api_start_volume_get_vms(graft_client *client, const char *self, graft_error *error)
{
    graft_buffer buffer = {0};
    put_volume_get_vms_arguments(&buffer, self);
    return send_start(client, "Volume.get_VMs", &buffer, error);
}

bool graft_api_wait_volume_get_vms(graft_task *task, double seconds, graft_api_string_to_disk_set_map *result, graft_error *error)
{
    graft_json *answered = graft_task_wait(task, seconds, error);
    bool done;
    memset(result, 0, sizeof *result);
    done = answered != NULL && get_string_to_disk_set_map(answered, result, error);
    graft_json_free(answered);
    return done;
}

bool graft_api_volume_get_vms_2(
    graft_client *client, graft_api_string_set *result, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_json *answered;
    bool done;
    graft_put_text(&buffer, "{");
    answered = send_call(client, "Volume.getVMs", &buffer, true, error);
    memset(result, 0, sizeof *result);
    done = answered != NULL && get_string_set(answered, result, error);
    graft_json_free(answered);
    return done;
}

graft_task *graft_api_start_volume_get_vms_2(graft_client *client, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_put_text(&buffer, "{");
    return send_start(client, "Volume.getVMs", &buffer, error);
}

bool graft_api_wait_volume_get_vms_2(graft_task *task, double seconds, graft_api_string_set *result, graft_error *error)
{
    graft_json *answered = graft_task_wait(task, seconds, error);
    bool done;
    memset(result, 0, sizeof *result);
    done = answered != NULL && get_string_set(answered, result, error);
    graft_json_free(answered);
    return done;
}

static void put_volume_get_record_arguments(graft_buffer *buffer, const char *self)
{
    bool first = true;
    graft_put_text(buffer, "{");
    graft_put_name(buffer, "self", &first);
    graft_put_string(buffer, (char * const *)&self);
}

bool graft_api_volume_get_record(
    graft_client *client, const char *self, graft_api_volume_record *result, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_json *answered;
    bool done;
    put_volume_get_record_arguments(&buffer, self);
    answered = send_call(client, "Volume.get_record", &buffer, true, error);
    memset(result, 0, sizeof *result);
    done = answered != NULL && get_volume_record(answered, result, error);
    graft_json_free(answered);
    return done;
}

graft_task *graft_api_start_volume_get_record(graft_client *client, const char *self, graft_error *error)
{
    graft_buffer buffer = {0};
    put_volume_get_record_arguments(&buffer, self);
    return send_start(client, "Volume.get_record", &buffer, error);
}

bool graft_api_wait_volume_get_record(graft_task *task, double seconds, graft_api_volume_record *result, graft_error *error)
{
    graft_json *answered = graft_task_wait(task, seconds, error);
    bool done;
    memset(result, 0, sizeof *result);
    done = answered != NULL && get_volume_record(answered, result, error);
    graft_json_free(answered);
    return done;
}

static void put_volume_delete_arguments(graft_buffer *buffer, const char *class_, const graft_api_volume_delete_options *options)
{
    bool first = true;
    graft_put_text(buffer, "{");
    graft_put_name(buffer, "class", &first);
    graft_put_string(buffer, (char * const *)&class_);
    if (options != NULL && options->has_from) {
        graft_put_name(buffer, "from", &first);
        graft_put_string(buffer, (char * const *)&options->from);
    }
}

bool graft_api_volume_delete(
    graft_client *client, const char *class_, const graft_api_volume_delete_options *options, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_json *answered;
    put_volume_delete_arguments(&buffer, class_, options);
    answered = send_call(client, "Volume.delete", &buffer, true, error);
    graft_json_free(answered);
    return answered != NULL;
}

graft_task *graft_api_start_volume_delete(graft_client *client, const char *class_, const graft_api_volume_delete_options *options, graft_error *error)
{
    graft_buffer buffer = {0};
    put_volume_delete_arguments(&buffer, class_, options);
    return send_start(client, "Volume.delete", &buffer, error);
}

bool graft_api_wait_volume_delete(graft_task *task, double seconds, graft_error *error)
{
    graft_json *answered = graft_task_wait(task, seconds, error);
    graft_json_free(answered);
    return answered != NULL;
}

bool graft_api_volume_start_resize(
    graft_client *client, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_json *answered;
    graft_put_text(&buffer, "{");
    answered = send_call(client, "Volume.start_resize", &buffer, true, error);
    graft_json_free(answered);
    return answered != NULL;
}

graft_task *graft_api_start_volume_start_resize(graft_client *client, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_put_text(&buffer, "{");
    return send_start(client, "Volume.start_resize", &buffer, error);
}

bool graft_api_wait_volume_start_resize(graft_task *task, double seconds, graft_error *error)
{
    graft_json *answered = graft_task_wait(task, seconds, error);
    graft_json_free(answered);
    return answered != NULL;
}

bool graft_api_volume_old(
    graft_client *client, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_json *answered;
    graft_put_text(&buffer, "{");
    answered = send_call(client, "Volume.old", &buffer, true, error);
    graft_json_free(answered);
    return answered != NULL;
}

graft_task *graft_api_start_volume_old(graft_client *client, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_put_text(&buffer, "{");
    return send_start(client, "Volume.old", &buffer, error);
}

bool graft_api_wait_volume_old(graft_task *task, double seconds, graft_error *error)
{
    graft_json *answered = graft_task_wait(task, seconds, error);
    graft_json_free(answered);
    return answered != NULL;
}

static void put_volume_draft_arguments(graft_buffer *buffer, const graft_json *everything, const graft_api_volume_draft_options *options)
{
    bool first = true;
    graft_put_text(buffer, "{");
    graft_put_name(buffer, "everything", &first);
    graft_put_json(buffer, (graft_json * const *)&everything);
    if (options != NULL && options->has_twice) {
        graft_put_name(buffer, "twice", &first);
        if (options->twice != NULL)
            put_int_option_set(buffer, options->twice);
        else
            buffer->fault = "the argument twice is NULL";
    }
    if (options != NULL && options->has_when) {
        graft_put_name(buffer, "when", &first);
        put_datetime_set_option(buffer, (graft_api_datetime_set * const *)&options->when);
    }
}

bool graft_api_volume_draft(
    graft_client *client, const graft_json *everything, const graft_api_volume_draft_options *options, graft_api_string_to_int_option_map **result, graft_error *error)
{
    graft_buffer buffer = {0};
    graft_json *answered;
    bool done;
    put_volume_draft_arguments(&buffer, everything, options);
    answered = send_call(client, "Volume.draft", &buffer, true, error);
    memset(result, 0, sizeof *result);
    done = answered != NULL && get_string_to_int_option_map_option(answered, result, error);
    graft_json_free(answered);
    return done;
}

graft_task *graft_api_start_volume_draft(graft_client *client, const graft_json *everything, const graft_api_volume_draft_options *options, graft_error *error)
{
    graft_buffer buffer = {0};
    put_volume_draft_arguments(&buffer, everything, options);
    return send_start(client, "Volume.draft", &buffer, error);
}

bool graft_api_wait_volume_draft(graft_task *task, double seconds, graft_api_string_to_int_option_map **result, graft_error *error)
{
    graft_json *answered = graft_task_wait(task, seconds, error);
    bool done;
    memset(result, 0, sizeof *result);
    done = answered != NULL && get_string_to_int_option_map_option(answered, result, error);
    graft_json_free(answered);
    return done;
}
