/* The basis of real networks against the dense double-precision SVD of their Jacobians. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"

#define LEADING 16 /* triplets in the golden files, of 20 values */

/* The largest principal angle between two 16-dimensional subspaces: by its sine, the norm of what
 * one has outside the other. a, b: rows of n. */
static double largest_angle(size_t n, const float *a, const float *b)
{
    double *da = pb_malloc(LEADING * n, sizeof *da), *db = pb_malloc(LEADING * n, sizeof *db);
    double gram[LEADING * LEADING], sines[LEADING], tau[LEADING], dummy[LEADING];

    assert_true(da && db);
    for (size_t i = 0; i < LEADING * n; i++) {
        da[i] = (double)a[i];
        db[i] = (double)b[i];
    }
    double *bases[2] = {da, db};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(LAPACKE_dgeqrf(LAPACK_COL_MAJOR, (int)n, LEADING, bases[i], (int)n, tau),
                         0);
        assert_int_equal(
            LAPACKE_dorgqr(LAPACK_COL_MAJOR, (int)n, LEADING, LEADING, bases[i], (int)n, tau), 0);
    }
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, LEADING, LEADING, (int)n, 1, da, (int)n,
                db, (int)n, 0, gram, LEADING);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)n, LEADING, LEADING, -1, da, (int)n,
                gram, LEADING, 1, db, (int)n);
    assert_int_equal(LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (int)n, LEADING, db, (int)n, sines,
                                    dummy, 1, dummy, 1),
                     0);
    pb_free(da);
    pb_free(db);
    return asin(fmin(sines[0], 1));
}

static void check(const char *name, pb_svd_method method)
{
    pb_map_options map = PB_MAP_DEFAULTS;
    pb_svd_options options = PB_SVD_DEFAULTS;
    pb_linearisation *l;
    pb_weights *io;
    pb_model *model;
    pb_svd *svd;
    char path[512];
    double worst = 0, allowed;

    snprintf(path, sizeof path, GOLDEN "%s", name);
    MUST(pb_model_open(&model, path, error));
    snprintf(path, sizeof path, GOLDEN "%s/io.safetensors", name);
    MUST(pb_weights_open(&io, path, error));
    map.condition.timestep = golden_timestep(io);
    pb_tensor x = golden(io, "x"), s = golden(io, "svd.s20"), u = golden(io, "svd.u"),
              v = golden(io, "svd.v");
    MUST(pb_linearise(&l, model, &map, &x, NULL, error));
    options.rank = 18;
    options.tolerance = 2e-6;
    options.method = method;
    options.max_applications = 1000000;
    MUST(pb_svd_compute(&svd, pb_linearisation_operator(l), &options, NULL, error));
    assert_int_equal(svd->converged, 18);
    for (size_t i = 0; i < 18; i++)
        worst = larger(worst, fabs(svd->sigma[i] / (double)s.data[i] - 1));
    allowed = fmax(1e-3, 5e-6 * (double)s.data[0] / (double)(s.data[15] - s.data[16]));
    double angle_v = largest_angle(svd->cols, svd->v, v.data);
    double angle_u = largest_angle(svd->rows, svd->u, u.data);
    print_message("%s: %zu applications, singular values off by %.2g, subspaces by %.2g (X) and "
                  "%.2g (H) rad; %.2g allowed\n",
                  name, svd->applications, worst, angle_v, angle_u, allowed);
    assert_true(worst <= 1e-5);
    assert_true(angle_v <= allowed && angle_u <= allowed);
    pb_svd_free(svd);
    pb_linearisation_free(l);
    pb_tensor_clear(&x);
    pb_tensor_clear(&s);
    pb_tensor_clear(&u);
    pb_tensor_clear(&v);
    pb_weights_free(io);
    pb_model_free(model);
}

static void test_krylov(void **state)
{
    (void)state;
    check("unet2d-ddpm", PB_SVD_KRYLOV);
    check("unet2d-modern", PB_SVD_KRYLOV);
}

static void test_subspace(void **state)
{
    (void)state;
    check("unet2d-ddpm", PB_SVD_SUBSPACE);
}

/* Points that are none of the network's. */
static void test_points(void **state)
{
    static const struct {
        size_t rank, shape[4];
        const char *message;
    } cases[] = {
        {3, {2, 16, 16}, "a point: expected 3 x any x any numbers, found 2 x 16 x 16"},
        {3, {4, 16, 16}, "found 4 x 16 x 16"},
        {4, {1, 1, 16, 16}, "found 1 x 1 x 16 x 16"},
        {4, {2, 3, 16, 16}, "found 2 x 3 x 16 x 16"},
        {2, {16, 16}, "found 16 x 16"},
    };
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;
    pb_tensor nothing = PB_TENSOR_EMPTY;
    pb_error why;
    pb_model *model;

    (void)state;
    request.svd.rank = 2;
    MUST(pb_model_open(&model, GOLDEN "unet2d-ddpm", error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pb_tensor x = PB_TENSOR_EMPTY;
        MUST(pb_tensor_new(&x, cases[i].rank, cases[i].shape, error));
        assert_int_equal(pb_basis_compute(&basis, NULL, NULL, model, &request, &x, NULL, &why),
                         PB_INVALID);
        if (!strstr(why.message, cases[i].message))
            fail_msg("expected \"%s\", found \"%s\"", cases[i].message, why.message);
        pb_tensor_clear(&x);
    }
    assert_int_equal(pb_basis_compute(&basis, NULL, NULL, model, &request, &nothing, NULL, &why),
                     PB_INVALID);
    pb_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_krylov),
        cmocka_unit_test(test_subspace),
        cmocka_unit_test(test_points),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
