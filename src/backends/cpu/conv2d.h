/* A convolution seen from outside: for measuring its algorithms. */
#ifndef PB_CPU_CONV2D_H
#define PB_CPU_CONV2D_H

#include "backends/backend.h"
#include "backends/cpu/algorithm.h"

/* The shape of a call of pb_conv2d. */
pb_convolution_shape pb_conv2d_shape(const pb_call *call);

/* The kernel's `prepare` with the algorithm given; it must compute the shape. */
pb_status pb_conv2d_prepare_as(pb_call *call, pb_pass pass, pb_algorithm algorithm,
                               pb_error *error);

#endif
