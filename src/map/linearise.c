#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/order.h"
#include "base/shape.h"
#include "map/inputs.h"
#include "map/linearisation.h"

void pb_map_options_init(pb_map_options *options)
{
    if (options)
        *options = PB_MAP_DEFAULTS;
}

void pb_linearisation_free(pb_linearisation *l)
{
    if (!l)
        return;
    pb_executor_free(l->executor);
    pb_free(l->staging);
    pb_free(l);
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

/* In H, W, C. */
static pb_status apply_engine(pb_linearisation *l, bool bf16, pb_pass pass, size_t k,
                              const float *x, size_t ldx, float *y, size_t ldy, pb_error *error)
{
    const pb_operator *op = &l->ops[0][0].op;
    pb_status status;
    pb_work work;
    pb_stop stop;

    PB_TRY(pb_work_begin(&work, &l->run, pass == PB_JVP ? "J v" : "J^T u", 0, error));
    stop = pb_work_stop(&work);
    status = pb_executor_apply(l->executor, pass, bf16 ? PB_PLAN_BF16 : PB_PLAN_PLAIN, k, x, ldx, y,
                               ldy, &stop, error);
    pb_work_end(&work);
    for (size_t j = 0; status == PB_OK && j < k; j++)
        finish(l, pass == PB_JVP ? op->rows : op->cols, x + j * ldx, y + j * ldy);
    return status;
}

/* A value's shape as it is told. */
static pb_shape shape_outside(const pb_linearisation *l, pb_value value)
{
    pb_shape s = l->section->shapes[value];

    return (size_t)value < l->model->graph->inputs && value != l->x ? pb_tensor_input_image(s) : s;
}

/* Are vectors of this shape the same in either order? */
static bool is_plain(pb_shape s)
{
    return s.c == 1 || s.h * s.w == 1;
}

/* A block in C, H, W, by way of the staging. */
static pb_status apply_block(pb_linearisation *l, bool bf16, pb_pass pass, size_t k, const float *x,
                             size_t ldx, float *y, size_t ldy, pb_error *error)
{
    pb_shape first = shape_outside(l, l->section->from), last = shape_outside(l, l->to.value);
    pb_shape in = pass == PB_JVP ? first : last, out = pass == PB_JVP ? last : first;
    size_t in_size = pb_shape_size(in), out_size = pb_shape_size(out);
    float *from = l->staging, *to = l->staging + k * in_size;

    for (size_t j = 0; j < k; j++)
        pb_to_hwc(from + j * in_size, x + j * ldx, 1, in.c, in.h, in.w);
    PB_TRY(apply_engine(l, bf16, pass, k, from, in_size, to, out_size, error));
    for (size_t j = 0; j < k; j++)
        pb_to_chw(y + j * ldy, to + j * out_size, 1, out.c, out.h, out.w);
    return PB_OK;
}

static pb_status apply_pass(const pb_map_operator *o, pb_pass pass, size_t k, const float *x,
                            size_t ldx, float *y, size_t ldy, pb_error *error)
{
    pb_linearisation *l = o->l;
    size_t rows = o->op.rows, cols = o->op.cols, block = o->op.block_preferred;
    size_t in = pass == PB_JVP ? cols : rows, out = pass == PB_JVP ? rows : cols;

    PB_NEED(x, "vectors");
    PB_NEED(y, "room for vectors");
    if (k > 1 && (ldx < in || ldy < out))
        return pb_fail(error, PB_INVALID,
                       "vectors that begin every %zu and %zu numbers: they have %zu and %zu", ldx,
                       ldy, in, out);
    if (!o->chw ||
        (is_plain(shape_outside(l, l->section->from)) && is_plain(shape_outside(l, l->to.value))))
        return apply_engine(l, o->bf16, pass, k, x, ldx, y, ldy, error);
    if (!l->staging)
        l->staging = pb_malloc(block * (rows + cols), sizeof *l->staging);
    if (!l->staging)
        return pb_fail_memory(error, block * (rows + cols) * sizeof *x, "a block of tangents");
    for (size_t done = 0; done < k; done += block)
        PB_TRY(apply_block(l, o->bf16, pass, k - done < block ? k - done : block, x + done * ldx,
                           ldx, y + done * ldy, ldy, error));
    return PB_OK;
}

static pb_status apply(void *context, size_t k, const float *x, size_t ldx, float *y, size_t ldy,
                       pb_error *error)
{
    return apply_pass(context, PB_JVP, k, x, ldx, y, ldy, error);
}

static pb_status apply_transpose(void *context, size_t k, const float *x, size_t ldx, float *y,
                                 size_t ldy, pb_error *error)
{
    return apply_pass(context, PB_VJP, k, x, ldx, y, ldy, error);
}

static void make_operators(pb_linearisation *l)
{
    const pb_shape *shapes = l->section->shapes;

    for (int i = 0; i < 4; i++) {
        pb_map_operator *o = &l->ops[i / 2][i % 2];
        *o = (pb_map_operator){
            .l = l,
            .bf16 = i / 2,
            .chw = i % 2,
            .op = {.rows = pb_shape_size(shapes[l->to.value]),
                   .cols = pb_shape_size(shapes[l->section->from]),
                   .block_preferred = pb_executor_block(l->executor),
                   .context = o,
                   .apply = apply,
                   .apply_transpose = apply_transpose},
        };
    }
}

/* -- linearising ----------------------------------------------------------------------------- */

static pb_status run_primal(pb_linearisation *l, const pb_inputs *inputs, const pb_stop *stop,
                            pb_error *error)
{
    size_t size = pb_shape_size(l->section->shapes[l->to.value]);
    float *value = pb_malloc(size, sizeof *value);
    pb_status status;

    if (!value)
        return pb_fail_memory(error, size * sizeof *value, "a point");
    status = pb_executor_linearise(l->executor, inputs->feeds, value, stop, error);
    for (size_t i = 0; status == PB_OK && i < size; i++)
        if (!isfinite(value[i]))
            status = pb_fail(error, PB_NUMERIC,
                             "the network's value at this point is not finite (entry %zu)", i);
    pb_free(value);
    return status;
}

/* What runs the part of the graph that the map is. */
static pb_status open_executor(pb_executor **executor, pb_tap_use *to, const pb_model *model,
                               const pb_map_options *options, const pb_inputs *inputs,
                               size_t memory, pb_error *error)
{
    double timestep = options->condition.timestep;
    pb_section *section;
    pb_tap_use from;

    PB_TRY(pb_tap_find(&from, model, options->from, timestep, error));
    PB_TRY(pb_tap_find(to, model, options->to, timestep, error));
    if (from.affine)
        return pb_fail(error, PB_INVALID,
                       "a map cannot begin at \"%s\": it is a function of the input and the output",
                       options->from);
    if (from.value > to->value)
        return pb_fail(error, PB_INVALID, "no map from \"%s\" to \"%s\": it lies behind",
                       options->from, options->to);
    PB_TRY(pb_section_new(&section, model->graph, model->device, inputs->shapes, from.value, 1,
                          &to->value, error));
    return pb_executor_new(executor, section, memory, error);
}

static pb_status linearise(pb_linearisation *l, const pb_map_options *options, const pb_tensor *x,
                           const pb_stop *stop, pb_error *error)
{
    const pb_condition *condition = &options->condition;
    const size_t *image = x->shape + x->rank - 3;
    pb_inputs inputs;

    PB_TRY(pb_condition_check_tensors(l->model, condition, false, error));
    PB_TRY(pb_inputs_fill(&inputs, l->model, condition, image[1], image[2], x->data, error));
    PB_TRY(pb_condition_check(l->model, condition, error));
    PB_TRY(open_executor(&l->executor, &l->to, l->model, options, &inputs, l->run.memory, error));
    l->section = pb_executor_section(l->executor);
    l->x = pb_graph_find_input(l->model->graph, "x");
    l->from_x = l->section->from == l->x;
    PB_TRY(run_primal(l, &inputs, stop, error));
    make_operators(l);
    return PB_OK;
}

pb_status pb_linearise(pb_linearisation **out, const pb_model *model, const pb_map_options *options,
                       const pb_tensor *x, const pb_run *run, pb_error *error)
{
    pb_linearisation *l;
    pb_status status;
    pb_work work;
    pb_stop stop;

    PB_OUT(out, "the linearisation");
    PB_NEED(model, "a model");
    PB_NEED(options, "options");
    PB_TRY(pb_shape_check_one(x, 3, (size_t[3]){model->facts.in_channels}, "a point", error));
    PB_TRY(pb_work_begin(&work, run, "linearising", 0, error));
    stop = pb_work_stop(&work);
    l = pb_calloc(1, sizeof *l);
    if (l) {
        l->model = model;
        l->run = work.run;
        status = linearise(l, options, x, &stop, error);
    } else
        status = pb_fail_memory(error, sizeof *l, "a linearisation");
    if (status == PB_OK)
        *out = l;
    else
        pb_linearisation_free(l);
    pb_work_end(&work);
    return status;
}

const pb_operator *pb_linearisation_operator(const pb_linearisation *linearisation)
{
    return linearisation ? &linearisation->ops[0][1].op : NULL;
}

const pb_operator *pb_linearisation_operator_bf16(const pb_linearisation *linearisation)
{
    return linearisation ? &linearisation->ops[1][1].op : NULL;
}

const pb_operator *pb_linearisation_engine(const pb_linearisation *linearisation, bool bf16)
{
    return &linearisation->ops[bf16][0].op;
}

int pb_bf16_is_native(const char *name)
{
    const pb_backend *backend;

    return pb_backend_find(&backend, name, NULL) == PB_OK && backend->native_bf16 &&
           backend->native_bf16();
}

static void copy_shape(size_t to[3], pb_shape from)
{
    to[0] = from.c;
    to[1] = from.h;
    to[2] = from.w;
}

void pb_linearisation_shapes(const pb_linearisation *l, size_t from[3], size_t to[3])
{
    copy_shape(from, shape_outside(l, l->section->from));
    copy_shape(to, shape_outside(l, l->to.value));
}

void pb_linearisation_image(const pb_linearisation *l, size_t shape[3])
{
    copy_shape(shape, l->section->shapes[l->x]);
}

void pb_linearisation_memory(const pb_linearisation *l, pb_map_memory *memory)
{
    *memory = (pb_map_memory){
        .saved_bytes = l->section->saved_bytes,
        .arena_bytes = pb_executor_arena(l->executor),
        .packed_bytes = l->model->device->backend->packed_bytes(l->model->device),
        .block = pb_executor_block(l->executor),
    };
}

pb_status pb_map_estimate(pb_map_memory *memory, const pb_model *model,
                          const pb_map_options *options, size_t height, size_t width,
                          const pb_run *run, pb_error *error)
{
    pb_executor *executor;
    pb_executor_needs needs;
    pb_inputs inputs;
    pb_tap_use to;
    pb_status status;
    pb_run taken;

    PB_NEED(memory, "a place for the estimate");
    PB_NEED(model, "a model");
    PB_NEED(options, "options");
    PB_TRY(pb_run_take(&taken, run, error));
    PB_TRY(pb_condition_check_tensors(model, &options->condition, true, error));
    PB_TRY(pb_inputs_fill(&inputs, model, &options->condition, height, width, NULL, error));
    PB_TRY(pb_condition_check(model, &options->condition, error));
    PB_TRY(open_executor(&executor, &to, model, options, &inputs, taken.memory, error));
    status = pb_executor_estimate(&needs, executor, error);
    if (status == PB_OK)
        *memory = (pb_map_memory){.saved_bytes = needs.saved_bytes,
                                  .arena_bytes = needs.arena_bytes,
                                  .packed_bytes = needs.packed_bytes,
                                  .block = needs.block};
    pb_executor_free(executor);
    return status;
}
