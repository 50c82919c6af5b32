/* Bases as files, those of before too, and whether one goes with a model. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "io/weights.h"
#include "scratch.h"

#define DDPM GOLDEN "unet2d-ddpm"

static void put(char **text, const char *value)
{
    MUST(pb_set_text(text, value, "a text", error));
}

static void forget(char **text)
{
    pb_free(*text);
    *text = NULL;
}

/* A basis of rank 2 of 8 x 8 pixels. */
static pb_basis compute(const pb_model *network, unsigned seed)
{
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;
    pb_tensor x = PB_TENSOR_EMPTY;
    pb_rng *rng;

    request.svd.rank = 2;
    request.map.condition.timestep = 500;
    MUST(pb_tensor_new(&x, 3, (size_t[3]){3, 8, 8}, error));
    MUST(pb_rng_new(&rng, seed, error));
    pb_randn(rng, x.data, pb_tensor_count(&x));
    MUST(pb_basis_compute(&basis, NULL, NULL, network, &request, &x, NULL, error));
    pb_rng_free(rng);
    pb_tensor_clear(&x);
    return basis;
}

/* What files have had since 0.1.0 was begun. */
static void write_as_before(const pb_basis *b, const char *path)
{
    const pb_named_tensor tensors[] = {{"u", &b->u},
                                       {"s", &b->s},
                                       {"v", &b->v},
                                       {"residual", &b->residual},
                                       {"angle_bound", &b->angle_bound},
                                       {"x", &b->x}};
    const pb_metadata metadata[] = {{"model", b->model},   {"model_hash", b->model_hash},
                                    {"from", b->from},     {"tap", b->to},
                                    {"method", b->method}, {"prompt", b->prompt},
                                    {"timestep", "500"},   {"t", "nan"},
                                    {"tol", "0.01"},       {"class_label", "-1"},
                                    {"converged", "2"},    {"applications", "10"}};

    MUST(pb_safetensors_write(path, 6, tensors, 12, metadata, error));
}

static void test_files(void **state)
{
    pb_basis a, before = PB_BASIS_EMPTY, now = PB_BASIS_EMPTY;
    pb_model *network;
    const pb_schedule *s;

    (void)state;
    MUST(pb_model_open(&network, DDPM, error));
    s = pb_model_schedule(network);
    a = compute(network, 1);
    assert_string_equal(a.prediction, "epsilon");
    assert_string_equal(a.schedule, "linear");
    assert_string_equal(a.schedule_hash, pb_schedule_hash(s));
    assert_string_equal(a.version, pb_version());
    assert_null(a.file);
    a.steps = 7;
    MUST(pb_basis_write(&a, scratch_path(&here, "now.safetensors").text, error));
    MUST(pb_basis_read(&now, scratch_path(&here, "now.safetensors").text, error));
    assert_string_equal(now.prediction, a.prediction);
    assert_string_equal(now.schedule, a.schedule);
    assert_string_equal(now.schedule_hash, a.schedule_hash);
    assert_string_equal(now.version, a.version);
    assert_string_equal(now.file, scratch_path(&here, "now.safetensors").text);
    assert_int_equal(now.steps, 7);
    MUST(pb_basis_compatible(&now, network, 8, 8, error));

    write_as_before(&a, scratch_path(&here, "before.safetensors").text);
    MUST(pb_basis_read(&before, scratch_path(&here, "before.safetensors").text, error));
    assert_null(before.prediction);
    assert_null(before.schedule);
    assert_null(before.schedule_hash);
    assert_null(before.version);
    assert_null(before.trajectory_prompt);
    assert_int_equal(before.steps, 0);
    assert_true(before.guidance_scale == 1 && before.class_label == -1 && isnan(before.t));
    MUST(pb_basis_compatible(&before, network, 8, 8, error));
    for (unsigned use = 0; use < PB_BASIS_USES; use++)
        MUST(pb_bases_compatible(&before, &now, (pb_basis_use)use, error));
    pb_basis_clear(&a);
    pb_basis_clear(&before);
    pb_basis_clear(&now);
    pb_model_free(network);
}

/* A model that predicts something else, or whose schedule is another. */
static void test_model(void **state)
{
    pb_basis a, copy = PB_BASIS_EMPTY;
    pb_model *network;
    pb_error why = {0};

    (void)state;
    MUST(pb_model_open(&network, DDPM, error));
    a = compute(network, 1);
    MUST(pb_basis_compatible(&a, network, 8, 8, error));
    MUST(pb_basis_copy(&copy, &a, error));
    put(&copy.prediction, "v_prediction");
    assert_int_equal(pb_basis_compatible(&copy, network, 0, 0, &why), PB_INVALID);
    assert_string_equal(why.message,
                        "the basis and the model differ: prediction v_prediction and epsilon");
    put(&copy.prediction, "epsilon");
    put(&copy.schedule, "scaled_linear");
    put(&copy.schedule_hash, "f0f0f0f0f0");
    assert_int_equal(pb_basis_compatible(&copy, network, 0, 0, &why), PB_INVALID);
    assert_non_null(strstr(why.message, "differ: schedule scaled_linear (f0f0f0f0) and linear ("));
    forget(&copy.schedule);
    forget(&copy.schedule_hash);
    MUST(pb_basis_compatible(&copy, network, 8, 8, error));
    pb_basis_clear(&copy);
    pb_basis_clear(&a);
    pb_model_free(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_files),
        cmocka_unit_test(test_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
