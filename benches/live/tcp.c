// The floor: the same work over a bare TCP connection, frames of a four-byte length and no terms. Prints `ready PORT`.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fd;

static void all(int (*step)(int, char *, size_t), char *data, size_t length) {
    while (length > 0) {
        int done = step(fd, data, length);
        if (done <= 0) exit(0);
        data += done;
        length -= done;
    }
}
static int in(int s, char *data, size_t length) { return recv(s, data, length, 0); }
static int out(int s, char *data, size_t length) { return send(s, data, length, MSG_NOSIGNAL); }

static uint32_t number(const char *data) {
    uint32_t value;
    memcpy(&value, data, 4);
    return ntohl(value);
}

// `frame` has room for the length in front of its payload.
static void put(char *frame, uint32_t length) {
    uint32_t head = htonl(length);
    memcpy(frame, &head, 4);
    all(out, frame, length + 4);
}

int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("ready %d\n", ntohs(address.sin_port));
    fflush(stdout);
    fd = accept(listener, NULL, NULL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char *buffer = malloc(1 << 27), *frame = calloc(1, (1 << 26) + 64);
    uint32_t count = 0;
    for (;;) {
        char head[4];
        all(in, head, 4);
        all(in, buffer, number(head));
        switch (buffer[0]) {
        case 'p': put(frame, 1); break;
        case 'f':
            for (uint32_t k = number(buffer + 1); k > 0; k--) put(frame, 44);
            break;
        case 'b':
            for (uint32_t k = number(buffer + 5); k > 0; k--) put(frame, number(buffer + 1));
            break;
        case 'c': put(frame, 1), count = 0; break;
        default: count++;
        }
    }
}
