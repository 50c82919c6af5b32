/* Activation functions and their derivatives. */
#ifndef PB_CPU_ACTIVATION_H
#define PB_CPU_ACTIVATION_H

#include <stddef.h>

#include "ops/activation.h"

/* x[i] <- act(x[i]); where slope is not NULL slope[i] gets act'(x[i]). */
void pb_activation_apply(pb_activation activation, size_t count, float *x, float *slope);

#endif
