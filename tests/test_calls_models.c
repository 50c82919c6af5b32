/* Models as files and as facts, and what begins and ends a structure, called with every combination
 * of right and wrong arguments (calls.h). */
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "golden.h"
#include "lora.h"
#include "scratch.h"

#define FOLDER GOLDEN "variants/resnet"

static pb_model *model;

static int set_up(void **state)
{
    (void)state;
    scratch_open(&here);
    MUST(pb_model_open(&model, FOLDER, error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pb_model_free(model);
    scratch_close(&here);
    return 0;
}

/* A name: right, NULL; options: right, NULL, with a schedule although the model has one. A folder
 * that is not there is PB_IO: test_models. */
static void test_open(void **state)
{
    calls c = CALLS("pb_model_open_with", 3, POINTERS, POINTERS, 3);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_model *found = NULL;
        pb_model_options options;
        bool right = !c.at[0] && !c.at[1] && c.at[2] < 2;

        pb_model_options_init(&options);
        options.schedule = c.at[2] == 2 ? "ddpm" : NULL;
        if (!calls_judge(&c,
                         pb_model_open_with(c.at[0] ? NULL : &found, c.at[1] ? NULL : FOLDER,
                                            calls_pointer(&options, c.at[2] == 1), &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !found, "there is no model");
        pb_model_free(found);
    }
    calls_end(&c);
}

/* A list of one LoRA: right, NULL; its path: right, NULL, ""; its weight: a number, NaN, infinity,
 * 0, -1. Then what is told of it. */
static void test_loras(void **state)
{
    calls c = CALLS("pb_model_open_with, pb_model_lora, pb_model_describe_loras", 5, POINTERS,
                    STRINGS - 1, NUMBERS, POINTERS, POINTERS);
    const scratch_name path = scratch_path(&here, "lora.safetensors");

    (void)state;
    lora_write("lora.safetensors", "locon");
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_model *found = NULL;
        pb_lora lora;
        pb_model_options options = PB_MODEL_DEFAULTS;
        const bool opens = !c.at[0] && !c.at[1] && (!c.at[2] || c.at[2] > 2);
        char *text = NULL;

        pb_lora_init(&lora);
        assert_true(lora.weight == 1);
        lora.path = calls_string(path.text, c.at[1]);
        lora.weight = calls_number(1, c.at[2]);
        options.loras = calls_pointer(&lora, c.at[0]);
        options.lora_count = 1;
        if (!opens) {
            calls_judge(&c, pb_model_open_with(&found, GOLDEN "sd1-tiny", &options, &e), &e, WRONG);
            continue;
        }
        MUST(pb_model_open_with(&found, GOLDEN "sd1-tiny", &options, error));
        if (calls_judge(&c,
                        pb_model_describe_loras(calls_pointer(found, c.at[3]),
                                                calls_pointer(&text, c.at[4]), NULL, &e),
                        &e, c.at[3] || c.at[4] ? WRONG : RIGHT))
            calls_hold(&c,
                       text && strstr(text, "lora.safetensors") &&
                           pb_model_lora(found, 0)->unet_layers == 3 && !pb_model_lora(found, 1),
                       "it is told");
        pb_text_free(text);
        pb_model_free(found);
    }
    calls_end(&c);
}

static void test_hash(void **state)
{
    calls c = CALLS("pb_model_hash, pb_model_signature", 3, 2, POINTERS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        char hash[65] = "", *signature = NULL;
        const pb_model *m = calls_pointer(model, c.at[1]);
        bool right = !c.at[1] && !c.at[2];

        if (calls_judge(&c,
                        c.at[0] ? pb_model_signature(m, c.at[2] ? NULL : &signature, &e)
                                : pb_model_hash(m, calls_pointer(hash, c.at[2]), NULL, &e),
                        &e, right ? RIGHT : WRONG))
            calls_hold(&c, c.at[0] ? signature != NULL : strlen(hash) == 64, "it is told");
        pb_text_free(signature);
    }
    calls_end(&c);
}

/* A hash: right, NULL, "", unknown, one digit less, one more. */
static void test_set_hash(void **state)
{
    static const char digits[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefe";
    calls c = CALLS("pb_model_set_hash", 2, POINTERS, STRINGS + 2);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_model *other;
        char hash[66] = "";
        const char *given;

        snprintf(hash, sizeof hash, "%.*s", c.at[1] == 4 ? 63 : c.at[1] == 5 ? 65 : 64, digits);
        given = c.at[1] < STRINGS ? calls_string(hash, c.at[1]) : hash;
        MUST(pb_model_open(&other, FOLDER, error));
        if (calls_judge(&c, pb_model_set_hash(calls_pointer(other, c.at[0]), given, &e), &e,
                        c.wrong ? WRONG : RIGHT)) {
            char found[65];
            MUST(pb_model_hash(other, found, NULL, error));
            calls_hold(&c, !strcmp(found, hash), "it is told");
        }
        pb_model_free(other);
    }
    calls_end(&c);
}

/* A file that is not there is PB_IO; NULL is not. */
static void test_costs(void **state)
{
    const scratch_name absent = scratch_path(&here, "costs.json");
    pb_error e = {0};

    (void)state;
    assert_int_equal(pb_model_set_costs(NULL, absent.text, &e), PB_INVALID);
    assert_int_equal(pb_model_set_costs(model, NULL, &e), PB_INVALID);
    assert_int_equal(pb_model_set_costs(model, absent.text, &e), PB_IO);
}

static void test_tensor_copy(void **state)
{
    static const size_t shape[2] = {3, 4};
    calls c = CALLS("pb_tensor_copy", 2, POINTERS, TENSORS(2));

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        calls_tensor from = calls_tensor_of(&c, 2, shape, 1, c.at[1]);
        pb_tensor to = PB_TENSOR_EMPTY;
        size_t entries = 1;
        bool can = !from.null && from.tensor.data && from.tensor.rank <= PB_MAX_RANK;

        for (size_t i = 0; can && i < from.tensor.rank; i++) {
            can = from.tensor.shape[i] < 100;
            entries *= from.tensor.shape[i];
        }
        if (calls_judge(&c, pb_tensor_copy(calls_pointer(&to, c.at[0]), calls_tensor_at(&from), &e),
                        &e, can && !c.at[0] ? RIGHT : WRONG))
            calls_hold(&c,
                       pb_tensor_count(&to) == entries &&
                           !memcmp(to.data, from.tensor.data, entries * sizeof *to.data),
                       "it is the same");
        pb_tensor_clear(&to);
    }
    calls_end(&c);
}

/* A small basis of the network's mid tap. */
static pb_basis basis_here(void)
{
    const size_t shape[3] = {2, 4, 6};
    pb_basis_request request;
    pb_basis basis;
    pb_tensor x;

    pb_basis_init(&basis);
    pb_tensor_init(&x);
    pb_basis_request_init(&request);
    request.map.condition = (pb_condition){.timestep = 3, .class_label = 1};
    request.svd.rank = 1;
    request.svd.tolerance = 0.5;
    MUST(pb_tensor_new(&x, 3, shape, error));
    MUST(pb_basis_compute(&basis, NULL, NULL, model, &request, &x, NULL, error));
    pb_tensor_clear(&x);
    return basis;
}

/* Height and width: right; any, by a height of 0; of another size; of a size that cannot be. */
static void test_basis(void **state)
{
    static const size_t sizes[][2] = {{4, 6}, {0, 0}, {0, 6}, {4, 8}, {5, 6}};
    calls c = CALLS("pb_basis_compatible, pb_basis_copy", 4, 2, POINTERS, POINTERS, 5);
    pb_basis basis = basis_here();

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_basis copy = PB_BASIS_EMPTY;
        const pb_basis *b = calls_pointer(&basis, c.at[1]);
        const size_t *size = sizes[c.at[3]];
        bool right = !c.at[1] && !c.at[2] && (c.at[0] || c.at[3] < 3);

        if (calls_judge(&c,
                        c.at[0] ? pb_basis_copy(calls_pointer(&copy, c.at[2]), b, &e)
                                : pb_basis_compatible(b, calls_pointer(model, c.at[2]), size[0],
                                                      size[1], &e),
                        &e, right ? RIGHT : WRONG) &&
            c.at[0])
            calls_hold(&c, pb_basis_compatible(&copy, model, 4, 6, NULL) == PB_OK, "it is one");
        pb_basis_clear(&copy);
    }
    pb_basis_clear(&basis);
    calls_end(&c);
}

static void test_basis_file(void **state)
{
    calls c = CALLS("pb_basis_read", 2, POINTERS, POINTERS);
    const scratch_name path = scratch_path(&here, "b.safetensors");
    pb_basis basis = basis_here();

    (void)state;
    MUST(pb_basis_write(&basis, path.text, error));
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_basis found = PB_BASIS_EMPTY;

        calls_judge(&c,
                    pb_basis_read(calls_pointer(&found, c.at[0]), c.at[1] ? NULL : path.text, &e),
                    &e, c.wrong ? WRONG : RIGHT);
        pb_basis_clear(&found);
    }
    pb_basis_clear(&basis);
    calls_end(&c);
}

/* What is freed or cleared may be NULL. */
static void test_ends(void **state)
{
    (void)state;
    pb_model_free(NULL);
    pb_schedule_free(NULL);
    pb_rng_free(NULL);
    pb_denoiser_free(NULL);
    pb_denoiser_free(&(pb_denoiser){.size = 1});
    pb_evaluator_free(NULL);
    pb_linearisation_free(NULL);
    pb_operator_free(NULL);
    pb_svd_free(NULL);
    pb_basis_clear(NULL);
    pb_tensor_clear(NULL);
    pb_space_clear(NULL);
    pb_autoencoder_free(NULL);
    pb_text_encoder_free(NULL);
    pb_text_free(NULL);
    assert_null(pb_linearisation_operator(NULL));
    assert_null(pb_linearisation_operator_bf16(NULL));
}

/* A denoiser that fails, with and without a message. */
static pb_status fail_silently(void *status, size_t n, const float *x, double t, float *out,
                               const pb_run *run, pb_error *error)
{
    (void)n, (void)x, (void)t, (void)out;
    assert_non_null(run);
    assert_non_null(error);
    if (*(pb_status *)status == PB_NUMERIC)
        snprintf(error->message, sizeof error->message, "too loud");
    return *(pb_status *)status;
}

static void test_denoiser_fails(void **state)
{
    pb_status status = PB_MEMORY;
    const pb_denoiser d = {.context = &status, .size = 1, .predict = fail_silently};
    const pb_schedule *schedule = pb_model_schedule(model);
    pb_ddim_options options;
    pb_error e = {0};
    float x = 1;

    (void)state;
    pb_ddim_options_init(&options);
    assert_int_equal(pb_ddim(schedule, &d, 1, 1, &x, 1, 0, &options, NULL, &e), PB_MEMORY);
    assert_string_equal(e.message, "a denoiser failed and did not say why: out of memory");
    assert_int_equal(e.status, PB_MEMORY);
    status = PB_NUMERIC;
    assert_int_equal(pb_ddim(schedule, &d, 1, 1, &x, 1, 0, &options, NULL, &e), PB_NUMERIC);
    assert_string_equal(e.message, "too loud");
    assert_int_equal(e.status, PB_NUMERIC);
    assert_int_equal(pb_ddim(schedule, &d, 1, 1, &x, 1, 0, &options, NULL, NULL), PB_NUMERIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),           cmocka_unit_test(test_hash),
        cmocka_unit_test(test_set_hash),       cmocka_unit_test(test_costs),
        cmocka_unit_test(test_tensor_copy),    cmocka_unit_test(test_basis),
        cmocka_unit_test(test_basis_file),     cmocka_unit_test(test_ends),
        cmocka_unit_test(test_denoiser_fails), cmocka_unit_test(test_loras),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
