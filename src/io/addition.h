/* What is added to weights when they are read: products of small matrices (Hu et al. 2021, LoRA),
 * or whole tensors. Nothing is kept in memory but where these lie. */
#ifndef PB_IO_ADDITION_H
#define PB_IO_ADDITION_H

#include "io/weights.h"

/* scale U D, in float32, to a tensor W whose first dimension are rows, all others together columns:
 * U (rows, r), D (r, columns), each of whatever shape has its first dimension and these many
 * entries. With mid M (r, q, k) between them, what D has for each of k positions: the entry of row
 * a and column (i, h) is then the sum over b of M(a,b,h) D(b,i), D (q, columns / k). Without U:
 * scale D, which has as many entries as W. What is of scale 0 is not read. */
typedef struct pb_addition {
    const pb_stored *up;   /* U, or NULL */
    const pb_stored *mid;  /* M, or NULL */
    const pb_stored *down; /* D */
    float scale;
} pb_addition;

/* One, to the tensor of some weights; the sizes are the caller's to check. */
typedef struct pb_added {
    const pb_stored *to;
    pb_addition addition;
} pb_added;

/* The same weights with something added, which they share: those of `from` stay what they are. What
 * is added to one tensor is summed up in the order given. sources: the weights that additions lie
 * in, which it shares too. Nothing is to be selected from *out. Errors: PB_MEMORY. */
pb_status pb_weights_add(pb_weights **out, pb_weights *from, size_t count, const pb_added *added,
                         size_t source_count, pb_weights *const *sources, pb_error *error);

/* out[i] += what is added to entry first + i of the tensor, count of them, in the tensor's order.
 * Each entry's bits are the same whichever are asked for together. Errors: PB_IO, PB_MEMORY,
 * PB_FORMAT (a number that is not finite). */
pb_status pb_additions_apply(const pb_stored *stored, size_t first, size_t count, float *out,
                             pb_error *error);

#endif
