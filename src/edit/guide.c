#include <pullback/edit.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/run.h"
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

/* What an iteration is of. eps = a x + b out at the network's time t. */
typedef struct way {
    const pb_denoiser *denoiser;
    double t, a, b;
    size_t count;
    const float *v;
    const pb_guidance *guidance;
    size_t stages;
    float *points; /* the count images x, then room for as many x + delta v */
    float *out;    /* room for the outputs of both */
} way;

/* One iteration of all directions. */
static pb_status iterate(const way *w, const pb_run *run, pb_error *error)
{
    const pb_denoiser *denoiser = w->denoiser;
    const pb_guidance *g = w->guidance;
    size_t all = w->count * denoiser->size;
    float *points = w->points, *out = w->out;

    for (size_t k = 0; k < all; k++)
        points[all + k] = (float)((double)points[k] + g->step * (double)w->v[k]);
    PB_TRY(pb_denoiser_predict(denoiser, 2 * w->count, points, w->t, out, run, error));
    for (size_t k = 0; k < all; k++) {
        double eps = w->a * ((double)points[all + k] - (double)points[k]) +
                     w->b * ((double)out[all + k] - (double)out[k]);
        points[k] += (float)(g->scale * eps);
        if (!isfinite(points[k]))
            return pb_fail(error, PB_NUMERIC, "guidance along direction %zu left finite numbers",
                           k / denoiser->size);
    }
    return PB_OK;
}

/* All iterations; those of the stages are copied to `stages`. */
static pb_status follow(const way *w, float *stages, pb_work *work, pb_error *error)
{
    size_t N = w->guidance->iterations, size = w->denoiser->size, stage = 0;
    const pb_run part = pb_work_part(work);

    for (size_t done = 1; done <= N; done++) {
        PB_TRY(iterate(w, &part, error));
        /* Stage j = 1 … stages is the iterate round(j N / stages). */
        if (done == pb_stage_iterate(stage + 1, N, w->stages)) {
            for (size_t i = 0; i < w->count; i++)
                memcpy(stages + (i * w->stages + stage) * size, w->points + i * size,
                       size * sizeof *stages);
            stage++;
        }
        PB_TRY(pb_work_step(work, done, error));
    }
    return PB_OK;
}

pb_status pb_guide(const pb_schedule *schedule, const pb_denoiser *denoiser, double t, size_t size,
                   const float *x, size_t count, const float *v, const pb_guidance *guidance,
                   size_t stages, float *out, const pb_run *run, pb_error *error)
{
    way w = {.denoiser = denoiser,
             .t = t,
             .count = count,
             .v = v,
             .guidance = guidance,
             .stages = stages};
    pb_path_point at;
    pb_status status;
    pb_work work;

    PB_NEED(schedule, "a schedule");
    PB_TRY(pb_denoiser_check(denoiser, size, error));
    PB_NEED(x, "an image");
    PB_NEED(guidance, "guidance");
    PB_NEED(out, "room for images");
    PB_TRY(check(schedule, t, count, guidance, stages, error));
    PB_TRY(pb_count_check(count, stages, size, "images", error));
    PB_TRY(pb_directions_check(size, count, v, error));
    PB_TRY(pb_work_begin(&work, run, "guiding", guidance->iterations, error));
    w.points = pb_malloc(2 * count * size, sizeof *w.points);
    w.out = pb_malloc(2 * count * size, sizeof *w.out);
    status = w.points && w.out
                 ? PB_OK
                 : pb_fail_memory(error, 2 * count * size * sizeof *w.points, "guidance");
    at = pb_path_at(schedule, t);
    pb_path_eps(schedule, &at, &w.a, &w.b);
    for (size_t i = 0; status == PB_OK && i < count; i++)
        memcpy(w.points + i * size, x, size * sizeof *x);
    if (status == PB_OK)
        status = follow(&w, out, &work, error);
    pb_free(w.points);
    pb_free(w.out);
    pb_work_end(&work);
    return status;
}
