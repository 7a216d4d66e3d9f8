/* Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da. */
/* Changes to it are lost when it is made again. */
#ifndef GRAFT_API_H
#define GRAFT_API_H

#include "graft.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GRAFT_API_DEPRECATED(text) __attribute__((deprecated(text)))
#else
#define GRAFT_API_DEPRECATED(text)
#endif

/* Of the API that this library was made from. */
#define GRAFT_API_DIGEST "3a8b46cf8c18c4daaf004d6beb1b183876f84385cbdab2eceaf8aab059f7acbd"

/* --- enums: they travel as text, so that values which a newer platform has besides survive -------------------------- */

/* What has become of a volume. */
typedef enum {
    GRAFT_API_RESIZE_STATE_UNKNOWN = 0, /* It is none of those below. */
    GRAFT_API_RESIZE_STATE_DONE, /* finished */
    GRAFT_API_RESIZE_STATE_QUEUED, /* will finish later */
    GRAFT_API_RESIZE_STATE_HALF_DONE,
    GRAFT_API_RESIZE_STATE_HALF_DONE_2, /* the same but for the dash */
    GRAFT_API_RESIZE_STATE__5_6, /* begins with a digit */
    GRAFT_API_RESIZE_STATE_CLASS /* a reserved word */
} graft_api_resize_state;

graft_api_resize_state graft_api_resize_state_of(const char *text);
/* Returns the text of a value; NULL of UNKNOWN. */
const char *graft_api_resize_state_text(graft_api_resize_state value);

/* The enum `colour`. */
typedef enum {
    GRAFT_API_COLOUR_UNKNOWN = 0, /* It is none of those below. */
    GRAFT_API_COLOUR_RED,
    GRAFT_API_COLOUR_GREEN
} graft_api_colour;

graft_api_colour graft_api_colour_of(const char *text);
/* Returns the text of a value; NULL of UNKNOWN. */
const char *graft_api_colour_text(graft_api_colour value);

/* --- sets, maps and records: the functions that end with _free free what a value holds, not the value --------------- */

typedef struct graft_api_string_set graft_api_string_set;
typedef struct graft_api_int_to_float_map graft_api_int_to_float_map;
typedef struct graft_api_disk_set graft_api_disk_set;
typedef struct graft_api_string_option_set graft_api_string_option_set;
typedef struct graft_api_string_to_disk_set_map graft_api_string_to_disk_set_map;
typedef struct graft_api_int_option_set graft_api_int_option_set;
typedef struct graft_api_datetime_set graft_api_datetime_set;
typedef struct graft_api_string_to_int_option_map graft_api_string_to_int_option_map;
typedef struct graft_api_volume_record graft_api_volume_record;
typedef struct graft_api_disk graft_api_disk;
typedef struct graft_api_disk_record graft_api_disk_record;

struct graft_api_string_set {
    size_t count;
    char **items;
};

struct graft_api_int_to_float_map {
    size_t count;
    struct graft_api_int_to_float_map_entry *items;
};

struct graft_api_disk_set {
    size_t count;
    graft_api_disk *items;
};

struct graft_api_string_option_set {
    size_t count;
    char **items;
};

struct graft_api_string_to_disk_set_map {
    size_t count;
    struct graft_api_string_to_disk_set_map_entry *items;
};

struct graft_api_int_option_set {
    size_t count;
    int64_t **items;
};

struct graft_api_datetime_set {
    size_t count;
    graft_datetime *items;
};

struct graft_api_string_to_int_option_map {
    size_t count;
    struct graft_api_string_to_int_option_map_entry *items;
};

/* Volumes of disks.

   A second paragraph, with a "quotation", a \  backslash, a * / and <tags> & a long line that has to be filled to
   the width of the documentation. */
struct graft_api_volume_record {
    /* The volume's UUID. */
    char *uuid;
    /* What people call it. */
    char *name_label;
    char *state; /* enum resize_state */
    /* A word that languages keep for themselves. */
    char *class_;
    graft_api_string_set vms;
    char *parent;
    char *passphrase;
    int64_t legacy;
};

/* One disk of a volume. */
struct graft_api_disk {
    char *label;
    /* Such as `xvda`. */
    char *device;
    /* Bytes. */
    int64_t size;
    double ratio;
    bool bootable;
    graft_datetime made;
    char *colour; /* enum colour */
    graft_api_string_set tags;
    graft_api_int_to_float_map sizes;
    graft_api_disk *parent;
    graft_api_disk_set children;
    graft_api_string_option_set twice;
    graft_json *other;
    int64_t *a_dash_2;
    int64_t *a_dash;
};

/* Is called as another one. */
struct graft_api_disk_record {
    int64_t x;
};

struct graft_api_int_to_float_map_entry {
    int64_t key;
    double value;
};

struct graft_api_string_to_disk_set_map_entry {
    char *key;
    graft_api_disk_set value;
};

struct graft_api_string_to_int_option_map_entry {
    char *key;
    int64_t *value;
};

void graft_api_string_set_free(graft_api_string_set *value);
void graft_api_string_option_free(char **value);
void graft_api_int_to_float_map_free(graft_api_int_to_float_map *value);
void graft_api_disk_option_free(graft_api_disk **value);
void graft_api_disk_set_free(graft_api_disk_set *value);
void graft_api_string_option_set_free(graft_api_string_option_set *value);
void graft_api_int_option_free(int64_t **value);
void graft_api_string_to_disk_set_map_free(graft_api_string_to_disk_set_map *value);
void graft_api_int_option_set_free(graft_api_int_option_set *value);
void graft_api_datetime_set_free(graft_api_datetime_set *value);
void graft_api_datetime_set_option_free(graft_api_datetime_set **value);
void graft_api_string_to_int_option_map_free(graft_api_string_to_int_option_map *value);
void graft_api_string_to_int_option_map_option_free(graft_api_string_to_int_option_map **value);
/* Sets the fields that have defaults, and the others to nothing. */
bool graft_api_volume_record_init(graft_api_volume_record *value, graft_error *error);
void graft_api_volume_record_free(graft_api_volume_record *value);
/* From and to JSON. */
bool graft_api_volume_record_get(const graft_json *json, graft_api_volume_record *value, graft_error *error);
void graft_api_volume_record_put(graft_buffer *buffer, const graft_api_volume_record *value);
/* Sets the fields that have defaults, and the others to nothing. */
bool graft_api_disk_init(graft_api_disk *value, graft_error *error);
void graft_api_disk_free(graft_api_disk *value);
/* From and to JSON. */
bool graft_api_disk_get(const graft_json *json, graft_api_disk *value, graft_error *error);
void graft_api_disk_put(graft_buffer *buffer, const graft_api_disk *value);
/* Sets the fields that have defaults, and the others to nothing. */
bool graft_api_disk_record_init(graft_api_disk_record *value, graft_error *error);
void graft_api_disk_record_free(graft_api_disk_record *value);
/* From and to JSON. */
bool graft_api_disk_record_get(const graft_json *json, graft_api_disk_record *value, graft_error *error);
void graft_api_disk_record_put(graft_buffer *buffer, const graft_api_disk_record *value);

/* --- errors: true if it is that one, and then its parameters, which live as long as the error ----------------------- */

/* The error `DRAFT_ERROR`. */
#define GRAFT_API_ERROR_DRAFT "DRAFT_ERROR"
typedef struct {
    const char *message;
} graft_api_draft;
bool graft_api_error_as_draft(const graft_error *error, graft_api_draft *params);

/* An argument, or something in it, has another type than the declared one. */
#define GRAFT_API_ERROR_FIELD_TYPE_ERROR "FIELD_TYPE_ERROR"
typedef struct {
    const char *place;
    const char *expected;
    const char *got;
} graft_api_field_type_error;
bool graft_api_error_as_field_type_error(const graft_error *error, graft_api_field_type_error *params);

/* No object of the class has that reference. */
#define GRAFT_API_ERROR_HANDLE_INVALID "HANDLE_INVALID"
typedef struct {
    const char *class_;
    const char *ref;
} graft_api_handle_invalid;
bool graft_api_error_as_handle_invalid(const graft_error *error, graft_api_handle_invalid *params);

/* Something went wrong that is not the caller's mistake. */
#define GRAFT_API_ERROR_INTERNAL_ERROR "INTERNAL_ERROR"
typedef struct {
    const char *message;
} graft_api_internal_error;
bool graft_api_error_as_internal_error(const graft_error *error, graft_api_internal_error *params);

/* An argument, or something in it, has the declared type and is still no possible value. */
#define GRAFT_API_ERROR_INVALID_VALUE "INVALID_VALUE"
typedef struct {
    const char *place;
    const char *value;
    const char *reason;
} graft_api_invalid_value;
bool graft_api_error_as_invalid_value(const graft_error *error, graft_api_invalid_value *params);

/* The platform has no such method. */
#define GRAFT_API_ERROR_METHOD_UNKNOWN "MESSAGE_METHOD_UNKNOWN"
typedef struct {
    const char *method;
} graft_api_method_unknown;
bool graft_api_error_as_method_unknown(const graft_error *error, graft_api_method_unknown *params);

/* Too few or too many arguments. */
#define GRAFT_API_ERROR_PARAMETER_COUNT_MISMATCH "MESSAGE_PARAMETER_COUNT_MISMATCH"
typedef struct {
    const char *method;
    const char *expected;
    const char *received;
} graft_api_parameter_count_mismatch;
bool graft_api_error_as_parameter_count_mismatch(const graft_error *error, graft_api_parameter_count_mismatch *params);

/* A release of the platform has removed the method. */
#define GRAFT_API_ERROR_METHOD_REMOVED "MESSAGE_REMOVED"
typedef struct {
    const char *message;
} graft_api_method_removed;
bool graft_api_error_as_method_removed(const graft_error *error, graft_api_method_removed *params);

/* The session's roles do not allow the call; the text names those that do. */
#define GRAFT_API_ERROR_PERMISSION_DENIED "RBAC_PERMISSION_DENIED"
typedef struct {
    const char *permission;
    const char *text;
} graft_api_permission_denied;
bool graft_api_error_as_permission_denied(const graft_error *error, graft_api_permission_denied *params);

/* Too much is queued already; try again after the time that it tells. */
#define GRAFT_API_ERROR_SERVER_BUSY "SERVER_BUSY"
typedef struct {
    const char *what;
} graft_api_server_busy;
bool graft_api_error_as_server_busy(const graft_error *error, graft_api_server_busy *params);

/* A part of the platform does not answer. */
#define GRAFT_API_ERROR_SERVICE_UNAVAILABLE "SERVICE_UNAVAILABLE"
typedef struct {
    const char *service;
    const char *reason;
} graft_api_service_unavailable;
bool graft_api_error_as_service_unavailable(const graft_error *error, graft_api_service_unavailable *params);

/* The user's name or the password is wrong. */
#define GRAFT_API_ERROR_AUTHENTICATION_FAILED "SESSION_AUTHENTICATION_FAILED"
typedef struct {
    const char *user;
    const char *reason;
} graft_api_authentication_failed;
bool graft_api_error_as_authentication_failed(const graft_error *error, graft_api_authentication_failed *params);

/* The session has ended, or there never was one. */
#define GRAFT_API_ERROR_SESSION_INVALID "SESSION_INVALID"
typedef struct {
    const char *session;
} graft_api_session_invalid;
bool graft_api_error_as_session_invalid(const graft_error *error, graft_api_session_invalid *params);

/* The task was cancelled before it had a result. */
#define GRAFT_API_ERROR_TASK_CANCELLED "TASK_CANCELLED"
typedef struct {
    const char *task;
} graft_api_task_cancelled;
bool graft_api_error_as_task_cancelled(const graft_error *error, graft_api_task_cancelled *params);

/* A value that cannot be taken here. */
#define GRAFT_API_ERROR_VALUE_NOT_SUPPORTED "VALUE_NOT_SUPPORTED"
typedef struct {
    const char *field;
    const char *value;
    const char *reason;
} graft_api_value_not_supported;
bool graft_api_error_as_value_not_supported(const graft_error *error, graft_api_value_not_supported *params);

/* Some guest has it open. */
#define GRAFT_API_ERROR_VOLUME_IN_USE "VOLUME_IN_USE"
typedef struct {
    const char *volume;
    const char *class_;
} graft_api_volume_in_use;
bool graft_api_error_as_volume_in_use(const graft_error *error, graft_api_volume_in_use *params);

/* --- methods: true when all went well; else the error is set, and the result is nothing -----------------------------

   Options may be NULL. A method that begins with start_ runs as a task; the one with wait_ takes its result. */

/* VM */
/* Guests. */

typedef struct {
    bool has_value;
    double value;
} graft_api_vm_ping_options;

/* Answer.

   Needs no session. Calling it twice is as good as once.
   value: Default: `1.5`.
   result: float */
bool graft_api_vm_ping(
    graft_client *client, const graft_api_vm_ping_options *options, double *result, graft_error *error);
graft_task *graft_api_start_vm_ping(graft_client *client, const graft_api_vm_ping_options *options, graft_error *error);
bool graft_api_wait_vm_ping(graft_task *task, double seconds, double *result, graft_error *error);

/* Volume */
/* Volumes of disks.

   A second paragraph, with a "quotation", a \  backslash, a * / and <tags> & a long line that has to be filled to
   the width of the documentation. */

typedef struct {
    bool has_force;
    bool force;
    bool has_passphrase;
    const char *passphrase;
    bool has_timeout;
    int64_t timeout;
} graft_api_volume_resize_options;

/* Grow or shrink a volume.

   Shrinking needs a volume that nothing uses:

   - no guest,
   - no snapshot.

   Needs the role pool-operator or one above it. Since 1.0. Calling it twice is as good as once.
   volume: The volume.
   disks: The disks as they shall be.
   force: Do it even if somebody uses it. Default: `false`.
   passphrase: It has a default. Since 1.2.
   timeout: A name that clients use themselves. Default: `30`.
   result: What became of it.
   VOLUME_IN_USE: Some guest has it open.
   HANDLE_INVALID: There is no such volume. */
bool graft_api_volume_resize(
    graft_client *client, const char *volume, const graft_api_disk_set *disks, const graft_api_volume_resize_options *options, char **result, graft_error *error);
graft_task *graft_api_start_volume_resize(graft_client *client, const char *volume, const graft_api_disk_set *disks, const graft_api_volume_resize_options *options, graft_error *error);
bool graft_api_wait_volume_resize(graft_task *task, double seconds, char **result, graft_error *error);

/* Calls `Volume.get_VMs`.

   Needs the role read-only or one above it.
   self: Volume ref
   result: (VM ref -> disk record set) map */
bool graft_api_volume_get_vms(
    graft_client *client, const char *self, graft_api_string_to_disk_set_map *result, graft_error *error);
graft_task *graft_api_start_volume_get_vms(graft_client *client, const char *self, graft_error *error);
bool graft_api_wait_volume_get_vms(graft_task *task, double seconds, graft_api_string_to_disk_set_map *result, graft_error *error);

/* Is called as another one in some languages.

   Needs the role read-only or one above it.
   result: VM ref set */
bool graft_api_volume_get_vms_2(
    graft_client *client, graft_api_string_set *result, graft_error *error);
graft_task *graft_api_start_volume_get_vms_2(graft_client *client, graft_error *error);
bool graft_api_wait_volume_get_vms_2(graft_task *task, double seconds, graft_api_string_set *result, graft_error *error);

/* Calls `Volume.get_record`.

   Needs the role read-only or one above it.
   self: Volume ref
   result: Volume record */
bool graft_api_volume_get_record(
    graft_client *client, const char *self, graft_api_volume_record *result, graft_error *error);
graft_task *graft_api_start_volume_get_record(graft_client *client, const char *self, graft_error *error);
bool graft_api_wait_volume_get_record(graft_task *task, double seconds, graft_api_volume_record *result, graft_error *error);

typedef struct {
    bool has_from;
    const char *from;
} graft_api_volume_delete_options;

/* A reserved word.

   Needs the role pool-admin or one above it.
   class_: string
   from: It may be left out. */
bool graft_api_volume_delete(
    graft_client *client, const char *class_, const graft_api_volume_delete_options *options, graft_error *error);
graft_task *graft_api_start_volume_delete(graft_client *client, const char *class_, const graft_api_volume_delete_options *options, graft_error *error);
bool graft_api_wait_volume_delete(graft_task *task, double seconds, graft_error *error);

/* Is called as the task of another one.

   Needs the role pool-admin or one above it. */
bool graft_api_volume_start_resize(
    graft_client *client, graft_error *error);
graft_task *graft_api_start_volume_start_resize(graft_client *client, graft_error *error);
bool graft_api_wait_volume_start_resize(graft_task *task, double seconds, graft_error *error);

/* Do it as of old.

   Needs the role pool-admin or one above it. Since 1.0. Deprecated since 1.1: Use `Volume.resize`. */
bool graft_api_volume_old(
    graft_client *client, graft_error *error)
    GRAFT_API_DEPRECATED("Deprecated since 1.1: Use `Volume.resize`.");
graft_task *graft_api_start_volume_old(graft_client *client, graft_error *error)
    GRAFT_API_DEPRECATED("Deprecated since 1.1: Use `Volume.resize`.");
bool graft_api_wait_volume_old(graft_task *task, double seconds, graft_error *error);

typedef struct {
    bool has_twice;
    const graft_api_int_option_set *twice;
    bool has_when;
    const graft_api_datetime_set *when;
} graft_api_volume_draft_options;

/* Calls `Volume.draft`.

   Needs a session, and no role. A prototype since 1.3: it may change without notice.
   everything: "anything"
   twice: Default: `[]`.
   when: Default: `[]`.
   result: (enum colour -> int option) map option
   DRAFT_ERROR */
bool graft_api_volume_draft(
    graft_client *client, const graft_json *everything, const graft_api_volume_draft_options *options, graft_api_string_to_int_option_map **result, graft_error *error);
graft_task *graft_api_start_volume_draft(graft_client *client, const graft_json *everything, const graft_api_volume_draft_options *options, graft_error *error);
bool graft_api_wait_volume_draft(graft_task *task, double seconds, graft_api_string_to_int_option_map **result, graft_error *error);

#ifdef __cplusplus
}
#endif

#endif
