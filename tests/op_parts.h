/* What cases of operations are made of: weights, and activations for their references. */
#ifndef OP_PARTS_H
#define OP_PARTS_H

#include "io/weights.h"
#include "ops/activation.h"

/* A weight in memory, as if it lay in a file. */
typedef struct weight {
    pb_stored stored;
    float data[50000];
} weight;

/* Random numbers, times scale, plus shift. */
void make_weight(weight *w, size_t rank, const size_t *shape, double scale, double shift,
                 unsigned seed);

/* The activation of z. */
double activated(pb_activation activation, double z);

#endif
