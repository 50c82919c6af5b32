/* A section at work: it owns what its passes need, and makes it when they first do. Plans by pass,
 * kind, width and threads, of which the ones used last are kept; one arena that grows to the
 * largest of them; what a linearisation saves; the staging of what goes in and comes out. Many
 * items go through in batches that fit into the memory.
 *
 * Used by one thread at a time. Whatever runs takes a `stop`, asked before each operation; NULL:
 * never. */
#ifndef PB_GRAPH_EXECUTOR_H
#define PB_GRAPH_EXECUTOR_H

#include "graph/plan.h"

#define PB_GRAPH_INPUTS 8 /* of a graph that is run, at most */

typedef struct pb_executor pb_executor;

/* memory: bytes of weights in layouts of their own (section.h), and of a batch; of a linearisation
 * together with its saved state and a block, where one fits. Takes the section over, also on
 * failure. Errors: PB_MEMORY, PB_INTERNAL (a graph of too many inputs). */
pb_status pb_executor_new(pb_executor **out, pb_section *section, size_t memory, pb_error *error);
void pb_executor_free(pb_executor *executor);

const pb_section *pb_executor_section(const pb_executor *executor);

/* What an input of the graph is given: items one after the other. */
typedef struct pb_feed {
    const float *data; /* NULL: an input that the section does not need */
    bool chw;          /* in C, H, W order instead of H, W, C */
} pb_feed;

/* The targets' values at n points. feeds: one for each input of the graph, n items of `from`, 1 of
 * the rest; `from` must be an input. out[i]: n items of target i, in C, H, W order if `chw`.
 * Errors: PB_MEMORY, PB_CANCELLED, PB_INTERNAL, an operation's. */
pb_status pb_executor_forward(pb_executor *executor, size_t n, const pb_feed *feeds, bool chw,
                              float *const *out, const pb_stop *stop, pb_error *error);

/* Linearises a section of one target at one point, and gives the target's value there, H, W, C. All
 * linear passes from now on are at this point. */
pb_status pb_executor_linearise(pb_executor *executor, const pb_feed *feeds, float *value,
                                const pb_stop *stop, pb_error *error);

/* k tangents at `from` become k at the target (PB_JVP), or cotangents there ones at `from`
 * (PB_VJP), in H, W, C; vectors ld... floats apart. kind: PB_PLAN_PLAIN or PB_PLAN_BF16. */
pb_status pb_executor_apply(pb_executor *executor, pb_pass pass, pb_plan_kind kind, size_t k,
                            const float *x, size_t ldx, float *y, size_t ldy, const pb_stop *stop,
                            pb_error *error);

/* What linear passes need in the memory. */
typedef struct pb_executor_needs {
    size_t saved_bytes, packed_bytes;
    size_t block;       /* vectors that go through together */
    size_t arena_bytes; /* for such a block */
} pb_executor_needs;

/* Before anything is computed: as much as it will be, at most, but for the scratch of oneDNN's
 * kernels and for passes in bfloat16. The block is the widest that fits. What was computed before
 * changes nothing. */
pb_status pb_executor_estimate(pb_executor_needs *needs, const pb_executor *executor,
                               pb_error *error);

/* Vectors that go through together, once linearised; bytes of the arena as it is. */
size_t pb_executor_block(const pb_executor *executor);
size_t pb_executor_arena(const pb_executor *executor);

/* -- one plan, to be measured ------------------------------------------------------------------ */

/* The plan of a pass on n items, the executor's until other plans are asked for. */
pb_status pb_executor_plan(pb_plan **out, pb_executor *executor, pb_pass pass, pb_plan_kind kind,
                           size_t n, const pb_stop *stop, pb_error *error);

/* Runs it once, without batches; in and out as of pb_plan_run. */
pb_status pb_executor_run(pb_executor *executor, const pb_plan *plan, const float *const *in,
                          float *const *out, const pb_stop *stop, pb_error *error);

#endif
