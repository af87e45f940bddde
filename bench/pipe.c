/* The kernel's floor: passes bytes between each caller and a connection of its own to the upstream, and does no work.
 *
 *     pipe PORT UPSTREAM_PORT
 *
 * One thread, one epoll, loopback only. No proxied request can cost less than this on one core.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 65536, EVENTS = 512 };

static int other_side[MAX_CONNECTIONS]; /* 0: it is gone */
static char bytes[65536];

static struct sockaddr_in loopback(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void watch(int poll, int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

static void join(int poll, int listener, const struct sockaddr_in *upstream) {
    int caller = accept(listener, NULL, NULL);
    if (caller < 0)
        return;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(server, (const struct sockaddr *)upstream, sizeof *upstream)) {
        close(server);
        close(caller);
        return;
    }
    other_side[caller] = server;
    other_side[server] = caller;
    watch(poll, caller);
    watch(poll, server);
}

static void pass_on(int fd) {
    ssize_t received = recv(fd, bytes, sizeof bytes, 0);
    if (received > 0) {
        if (other_side[fd])
            send(other_side[fd], bytes, received, MSG_NOSIGNAL);
        return;
    }
    if (other_side[fd]) {
        shutdown(other_side[fd], SHUT_RDWR); /* it is closed when its own end of file is read */
        other_side[other_side[fd]] = 0;
    }
    other_side[fd] = 0;
    close(fd);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: pipe PORT UPSTREAM_PORT\n");
        return 2;
    }
    struct sockaddr_in address = loopback(arguments[1]), upstream = loopback(arguments[2]);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("pipe");
        return 1;
    }
    int poll = epoll_create1(0);
    struct epoll_event events[EVENTS];
    watch(poll, listener);
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                join(poll, listener, &upstream);
            else
                pass_on(events[i].data.fd);
        }
    }
}
