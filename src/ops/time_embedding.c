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
    if (in[0].h * in[0].w != 1)
        return pb_fail(error, PB_INTERNAL, "times stand at one position, not at %zu",
                       in[0].h * in[0].w);
    *out = (pb_shape){1, 1, in[0].c * ((const pb_time_embedding_params *)params)->channels};
    return PB_OK;
}

const pb_op pb_time_embedding = {
    .kind = PB_OP_TIME_EMBEDDING,
    .name = "time_embedding",
    .params_size = sizeof(pb_time_embedding_params),
    .shape = shape,
};
