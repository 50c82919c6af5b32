/* Sinusoids of the timestep t: with half = channels/2 and f_i = exp(-log(10000) i/(half - shift)),
 *
 *     forward   y = (sin(t f_0), …, cos(t f_0), …), or cosines first
 *
 * in float32, as diffusers computes it. The timestep never varies: no derivative. */
#include "backends/cpu/kernels.h"

#include <math.h>

#include "base/memory.h"

static pb_status forward(const pb_call *call, pb_error *error)
{
    const pb_time_embedding_params *p = call->params;
    size_t half = p->channels / 2;
    const float *times = call->x[0];

    (void)error;
    for (size_t j = 0; j < call->n * call->in[0].c; j++) {
        float *y = (float *)call->y + j * p->channels;
        float *sines = y + (p->cosines_first ? half : 0);
        float *cosines = y + (p->cosines_first ? 0 : half);
        for (size_t i = 0; i < half; i++) {
            float angle = pb_time_angle(p, times[j], i);
            sines[i] = sinf(angle);
            cosines[i] = cosf(angle);
        }
        if (p->channels % 2)
            y[p->channels - 1] = 0.0f;
    }
    return PB_OK;
}

const pb_kernel pb_cpu_time_embedding = {
    .forward = forward,
};
