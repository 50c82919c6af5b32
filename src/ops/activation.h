/* Activation functions. */
#ifndef PB_OPS_ACTIVATION_H
#define PB_OPS_ACTIVATION_H

typedef enum pb_activation {
    PB_ACT_NONE,
    PB_ACT_SILU,       /* x s(x), s the logistic function */
    PB_ACT_MISH,       /* x tanh(log(1 + exp x)) */
    PB_ACT_GELU,       /* x Phi(x), Phi the normal distribution function */
    PB_ACT_QUICK_GELU, /* x s(1.702 x) */
    PB_ACT_RELU
} pb_activation;

#endif
