#include "backends/cpu/tuning.h"

#include <math.h>
#include <string.h>

#include "backends/cpu/conv2d.h"
#include "backends/cpu/kernels.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/repeat.h"

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

pb_status pb_cpu_list_convolutions(pb_cost **costs, size_t *count, const pb_program *program,
                                   pb_error *error)
{
    pb_direction direction = program->pass == PB_JVP ? PB_CONVOLVE : PB_CONVOLVE_TRANSPOSE;
    pb_cost *list = pb_calloc(*count + program->count, sizeof *list);

    if (!list)
        return pb_fail_memory(error, (*count + program->count) * sizeof *list, "a list");
    if (*count)
        memcpy(list, *costs, *count * sizeof *list);
    pb_free(*costs);
    *costs = list;
    for (size_t i = 0; i < program->count; i++) {
        const pb_step *step = &program->steps[i];
        pb_cost one = {.direction = direction};

        if (step->op != &pb_conv2d)
            continue;
        if (step->kernel != &pb_cpu_conv2d)
            return pb_fail(error, PB_INVALID,
                           "the algorithms of convolution are measured on the backend \"cpu\": the "
                           "model's is \"%s\"",
                           step->call.device->backend->name);
        one.shape = pb_conv2d_shape(&step->call);
        for (size_t a = 0; a < PB_ALGORITHMS; a++)
            one.seconds[a] = INFINITY;
        if (!is_listed(list, *count, &one))
            list[(*count)++] = one;
    }
    return PB_OK;
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
    pb_repeat_fill(in, b->in);
    pb_repeat_fill(out, b->out);
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

/* A call of that shape. */
static pb_call find_call(const pb_program *program, const pb_convolution_shape *shape)
{
    for (size_t i = 0; i < program->count; i++) {
        const pb_step *step = &program->steps[i];
        if (step->op == &pb_conv2d) {
            const pb_convolution_shape found = pb_conv2d_shape(&step->call);
            if (!memcmp(&found, shape, sizeof found))
                return step->call;
        }
    }
    return (pb_call){0};
}

pb_status pb_cpu_measure_convolution(pb_cost *cost, pb_algorithm algorithm,
                                     const pb_program *program, bool cold, double budget,
                                     pb_error *error)
{
    bench b = {.call = find_call(program, &cost->shape), .pass = program->pass};
    pb_status status;

    b.call.kernel = NULL; /* the program's */
    b.call.add[0] = false;
    status = make(&b, algorithm, cold, error);
    if (status == PB_OK)
        status = cold ? run_cold(&cost->seconds[algorithm], &b, budget, error)
                      : pb_repeat(&cost->seconds[algorithm], run, &b, budget, error);
    clear(&b);
    return status;
}
