#include "op_harness.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

#define ITEMS 3        /* points, tangents and cotangents at once */
#define TOLERANCE 1e-5 /* of the largest entry */

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

static void *allocate(size_t count, size_t size)
{
    void *memory = pb_calloc(count, size);

    assert_non_null(memory);
    return memory;
}

static float *random_floats(size_t count, double scale, unsigned seed)
{
    float *x = allocate(count, sizeof *x);

    fill_random(x, count, seed);
    for (size_t i = 0; i < count; i++)
        x[i] *= (float)scale;
    return x;
}

static void assert_close(const char *name, const char *what, const double *expected,
                         const float *found, size_t count)
{
    double largest = 0, worst = 0;

    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(expected[i]));
        worst = fmax(worst, isfinite(found[i]) ? fabs(expected[i] - (double)found[i]) : INFINITY);
    }
    if (worst > TOLERANCE * fmax(largest, 1e-3))
        fail_msg("%s: %s differs by %g of the largest entry", name, what, worst / largest);
}

double inner(const float *a, const float *b, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* -- running one pass ------------------------------------------------------------------------ */

static void run(const op_case *c, pb_call *call, pb_pass pass)
{
    pb_error error = {0};
    pb_status status = PB_OK;

    call->kernel = NULL;
    if (c->op->prepare)
        status = c->op->prepare(call, pass, &error);
    if (status != PB_OK)
        fail_msg("%s: %s", c->name, error.message);
    call->work = allocate(c->op->work ? c->op->work(call, pass) : 1, 1);
    if (pass == PB_FORWARD)
        status = c->op->forward(call, &error);
    else
        status = pass == PB_JVP ? c->op->jvp(call, &error) : c->op->vjp(call, &error);
    if (status != PB_OK)
        fail_msg("%s: %s", c->name, error.message);
    if (c->op->release && call->kernel)
        c->op->release(call->kernel);
    pb_free(call->work);
}

static pb_call start(const op_case *c, size_t n, pb_shape out)
{
    pb_call call = {.params = c->params,
                    .n = n,
                    .packed_limit = SIZE_MAX,
                    .threads = omp_get_max_threads(),
                    .inputs = c->inputs,
                    .out = out};

    memcpy(call.in, c->in, sizeof call.in);
    return call;
}

/* Is the input read? The last `unread` ones are not. */
static bool is_read(const op_case *c, size_t input)
{
    return input + c->op->unread < c->inputs;
}

/* -- forward --------------------------------------------------------------------------------- */

static void apply_reference(const op_case *c, pb_shape out, float *const *x, size_t item,
                            const double *const *step, double h, double *y)
{
    double *in[PB_OP_MAX_INPUTS] = {0};

    for (size_t k = 0; k < c->inputs; k++) {
        size_t size = pb_shape_size(c->in[k]);
        in[k] = allocate(size, sizeof *in[k]);
        for (size_t i = 0; i < size; i++)
            in[k][i] = (double)x[k][item * size + i] + (step && step[k] ? h * step[k][i] : 0);
    }
    c->reference(c->data, c->in, out, (const double *const *)in, y);
    for (size_t k = 0; k < c->inputs; k++)
        pb_free(in[k]);
}

static void check_forward(const op_case *c, pb_shape out, float *const *x)
{
    size_t size = pb_shape_size(out);
    double *expected = allocate(ITEMS * size, sizeof *expected);
    float *y = allocate(ITEMS * size, sizeof *y);
    pb_call call = start(c, ITEMS, out);

    for (size_t j = 0; j < ITEMS; j++)
        apply_reference(c, out, x, j, NULL, 0, expected + j * size);
    for (size_t k = 0; k < c->inputs; k++)
        call.x[k] = is_read(c, k) ? x[k] : NULL;
    call.y = y;
    run(c, &call, PB_FORWARD);
    assert_close(c->name, "forward", expected, y, ITEMS * size);
    pb_free(y);
    pb_free(expected);
}

/* The first item of a constant input serves all items. */
static void check_shared(const op_case *c, pb_shape out, float *const *x)
{
    size_t size = pb_shape_size(out);
    double *expected = allocate(ITEMS * size, sizeof *expected);
    float *y = allocate(ITEMS * size, sizeof *y), *same[PB_OP_MAX_INPUTS];
    pb_call call = start(c, ITEMS, out);

    for (size_t k = 0; k < c->inputs; k++) {
        size_t bytes = pb_shape_size(c->in[k]) * sizeof(float);
        call.shared[k] = k > 0;
        call.x[k] = is_read(c, k) ? x[k] : NULL;
        same[k] = allocate(ITEMS, bytes);
        for (size_t j = 0; j < ITEMS; j++)
            memcpy((char *)same[k] + j * bytes, (char *)x[k] + (k > 0 ? 0 : j * bytes), bytes);
    }
    for (size_t j = 0; j < ITEMS; j++)
        apply_reference(c, out, same, j, NULL, 0, expected + j * size);
    call.y = y;
    run(c, &call, PB_FORWARD);
    assert_close(c->name, "forward with shared inputs", expected, y, ITEMS * size);
    for (size_t k = 0; k < c->inputs; k++)
        pb_free(same[k]);
    pb_free(y);
    pb_free(expected);
}

/* -- jvp and vjp ----------------------------------------------------------------------------- */

static float *save_state(const op_case *c, pb_shape out, float *const *x)
{
    pb_call call = start(c, 1, out);
    float *y = allocate(pb_shape_size(out), sizeof *y);

    for (size_t k = 0; k < c->inputs; k++)
        call.x[k] = is_read(c, k) ? x[k] : NULL;
    call.y = y;
    if (c->op->saved)
        call.saved = allocate(c->op->saved(&call), sizeof *call.saved);
    run(c, &call, PB_FORWARD);
    pb_free(y);
    return call.saved;
}

/* The inputs whose bit is set in `active` vary. */
static void check_linear(const op_case *c, pb_shape out, float *const *x, float *saved,
                         unsigned active)
{
    const double h = 1e-5;
    size_t size = pb_shape_size(out);
    double *expected = allocate(ITEMS * size, sizeof *expected);
    double *high = allocate(size, sizeof *high), *low = allocate(size, sizeof *low);
    float *dy = allocate(ITEMS * size, sizeof *dy), *u = random_floats(ITEMS * size, 1, 77);
    float *v[PB_OP_MAX_INPUTS] = {0}, *dx[PB_OP_MAX_INPUTS] = {0};
    pb_call down = start(c, ITEMS, out), up;

    for (size_t k = 0; k < c->inputs; k++) {
        if (!(active >> k & 1))
            continue;
        v[k] = random_floats(ITEMS * pb_shape_size(c->in[k]), 1, 100 + (unsigned)k);
        dx[k] = random_floats(ITEMS * pb_shape_size(c->in[k]), 1, 200 + (unsigned)k);
        down.active[k] = true;
        down.x[k] = v[k];
    }
    for (size_t j = 0; j < ITEMS; j++) {
        double *step[PB_OP_MAX_INPUTS] = {0};
        for (size_t k = 0; k < c->inputs; k++) {
            size_t n = pb_shape_size(c->in[k]);
            if (!v[k])
                continue;
            step[k] = allocate(n, sizeof *step[k]);
            for (size_t i = 0; i < n; i++)
                step[k][i] = (double)v[k][j * n + i];
        }
        apply_reference(c, out, x, 0, (const double *const *)step, h, high);
        apply_reference(c, out, x, 0, (const double *const *)step, -h, low);
        for (size_t i = 0; i < size; i++)
            expected[j * size + i] = (high[i] - low[i]) / (2 * h);
        for (size_t k = 0; k < c->inputs; k++)
            pb_free(step[k]);
    }
    down.saved = saved;
    down.y = dy;
    run(c, &down, PB_JVP);
    assert_close(c->name, "jvp", expected, dy, ITEMS * size);

    for (int adding = 0; adding < 2; adding++) {
        double before[ITEMS] = {0};
        up = start(c, ITEMS, out);
        up.saved = saved;
        up.dy = u;
        for (size_t k = 0; k < c->inputs; k++) {
            size_t n = pb_shape_size(c->in[k]);
            up.active[k] = down.active[k];
            up.dx[k] = dx[k];
            up.add[k] = adding;
            for (size_t j = 0; dx[k] && adding && j < ITEMS; j++)
                before[j] += inner(v[k] + j * n, dx[k] + j * n, n);
        }
        run(c, &up, PB_VJP);
        for (size_t j = 0; j < ITEMS; j++) {
            double left = inner(dy + j * size, u + j * size, size), right = -before[j];
            double norm = sqrt(inner(dy + j * size, dy + j * size, size) *
                               inner(u + j * size, u + j * size, size));
            for (size_t k = 0; k < c->inputs; k++) {
                size_t n = pb_shape_size(c->in[k]);
                if (dx[k])
                    right += inner(v[k] + j * n, dx[k] + j * n, n);
            }
            if (!(fabs(left - right) <= 2e-6 * (norm + fabs(before[j]))))
                fail_msg("%s: <Jv,u> = %.9g but <v,J'u> = %.9g%s", c->name, left, right,
                         adding ? " (adding)" : "");
        }
    }
    for (size_t k = 0; k < c->inputs; k++) {
        pb_free(v[k]);
        pb_free(dx[k]);
    }
    pb_free(u);
    pb_free(dy);
    pb_free(low);
    pb_free(high);
    pb_free(expected);
}

void check_op(const op_case *c)
{
    float *x[PB_OP_MAX_INPUTS] = {0}, *saved;
    pb_error error = {0};
    pb_shape out;

    if (c->op->shape(c->params, c->inputs, c->in, &out, &error) != PB_OK)
        fail_msg("%s: %s", c->name, error.message);
    for (size_t k = 0; k < c->inputs; k++)
        x[k] = random_floats(ITEMS * pb_shape_size(c->in[k]), c->scale != 0 ? c->scale : 1,
                             (unsigned)k);
    check_forward(c, out, x);
    check_shared(c, out, x);
    saved = save_state(c, out, x);
    for (unsigned active = 1; active < 1u << c->inputs; active++) {
        bool allowed = c->op->jvp != NULL;
        for (size_t k = 0; k < c->inputs; k++)
            allowed = allowed && !((c->constant[k] || !is_read(c, k)) && (active >> k & 1));
        if (allowed)
            check_linear(c, out, x, saved, active);
    }
    pb_free(saved);
    for (size_t k = 0; k < c->inputs; k++)
        pb_free(x[k]);
    if (c->op->free)
        c->op->free(c->params);
    else
        pb_free(c->params);
}
