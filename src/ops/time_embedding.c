/* Sinusoids of the timestep t: with half = channels/2 and f_i = exp(-log(10000) i/(half - shift)),
 *
 *     forward   y = (sin(t f_0), …, cos(t f_0), …), or cosines first
 *
 * in float32, as diffusers computes it. The timestep never varies: no derivative. */
#include "ops/ops.h"

#include <math.h>

#include "base/memory.h"

typedef struct time_embedding {
    size_t channels;
    bool cosines_first;
    float freq_shift;
} time_embedding;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)inputs;
    if (pb_shape_size(in[0]) != 1)
        return pb_fail(error, PB_INTERNAL, "a timestep is one number, not %zu",
                       pb_shape_size(in[0]));
    *out = (pb_shape){1, 1, ((const time_embedding *)params)->channels};
    return PB_OK;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const time_embedding *p = call->params;
    size_t half = p->channels / 2;

    (void)error;
    for (size_t j = 0; j < call->n; j++) {
        float *y = call->y + j * p->channels;
        float *sines = y + (p->cosines_first ? half : 0);
        float *cosines = y + (p->cosines_first ? 0 : half);
        for (size_t i = 0; i < half; i++) {
            float exponent = -9.210340371976184f * (float)i / ((float)half - p->freq_shift);
            float angle = call->x[0][j] * expf(exponent);
            sines[i] = sinf(angle);
            cosines[i] = cosf(angle);
        }
        if (p->channels % 2)
            y[p->channels - 1] = 0.0f;
    }
    return PB_OK;
}

const pb_op pb_time_embedding = {
    .name = "time_embedding",
    .shape = shape,
    .forward = forward,
};

pb_status pb_time_embedding_new(void **params, size_t channels, bool flip_sin_to_cos,
                                double freq_shift, pb_error *error)
{
    time_embedding *p = pb_calloc(1, sizeof *p);

    if (!p)
        return pb_fail_memory(error, sizeof *p, "a time embedding");
    *p = (time_embedding){channels, flip_sin_to_cos, (float)freq_shift};
    *params = p;
    return PB_OK;
}
