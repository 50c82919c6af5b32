/* What is kept of an SVD or a basis whose run is stopped: the triplets that had converged, each of
 * them certified, and of nothing a part. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <pullback/pullback.h>

#include "base/memory.h"
#include "base/shape.h"
#include "dense.h"
#include "golden.h"
#include "op_harness.h"

#define RANK 12
#define TOLERANCE 1e-4
#define COLUMNS 60
#define ROUNDING 2e-6 /* of float32, in a residual */

/* -- who stops --------------------------------------------------------------------------------- */

/* Stops at one question; what was told by then. */
typedef struct stopper {
    unsigned long asked, stop_at; /* 0: never */
    size_t converged;
} stopper;

static int watch(void *context, const pb_progress *p)
{
    stopper *s = context;

    if (p->svd) /* else it has not begun, or has ended */
        s->converged = p->svd->converged;
    return ++s->asked == s->stop_at;
}

static pb_run run_of(stopper *s)
{
    return (pb_run){.monitor = watch, .context = s};
}

/* -- what is kept ------------------------------------------------------------------------------ */

/* The sine of the angle between two unit vectors, squared. */
static double sine2(const float *a, const float *b, size_t n)
{
    double cosine = inner(a, b, n);

    return 1 - cosine * cosine;
}

/* So many triplets, none of them but such as the operator certifies, and those of the whole. */
static void check_svd(const pb_svd *kept, size_t count, const pb_svd *whole, const pb_operator *op,
                      double tolerance)
{
    double verified[RANK];

    assert_int_equal(kept ? kept->rank : 0, count);
    if (!kept)
        return;
    assert_true(count > 0 && kept->converged == count);
    MUST(pb_svd_verify(kept, op, verified, NULL, error));
    for (size_t i = 0; i < count; i++) {
        const float *v = kept->v + i * kept->cols, *u = kept->u + i * kept->rows;
        double angle = kept->angle_bound[i] + whole->angle_bound[i];

        assert_true(kept->residual[i] <= tolerance);
        assert_true(fabs(verified[i] - kept->residual[i]) < ROUNDING);
        assert_true(fabs(kept->sigma[i] - whole->sigma[i]) <= tolerance * whole->sigma[0]);
        assert_true(sine2(v, whole->v + i * kept->cols, kept->cols) <= 2 * angle * angle + 1e-6);
        assert_true(sine2(u, whole->u + i * kept->rows, kept->rows) <= 2 * angle * angle + 1e-6);
    }
}

/* Of `all` some were kept here and there, none and all of them elsewhere: else nothing was tested.
 */
typedef struct tally {
    size_t none, some, all;
} tally;

static void count_kept(tally *t, const pb_svd *kept, size_t rank)
{
    t->none += !kept;
    t->some += kept && kept->rank < rank;
    t->all += kept && kept->rank == rank;
}

/* -- of matrices ------------------------------------------------------------------------------- */

static dense matrix(void)
{
    double sigma[COLUMNS];

    for (size_t i = 0; i < COLUMNS; i++)
        sigma[i] = pow(0.9, (double)i);
    return with_values(80, COLUMNS, COLUMNS, sigma);
}

/* Narrow blocks, so that there are many steps, and little room, so that the bases restart. */
static pb_svd_options options_of(pb_svd_method method)
{
    pb_svd_options o = PB_SVD_DEFAULTS;

    o.rank = RANK;
    o.tolerance = TOLERANCE;
    o.method = method;
    o.block = 3;
    o.max_basis = 20;
    return o;
}

static void check_same(const pb_svd *a, const pb_svd *b)
{
    assert_true(a->rank == b->rank && a->applications == b->applications);
    assert_memory_equal(a->v, b->v, a->rank * a->cols * sizeof *a->v);
    assert_memory_equal(a->u, b->u, a->rank * a->rows * sizeof *a->u);
    assert_memory_equal(a->sigma, b->sigma, a->rank * sizeof *a->sigma);
    assert_memory_equal(a->residual, b->residual, a->rank * sizeof *a->residual);
    assert_memory_equal(a->angle_bound, b->angle_bound, a->rank * sizeof *a->angle_bound);
}

/* At every question, and at every application of the operator, which stops in the midst of a step:
 * then as many are kept as were told of before. */
static void check_method(pb_svd_method method)
{
    const pb_svd_options o = options_of(method);
    dense d = matrix(), calm = d;
    pb_operator op = operator_of(&d), check = operator_of(&calm);
    pb_svd *whole, *kept;
    stopper s = {0};
    pb_run run = run_of(&s);
    tally asked = {0}, applied = {0};

    MUST(pb_svd_compute(&whole, &op, &o, &run, error));
    assert_int_equal(whole->converged, RANK);
    assert_true(method == PB_SVD_SUBSPACE || whole->restarts > 2);
    d.stop_with = PB_CANCELLED;
    for (unsigned long at = 1, all = s.asked; at <= all; at++) {
        s = (stopper){.stop_at = at};
        d.applications = 0;
        assert_int_equal(pb_svd_compute(&kept, &op, &o, &run, NULL), PB_CANCELLED);
        assert_int_equal(s.asked, at);
        assert_true(!kept || kept->applications == d.applications);
        check_svd(kept, s.converged, whole, &check, TOLERANCE);
        count_kept(&asked, kept, RANK);
        pb_svd_free(kept);
    }
    for (size_t at = 1; at <= whole->applications; at++) {
        s = (stopper){0};
        d.applications = 0;
        d.stop_at = at;
        assert_int_equal(pb_svd_compute(&kept, &op, &o, &run, NULL), PB_CANCELLED);
        assert_int_equal(d.applications, at);
        check_svd(kept, s.converged, whole, &check, TOLERANCE);
        count_kept(&applied, kept, RANK);
        pb_svd_free(kept);
    }
    assert_true(asked.none && asked.some && asked.all == 1);
    assert_true(applied.none && applied.some && applied.all);
    d.stop_at = d.applications = 0;
    MUST(pb_svd_compute(&kept, &op, &o, NULL, error));
    check_same(kept, whole);
    pb_svd_free(kept);
    pb_svd_free(whole);
    pb_free(d.a);
}

static void test_krylov(void **state)
{
    (void)state;
    check_method(PB_SVD_KRYLOV);
}

static void test_subspace(void **state)
{
    (void)state;
    check_method(PB_SVD_SUBSPACE);
}

/* The rough triplets are those of another operator: of them none is kept. */
static void test_refined(void **state)
{
    const pb_svd_options o = options_of(PB_SVD_KRYLOV);
    dense d = matrix(), rough = d;
    pb_operator op = operator_of(&d), fast = operator_of(&rough);
    float noise[80 * COLUMNS];
    pb_svd *whole, *kept;
    stopper s = {0};
    pb_run run = run_of(&s);
    tally asked = {0};
    size_t rough_told = 0;

    (void)state;
    rough.a = pb_malloc(80 * COLUMNS, sizeof *rough.a);
    assert_non_null(rough.a);
    fill_random(noise, 80 * COLUMNS, 7);
    for (size_t i = 0; i < 80 * COLUMNS; i++)
        rough.a[i] = d.a[i] + 1e-3 * (double)noise[i];
    MUST(pb_svd_refined(&whole, &fast, &op, &o, &run, error));
    for (unsigned long at = 1, all = s.asked; at <= all; at++) {
        s = (stopper){.stop_at = at};
        d.applications = rough.applications = 0;
        assert_int_equal(pb_svd_refined(&kept, &fast, &op, &o, &run, NULL), PB_CANCELLED);
        rough_told += !d.applications && s.converged;
        assert_true(!kept || (kept->applications_fast == rough.applications &&
                              kept->applications == rough.applications + d.applications));
        check_svd(kept, d.applications ? s.converged : 0, whole, &op, TOLERANCE);
        count_kept(&asked, kept, RANK);
        pb_svd_free(kept);
    }
    assert_true(asked.none && asked.some && asked.all == 1 && rough_told);
    pb_svd_free(whole);
    pb_free(rough.a);
    pb_free(d.a);
}

/* -- of a network ------------------------------------------------------------------------------ */

/* A basis that can be computed again and again. */
typedef struct work {
    pb_model *model;
    pb_basis_request request;
    pb_tensor x, mask;
    pb_basis whole;
    pb_svd *svd;
} work;

static work open_work(void)
{
    work w = {.request = PB_BASIS_REQUEST_DEFAULTS, .whole = PB_BASIS_EMPTY};
    pb_weights *io;

    MUST(pb_model_open(&w.model, GOLDEN "unet2d-ddpm", error));
    MUST(pb_weights_open(&io, GOLDEN "unet2d-ddpm/io.safetensors", error));
    w.x = golden(io, "x");
    w.request.map.condition.timestep = golden_timestep(io);
    w.request.svd.rank = 6;
    w.request.svd.block = 2;
    pb_weights_free(io);
    MUST(pb_tensor_new(&w.mask, 2, w.x.shape + 2, error));
    for (size_t i = 0; i < pb_tensor_count(&w.mask); i++)
        w.mask.data[i] = i % 16 < 8 ? 1 : 0.25f;
    return w;
}

static void close_work(work *w)
{
    pb_tensor_clear(&w->x);
    pb_tensor_clear(&w->mask);
    pb_model_free(w->model);
}

/* J v = s u and J^T u = s v by the Jacobian itself; of a masked map the first, of m J. */
static void check_certificate(const work *w, const pb_basis *b)
{
    size_t n = pb_item_size(&b->v), m = pb_item_size(&b->u);
    pb_linearisation *l;

    MUST(pb_linearise(&l, w->model, &w->request.map, &w->x, NULL, error));
    for (size_t i = 0; i < b->s.shape[0]; i++) {
        const float *u = b->u.data + i * m, *v = b->v.data + i * n;
        pb_tensor down = apply_to(l, false, v), up = apply_to(l, true, u);
        double square = 0, s = (double)b->s.data[i];

        for (size_t j = 0; j < m; j++) {
            float weight = w->request.mask ? w->mask.data[j % pb_tensor_count(&w->mask)] : 1;
            square += pow((double)(weight * down.data[j]) - s * (double)u[j], 2);
        }
        for (size_t j = 0; !w->request.mask && j < n; j++)
            square += pow((double)up.data[j] - s * (double)v[j], 2);
        assert_true(sqrt(square) <= 1.01 * w->request.svd.tolerance * (double)b->s.data[0]);
        pb_tensor_clear(&down);
        pb_tensor_clear(&up);
    }
    pb_linearisation_free(l);
}

/* So many triplets, with all that a whole basis says of itself. */
static void check_basis(const work *w, const pb_basis *b, const pb_svd *svd, size_t count)
{
    size_t n = pb_item_size(&w->whole.v), k = b->s.data ? b->s.shape[0] : 0;

    assert_int_equal(k, count);
    assert_int_equal(svd ? svd->rank : 0, count);
    if (!count) {
        assert_true(!b->u.data && !b->v.data && !b->x.data && !b->model);
        return;
    }
    assert_int_equal(b->converged, count);
    assert_int_equal(b->null_rank, w->request.null_rank);
    assert_int_equal(!b->mask.data, !w->request.mask);
    assert_string_equal(b->schedule_hash, w->whole.schedule_hash);
    assert_memory_equal(b->v.data, svd->v, count * n * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        double angle = (double)(b->angle_bound.data[i] + w->whole.angle_bound.data[i]);
        assert_true((double)b->residual.data[i] <= w->request.svd.tolerance);
        assert_true(fabs((double)b->s.data[i] - (double)w->whole.s.data[i]) <=
                    w->request.svd.tolerance * (double)w->whole.s.data[0]);
        assert_true(sine2(b->v.data + i * n, w->whole.v.data + i * n, n) <=
                    2 * angle * angle + 1e-6);
    }
    check_certificate(w, b);
}

/* Stops at the question, and looks at what is left. Returns how many were told to have converged.
 */
static size_t stop_at(work *w, unsigned long at, int in_null)
{
    pb_basis basis = PB_BASIS_EMPTY;
    double verified[6] = {0};
    stopper s = {.stop_at = at};
    pb_run run = run_of(&s);
    pb_error error = {0};
    pb_svd *svd;
    size_t count;

    assert_int_equal(
        pb_basis_compute(&basis, &svd, verified, w->model, &w->request, &w->x, &run, &error),
        PB_CANCELLED);
    assert_string_equal(error.message, "cancelled");
    assert_int_equal(s.asked, at); /* nothing was evaluated after it */
    count = in_null ? 0 : s.converged;
    check_basis(w, &basis, svd, count);
    for (size_t i = 0; i < 6; i++)
        assert_true(isnan(verified[i]));
    pb_svd_free(svd);
    pb_basis_clear(&basis);
    return count;
}

/* The questions of a whole run at which so many first had converged of so many wanted. */
typedef struct marks {
    unsigned long asked, first[7], last_null;
    size_t rank;
} marks;

static int mark(void *context, const pb_progress *p)
{
    marks *m = context;

    m->asked++;
    if (p->svd && p->svd->rank == m->rank && !m->first[p->svd->converged])
        m->first[p->svd->converged] = m->asked;
    if (p->svd && p->svd->rank != m->rank)
        m->last_null = m->asked;
    return 0;
}

/* Stops while it linearises, when some have converged, in the midst of the step after that, and
 * while residuals are verified; then it is computed as ever. */
static void check_work(work *w, const char *what)
{
    marks m = {.rank = 6};
    const pb_run run = {.monitor = mark, .context = &m};
    pb_basis again = PB_BASIS_EMPTY;
    double verified[6];
    char hash[65];
    size_t some = 0;

    w->whole = PB_BASIS_EMPTY;
    MUST(pb_model_hash(w->model, hash, NULL, error)); /* which asks the first time only */
    MUST(pb_basis_compute(&w->whole, NULL, verified, w->model, &w->request, &w->x, &run, error));
    assert_int_equal(w->whole.converged, 6);
    stop_at(w, 2, 1);
    if (m.last_null)
        stop_at(w, m.last_null, 1);
    for (size_t c = 1; c < 6; c++) {
        if (!m.first[c])
            continue;
        some++;
        assert_int_equal(stop_at(w, m.first[c], 0), c);
        stop_at(w, m.first[c] + 5, 0);
    }
    if (!some)
        fail_msg("%s: all converged at once", what);
    assert_int_equal(stop_at(w, m.first[6], 0), 6);
    assert_int_equal(stop_at(w, m.asked - 1, 0), 6);
    MUST(pb_basis_compute(&again, NULL, NULL, w->model, &w->request, &w->x, NULL, error));
    assert_memory_equal(again.v.data, w->whole.v.data, pb_tensor_count(&again.v) * sizeof(float));
    assert_memory_equal(again.s.data, w->whole.s.data, 6 * sizeof(float));
    pb_basis_clear(&again);
    pb_basis_clear(&w->whole);
}

static void test_bases(void **state)
{
    work w = open_work();

    (void)state;
    check_work(&w, "krylov");
    w.request.svd.method = PB_SVD_SUBSPACE;
    check_work(&w, "subspace");
    w.request.svd.method = PB_SVD_KRYLOV;
    w.request.bf16 = 1; /* the rough part is of another rank, as a null space is */
    check_work(&w, "bfloat16");
    w.request.bf16 = 0;
    w.request.map.to = "eps";
    w.request.mask = &w.mask;
    w.request.null_rank = 4;
    check_work(&w, "masked");
    close_work(&w);
}

/* The model's hash is there where it is known without reading all files for it. */
static void test_hash(void **state)
{
    work w = open_work();
    marks m = {.rank = 6};
    const pb_run run = {.monitor = mark, .context = &m};
    pb_basis basis = PB_BASIS_EMPTY;
    char hash[65];

    (void)state;
    MUST(pb_basis_compute(&basis, NULL, NULL, w.model, &w.request, &w.x, &run, error));
    pb_basis_clear(&basis);
    for (int known = 0; known < 2; known++) {
        stopper s = {.stop_at = m.first[6]};
        const pb_run stopping = run_of(&s);
        pb_model_free(w.model);
        MUST(pb_model_open(&w.model, GOLDEN "unet2d-ddpm", error));
        if (known)
            MUST(pb_model_hash(w.model, hash, NULL, error));
        assert_int_equal(
            pb_basis_compute(&basis, NULL, NULL, w.model, &w.request, &w.x, &stopping, NULL),
            PB_CANCELLED);
        assert_string_equal(basis.model_hash, known ? hash : "");
        assert_string_equal(basis.model, GOLDEN "unet2d-ddpm");
        pb_basis_clear(&basis);
    }
    close_work(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_krylov),  cmocka_unit_test(test_subspace),
        cmocka_unit_test(test_refined), cmocka_unit_test(test_bases),
        cmocka_unit_test(test_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
