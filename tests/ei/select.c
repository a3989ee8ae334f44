/* A switch in FreeSWITCH's manner: one thread polls the listening socket (its own, non-blocking) and all connections, reads with a
 * short timeout, and a pool of threads sends on the same descriptors. Peers are scripted: each sends numbered calls, and
 * counts what comes back; they come, go and come again. Prints sums, which are the same every time. */
#include "peer.h"
#include <poll.h>
#include <pthread.h>

#define PEERS 6
#define VISITS 3   /* each peer comes that often */
#define CALLS 60   /* calls of one visit */
#define EVENTS 4   /* messages that the threads send for each call, from four threads */
#define THREADS 4

static void visit(int port, int peer, int visit_number)
{
    struct sockaddr_in a;
    unsigned char buf[4096], out[2000];
    int fd = socket(AF_INET, SOCK_STREAM, 0), n = 0, i, got = 0, ticks = 0;
    long sum = 0;
    char name[32];
    unsigned challenge;

    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons((unsigned short)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        _exit(4);
    out[n++] = 'N';
    n += put64(out + n, 0xd07df7fbdull);
    n += put32(out + n, 88);
    snprintf(name, sizeof name, "peer%d_%d@host", peer, visit_number);
    out[n++] = 0;
    out[n++] = (unsigned char)strlen(name);
    memcpy(out + n, name, strlen(name));
    say(fd, out, n + (int)strlen(name));
    hear(fd, buf);
    hear(fd, buf);
    challenge = (unsigned)buf[9] << 24 | buf[10] << 16 | buf[11] << 8 | buf[12];
    out[0] = 'r';
    put32(out + 1, 515151);
    digest(challenge, "secret", out + 5);
    say(fd, out, 21);
    if (hear(fd, buf) != 17)
        _exit(5);
    /* A tick first, then all calls. */
    put32(out, 0);
    if (write(fd, out, 4) < 4)
        _exit(6);
    for (i = 0; i < CALLS; i++) {
        static const char head[] = "p\x83h\4a\6Xw\x09peer@host\0\0\0\1\0\0\0\2\0\0\0\3w\0w\6switch\x83h\2w\4callb";
        int len = sizeof head - 1;

        put32(out, len + 4);
        memcpy(out + 4, head, len);
        put32(out + 4 + len, (unsigned)(1000 * peer + i));
        if (write(fd, out, len + 8) < len + 8)
            _exit(6);
    }
    while (got < CALLS * EVENTS) {
        unsigned char head[4];
        int len, index, arity;
        long value;

        if (get(fd, head, 4) < 4)
            _exit(7);
        len = head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
        if (len == 0) {
            ticks++;
            continue;
        }
        if (len > (int)sizeof buf || get(fd, buf, len) < len)
            _exit(8);
        /* A torn packet would not decode. */
        index = 2;
        if (ei_decode_tuple_header((char *)buf, &index, &arity) < 0 || arity != 3 || ei_skip_term((char *)buf, &index) < 0
            || ei_skip_term((char *)buf, &index) < 0 || ei_skip_term((char *)buf, &index) < 0 || buf[index++] != 131
            || ei_decode_tuple_header((char *)buf, &index, &arity) < 0 || ei_decode_long((char *)buf, &index, &value) < 0)
            _exit(9);
        sum += value;
        got++;
    }
    snprintf((char *)out, sizeof out, "%d messages, sum %ld, ticks %d", got, sum, ticks);
    note((char *)out, "", 0);
    close(fd);
}

struct job {
    int fd;
    long value;
    erlang_pid to;
    struct job *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static struct job *jobs;
static int ending;
static long failures;

static void *sender(void *unused)
{
    (void)unused;
    for (;;) {
        struct job *job;
        ei_x_buff x;

        pthread_mutex_lock(&lock);
        while (jobs == NULL && !ending)
            pthread_cond_wait(&filled, &lock);
        job = jobs;
        if (job != NULL)
            jobs = job->next;
        pthread_mutex_unlock(&lock);
        if (job == NULL)
            return NULL;
        ei_x_new_with_version(&x);
        ei_x_encode_tuple_header(&x, 2);
        ei_x_encode_long(&x, job->value);
        ei_x_encode_string(&x, "an event of a call, long enough to be torn if two threads wrote at once");
        if (ei_send(job->fd, &job->to, x.buff, x.index) < 0) {
            pthread_mutex_lock(&lock);
            failures++;
            pthread_mutex_unlock(&lock);
        }
        ei_x_free(&x);
        free(job);
    }
}

static void serve(int lfd, ei_cnode *ec)
{
    struct pollfd fds[64] = {{lfd, POLLIN, 0}};
    int count = 1, visits = 0, left = PEERS * VISITS, i;
    long calls = 0, ticks = 0;
    ei_x_buff x;

    ei_x_new(&x);
    while (left > 0) {
        poll(fds, count, 1000);
        if (fds[0].revents) {
            ErlConnect peer;
            int fd = ei_accept_tmo(ec, lfd, &peer, 500);

            if (fd >= 0) {
                fds[count].fd = fd;
                fds[count].events = POLLIN;
                fds[count++].revents = 0;
                visits++;
            }
        }
        for (i = 1; i < count; i++) {
            erlang_msg msg;
            int got, k;

            if (!fds[i].revents)
                continue;
            got = ei_xreceive_msg_tmo(fds[i].fd, &msg, &x, 10);
            if (got == ERL_TICK) {
                ticks++;
            } else if (got == ERL_MSG) {
                int index = 0, version, arity;
                char name[MAXATOMLEN];
                long value;

                if (ei_decode_version(x.buff, &index, &version) < 0 || ei_decode_tuple_header(x.buff, &index, &arity) < 0
                    || ei_decode_atom(x.buff, &index, name) < 0 || ei_decode_long(x.buff, &index, &value) < 0)
                    continue;
                calls++;
                pthread_mutex_lock(&lock);
                for (k = 0; k < EVENTS; k++) {
                    struct job *job = malloc(sizeof *job);

                    job->fd = fds[i].fd;
                    job->value = value + k;
                    job->to = msg.from;
                    job->next = jobs;
                    jobs = job;
                }
                pthread_cond_broadcast(&filled);
                pthread_mutex_unlock(&lock);
            } else if (erl_errno != ETIMEDOUT && erl_errno != EAGAIN) {
                /* Plain close, as programs do. */
                close(fds[i].fd);
                fds[i--] = fds[--count];
                left--;
            }
        }
    }
    ei_x_free(&x);
    printf("served: %d visits %ld calls %ld ticks %ld failures\n", visits, calls, ticks, failures);
}

int main(void)
{
    ei_cnode ec;
    pthread_t threads[THREADS];
    pid_t children[PEERS];
    int port, lfd, i, n;
    char line[65536];

    signal(SIGPIPE, SIG_IGN);
    /* ei_init is not called, as some programs do not. */
    if (ei_connect_xinit(&ec, "local", "switch", "switch@local", NULL, "secret", 1) < 0)
        return 1;
    lfd = listener(&port);
    fcntl(lfd, F_SETFL, fcntl(lfd, F_GETFL) | O_NONBLOCK);
    start_log();
    for (i = 0; i < PEERS; i++) {
        if ((children[i] = fork()) == 0) {
            log_fd = log_pipe[1];
            close(lfd);
            for (n = 0; n < VISITS; n++)
                visit(port, i, n);
            _exit(0);
        }
    }
    close(log_pipe[1]);
    for (i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, sender, NULL);
    serve(lfd, &ec);
    pthread_mutex_lock(&lock);
    ending = 1;
    pthread_cond_broadcast(&filled);
    pthread_mutex_unlock(&lock);
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (i = 0, n = 0; i < PEERS; i++) {
        int status;

        waitpid(children[i], &status, 0);
        printf("peer: %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
    /* Notes come in any order; all of one peer are alike. */
    n = (int)read(log_pipe[0], line, sizeof line);
    for (i = 0; i < PEERS; i++) {
        char text[64];
        int found = 0;
        char *p = line;

        line[n > 0 ? n : 0] = 0;
        snprintf(text, sizeof text, "sum %ld,", (long)CALLS * EVENTS * 1000 * i + EVENTS * CALLS * (CALLS - 1) / 2 + CALLS * 6);
        while ((p = strstr(p, text)) != NULL)
            found++, p++;
        printf("peer %d: %d visits right\n", i, found);
    }
    return 0;
}
