/* A network under its conditions as a denoiser. */
#include <pullback/map.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "map/evaluator.h"
#include "map/guidance.h"
#include "map/inputs.h"

typedef struct made {
    pb_denoiser denoiser; /* its context is this */
    pb_evaluator *evaluator;
    pb_condition positive, negative; /* with tensors of their own */
    double scale;                    /* 1: positive alone */
} made;

/* The tensors of a condition that `copy` made. */
static void drop(pb_condition *condition)
{
    for (size_t i = 0; i < condition->count; i++) {
        pb_tensor *tensor = (pb_tensor *)(uintptr_t)condition->inputs[i].value;
        pb_tensor_clear(tensor);
        pb_free(tensor);
        pb_free((char *)(uintptr_t)condition->inputs[i].name);
    }
    pb_free((pb_input *)(uintptr_t)condition->inputs);
}

static void release(void *context)
{
    made *m = context;

    drop(&m->positive);
    drop(&m->negative);
    pb_free(m);
}

void pb_denoiser_free(pb_denoiser *denoiser)
{
    if (denoiser && denoiser->release)
        denoiser->release(denoiser->context);
}

static pb_status copy_input(pb_input *to, const pb_input *from, pb_error *error)
{
    pb_tensor *value = pb_calloc(1, sizeof *value);
    char *name = pb_strdup(from->name);
    pb_status status = value && name ? pb_tensor_copy(value, from->value, error)
                                     : pb_fail_memory(error, sizeof *value, from->name);

    if (status != PB_OK) {
        pb_free(value);
        pb_free(name);
        return status;
    }
    *to = (pb_input){name, value};
    return PB_OK;
}

/* Copies what lasts of a condition; `drop` frees it, also on failure. */
static pb_status copy(pb_condition *to, const pb_condition *from, const pb_model *model,
                      pb_error *error)
{
    pb_input *inputs;

    *to = (pb_condition){.class_label = from->class_label};
    PB_TRY(pb_condition_check(model, to, error));
    PB_TRY(pb_condition_check_tensors(model, from, false, error));
    inputs = pb_calloc(from->count, sizeof *inputs);
    if (!inputs)
        return pb_fail_memory(error, from->count * sizeof *inputs, "a condition");
    to->inputs = inputs;
    for (; to->count < from->count; to->count++)
        PB_TRY(copy_input(&inputs[to->count], &from->inputs[to->count], error));
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

    PB_OUT(out, "the denoiser");
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
