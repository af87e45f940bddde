/* A quick Cognito: one fixed answer of some 600 bytes on keep-alive connections, and counters.
 *
 *     stub PORT
 *
 * Counts connections, requests and those that carry a SigV4 signature (which it does not check: the strict upstream of
 * the bench does). GET /__stats tells the counts as JSON and closes. One thread, one epoll, loopback only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 16384, BUFFER_BYTES = 32768, EVENTS = 512 };

static const char BODY[] =
    "{\"Enabled\":true,\"UserAttributes\":["
    "{\"Name\":\"sub\",\"Value\":\"5f2b9c1e-8f0b-4b55-9a0e-3f3e0e6a9d11\"},"
    "{\"Name\":\"email_verified\",\"Value\":\"true\"},"
    "{\"Name\":\"given_name\",\"Value\":\"Alice\"},"
    "{\"Name\":\"family_name\",\"Value\":\"Liddell\"},"
    "{\"Name\":\"custom:tenant\",\"Value\":\"acme-industries\"},"
    "{\"Name\":\"phone_number\",\"Value\":\"+15555550100\"},"
    "{\"Name\":\"phone_number_verified\",\"Value\":\"false\"},"
    "{\"Name\":\"email\",\"Value\":\"alice@example.com\"}],"
    "\"UserCreateDate\":1.731950000123E9,\"UserLastModifiedDate\":1.731950999456E9,"
    "\"UserStatus\":\"CONFIRMED\",\"Username\":\"alice@example.com\"}";

/* What has arrived of a request, by the connection's descriptor. */
struct input {
    char *bytes;
    int length;
};

static struct input inputs[MAX_CONNECTIONS];
static unsigned long requests, connections, signed_requests;
static char answer[2048];
static int answer_length;

static void send_all(int fd, const char *bytes, int length) {
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            usleep(50);
        } else if (sent < 0) {
            return;
        } else {
            bytes += sent;
            length -= sent;
        }
    }
}

static void forget(int fd) {
    inputs[fd].length = 0;
    close(fd);
}

static void tell_counts(int fd) {
    char counts[128], text[256];
    int length = snprintf(counts, sizeof counts, "{\"requests\":%lu,\"connections\":%lu,\"signed\":%lu}", requests,
                          connections - 1, signed_requests); /* without the one that asks */
    length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", length, counts);
    connections--;
    send_all(fd, text, length);
    forget(fd);
}

/* What of a request the stub looks at. `length` is 0 when it is not all there. */
struct request {
    int length, is_signed, is_last;
};

static struct request first_request(const struct input *input) {
    struct request found = {0, 0, 0};
    char *end = memmem(input->bytes, input->length, "\r\n\r\n", 4);
    if (!end)
        return found;
    int head = end - input->bytes + 4, body = 0, chunked = 0;
    for (char *line = memchr(input->bytes, '\n', head); line && line < end; line = memchr(line, '\n', end - line)) {
        line++;
        if (!strncasecmp(line, "content-length:", 15))
            body = atoi(line + 15);
        else if (!strncasecmp(line, "transfer-encoding: chunked", 26))
            chunked = 1;
        else if (!strncasecmp(line, "authorization: AWS4-HMAC-SHA256 ", 32))
            found.is_signed = 1;
        else if (!strncasecmp(line, "connection: close", 17))
            found.is_last = 1;
    }
    if (chunked) {
        char *last = memmem(end + 2, input->bytes + input->length - end - 2, "\r\n0\r\n\r\n", 7);
        found.length = last ? last - input->bytes + 7 : 0;
    } else {
        found.length = input->length >= head + body ? head + body : 0;
    }
    return found;
}

static void serve(int fd) {
    struct input *input = &inputs[fd];
    ssize_t received = recv(fd, input->bytes + input->length, BUFFER_BYTES - input->length, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        forget(fd);
        return;
    }
    input->length += received;
    struct request request;
    input->bytes[input->length] = 0;
    while ((request = first_request(input)).length) {
        if (!memcmp(input->bytes, "GET /__stats", 12)) {
            tell_counts(fd);
            return;
        }
        requests++;
        signed_requests += request.is_signed;
        send_all(fd, answer, answer_length);
        if (request.is_last) {
            forget(fd);
            return;
        }
        input->length -= request.length;
        memmove(input->bytes, input->bytes + request.length, input->length);
        input->bytes[input->length] = 0;
    }
    if (input->length >= BUFFER_BYTES)
        forget(fd);
}

static void accept_all(int listener, int poll) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_CONNECTIONS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (!inputs[fd].bytes)
            inputs[fd].bytes = malloc(BUFFER_BYTES + 1);
        inputs[fd].length = 0;
        connections++;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: stub PORT\n");
        return 2;
    }
    answer_length = snprintf(answer, sizeof answer,
                             "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 09:00:00 GMT\r\n"
                             "Content-Type: application/x-amz-json-1.1\r\nContent-Length: %zu\r\n"
                             "Connection: keep-alive\r\nx-amzn-RequestId: 0b7f6c7e-3e6d-4f7b-8a51-1f9e6f0c7a11\r\n\r\n%s",
                             strlen(BODY), BODY);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("stub");
        return 1;
    }
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener, poll);
            else
                serve(events[i].data.fd);
        }
    }
}
