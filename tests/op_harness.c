#include "op_harness.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "base/memory.h"
#include "must.h"
#include "near.h"

#define ITEMS 3           /* points, tangents and cotangents at once */
#define TOLERANCE 1e-5    /* of the largest entry */
#define ADJOINT 2e-6      /* of |J v| |u| */
#define BFLOAT_ERROR 8e-3 /* of the magnitudes: backends/backend.h */

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

void fill_random(float *x, size_t count, unsigned seed)
{
    uint64_t state = 0x9e3779b97f4a7c15u * (seed + 1);

    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (int k = 0; k < 12; k++)
            sum += (double)next(&state) / 2147483648.0;
        x[i] = (float)(sum - 6);
    }
}

double bfloat_of(double x)
{
    int exponent;
    double fraction = frexp(x, &exponent);

    return ldexp(rint(ldexp(fraction, 8)), exponent - 8);
}

double inner(const float *a, const float *b, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* -- arrays ---------------------------------------------------------------------------------- */

static void *allocate(size_t count, size_t size)
{
    void *memory = pb_calloc(count, size);

    assert_non_null(memory);
    return memory;
}

static float *unwritten(size_t count)
{
    float *x = allocate(count, sizeof *x);

    for (size_t i = 0; i < count; i++)
        x[i] = NAN;
    return x;
}

static float *random_floats(size_t count, double scale, unsigned seed)
{
    float *x = allocate(count, sizeof *x);

    fill_random(x, count, seed);
    for (size_t i = 0; i < count; i++)
        x[i] *= (float)scale;
    return x;
}

static float *copy_of(const float *x, size_t count)
{
    float *copy = allocate(count, sizeof *copy);

    memcpy(copy, x, count * sizeof *copy);
    return copy;
}

/* Of items of the input's size. */
static size_t input_size(const op_case *c, size_t input)
{
    return pb_shape_size(c->in[input]);
}

/* -- comparing ------------------------------------------------------------------------------- */

static void assert_close(const char *name, const char *what, const double *expected,
                         const float *found, size_t count)
{
    distance d = distance_of(found, expected, count);

    if (!(d.largest_error <= TOLERANCE * larger(d.largest, 1e-3)))
        fail_msg("%s: %s differs by %g of the largest entry", name, what,
                 d.largest_error / d.largest);
}

/* Entry by entry within a share of other numbers. */
static void assert_within(const char *name, const char *what, const double *expected,
                          const float *found, double share, const double *of, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)found[i] - expected[i]) <= share * fabs(of[i]) + 1e-14))
            fail_msg("%s: %s: entry %zu is %.9g, expected %.9g within %g of %g", name, what, i,
                     (double)found[i], expected[i], share, fabs(of[i]));
}

/* The same numbers; none of them is a NaN, which is another thing than itself. */
static void assert_same(const char *name, const char *what, const float *expected,
                        const float *found, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(found[i] == expected[i]))
            fail_msg("%s: %s: entry %zu is %.9g, expected %.9g", name, what, i, (double)found[i],
                     (double)expected[i]);
}

/* -- running one pass ------------------------------------------------------------------------ */

/* A call with its buffers on the host; what is saved stays on the device. */
typedef struct op_call {
    size_t n, inputs;
    pb_shape in[PB_OP_MAX_INPUTS], out;
    bool bf16, exact;
    bool active[PB_OP_MAX_INPUTS], shared[PB_OP_MAX_INPUTS], add[PB_OP_MAX_INPUTS];
    const float *x[PB_OP_MAX_INPUTS];
    float *y;
    const float *dy;
    float *dx[PB_OP_MAX_INPUTS];
    pb_memory *saved;
} op_call;

static const pb_kernel *kernel_of(const op_case *c)
{
    return c->device->backend->kernels[c->op->kind];
}

static pb_call call_of(const op_case *c, const op_call *own)
{
    pb_call call = {.params = c->params,
                    .device = c->device,
                    .n = own->n,
                    .packed_limit = SIZE_MAX,
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

static void download(const op_case *c, const pb_memory *memory, size_t at, float *to, size_t count)
{
    MUST(c->device->backend->download(c->device, to, memory, at, count, error));
}

static pb_memory *get_memory(const op_case *c, size_t numbers)
{
    pb_memory *memory = c->device->backend->alloc(c->device, numbers * c->device->backend->number);
    float *nothing = unwritten(numbers);

    assert_non_null(memory);
    upload(c, memory, 0, nothing, numbers);
    pb_free(nothing);
    return memory;
}

static void drop_memory(const op_case *c, pb_memory *memory)
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

static pb_status try(const op_case *c, const op_call *call, pb_pass pass, pb_error *why)
{
    const pb_backend *backend = c->device->backend;
    const pb_kernel *kernel = kernel_of(c);
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
    arena = get_memory(c, l.bytes / l.number + 1);
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
        download(c, arena, step.output, call->y, all);
    for (size_t k = 0; pass == PB_VJP && k < call->inputs; k++)
        if (input_of(call, pass, k, &count))
            download(c, arena, step.inputs[k], call->dx[k], count);
    drop_memory(c, arena);
    if (kernel->release && step.call.kernel)
        kernel->release(step.call.kernel);
    return status;
}

static void run(const op_case *c, const op_call *call, pb_pass pass)
{
    pb_error why = {0};

    if (try(c, call, pass, &why) != PB_OK)
        fail_msg("%s: %s", c->name, why.message);
}

static op_call start(const op_case *c, size_t n, pb_shape out)
{
    op_call call = {.n = n, .inputs = c->inputs, .out = out};

    memcpy(call.in, c->in, sizeof call.in);
    return call;
}

static size_t saved_size(const op_case *c, const op_call *call)
{
    const pb_call one = call_of(c, call);

    return kernel_of(c)->saved ? kernel_of(c)->saved(&one) : 0;
}

/* Is the input read? The last `unread` ones are not. */
static bool is_read(const op_case *c, size_t input)
{
    return input + c->op->unread < c->inputs;
}

/* May the first input be where the output is? */
static bool may_share(const op_case *c, pb_shape out)
{
    return kernel_of(c)->in_place && input_size(c, 0) == pb_shape_size(out);
}

static void assert_same_saved(const op_case *c, const pb_memory *expected, const pb_memory *found,
                              size_t count)
{
    float *a = unwritten(count), *b = unwritten(count);

    download(c, expected, 0, a, count);
    download(c, found, 0, b, count);
    assert_same(c->name, "saved in place", a, b, count);
    pb_free(a);
    pb_free(b);
}

/* A forward or jvp again, its first input where its output is. */
static void check_in_place(const op_case *c, const op_call *apart, pb_pass pass, const char *what)
{
    size_t count = apart->n * pb_shape_size(apart->out);
    size_t saved = apart->saved && pass == PB_FORWARD ? saved_size(c, apart) : 0;
    op_call call = *apart;

    call.x[0] = call.y = copy_of(apart->x[0], count);
    if (saved)
        call.saved = get_memory(c, saved);
    run(c, &call, pass);
    assert_same(c->name, what, apart->y, call.y, count);
    if (saved) {
        assert_same_saved(c, apart->saved, call.saved, saved);
        drop_memory(c, call.saved);
    }
    pb_free(call.y);
}

/* -- forward --------------------------------------------------------------------------------- */

static void apply_reference(const op_case *c, op_reference reference, pb_shape out, float *const *x,
                            size_t item, const double *const *step, double h, double *y)
{
    double *in[PB_OP_MAX_INPUTS] = {0};

    for (size_t k = 0; k < c->inputs; k++) {
        size_t size = input_size(c, k);
        in[k] = allocate(size, sizeof *in[k]);
        for (size_t i = 0; i < size; i++)
            in[k][i] = (double)x[k][item * size + i] + (step && step[k] ? h * step[k][i] : 0);
    }
    reference(c->data, c->in, out, (const double *const *)in, y);
    for (size_t k = 0; k < c->inputs; k++)
        pb_free(in[k]);
}

static void check_forward(const op_case *c, pb_shape out, float *const *x)
{
    size_t size = pb_shape_size(out);
    double *expected = allocate(ITEMS * size, sizeof *expected);
    op_call call = start(c, ITEMS, out);

    for (size_t j = 0; j < ITEMS; j++)
        apply_reference(c, c->reference, out, x, j, NULL, 0, expected + j * size);
    for (size_t k = 0; k < c->inputs; k++)
        call.x[k] = is_read(c, k) ? x[k] : NULL;
    call.y = unwritten(ITEMS * size);
    run(c, &call, PB_FORWARD);
    assert_close(c->name, "forward", expected, call.y, ITEMS * size);
    if (may_share(c, out))
        check_in_place(c, &call, PB_FORWARD, "forward in place");
    pb_free(call.y);
    pb_free(expected);
}

/* The first item of a constant input serves all items. */
static void check_shared(const op_case *c, pb_shape out, float *const *x)
{
    size_t size = pb_shape_size(out);
    double *expected = allocate(ITEMS * size, sizeof *expected);
    float *same[PB_OP_MAX_INPUTS];
    op_call call = start(c, ITEMS, out);

    for (size_t k = 0; k < c->inputs; k++) {
        size_t bytes = input_size(c, k) * sizeof(float);
        call.shared[k] = k > 0;
        call.x[k] = is_read(c, k) ? x[k] : NULL;
        same[k] = allocate(ITEMS, bytes);
        for (size_t j = 0; j < ITEMS; j++)
            memcpy((char *)same[k] + j * bytes, (char *)x[k] + (k > 0 ? 0 : j * bytes), bytes);
    }
    for (size_t j = 0; j < ITEMS; j++)
        apply_reference(c, c->reference, out, same, j, NULL, 0, expected + j * size);
    call.y = unwritten(ITEMS * size);
    run(c, &call, PB_FORWARD);
    assert_close(c->name, "forward with shared inputs", expected, call.y, ITEMS * size);
    if (may_share(c, out))
        check_in_place(c, &call, PB_FORWARD, "forward with shared inputs in place");
    for (size_t k = 0; k < c->inputs; k++)
        pb_free(same[k]);
    pb_free(call.y);
    pb_free(expected);
}

/* The point of a linearisation; returns what the linear passes need of it. */
static pb_memory *check_point(const op_case *c, pb_shape out, float *const *x)
{
    size_t size = pb_shape_size(out);
    double *expected = allocate(size, sizeof *expected);
    op_call call = start(c, 1, out);

    call.exact = true;
    for (size_t k = 0; k < c->inputs; k++)
        call.x[k] = is_read(c, k) ? x[k] : NULL;
    call.y = unwritten(size);
    if (saved_size(c, &call))
        call.saved = get_memory(c, saved_size(c, &call));
    run(c, &call, PB_FORWARD);
    apply_reference(c, c->reference, out, x, 0, NULL, 0, expected);
    assert_close(c->name, "forward at a point", expected, call.y, size);
    if (c->exact) /* half a step of float32, and the sums' own error in double precision */
        assert_within(c->name, "exactly", expected, call.y, 0x1.00001p-24, expected, size);
    if (may_share(c, out))
        check_in_place(c, &call, PB_FORWARD, "forward at a point in place");
    pb_free(call.y);
    pb_free(expected);
    return call.saved;
}

/* -- jvp ------------------------------------------------------------------------------------- */

/* Tangents or cotangents: what is given to the operation, and what it computes with. */
typedef struct vectors {
    float *given, *used;
} vectors;

static vectors draw(size_t count, unsigned seed, bool bf16)
{
    vectors v = {random_floats(count, 1, seed), NULL};

    v.used = copy_of(v.given, count);
    for (size_t i = 0; bf16 && i < count; i++)
        v.used[i] = (float)bfloat_of((double)v.used[i]);
    return v;
}

static void free_vectors(vectors v)
{
    pb_free(v.given);
    pb_free(v.used);
}

/* What a reference changes by at the first point, along each item of the tangents. */
static void differentiate(const op_case *c, op_reference reference, pb_shape out, float *const *x,
                          float *const *v, double *dy)
{
    const double h = 1e-5;
    size_t size = pb_shape_size(out);
    double *high = allocate(size, sizeof *high), *low = allocate(size, sizeof *low);

    for (size_t j = 0; j < ITEMS; j++) {
        double *step[PB_OP_MAX_INPUTS] = {0};
        for (size_t k = 0; k < c->inputs; k++) {
            size_t n = input_size(c, k);
            if (!v[k])
                continue;
            step[k] = allocate(n, sizeof *step[k]);
            for (size_t i = 0; i < n; i++)
                step[k][i] = (double)v[k][j * n + i];
        }
        apply_reference(c, reference, out, x, 0, (const double *const *)step, h, high);
        apply_reference(c, reference, out, x, 0, (const double *const *)step, -h, low);
        for (size_t i = 0; i < size; i++)
            dy[j * size + i] = (high[i] - low[i]) / (2 * h);
        for (size_t k = 0; k < c->inputs; k++)
            pb_free(step[k]);
    }
    pb_free(low);
    pb_free(high);
}

/* Near the jvp in float32, by what backends/backend.h says. v: as given. */
static void check_bfloat_error(const op_case *c, const op_call *down, float *const *x,
                               float *const *v)
{
    size_t size = pb_shape_size(down->out);
    double *expected = allocate(ITEMS * size, sizeof *expected);
    double *magnitudes = allocate(ITEMS * size, sizeof *magnitudes);

    differentiate(c, c->reference, down->out, x, v, expected);
    for (size_t j = 0; j < ITEMS; j++)
        apply_reference(c, c->magnitudes, down->out, v, j, NULL, 0, magnitudes + j * size);
    assert_within(c->name, "jvp in bfloat16", expected, down->y, BFLOAT_ERROR, magnitudes,
                  ITEMS * size);
    pb_free(magnitudes);
    pb_free(expected);
}

/* -- vjp ------------------------------------------------------------------------------------- */

/* The inputs whose bit is set in `adding` get theirs added to what is there. */
static op_call start_vjp(const op_call *down, const float *u, unsigned adding)
{
    op_call up = *down;

    up.y = NULL;
    up.dy = u;
    for (size_t k = 0; k < up.inputs; k++) {
        up.x[k] = NULL;
        up.add[k] = adding >> k & 1;
    }
    return up;
}

/* <J v, u> = <v, J^T u>, where what was there before is no part of J^T u. dy: J v. */
static void check_vjp(const op_case *c, const op_call *down, const vectors *v, const float *dy,
                      const vectors *u, unsigned adding)
{
    double before[ITEMS] = {0};
    size_t size = pb_shape_size(down->out);
    op_call up = start_vjp(down, u->given, adding);

    for (size_t k = 0; k < c->inputs; k++) {
        size_t n = input_size(c, k);
        if (!up.active[k])
            continue;
        up.dx[k] =
            up.add[k] ? random_floats(ITEMS * n, 1, 200 + (unsigned)k) : unwritten(ITEMS * n);
        for (size_t j = 0; up.add[k] && j < ITEMS; j++)
            before[j] += inner(v[k].used + j * n, up.dx[k] + j * n, n);
    }
    run(c, &up, PB_VJP);
    for (size_t j = 0; j < ITEMS; j++) {
        double left = inner(dy + j * size, u->used + j * size, size), right = -before[j];
        double norm = sqrt(inner(dy + j * size, dy + j * size, size) *
                           inner(u->used + j * size, u->used + j * size, size));
        for (size_t k = 0; k < c->inputs; k++) {
            size_t n = input_size(c, k);
            if (up.active[k])
                right += inner(v[k].used + j * n, up.dx[k] + j * n, n);
        }
        if (!(fabs(left - right) <= ADJOINT * (norm + fabs(before[j]))))
            fail_msg("%s: <Jv,u> = %.9g but <v,J'u> = %.9g (adding: %x%s)", c->name, left, right,
                     adding, up.bf16 ? ", bfloat16" : "");
    }
    for (size_t k = 0; k < c->inputs; k++)
        pb_free(up.dx[k]);
}

/* The cotangent of the first input takes the place of the output's. */
static void check_vjp_in_place(const op_case *c, const op_call *down, const float *u,
                               unsigned adding)
{
    size_t size = ITEMS * pb_shape_size(down->out);
    op_call apart = start_vjp(down, u, adding), call = apart;

    for (size_t k = 0; k < c->inputs; k++) {
        size_t n = ITEMS * input_size(c, k);
        if (!apart.active[k])
            continue;
        apart.dx[k] = apart.add[k] ? random_floats(n, 1, 200 + (unsigned)k) : unwritten(n);
        call.dx[k] = k ? copy_of(apart.dx[k], n) : copy_of(u, size);
    }
    call.dy = call.dx[0];
    run(c, &apart, PB_VJP);
    run(c, &call, PB_VJP);
    for (size_t k = 0; k < c->inputs; k++) {
        if (apart.active[k])
            assert_same(c->name, "vjp in place", apart.dx[k], call.dx[k], ITEMS * input_size(c, k));
        pb_free(apart.dx[k]);
        pb_free(call.dx[k]);
    }
}

/* An operation that rounds nothing gives in bfloat16 what it gives without. */
static void check_unrounded(const op_case *c, const op_call *down, const float *u)
{
    size_t size = ITEMS * pb_shape_size(down->out);
    op_call again = *down, up = start_vjp(down, u, 0), up_again = up;

    again.bf16 = up_again.bf16 = true;
    again.y = unwritten(size);
    run(c, &again, PB_JVP);
    assert_same(c->name, "jvp asked for in bfloat16", down->y, again.y, size);
    pb_free(again.y);
    for (size_t k = 0; k < c->inputs; k++)
        if (up.active[k]) {
            up.dx[k] = unwritten(ITEMS * input_size(c, k));
            up_again.dx[k] = unwritten(ITEMS * input_size(c, k));
        }
    run(c, &up, PB_VJP);
    run(c, &up_again, PB_VJP);
    for (size_t k = 0; k < c->inputs; k++) {
        if (up.active[k])
            assert_same(c->name, "vjp asked for in bfloat16", up.dx[k], up_again.dx[k],
                        ITEMS * input_size(c, k));
        pb_free(up.dx[k]);
        pb_free(up_again.dx[k]);
    }
}

/* -- all of it ------------------------------------------------------------------------------- */

/* The inputs whose bit is set in `active` vary. */
static void check_linear(const op_case *c, pb_shape out, float *const *x, pb_memory *saved,
                         unsigned active, bool bf16)
{
    size_t size = pb_shape_size(out);
    double *expected = allocate(ITEMS * size, sizeof *expected);
    vectors v[PB_OP_MAX_INPUTS] = {0}, u = draw(ITEMS * size, 77, bf16);
    float *given[PB_OP_MAX_INPUTS] = {0}, *used[PB_OP_MAX_INPUTS] = {0};
    op_call down = start(c, ITEMS, out);

    down.bf16 = bf16;
    down.saved = saved;
    down.y = unwritten(ITEMS * size);
    for (size_t k = 0; k < c->inputs; k++) {
        if (!(active >> k & 1))
            continue;
        v[k] = draw(ITEMS * input_size(c, k), 100 + (unsigned)k, bf16);
        down.active[k] = true;
        down.x[k] = given[k] = v[k].given;
        used[k] = v[k].used;
    }
    differentiate(c, bf16 ? c->rounded : c->reference, out, x, used, expected);
    run(c, &down, PB_JVP);
    assert_close(c->name, bf16 ? "jvp in bfloat16" : "jvp", expected, down.y, ITEMS * size);
    if (bf16)
        check_bfloat_error(c, &down, x, given);
    if (may_share(c, out) && down.active[0])
        check_in_place(c, &down, PB_JVP, "jvp in place");
    for (unsigned adding = 0; adding <= active; adding++) {
        if (adding & ~active)
            continue;
        check_vjp(c, &down, v, down.y, &u, adding);
        if (may_share(c, out) && down.active[0] && !(adding & 1))
            check_vjp_in_place(c, &down, u.given, adding);
    }
    if (!c->rounded)
        check_unrounded(c, &down, u.given);
    for (size_t k = 0; k < c->inputs; k++)
        free_vectors(v[k]);
    free_vectors(u);
    pb_free(down.y);
    pb_free(expected);
}

static void check(const op_case *c, bool bf16)
{
    float *x[PB_OP_MAX_INPUTS] = {0};
    pb_memory *saved;
    pb_error error = {0};
    pb_shape out;

    if (c->op->shape(c->params, c->inputs, c->in, &out, &error) != PB_OK)
        fail_msg("%s: %s", c->name, error.message);
    for (size_t k = 0; k < c->inputs; k++)
        x[k] = random_floats(ITEMS * input_size(c, k), c->scale != 0 ? c->scale : 1, (unsigned)k);
    if (!bf16) {
        check_forward(c, out, x);
        check_shared(c, out, x);
    }
    saved = check_point(c, out, x);
    for (unsigned active = 1; active < 1u << c->inputs; active++) {
        bool allowed = kernel_of(c)->jvp != NULL;
        for (size_t k = 0; k < c->inputs; k++)
            allowed = allowed && !((c->constant[k] || !is_read(c, k)) && (active >> k & 1));
        if (allowed)
            check_linear(c, out, x, saved, active, bf16);
    }
    drop_memory(c, saved);
    for (size_t k = 0; k < c->inputs; k++)
        pb_free(x[k]);
}

static void check_on(const op_case *c, const char *name, bool bf16)
{
    const pb_backend *backend;
    op_case own = *c;

    MUST(pb_backend_find(&backend, name, error));
    MUST(backend->open(&own.device, error));
    check(&own, bf16);
    pb_device_close(own.device);
}

pb_status forward_op(const op_case *c, const float *const *x, float *y, pb_error *why)
{
    op_case own = *c;
    const pb_backend *backend;
    pb_shape out;
    op_call call;
    pb_status status;

    MUST(c->op->shape(c->params, c->inputs, c->in, &out, error));
    MUST(pb_backend_find(&backend, NULL, error));
    MUST(backend->open(&own.device, error));
    call = start(&own, 1, out);
    memcpy(call.x, x, c->inputs * sizeof *x);
    call.y = y;
    status = try(&own, &call, PB_FORWARD, why);
    pb_device_close(own.device);
    return status;
}

void check_op_on(const op_case *c, const char *backend)
{
    check_on(c, backend, false);
}

/* The default and the reference compute all operations; others may lack some. */
static bool may_lack(const op_case *c, const char *name)
{
    const pb_backend *backend;

    MUST(pb_backend_find(&backend, name, error));
    return backend != &pb_cpu_backend && backend != &pb_reference_backend &&
           !backend->kernels[c->op->kind];
}

void check_op(const op_case *c)
{
    const char *name;

    if (c->device)
        check(c, false);
    for (size_t i = 0; !c->device && (name = pb_backend_name(i)); i++)
        if (!may_lack(c, name))
            check_op_on(c, name);
}

void check_op_bfloat(const op_case *c)
{
    assert_true(c->rounded && c->magnitudes);
    check_on(c, "cpu", true);
}
