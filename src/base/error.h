/* How the library reports an error: return pb_fail(error, PB_FORMAT, "%s: …", path); */
#ifndef PB_BASE_ERROR_H
#define PB_BASE_ERROR_H

#include <pullback/error.h>

/* Fills *error (if not NULL) and returns status. A message too long is cut at a character's
 * end; control characters and what is no UTF-8 (a file name may hold them) become '?'. */
pb_status pb_fail(pb_error *error, pb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message of an error that is on its way up. Returns its status. */
pb_status pb_fail_in(pb_error *error, pb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Hands on what a function that is not the library's has failed with: what it said, or that it said
 * nothing, "WHAT failed and did not say why: …". why: what it was given, zero-filled before.
 * Returns the status. */
pb_status pb_fail_theirs(pb_error *error, pb_status status, const pb_error *why, const char *what);

/* "PATH: WHAT: why", why as the system says in errno; what: or NULL, "PATH: why". Returns PB_IO. */
pb_status pb_fail_system(pb_error *error, const char *path, const char *what);

/* Passes a failure on: PB_TRY(pb_npy_read(&t, path, error)); only where nothing needs freeing. */
#define PB_TRY(call)                                                                               \
    do {                                                                                           \
        pb_status pb_try_status_ = (call);                                                         \
        if (pb_try_status_ != PB_OK)                                                               \
            return pb_try_status_;                                                                 \
    } while (0)

/* Refuses NULL for what a public function needs: PB_NEED(request, "a request"). */
#define PB_NEED(pointer, what)                                                                     \
    do {                                                                                           \
        if (!(pointer))                                                                            \
            return pb_fail(error, PB_INVALID, "%s: expected %s, found NULL", __func__, what);      \
    } while (0)

/* The same for a place to which a public function hands a pointer over, first of all; what is there
 * then is NULL until it succeeds: PB_OUT(out, "the session"). */
#define PB_OUT(out, what)                                                                          \
    do {                                                                                           \
        PB_NEED(out, "a place for " what);                                                         \
        *(out) = NULL;                                                                             \
    } while (0)

#endif
