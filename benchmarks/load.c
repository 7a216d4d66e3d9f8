/* The load generator of load.py in C, where there is a compiler: it takes less of the machine that it measures.
 *
 *   load PORT PATH EXPECTED CLIENTS SECONDS CALLS RATE <BODY
 *
 * writes a line `ELAPSED CPU ERRORS LATENCIES`, that many doubles in the machine's order, and the first wrong answer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CLIENTS = 1024, MOST_BYTES = 65536, PATIENCE = 60 };

struct client {
    double due; /* when its request was sent, or should have been; 0 while there is none under way */
    size_t have;
    char bytes[MOST_BYTES + 1];
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double used(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int connected(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        err(1, "port %d", port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Whether this is a whole HTTP answer, of a known length or in chunks. */
static int complete(const struct client *client) {
    static const char last[] = "\r\n0\r\n\r\n", name[] = "\r\ncontent-length:";
    const char *end = memmem(client->bytes, client->have, "\r\n\r\n", 4);
    if (!end)
        return 0;
    for (const char *at = client->bytes; at < end; at++)
        if (*at == '\r' && strncasecmp(at, name, sizeof name - 1) == 0)
            return client->have >= (size_t)(end + 4 - client->bytes) + strtoul(at + sizeof name - 1, NULL, 10);
    return client->have >= sizeof last - 1
        && memcmp(client->bytes + client->have - (sizeof last - 1), last, sizeof last - 1) == 0;
}

static void send_all(int fd, const char *bytes, size_t size) {
    while (size) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0)
            err(1, "send");
        bytes += sent;
        size -= sent;
    }
}

int main(int argc, char **argv) {
    if (argc != 8)
        errx(2, "seven arguments are needed");
    int port = atoi(argv[1]), count = atoi(argv[4]);
    const char *expected = argv[3];
    double seconds = atof(argv[5]), rate = atof(argv[7]);
    long calls = atol(argv[6]), begun = 0, ended = 0, room = 0, errors = 0;
    static char body[MOST_BYTES], request[2 * MOST_BYTES], wrong[MOST_BYTES + 1];
    size_t size = fread(body, 1, sizeof body, stdin);
    if (count < 1 || count > MOST_CLIENTS || size == sizeof body || strlen(argv[2]) > 1024)
        errx(2, "too many clients, or too large a request");
    int head = sprintf(request, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: %zu\r\n\r\n",
                       argv[2], size);
    memcpy(request + head, body, size);
    size += head;
    if (rate && !calls)
        calls = seconds * rate + 0.5;
    struct client *clients = calloc(count, sizeof *clients);
    struct pollfd *polled = calloc(count, sizeof *polled);
    double *latencies = NULL;
    if (!clients || !polled)
        err(1, "memory");
    for (int i = 0; i < count; i++)
        polled[i] = (struct pollfd){.fd = connected(port), .events = POLLIN};
    double before = used(), start = now();
    for (;;) {
        double at = now(), next = 0;
        int more = calls ? begun < calls : at < start + seconds;
        for (int i = 0; i < count && more; i++) {
            if (clients[i].due)
                continue;
            next = rate ? start + begun / rate : at;
            if (next > at)
                break;
            clients[i].due = next;
            send_all(polled[i].fd, request, size);
            begun++;
            more = calls ? begun < calls : 1;
            next = 0;
        }
        if (!more && ended == begun)
            break;
        double pause = next > at ? next - at : PATIENCE;
        struct timespec wait = {(time_t)pause, (pause - (time_t)pause) * 1e9};
        int ready = ppoll(polled, count, &wait, NULL);
        if (ready < 0)
            err(1, "poll");
        if (ready == 0 && next <= at)
            errx(1, "no answer within %d s", PATIENCE);
        for (int i = 0; i < count && ready; i++) {
            struct client *client = &clients[i];
            if (!polled[i].revents)
                continue;
            ready--;
            ssize_t got = recv(polled[i].fd, client->bytes + client->have, MOST_BYTES - client->have, 0);
            if (got <= 0 || !client->due)
                errx(1, "the server has closed a connection, or sent what was not asked for");
            client->have += got;
            client->bytes[client->have] = 0;
            if (!complete(client))
                continue;
            if (ended == room) {
                room = room ? 2 * room : 4096;
                if (!(latencies = realloc(latencies, room * sizeof *latencies)))
                    err(1, "memory");
            }
            latencies[ended++] = now() - client->due;
            if (!memmem(client->bytes, client->have, expected, strlen(expected)) && !errors++)
                memcpy(wrong, client->bytes, client->have);
            client->due = 0;
            client->have = 0;
        }
    }
    printf("%.9f %.9f %ld %ld\n", now() - start, used() - before, errors, ended);
    fwrite(latencies, sizeof *latencies, ended, stdout);
    fputs(wrong, stdout);
    return fflush(stdout) != 0;
}
