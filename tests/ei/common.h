/* Shared by the difference programs: printing, and running a piece in a process of its own because the library under
 * comparison may crash on it. A line is "case: what came out"; the driver compares lines. */
#ifndef EI_TESTS_COMMON_H
#define EI_TESTS_COMMON_H

#include <ei.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static __attribute__((unused)) void hex(const void *p, int len)
{
    const unsigned char *s = p;
    int i;

    for (i = 0; i < len; i++)
        printf("%02x", s[i]);
}

/* The same on every machine and in both programs. */
static __attribute__((unused)) uint64_t random_state = 88172645463325252ull;
static __attribute__((unused)) uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Runs f(arg) in a child whose output comes first; "CRASH" when a signal ended it. */
static __attribute__((unused)) void guarded(void (*f)(void *), void *arg)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        /* A loop over billions is a crash, too; processor time, so that a busy machine does not matter. */
        struct rlimit second = {1, 1};

        setrlimit(RLIMIT_CPU, &second);
        alarm(60);
        f(arg);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        printf(" CRASH\n");
}

struct term {
    char name[64];
    unsigned char *bytes;
    int len;
};

/* Reads terms.txt; every term stands in front of 8 KiB of zeros. */
static __attribute__((unused)) int read_terms(const char *path, struct term *terms, int max)
{
    static char line[1 << 20];
    FILE *f = fopen(path, "r");
    int n = 0;

    if (f == NULL) {
        perror(path);
        exit(2);
    }
    while (n < max && fgets(line, sizeof line, f) != NULL) {
        char *digits = strchr(line, ' ');
        int i, len;

        if (digits == NULL)
            continue;
        *digits++ = 0;
        len = (int)strcspn(digits, "\n") / 2;
        snprintf(terms[n].name, sizeof terms[n].name, "%.60s", line);
        terms[n].bytes = calloc(1, len + 8192);
        terms[n].len = len;
        for (i = 0; i < len; i++) {
            unsigned byte;

            sscanf(digits + 2 * i, "%2x", &byte);
            terms[n].bytes[i] = (unsigned char)byte;
        }
        n++;
    }
    fclose(f);
    return n;
}

#endif
