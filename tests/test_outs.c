/* A pointer that a function hands over is NULL after a failure, whatever was there before: whoever
 * frees what a failed call left frees nothing (error.h). Every function with a `**` is
 * here, but pb_rng_new, of which nothing can be refused. */
#include <string.h>

#include "golden.h"

#define TEXT GOLDEN "sd1-tiny"

/* Nobody's. */
static char nothing;
#define GARBAGE ((void *)&nothing)

/* A call of something that hands over a `type`, by `out`, and is refused. */
#define LEAVES_NULL(type, call)                                                                        \
    do {                                                                                           \
        type *made = GARBAGE, **out = &made;                                                       \
        pb_error why = {0}, *error = &why;                                                         \
        if ((call) == PB_OK || why.status == PB_OK)                                                \
            fail_msg("%s: \"%s\"", #call, why.message);                                            \
        if (made)                                                                                  \
            fail_msg("%s leaves a pointer", #call);                                                \
    } while (0)

static void test_models(void **state)
{
    const char *class = GARBAGE;
    pb_model *model;

    (void)state;
    LEAVES_NULL(pb_model, pb_model_open(out, NULL, error));
    LEAVES_NULL(pb_model, pb_model_open(out, "no-such-model", error));
    LEAVES_NULL(pb_model, pb_model_open_with(out, NULL, NULL, error));
    LEAVES_NULL(char, pb_model_signature(NULL, out, error));
    LEAVES_NULL(pb_autoencoder, pb_autoencoder_open(out, NULL, error));
    LEAVES_NULL(pb_text_encoder, pb_text_encoder_open(out, NULL, error));
    LEAVES_NULL(pb_session, pb_session_new(out, NULL, error));
    MUST(pb_model_open(&model, GOLDEN "variants/variance", error)); /* of pixels, without text */
    LEAVES_NULL(pb_autoencoder, pb_autoencoder_open(out, model, error));
    LEAVES_NULL(pb_text_encoder, pb_text_encoder_open(out, model, error));
    assert_null(pb_model_component(model, 100, &class));
    assert_null(class);
    pb_model_free(model);
}

static void test_diffusion(void **state)
{
    pb_schedule_options none = PB_SCHEDULE_DEFAULTS;

    (void)state;
    none.length = 0;
    LEAVES_NULL(pb_schedule, pb_schedule_new(out, NULL, error));
    LEAVES_NULL(pb_schedule, pb_schedule_new(out, &none, error));
    LEAVES_NULL(pb_schedule, pb_schedule_new_flow(out, 0, error));
}

static void test_maps(void **state)
{
    pb_map_options map = PB_MAP_DEFAULTS;
    pb_tensor empty = PB_TENSOR_EMPTY;
    pb_evaluator *evaluator;
    pb_model *model;

    (void)state;
    MUST(pb_model_open(&model, TEXT, error));
    LEAVES_NULL(pb_evaluator, pb_evaluator_new(out, NULL, 8, 8, NULL, error));
    LEAVES_NULL(pb_evaluator, pb_evaluator_new(out, model, 0, 8, NULL, error));
    LEAVES_NULL(pb_evaluator, pb_evaluator_new(out, model, 8, 8, &(pb_run){.threads = -1}, error));
    MUST(pb_evaluator_new(&evaluator, model, 8, 8, NULL, error));
    LEAVES_NULL(pb_denoiser, pb_denoiser_new(out, NULL, &map.condition, NULL, 1, error));
    LEAVES_NULL(pb_denoiser, pb_denoiser_new(out, evaluator, NULL, NULL, 1, error));
    LEAVES_NULL(pb_denoiser, pb_denoiser_new(out, evaluator, &map.condition, NULL, 1, error));
    LEAVES_NULL(pb_linearisation, pb_linearise(out, NULL, &map, &empty, NULL, error));
    LEAVES_NULL(pb_linearisation, pb_linearise(out, model, &map, &empty, NULL, error));
    pb_evaluator_free(evaluator);
    pb_model_free(model);
}

static void test_operators(void **state)
{
    const pb_svd_options options = PB_SVD_DEFAULTS;
    const pb_operator empty = {.rows = 0};

    (void)state;
    LEAVES_NULL(pb_operator, pb_operator_weigh(out, NULL, 1, NULL, error));
    LEAVES_NULL(pb_operator, pb_operator_deflate(out, NULL, 1, 1, NULL, error));
    LEAVES_NULL(pb_operator, pb_operator_sum(out, 1, NULL, 1, NULL, error));
    LEAVES_NULL(pb_operator, pb_operator_sum(out, 1, &empty, 1, &empty, error));
    LEAVES_NULL(pb_svd, pb_svd_compute(out, NULL, &options, NULL, error));
    LEAVES_NULL(pb_svd, pb_svd_compute(out, &empty, NULL, NULL, error));
    LEAVES_NULL(pb_svd, pb_svd_refined(out, NULL, NULL, &options, NULL, error));
}

static void test_bases(void **state)
{
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis_options options = PB_BASIS_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;
    pb_point point = PB_POINT_EMPTY;
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_session *session;
    pb_model *model;

    (void)state;
    MUST(pb_model_open(&model, TEXT, error));
    MUST(pb_session_new(&session, model, error));
    where.has_seed = 1;
    where.steps = 2;
    MUST(pb_session_point(session, &where, &point, NULL, error));
    LEAVES_NULL(pb_svd, pb_basis_compute(NULL, out, NULL, model, &request, &point.x, NULL, error));
    LEAVES_NULL(pb_svd, pb_basis_compute(&basis, out, NULL, model, NULL, &point.x, NULL, error));
    LEAVES_NULL(pb_svd, pb_basis_compute(&basis, out, NULL, model, &request, NULL, NULL, error));
    LEAVES_NULL(pb_svd, pb_session_basis(NULL, &point, NULL, &basis, out, NULL, NULL, error));
    LEAVES_NULL(pb_svd, pb_session_basis(session, NULL, NULL, &basis, out, NULL, NULL, error));
    options.to = "nowhere";
    LEAVES_NULL(pb_svd, pb_session_basis(session, &point, &options, &basis, out, NULL, NULL, error));
    pb_basis_clear(&basis);
    pb_point_clear(&point);
    pb_session_free(session);
    pb_model_free(model);
}

/* What is left of a prompt. */
static void test_rest(void **state)
{
    pb_text_encoder *text;
    pb_model *model;
    uint32_t id;

    (void)state;
    MUST(pb_model_open(&model, TEXT, error));
    MUST(pb_text_encoder_open(&text, model, error));
    LEAVES_NULL(char, pb_text_encoder_tokens(NULL, "a", 1, &id, NULL, out, error));
    LEAVES_NULL(char, pb_text_encoder_tokens(text, NULL, 1, &id, NULL, out, error));
    LEAVES_NULL(char, pb_text_encoder_tokens(text, "a", 1, &id, NULL, out, error));
    pb_text_encoder_free(text);
    pb_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models), cmocka_unit_test(test_diffusion),
        cmocka_unit_test(test_maps),   cmocka_unit_test(test_operators),
        cmocka_unit_test(test_bases),  cmocka_unit_test(test_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
