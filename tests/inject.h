/* Injected failures: the n-th call of the memory and file functions fails, in the code of the
 * test and of the library linked to it (the linker's --wrap; not within shared libraries).
 *
 * A test asks for it with pb_test(<name> INJECT). Counting is atomic, so that code with threads
 * can be tested too. */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>

#include <pullback/error.h>

enum {
    INJECT_MEMORY = 1, /* malloc calloc realloc posix_memalign; errno is ENOMEM */
    INJECT_FILES = 2   /* open fopen fdopen stat fstat realpath getrandom pread fwrite fflush
                          fsync fclose rename; errno is EIO. fclose closes all the same. */
};

/* The nth call (from 1) of these kinds will fail: once. */
void inject_arm(unsigned kinds, unsigned long nth);

/* Ends it. The name of the function that failed, or NULL: there were fewer calls. */
const char *inject_disarm(void);

/* Calls of these kinds since inject_arm. */
unsigned long inject_calls(void);

/* Has this function been called, and returned to its caller as usual, since inject_arm? */
bool inject_called(const char *function);

/* The nth pread from now on (from 1) finds the file of this path cut to `size` bytes, as somebody
 * may do while it is read. The path must live until then. */
void inject_cut(const char *path, long size, unsigned long nth);

/* Every other pread is interrupted (EINTR), and the rest read one byte. */
void inject_slow_reads(bool on);

/* Lets jansson allocate through the functions above, or by itself again. Only for JSON whose
 * strings and numbers are shorter than 15 characters: jansson does not notice when it fails to
 * lengthen its buffer for a longer one. */
void inject_json(bool on);

/* Runs the operation with the 1st, 2nd, ... call failing, until none does. A run in which a call
 * failed must fail, with a message; the one in which none did must succeed. After each run,
 * check (or NULL) is called with its status and the function that failed (NULL: none). With
 * tolerant, a run may also succeed although a call failed: check then judges.
 * Returns the number of failures that were injected. */
unsigned long inject_each(unsigned kinds, pb_status (*operation)(void *context, pb_error *error),
                          void (*check)(void *context, pb_status status, const char *failed),
                          void *context, bool tolerant);

#endif
