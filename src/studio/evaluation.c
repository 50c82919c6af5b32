#include "studio/evaluation.h"

#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "map/guidance.h"
#include "session/session.h"

int pb_evaluation_is_guided(const pb_prompts *p)
{
    return !isnan(p->guidance_scale) && p->guidance_scale != 1;
}

pb_status pb_read_context(pb_tensor *context, const pb_studio *s, const char *path, pb_error *error)
{
    size_t width = s->info->context_width;

    PB_TRY(pb_npy_read(context, path, error));
    if (width && (context->rank == 2 || (context->rank == 3 && context->shape[0] == 1)) &&
        context->shape[context->rank - 1] == width)
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s: expected (tokens, %zu), what this network is given",
                   path, width);
}

pb_status pb_read_pooled(pb_tensor *pooled, const pb_studio *s, const char *path, pb_error *error)
{
    size_t width = s->info->pooled_width;

    if (!width)
        return pb_fail(error, PB_INVALID, "%s: %s takes no pooled embedding", path, s->info->path);
    PB_TRY(pb_npy_read(pooled, path, error));
    if (pb_tensor_count(pooled) != width)
        return pb_fail(error, PB_INVALID, "%s: expected (1, %zu), what this network is given", path,
                       width);
    pooled->rank = 2;
    pooled->shape[0] = 1;
    pooled->shape[1] = width;
    return PB_OK;
}

/* -- at one or two conditions --------------------------------------------------------------------
 */

/* What is computed, under the prompt and, guided, under the negative one too. */
typedef struct pair {
    size_t count;
    pb_condition condition[2];
    pb_input given[3]; /* in place of the prompt's, */
    float time_ids[PB_SIZES];
    pb_tensor told; /* these */
    pb_tensor *out[2];
} pair;

/* What is given in place of a prompt, with the sizes at images x where they are told. */
static pb_status find_given(pair *p, const pb_evaluation *e, const pb_studio *s, const pb_tensor *x,
                            pb_error *error)
{
    pb_sizes sizes = e->prompts.sizes;
    pb_condition *c = &p->condition[0];

    *c = (pb_condition){.timestep = e->timestep,
                        .class_label = e->prompts.class_label,
                        .count = 1,
                        .inputs = p->given};
    p->given[0] = (pb_input){"context", e->context};
    if (!s->info->pooled_width)
        return PB_OK;
    if (!e->pooled)
        return pb_fail(error, PB_INVALID,
                       "a context without its pooled embedding: this network is given both");
    PB_TRY(pb_session_sizes(s->session, &sizes, x->shape[2], x->shape[3], error));
    pb_sizes_numbers(&sizes, p->time_ids);
    p->told = (pb_tensor){.rank = 2, .shape = {1, PB_SIZES}, .data = p->time_ids};
    p->given[1] = (pb_input){"pooled", e->pooled};
    p->given[2] = (pb_input){"time_ids", &p->told};
    c->count = 3;
    return PB_OK;
}

/* The prompt or what stands in its place, and the negative prompt. */
static pb_status find_conditions(pair *p, const pb_evaluation *e, const pb_studio *s,
                                 const pb_tensor *x, const pb_run *run, pb_error *error)
{
    size_t height = x->shape[2], width = x->shape[3];

    PB_TRY(e->context ? find_given(p, e, s, x, error)
                      : pb_session_condition(s->session, &e->prompts, PB_PROMPT_MAIN, e->timestep,
                                             height, width, &p->condition[0], run, error));
    return p->count == 1
               ? PB_OK
               : pb_session_condition(s->session, &e->prompts, PB_PROMPT_NEGATIVE, e->timestep,
                                      height, width, &p->condition[1], run, error);
}

static pb_status evaluate(pair *p, const pb_evaluation *e, const pb_studio *s, const pb_tensor *x,
                          const pb_run *run, pb_error *error)
{
    size_t shape[4] = {x->shape[0]};
    pb_status status = PB_OK;
    pb_evaluator *evaluator;

    PB_TRY(pb_model_tap_shape(s->model, e->tap, x->shape[2], x->shape[3], shape + 1, error));
    for (size_t i = 0; i < p->count; i++)
        PB_TRY(pb_tensor_new(p->out[i], 4, shape, error));
    PB_TRY(pb_evaluator_new(&evaluator, s->model, x->shape[2], x->shape[3], run, error));
    for (size_t i = 0; status == PB_OK && i < p->count; i++)
        status = pb_evaluate(evaluator, &p->condition[i], x->shape[0], pb_item_size(x), x->data, 1,
                             &e->tap, &p->out[i]->data, error);
    pb_evaluator_free(evaluator);
    return status;
}

/* J v or J^T u for the block. */
static pb_status multiply(const pb_linearisation *l, const pb_evaluation *e, pb_tensor *out,
                          pb_error *error)
{
    const pb_operator *op = pb_linearisation_operator(l);
    const pb_tensor *b = e->block;
    size_t from[3], to[3], shape[4] = {b->rank == 4 ? b->shape[0] : 1};
    size_t in_size = e->transpose ? op->rows : op->cols;
    size_t out_size = e->transpose ? op->cols : op->rows;
    const size_t *taken = e->transpose ? to : from;

    pb_linearisation_shapes(l, from, to);
    if ((b->rank != 3 && b->rank != 4) || memcmp(b->shape + b->rank - 3, taken, sizeof from))
        return pb_fail(error, PB_INVALID, "%s: expected (%zu, %zu, %zu), or several of them",
                       e->block_name, taken[0], taken[1], taken[2]);
    memcpy(shape + 1, e->transpose ? from : to, sizeof from);
    PB_TRY(pb_tensor_new(out, b->rank, shape + 4 - b->rank, error));
    return (e->transpose ? op->apply_transpose : op->apply)(op->context, shape[0], b->data, in_size,
                                                            out->data, out_size, error);
}

static pb_status differentiate(pair *p, const pb_evaluation *e, const pb_studio *s,
                               const pb_tensor *x, const pb_run *run, pb_error *error)
{
    pb_status status = PB_OK;

    if (x->shape[0] != 1)
        return pb_fail(error, PB_INVALID, "%s: a Jacobian is taken at one image, found %zu",
                       e->x_name, x->shape[0]);
    for (size_t i = 0; status == PB_OK && i < p->count; i++) {
        const pb_map_options map = {
            .from = e->from ? e->from : "x", .to = e->tap, .condition = p->condition[i]};
        pb_linearisation *l;
        PB_TRY(pb_linearise(&l, s->model, &map, x, run, error));
        status = multiply(l, e, p->out[i], error);
        pb_linearisation_free(l);
    }
    return status;
}

/* Under the prompt, or (1-w) of the negative prompt's and w of the prompt's. */
pb_status pb_evaluation_compute(const pb_evaluation *e, const pb_studio *s, const pb_tensor *x,
                                pb_tensor *out, const pb_run *run, pb_error *error)
{
    pb_tensor without = PB_TENSOR_EMPTY;
    pair p = {.count = pb_evaluation_is_guided(&e->prompts) ? 2 : 1, .out = {out, &without}};
    pb_status status;

    PB_TRY(find_conditions(&p, e, s, x, run, error));
    status = (e->block ? differentiate : evaluate)(&p, e, s, x, run, error);
    if (status == PB_OK && p.count == 2)
        pb_guided(pb_tensor_count(out), e->prompts.guidance_scale, without.data, out->data);
    pb_tensor_clear(&without);
    return status;
}
