/* Files that somebody writes into while the library has them open: an error with the file's name
 * each time, in whatever is read later. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "golden.h"
#include "inject.h"
#include "io/config.h"
#include "scratch.h"

#define RESNET GOLDEN "variants/resnet/"
#define TINY GOLDEN "sd1-tiny/"
#define WEIGHTS "diffusion_pytorch_model.safetensors"

/* A copy of a file. */
static void copy(const char *from, const char *name)
{
    FILE *file = fopen(from, "rb");
    struct stat info;
    char *bytes;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    bytes = malloc((size_t)info.st_size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)info.st_size, file), info.st_size);
    fclose(file);
    scratch_write(&here, name, bytes, (size_t)info.st_size);
    free(bytes);
}

/* Cuts it to half of its length. */
static void cut(const char *name)
{
    struct stat info;

    assert_int_equal(stat(scratch_path(&here, name).text, &info), 0);
    assert_int_equal(truncate(scratch_path(&here, name).text, info.st_size / 2), 0);
}

static void expect_cut(pb_status status, const pb_error *error, const char *name)
{
    assert_int_equal(status, PB_IO);
    assert_int_equal(error->status, PB_IO);
    if (!strstr(error->message, scratch_path(&here, name).text) ||
        !strstr(error->message, "as when it was opened, found"))
        fail_msg("expected it of %s, found \"%s\"", name, error->message);
}

/* -- a network -------------------------------------------------------------------------------- */

static const pb_condition condition = {.timestep = 3, .class_label = 1};

static pb_model *open_resnet(pb_tensor *x)
{
    pb_model *model;
    pb_weights *io;

    copy(RESNET "config.json", "config.json");
    copy(RESNET "scheduler_config.json", "scheduler_config.json");
    copy(RESNET WEIGHTS, WEIGHTS);
    MUST(pb_model_open(&model, here.folder, error));
    MUST(pb_weights_open(&io, RESNET "io.safetensors", error));
    *x = golden(io, "x");
    pb_weights_free(io);
    return model;
}

static pb_status evaluate(pb_evaluator *e, const pb_tensor *x, pb_error *error)
{
    static const char *const taps[] = {"eps"};
    static float eps[1024];
    float *const out[1] = {eps};

    return pb_evaluate(e, &condition, 1, pb_tensor_count(x), x->data, 1, taps, out, error);
}

/* Weights that are packed when a plan is made; `memory` of 1 leaves no room to keep them, so that
 * each run reads them again. */
static void test_evaluation(void **state)
{
    pb_tensor x;

    (void)state;
    for (size_t memory = 0; memory < 2; memory++) {
        pb_model *model = open_resnet(&x);
        pb_error found = {.message = ""};
        pb_evaluator *e;

        MUST(pb_evaluator_new(&e, model, 8, 12, &(pb_run){.memory = memory}, error));
        if (memory == 1)
            MUST(evaluate(e, &x, error));
        cut(WEIGHTS);
        expect_cut(evaluate(e, &x, &found), &found, WEIGHTS);
        pb_evaluator_free(e);
        pb_model_free(model);
        pb_tensor_clear(&x);
    }
}

/* The point of a linearisation reads the weights as they are stored. */
static void test_linearisation(void **state)
{
    pb_map_options map = PB_MAP_DEFAULTS;
    pb_error found = {.message = ""};
    pb_linearisation *l;
    pb_tensor x;
    pb_model *model = open_resnet(&x);

    (void)state;
    map.condition = condition;
    cut(WEIGHTS);
    expect_cut(pb_linearise(&l, model, &map, &x, NULL, &found), &found, WEIGHTS);
    pb_model_free(model);
    pb_tensor_clear(&x);
}

/* What stops the network's operator is told by whoever applies it, by way of others too. */
static void test_operator(void **state)
{
    pb_map_options map = PB_MAP_DEFAULTS;
    pb_svd_options options = PB_SVD_DEFAULTS;
    pb_error found = {.message = ""};
    pb_operator *weighed, *deflated, *sum;
    const pb_operator *op;
    pb_linearisation *l;
    pb_svd *svd;
    pb_tensor x;
    pb_model *model = open_resnet(&x);
    float *ones;
    double *residual;

    (void)state;
    map.condition = condition;
    options.rank = 1;
    MUST(pb_linearise(&l, model, &map, &x, &(pb_run){.memory = 1}, error));
    op = pb_linearisation_operator(l);
    ones = calloc(op->rows + op->cols, sizeof *ones);
    residual = calloc(op->cols, sizeof *residual);
    assert_true(ones && residual);
    ones[0] = 1;
    MUST(pb_operator_weigh(&weighed, op, op->rows, ones, error));
    MUST(pb_operator_deflate(&deflated, weighed, 1, op->cols, ones, error));
    MUST(pb_operator_sum(&sum, 1, op, 1, deflated, error));
    MUST(pb_svd_compute(&svd, op, &options, NULL, error));
    cut(WEIGHTS);
    expect_cut(pb_svd_verify(svd, op, residual, NULL, &found), &found, WEIGHTS);
    pb_svd_free(svd);
    expect_cut(pb_svd_compute(&svd, op, &options, NULL, &found), &found, WEIGHTS);
    expect_cut(pb_svd_compute(&svd, deflated, &options, NULL, &found), &found, WEIGHTS);
    expect_cut(pb_svd_compute(&svd, sum, &options, NULL, &found), &found, WEIGHTS);
    pb_operator_free(sum);
    pb_operator_free(deflated);
    pb_operator_free(weighed);
    pb_linearisation_free(l);
    pb_model_free(model);
    pb_tensor_clear(&x);
    free(ones);
    free(residual);
}

/* The file may be replaced or removed: the model goes on with the one it has opened, and says which
 * it is. */
static void test_replaced(void **state)
{
    char expected[65], hash[65], *before, *after;
    pb_evaluator *e;
    pb_tensor x;
    pb_model *model = open_resnet(&x);

    (void)state;
    MUST(pb_model_hash(model, expected, NULL, error));
    MUST(pb_model_signature(model, &before, error));
    pb_model_free(model);
    MUST(pb_model_open(&model, here.folder, error));
    scratch_write(&here, "new", "new", 3);
    assert_int_equal(rename(scratch_path(&here, "new").text, scratch_path(&here, WEIGHTS).text), 0);
    MUST(pb_evaluator_new(&e, model, 8, 12, NULL, error));
    MUST(evaluate(e, &x, error));
    pb_evaluator_free(e);
    MUST(pb_model_hash(model, hash, NULL, error));
    assert_string_equal(hash, expected);
    MUST(pb_model_signature(model, &after, error));
    assert_string_equal(after, before);
    pb_text_free(before);
    pb_text_free(after);
    pb_model_free(model);
    pb_tensor_clear(&x);
}

/* -- a pipeline ------------------------------------------------------------------------------- */

/* The rows of a table are looked up where it is stored. */
static void test_table(void **state)
{
    static const char *const parts[] = {"model_index.json", "scheduler", "unet", "tokenizer"};
    static float hidden[77 * 32];
    const char *name = "text_encoder/model.safetensors";
    const uint32_t ids[77] = {49406, 320, 2368, 49407};
    pb_error found = {.message = ""};
    pb_text_encoder *text;
    pb_model *model;

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char target[512];
        snprintf(target, sizeof target, TINY "%s", parts[i]);
        assert_int_equal(symlink(target, scratch_path(&here, parts[i]).text), 0);
    }
    assert_int_equal(mkdir(scratch_path(&here, "text_encoder").text, 0777), 0);
    copy(TINY "text_encoder/config.json", "text_encoder/config.json");
    copy(TINY "text_encoder/model.safetensors", name);
    MUST(pb_model_open(&model, here.folder, error));
    MUST(pb_text_encoder_open(&text, model, error));
    MUST(pb_text_encoder_embed(text, 1, 77, ids, hidden, NULL, NULL, error));
    cut(name);
    expect_cut(pb_text_encoder_embed(text, 1, 77, ids, hidden, NULL, NULL, &found), &found, name);
    pb_text_encoder_free(text);
    pb_model_free(model);
}

/* -- other files ------------------------------------------------------------------------------ */

/* Each is opened and read by one call: the cut comes between its first readings and the last. */
static void test_npy(void **state)
{
    const size_t shape[] = {100, 1000};
    pb_tensor t = PB_TENSOR_EMPTY, read = PB_TENSOR_EMPTY;
    const scratch_name path = scratch_path(&here, "a.npy");

    (void)state;
    MUST(pb_tensor_new(&t, 2, shape, error));
    for (unsigned long nth = 1; nth <= 5; nth++) {
        pb_error found = {.message = ""};
        MUST(pb_npy_write(&t, path.text, error));
        inject_cut(path.text, 300000, nth);
        expect_cut(pb_npy_read(&read, path.text, &found), &found, "a.npy");
        assert_null(read.data);
    }
    pb_tensor_clear(&t);
}

static void test_json(void **state)
{
    const scratch_name path = scratch_path(&here, "config.json");
    pb_error found = {.message = ""};
    pb_config *config;

    (void)state;
    copy(RESNET "config.json", "config.json");
    inject_cut(path.text, 100, 1);
    expect_cut(pb_config_open(&config, path.text, &found), &found, "config.json");
}

/* The header of weights, and a basis file, which is read to its end at once. */
static void test_basis(void **state)
{
    const scratch_name path = scratch_path(&here, WEIGHTS);
    pb_basis basis = PB_BASIS_EMPTY;
    pb_error found = {.message = ""};
    pb_weights *w;

    (void)state;
    for (unsigned long nth = 1; nth <= 2; nth++) {
        copy(RESNET WEIGHTS, WEIGHTS);
        inject_cut(path.text, 4, nth);
        expect_cut(pb_weights_open(&w, path.text, &found), &found, WEIGHTS);
        copy(RESNET WEIGHTS, WEIGHTS);
        inject_cut(path.text, 4, nth);
        expect_cut(pb_basis_read(&basis, path.text, &found), &found, WEIGHTS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_evaluation), SCRATCH_TEST(test_linearisation),
        SCRATCH_TEST(test_operator),   SCRATCH_TEST(test_replaced),
        SCRATCH_TEST(test_table),      SCRATCH_TEST(test_npy),
        SCRATCH_TEST(test_json),       SCRATCH_TEST(test_basis),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
