/* A quick Cognito: fixed answers on keep-alive connections, and counters.
 *
 *     stub PORT
 *
 * AdminGetUser is answered with some 600 bytes about whoever was asked for, ListUsers with 60 such users;
 * AdminListGroupsForUser, ListGroups and ListUsersInGroup with what bench/people.py says of the same pool; everything
 * else with {}. Counts connections, requests, those that carry a SigV4 signature (which it does not check: the strict
 * upstream of the bench does), and the requests of each operation, the guards' own ones (" guards" in the User-Agent)
 * apart. GET /__stats tells the counts as JSON and closes. One thread, one epoll, loopback only.
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

enum { NAME_BYTES = 128, FIRST_TARGET = 1000000, ANSWER_BYTES = 65536, PAGE = 60 };

#define HEAD                                                                     \
    "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 09:00:00 GMT\r\n"                 \
    "Content-Type: application/x-amz-json-1.1\r\nContent-Length: %zu\r\n"        \
    "Connection: keep-alive\r\nx-amzn-RequestId: 0b7f6c7e-3e6d-4f7b-8a51-1f9e6f0c7a11\r\n\r\n"

/* About a user: what its attributes are called, its sub, twice its name. */
#define PERSON                                                                   \
    "{\"Enabled\":true,\"%s\":["                                                 \
    "{\"Name\":\"sub\",\"Value\":\"%s\"},"                                       \
    "{\"Name\":\"email_verified\",\"Value\":\"true\"},"                          \
    "{\"Name\":\"given_name\",\"Value\":\"Alice\"},"                             \
    "{\"Name\":\"family_name\",\"Value\":\"Liddell\"},"                          \
    "{\"Name\":\"custom:tenant\",\"Value\":\"acme-industries\"},"                \
    "{\"Name\":\"phone_number\",\"Value\":\"+15555550100\"},"                    \
    "{\"Name\":\"phone_number_verified\",\"Value\":\"false\"},"                  \
    "{\"Name\":\"email\",\"Value\":\"%s\"}],"                                    \
    "\"UserCreateDate\":1.731950000123E9,\"UserLastModifiedDate\":1.731950999456E9," \
    "\"UserStatus\":\"CONFIRMED\",\"Username\":\"%s\"}"

#define GROUP(name, precedence) "{\"GroupName\":\"" name "\",\"Precedence\":" precedence "}"

static const char ALICE[] = "alice@example.com", ALICES_SUB[] = "5f2b9c1e-8f0b-4b55-9a0e-3f3e0e6a9d11";

/* An answer, whole. */
struct answer {
    char bytes[ANSWER_BYTES];
    int length;
};

static struct answer alice, admins, users, groups, members, page, nothing;

/* The operations that are counted, the last one for all others. */
static const char *const OPERATIONS[] = {"AdminGetUser",     "AdminListGroupsForUser", "ListGroups",
                                         "ListUsersInGroup", "AdminDisableUser",       "ListUsers", "other"};
enum { GET_USER, GROUPS_OF_USER, GROUPS, USERS_IN_GROUP, DISABLE_USER, LIST_USERS, OTHER, OPERATIONS_COUNT };

static unsigned long counted[2][OPERATIONS_COUNT]; /* the callers', the guards' */

/* What has arrived of a request, by the connection's descriptor. */
struct input {
    char *bytes;
    int length;
};

static struct input inputs[MAX_CONNECTIONS];
static unsigned long requests, connections, signed_requests;

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

static int write_counts(char *text, int room, const unsigned long *counts) {
    int length = 0;
    for (int i = 0; i < OPERATIONS_COUNT; i++)
        length += snprintf(text + length, room - length, "%s\"%s\":%lu", i ? "," : "", OPERATIONS[i], counts[i]);
    return length;
}

static void tell_counts(int fd) {
    char own[512], guards[512], counts[1280], text[1536];
    write_counts(own, sizeof own, counted[0]);
    write_counts(guards, sizeof guards, counted[1]);
    int length = snprintf(counts, sizeof counts,
                          "{\"requests\":%lu,\"connections\":%lu,\"signed\":%lu,\"own\":{%s},\"guards\":{%s}}", requests,
                          connections - 1, signed_requests, own, guards); /* without the one that asks */
    length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", length, counts);
    connections--;
    send_all(fd, text, length);
    forget(fd);
}

/* What of a request the stub looks at. `length` is 0 when it is not all there. */
struct request {
    int length, head, is_signed, is_last, is_guards, operation;
};

static int operation_of(const char *value, const char *end) {
    const char *dot = memchr(value, '.', end - value);
    for (int i = 0; dot && i < OTHER; i++) {
        size_t length = strlen(OPERATIONS[i]);
        if (!strncmp(dot + 1, OPERATIONS[i], length) && dot[1 + length] == '\r')
            return i;
    }
    return OTHER;
}

static int says_guards(const char *value, const char *end) {
    const char *line_end = memchr(value, '\r', end + 2 - value);
    const char *found = line_end ? memmem(value, line_end - value, " guards", 7) : NULL;
    return found && (found[7] == ' ' || found[7] == '\r');
}

static struct request first_request(const struct input *input) {
    struct request found = {0, 0, 0, 0, 0, OTHER};
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
        else if (!strncasecmp(line, "x-amz-target:", 13))
            found.operation = operation_of(line + 13, end);
        else if (!strncasecmp(line, "user-agent:", 11))
            found.is_guards = says_guards(line + 11, end);
    }
    found.head = head;
    if (chunked) {
        char *last = memmem(end + 2, input->bytes + input->length - end - 2, "\r\n0\r\n\r\n", 7);
        found.length = last ? last - input->bytes + 7 : 0;
    } else {
        found.length = input->length >= head + body ? head + body : 0;
    }
    return found;
}

/* The user whom a body names, into `name`; the number at the name's end, or -1. */
static long named(const char *body, int length, char *name) {
    static const char MEMBER[] = "\"Username\":\"";
    const char *found = memmem(body, length, MEMBER, sizeof MEMBER - 1);
    int count = 0;
    if (found)
        for (found += sizeof MEMBER - 1; found[count] && found[count] != '"' && count < NAME_BYTES - 1; count++)
            name[count] = found[count];
    name[count] = 0;
    int digits = count;
    while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9')
        digits--;
    return digits < count ? atol(name + digits) : -1;
}

static void fill(struct answer *answer, const char *body) {
    answer->length = snprintf(answer->bytes, sizeof answer->bytes, HEAD "%s", strlen(body), body);
}

static void fill_person(struct answer *answer, const char *sub, const char *name) {
    char body[1024];
    snprintf(body, sizeof body, PERSON, "UserAttributes", sub, name, name);
    fill(answer, body);
}

static const struct answer *answer_to(const struct request *request, const char *bytes) {
    static struct answer person;
    char name[NAME_BYTES], sub[64];
    long number = -1;
    if (request->operation <= GROUPS_OF_USER)
        number = named(bytes + request->head, request->length - request->head, name);
    switch (request->operation) {
    case GET_USER:
        if (number < 0 && !strcmp(name, ALICE))
            return &alice;
        snprintf(sub, sizeof sub, "00000000-0000-4000-8000-%012ld", number);
        fill_person(&person, number < 0 ? ALICES_SUB : sub, name);
        return &person;
    case GROUPS_OF_USER:
        return number >= 0 && number < FIRST_TARGET ? &admins : &users;
    case GROUPS:
        return &groups;
    case USERS_IN_GROUP:
        return &members;
    case LIST_USERS:
        return &page;
    default:
        return &nothing;
    }
}

static void fill_page(struct answer *answer) {
    static char body[ANSWER_BYTES];
    int length = snprintf(body, sizeof body, "{\"Users\":[");
    for (int i = 0; i < PAGE; i++) {
        char sub[64], name[NAME_BYTES];
        snprintf(sub, sizeof sub, "00000000-0000-4000-8000-%012d", i);
        snprintf(name, sizeof name, "user%d", i);
        length += snprintf(body + length, sizeof body - length, i ? "," PERSON : PERSON, "Attributes", sub, name, name);
    }
    snprintf(body + length, sizeof body - length, "]}");
    fill(answer, body);
}

static void prepare(void) {
    static const char ADMIN[] = GROUP("admin", "1"), USER[] = GROUP("user", "10");
    char body[1024];
    fill_person(&alice, ALICES_SUB, ALICE);
    snprintf(body, sizeof body, "{\"Groups\":[%s]}", ADMIN);
    fill(&admins, body);
    snprintf(body, sizeof body, "{\"Groups\":[%s]}", USER);
    fill(&users, body);
    snprintf(body, sizeof body, "{\"Groups\":[%s,%s,%s,%s]}", ADMIN, GROUP("moderator", "5"), GROUP("premium", "8"), USER);
    fill(&groups, body);
    fill(&members, "{\"Users\":[{\"Enabled\":true,\"Username\":\"user0\"},{\"Enabled\":true,\"Username\":\"user1\"}]}");
    fill_page(&page);
    fill(&nothing, "{}");
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
        counted[request.is_guards][request.operation]++;
        const struct answer *answer = answer_to(&request, input->bytes);
        send_all(fd, answer->bytes, answer->length);
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
    prepare();
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
