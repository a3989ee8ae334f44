// What every C test needs: a check that says what failed, with the library's own words.

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "erlnode.h"

#define CHECK(condition)                                                                               \
    do {                                                                                               \
        if (!(condition)) {                                                                            \
            fprintf(stderr, "%s:%d: %s\n  last error: %s\n", __FILE__, __LINE__, #condition,           \
                    erln_last_error());                                                                \
            exit(1);                                                                                   \
        }                                                                                              \
    } while (0)

#define CHECK_OK(call) CHECK_STATUS(ERLN_OK, call)

#define CHECK_STATUS(expected, call)                                                                   \
    do {                                                                                               \
        erln_status check_status = (call);                                                             \
        if (check_status != (expected)) {                                                              \
            fprintf(stderr, "%s:%d: %s\n  expected %s, got %s: %s\n", __FILE__, __LINE__, #call,       \
                    erln_status_name(expected), erln_status_name(check_status), erln_last_error());    \
            exit(1);                                                                                   \
        }                                                                                              \
    } while (0)

#endif
