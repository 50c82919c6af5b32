/* Single files under memory that cannot be had, and files that cannot be read: one error, and
 * nothing is left (the sanitizers see to that). */
#include <math.h>
#include <string.h>

#include "golden.h"
#include "inject.h"
#include "models/locate.h"
#include "original.h"

/* As few tensors as a family is inferred from. */
static json_t *make_list(void)
{
    static const struct {
        const char *name, *shape;
    } tensors[] = {
        {"model.diffusion_model.input_blocks.0.0.weight", "[64, 4, 3, 3]"},
        {"model.diffusion_model.input_blocks.1.0.in_layers.0.weight", "[64]"},
        {"model.diffusion_model.input_blocks.1.0.out_layers.3.weight", "[64, 64, 3, 3]"},
        {"model.diffusion_model.middle_block.1.proj_in.weight", "[64, 64]"},
        {"model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight",
         "[64, 1024]"},
        {"first_stage_model.encoder.conv_in.weight", "[32, 3, 3, 3]"},
        {"first_stage_model.encoder.down.0.block.0.norm1.weight", "[32]"},
        {"cond_stage_model.model.token_embedding.weight", "[8, 64]"},
        {"cond_stage_model.model.transformer.resblocks.0.ln_1.weight", "[64]"},
        {"cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight", "[192, 64]"},
        {"cond_stage_model.model.transformer.resblocks.1.ln_1.weight", "[64]"},
        {"model_ema.decay", "[]"},
    };
    json_t *list = json_object();

    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        original_add(list, tensors[i].name, "F32", tensors[i].shape);
    return list;
}

typedef struct request {
    const char *path;
    pb_model_options options;
} request;

/* Finds all parts; what is found is what is found without failures. */
static pb_status locate(void *context, pb_error *error)
{
    const request *r = context;
    pb_model_files files;
    pb_status status = pb_model_locate(&files, r->path, &r->options, error);

    if (status == PB_OK) {
        assert_non_null(strstr(files.inferred, "OpenCLIP's, to what enters its last layer"));
        assert_non_null(strstr(files.inferred, "autoencoder: latents scaled by 0.18215"));
        assert_non_null(strstr(files.inferred, "model_ema.…, lie beside them"));
        assert_non_null(strstr(files.parts[PB_ROLE_TOKENIZER].folder,
                               r->options.config ? r->options.config : "tokenizers/openclip"));
        assert_int_equal(pb_weights_count(files.parts[PB_ROLE_TEXT_ENCODER].selected), 5);
        pb_model_files_clear(&files);
    } else
        assert_null(files.folder);
    return status;
}

/* Opens a network by its configs, and reads it. */
static pb_status open_network(void *context, pb_error *error)
{
    const request *r = context;
    pb_model *model;
    pb_status status = pb_model_open_with(&model, r->path, &r->options, error);

    assert_int_equal(model != NULL, status == PB_OK);
    pb_model_free(model);
    return status;
}

/* Whether something is there is asked by stat and realpath: where these fail, it is not. */
static void check(void *context, pb_status status, const char *failed)
{
    (void)context;
    if (status == PB_OK && failed && strcmp(failed, "stat") && strcmp(failed, "realpath"))
        fail_msg("%s failed, and nobody noticed", failed);
}

static void test_locate(void **state)
{
    static const char yaml[] = "model:\n  params:\n    parameterization: v\n";
    const scratch_name path = scratch_path(&here, "m.safetensors");
    const scratch_name vae = scratch_path(&here, "vae.safetensors");
    const scratch_name configs = scratch_path(&here, "configs");
    request r = {path.text, {.prediction_type = "epsilon", .vae = vae.text}};
    json_t *list = make_list();

    (void)state;
    original_write("m.safetensors", list, &(original_file){0});
    original_keep(list, "first_stage_model.");
    original_write("vae.safetensors", list, &(original_file){0});
    json_decref(list);
    assert_true(inject_each(INJECT_FILES, locate, check, &r, true) > 10);
    scratch_write(&here, "m.yaml", yaml, strlen(yaml));
    assert_true(inject_each(INJECT_MEMORY, locate, NULL, &r, false) > 60);
    scratch_folder(&here, "configs");
    scratch_copy(&here, GOLDEN "sd2-tiny/tokenizer", "configs/tokenizer");
    r.options.config = configs.text;
    assert_true(inject_each(INJECT_MEMORY, locate, NULL, &r, false) > 60);
}

static void test_open(void **state)
{
    const scratch_name path = scratch_path(&here, "m.safetensors");
    request r = {path.text, {.config = GOLDEN "sd1-tiny"}};
    json_t *list = original_list("sd1-tiny");

    (void)state;
    original_keep(list, "model.diffusion_model.");
    original_write("m.safetensors", list, &(original_file){.folder = GOLDEN "sd1-tiny"});
    json_decref(list);
    assert_true(inject_each(INJECT_FILES, open_network, check, &r, true) > 5);
    assert_true(inject_each(INJECT_MEMORY, open_network, NULL, &r, false) > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_locate),
        SCRATCH_TEST(test_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
