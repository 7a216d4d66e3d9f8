/* What a user of the C SDK does; prints what the test looks for. */
#define _POSIX_C_SOURCE 200809L
#include "graft_api.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int checks;

#define CHECK(condition)                                                                \
    do {                                                                                \
        checks++;                                                                       \
        if (!(condition)) {                                                             \
            fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, error.message); \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)

static graft_error error;

static int corpus(graft_client *client)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        graft_json *json = graft_json_read(line, strlen(line), &error);
        graft_buffer buffer = {0};
        graft_api_everything sent, got;
        CHECK(json != NULL);
        CHECK(graft_api_everything_get(json, &sent, &error));
        CHECK(graft_api_echo_everything(client, &sent, &got, &error));
        graft_api_everything_put(&buffer, &got);
        CHECK(buffer.fault == NULL);
        puts(buffer.data);
        graft_buffer_free(&buffer);
        graft_api_everything_free(&sent);
        graft_api_everything_free(&got);
        graft_json_free(json);
    }
    free(line);
    return 0;
}

static void calls(graft_client *client)
{
    char *text;
    int64_t number, *maybe, five = 5;
    double decimal;
    graft_datetime time = {1767323045, 123456789}, came;
    char *words[] = {"a", ""};
    graft_api_string_set strings = {2, words}, back;
    graft_api_int_option_set boxed = {1, &maybe}, unboxed;
    graft_api_echo_maybe_options some = {true, &five};
    graft_api_echo_defaults_options options = {.has_second = true, .second = 8, .has_third = true, .third = "3"};
    graft_api_point point;
    CHECK(graft_api_echo_string(client, "h\303\251llo \"\\\n", &text, &error) && strcmp(text, "h\303\251llo \"\\\n") == 0);
    free(text);
    CHECK(graft_api_echo_int(client, INT64_MIN, &number, &error) && number == INT64_MIN);
    CHECK(graft_api_echo_float(client, NAN, &decimal, &error) && isnan(decimal));
    CHECK(graft_api_echo_float(client, -0.0, &decimal, &error) && decimal == 0 && signbit(decimal));
    CHECK(graft_api_echo_datetime(client, time, &came, &error));
    CHECK(came.seconds == time.seconds && came.nanoseconds == time.nanoseconds);
    CHECK(graft_api_echo_strings(client, &strings, &back, &error) && back.count == 2 && strcmp(back.items[0], "a") == 0);
    graft_api_string_set_free(&back);
    CHECK(graft_api_echo_maybe(client, NULL, &maybe, &error) && maybe == NULL);
    CHECK(graft_api_echo_maybe(client, &some, &maybe, &error) && maybe != NULL && *maybe == 5);
    graft_api_int_option_free(&maybe);
    CHECK(graft_api_echo_maybe_maybe(client, &boxed, &unboxed, &error) && unboxed.count == 1 && unboxed.items[0] == NULL);
    graft_api_int_option_set_free(&unboxed);
    CHECK(graft_api_echo_nothing(client, &error));
    CHECK(graft_api_echo_colour(client, "ultraviolet", &text, &error) && strcmp(text, "ultraviolet") == 0);
    CHECK(graft_api_colour_of(text) == GRAFT_API_COLOUR_UNKNOWN);
    free(text);
    CHECK(graft_api_echo_colour(client, graft_api_colour_text(GRAFT_API_COLOUR_DEEP_BLUE), &text, &error));
    CHECK(graft_api_colour_of(text) == GRAFT_API_COLOUR_DEEP_BLUE);
    free(text);
    CHECK(graft_api_echo_defaults(client, "a", NULL, &text, &error) && strcmp(text, "a|7|three") == 0);
    free(text);
    CHECK(graft_api_echo_defaults(client, "a", &options, &text, &error) && strcmp(text, "a|8|3") == 0);
    free(text);
    CHECK(graft_api_point_init(&point, &error) && strcmp(point.label, "here") == 0);
    graft_api_point_free(&point);
    CHECK(!graft_api_echo_string(client, NULL, &text, &error) && error.kind == GRAFT_ARGUMENT);
}

static void failures(graft_client *client, const char *url, const char *user)
{
    char *words[] = {"v", "g"}, *text;
    graft_api_string_set params = {2, words};
    graft_api_volume_in_use in_use;
    graft_api_field_type_error wrong;
    graft_client *other;
    graft_json *json;
    CHECK(!graft_api_echo_fail(client, "VOLUME_IN_USE", &params, &error));
    CHECK(graft_api_error_as_volume_in_use(&error, &in_use));
    CHECK(strcmp(in_use.volume, "v") == 0 && strcmp(in_use.guest, "g") == 0);
    CHECK(!graft_api_echo_fail(client, "ELSE", &params, &error) && graft_error_is(&error, "ELSE"));
    json = graft_call(client, "Echo.int", "[true]", true, &error);
    CHECK(json == NULL && graft_api_error_as_field_type_error(&error, &wrong));
    CHECK(strcmp(wrong.place, "value") == 0 && strcmp(wrong.expected, "int") == 0 && error.status == 400);
    other = graft_client_new(url, user, "wrong");
    CHECK(!graft_client_login(other, &error) && graft_error_is(&error, "SESSION_AUTHENTICATION_FAILED"));
    graft_client_free(other);
    other = graft_client_with_session(url, "OpaqueRef:none");
    CHECK(!graft_api_echo_nothing(other, &error) && graft_error_is(&error, "SESSION_INVALID"));
    graft_client_free(other);
    other = graft_client_new("http://127.0.0.1:9", user, "any");
    CHECK(!graft_client_login(other, &error) && error.kind == GRAFT_TRANSPORT);
    graft_client_free(other);
    other = graft_client_new("https://127.0.0.1:9", user, "any");
    CHECK(!graft_client_login(other, &error) && error.kind == GRAFT_TRANSPORT);
    graft_client_free(other);
    graft_client_set_timeout(client, 0.3);
    CHECK(!graft_api_echo_sleep(client, 3, &text, &error) && error.kind == GRAFT_TRANSPORT);
    graft_client_set_timeout(client, 60);
    CHECK(graft_api_echo_string(client, "goes on", &text, &error));
    free(text);
}

static void tasks(graft_client *client)
{
    char *text, *status;
    double progress;
    char *words[] = {"v", "g"};
    graft_api_string_set params = {2, words};
    graft_task *task = graft_api_start_echo_string(client, "from a task", &error);
    CHECK(task != NULL && graft_api_wait_echo_string(task, -1, &text, &error) && strcmp(text, "from a task") == 0);
    free(text);
    status = graft_task_status(task, &progress, &error);
    CHECK(status != NULL && strcmp(status, "success") == 0 && progress == 1.0);
    free(status);
    CHECK(graft_task_destroy(task, &error));
    graft_task_free(task);
    task = graft_api_start_echo_fail(client, "VOLUME_IN_USE", &params, &error);
    CHECK(task != NULL && !graft_api_wait_echo_fail(task, 60, &error) && graft_error_is(&error, "VOLUME_IN_USE"));
    graft_task_free(task);
    task = graft_api_start_echo_sleep(client, 60, &error);
    CHECK(task != NULL && !graft_api_wait_echo_sleep(task, 0.2, &text, &error) && error.kind == GRAFT_TIMEOUT);
    CHECK(graft_task_cancel(task, &error));
    CHECK(!graft_api_wait_echo_sleep(task, 60, &text, &error) && graft_error_is(&error, "TASK_CANCELLED"));
    graft_task_free(task);
}

static void sessions(graft_client *client, const char *url)
{
    char *first = graft_copy(graft_client_session(client)), *text;
    graft_client *guest = graft_client_with_session(url, first);
    CHECK(graft_api_echo_string(guest, "by reference", &text, &error));
    free(text);
    graft_client_free(guest);
    CHECK(graft_api_echo_string(client, "still open", &text, &error));
    free(text);
    CHECK(graft_api_session_logout(client, &error));
    CHECK(graft_api_echo_string(client, "logged in anew", &text, &error));
    CHECK(strcmp(first, graft_client_session(client)) != 0);
    free(text);
    free(first);
}

int main(int count, char **given)
{
    graft_client *client = graft_client_new(given[1], given[2], given[3]);
    if (count > 4 && strcmp(given[4], "corpus") == 0) {
        corpus(client);
    } else {
        calls(client);
        failures(client, given[1], given[2]);
        tasks(client);
        sessions(client, given[1]);
        printf("%d checks\n", checks);
    }
    graft_error_free(&error);
    graft_client_free(client);
    return 0;
}
