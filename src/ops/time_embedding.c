#include "ops/ops.h"

#include <math.h>

float pb_time_angle(const pb_time_embedding_params *p, float t, size_t i)
{
    float half = (float)(p->channels / 2);
    float exponent = -9.210340371976184f * (float)i / (half - (float)p->freq_shift);

    return t * expf(exponent);
}

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)inputs;
    if (pb_shape_size(in[0]) != 1)
        return pb_fail(error, PB_INTERNAL, "a timestep is one number, not %zu",
                       pb_shape_size(in[0]));
    *out = (pb_shape){1, 1, ((const pb_time_embedding_params *)params)->channels};
    return PB_OK;
}

const pb_op pb_time_embedding = {
    .kind = PB_OP_TIME_EMBEDDING,
    .name = "time_embedding",
    .params_size = sizeof(pb_time_embedding_params),
    .shape = shape,
};
