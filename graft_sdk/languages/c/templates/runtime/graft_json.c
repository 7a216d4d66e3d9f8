/* JSON, and the values that travel in it. */
#define _POSIX_C_SOURCE 200809L
#include "graft.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_DEPTH 256
#define MAX_MESSAGE 512

/* --- errors and memory -------------------------------------------------------------------------------------------- */

void graft_error_free(graft_error *error)
{
    size_t i;
    free(error->code);
    free(error->message);
    for (i = 0; i < error->param_count; i++)
        free(error->params[i]);
    free(error->params);
    memset(error, 0, sizeof *error);
}

bool graft_error_is(const graft_error *error, const char *code)
{
    return error->code != NULL && strcmp(error->code, code) == 0;
}

const char *graft_error_param(const graft_error *error, size_t place)
{
    return place < error->param_count ? error->params[place] : "";
}

bool graft_fail(graft_error *error, graft_error_kind kind, const char *format, ...)
{
    char text[MAX_MESSAGE];
    va_list arguments;
    graft_error_free(error);
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    error->kind = kind;
    error->retry_after = -1;
    error->message = graft_copy(text);
    return false;
}

void *graft_allocate(size_t count, size_t size, graft_error *error)
{
    void *made = calloc(count > 0 ? count : 1, size);
    if (made == NULL)
        graft_fail(error, GRAFT_MEMORY, "there is not enough memory");
    return made;
}

char *graft_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *made = malloc(size);
    return made == NULL ? NULL : memcpy(made, text, size);
}

bool graft_misfit(graft_error *error, const char *expected, const graft_json *json)
{
    /* The value itself may be a secret. */
    static const char *const KINDS[] = {"null", "a bool", "an int", "a float", "a string", "an array", "an object"};
    const char *got = json == NULL ? "nothing" : KINDS[json->kind];
    return graft_fail(error, GRAFT_ANSWER, "the type %s was expected, but the platform has answered with %s", expected, got);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

void graft_buffer_free(graft_buffer *buffer)
{
    free(buffer->data);
    memset(buffer, 0, sizeof *buffer);
}

static void put(graft_buffer *buffer, const char *data, size_t size)
{
    if (buffer->fault != NULL)
        return;
    if (buffer->room - buffer->size <= size) {
        size_t room = buffer->room * 2 > buffer->size + size + 1 ? buffer->room * 2 : buffer->size + size + 256;
        char *grown = realloc(buffer->data, room);
        if (grown == NULL) {
            buffer->fault = "there is not enough memory";
            return;
        }
        buffer->data = grown;
        buffer->room = room;
    }
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
}

void graft_put_text(graft_buffer *buffer, const char *text)
{
    put(buffer, text, strlen(text));
}

static void put_string(graft_buffer *buffer, const char *text)
{
    const char *c;
    if (text == NULL) {
        if (buffer->fault == NULL)
            buffer->fault = "a text, enum or reference is NULL";
        return;
    }
    put(buffer, "\"", 1);
    for (c = text; *c != '\0'; c++) {
        char escape[8];
        if (*c == '"' || *c == '\\') {
            put(buffer, "\\", 1);
            put(buffer, c, 1);
        } else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*c);
            put(buffer, escape, 6);
        } else {
            put(buffer, c, 1);
        }
    }
    put(buffer, "\"", 1);
}

void graft_put_name(graft_buffer *buffer, const char *name, bool *first)
{
    if (!*first)
        put(buffer, ",", 1);
    *first = false;
    put_string(buffer, name);
    put(buffer, ":", 1);
}

void graft_put_string(graft_buffer *buffer, char *const *value)
{
    put_string(buffer, *value);
}

void graft_put_int(graft_buffer *buffer, const int64_t *value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, *value);
    graft_put_text(buffer, text);
}

static void float_text(double value, char text[40])
{
    char *comma;
    if (isnan(value))
        strcpy(text, "NaN");
    else if (isinf(value))
        strcpy(text, value > 0 ? "Infinity" : "-Infinity");
    else
        snprintf(text, 40, "%.17g", value);
    comma = strchr(text, ','); /* Some locales write one for the point. */
    if (comma != NULL)
        *comma = '.';
    if (isfinite(value) && strpbrk(text, ".en") == NULL)
        strcat(text, ".0");
}

void graft_put_float(graft_buffer *buffer, const double *value)
{
    char text[40];
    float_text(*value, text);
    if (isfinite(*value))
        graft_put_text(buffer, text);
    else
        put_string(buffer, text);
}

void graft_put_bool(graft_buffer *buffer, const bool *value)
{
    graft_put_text(buffer, *value ? "true" : "false");
}

/* Days since 1970 of a date of the Gregorian calendar (Howard Hinnant's days_from_civil). */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t era, of_era, of_year;
    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    of_era = (year - era * 400) * 365 + (year - era * 400) / 4 - (year - era * 400) / 100 + of_year;
    return era * 146097 + of_era - 719468;
}

void graft_put_datetime(graft_buffer *buffer, const graft_datetime *value)
{
    char text[64], *end;
    int64_t days = value->seconds / 86400, left = value->seconds % 86400, era, of_era, year_of_era, of_year, part;
    int64_t year, month, day;
    if (left < 0) {
        left += 86400;
        days--;
    }
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    of_era = days - era * 146097;
    year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    part = (5 * of_year + 2) / 153;
    day = of_year - (153 * part + 2) / 5 + 1;
    month = part < 10 ? part + 3 : part - 9;
    year = year_of_era + era * 400 + (month <= 2);
    if (year < 1 || year > 9999 || value->nanoseconds < 0 || value->nanoseconds > 999999999) {
        if (buffer->fault == NULL)
            buffer->fault = "a point in time is not within the years 1 to 9999, or its nanoseconds are not within a second";
        return;
    }
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09d", (int)year, (int)month, (int)day,
             (int)(left / 3600), (int)(left / 60 % 60), (int)(left % 60), (int)value->nanoseconds);
    end = text + strlen(text);
    while (end[-1] == '0')
        end--;
    strcpy(end[-1] == '.' ? end - 1 : end, "Z");
    put_string(buffer, text);
}

static void put_json(graft_buffer *buffer, const graft_json *value, int depth)
{
    size_t i;
    bool first = true;
    if (depth > MAX_DEPTH || value == NULL) {
        if (buffer->fault == NULL)
            buffer->fault = value == NULL ? "a value is NULL; JSON's null is GRAFT_JSON_NULL" : "values nest too deep";
        return;
    }
    switch (value->kind) {
    case GRAFT_JSON_NULL: graft_put_text(buffer, "null"); break;
    case GRAFT_JSON_BOOL: graft_put_bool(buffer, &value->boolean); break;
    case GRAFT_JSON_INT: graft_put_int(buffer, &value->integer); break;
    case GRAFT_JSON_FLOAT: graft_put_float(buffer, &value->number); break;
    case GRAFT_JSON_STRING: put_string(buffer, value->string); break;
    case GRAFT_JSON_ARRAY:
        put(buffer, "[", 1);
        for (i = 0; i < value->count; i++) {
            if (i > 0)
                put(buffer, ",", 1);
            put_json(buffer, &value->items[i], depth + 1);
        }
        put(buffer, "]", 1);
        break;
    case GRAFT_JSON_OBJECT:
        put(buffer, "{", 1);
        for (i = 0; i < value->count; i++) {
            graft_put_name(buffer, value->names[i], &first);
            put_json(buffer, &value->items[i], depth + 1);
        }
        put(buffer, "}", 1);
        break;
    }
}

void graft_put_json(graft_buffer *buffer, graft_json *const *value)
{
    put_json(buffer, *value, 0);
}

void graft_put_int_key(graft_buffer *buffer, const int64_t *value)
{
    put(buffer, "\"", 1);
    graft_put_int(buffer, value);
    put(buffer, "\"", 1);
}

void graft_put_float_key(graft_buffer *buffer, const double *value)
{
    char text[40];
    float_text(*value, text);
    put_string(buffer, text);
}

void graft_put_bool_key(graft_buffer *buffer, const bool *value)
{
    put_string(buffer, *value ? "true" : "false");
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *at;
    const char *end;
    graft_error *error;
} reader;

static bool read_value(reader *from, graft_json *value, int depth);

static bool fault(reader *from, const char *what)
{
    return graft_fail(from->error, GRAFT_ANSWER, "the answer is no JSON: %s", what);
}

static void skip_space(reader *from)
{
    while (from->at < from->end && strchr(" \t\r\n", *from->at) != NULL && *from->at != '\0')
        from->at++;
}

static bool skip(reader *from, char c)
{
    if (from->at < from->end && *from->at == c) {
        from->at++;
        return true;
    }
    return false;
}

static void clear(graft_json *value)
{
    size_t i;
    free(value->string);
    for (i = 0; i < value->count; i++) {
        if (value->names != NULL)
            free(value->names[i]);
        clear(&value->items[i]);
    }
    free(value->names);
    free(value->items);
    memset(value, 0, sizeof *value);
}

void graft_json_free(graft_json *value)
{
    if (value != NULL) {
        clear(value);
        free(value);
    }
}

static int hex(const char *text)
{
    int value = 0, i;
    for (i = 0; i < 4; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            value = value * 16 + ((c | 32) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static size_t utf8(char *out, long code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Reads what follows a quotation mark. */
static bool read_string(reader *from, char **text)
{
    static const char ESCAPES[] = "\"\\/bfnrt", MEANINGS[] = "\"\\/\b\f\n\r\t";
    const char *end = from->at;
    char *out;
    while (end < from->end && *end != '"')
        end += *end == '\\' && end + 1 < from->end ? 2 : 1;
    if (end >= from->end)
        return fault(from, "a string has no end");
    /* Nothing becomes longer when its escapes are read. */
    *text = out = graft_allocate((size_t)(end - from->at) + 1, 1, from->error);
    if (out == NULL)
        return false;
    while (from->at < end) {
        char c = *from->at++;
        long code, low;
        const char *known;
        if ((unsigned char)c < 0x20)
            return fault(from, "a string holds a control character");
        if (c != '\\') {
            *out++ = c;
            continue;
        }
        c = *from->at++;
        known = c == '\0' ? NULL : strchr(ESCAPES, c);
        if (known != NULL) {
            *out++ = MEANINGS[known - ESCAPES];
            continue;
        }
        if (c != 'u' || end - from->at < 4 || (code = hex(from->at)) < 0)
            return fault(from, "an escape is unknown");
        from->at += 4;
        if (code >= 0xd800 && code < 0xdc00 && end - from->at >= 6 && from->at[0] == '\\' && from->at[1] == 'u'
            && (low = hex(from->at + 2)) >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            from->at += 6;
        } else if (code >= 0xd800 && code < 0xe000) {
            code = 0xfffd;
        }
        if (code == 0)
            return fault(from, "a string holds a zero");
        out += utf8(out, code);
    }
    from->at = end + 1;
    return true;
}

static bool read_number(reader *from, graft_json *value)
{
    const char *start = from->at;
    char text[64], *end;
    bool whole = true;
    size_t size;
    while (from->at < from->end && strchr("+-.0123456789eE", *from->at) != NULL && *from->at != '\0') {
        whole = whole && strchr(".eE", *from->at) == NULL;
        from->at++;
    }
    size = (size_t)(from->at - start);
    if (size == 0 || size >= sizeof text)
        return fault(from, "a value is missing, or a number too long");
    memcpy(text, start, size);
    text[size] = '\0';
    errno = 0;
    if (whole) {
        value->kind = GRAFT_JSON_INT;
        value->integer = strtoll(text, &end, 10);
        if (*end == '\0' && errno == 0)
            return true;
    }
    value->kind = GRAFT_JSON_FLOAT;
    value->number = strtod(text, &end);
    if (*end != '\0') {
        /* The program's locale has another point. */
        char *point = strchr(text, '.');
        const struct lconv *local = localeconv();
        if (point != NULL && local->decimal_point[0] != '\0')
            *point = local->decimal_point[0];
        value->number = strtod(text, &end);
    }
    return *end == '\0' ? true : fault(from, "a number is none");
}

static bool read_items(reader *from, graft_json *value, int depth, bool named)
{
    size_t room = 0;
    char close = named ? '}' : ']';
    value->kind = named ? GRAFT_JSON_OBJECT : GRAFT_JSON_ARRAY;
    skip_space(from);
    if (skip(from, close))
        return true;
    do {
        if (value->count == room) {
            size_t next = room > 0 ? room * 2 : 4;
            graft_json *items = realloc(value->items, next * sizeof *items);
            char **names = named && items != NULL ? realloc(value->names, next * sizeof *names) : NULL;
            if (items != NULL)
                value->items = items;
            if (names != NULL)
                value->names = names;
            if (items == NULL || (named && names == NULL))
                return graft_fail(from->error, GRAFT_MEMORY, "there is not enough memory");
            room = next;
        }
        memset(&value->items[value->count], 0, sizeof value->items[0]);
        if (named) {
            value->names[value->count] = NULL;
        }
        value->count++;
        if (named) {
            skip_space(from);
            if (!skip(from, '"'))
                return fault(from, "a name is missing");
            if (!read_string(from, &value->names[value->count - 1]))
                return false;
            skip_space(from);
            if (!skip(from, ':'))
                return fault(from, "a colon is missing");
        }
        if (!read_value(from, &value->items[value->count - 1], depth + 1))
            return false;
        skip_space(from);
    } while (skip(from, ','));
    return skip(from, close) ? true : fault(from, "a comma is missing");
}

static bool read_word(reader *from, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(from->end - from->at) < size || memcmp(from->at, word, size) != 0)
        return fault(from, "a word is unknown");
    from->at += size;
    return true;
}

static bool read_value(reader *from, graft_json *value, int depth)
{
    if (depth > MAX_DEPTH)
        return fault(from, "values nest too deep");
    skip_space(from);
    if (skip(from, '{'))
        return read_items(from, value, depth, true);
    if (skip(from, '['))
        return read_items(from, value, depth, false);
    if (skip(from, '"')) {
        value->kind = GRAFT_JSON_STRING;
        return read_string(from, &value->string);
    }
    if (from->at < from->end && (*from->at == 't' || *from->at == 'f')) {
        value->kind = GRAFT_JSON_BOOL;
        value->boolean = *from->at == 't';
        return read_word(from, value->boolean ? "true" : "false");
    }
    if (from->at < from->end && *from->at == 'n')
        return read_word(from, "null");
    return read_number(from, value);
}

graft_json *graft_json_read(const char *text, size_t size, graft_error *error)
{
    reader from = {text, text + size, error};
    graft_json *value = graft_allocate(1, sizeof *value, error);
    if (value == NULL)
        return NULL;
    if (read_value(&from, value, 0)) {
        skip_space(&from);
        if (from.at == from.end)
            return value;
        fault(&from, "something follows the value");
    }
    graft_json_free(value);
    return NULL;
}

const graft_json *graft_json_member(const graft_json *object, const char *name)
{
    size_t i;
    if (object == NULL || object->kind != GRAFT_JSON_OBJECT)
        return NULL;
    for (i = 0; i < object->count; i++)
        if (strcmp(object->names[i], name) == 0)
            return &object->items[i];
    return NULL;
}

/* --- values from JSON --------------------------------------------------------------------------------------------- */

bool graft_get_string_key(const char *text, char **value, graft_error *error)
{
    *value = graft_copy(text);
    return *value != NULL ? true : graft_fail(error, GRAFT_MEMORY, "there is not enough memory");
}

bool graft_get_string(const graft_json *json, char **value, graft_error *error)
{
    if (json == NULL || json->kind != GRAFT_JSON_STRING)
        return graft_misfit(error, "string", json);
    return graft_get_string_key(json->string, value, error);
}

bool graft_get_int(const graft_json *json, int64_t *value, graft_error *error)
{
    if (json == NULL || json->kind != GRAFT_JSON_INT)
        return graft_misfit(error, "int", json);
    *value = json->integer;
    return true;
}

bool graft_get_float(const graft_json *json, double *value, graft_error *error)
{
    if (json != NULL && json->kind == GRAFT_JSON_FLOAT)
        *value = json->number;
    else if (json != NULL && json->kind == GRAFT_JSON_INT)
        *value = (double)json->integer;
    else if (json != NULL && json->kind == GRAFT_JSON_STRING && strcmp(json->string, "NaN") == 0)
        *value = NAN;
    else if (json != NULL && json->kind == GRAFT_JSON_STRING && strcmp(json->string, "Infinity") == 0)
        *value = INFINITY;
    else if (json != NULL && json->kind == GRAFT_JSON_STRING && strcmp(json->string, "-Infinity") == 0)
        *value = -INFINITY;
    else
        return graft_misfit(error, "float", json);
    return true;
}

bool graft_get_bool(const graft_json *json, bool *value, graft_error *error)
{
    if (json == NULL || json->kind != GRAFT_JSON_BOOL)
        return graft_misfit(error, "bool", json);
    *value = json->boolean;
    return true;
}

bool graft_get_datetime_key(const char *text, graft_datetime *value, graft_error *error)
{
    int year, month, day, hour, minute, second, used = 0, digits = 0, zone_hour = 0, zone_minute = 0;
    const char *at;
    char sign = 'Z';
    bool read = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) == 6;
    at = text + used;
    value->nanoseconds = 0;
    if (read && *at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++, digits++)
            if (digits < 9)
                value->nanoseconds = value->nanoseconds * 10 + (*at - '0');
        for (; digits < 9; digits++)
            value->nanoseconds *= 10;
    }
    if (read && (*at == '+' || *at == '-')) {
        sign = *at;
        read = sscanf(at + 1, "%2d:%2d", &zone_hour, &zone_minute) == 2;
    } else {
        read = read && strcmp(at, "Z") == 0;
    }
    if (!read)
        return graft_fail(error, GRAFT_ANSWER, "the type datetime was expected, but the platform has answered otherwise");
    value->seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    value->seconds += (sign == '-' ? 1 : -1) * (zone_hour * 3600 + zone_minute * 60);
    return true;
}

bool graft_get_datetime(const graft_json *json, graft_datetime *value, graft_error *error)
{
    if (json == NULL || json->kind != GRAFT_JSON_STRING)
        return graft_misfit(error, "datetime", json);
    return graft_get_datetime_key(json->string, value, error);
}

static bool copy_json(const graft_json *json, graft_json *value, graft_error *error)
{
    size_t i;
    *value = *json;
    value->string = NULL;
    value->count = 0;
    value->names = NULL;
    value->items = NULL;
    if (json->string != NULL && !graft_get_string_key(json->string, &value->string, error))
        return false;
    if (json->count == 0)
        return true;
    value->items = graft_allocate(json->count, sizeof *value->items, error);
    value->names = json->names == NULL ? NULL : graft_allocate(json->count, sizeof *value->names, error);
    if (value->items == NULL || (json->names != NULL && value->names == NULL))
        return false;
    value->count = json->count;
    for (i = 0; i < json->count; i++)
        if ((json->names != NULL && !graft_get_string_key(json->names[i], &value->names[i], error))
            || !copy_json(&json->items[i], &value->items[i], error))
            return false;
    return true;
}

bool graft_get_json(const graft_json *json, graft_json **value, graft_error *error)
{
    static const graft_json NOTHING = {.kind = GRAFT_JSON_NULL};
    *value = graft_allocate(1, sizeof **value, error);
    return *value != NULL && copy_json(json != NULL ? json : &NOTHING, *value, error);
}

bool graft_get_int_key(const char *text, int64_t *value, graft_error *error)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (*text != '\0' && *end == '\0' && errno == 0)
        return true;
    return graft_fail(error, GRAFT_ANSWER, "a map's key is no int");
}

bool graft_get_float_key(const char *text, double *value, graft_error *error)
{
    graft_json json = {.kind = GRAFT_JSON_STRING};
    graft_error none = {0};
    reader from = {text, text + strlen(text), &none};
    bool read;
    json.string = graft_copy(text);
    if (json.string == NULL)
        return graft_fail(error, GRAFT_MEMORY, "there is not enough memory");
    read = graft_get_float(&json, value, &none);
    clear(&json);
    if (!read && read_number(&from, &json) && from.at == from.end)
        read = graft_get_float(&json, value, &none);
    graft_error_free(&none);
    return read ? true : graft_fail(error, GRAFT_ANSWER, "a map's key is no float");
}

bool graft_get_bool_key(const char *text, bool *value, graft_error *error)
{
    *value = strcmp(text, "true") == 0;
    if (*value || strcmp(text, "false") == 0)
        return true;
    return graft_fail(error, GRAFT_ANSWER, "a map's key is no bool");
}

void graft_free_string(char **value)
{
    free(*value);
    *value = NULL;
}

void graft_free_json(graft_json **value)
{
    graft_json_free(*value);
    *value = NULL;
}
