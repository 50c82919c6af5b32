/* The machine that pickles are programs of: its stack, its memory and the bytes it reads. What its
 * opcodes do is in pickle.c. Errors of all functions: PB_FORMAT (the program is none),
 * PB_UNSUPPORTED (a limit), PB_MEMORY. */
#ifndef PB_IO_PICKLE_MACHINE_H
#define PB_IO_PICKLE_MACHINE_H

#include "base/error.h"
#include "base/pool.h"
#include "io/pickled.h"

typedef struct pb_machine {
    const char *path; /* for messages */
    const unsigned char *bytes;
    size_t size, at;
    size_t begin;  /* of the opcode */
    pb_pool *pool; /* of all values */
    size_t depth, stack_room;
    pb_pickled **stack;
    size_t mark_count, mark_room;
    size_t *marks; /* the depths that were marked */
    size_t memo_count, memo_room;
    pb_pickled **memo;        /* NULL where there is none of that number */
    size_t getters;           /* how often getattr was pushed and not called as it may be */
    const pb_pickled *result; /* once it has stopped */
} pb_machine;

/* Frees all but the pool. */
void pb_machine_clear(pb_machine *m);

/* return PB_MACHINE_FAIL(PB_FORMAT, "…"): with the file and the opcode's place before. */
#define PB_MACHINE_FAIL(status, ...) (pb_machine_fail(m, error, status, __VA_ARGS__), (status))
void pb_machine_fail(const pb_machine *m, pb_error *error, pb_status status, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

/* Memory of the pool; a new value in it; one more item of a list or dict. */
pb_status pb_machine_take(pb_machine *m, size_t size, void **out, pb_error *error);
pb_status pb_machine_value(pb_machine *m, pb_pickled_kind kind, pb_pickled **out, pb_error *error);
pb_status pb_machine_add(pb_machine *m, pb_pickled *to, const pb_pickled *item, pb_error *error);

/* The stack. need: are there so many values above the last mark? */
pb_status pb_machine_push(pb_machine *m, pb_pickled *value, pb_error *error);
pb_status pb_machine_push_new(pb_machine *m, pb_pickled_kind kind, pb_pickled **out,
                              pb_error *error);
pb_status pb_machine_need(const pb_machine *m, size_t count, pb_error *error);
pb_status pb_machine_pop(pb_machine *m, pb_pickled **out, pb_error *error);
pb_pickled *pb_machine_top(const pb_machine *m);

/* Marks what is on the stack from now on; pops it, mark and all: the values stay where they are
 * until something is pushed. */
pb_status pb_machine_mark(pb_machine *m, pb_error *error);
pb_status pb_machine_pop_mark(pb_machine *m, pb_pickled ***values, size_t *count, pb_error *error);

/* Keeps what is on top of the stack under a number; pushes what is kept there. */
pb_status pb_machine_keep(pb_machine *m, uint64_t n, pb_error *error);
pb_status pb_machine_push_kept(pb_machine *m, uint64_t n, pb_error *error);

/* An opcode's operands: so many bytes; a number of so many, up to eight, the lowest one first;
 * bytes behind their number, which takes `width` itself; all up to the end of a line. */
pb_status pb_machine_operand(pb_machine *m, size_t count, const unsigned char **out,
                             pb_error *error);
pb_status pb_machine_number(pb_machine *m, size_t width, uint64_t *out, pb_error *error);
pb_status pb_machine_counted(pb_machine *m, size_t width, const unsigned char **out, size_t *count,
                             pb_error *error);
pb_status pb_machine_line(pb_machine *m, const char **out, size_t *count, pb_error *error);

#endif
