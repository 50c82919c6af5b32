#include "map/measure_convolutions.h"

#include <math.h>
#include <string.h>

#include "backends/cpu/conv2d.h"
#include "backends/cpu/kernels.h"
#include "base/clock.h"
#include "base/memory.h"
#include "map/linearisation.h"

/* More than the caches that belong to one processor. */
#define OTHER_DATA ((size_t)8 << 20)

static bool is_listed(const pb_cost *costs, size_t count, const pb_cost *one)
{
    for (size_t i = 0; i < count; i++)
        if (costs[i].direction == one->direction &&
            !memcmp(&costs[i].shape, &one->shape, sizeof one->shape))
            return true;
    return false;
}

static pb_pass pass_of(pb_direction direction)
{
    return direction == PB_CONVOLVE ? PB_JVP : PB_VJP;
}

/* The plan of a pass, the executor's. */
static pb_status get_plan(pb_plan **plan, const pb_linearisation *l, pb_pass pass, size_t n,
                          pb_error *error)
{
    pb_status status;
    pb_work work;
    pb_stop stop;

    PB_TRY(pb_work_begin(&work, &l->run, "measuring", 0, error));
    stop = pb_work_stop(&work);
    status = pb_executor_plan(plan, l->executor, pass, PB_PLAN_PLAIN, n, &stop, error);
    pb_work_end(&work);
    return status;
}

/* Appends the convolutions of one pass. */
static void list_pass(pb_cost *costs, size_t *count, const pb_plan *plan, pb_direction direction)
{
    for (size_t i = 0; i < pb_plan_steps(plan); i++) {
        const pb_step *step = pb_plan_step(plan, i);
        pb_cost one = {.direction = direction};

        if (step->op != &pb_conv2d)
            continue;
        one.shape = pb_conv2d_shape(&step->call);
        for (size_t a = 0; a < PB_ALGORITHMS; a++)
            one.seconds[a] = INFINITY;
        if (!is_listed(costs, *count, &one))
            costs[(*count)++] = one;
    }
}

pb_status pb_list_convolutions(pb_cost **costs, size_t *count, const pb_linearisation *l, size_t n,
                               pb_error *error)
{
    pb_cost *list = pb_calloc(2 * l->section->count, sizeof *list);
    pb_status status = PB_OK;

    *count = 0;
    if (l->model->device->backend != &pb_cpu_backend) {
        pb_free(list);
        return pb_fail(error, PB_INVALID,
                       "the algorithms of convolution are measured on the backend \"cpu\": the "
                       "model's is \"%s\"",
                       l->model->device->backend->name);
    }
    if (!list)
        return pb_fail_memory(error, 2 * l->section->count * sizeof *list, "a list");
    for (pb_direction d = PB_CONVOLVE; status == PB_OK && d <= PB_CONVOLVE_TRANSPOSE; d++) {
        pb_plan *plan;
        status = get_plan(&plan, l, pass_of(d), n, error);
        if (status == PB_OK)
            list_pass(list, count, plan, d);
    }
    if (status == PB_OK)
        *costs = list;
    else
        pb_free(list);
    return status;
}

/* -- one convolution --------------------------------------------------------------------------- */

typedef struct bench {
    pb_call call;
    pb_pass pass;
    float *in, *out, *other;
} bench;

static pb_status run(void *context, pb_error *error)
{
    bench *b = context;

    return (b->pass == PB_JVP ? pb_cpu_conv2d.jvp : pb_cpu_conv2d.vjp)(&b->call, error);
}

/* The fastest of cold runs: the time that other data takes does not count. */
static pb_status run_cold(double *seconds, bench *b, double budget, pb_error *error)
{
    size_t runs = 0;
    double all = 0, least = INFINITY;

    while (runs < 3 || all < budget) {
        double start;
        for (size_t i = 0; i < OTHER_DATA; i++)
            b->other[i] += 1;
        start = pb_seconds();
        PB_TRY(run(b, error));
        start = pb_seconds() - start;
        least = runs && start < least ? start : least; /* the first does not count */
        all += start;
        runs++;
    }
    *seconds = least;
    return PB_OK;
}

static pb_status make(bench *b, pb_algorithm algorithm, bool cold, pb_error *error)
{
    pb_call *call = &b->call;
    size_t in = call->n * pb_shape_size(call->in[0]), out = call->n * pb_shape_size(call->out);

    call->spare = SIZE_MAX;
    PB_TRY(pb_conv2d_prepare_as(call, b->pass, algorithm, error));
    call->work = pb_malloc(pb_cpu_conv2d.work(call, b->pass), 1);
    b->in = pb_malloc(in, sizeof *b->in);
    b->out = pb_malloc(out, sizeof *b->out);
    b->other = pb_calloc(cold ? OTHER_DATA : 1, sizeof *b->other);
    if (!call->work || !b->in || !b->out || !b->other)
        return pb_fail_memory(error, (in + out) * sizeof(float), "a measurement");
    pb_measure_fill(in, b->in);
    pb_measure_fill(out, b->out);
    call->x[0] = b->in;
    call->y = b->out;
    call->dy = b->out;
    call->dx[0] = b->in;
    return PB_OK;
}

static void clear(bench *b)
{
    if (b->call.kernel)
        pb_cpu_conv2d.release(b->call.kernel);
    pb_free(b->call.work);
    pb_free(b->in);
    pb_free(b->out);
    pb_free(b->other);
}

/* A call of that shape in the plan. */
static pb_call find_call(const pb_plan *plan, const pb_convolution_shape *shape)
{
    for (size_t i = 0; i < pb_plan_steps(plan); i++) {
        const pb_step *step = pb_plan_step(plan, i);
        if (step->op == &pb_conv2d) {
            const pb_convolution_shape found = pb_conv2d_shape(&step->call);
            if (!memcmp(&found, shape, sizeof found))
                return step->call;
        }
    }
    return (pb_call){0};
}

pb_status pb_measure_convolution(pb_cost *cost, pb_algorithm algorithm, const pb_linearisation *l,
                                 bool cold, double budget, pb_error *error)
{
    bench b = {.pass = pass_of(cost->direction)};
    pb_plan *plan;
    pb_status status;

    PB_TRY(get_plan(&plan, l, b.pass, cost->shape.n, error));
    b.call = find_call(plan, &cost->shape);
    b.call.kernel = NULL; /* the plan's */
    b.call.add[0] = false;
    status = make(&b, algorithm, cold, error);
    if (status == PB_OK)
        status = cold ? run_cold(&cost->seconds[algorithm], &b, budget, error)
                      : pb_measure_runs(&cost->seconds[algorithm], run, &b, budget, error);
    clear(&b);
    return status;
}
