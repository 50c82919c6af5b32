/* Every allocation and every file operation fails once, in turn: an error each time, and nothing is
 * lost (the sanitizer looks for leaks). Allocations within oneDNN, OpenBLAS and LAPACKE are
 * their own. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "golden.h"
#include "inject.h"
#include "lora.h"
#include "models/model.h"
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

static pb_status evaluate_with(const pb_model *model, const context *c, pb_error *error)
{
    static const char *const taps[] = {"mid", "eps"};
    const pb_condition condition = {.timestep = 3, .class_label = 1};
    static float mid[4096], eps[1024];
    float *const out[2] = {mid, eps};
    pb_evaluator *e;
    pb_status status;

    PB_TRY(pb_evaluator_new(&e, model, 8, 12, NULL, error));
    status = pb_evaluate(e, &condition, 1, pb_tensor_count(&c->x), c->x.data, 2, taps, out, error);
    pb_evaluator_free(e);
    return status;
}

static pb_status evaluate(void *data, pb_error *error)
{
    const context *c = data;

    return evaluate_with(c->model, c, error);
}

/* Of a model whose weights are still to be read. */
static pb_status open_and_evaluate(void *data, pb_error *error)
{
    pb_model *model;
    pb_status status;

    PB_TRY(pb_model_open(&model, MODEL, error));
    status = evaluate_with(model, data, error);
    pb_model_free(model);
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
    PB_TRY(pb_linearise(&l, c->model, &map, &c->x, NULL, error));
    status = pb_svd_compute(&svd, pb_linearisation_operator(l), &options, NULL, error);
    if (status == PB_OK)
        status = pb_basis_from_svd(&c->basis, svd, &map, &options, l, &c->x, error);
    if (status == PB_OK)
        status = pb_basis_set_model(&c->basis, "m", "h", error);
    pb_svd_free(svd);
    pb_linearisation_free(l);
    return status;
}

/* The same in one call, with a mask and a null space. */
static pb_status compute_masked(void *data, pb_error *error)
{
    const context *c = data;
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;
    const size_t shape[2] = {8, 12}, rows[4] = {2, c->x.shape[1], 8, 12};
    pb_tensor mask = PB_TENSOR_EMPTY, start = PB_TENSOR_EMPTY;
    pb_status status = pb_tensor_new(&mask, 2, shape, error);

    if (status == PB_OK)
        status = pb_tensor_new(&start, 4, rows, error);
    if (status == PB_OK) {
        mask.data[40] = mask.data[41] = 1;
        start.data[0] = start.data[pb_tensor_count(&start) - 1] = 1;
        request.map.to = "eps";
        request.map.condition = (pb_condition){.timestep = 3, .class_label = 1};
        request.svd.rank = 2;
        request.svd.block = 2;
        request.mask = &mask;
        request.null_rank = 1;
        request.start = &start;
        status = pb_basis_compute(&basis, NULL, NULL, c->model, &request, &c->x, NULL, error);
    }
    pb_basis_clear(&basis);
    pb_tensor_clear(&mask);
    pb_tensor_clear(&start);
    return status;
}

/* Both kinds of mean, and transport to the result. */
static pb_status travel(void *data, pb_error *error)
{
    const context *c = data;
    const pb_basis *bases[2] = {&c->basis, &c->basis};
    pb_mean_report report;
    pb_tensor v = PB_TENSOR_EMPTY;
    pb_status status = PB_OK;
    double power[4] = {0};

    for (int kind = 0; status == PB_OK && kind < 2; kind++) {
        pb_basis mean = PB_BASIS_EMPTY;
        pb_tensor_clear(&v);
        status = pb_basis_mean(&mean, &report, 2, bases, kind ? PB_MEAN_MATCHED : PB_MEAN_KARCHER,
                               0, NULL, error);
        if (status == PB_OK)
            status =
                pb_transport(NULL, &c->basis, PB_TRANSPORT_PROJECTION, &mean.u, &v, NULL, error);
        pb_basis_clear(&mean);
    }
    if (status == PB_OK)
        status = pb_radial_power(1, 8, 12, v.data, 1, 4, power, error);
    if (status == PB_OK)
        status = pb_project(NULL, &c->basis, &v, NULL, error);
    pb_tensor_clear(&v);
    return status;
}

static pb_status identity(void *unused, size_t k, const float *x, size_t ldx, float *y, size_t ldy,
                          pb_error *error)
{
    (void)unused;
    (void)error;
    for (size_t j = 0; j < k; j++)
        memcpy(y + j * ldy, x + j * ldx, 4 * sizeof *x);
    return PB_OK;
}

static pb_status solve(void *data, pb_error *error)
{
    const pb_operator op = {.rows = 4, .cols = 4, .apply = identity, .apply_transpose = identity};
    const float weights[4] = {1, 2, 3, 4}, n[4] = {1}, b[4] = {1, 1, 1, 1};
    pb_operator *weighed = NULL, *deflated = NULL;
    pb_solution solution;
    pb_status status;
    float x[4];

    (void)data;
    status = pb_operator_weigh(&weighed, &op, op.rows, weights, error);
    if (status == PB_OK)
        status = pb_operator_deflate(&deflated, weighed, 1, op.cols, n, error);
    if (status == PB_OK)
        status = pb_least_squares(&solution, op.cols, x, deflated, op.rows, b, 0.1, 1e-6, 0, NULL,
                                  error);
    pb_operator_free(deflated);
    pb_operator_free(weighed);
    return status;
}

/* A pipeline: sd1-tiny but for its tokenizer, whose real one makes fifty thousand allocations. */
static void make_pipeline(const scratch *s)
{
    static const char *const parts[] = {"model_index.json", "scheduler", "unet", "vae",
                                        "text_encoder"};
    static const char vocab[] = "{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1, \"a\": 2, "
                                "\"b\": 3, \"b</w>\": 4, \"ab</w>\": 5}";
    static const char merges[] = "#version: 0.2\na b</w>\n";

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char target[512];
        snprintf(target, sizeof target, GOLDEN "sd1-tiny/%s", parts[i]);
        assert_int_equal(symlink(target, scratch_path(s, parts[i]).text), 0);
    }
    assert_int_equal(mkdir(scratch_path(s, "tokenizer").text, 0777), 0);
    scratch_write(s, "tokenizer/vocab.json", vocab, sizeof vocab - 1);
    scratch_write(s, "tokenizer/merges.txt", merges, sizeof merges - 1);
}

/* Prompts and pictures: all that a text-conditioned latent model opens and computes beside its
 * U-Net. */
static pb_status pipeline(void *data, pb_error *error)
{
    const context *c = data;
    static float pixels[3 * 8 * 8], hidden[77 * 32];
    const pb_tensor image = {.rank = 4, .shape = {1, 3, 8, 8}, .data = pixels};
    pb_tensor latent = PB_TENSOR_EMPTY, decoded = PB_TENSOR_EMPTY;
    pb_text_encoder *text = NULL;
    pb_autoencoder *vae = NULL;
    pb_model *model;
    uint32_t ids[77];
    char *rest = NULL;
    pb_status status;

    PB_TRY(pb_model_open(&model, c->folder.folder, error));
    status = pb_text_encoder_open(&text, model, error);
    if (status == PB_OK)
        status = pb_text_encoder_tokens(text, "ab ab", 77, ids, NULL, &rest, error);
    if (status == PB_OK)
        status = pb_text_encoder_embed(text, 1, 77, ids, hidden, NULL, NULL, error);
    if (status == PB_OK)
        status = pb_autoencoder_open(&vae, model, error);
    if (status == PB_OK)
        status = pb_encode(vae, &image, &latent, NULL, error);
    if (status == PB_OK)
        status = pb_decode(vae, &latent, &decoded, NULL, error);
    pb_tensor_clear(&latent);
    pb_tensor_clear(&decoded);
    pb_text_free(rest);
    pb_text_encoder_free(text);
    pb_autoencoder_free(vae);
    pb_model_free(model);
    return status;
}

/* A LoRA of a text encoder's and of a U-Net's layers, with what fits nothing, and the weights with
 * it. */
static pb_status open_lora(void *data, pb_error *error)
{
    const context *c = data;
    const scratch_name path = scratch_path(&c->folder, "lora.safetensors");
    const pb_lora loras[] = {{path.text, 1}, {path.text, -0.5}};
    const pb_model_options options = {.loras = loras, .lora_count = 2};
    const pb_stored *conv;
    char hash[65], *text = NULL;
    pb_model *model;
    pb_status status;
    float *values = NULL;

    PB_TRY(pb_model_open_with(&model, c->folder.folder, &options, error));
    conv = pb_weights_find(model->weights, "mid_block.resnets.0.conv1.weight");
    assert_int_equal(conv->added_count, 2);
    status = pb_stored_load(&values, conv, error);
    if (status == PB_OK)
        status = pb_model_hash(model, hash, NULL, error);
    if (status == PB_OK)
        status = pb_model_describe_loras(model, &text, NULL, error);
    pb_text_free(text);
    pb_free(values);
    pb_model_free(model);
    return status;
}

static void write_lora(const scratch *s)
{
    json_t *all = lora_recipe("locon");

    here = *s;
    lora_add(all, "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "F16", "[1, 32]",
             1);
    lora_add(all, "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", "F16", "[64, 1]",
             1);
    lora_add(all, "lora_unet_nothing.alpha", "F32", "[]", 1);
    lora_write_tensors("lora.safetensors", all, NULL);
    json_decref(all);
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
                       const pb_run *run, pb_error *error)
{
    (void)run;
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
    options.own_noise = 1;
    PB_TRY(pb_schedule_new(&schedule, &PB_SCHEDULE_DEFAULTS, error));
    status = pb_ddim(schedule, &denoiser, 1, denoiser.size, x, 4, 0, &options, NULL, error);
    if (status == PB_OK)
        status = pb_guide(schedule, &denoiser, 5, denoiser.size, x, 1, v, &guidance, 2, out, NULL,
                          error);
    pb_schedule_free(schedule);
    return status;
}

static void test_each(void **state)
{
    (void)state;
    /* Recommendations are looked for with stat, which may fail unnoticed: the file is optional. */
    assert_true(inject_each(INJECT_MEMORY, open_model, NULL, &shared, false) > 50);
    assert_true(inject_each(INJECT_MEMORY, evaluate, NULL, &shared, false) > 10);
    assert_true(inject_each(INJECT_MEMORY, compute, NULL, &shared, false) > 50);
    assert_true(inject_each(INJECT_MEMORY, compute_masked, NULL, &shared, false) > 50);
    assert_true(inject_each(INJECT_MEMORY, travel, NULL, &shared, false) > 20);
    assert_true(inject_each(INJECT_MEMORY, solve, NULL, &shared, false) > 3);
    make_pipeline(&shared.folder);
    assert_true(inject_each(INJECT_MEMORY, pipeline, NULL, &shared, false) > 100);
    write_lora(&shared.folder);
    assert_true(inject_each(INJECT_MEMORY, open_lora, NULL, &shared, false) > 500);
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
    assert_true(inject_each(INJECT_FILES, open_and_evaluate, check_opened, &shared, true) > 100);
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
