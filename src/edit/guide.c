#include <pullback/edit.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "diffusion/denoiser.h"
#include "edit/stage.h"

static pb_status check(const pb_schedule *schedule, double t, size_t count, const pb_guidance *g,
                       size_t stages, pb_error *error)
{
    size_t T = pb_schedule_length(schedule);

    if (!(t >= 0 && t <= (double)(T - 1)))
        return pb_fail(error, PB_INVALID, "guidance at time %g: expected 0 to %zu", t, T - 1);
    if (count == 0 || g->iterations == 0 || stages == 0 || stages > g->iterations)
        return pb_fail(error, PB_INVALID,
                       "%zu stages of %zu iterations along %zu directions: expected at least one "
                       "of each, and no more stages than iterations",
                       stages, g->iterations, count);
    if (!(g->step > 0) || !isfinite(g->step) || !isfinite(g->scale))
        return pb_fail(error, PB_INVALID, "guidance with step %g and scale %g", g->step, g->scale);
    return pb_count_check(2, stages, g->iterations, "stages of iterations", error);
}

/* One iteration of all directions at the network's time t, where eps = a x + b out. `points` holds
 * first the count images x, then room for as many x + delta v; out has room for the outputs of
 * both. */
static pb_status iterate(const pb_denoiser *denoiser, double t, double a, double b, size_t count,
                         const float *v, const pb_guidance *g, float *points, float *out,
                         pb_error *error)
{
    size_t all = count * denoiser->size;

    for (size_t k = 0; k < all; k++)
        points[all + k] = (float)((double)points[k] + g->step * (double)v[k]);
    PB_TRY(denoiser->predict(denoiser->context, 2 * count, points, t, out, error));
    for (size_t k = 0; k < all; k++) {
        double eps = a * ((double)points[all + k] - (double)points[k]) +
                     b * ((double)out[all + k] - (double)out[k]);
        points[k] += (float)(g->scale * eps);
        if (!isfinite(points[k]))
            return pb_fail(error, PB_NUMERIC, "guidance along direction %zu left finite numbers",
                           k / denoiser->size);
    }
    return PB_OK;
}

pb_status pb_guide(const pb_schedule *schedule, const pb_denoiser *denoiser, double t, size_t size,
                   const float *x, size_t count, const float *v, const pb_guidance *guidance,
                   size_t stages, float *out, pb_progress progress, void *progress_context,
                   pb_error *error)
{
    float *points, *predicted;
    size_t N, stage = 0;
    pb_status status;
    double a, b;

    PB_NEED(schedule, "a schedule");
    PB_TRY(pb_denoiser_check(denoiser, size, error));
    PB_NEED(x, "an image");
    PB_NEED(guidance, "guidance");
    PB_NEED(out, "room for images");
    PB_TRY(check(schedule, t, count, guidance, stages, error));
    PB_TRY(pb_count_check(count, stages, size, "images", error));
    PB_TRY(pb_directions_check(size, count, v, error));
    N = guidance->iterations;
    points = pb_malloc(2 * count * size, sizeof *points);
    predicted = pb_malloc(2 * count * size, sizeof *predicted);
    status = points && predicted
                 ? PB_OK
                 : pb_fail_memory(error, 2 * count * size * sizeof *points, "guidance");
    pb_eps_coefficients(pb_schedule_prediction(schedule), pb_alpha_bar(schedule, (size_t)t), &a,
                        &b);
    for (size_t i = 0; status == PB_OK && i < count; i++)
        memcpy(points + i * size, x, size * sizeof *x);
    for (size_t done = 1; status == PB_OK && done <= N; done++) {
        status = iterate(denoiser, t, a, b, count, v, guidance, points, predicted, error);
        if (status != PB_OK)
            break;
        /* Stage j = 1 … stages is the iterate round(j N / stages). */
        if (done == pb_stage_iterate(stage + 1, N, stages)) {
            for (size_t i = 0; i < count; i++)
                memcpy(out + (i * stages + stage) * size, points + i * size, size * sizeof *out);
            stage++;
        }
        if (progress && progress(progress_context, done, N))
            status = pb_fail(error, PB_CANCELLED, "cancelled");
    }
    pb_free(points);
    pb_free(predicted);
    return status;
}
