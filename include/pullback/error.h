/* Errors.
 *
 * Every function that can fail returns a pb_status and takes, as its last argument, a
 * pb_error * that may be NULL. On success the error is left untouched. On failure the
 * function's outputs are unspecified (but safe to free or clear; a pointer that it would have handed
 * over is NULL, whatever was there before the call, unless a function says what it keeps of work
 * that was stopped), and the message is one line
 * without a newline that names the file, the item, what was expected and what was found.
 * NULL for something that a function needs is PB_INVALID; the few that return no status (what a
 * model says of itself, a tensor's count …) must be given what they ask about.
 * A pb_error need not be initialised: a failure fills it in.
 * There is no global error state. Numbers in messages and files are written and read as in the C
 * locale, whatever setlocale has chosen.
 */
#ifndef PULLBACK_ERROR_H
#define PULLBACK_ERROR_H

#if defined(__GNUC__) && !defined(PB_STATIC)
#define PB_API __attribute__((visibility("default")))
#else
#define PB_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pb_status {
    PB_OK = 0,
    PB_INVALID,     /* an argument is out of its range or does not fit the others */
    PB_IO,          /* the operating system refused a file */
    PB_FORMAT,      /* a file is damaged, or is not what it should be */
    PB_UNSUPPORTED, /* the file is sound, but asks for something this library does not do */
    PB_MEMORY,      /* an allocation failed, or a size is larger than a size_t */
    PB_CANCELLED,   /* the monitor of a pb_run asked to stop */
    PB_NUMERIC,     /* a computation met a NaN or an infinity, or failed to converge */
    PB_INTERNAL     /* a library underneath failed in a way that is nobody's fault but ours */
} pb_status;

typedef struct pb_error {
    pb_status status;
    char message[1000];
} pb_error;

/* Frees a text that a function of this library handed over; NULL is allowed. */
PB_API void pb_text_free(char *text);

/* A short name of a status, such as "invalid argument". Static storage. */
PB_API const char *pb_status_name(pb_status status);

#ifdef __cplusplus
}
#endif

#endif
