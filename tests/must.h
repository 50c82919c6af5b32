/* Calls that must succeed, and calls that must be refused. */
#ifndef MUST_H
#define MUST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pullback/error.h>

/* Fails the test with the error's message unless the call, which takes the `error` that is made for
 * it, succeeds. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        pb_error must_error_ = {0};                                                                \
        pb_error *const error = &must_error_;                                                      \
        if ((call) != PB_OK)                                                                       \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, error->message);                             \
    } while (0)

/* Likewise unless the call is PB_INVALID, and says why. */
#define REFUSED(call, why)                                                                         \
    do {                                                                                           \
        pb_error refused_ = {0};                                                                   \
        pb_error *const error = &refused_;                                                         \
        if ((call) != PB_INVALID || error->status != PB_INVALID || !strstr(error->message, why))   \
            fail_msg("%s:%d: expected \"%s\", found \"%s\"", __FILE__, __LINE__, why,              \
                     error->message);                                                              \
    } while (0)

#endif
