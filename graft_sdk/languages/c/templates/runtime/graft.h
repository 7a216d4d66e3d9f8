/* Client of a Graft platform: what all generated functions share. C99 and POSIX; nothing else is needed. */
#ifndef GRAFT_H
#define GRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- errors ------------------------------------------------------------------------------------------------------- */

typedef enum {
    GRAFT_OK = 0,
    GRAFT_TRANSPORT, /* There was no answer; the call may have been carried out. */
    GRAFT_ANSWER,    /* There was an answer that is none of this interface, or does not fit. */
    GRAFT_API,       /* The platform has refused the call, or the method has failed: see `code` and `params`. */
    GRAFT_ARGUMENT,  /* Something that was given cannot be sent. */
    GRAFT_TIMEOUT,   /* A task has not ended in time; it goes on. */
    GRAFT_MEMORY     /* There is not enough. */
} graft_error_kind;

/* Begin with `graft_error error = {0};` and end with `graft_error_free(&error)`. */
typedef struct {
    graft_error_kind kind;
    char *code; /* Such as HANDLE_INVALID; NULL unless the kind is GRAFT_API. */
    size_t param_count;
    char **params;
    char *message;   /* A sentence for people. */
    int status;      /* Of the HTTP answer; 0 for none. */
    int retry_after; /* Seconds after which the call may be tried again; -1 where that is not told. */
} graft_error;

void graft_error_free(graft_error *error);
bool graft_error_is(const graft_error *error, const char *code);
/* Returns a parameter; empty where the platform has left it out. */
const char *graft_error_param(const graft_error *error, size_t place);
/* Sets an error, and returns false. */
bool graft_fail(graft_error *error, graft_error_kind kind, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* --- values ------------------------------------------------------------------------------------------------------- */

/* A point in time: seconds since 1970 in UTC, and nanoseconds beyond them, 0 to 999999999. */
typedef struct {
    int64_t seconds;
    int32_t nanoseconds;
} graft_datetime;

typedef enum {
    GRAFT_JSON_NULL,
    GRAFT_JSON_BOOL,
    GRAFT_JSON_INT,
    GRAFT_JSON_FLOAT,
    GRAFT_JSON_STRING,
    GRAFT_JSON_ARRAY,
    GRAFT_JSON_OBJECT
} graft_json_kind;

/* A value of a type that is told in words only. */
typedef struct graft_json {
    graft_json_kind kind;
    bool boolean;
    int64_t integer;
    double number;
    char *string;
    size_t count;
    char **names; /* Of an object's members. */
    struct graft_json *items;
} graft_json;

/* Reads JSON in UTF-8; what it returns is the caller's. */
graft_json *graft_json_read(const char *text, size_t size, graft_error *error);
void graft_json_free(graft_json *value);
/* Returns a member of an object, or NULL. */
const graft_json *graft_json_member(const graft_json *object, const char *name);

/* Text that grows; `data` ends with a zero once something was put. */
typedef struct {
    char *data;
    size_t size;
    size_t room;
    const char *fault; /* Why it is of no use; NULL while it is. */
} graft_buffer;

void graft_buffer_free(graft_buffer *buffer);
void graft_put_text(graft_buffer *buffer, const char *text);
void graft_put_name(graft_buffer *buffer, const char *name, bool *first);

/* Of each type: put its JSON, get it from JSON (false with the error set), free what it holds. */
void graft_put_string(graft_buffer *buffer, char *const *value);
void graft_put_int(graft_buffer *buffer, const int64_t *value);
void graft_put_float(graft_buffer *buffer, const double *value);
void graft_put_bool(graft_buffer *buffer, const bool *value);
void graft_put_datetime(graft_buffer *buffer, const graft_datetime *value);
void graft_put_json(graft_buffer *buffer, graft_json *const *value);
bool graft_get_string(const graft_json *json, char **value, graft_error *error);
bool graft_get_int(const graft_json *json, int64_t *value, graft_error *error);
bool graft_get_float(const graft_json *json, double *value, graft_error *error);
bool graft_get_bool(const graft_json *json, bool *value, graft_error *error);
bool graft_get_datetime(const graft_json *json, graft_datetime *value, graft_error *error);
bool graft_get_json(const graft_json *json, graft_json **value, graft_error *error);
void graft_free_string(char **value);
void graft_free_json(graft_json **value);

/* Of keys of maps, which travel as text. */
void graft_put_int_key(graft_buffer *buffer, const int64_t *value);
void graft_put_float_key(graft_buffer *buffer, const double *value);
void graft_put_bool_key(graft_buffer *buffer, const bool *value);
bool graft_get_int_key(const char *text, int64_t *value, graft_error *error);
bool graft_get_float_key(const char *text, double *value, graft_error *error);
bool graft_get_bool_key(const char *text, bool *value, graft_error *error);
bool graft_get_string_key(const char *text, char **value, graft_error *error);
bool graft_get_datetime_key(const char *text, graft_datetime *value, graft_error *error);

bool graft_misfit(graft_error *error, const char *expected, const graft_json *json);
/* Allocates `count` items of zeros, at least one; NULL with the error set. */
void *graft_allocate(size_t count, size_t size, graft_error *error);
char *graft_copy(const char *text);

/* --- clients ------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *method; /* GET, POST, DELETE */
    const char *url;    /* The whole of it. */
    const char *session; /* What `Authorization: Bearer` tells; NULL for none. */
    const char *body;   /* JSON; NULL for none. */
    size_t body_size;
    double timeout; /* Seconds. */
} graft_request;

typedef struct {
    int status;
    int retry_after; /* The header Retry-After; -1 without it. */
    char *body;      /* From malloc; the runtime frees it. */
    size_t body_size;
} graft_response;

/* Sends a request and fills the response, whatever the status; false with the error set where there is none. */
typedef bool (*graft_transport)(void *context, const graft_request *request, graft_response *response, graft_error *error);

/* A session on a platform; one thread may use it at a time. */
typedef struct graft_client graft_client;

/* Makes a client; nothing is sent yet. The first call logs in, and so does one whose session has ended meanwhile.
   The built-in transport speaks http:// only; give your own for https://. NULL if there is not enough memory. */
graft_client *graft_client_new(const char *url, const char *user, const char *password);
/* Makes a client of a session that is open already, and leaves it open. */
graft_client *graft_client_with_session(const char *url, const char *session);
/* Logs out of the session that the client has opened, and frees it. */
void graft_client_free(graft_client *client);
void graft_client_set_timeout(graft_client *client, double seconds);
/* Sets what the program calls itself; sessions are limited for each. */
void graft_client_set_originator(graft_client *client, const char *name);
void graft_client_set_transport(graft_client *client, graft_transport transport, void *context);
/* Logs in, unless that is done; the first call does it by itself. */
bool graft_client_login(graft_client *client, graft_error *error);
/* Returns the session's reference, which is as good as the password; NULL before the first call. */
const char *graft_client_session(const graft_client *client);
/* Calls a method with arguments in JSON, an object by names or an array by places; NULL with the error set. */
graft_json *graft_call(
    graft_client *client, const char *method, const char *arguments, bool session, graft_error *error);

/* A call that runs on the platform. */
typedef struct graft_task graft_task;

/* Starts a method as a task; NULL with the error set. */
graft_task *graft_start(graft_client *client, const char *method, const char *arguments, graft_error *error);
/* Frees what is known of a task here; on the platform it goes on. */
void graft_task_free(graft_task *task);
const char *graft_task_ref(const graft_task *task);
/* Asks how the task stands: "pending", "success", "failure", "cancelling" or "cancelled"; NULL with the error set. */
char *graft_task_status(graft_task *task, double *progress, graft_error *error);
/* Waits so many seconds for the end, for ever if they are negative; returns the result, or NULL with the error set. */
graft_json *graft_task_wait(graft_task *task, double seconds, graft_error *error);
/* Asks the task to stop; what it runs is killed. */
bool graft_task_cancel(graft_task *task, graft_error *error);
/* Lets the platform forget the task. */
bool graft_task_destroy(graft_task *task, graft_error *error);

#ifdef __cplusplus
}
#endif

#endif
