/* The algorithms of convolution, and which of them computes a shape.
 *
 * The choice, where there is room for each one's weights, depends on the shape and the direction
 * alone: by rules that are built in, or by a
 * table of costs measured on a machine (`pullback bench --tune`). */
#ifndef PB_CPU_ALGORITHM_H
#define PB_CPU_ALGORITHM_H

#include "backends/cpu/onednn.h"

typedef enum pb_algorithm {
    PB_DIRECT,   /* oneDNN's */
    PB_WINOGRAD, /* winograd.h */
    PB_IM2ROW,   /* im2row.h */
    PB_ALGORITHMS
} pb_algorithm;

/* "direct", "winograd", "im2row" */
const char *pb_algorithm_name(pb_algorithm algorithm);

/* Can the algorithm compute the shape at all? */
bool pb_algorithm_computes(pb_algorithm algorithm, const pb_convolution_shape *shape);

/* What one convolution takes by each algorithm. */
typedef struct pb_cost {
    pb_convolution_shape shape;
    pb_direction direction;
    double seconds[PB_ALGORITHMS]; /* infinity: cannot */
} pb_cost;

typedef struct pb_costs {
    pb_cost *costs;
    size_t count;
} pb_costs;

/* The algorithm for a shape: the cheapest of the table's entry for it, or for the same shape with
 * the nearest number of items; by the rules where the table (or NULL) has none. */
pb_algorithm pb_algorithm_choose(const pb_costs *costs, const pb_convolution_shape *shape,
                                 pb_direction direction);

/* May it be the one chosen for a convolution like this one, of whatever height, width and number of
 * items, in either direction? Those of the shape are not read. */
bool pb_algorithm_may_suit(const pb_costs *costs, pb_algorithm algorithm,
                           const pb_convolution_shape *shape);

/* Reads a table. Errors: PB_IO, PB_FORMAT (the entry, expected and found), PB_MEMORY. *costs is to
 * be freed with pb_costs_free. */
pb_status pb_costs_read(pb_costs **costs, const char *path, pb_error *error);
void pb_costs_free(pb_costs *costs);

/* Writes a table. machine: a line for readers. Errors: PB_IO, PB_MEMORY. */
pb_status pb_costs_write(const pb_costs *costs, const char *machine, const char *path,
                         pb_error *error);

#endif
