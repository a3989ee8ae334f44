/* A scripted peer: a child process with plain sockets that notes what it sees; its notes are printed by the parent. */
#ifndef EI_TESTS_PEER_H
#define EI_TESTS_PEER_H

#include "common.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

extern void ei_MD5Init(void *), ei_MD5Update(void *, const unsigned char *, unsigned), ei_MD5Final(unsigned char *, void *);

/* Ours announces monitors by name, too: a BEAM sends no monitors at all to those who lack one of the two bits. */
#define MONITOR_NAME 0x20

static __attribute__((unused)) int log_fd; /* where the peer writes down what it saw */

static __attribute__((unused)) void note(const char *what, const void *bytes, int len)
{
    char line[8192];
    int i, n = snprintf(line, sizeof line, " [%s ", what);

    for (i = 0; i < len && i < 3000; i++)
        n += sprintf(line + n, "%02x", ((const unsigned char *)bytes)[i]);
    n += sprintf(line + n, "]");
    if (write(log_fd, line, n) < 0)
        _exit(3);
}

static __attribute__((unused)) void digest(unsigned challenge, const char *cookie, unsigned char *out)
{
    unsigned long context[32];
    char text[16];

    snprintf(text, sizeof text, "%u", challenge);
    ei_MD5Init(context);
    ei_MD5Update(context, (const unsigned char *)cookie, (unsigned)strlen(cookie));
    ei_MD5Update(context, (const unsigned char *)text, (unsigned)strlen(text));
    ei_MD5Final(out, context);
}

static __attribute__((unused)) int get(int fd, void *buf, int len)
{
    int got = 0, n;

    while (got < len && (n = (int)read(fd, (char *)buf + got, len - got)) > 0)
        got += n;
    return got;
}

/* Reads one handshake message; its length or -1. */
static __attribute__((unused)) int hear(int fd, unsigned char *buf)
{
    unsigned char len[2];
    int n;

    if (get(fd, len, 2) < 2)
        return -1;
    n = len[0] << 8 | len[1];
    return get(fd, buf, n) == n ? n : -1;
}

static __attribute__((unused)) void say(int fd, const void *body, int len)
{
    unsigned char packet[70000];

    packet[0] = (unsigned char)(len >> 8);
    packet[1] = (unsigned char)len;
    memcpy(packet + 2, body, len);
    if (write(fd, packet, len + 2) < 0)
        note("write failed", "", 0);
}

static __attribute__((unused)) int put64(unsigned char *p, uint64_t v)
{
    int i;

    for (i = 0; i < 8; i++)
        p[i] = (unsigned char)(v >> (56 - 8 * i));
    return 8;
}

static __attribute__((unused)) int put32(unsigned char *p, unsigned v)
{
    p[0] = (unsigned char)(v >> 24), p[1] = (unsigned char)(v >> 16), p[2] = (unsigned char)(v >> 8), p[3] = (unsigned char)v;
    return 4;
}

static __attribute__((unused)) int challenge_message(unsigned char *p, uint64_t flags, const char *name, int name_len)
{
    int n = 0;

    p[n++] = 'N';
    n += put64(p + n, flags);
    n += put32(p + n, 424242);
    n += put32(p + n, 77);
    p[n++] = (unsigned char)(name_len >> 8);
    p[n++] = (unsigned char)name_len;
    memcpy(p + n, name, name_len);
    return n + name_len;
}

static __attribute__((unused)) int listener(int *port)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd, (struct sockaddr *)&a, sizeof a);
    listen(fd, 8);
    getsockname(fd, (struct sockaddr *)&a, &len);
    *port = ntohs(a.sin_port);
    return fd;
}

static __attribute__((unused)) int log_pipe[2];

static __attribute__((unused)) void start_log(void)
{
    if (pipe(log_pipe) < 0)
        exit(3);
    fflush(stdout);
}

/* Ends the peer and prints what it noted. */
static __attribute__((unused)) void end_peer(pid_t child, int in_order)
{
    char line[65536];
    int n;

    close(log_pipe[1]);
    if (!in_order)
        kill(child, SIGKILL);
    while ((n = (int)read(log_pipe[0], line, sizeof line)) > 0)
        fwrite(line, 1, n, stdout);
    close(log_pipe[0]);
    waitpid(child, NULL, 0);
    printf("\n");
}

#endif
