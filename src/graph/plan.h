/* A plan: one pass (forward, jvp or vjp) over a section for a fixed number of points or tangents,
 * with every kernel chosen and every buffer placed, as a program for the section's device. Running
 * it allocates nothing, but for weights that there was no room to keep packed. */
#ifndef PB_GRAPH_PLAN_H
#define PB_GRAPH_PLAN_H

#include "graph/section.h"

typedef struct pb_plan pb_plan;

typedef enum pb_plan_kind {
    PB_PLAN_PLAIN,
    PB_PLAN_SAVING, /* forward with n = 1: fill the saved state that the linear passes read */
    PB_PLAN_BF16    /* jvp, vjp: convolutions multiply in bfloat16 */
} pb_plan_kind;

/* n: points (forward), tangents (jvp) or cotangents (vjp). The linear passes need a section with
 * one target. stop: asked between operations, since packing weights takes its time. Errors:
 * PB_MEMORY, PB_CANCELLED, PB_UNSUPPORTED (an operation without a derivative), PB_INTERNAL. The
 * section must outlive the plan. */
pb_status pb_plan_new(pb_plan **out, const pb_section *section, pb_pass pass, size_t n,
                      pb_plan_kind kind, const pb_stop *stop, pb_error *error);
void pb_plan_free(pb_plan *plan);

/* Bytes of the block of memory that pb_plan_run works in. */
size_t pb_plan_arena(const pb_plan *plan);

/* The threads that there were when it was made: with fewer it would still ask for so many. */
int pb_plan_threads(const pb_plan *plan);

/* Runs the plan. arena: pb_plan_arena() bytes of the device's memory. saved: the section's
 * saved_bytes, or NULL for a forward pass that saves nothing.
 *
 *     forward  in[i]: input i of the graph: n items of what depends on `from`, 1 of the rest
 *              out[i]: target i, n items
 *     jvp      in[0]: n tangents at `from`; out[0]: n tangents at the target
 *     vjp      in[0]: n cotangents at the target; out[0]: n cotangents at `from`
 *
 * Before each operation `stop` is asked (NULL: nothing is). On return, also of an error, the device
 * is done with all of it. Errors: PB_CANCELLED, PB_INTERNAL, or an operation's. */
pb_status pb_plan_run(const pb_plan *plan, pb_memory *arena, pb_memory *saved,
                      const float *const *in, float *const *out, const pb_stop *stop,
                      pb_error *error);

/* Bytes of the arena that a plan would need, but for the scratch of oneDNN's kernels, without
 * making its kernels. Errors: PB_MEMORY. */
pb_status pb_plan_estimate(size_t *arena, const pb_section *section, pb_pass pass, size_t n,
                           pb_plan_kind kind, pb_error *error);

/* What its device runs. */
const pb_program *pb_plan_program(const pb_plan *plan);

/* From now on, adds the seconds of step i to seconds[i], a number for each. NULL: stops. */
void pb_plan_time(pb_plan *plan, double *seconds);

#endif
