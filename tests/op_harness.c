#include "op_harness.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "base/memory.h"
#include "must.h"
#include "near.h"
#include "op_call.h"

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

/* -- in place -------------------------------------------------------------------------------- */

static void assert_same_saved(const op_case *c, const pb_memory *expected, const pb_memory *found,
                              size_t count)
{
    float *a = op_unwritten(count), *b = op_unwritten(count);

    op_download(c, expected, 0, a, count);
    op_download(c, found, 0, b, count);
    assert_same(c->name, "saved in place", a, b, count);
    pb_free(a);
    pb_free(b);
}

/* A forward or jvp again, its first input where its output is. */
static void check_in_place(const op_case *c, const op_call *apart, pb_pass pass, const char *what)
{
    size_t count = apart->n * pb_shape_size(apart->out);
    size_t saved = apart->saved && pass == PB_FORWARD ? op_saved_size(c, apart) : 0;
    op_call call = *apart;

    call.x[0] = call.y = op_copy(apart->x[0], count);
    if (saved)
        call.saved = op_memory(c, saved);
    op_run(c, &call, pass);
    assert_same(c->name, what, apart->y, call.y, count);
    if (saved) {
        assert_same_saved(c, apart->saved, call.saved, saved);
        op_drop(c, call.saved);
    }
    pb_free(call.y);
}

/* -- forward --------------------------------------------------------------------------------- */

static void apply_reference(const op_case *c, op_reference reference, pb_shape out, float *const *x,
                            size_t item, const double *const *step, double h, double *y)
{
    double *in[PB_OP_MAX_INPUTS] = {0};

    for (size_t k = 0; k < c->inputs; k++) {
        size_t size = op_input_size(c, k);
        in[k] = op_allocate(size, sizeof *in[k]);
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
    double *expected = op_allocate(ITEMS * size, sizeof *expected);
    op_call call = op_start(c, ITEMS, out);

    for (size_t j = 0; j < ITEMS; j++)
        apply_reference(c, c->reference, out, x, j, NULL, 0, expected + j * size);
    for (size_t k = 0; k < c->inputs; k++)
        call.x[k] = op_is_read(c, k) ? x[k] : NULL;
    call.y = op_unwritten(ITEMS * size);
    op_run(c, &call, PB_FORWARD);
    assert_close(c->name, "forward", expected, call.y, ITEMS * size);
    if (op_may_share(c, out))
        check_in_place(c, &call, PB_FORWARD, "forward in place");
    pb_free(call.y);
    pb_free(expected);
}

/* The first item of a constant input serves all items. */
static void check_shared(const op_case *c, pb_shape out, float *const *x)
{
    size_t size = pb_shape_size(out);
    double *expected = op_allocate(ITEMS * size, sizeof *expected);
    float *same[PB_OP_MAX_INPUTS];
    op_call call = op_start(c, ITEMS, out);

    for (size_t k = 0; k < c->inputs; k++) {
        size_t bytes = op_input_size(c, k) * sizeof(float);
        call.shared[k] = k > 0;
        call.x[k] = op_is_read(c, k) ? x[k] : NULL;
        same[k] = op_allocate(ITEMS, bytes);
        for (size_t j = 0; j < ITEMS; j++)
            memcpy((char *)same[k] + j * bytes, (char *)x[k] + (k > 0 ? 0 : j * bytes), bytes);
    }
    for (size_t j = 0; j < ITEMS; j++)
        apply_reference(c, c->reference, out, same, j, NULL, 0, expected + j * size);
    call.y = op_unwritten(ITEMS * size);
    op_run(c, &call, PB_FORWARD);
    assert_close(c->name, "forward with shared inputs", expected, call.y, ITEMS * size);
    if (op_may_share(c, out))
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
    double *expected = op_allocate(size, sizeof *expected);
    op_call call = op_start(c, 1, out);

    call.exact = true;
    for (size_t k = 0; k < c->inputs; k++)
        call.x[k] = op_is_read(c, k) ? x[k] : NULL;
    call.y = op_unwritten(size);
    if (op_saved_size(c, &call))
        call.saved = op_memory(c, op_saved_size(c, &call));
    op_run(c, &call, PB_FORWARD);
    apply_reference(c, c->reference, out, x, 0, NULL, 0, expected);
    assert_close(c->name, "forward at a point", expected, call.y, size);
    if (c->exact) /* half a step of float32, and the sums' own error in double precision */
        assert_within(c->name, "exactly", expected, call.y, 0x1.00001p-24, expected, size);
    if (op_may_share(c, out))
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
    vectors v = {op_random(count, 1, seed), NULL};

    v.used = op_copy(v.given, count);
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
    double *high = op_allocate(size, sizeof *high), *low = op_allocate(size, sizeof *low);

    for (size_t j = 0; j < ITEMS; j++) {
        double *step[PB_OP_MAX_INPUTS] = {0};
        for (size_t k = 0; k < c->inputs; k++) {
            size_t n = op_input_size(c, k);
            if (!v[k])
                continue;
            step[k] = op_allocate(n, sizeof *step[k]);
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
    double *expected = op_allocate(ITEMS * size, sizeof *expected);
    double *magnitudes = op_allocate(ITEMS * size, sizeof *magnitudes);

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
        size_t n = op_input_size(c, k);
        if (!up.active[k])
            continue;
        up.dx[k] = up.add[k] ? op_random(ITEMS * n, 1, 200 + (unsigned)k) : op_unwritten(ITEMS * n);
        for (size_t j = 0; up.add[k] && j < ITEMS; j++)
            before[j] += inner(v[k].used + j * n, up.dx[k] + j * n, n);
    }
    op_run(c, &up, PB_VJP);
    for (size_t j = 0; j < ITEMS; j++) {
        double left = inner(dy + j * size, u->used + j * size, size), right = -before[j];
        double norm = sqrt(inner(dy + j * size, dy + j * size, size) *
                           inner(u->used + j * size, u->used + j * size, size));
        for (size_t k = 0; k < c->inputs; k++) {
            size_t n = op_input_size(c, k);
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
        size_t n = ITEMS * op_input_size(c, k);
        if (!apart.active[k])
            continue;
        apart.dx[k] = apart.add[k] ? op_random(n, 1, 200 + (unsigned)k) : op_unwritten(n);
        call.dx[k] = k ? op_copy(apart.dx[k], n) : op_copy(u, size);
    }
    call.dy = call.dx[0];
    op_run(c, &apart, PB_VJP);
    op_run(c, &call, PB_VJP);
    for (size_t k = 0; k < c->inputs; k++) {
        if (apart.active[k])
            assert_same(c->name, "vjp in place", apart.dx[k], call.dx[k],
                        ITEMS * op_input_size(c, k));
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
    again.y = op_unwritten(size);
    op_run(c, &again, PB_JVP);
    assert_same(c->name, "jvp asked for in bfloat16", down->y, again.y, size);
    pb_free(again.y);
    for (size_t k = 0; k < c->inputs; k++)
        if (up.active[k]) {
            up.dx[k] = op_unwritten(ITEMS * op_input_size(c, k));
            up_again.dx[k] = op_unwritten(ITEMS * op_input_size(c, k));
        }
    op_run(c, &up, PB_VJP);
    op_run(c, &up_again, PB_VJP);
    for (size_t k = 0; k < c->inputs; k++) {
        if (up.active[k])
            assert_same(c->name, "vjp asked for in bfloat16", up.dx[k], up_again.dx[k],
                        ITEMS * op_input_size(c, k));
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
    double *expected = op_allocate(ITEMS * size, sizeof *expected);
    vectors v[PB_OP_MAX_INPUTS] = {0}, u = draw(ITEMS * size, 77, bf16);
    float *given[PB_OP_MAX_INPUTS] = {0}, *used[PB_OP_MAX_INPUTS] = {0};
    op_call down = op_start(c, ITEMS, out);

    down.bf16 = bf16;
    down.saved = saved;
    down.y = op_unwritten(ITEMS * size);
    for (size_t k = 0; k < c->inputs; k++) {
        if (!(active >> k & 1))
            continue;
        v[k] = draw(ITEMS * op_input_size(c, k), 100 + (unsigned)k, bf16);
        down.active[k] = true;
        down.x[k] = given[k] = v[k].given;
        used[k] = v[k].used;
    }
    differentiate(c, bf16 ? c->rounded : c->reference, out, x, used, expected);
    op_run(c, &down, PB_JVP);
    assert_close(c->name, bf16 ? "jvp in bfloat16" : "jvp", expected, down.y, ITEMS * size);
    if (bf16)
        check_bfloat_error(c, &down, x, given);
    if (op_may_share(c, out) && down.active[0])
        check_in_place(c, &down, PB_JVP, "jvp in place");
    for (unsigned adding = 0; adding <= active; adding++) {
        if (adding & ~active)
            continue;
        check_vjp(c, &down, v, down.y, &u, adding);
        if (op_may_share(c, out) && down.active[0] && !(adding & 1))
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
        x[k] = op_random(ITEMS * op_input_size(c, k), c->scale != 0 ? c->scale : 1, (unsigned)k);
    if (!bf16) {
        check_forward(c, out, x);
        check_shared(c, out, x);
    }
    saved = check_point(c, out, x);
    for (unsigned active = 1; active < 1u << c->inputs; active++) {
        bool allowed = op_kernel(c)->jvp != NULL;
        for (size_t k = 0; k < c->inputs; k++)
            allowed = allowed && !((c->constant[k] || !op_is_read(c, k)) && (active >> k & 1));
        if (allowed)
            check_linear(c, out, x, saved, active, bf16);
    }
    op_drop(c, saved);
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
    call = op_start(&own, 1, out);
    memcpy(call.x, x, c->inputs * sizeof *x);
    call.y = y;
    status = op_try(&own, &call, PB_FORWARD, why);
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
