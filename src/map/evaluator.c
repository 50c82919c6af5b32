#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "graph/plan.h"
#include "map/tap.h"

#define DEFAULT_MEMORY ((size_t)2 << 30)
#define MAX_TAPS 64

/* Plans kept for reuse: enough for a sampling loop with its last, smaller batch, and a few taps. */
#define KEPT 4

/* A plan for n points and some taps, with the memory it needs. */
typedef struct prepared {
    pb_section *section;
    pb_plan *plan;
    void *arena;
    float *in;            /* n images, H, W, C */
    float *out[MAX_TAPS]; /* n items of each tap, H, W, C */
    size_t n, count, tokens;
    pb_value values[MAX_TAPS];
    size_t used; /* when it was last used */
} prepared;

struct pb_evaluator {
    const pb_model *model;
    size_t height, width;
    size_t memory;
    size_t clock;
    prepared kept[KEPT];
    pb_condition positive, negative; /* of the denoiser */
    double scale;
};

static void clear(prepared *p)
{
    pb_plan_free(p->plan);
    pb_section_free(p->section);
    pb_free(p->arena);
    pb_free(p->in);
    for (size_t i = 0; i < p->count; i++)
        pb_free(p->out[i]);
    *p = (prepared){0};
}

pb_status pb_evaluator_new(pb_evaluator **out, const pb_model *model, size_t height, size_t width,
                           size_t memory, pb_error *error)
{
    pb_shape shapes[PB_INPUTS];
    pb_evaluator *e;

    PB_NEED(out, "a place for the evaluator");
    PB_NEED(model, "a model");
    PB_TRY(pb_model_input_shapes(model, height, width, 1, shapes, error));
    e = pb_calloc(1, sizeof *e);
    if (!e)
        return pb_fail_memory(error, sizeof *e, "an evaluator");
    e->model = model;
    e->height = height;
    e->width = width;
    e->memory = memory ? memory : DEFAULT_MEMORY;
    *out = e;
    return PB_OK;
}

void pb_evaluator_free(pb_evaluator *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < KEPT; i++)
        clear(&e->kept[i]);
    pb_free(e);
}

/* -- plans ----------------------------------------------------------------------------------- */

static pb_status make(prepared *p, const pb_evaluator *e, size_t n, size_t tokens, size_t count,
                      const pb_value *values, pb_error *error)
{
    pb_value x = PB_INPUT_X;
    pb_shape shapes[PB_INPUTS];

    PB_TRY(pb_model_input_shapes(e->model, e->height, e->width, tokens, shapes, error));
    PB_TRY(pb_section_new(&p->section, e->model->graph, shapes, x, count, values, error));
    p->section->packed_limit = e->memory / 2;
    PB_TRY(pb_plan_new(&p->plan, p->section, PB_FORWARD, n, PB_PLAN_PLAIN, error));
    p->n = n;
    p->tokens = tokens;
    p->arena = pb_malloc(pb_plan_arena(p->plan), 1);
    if (!p->arena)
        return pb_fail_memory(error, pb_plan_arena(p->plan), "evaluating the network");
    p->in = pb_malloc(n * pb_shape_size(shapes[PB_INPUT_X]), sizeof *p->in);
    if (!p->in)
        return pb_fail_memory(error, n * pb_shape_size(shapes[PB_INPUT_X]) * sizeof *p->in,
                              "images");
    for (; p->count < count; p->count++) {
        size_t size = n * pb_shape_size(p->section->shapes[values[p->count]]);
        p->values[p->count] = values[p->count];
        p->out[p->count] = pb_malloc(size, sizeof(float));
        if (!p->out[p->count])
            return pb_fail_memory(error, size * sizeof(float), "values of a tap");
    }
    return PB_OK;
}

/* The plan for these values, n points and a context of so many tokens: kept from before, or made in
 * the place of the one that was not used for longest. */
static pb_status get(prepared **out, pb_evaluator *e, size_t n, size_t tokens, size_t count,
                     const pb_value *values, pb_error *error)
{
    prepared *oldest = &e->kept[0];
    pb_status status;

    for (size_t i = 0; i < KEPT; i++) {
        prepared *p = &e->kept[i];
        if (p->plan && p->n == n && p->tokens == tokens && p->count == count &&
            !memcmp(p->values, values, count * sizeof *values)) {
            p->used = ++e->clock;
            *out = p;
            return PB_OK;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    clear(oldest);
    status = make(oldest, e, n, tokens, count, values, error);
    if (status != PB_OK) {
        clear(oldest);
        return status;
    }
    oldest->used = ++e->clock;
    *out = oldest;
    return PB_OK;
}

/* The most points whose evaluation fits into the memory: a plan for one point says what a point
 * costs. */
static pb_status batch_limit(size_t *limit, pb_evaluator *e, size_t tokens, size_t count,
                             const pb_value *values, pb_error *error)
{
    prepared *one;
    size_t each;

    PB_TRY(get(&one, e, 1, tokens, count, values, error));
    each = pb_plan_arena(one->plan);
    *limit = each && e->memory / each > 1 ? e->memory / each : 1;
    return PB_OK;
}

/* -- evaluation ------------------------------------------------------------------------------ */

static pb_status evaluate_batch(pb_evaluator *e, const pb_condition *condition, size_t n,
                                const float *x, size_t count, const pb_tap_use *uses,
                                const pb_value *values, size_t done, float *const *out,
                                pb_error *error)
{
    size_t channels = e->model->facts.in_channels;
    pb_inputs inputs;
    prepared *p;

    PB_TRY(get(&p, e, n, condition->tokens, count, values, error));
    pb_to_hwc(p->in, x, n, channels, e->height, e->width);
    pb_inputs_fill(&inputs, condition, p->in);
    PB_TRY(pb_plan_run(p->plan, p->arena, NULL, inputs.list, p->out, error));
    for (size_t i = 0; i < count; i++) {
        pb_shape shape = p->section->shapes[values[i]];
        float *to = out[i] + done * pb_shape_size(shape);
        pb_to_chw(to, p->out[i], n, shape.c, shape.h, shape.w);
        pb_tap_apply(&uses[i], n * pb_shape_size(shape), x, to);
    }
    return PB_OK;
}

/* Floats of an image. */
static size_t image_size(const pb_evaluator *e)
{
    return e->model->facts.in_channels * e->height * e->width;
}

pb_status pb_evaluate(pb_evaluator *e, const pb_condition *condition, size_t n, size_t size,
                      const float *x, size_t count, const char *const *taps, float *const *out,
                      pb_error *error)
{
    pb_tap_use uses[MAX_TAPS];
    pb_value values[MAX_TAPS];
    size_t limit;

    PB_NEED(e, "an evaluator");
    PB_NEED(condition, "a condition");

    if (count > MAX_TAPS)
        return pb_fail(error, PB_INVALID, "%zu taps at once: at most %d", count, MAX_TAPS);
    if (count == 0 || n == 0)
        return PB_OK;
    PB_NEED(x, "points");
    PB_NEED(taps, "taps");
    PB_NEED(out, "room for the taps' values");
    PB_TRY(pb_size_check(size, image_size(e), "points", error));
    PB_TRY(pb_count_check(n, size, 1, "points", error));
    PB_TRY(pb_condition_check(e->model, condition, error));
    PB_TRY(pb_condition_check_context(e->model, condition, error));
    for (size_t i = 0; i < count; i++) {
        PB_NEED(out[i], "room for every tap's values");
        PB_TRY(pb_tap_find(&uses[i], e->model, taps[i], condition->timestep, error));
        values[i] = uses[i].value;
    }
    PB_TRY(batch_limit(&limit, e, condition->tokens, count, values, error));
    for (size_t done = 0; done < n; done += limit) {
        size_t batch = n - done < limit ? n - done : limit;
        PB_TRY(evaluate_batch(e, condition, batch, x + done * size, count, uses, values, done, out,
                              error));
    }
    return PB_OK;
}

/* -- the denoiser ---------------------------------------------------------------------------- */

static pb_status predict_under(pb_evaluator *e, const pb_condition *condition, size_t n,
                               const float *x, double t, float *out, pb_error *error)
{
    static const char *const tap = "out";
    pb_condition now = *condition;

    now.timestep = floor(t);
    return pb_evaluate(e, &now, n, image_size(e), x, 1, &tap, &out, error);
}

static pb_status predict(void *context, size_t n, const float *x, double t, float *out,
                         pb_error *error)
{
    pb_evaluator *e = context;
    size_t count = n * image_size(e);
    float scale = (float)e->scale, *without;
    pb_status status;

    PB_TRY(predict_under(e, &e->positive, n, x, t, out, error));
    if (e->scale == 1)
        return PB_OK;
    without = pb_malloc(count, sizeof *without);
    if (!without)
        return pb_fail_memory(error, count * sizeof *without, "guidance");
    status = predict_under(e, &e->negative, n, x, t, without, error);
    for (size_t i = 0; status == PB_OK && i < count; i++)
        out[i] = without[i] + scale * (out[i] - without[i]);
    pb_free(without);
    return status;
}

pb_denoiser pb_evaluator_guided(pb_evaluator *evaluator, const pb_condition *positive,
                                const pb_condition *negative, double scale)
{
    if (!evaluator || !positive || !negative)
        return (pb_denoiser){0};
    evaluator->positive = *positive;
    evaluator->negative = *negative;
    evaluator->scale = scale;
    return (pb_denoiser){
        .context = evaluator,
        .size = image_size(evaluator),
        .predict = predict,
    };
}

pb_denoiser pb_evaluator_denoiser(pb_evaluator *evaluator, const pb_condition *condition)
{
    return pb_evaluator_guided(evaluator, condition, condition, 1);
}
