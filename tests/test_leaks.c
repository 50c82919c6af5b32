/* Every allocation and every file operation fails once, in turn: an error each time, and nothing is
 * lost (the sanitizer looks for leaks). Allocations within oneDNN, OpenBLAS and LAPACKE are
 * their own. */
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "inject.h"
#include "scratch.h"

#define MODEL GOLDEN "variants/resnet"

typedef struct context {
    pb_model *model;
    pb_tensor x;
    pb_basis basis;
    scratch folder;
} context;

static context shared;

static int set_up(void **state)
{
    pb_weights *io;

    (void)state;
    MUST(pb_model_open(&shared.model, MODEL, error));
    MUST(pb_weights_open(&io, MODEL "/io.safetensors", error));
    shared.x = golden(io, "x");
    pb_weights_free(io);
    scratch_open(&shared.folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_close(&shared.folder);
    pb_tensor_clear(&shared.x);
    pb_basis_clear(&shared.basis);
    pb_model_free(shared.model);
    return 0;
}

static pb_status open_model(void *data, pb_error *error)
{
    pb_model *model;

    (void)data;
    PB_TRY(pb_model_open(&model, MODEL, error));
    pb_model_free(model);
    return PB_OK;
}

static pb_status evaluate(void *data, pb_error *error)
{
    static const char *const taps[] = {"mid", "eps"};
    const pb_condition condition = {.timestep = 3, .class_label = 1};
    const context *c = data;
    static float mid[4096], eps[1024];
    float *const out[2] = {mid, eps};
    pb_evaluator *e;
    pb_status status;

    PB_TRY(pb_evaluator_new(&e, c->model, 8, 12, 0, error));
    status = pb_evaluate(e, &condition, 1, c->x.data, 2, taps, out, error);
    pb_evaluator_free(e);
    return status;
}

/* Linearise, SVD, basis: all that the basis command does. */
static pb_status compute(void *data, pb_error *error)
{
    pb_map_options map = PB_MAP_DEFAULTS;
    pb_svd_options options = PB_SVD_DEFAULTS;
    context *c = data;
    pb_linearisation *l;
    pb_svd *svd = NULL;
    pb_status status;

    map.condition = (pb_condition){.timestep = 3, .class_label = 1};
    options.rank = 3;
    options.block = 3;
    options.max_basis = 12;
    pb_basis_clear(&c->basis);
    PB_TRY(pb_linearise(&l, c->model, &map, c->x.data, 8, 12, error));
    status = pb_svd_compute(&svd, pb_linearisation_operator(l), &options, error);
    if (status == PB_OK)
        status = pb_basis_from_svd(&c->basis, svd, &map, &options, l, &c->x, error);
    if (status == PB_OK)
        status = pb_basis_set_model(&c->basis, "m", "h", error);
    pb_svd_free(svd);
    pb_linearisation_free(l);
    return status;
}

static pb_status write_basis(void *data, pb_error *error)
{
    context *c = data;

    return pb_basis_write(&c->basis, scratch_path(&c->folder, "b").text, error);
}

static pb_status read_basis(void *data, pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    context *c = data;

    PB_TRY(pb_basis_read(&basis, scratch_path(&c->folder, "b").text, error));
    pb_basis_clear(&basis);
    return PB_OK;
}

static pb_status noise(void *unused, size_t n, const float *x, double t, float *eps,
                       pb_error *error)
{
    (void)unused, (void)error;
    for (size_t i = 0; i < n * 4; i++)
        eps[i] = x[i] * (float)t * 1e-3f;
    return PB_OK;
}

static pb_status move_and_guide(void *data, pb_error *error)
{
    const pb_denoiser denoiser = {.size = 4, .predict = noise};
    const pb_guidance guidance = {1, 1, 2};
    const float v[4] = {1};
    float x[4] = {1, 2, 3, 4}, out[8];
    pb_ddim_options options = PB_DDIM_DEFAULTS;
    pb_schedule *schedule;
    pb_status status;

    (void)data;
    options.steps = 5;
    options.boost = 4;
    PB_TRY(pb_schedule_new(&schedule, PB_BETAS_LINEAR, 1000, 1e-4, 2e-2, NULL, PB_EPSILON, error));
    status = pb_ddim(schedule, &denoiser, 1, x, 4, 0, &options, error);
    pb_schedule_free(schedule);
    if (status == PB_OK)
        status = pb_guide(&denoiser, 5, x, 1, v, &guidance, 2, out, NULL, NULL, error);
    return status;
}

static void test_each(void **state)
{
    (void)state;
    /* Recommendations are looked for with stat, which may fail unnoticed: the file is optional. */
    assert_true(inject_each(INJECT_MEMORY, open_model, NULL, &shared, false) > 50);
    assert_true(inject_each(INJECT_MEMORY, evaluate, NULL, &shared, false) > 10);
    assert_true(inject_each(INJECT_MEMORY, compute, NULL, &shared, false) > 50);
    assert_true(inject_each(INJECT_MEMORY | INJECT_FILES, write_basis, NULL, &shared, true) > 3);
    assert_true(inject_each(INJECT_MEMORY, read_basis, NULL, &shared, false) > 10);
    assert_true(inject_each(INJECT_MEMORY, move_and_guide, NULL, &shared, false) > 5);
}

static void check_opened(void *data, pb_status status, const char *failed)
{
    (void)data;
    if (status == PB_OK && failed)
        assert_string_equal(failed, "stat");
}

static void test_reads(void **state)
{
    (void)state;
    assert_true(inject_each(INJECT_FILES, open_model, check_opened, &shared, true) > 10);
    assert_true(inject_each(INJECT_FILES, read_basis, NULL, &shared, false) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_reads),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
