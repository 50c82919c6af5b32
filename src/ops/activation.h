/* Activation functions and their derivatives. */
#ifndef PB_OPS_ACTIVATION_H
#define PB_OPS_ACTIVATION_H

#include <stddef.h>

typedef enum pb_activation {
    PB_ACT_NONE,
    PB_ACT_SILU,       /* x s(x), s the logistic function */
    PB_ACT_MISH,       /* x tanh(log(1 + exp x)) */
    PB_ACT_GELU,       /* x Phi(x), Phi the normal distribution function */
    PB_ACT_QUICK_GELU, /* x s(1.702 x) */
    PB_ACT_RELU
} pb_activation;

/* x[i] <- act(x[i]); where slope is not NULL slope[i] gets act'(x[i]). */
void pb_activation_apply(pb_activation activation, size_t count, float *x, float *slope);

#endif
