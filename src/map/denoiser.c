/* A network under its conditions as a denoiser. */
#include <pullback/map.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "map/evaluator.h"
#include "map/guidance.h"
#include "map/tap.h"

typedef struct made {
    pb_denoiser denoiser; /* its context is this */
    pb_evaluator *evaluator;
    pb_condition positive, negative; /* with contexts of their own */
    double scale;                    /* 1: positive alone */
} made;

static void release(void *context)
{
    made *m = context;

    pb_free((float *)m->positive.context);
    pb_free((float *)m->negative.context);
    pb_free(m);
}

void pb_denoiser_free(pb_denoiser *denoiser)
{
    if (denoiser && denoiser->release)
        denoiser->release(denoiser->context);
}

/* Copies what lasts of a condition. */
static pb_status copy(pb_condition *to, const pb_condition *from, const pb_model *model,
                      pb_error *error)
{
    size_t size = from->tokens * from->width;
    float *context;

    *to = (pb_condition){.class_label = from->class_label};
    PB_TRY(pb_condition_check(model, to, error));
    PB_TRY(pb_condition_check_context(model, from, error));
    if (!from->context)
        return PB_OK;
    context = pb_malloc(size, sizeof *context);
    if (!context)
        return pb_fail_memory(error, size * sizeof *context, "a context");
    memcpy(context, from->context, size * sizeof *context);
    to->context = context;
    to->tokens = from->tokens;
    to->width = from->width;
    return PB_OK;
}

static pb_status predict_under(const made *m, const pb_condition *condition, size_t n,
                               const float *x, double t, float *out, const pb_run *run,
                               pb_error *error)
{
    static const char *const tap = "out";
    pb_condition now = *condition;

    now.timestep = pb_path_time(pb_model_schedule(pb_evaluator_model(m->evaluator)), t);
    return pb_evaluate_under(m->evaluator, run, &now, n, m->denoiser.size, x, 1, &tap, &out, error);
}

static pb_status predict(void *context, size_t n, const float *x, double t, float *out,
                         const pb_run *run, pb_error *error)
{
    const made *m = context;
    size_t count = n * m->denoiser.size;
    float *without;
    pb_status status;

    PB_TRY(predict_under(m, &m->positive, n, x, t, out, run, error));
    if (m->scale == 1)
        return PB_OK;
    without = pb_malloc(count, sizeof *without);
    if (!without)
        return pb_fail_memory(error, count * sizeof *without, "guidance");
    status = predict_under(m, &m->negative, n, x, t, without, run, error);
    if (status == PB_OK)
        pb_guided(count, m->scale, without, out);
    pb_free(without);
    return status;
}

pb_status pb_denoiser_new(pb_denoiser **out, pb_evaluator *evaluator, const pb_condition *positive,
                          const pb_condition *negative, double scale, pb_error *error)
{
    const pb_model *model;
    pb_status status;
    made *m;

    PB_NEED(out, "a place for the denoiser");
    PB_NEED(evaluator, "an evaluator");
    PB_NEED(positive, "a condition");
    if (negative && !isfinite(scale))
        return pb_fail(error, PB_INVALID, "guidance by %g", scale);
    model = pb_evaluator_model(evaluator);
    m = pb_calloc(1, sizeof *m);
    if (!m)
        return pb_fail_memory(error, sizeof *m, "a denoiser");
    *m = (made){.denoiser = {.context = m,
                             .size = pb_evaluator_image(evaluator),
                             .predict = predict,
                             .release = release},
                .evaluator = evaluator,
                .scale = negative ? scale : 1};
    status = copy(&m->positive, positive, model, error);
    if (status == PB_OK && negative)
        status = copy(&m->negative, negative, model, error);
    if (status == PB_OK)
        *out = &m->denoiser;
    else
        release(m);
    return status;
}
