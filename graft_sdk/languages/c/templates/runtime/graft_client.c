/* Sessions, calls and tasks over HTTP. */
#define _POSIX_C_SOURCE 200809L
#include "graft.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT 120.0
#define WAIT_STEP 30.0
#define MAX_ANSWER ((size_t)256 << 20)
#define MAX_HEAD ((size_t)64 << 10)
#define AGENT "graft-sdk (c)"

typedef struct {
    int socket; /* -1 for none; kept between calls. */
    char *origin; /* What it is connected to. */
} connection;

struct graft_client {
    char *url;
    char *user;
    char *password;
    char *session;
    char *originator;
    bool own;
    double timeout;
    graft_transport transport;
    void *context;
    connection http;
};

struct graft_task {
    graft_client *client;
    char *ref;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- the built-in transport --------------------------------------------------------------------------------------- */

static void disconnect(connection *http)
{
    if (http->socket >= 0)
        close(http->socket);
    http->socket = -1;
    free(http->origin);
    http->origin = NULL;
}

/* Waits for the socket; false when the time is up. */
static bool ready(int socket, short events, double deadline)
{
    struct pollfd wanted = {.fd = socket, .events = events};
    for (;;) {
        double left = deadline - now();
        int found = left <= 0 ? 0 : poll(&wanted, 1, left > 1e6 ? 1000000000 : (int)(left * 1000) + 1);
        if (found > 0)
            return true;
        if (found == 0 || errno != EINTR)
            return false;
    }
}

static bool connect_to(connection *http, const char *host, const char *port, double deadline, graft_error *error)
{
    struct addrinfo hints, *found = NULL, *address;
    int failed, one = 1, reason = 0;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0)
        return graft_fail(error, GRAFT_TRANSPORT, "no answer from %s: %s", host, gai_strerror(failed));
    for (address = found; address != NULL; address = address->ai_next) {
        int opened = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        socklen_t size = sizeof reason;
        if (opened < 0) {
            reason = errno;
            continue;
        }
        fcntl(opened, F_SETFD, FD_CLOEXEC);
        fcntl(opened, F_SETFL, O_NONBLOCK);
        reason = connect(opened, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
        if (reason == EINPROGRESS) {
            reason = ETIMEDOUT;
            if (ready(opened, POLLOUT, deadline))
                getsockopt(opened, SOL_SOCKET, SO_ERROR, &reason, &size);
        }
        if (reason == 0) {
            setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            http->socket = opened;
            break;
        }
        close(opened);
    }
    freeaddrinfo(found);
    if (http->socket >= 0)
        return true;
    return graft_fail(error, GRAFT_TRANSPORT, "no answer from %s:%s: %s", host, port, strerror(reason));
}

static bool send_all(connection *http, const char *data, size_t size, double deadline)
{
    while (size > 0) {
        ssize_t sent = send(http->socket, data, size, MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        } else if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            return false;
        } else if (!ready(http->socket, POLLOUT, deadline)) {
            return false;
        }
    }
    return true;
}

typedef struct {
    connection *http;
    double deadline;
    char *data;
    size_t size;
    size_t room;
    bool ended;
} answer;

/* Reads on; false at the end, when the time is up, or when there is too much. */
static bool more(answer *from)
{
    if (from->room - from->size < 2) {
        size_t room = from->room * 2 + 16384;
        char *grown = room > MAX_ANSWER + MAX_HEAD ? NULL : realloc(from->data, room);
        if (grown == NULL)
            return false;
        from->data = grown;
        from->room = room;
    }
    for (;;) {
        ssize_t got = recv(from->http->socket, from->data + from->size, from->room - from->size - 1, 0);
        if (got > 0) {
            from->size += (size_t)got;
            from->data[from->size] = '\0';
            return true;
        }
        if (got == 0) {
            from->ended = true;
            return false;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return false;
        if (!ready(from->http->socket, POLLIN, from->deadline))
            return false;
    }
}

static const char *header(const char *head, const char *name)
{
    size_t size = strlen(name);
    const char *line = head;
    while ((line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, size) == 0 && line[size] == ':') {
            line += size + 1;
            while (*line == ' ' || *line == '\t')
                line++;
            return line;
        }
    }
    return NULL;
}

/* Joins the chunks of a body in place; false while some are missing. */
static bool unchunk(char *body, size_t size, size_t *joined)
{
    size_t at = 0, to = 0, round;
    for (round = 0; round < 2; round++) {
        at = to = 0;
        for (;;) {
            char *line = body + at, *end;
            unsigned long length;
            if (at >= size || (end = strstr(line, "\r\n")) == NULL)
                return false;
            length = strtoul(line, NULL, 16);
            at = (size_t)(end - body) + 2;
            if (length > MAX_ANSWER || size - at < length + 2)
                return false;
            if (length == 0)
                break;
            /* All must be there before anything is moved. */
            if (round == 1)
                memmove(body + to, body + at, length);
            to += length;
            at += length + 2;
        }
    }
    body[to] = '\0';
    *joined = to;
    return true;
}

static bool receive(answer *from, graft_response *response, bool *keep)
{
    char *end, *body;
    const char *value;
    size_t size = 0, start;
    while (from->size == 0 || (end = strstr(from->data, "\r\n\r\n")) == NULL)
        if (from->size > MAX_HEAD || !more(from))
            return false;
    start = (size_t)(end - from->data) + 4;
    end[2] = '\0';
    if (sscanf(from->data, "HTTP/1.%*d %d", &response->status) != 1)
        return false;
    value = header(from->data, "Retry-After");
    response->retry_after = value != NULL ? atoi(value) : -1;
    value = header(from->data, "Connection");
    *keep = value == NULL || strncasecmp(value, "close", 5) != 0;
    value = header(from->data, "Content-Length");
    if (response->status == 204 || response->status == 304) {
        size = 0;
    } else if (value != NULL) {
        size = (size_t)strtoull(value, NULL, 10);
        if (size > MAX_ANSWER)
            return false;
        while (from->size - start < size)
            if (!more(from))
                return false;
    } else if ((value = header(from->data, "Transfer-Encoding")) != NULL && strncasecmp(value, "chunked", 7) == 0) {
        while (!unchunk(from->data + start, from->size - start, &size))
            if (!more(from))
                return false;
    } else {
        *keep = false;
        while (more(from))
            ;
        if (!from->ended)
            return false;
        size = from->size - start;
    }
    body = malloc(size + 1);
    if (body == NULL)
        return false;
    memcpy(body, from->data + start, size);
    body[size] = '\0';
    response->body = body;
    response->body_size = size;
    return true;
}

static bool take_apart(const char *url, char host[256], char port[8], const char **path, graft_error *error)
{
    const char *start = strncmp(url, "http://", 7) == 0 ? url + 7 : NULL, *end, *colon = NULL;
    size_t size;
    if (start == NULL)
        return graft_fail(error, GRAFT_TRANSPORT, "the built-in transport takes http:// only; set one for %.8s", url);
    *path = start + strcspn(start, "/");
    end = *path;
    if (*start == '[') {
        const char *close = memchr(start, ']', (size_t)(end - start));
        start++;
        if (close != NULL && close[1] == ':')
            colon = close + 1;
        end = close != NULL ? close : end;
    } else {
        colon = memchr(start, ':', (size_t)(end - start));
        end = colon != NULL ? colon : end;
    }
    size = (size_t)(end - start);
    if (size == 0 || size >= 256 || (colon != NULL && *path - colon - 1 >= 8))
        return graft_fail(error, GRAFT_TRANSPORT, "the URL names no host such as http://graft.example:8080");
    memcpy(host, start, size);
    host[size] = '\0';
    snprintf(port, 8, "%.*s", colon != NULL ? (int)(*path - colon - 1) : 2, colon != NULL ? colon + 1 : "80");
    return true;
}

static bool send_http(void *context, const graft_request *request, graft_response *response, graft_error *error)
{
    connection *http = context;
    char host[256], port[8];
    const char *path = request->url;
    graft_buffer head = {0};
    char length[64];
    size_t origin;
    bool reused, done = false, keep = false;
    double deadline = now() + request->timeout;
    int tries;
    if (!take_apart(request->url, host, port, &path, error))
        return false;
    origin = (size_t)(path - request->url);
    if (http->origin == NULL || strlen(http->origin) != origin || strncmp(http->origin, request->url, origin) != 0)
        disconnect(http);
    graft_put_text(&head, request->method);
    graft_put_text(&head, " ");
    graft_put_text(&head, path);
    graft_put_text(&head, " HTTP/1.1\r\nHost: ");
    graft_put_text(&head, strchr(host, ':') != NULL ? "[" : "");
    graft_put_text(&head, host);
    graft_put_text(&head, strchr(host, ':') != NULL ? "]:" : ":");
    graft_put_text(&head, port);
    graft_put_text(&head, "\r\nUser-Agent: " AGENT "\r\nAccept: application/json\r\n");
    if (request->session != NULL) {
        graft_put_text(&head, "Authorization: Bearer ");
        graft_put_text(&head, request->session);
        graft_put_text(&head, "\r\n");
    }
    if (request->body != NULL)
        graft_put_text(&head, "Content-Type: application/json\r\n");
    snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n", request->body != NULL ? request->body_size : 0);
    graft_put_text(&head, length);
    for (tries = 0; tries < 2 && !done && head.fault == NULL; tries++) {
        answer from = {http, deadline, NULL, 0, 0, false};
        char last;
        reused = http->socket >= 0;
        /* An idle connection that the other side has closed has something to read: its end. */
        if (reused && recv(http->socket, &last, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) {
            disconnect(http);
            reused = false;
        }
        if (!reused && !connect_to(http, host, port, deadline, error))
            break;
        done = send_all(http, head.data, head.size, deadline)
            && send_all(http, request->body != NULL ? request->body : "", request->body != NULL ? request->body_size : 0, deadline)
            && receive(&from, response, &keep);
        free(from.data);
        if (!done) {
            bool unanswered = reused && from.size == 0 && from.ended;
            disconnect(http);
            if (!unanswered) {
                graft_fail(error, GRAFT_TRANSPORT, "no answer from %s:%s%s", host, port,
                           now() >= deadline ? " in time" : " that can be read");
                break;
            }
        }
    }
    graft_buffer_free(&head);
    if (done && !keep)
        disconnect(http);
    if (done && keep && http->origin == NULL && (http->origin = malloc(origin + 1)) != NULL) {
        memcpy(http->origin, request->url, origin);
        http->origin[origin] = '\0';
    }
    if (!done && error->kind == GRAFT_OK)
        graft_fail(error, GRAFT_TRANSPORT, "no answer from %s:%s", host, port);
    return done;
}

/* --- clients ------------------------------------------------------------------------------------------------------ */

static graft_client *made(const char *url, const char *user, const char *password, const char *session)
{
    graft_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    client->timeout = DEFAULT_TIMEOUT;
    client->http.socket = -1;
    client->transport = send_http;
    client->context = &client->http;
    client->url = graft_copy(url);
    client->user = user != NULL ? graft_copy(user) : NULL;
    client->password = password != NULL ? graft_copy(password) : NULL;
    client->session = session != NULL ? graft_copy(session) : NULL;
    client->originator = graft_copy(AGENT);
    if (client->url != NULL && strlen(client->url) > 0 && client->url[strlen(client->url) - 1] == '/')
        client->url[strlen(client->url) - 1] = '\0';
    return client;
}

graft_client *graft_client_new(const char *url, const char *user, const char *password)
{
    return made(url, user, password, NULL);
}

graft_client *graft_client_with_session(const char *url, const char *session)
{
    return made(url, NULL, NULL, session);
}

void graft_client_set_timeout(graft_client *client, double seconds)
{
    client->timeout = seconds;
}

void graft_client_set_originator(graft_client *client, const char *name)
{
    free(client->originator);
    client->originator = graft_copy(name);
}

void graft_client_set_transport(graft_client *client, graft_transport transport, void *context)
{
    client->transport = transport;
    client->context = context;
}

const char *graft_client_session(const graft_client *client)
{
    return client->session;
}

static graft_json *read_body(const graft_response *response, graft_error *error)
{
    if (response->body_size == 0)
        return graft_json_read("null", 4, error);
    return graft_json_read(response->body, response->body_size, error);
}

/* Sets the error that JSON tells; false if it tells none. */
static bool told_error(const graft_json *told, int status, int retry_after, graft_error *error)
{
    const graft_json *code = graft_json_member(told, "code"), *params = graft_json_member(told, "params");
    const graft_json *message = graft_json_member(told, "message");
    size_t i;
    if (code == NULL || code->kind != GRAFT_JSON_STRING)
        return false;
    graft_error_free(error);
    error->kind = GRAFT_API;
    error->status = status;
    error->retry_after = retry_after;
    error->code = graft_copy(code->string);
    error->message = graft_copy(message != NULL && message->kind == GRAFT_JSON_STRING ? message->string : "");
    if (params != NULL && params->kind == GRAFT_JSON_ARRAY && params->count > 0
        && (error->params = calloc(params->count, sizeof *error->params)) != NULL) {
        error->param_count = params->count;
        for (i = 0; i < params->count; i++)
            error->params[i] = graft_copy(params->items[i].kind == GRAFT_JSON_STRING ? params->items[i].string : "");
    }
    return true;
}

/* Sends one request; returns what was answered, or NULL with the error set. */
static graft_json *exchange(
    graft_client *client, const char *method, const char *path, const char *body, const char *session, double timeout,
    graft_error *error)
{
    graft_buffer url = {0};
    graft_response response = {0, -1, NULL, 0};
    graft_request request = {method, NULL, session, body, body != NULL ? strlen(body) : 0, timeout};
    graft_json *value = NULL;
    graft_error_free(error);
    graft_put_text(&url, client->url != NULL ? client->url : "");
    graft_put_text(&url, path);
    request.url = url.data;
    if (url.fault != NULL) {
        graft_fail(error, GRAFT_MEMORY, "%s", url.fault);
    } else if (client->transport(client->context, &request, &response, error)) {
        value = read_body(&response, error);
        if (response.status < 200 || response.status >= 300) {
            if (value == NULL || !told_error(value, response.status, response.retry_after, error))
                graft_fail(error, GRAFT_ANSWER, "HTTP %d, and nothing that tells an error of this interface", response.status);
            graft_json_free(value);
            value = NULL;
        }
    }
    free(response.body);
    graft_buffer_free(&url);
    return value;
}

bool graft_client_login(graft_client *client, graft_error *error)
{
    graft_buffer body = {0};
    graft_json *answered = NULL;
    bool first = true;
    if (client->session != NULL)
        return true;
    if (client->user == NULL || client->password == NULL) {
        graft_fail(error, GRAFT_API, "the client has neither a session nor a user");
        error->code = graft_copy("SESSION_INVALID");
        return false;
    }
    graft_put_text(&body, "{");
    graft_put_name(&body, "uname", &first);
    graft_put_string(&body, &client->user);
    graft_put_name(&body, "pwd", &first);
    graft_put_string(&body, &client->password);
    graft_put_name(&body, "version", &first);
    graft_put_text(&body, "\"1.0\"");
    graft_put_name(&body, "originator", &first);
    graft_put_string(&body, &client->originator);
    graft_put_text(&body, "}");
    if (body.fault != NULL)
        graft_fail(error, GRAFT_MEMORY, "%s", body.fault);
    else
        answered = exchange(client, "POST", "/api/v1/methods/session.login_with_password", body.data, NULL, client->timeout, error);
    if (body.data != NULL)
        memset(body.data, 0, body.size);
    graft_buffer_free(&body);
    if (answered != NULL && graft_get_string(answered, &client->session, error))
        client->own = true;
    graft_json_free(answered);
    return client->session != NULL;
}

void graft_client_free(graft_client *client)
{
    graft_error error = {0};
    if (client == NULL)
        return;
    if (client->own && client->session != NULL)
        graft_json_free(exchange(
            client, "POST", "/api/v1/methods/session.logout", "{}", client->session, client->timeout, &error));
    graft_error_free(&error); /* The session ends by itself in time. */
    disconnect(&client->http);
    if (client->password != NULL)
        memset(client->password, 0, strlen(client->password));
    free(client->url);
    free(client->user);
    free(client->password);
    free(client->session);
    free(client->originator);
    free(client);
}

/* Sends a request; where the session has ended, logs in anew and sends it once more. */
static graft_json *with_session(
    graft_client *client, const char *method, const char *path, const char *body, double timeout, graft_error *error)
{
    graft_json *answered;
    if (!graft_client_login(client, error))
        return NULL;
    answered = exchange(client, method, path, body, client->session, timeout, error);
    if (answered != NULL || client->user == NULL || error->status != 401 || !graft_error_is(error, "SESSION_INVALID"))
        return answered;
    graft_free_string(&client->session);
    if (!graft_client_login(client, error))
        return NULL;
    return exchange(client, method, path, body, client->session, timeout, error);
}

static void put_quoted(graft_buffer *path, const char *text)
{
    char quoted[4];
    for (; *text != '\0'; text++) {
        bool plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9')
            || strchr("-._~", *text) != NULL;
        snprintf(quoted, sizeof quoted, plain ? "%c" : "%%%02X", (unsigned char)*text);
        graft_put_text(path, quoted);
    }
}

static graft_json *call(
    graft_client *client, const char *prefix, const char *method, const char *arguments, bool session, graft_error *error)
{
    graft_buffer path = {0};
    graft_json *answered = NULL;
    graft_put_text(&path, "/api/v1/methods/");
    put_quoted(&path, prefix);
    put_quoted(&path, method);
    if (path.fault != NULL)
        graft_fail(error, GRAFT_MEMORY, "%s", path.fault);
    else if (session)
        answered = with_session(client, "POST", path.data, arguments, client->timeout, error);
    else
        answered = exchange(client, "POST", path.data, arguments, NULL, client->timeout, error);
    graft_buffer_free(&path);
    return answered;
}

graft_json *graft_call(
    graft_client *client, const char *method, const char *arguments, bool session, graft_error *error)
{
    return call(client, "", method, arguments, session, error);
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

graft_task *graft_start(graft_client *client, const char *method, const char *arguments, graft_error *error)
{
    graft_json *answered = call(client, "Async.", method, arguments, true, error);
    graft_task *task = answered != NULL ? graft_allocate(1, sizeof *task, error) : NULL;
    if (task != NULL) {
        task->client = client;
        if (!graft_get_string(answered, &task->ref, error)) {
            free(task);
            task = NULL;
        }
    }
    graft_json_free(answered);
    return task;
}

void graft_task_free(graft_task *task)
{
    if (task != NULL) {
        free(task->ref);
        free(task);
    }
}

const char *graft_task_ref(const graft_task *task)
{
    return task->ref;
}

static graft_json *about(graft_task *task, const char *method, const char *what, double wait, graft_error *error)
{
    graft_buffer path = {0};
    graft_json *answered = NULL;
    graft_put_text(&path, "/api/v1/tasks/");
    put_quoted(&path, task->ref);
    graft_put_text(&path, what);
    if (path.fault != NULL)
        graft_fail(error, GRAFT_MEMORY, "%s", path.fault);
    else
        answered = with_session(task->client, method, path.data, NULL, task->client->timeout + wait, error);
    graft_buffer_free(&path);
    return answered;
}

static const char *status_of(const graft_json *info)
{
    const graft_json *status = graft_json_member(info, "status");
    return status != NULL && status->kind == GRAFT_JSON_STRING ? status->string : "";
}

char *graft_task_status(graft_task *task, double *progress, graft_error *error)
{
    graft_json *info = about(task, "GET", "", 0, error);
    char *status = NULL;
    if (info == NULL)
        return NULL;
    if (progress != NULL && !graft_get_float(graft_json_member(info, "progress"), progress, error)) {
        graft_json_free(info);
        return NULL;
    }
    graft_get_string_key(status_of(info), &status, error);
    graft_json_free(info);
    return status;
}

/* Takes the result of a task that has ended; NULL with the error set. */
static graft_json *result_of(const graft_json *info, graft_error *error)
{
    graft_json *result = NULL;
    if (strcmp(status_of(info), "success") == 0)
        return graft_get_json(graft_json_member(info, "result"), &result, error) ? result : NULL;
    if (!told_error(graft_json_member(info, "error"), 0, -1, error))
        graft_fail(error, GRAFT_ANSWER, "the task has ended with %s, and without an error", status_of(info));
    return NULL;
}

graft_json *graft_task_wait(graft_task *task, double seconds, graft_error *error)
{
    double deadline = now() + seconds;
    for (;;) {
        double left = seconds < 0 ? WAIT_STEP : deadline - now();
        double wait = left > WAIT_STEP ? WAIT_STEP : left > 0 ? left : 0;
        char query[32];
        graft_json *info, *result;
        /* Thousandths, without the point that some locales write otherwise. */
        snprintf(query, sizeof query, "?wait=%d.%03d", (int)wait, (int)(wait * 1000) % 1000);
        info = about(task, "GET", wait > 0 ? query : "", wait, error);
        if (info == NULL)
            return NULL;
        if (strcmp(status_of(info), "pending") != 0 && strcmp(status_of(info), "cancelling") != 0) {
            result = result_of(info, error);
            graft_json_free(info);
            return result;
        }
        graft_json_free(info);
        if (seconds >= 0 && now() >= deadline) {
            graft_fail(error, GRAFT_TIMEOUT, "the task %s has not ended", task->ref);
            return NULL;
        }
    }
}

bool graft_task_cancel(graft_task *task, graft_error *error)
{
    graft_json *answered = about(task, "POST", "/cancel", 0, error);
    graft_json_free(answered);
    return answered != NULL;
}

bool graft_task_destroy(graft_task *task, graft_error *error)
{
    graft_json *answered = about(task, "DELETE", "", 0, error);
    graft_json_free(answered);
    return answered != NULL;
}
