/* Calls that must succeed. */
#ifndef MUST_H
#define MUST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

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

#endif
