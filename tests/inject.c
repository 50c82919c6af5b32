#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#define MOST_CALLS 100000

static const char *const functions[] = {
    "malloc", "calloc", "realloc", "posix_memalign", "open",      "fopen",
    "fdopen", "stat",   "fstat",   "realpath",       "getrandom", "pread",
    "fwrite", "fflush", "fsync",   "fclose",         "rename",
};

enum { FUNCTIONS = sizeof functions / sizeof *functions };

static atomic_uint armed;            /* kinds */
static atomic_ulong remaining;       /* calls until the one that fails */
static unsigned long first;          /* what that was at the start */
static _Atomic(const char *) failed; /* the function that did */
static atomic_bool called[FUNCTIONS];

static void note(const char *function)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (!strcmp(functions[i], function))
            called[i] = true;
}

/* Shall this call fail? */
static bool strike(unsigned kind, const char *function)
{
    if (!(armed & kind))
        return false;
    if (atomic_fetch_sub(&remaining, 1) == 1) {
        failed = function;
        errno = kind == INJECT_MEMORY ? ENOMEM : EIO;
        return true;
    }
    note(function);
    return false;
}

void inject_arm(unsigned kinds, unsigned long nth)
{
    remaining = first = nth;
    failed = NULL;
    for (size_t i = 0; i < FUNCTIONS; i++)
        called[i] = false;
    armed = kinds;
}

unsigned long inject_calls(void)
{
    return first - remaining;
}

const char *inject_disarm(void)
{
    armed = 0;
    return failed;
}

bool inject_called(const char *function)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (!strcmp(functions[i], function))
            return called[i];
    fail_msg("%s is not a function that can be made to fail", function);
    return false;
}

unsigned long inject_each(unsigned kinds, pb_status (*operation)(void *context, pb_error *error),
                          void (*check)(void *context, pb_status status, const char *failed),
                          void *context, bool tolerant)
{
    for (unsigned long n = 1; n < MOST_CALLS; n++) {
        pb_error error = {.status = PB_OK, .message = ""};
        pb_status status;
        const char *function;

        inject_arm(kinds, n);
        status = operation(context, &error);
        function = inject_disarm();
        if (!function && status != PB_OK)
            fail_msg("failed without an injected failure: %s", error.message);
        if (function && status == PB_OK && !tolerant)
            fail_msg("call %lu, of %s, failed, and nobody noticed", n, function);
        if (status != PB_OK && (error.status != status || !error.message[0]))
            fail_msg("call %lu, of %s, failed, and left no message", n, function);
        if (check)
            check(context, status, function);
        if (!function)
            return n - 1;
    }
    fail_msg("no end after %d calls", MOST_CALLS);
    return 0;
}

/* -- the functions ------------------------------------------------------------------------- */

/* WRAP(kind, type, name, (parameters), (arguments), value on failure) */
#define WRAP(kind, type, name, parameters, arguments, failure)                                     \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return strike(kind, #name) ? (failure) : __real_##name arguments;                          \
    }

WRAP(INJECT_MEMORY, void *, malloc, (size_t size), (size), NULL)
WRAP(INJECT_MEMORY, void *, calloc, (size_t count, size_t size), (count, size), NULL)
WRAP(INJECT_MEMORY, void *, realloc, (void *memory, size_t size), (memory, size), NULL)
WRAP(INJECT_MEMORY, int, posix_memalign, (void **memory, size_t alignment, size_t size),
     (memory, alignment, size), ENOMEM)
WRAP(INJECT_FILES, FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL)
WRAP(INJECT_FILES, FILE *, fdopen, (int file, const char *mode), (file, mode), NULL)
WRAP(INJECT_FILES, int, stat, (const char *path, struct stat *info), (path, info), -1)
WRAP(INJECT_FILES, int, fstat, (int file, struct stat *info), (file, info), -1)
WRAP(INJECT_FILES, char *, realpath, (const char *path, char *out), (path, out), NULL)
WRAP(INJECT_FILES, ssize_t, getrandom, (void *out, size_t size, unsigned flags), (out, size, flags),
     -1)
WRAP(INJECT_FILES, size_t, fwrite, (const void *data, size_t size, size_t count, FILE *stream),
     (data, size, count, stream), 0)
WRAP(INJECT_FILES, int, fflush, (FILE * stream), (stream), EOF)
WRAP(INJECT_FILES, int, fsync, (int file), (file), -1)
WRAP(INJECT_FILES, int, rename, (const char *from, const char *to), (from, to), -1)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    return strike(INJECT_FILES, "open") ? -1 : __real_open(path, flags, mode);
}

static const char *cut; /* the file */
static off_t cut_size;
static unsigned long cut_in; /* preads */
static bool slow, interrupted;

void inject_cut(const char *path, long size, unsigned long nth)
{
    cut = path;
    cut_size = size;
    cut_in = nth;
}

void inject_slow_reads(bool on)
{
    slow = on;
    interrupted = false;
}

ssize_t __real_pread(int file, void *out, size_t size, off_t at);
ssize_t __wrap_pread(int file, void *out, size_t size, off_t at);
ssize_t __wrap_pread(int file, void *out, size_t size, off_t at)
{
    if (strike(INJECT_FILES, "pread"))
        return -1;
    if (cut && --cut_in == 0) {
        assert_int_equal(truncate(cut, cut_size), 0);
        cut = NULL;
    }
    if (slow && (interrupted = !interrupted)) {
        errno = EINTR;
        return -1;
    }
    return __real_pread(file, out, slow && size > 1 ? 1 : size, at);
}

int __real_fclose(FILE *stream);
int __wrap_fclose(FILE *stream);
int __wrap_fclose(FILE *stream)
{
    if (strike(INJECT_FILES, "fclose")) {
        __real_fclose(stream);
        errno = EIO;
        return EOF;
    }
    return __real_fclose(stream);
}

/* -- jansson --------------------------------------------------------------------------------- */

static void *json_malloc(size_t size)
{
    return malloc(size);
}

static void json_free(void *memory)
{
    free(memory);
}

void inject_json(bool on)
{
    static json_malloc_t own_malloc;
    static json_free_t own_free;

    if (!own_malloc)
        json_get_alloc_funcs(&own_malloc, &own_free);
    if (on)
        json_set_alloc_funcs(json_malloc, json_free);
    else
        json_set_alloc_funcs(own_malloc, own_free);
}
