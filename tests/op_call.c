#include "op_call.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/memory.h"
#include "must.h"

/* -- arrays ---------------------------------------------------------------------------------- */

void *op_allocate(size_t count, size_t size)
{
    void *memory = pb_calloc(count, size);

    assert_non_null(memory);
    return memory;
}

float *op_unwritten(size_t count)
{
    float *x = op_allocate(count, sizeof *x);

    for (size_t i = 0; i < count; i++)
        x[i] = NAN;
    return x;
}

float *op_random(size_t count, double scale, unsigned seed)
{
    float *x = op_allocate(count, sizeof *x);

    fill_random(x, count, seed);
    for (size_t i = 0; i < count; i++)
        x[i] *= (float)scale;
    return x;
}

float *op_copy(const float *x, size_t count)
{
    float *copy = op_allocate(count, sizeof *copy);

    memcpy(copy, x, count * sizeof *copy);
    return copy;
}

size_t op_input_size(const op_case *c, size_t input)
{
    return pb_shape_size(c->in[input]);
}

/* -- calls ----------------------------------------------------------------------------------- */

const pb_kernel *op_kernel(const op_case *c)
{
    return c->device->backend->kernels[c->op->kind];
}

static pb_call call_of(const op_case *c, const op_call *own)
{
    pb_call call = {.params = c->params,
                    .device = c->device,
                    .n = own->n,
                    .packs = true,
                    .spare = SIZE_MAX,
                    .threads = omp_get_max_threads(),
                    .inputs = own->inputs,
                    .out = own->out,
                    .bf16 = own->bf16,
                    .exact = own->exact};

    memcpy(call.in, own->in, sizeof call.in);
    memcpy(call.active, own->active, sizeof call.active);
    memcpy(call.shared, own->shared, sizeof call.shared);
    memcpy(call.add, own->add, sizeof call.add);
    return call;
}

/* The arena of one step: an array of the host for each place. */
typedef struct layout {
    size_t number, bytes;
} layout;

static size_t add_place(layout *l, size_t count)
{
    size_t at = l->bytes;

    l->bytes += (count * l->number + PB_ALIGNMENT - 1) / PB_ALIGNMENT * PB_ALIGNMENT;
    return at;
}

static void upload(const op_case *c, pb_memory *memory, size_t at, const float *from, size_t count)
{
    MUST(c->device->backend->upload(c->device, memory, at, from, count, error));
}

void op_download(const op_case *c, const pb_memory *memory, size_t at, float *to, size_t count)
{
    MUST(c->device->backend->download(c->device, to, memory, at, count, error));
}

pb_memory *op_memory(const op_case *c, size_t numbers)
{
    pb_memory *memory = c->device->backend->alloc(c->device, numbers * c->device->backend->number);
    float *nothing = op_unwritten(numbers);

    assert_non_null(memory);
    upload(c, memory, 0, nothing, numbers);
    pb_free(nothing);
    return memory;
}

void op_drop(const op_case *c, pb_memory *memory)
{
    if (memory)
        c->device->backend->free(c->device, memory);
}

/* What is read or written at input k, and how many numbers of it. */
static const float *input_of(const op_call *call, pb_pass pass, size_t k, size_t *count)
{
    size_t n = pass == PB_FORWARD && call->shared[k] ? 1 : call->n;

    *count = n * pb_shape_size(call->in[k]);
    return pass == PB_VJP ? call->dx[k] : call->x[k];
}

pb_status op_try(const op_case *c, const op_call *call, pb_pass pass, pb_error *why)
{
    const pb_backend *backend = c->device->backend;
    const pb_kernel *kernel = op_kernel(c);
    const float *output = pass == PB_VJP ? call->dy : call->y;
    size_t count, all = call->n * pb_shape_size(call->out);
    pb_step step = {.op = c->op, .kernel = kernel, .label = c->name, .call = call_of(c, call)};
    layout l = {.number = backend->number};
    pb_memory *arena;
    pb_status status;

    if (kernel->prepare)
        MUST(kernel->prepare(&step.call, pass, error));
    step.output = add_place(&l, all);
    for (size_t k = 0; k < call->inputs; k++) {
        const float *input = input_of(call, pass, k, &count);
        step.inputs[k] = !input ? PB_NOWHERE : input == output ? step.output : add_place(&l, count);
    }
    step.work = l.bytes;
    if (kernel->work)
        l.bytes += kernel->work(&step.call, pass);
    step.saved = call->saved ? 0 : PB_NOWHERE;
    arena = op_memory(c, l.bytes / l.number + 1);
    upload(c, arena, step.output, output, all);
    for (size_t k = 0; k < call->inputs; k++) {
        const float *input = input_of(call, pass, k, &count);
        if (input)
            upload(c, arena, step.inputs[k], input, count);
    }
    status = backend->run(c->device, &(pb_program){.pass = pass, .count = 1, .steps = &step}, arena,
                          call->saved, NULL, why);
    if (status == PB_OK)
        status = backend->sync(c->device, why);
    if (pass != PB_VJP)
        op_download(c, arena, step.output, call->y, all);
    for (size_t k = 0; pass == PB_VJP && k < call->inputs; k++)
        if (input_of(call, pass, k, &count))
            op_download(c, arena, step.inputs[k], call->dx[k], count);
    op_drop(c, arena);
    if (kernel->release && step.call.kernel)
        kernel->release(step.call.kernel);
    return status;
}

void op_run(const op_case *c, const op_call *call, pb_pass pass)
{
    pb_error why = {0};

    if (op_try(c, call, pass, &why) != PB_OK)
        fail_msg("%s: %s", c->name, why.message);
}

op_call op_start(const op_case *c, size_t n, pb_shape out)
{
    op_call call = {.n = n, .inputs = c->inputs, .out = out};

    memcpy(call.in, c->in, sizeof call.in);
    return call;
}

size_t op_saved_size(const op_case *c, const op_call *call)
{
    const pb_call one = call_of(c, call);

    return op_kernel(c)->saved ? op_kernel(c)->saved(&one) : 0;
}

bool op_is_read(const op_case *c, size_t input)
{
    return input + c->op->unread < c->inputs;
}

bool op_may_share(const op_case *c, pb_shape out)
{
    return op_kernel(c)->in_place && op_input_size(c, 0) == pb_shape_size(out);
}
