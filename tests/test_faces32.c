/* The trained model: sampling, inversion, the basis and guidance against golden values. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "sanitized.h"

#define STEPS 100

typedef struct faces {
    pb_model *model;
    pb_weights *io;
    pb_evaluator *evaluator;
    pb_denoiser *denoiser;
} faces;

static faces open_faces(void)
{
    const pb_condition condition = PB_CONDITION_DEFAULTS;
    faces f = {0};

    MUST(pb_model_open(&f.model, PB_SOURCE_DIR "/models/faces32", error));
    MUST(pb_weights_open(&f.io, GOLDEN "faces32/io.safetensors", error));
    MUST(pb_evaluator_new(&f.evaluator, f.model, 32, 32, NULL, error));
    MUST(pb_denoiser_new(&f.denoiser, f.evaluator, &condition, NULL, 1, error));
    return f;
}

static void close_faces(faces *f)
{
    pb_denoiser_free(f->denoiser);
    pb_evaluator_free(f->evaluator);
    pb_weights_free(f->io);
    pb_model_free(f->model);
}

static void move(const faces *f, size_t n, float *x, size_t from, size_t to, size_t steps)
{
    pb_ddim_options options = PB_DDIM_DEFAULTS;

    options.steps = steps;
    MUST(pb_ddim(pb_model_schedule(f->model), f->denoiser, n, f->denoiser->size, x, from, to,
                 &options, NULL, error));
}

static void test_sample(void **state)
{
    faces f = open_faces();
    pb_tensor noise = golden(f.io, "sample.xT"), expected = golden(f.io, "sample.x0");
    size_t count = pb_tensor_count(&noise), some = OF_MANY(16, 2);
    pb_tensor drawn = PB_TENSOR_EMPTY;
    pb_rng *rng;

    (void)state;
    MUST(pb_tensor_new(&drawn, noise.rank, noise.shape, error));
    MUST(pb_rng_new(&rng, 0, error));
    pb_randn(rng, drawn.data, count);
    for (size_t i = 0; i < count; i++)
        assert_true(fabs((double)drawn.data[i] - (double)noise.data[i]) < 2e-6);
    move(&f, some, noise.data, 49, 0, 50);
    assert_near("samples", noise.data, expected.data, some * 1024, 1e-5);
    pb_rng_free(rng);
    pb_tensor_clear(&drawn);
    pb_tensor_clear(&expected);
    pb_tensor_clear(&noise);
    close_faces(&f);
}

/* Peak signal-to-noise ratio of images in [-1, 1], in dB. */
static double psnr(const float *a, const float *b, size_t count)
{
    double square = 0;

    for (size_t i = 0; i < count; i++)
        square += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return 10 * log10(4 * (double)count / square);
}

static void test_invert(void **state)
{
    faces f = open_faces();
    pb_tensor x = golden(f.io, "x0"), start = golden(f.io, "x0"), top = golden(f.io, "invert.xT");
    pb_tensor middle = golden(f.io, "xt"), end = golden(f.io, "reconstruction");
    size_t some = OF_MANY(3, 1), size = pb_tensor_count(&x) / 3, count = some * size;
    size_t point = pb_grid_nearest(1000, STEPS, 0.6);

    (void)state;
    assert_int_equal(point, 59);
    move(&f, some, x.data, 0, STEPS - 1, STEPS);
    assert_near("inversion", x.data, top.data, count, 1e-5);
    move(&f, some, x.data, STEPS - 1, point, STEPS);
    assert_near("x_t", x.data, middle.data, count, 2e-5);
    move(&f, some, x.data, point, 0, STEPS);
    assert_near("reconstruction", x.data, end.data, count, 2e-5);
    for (size_t i = 0; i < some; i++) {
        double db = psnr(x.data + i * size, start.data + i * size, size);
        print_message("PSNR %.1f dB\n", db);
        assert_true(db >= 30);
    }
    pb_tensor_clear(&x);
    pb_tensor_clear(&start);
    pb_tensor_clear(&top);
    pb_tensor_clear(&middle);
    pb_tensor_clear(&end);
    close_faces(&f);
}

static pb_linearisation *linearise_first(const faces *f, float *x, const char *to)
{
    const pb_tensor point = {.rank = 3, .shape = {1, 32, 32}, .data = x};
    pb_map_options options = PB_MAP_DEFAULTS;
    pb_linearisation *l;

    options.to = to;
    options.condition.timestep = pb_grid_time(1000, STEPS, 59);
    MUST(pb_linearise(&l, f->model, &options, &point, NULL, error));
    return l;
}

static void test_basis(void **state)
{
    pb_svd_options options = PB_SVD_DEFAULTS;
    faces f = open_faces();
    pb_tensor x = golden(f.io, "xt"), sigma = golden(f.io, "svd.s");
    pb_linearisation *l = linearise_first(&f, x.data, "mid");
    double verified[50];
    pb_svd *svd;

    (void)state;
    options.rank = 50;
    MUST(pb_svd_compute(&svd, pb_linearisation_operator(l), &options, NULL, error));
    MUST(pb_svd_verify(svd, pb_linearisation_operator(l), verified, NULL, error));
    print_message("%zu applications\n", svd->applications);
    assert_int_equal(svd->converged, 50);
    assert_true(svd->applications <= 320);
    for (size_t i = 0; i < 50; i++) {
        assert_true(svd->residual[i] <= 1e-3);
        assert_true(fabs(verified[i] - svd->residual[i]) < 1e-5);
        assert_true(fabs(svd->sigma[i] - (double)sigma.data[i]) <=
                    svd->residual[i] * svd->sigma[0] / sqrt(2) + 1e-4);
    }
    assert_true(svd->probe < 1);
    pb_svd_free(svd);
    pb_linearisation_free(l);
    pb_tensor_clear(&sigma);
    pb_tensor_clear(&x);
    close_faces(&f);
}

static void test_guidance(void **state)
{
    const pb_guidance guidance = {.step = 1, .scale = 0.5, .iterations = 16};
    faces f = open_faces();
    pb_tensor x = golden(f.io, "xt"), v = golden(f.io, "svd.v");
    pb_tensor guided = golden(f.io, "guidance.x16"), edited = golden(f.io, "guidance.edited");
    size_t size = pb_tensor_count(&guided), largest = 0;
    double t = pb_grid_time(1000, STEPS, 59);
    float *stages = pb_malloc(16 * size, sizeof *stages);

    (void)state;
    assert_non_null(stages);
    for (size_t i = 1; i < size; i++)
        if (fabsf(v.data[i]) > fabsf(v.data[largest]))
            largest = i;
    for (size_t i = 0; v.data[largest] < 0 && i < size; i++)
        v.data[i] = i == largest ? v.data[i] : -v.data[i];
    if (v.data[largest] < 0)
        v.data[largest] = -v.data[largest];
    MUST(pb_guide(pb_model_schedule(f.model), f.denoiser, t, size, x.data, 1, v.data, &guidance, 16,
                  stages, NULL, error));
    assert_near("guidance", stages + 15 * size, guided.data, size, 2e-5);
    move(&f, 1, stages + 15 * size, 59, 0, STEPS);
    assert_near("edited", stages + 15 * size, edited.data, size, 5e-5);
    pb_free(stages);
    pb_tensor_clear(&x);
    pb_tensor_clear(&v);
    pb_tensor_clear(&guided);
    pb_tensor_clear(&edited);
    close_faces(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_invert),
        cmocka_unit_test(test_basis),
        cmocka_unit_test(test_guidance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
