#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "map/linearisation.h"
#include "ops/bfloat.h"

#define DEFAULT_MEMORY ((size_t)2 << 30)

/* Tangents that go through the network together: wide enough for the kernels to run at their best
 * rate, narrow enough for activations to stay near the processor. */
#define PREFERRED_BLOCK 8

/* Length of a prompt in Stable Diffusion. */
#define CLIP_TOKENS 77

void pb_linearisation_free(pb_linearisation *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < 4 * PB_PLANS_KEPT; i++)
        pb_plan_free(l->kept[i / PB_PLANS_KEPT][i % PB_PLANS_KEPT].plan);
    pb_section_free(l->section);
    pb_free(l->saved);
    pb_free(l->arena);
    pb_free(l->staging);
    pb_free(l);
}

/* -- plans ----------------------------------------------------------------------------------- */

static pb_status grow_arena(pb_linearisation *l, size_t bytes, pb_error *error)
{
    void *bigger;

    if (bytes <= l->arena_bytes)
        return PB_OK;
    bigger = pb_malloc(bytes, 1);
    if (!bigger)
        return pb_fail_memory(error, bytes, "a block of tangents");
    pb_free(l->arena);
    l->arena = bigger;
    l->arena_bytes = bytes;
    return PB_OK;
}

static pb_status get_plan(const pb_plan **out, pb_linearisation *l, pb_pass pass, bool bf16,
                          size_t k, pb_error *error)
{
    pb_prepared *kept = l->kept[(pass == PB_VJP) + 2 * bf16], *oldest = &kept[0];
    pb_status status;
    pb_plan *plan;

    for (size_t i = 0; i < PB_PLANS_KEPT; i++) {
        if (kept[i].plan && kept[i].k == k) {
            kept[i].used = ++l->clock;
            *out = kept[i].plan;
            return PB_OK;
        }
        if (kept[i].used < oldest->used)
            oldest = &kept[i];
    }
    PB_TRY(pb_plan_new(&plan, l->section, pass, k, bf16 ? PB_PLAN_BF16 : PB_PLAN_PLAIN, error));
    status = grow_arena(l, pb_plan_arena(plan), error);
    if (status != PB_OK) {
        pb_plan_free(plan);
        return status;
    }
    pb_plan_free(oldest->plan);
    *oldest = (pb_prepared){plan, k, ++l->clock};
    *out = plan;
    return PB_OK;
}

/* -- the operator ---------------------------------------------------------------------------- */

/* y <- b y + a x where the tap is affine in x too, else y <- b y; for one vector. */
static void finish(const pb_linearisation *l, size_t size, const float *x, float *y)
{
    float a = l->from_x ? l->to.a : 0.0f;

    if (!l->to.affine)
        return;
    for (size_t i = 0; i < size; i++)
        y[i] = l->to.b * y[i] + (l->from_x ? a * x[i] : 0.0f);
}

/* One block of k vectors through the network. */
static pb_status apply_block(pb_linearisation *l, pb_pass pass, bool bf16, size_t k, const float *x,
                             size_t ldx, float *y, size_t ldy, pb_error *error)
{
    size_t in = pass == PB_JVP ? l->fp32.op.cols : l->fp32.op.rows;
    size_t out = pass == PB_JVP ? l->fp32.op.rows : l->fp32.op.cols;
    float *from = l->staging, *to = l->staging + l->block * in;
    const float *inputs[1] = {x};
    const pb_plan *plan;

    PB_TRY(get_plan(&plan, l, pass, bf16, k, error));
    if (ldx != in) {
        for (size_t j = 0; j < k; j++)
            memcpy(from + j * in, x + j * ldx, in * sizeof *x);
        inputs[0] = from;
    }
    if (ldy == out)
        to = y;
    PB_TRY(pb_plan_run(plan, l->arena, l->saved, inputs, &to, error));
    for (size_t j = 0; j < k; j++) {
        if (to != y)
            memcpy(y + j * ldy, to + j * out, out * sizeof *y);
        finish(l, out, x + j * ldx, y + j * ldy);
    }
    return PB_OK;
}

static int apply_pass(const pb_map_operator *o, pb_pass pass, size_t k, const float *x, size_t ldx,
                      float *y, size_t ldy)
{
    pb_linearisation *l = o->l;

    for (size_t done = 0; done < k; done += l->block) {
        size_t width = k - done < l->block ? k - done : l->block;
        pb_status status = apply_block(l, pass, o->bf16, width, x + done * ldx, ldx, y + done * ldy,
                                       ldy, &l->error);
        if (status != PB_OK)
            return (int)status;
    }
    return 0;
}

static int apply(void *context, size_t k, const float *x, size_t ldx, float *y, size_t ldy)
{
    return apply_pass(context, PB_JVP, k, x, ldx, y, ldy);
}

static int apply_transpose(void *context, size_t k, const float *x, size_t ldx, float *y,
                           size_t ldy)
{
    return apply_pass(context, PB_VJP, k, x, ldx, y, ldy);
}

static void explain(void *context, pb_error *error)
{
    *error = ((const pb_map_operator *)context)->l->error;
}

/* -- linearising ----------------------------------------------------------------------------- */

static pb_status run_primal(pb_linearisation *l, const pb_condition *condition, const float *x,
                            pb_error *error)
{
    pb_shape image = l->section->shapes[PB_INPUT_X];
    size_t size = pb_shape_size(l->section->shapes[l->to.value]);
    float *hwc = pb_malloc(pb_shape_size(image), sizeof *hwc);
    float *value = pb_malloc(size, sizeof *value);
    pb_inputs inputs;
    pb_plan *plan = NULL;
    pb_status status = PB_OK;

    if (!hwc || !value) {
        status = pb_fail_memory(error, size * sizeof *value, "a point");
        goto end;
    }
    pb_to_hwc(hwc, x, 1, image.c, image.h, image.w);
    pb_inputs_fill(&inputs, condition, hwc);
    status = pb_plan_new(&plan, l->section, PB_FORWARD, 1, PB_PLAN_SAVING, error);
    if (status == PB_OK)
        status = grow_arena(l, pb_plan_arena(plan), error);
    if (status == PB_OK)
        status = pb_plan_run(plan, l->arena, l->saved, inputs.list, &value, error);
    for (size_t i = 0; status == PB_OK && i < size; i++)
        if (!isfinite(value[i]))
            status = pb_fail(error, PB_NUMERIC,
                             "the network's value at this point is not finite (entry %zu)", i);
end:
    pb_plan_free(plan);
    pb_free(hwc);
    pb_free(value);
    return status;
}

/* The width of blocks for which the memory suffices, and what they need. Packed weights may take
 * half of the memory; tangents get what the saved state and the weights leave. */
static pb_status choose_block(pb_map_memory *needed, pb_section *section, size_t memory,
                              pb_error *error)
{
    size_t down, up, left, most;

    section->packed_limit = memory / 2;
    *needed = (pb_map_memory){.saved_bytes = section->saved_floats * sizeof(float)};
    PB_TRY(pb_plan_estimate(&down, &needed->packed_bytes, section, PB_JVP, 1, error));
    PB_TRY(pb_plan_estimate(&up, &needed->packed_bytes, section, PB_VJP, 1, error));
    left = memory > needed->saved_bytes + needed->packed_bytes
               ? memory - needed->saved_bytes - needed->packed_bytes
               : 0;
    most = left / (down > up ? down : up);
    needed->block = most < 1 ? 1 : most < PREFERRED_BLOCK ? most : PREFERRED_BLOCK;
    return PB_OK;
}

/* The part of the graph that the map is. */
static pb_status open_section(pb_section **section, pb_tap_use *to, const pb_model *model,
                              const pb_map_options *options, size_t height, size_t width,
                              pb_error *error)
{
    const pb_condition *condition = &options->condition;
    pb_shape shapes[PB_INPUTS];
    pb_tap_use from;

    PB_TRY(pb_model_input_shapes(model, height, width, condition->tokens, shapes, error));
    PB_TRY(pb_condition_check(model, condition, error));
    PB_TRY(pb_tap_find(&from, model, options->from, condition->timestep, error));
    PB_TRY(pb_tap_find(to, model, options->to, condition->timestep, error));
    if (from.affine)
        return pb_fail(error, PB_INVALID,
                       "a map cannot begin at \"%s\": it is a function of the input and the output",
                       options->from);
    if (from.value > to->value)
        return pb_fail(error, PB_INVALID, "no map from \"%s\" to \"%s\": it lies behind",
                       options->from, options->to);
    return pb_section_new(section, model->graph, shapes, from.value, 1, &to->value, error);
}

static pb_status linearise(pb_linearisation *l, const pb_map_options *options, const pb_tensor *x,
                           pb_error *error)
{
    const pb_condition *condition = &options->condition;
    const size_t *image = x->shape + x->rank - 3;
    pb_map_memory needed;
    size_t both;

    PB_TRY(pb_condition_check_context(l->model, condition, error));
    PB_TRY(open_section(&l->section, &l->to, l->model, options, image[1], image[2], error));
    l->from_x = l->section->from == PB_INPUT_X;
    l->saved = pb_malloc(l->section->saved_floats, sizeof *l->saved);
    if (!l->saved)
        return pb_fail_memory(error, l->section->saved_floats * sizeof *l->saved,
                              "the state of a linearisation");
    PB_TRY(choose_block(&needed, l->section, options->memory ? options->memory : DEFAULT_MEMORY,
                        error));
    l->block = needed.block;
    PB_TRY(run_primal(l, condition, x->data, error));
    l->fp32 = (pb_map_operator){
        .l = l,
        .op = {.rows = pb_shape_size(l->section->shapes[l->to.value]),
               .cols = pb_shape_size(l->section->shapes[l->section->from]),
               .block_preferred = l->block,
               .context = &l->fp32,
               .apply = apply,
               .apply_transpose = apply_transpose,
               .explain = explain},
    };
    l->bf16 = l->fp32;
    l->bf16.bf16 = true;
    l->bf16.op.context = &l->bf16;
    both = l->fp32.op.rows + l->fp32.op.cols;
    l->staging = pb_malloc(l->block * both, sizeof *l->staging);
    return l->staging
               ? PB_OK
               : pb_fail_memory(error, l->block * both * sizeof *l->staging, "a block of tangents");
}

pb_status pb_linearise(pb_linearisation **out, const pb_model *model, const pb_map_options *options,
                       const pb_tensor *x, pb_error *error)
{
    pb_linearisation *l;
    pb_status status;

    PB_NEED(out, "a place for the linearisation");
    PB_NEED(model, "a model");
    PB_NEED(options, "options");
    PB_TRY(pb_shape_check_one(x, 3, (size_t[3]){model->facts.in_channels}, "a point", error));
    l = pb_calloc(1, sizeof *l);
    if (!l)
        return pb_fail_memory(error, sizeof *l, "a linearisation");
    l->model = model;
    status = linearise(l, options, x, error);
    if (status == PB_OK)
        *out = l;
    else
        pb_linearisation_free(l);
    return status;
}

const pb_operator *pb_linearisation_operator(const pb_linearisation *linearisation)
{
    return linearisation ? &linearisation->fp32.op : NULL;
}

const pb_operator *pb_linearisation_operator_bf16(const pb_linearisation *linearisation)
{
    return linearisation ? &linearisation->bf16.op : NULL;
}

int pb_bf16_is_native(void)
{
    return pb_bfloat_native();
}

static void copy_shape(size_t to[3], pb_shape from)
{
    to[0] = from.c;
    to[1] = from.h;
    to[2] = from.w;
}

void pb_linearisation_shapes(const pb_linearisation *l, size_t from[3], size_t to[3])
{
    copy_shape(from, l->section->shapes[l->section->from]);
    copy_shape(to, l->section->shapes[l->to.value]);
}

void pb_linearisation_image(const pb_linearisation *l, size_t shape[3])
{
    copy_shape(shape, l->section->shapes[PB_INPUT_X]);
}

void pb_linearisation_memory(const pb_linearisation *l, pb_map_memory *memory)
{
    *memory = (pb_map_memory){
        .saved_bytes = l->section->saved_floats * sizeof *l->saved,
        .arena_bytes = l->arena_bytes,
        .packed_bytes = pb_convolver_packed_bytes(l->model->convolver),
        .block = l->block,
    };
}

pb_status pb_map_estimate(pb_map_memory *memory, const pb_model *model,
                          const pb_map_options *options, size_t height, size_t width,
                          pb_error *error)
{
    size_t down, up, unused = 0;
    pb_map_options assumed;
    pb_section *section;
    pb_tap_use to;
    pb_status status;

    PB_NEED(memory, "a place for the estimate");
    PB_NEED(model, "a model");
    PB_NEED(options, "options");
    assumed = *options;
    if (assumed.condition.context) /* else it is left out */
        PB_TRY(pb_condition_check_context(model, &assumed.condition, error));
    if (assumed.condition.tokens == 0)
        assumed.condition.tokens = CLIP_TOKENS;
    PB_TRY(open_section(&section, &to, model, &assumed, height, width, error));
    status =
        choose_block(memory, section, options->memory ? options->memory : DEFAULT_MEMORY, error);
    if (status == PB_OK)
        status = pb_plan_estimate(&down, &unused, section, PB_JVP, memory->block, error);
    if (status == PB_OK)
        status = pb_plan_estimate(&up, &unused, section, PB_VJP, memory->block, error);
    if (status == PB_OK)
        memory->arena_bytes = down > up ? down : up;
    pb_section_free(section);
    return status;
}
