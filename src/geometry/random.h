/* Random numbers of the solvers: the same on every machine for the same state. */
#ifndef PB_GEOMETRY_RANDOM_H
#define PB_GEOMETRY_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills count numbers from the normal distribution and moves the state on. */
void pb_normal(uint64_t *state, size_t count, double *x);

/* One number, uniform in [0, 1). */
double pb_uniform(uint64_t *state);

#endif
