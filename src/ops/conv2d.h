/* A convolution seen from outside: for measuring its algorithms. */
#ifndef PB_OPS_CONV2D_H
#define PB_OPS_CONV2D_H

#include "ops/algorithm.h"
#include "ops/op.h"

/* The shape of a call of pb_conv2d. */
pb_convolution_shape pb_conv2d_shape(const pb_call *call);

/* pb_conv2d's `prepare` with the algorithm given; it must compute the shape. */
pb_status pb_conv2d_prepare_as(pb_call *call, pb_pass pass, pb_algorithm algorithm,
                               pb_error *error);

#endif
