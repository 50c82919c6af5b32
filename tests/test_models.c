/* Models as people have them, and as nobody should: folders, configs, weights, schedulers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/memory.h"
#include "networks.h"
#include "op_harness.h"
#include "scratch.h"

#define DDPM GOLDEN "unet2d-ddpm"

/* -- making models -------------------------------------------------------------------------------
 */

static void copy_file(const char *from, const char *name)
{
    FILE *file = fopen(from, "rb");
    char *bytes = malloc(4u << 20);
    size_t count;

    assert_non_null(file);
    assert_non_null(bytes);
    count = fread(bytes, 1, 4u << 20, file);
    fclose(file);
    scratch_write(&here, name, bytes, count);
    free(bytes);
}

/* A copy of the golden network in the scratch folder, its config changed by a JSON object (see
 * scratch_change). */
static void make_model(const char *changes)
{
    copy_file(DDPM "/config.json", "config.json");
    scratch_change(&here, "config.json", changes);
    copy_file(DDPM "/scheduler_config.json", "scheduler_config.json");
    copy_file(DDPM "/diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors");
}

static void expect_ok(const char *name)
{
    pb_error error = {0};
    pb_model *model;

    if (pb_model_open(&model, name, &error) != PB_OK)
        fail_msg("%s", error.message);
    pb_model_free(model);
}

static void expect_error(const char *name, pb_status status, const char *message)
{
    pb_error error = {0};
    pb_model *model = NULL;
    pb_status found = pb_model_open(&model, name, &error);

    if (found == PB_OK) {
        pb_model_free(model);
        fail_msg("opened, expected \"%s\"", message);
    }
    if ((int)status >= 0 && found != status)
        fail_msg("%s instead of %s: %s", pb_status_name(found), pb_status_name(status),
                 error.message);
    if (!strstr(error.message, message))
        fail_msg("expected \"%s\", found \"%s\"", message, error.message);
}

/* -- variants against golden values
 * ---------------------------------------------------------------- */

static void test_variants(void **state)
{
    static const char *const names[] = {"classes", "variance", "resnet", "heads",
                                        "cross",   "plain",    "odd"};
    static const char *const tap = "out";

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pb_linearisation *l;
        pb_evaluator *e;
        char path[64];

        snprintf(path, sizeof path, "variants/%s", names[i]);
        network n = open_network(path, "io");
        const pb_model_info *info = pb_model_get_info(n.model);
        pb_tensor v = golden(n.io, "v"), out = golden(n.io, "out"), jvp = golden(n.io, "jvp");
        size_t count = pb_tensor_count(&out);
        float *value = pb_malloc(count, sizeof *value);

        print_message("%s\n", names[i]);
        assert_int_equal(info->learned_variance,
                         !strcmp(names[i], "variance") || !strcmp(names[i], "plain"));
        /* All say clip_sample; of text it is taken for false. */
        assert_int_equal(info->clip.kind, info->context_width ? PB_CLIP_NONE : PB_CLIP_RANGE);
        assert_int_equal(info->ignored != NULL, info->clip.kind == PB_CLIP_RANGE);
        MUST(pb_evaluator_new(&e, n.model, n.x.shape[2], n.x.shape[3], NULL, error));
        MUST(pb_evaluate(e, &n.condition, 1, pb_tensor_count(&n.x), n.x.data, 1, &tap, &value,
                         error));
        assert_near("out", value, out.data, count, 1e-5);
        l = linearise_network(&n, "x", "out", 0);
        pb_tensor image = apply_to(l, false, v.data);
        assert_near("jvp", image.data, jvp.data, count, 3e-6);
        pb_tensor back = apply_to(l, true, out.data); /* <J v, out> = <v, J^T out> */
        double left = inner(jvp.data, out.data, count), right = inner(v.data, back.data, count);
        double size = sqrt(inner(jvp.data, jvp.data, count) * inner(out.data, out.data, count));
        assert_true(fabs(left - right) < 3e-6 * size);
        pb_tensor_clear(&back);

        const pb_condition wrong = {.timestep = n.condition.timestep,
                                    .class_label = info->class_conditional ? -1 : 3};
        assert_int_equal(
            pb_evaluate(e, &wrong, 1, pb_tensor_count(&n.x), n.x.data, 1, &tap, &value, NULL),
            PB_INVALID);
        pb_free(value);
        pb_tensor_clear(&image);
        pb_tensor_clear(&v);
        pb_tensor_clear(&out);
        pb_tensor_clear(&jvp);
        pb_linearisation_free(l);
        pb_evaluator_free(e);
        close_network(&n);
    }
}

/* -- configs
 * ----------------------------------------------------------------------------------------- */

static void test_configs(void **state)
{
    static const struct {
        const char *changes, *message; /* NULL: opens */
    } cases[] = {
        {"{}", NULL},
        {"{\"_anything\": [1, {}]}", NULL},
        {"{\"dropout\": 0.3, \"num_train_timesteps\": 17}", NULL},
        {"{\"mid_block_scale_factor\": \"-\", \"act_fn\": \"-\"}", NULL},
        {"{\"act_fn\": \"swish\"}", NULL},
        {"{\"down_block_types\": [\"UNetResDownBlock2D\", \"AttnDownBlock2D\", \"DownBlock2D\"]}",
         NULL},
        {"{\"new_field\": 1}", "new_field"},
        {"{\"_class_name\": \"-\"}", "not a model of diffusers"},
        {"{\"_class_name\": \"UNet3DConditionModel\"}", "\"UNet2DConditionModel\""},
        {"{\"_class_name\": \"FluxTransformer2DModel\"}", "\"FluxTransformer2DModel\""},
        {"{\"time_embedding_type\": \"fourier\"}", "time_embedding_type: \"fourier\""},
        {"{\"time_embedding_type\": \"learned\"}", "\"learned\""},
        {"{\"down_block_types\": [\"SkipDownBlock2D\", \"AttnSkipDownBlock2D\", "
         "\"SkipDownBlock2D\"]}",
         "NCSN++"},
        {"{\"mid_block_type\": \"UNetMidBlock2DCrossAttn\"}", "mid_block_type"},
        {"{\"mid_block_type\": null}", "no place for"},
        {"{\"act_fn\": \"tanh\"}", "act_fn: \"tanh\""},
        {"{\"resnet_time_scale_shift\": \"spatial\"}", "\"spatial\""},
        {"{\"downsample_type\": \"fir\"}", "downsample_type"},
        {"{\"class_embed_type\": \"identity\"}", "class_embed_type"},
        {"{\"num_class_embeds\": 10}", "class_embedding.weight is missing"},
        {"{\"block_out_channels\": [16, 32]}", "as many widths as block types"},
        {"{\"block_out_channels\": [16, 32, 0]}", "block_out_channels"},
        {"{\"block_out_channels\": [16, 32, 1e300]}", "block_out_channels"},
        {"{\"block_out_channels\": [16, 32, \"32\"]}", "block_out_channels"},
        {"{\"block_out_channels\": [[16], 32, 32]}", "block_out_channels"},
        {"{\"block_out_channels\": []}", "block_out_channels"},
        {"{\"block_out_channels\": [65536, 65536, 65536]}", "expected shape"},
        {"{\"layers_per_block\": 0}", "layers_per_block"},
        {"{\"layers_per_block\": 1000000000}", "layers_per_block"},
        {"{\"layers_per_block\": 2.5}", "layers_per_block"},
        {"{\"layers_per_block\": 3}", "is missing"},
        {"{\"layers_per_block\": 1}", "expected shape"},
        {"{\"in_channels\": -1}", "in_channels"},
        {"{\"out_channels\": 4}", "out_channels"},
        {"{\"out_channels\": 6}", "conv_out.weight: expected shape (6, 16, 3, 3)"},
        {"{\"sample_size\": 15}", NULL}, /* no size it takes, but nobody asks for it */
        {"{\"sample_size\": [16, 18]}", NULL},
        {"{\"sample_size\": null}", NULL},
        {"{\"sample_size\": 0}", "sample_size"},
        {"{\"sample_size\": [16, 16, 16]}", "sample_size"},
        {"{\"norm_num_groups\": 7}", "groups"},
        {"{\"norm_num_groups\": null}", "norm_num_groups"},
        {"{\"norm_eps\": -1}", "norm_eps"},
        {"{\"attention_head_dim\": 64}", "attention_head_dim"},
        {"{\"freq_shift\": 8}", "freq_shift"},
        {"{\"downsample_padding\": 2}", "downsample_padding"},
        {"{\"center_input_sample\": \"yes\"}", "center_input_sample"},
        {"{\"add_attention\": false}", "no place for"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_model(cases[i].changes);
        if (cases[i].message)
            expect_error(here.folder, (pb_status)-1, cases[i].message);
        else
            expect_ok(here.folder);
    }
}

/* -- sizes
 * -------------------------------------------------------------------------------------------- */

/* A tap of a model that takes such images is height x width there. */
static void expect_size(const pb_model *model, const char *tap, size_t image_height,
                        size_t image_width, size_t height, size_t width)
{
    size_t shape[3];

    MUST(pb_model_tap_shape(model, tap, image_height, image_width, shape, error));
    assert_int_equal(shape[1], height);
    assert_int_equal(shape[2], width);
}

static void refuse_size(const pb_model *model, size_t height, size_t width, const char *message)
{
    pb_error error = {0};
    size_t shape[3];

    assert_int_equal(pb_model_tap_shape(model, "out", height, width, shape, &error), PB_INVALID);
    if (!strstr(error.message, message))
        fail_msg("expected \"%s\", found \"%s\"", message, error.message);
}

/* UNet2DModel doubles what it halved, which must come to the same; UNet2DConditionModel enlarges to
 * what it comes from. A sample_size that is not taken is in nobody's way. */
static void test_sizes(void **state)
{
    const pb_model_info *info;
    pb_model *model;

    (void)state;
    make_model("{\"sample_size\": 15}");
    MUST(pb_model_open(&model, here.folder, error));
    info = pb_model_get_info(model);
    assert_true(info->sample_height == 15 && info->sample_width == 15);
    assert_true(info->size_multiple == 4 && info->size_least == 4);
    expect_size(model, "mid", 4, 20, 1, 5);
    refuse_size(model, 15, 15, "15x15 (height x width): this network takes multiples of 4 up to");
    refuse_size(model, 0, 4, "multiples of 4");
    pb_model_free(model);

    MUST(pb_model_open(&model, GOLDEN "unet2d-cond-sd1", error));
    info = pb_model_get_info(model);
    assert_true(info->size_multiple == 1 && info->size_least == 1);
    expect_size(model, "out", 1, 5, 1, 5);
    expect_size(model, "mid", 9, 13, 3, 4);
    refuse_size(model, 5, 0, "heights and widths from 1 to 65536");
    pb_model_free(model);

    /* A number below 64 that an early release wrote is 64. */
    static const struct {
        const char *change;
        size_t size;
    } early[] = {
        {"{\"sample_size\": 32, \"_diffusers_version\": \"0.8.1\"}", 64},
        {"{\"sample_size\": 32, \"_diffusers_version\": \"0.9.0\"}", 32},
        {"{\"sample_size\": 32, \"_diffusers_version\": \"-\"}", 32},
        {"{\"sample_size\": [32, 32], \"_diffusers_version\": \"0.6.0\"}", 32},
        {"{\"sample_size\": 96, \"_diffusers_version\": \"0.6.0\"}", 96},
    };
    for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
        scratch_copy(&here, GOLDEN "unet2d-cond-sd1", "early");
        scratch_change(&here, "early/config.json", early[i].change);
        MUST(pb_model_open(&model, scratch_path(&here, "early").text, error));
        assert_int_equal(pb_model_get_info(model)->sample_height, early[i].size);
        pb_model_free(model);
        scratch_close(&here);
        scratch_open(&here);
    }
    scratch_copy(&here, GOLDEN "sdxl-tiny", "xl"); /* none: that of its pipeline */
    scratch_change(&here, "xl/unet/config.json", "{\"sample_size\": null}");
    MUST(pb_model_open(&model, scratch_path(&here, "xl").text, error));
    assert_int_equal(pb_model_get_info(model)->sample_height, 128);
    pb_model_free(model);

    MUST(pb_model_open(&model, GOLDEN "variants/odd", error)); /* padded at the end only */
    info = pb_model_get_info(model);
    assert_true(info->size_multiple == 1 && info->size_least == 4);
    expect_size(model, "mid", 4, 11, 1, 2);
    expect_size(model, "up.1", 4, 11, 4, 11);
    refuse_size(model, 3, 11, "heights and widths from 4 to 65536");
    pb_model_free(model);
}

static void test_schedulers(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"_class_name\": \"PNDMScheduler\", \"skip_prk_steps\": true}", NULL},
        {"{\"beta_schedule\": \"squaredcos_cap_v2\", \"prediction_type\": \"sample\"}", NULL},
        {"{\"trained_betas\": [0.1, 0.2, 0.3]}", NULL},
        {"{\"trained_betas\": [0.1, 0.2], \"num_train_timesteps\": 3}", "trained_betas"},
        {"{\"trained_betas\": [0.1, 1.2]}", "beta = 1.2"},
        {"{\"_class_name\": \"DPMSolverMultistepScheduler\", \"lambda_min_clipped\": -Infinity}",
         NULL},
        {"{\"_class_name\": \"LCMScheduler\", \"original_inference_steps\": 50}", NULL},
        {"{\"beta_end\": Infinity}", "beta_end"},
        {"{\"beta_schedule\": \"sigmoid\"}", "beta_schedule: \"sigmoid\""},
        {"{\"prediction_type\": \"flow_prediction\"}", "\"flow_prediction\""},
        {"{\"_class_name\": \"ScoreSdeVeScheduler\"}", "\"ScoreSdeVeScheduler\""},
        {"{\"rescale_betas_zero_snr\": true}", "rescale_betas_zero_snr"},
        {"{\"rescale_betas_zero_snr\": true, \"prediction_type\": \"v_prediction\"}", NULL},
        {"{\"num_train_timesteps\": 1}", "num_train_timesteps"},
        {"{\"num_train_timesteps\": 1e18}", "num_train_timesteps"},
        {"{\"beta_start\": 0}", "beta_start"},
        {"{\"beta_end\": 2}", "beta_end"},
        {"{\"shift\": 3}", "shift"},
        {"{\"predict_epsilon\": false}", "predict_epsilon"},
        {"{\"clip_sample_range\": 0}", "clip_sample_range: expected a number from 1e-06"},
        {"{\"clip_sample_range\": 0, \"clip_sample\": false}", NULL},
        {"{\"thresholding\": true, \"dynamic_thresholding_ratio\": 2}",
         "dynamic_thresholding_ratio: expected a number from 0 to 1, found 2"},
        {"{\"thresholding\": true, \"sample_max_value\": -1}", "sample_max_value"},
        {"{\"thresholding\": true, \"clip_sample_range\": 0}", NULL},
        {"[]", "object"},
        {"", "scheduler_config.json"},
    };

    (void)state;
    make_model("{}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_write(&here, "scheduler_config.json", cases[i].text, strlen(cases[i].text));
        if (cases[i].message)
            expect_error(here.folder, (pb_status)-1, cases[i].message);
        else
            expect_ok(here.folder);
    }
}

/* -- folders
 * ------------------------------------------------------------------------------------------ */

static void test_folders(void **state)
{
    static const char pipeline[] = "{\"_class_name\": \"%s\", \"unet\": [\"diffusers\", \"%s\"], "
                                   "\"scheduler\": [\"diffusers\", \"DDPMScheduler\"]}";
    static const char transformer[] =
        "{\"_class_name\": \"FluxPipeline\", \"transformer\": [\"diffusers\", \"x\"]}";
    pb_error e = {.status = PB_OK};
    pb_model *model;
    char text[512];

    (void)state;
    scratch_folder(&here, "p");
    scratch_folder(&here, "p/unet");
    scratch_folder(&here, "p/scheduler");
    snprintf(text, sizeof text, pipeline, "DDPMPipeline", "UNet2DModel");
    scratch_write(&here, "p/model_index.json", text, strlen(text));
    copy_file(DDPM "/config.json", "p/unet/config.json");
    copy_file(DDPM "/diffusion_pytorch_model.safetensors",
              "p/unet/diffusion_pytorch_model.safetensors");
    expect_error(scratch_path(&here, "p").text, PB_IO, "scheduler_config.json");
    copy_file(DDPM "/scheduler_config.json", "p/scheduler/scheduler_config.json");
    expect_ok(scratch_path(&here, "p").text);
    snprintf(text, sizeof text, pipeline, "StableDiffusionXLPipeline", "UNet3DConditionModel");
    scratch_write(&here, "p/model_index.json", text, strlen(text));
    expect_error(scratch_path(&here, "p").text, PB_UNSUPPORTED, "StableDiffusionXLPipeline");
    scratch_write(&here, "p/model_index.json", transformer, strlen(transformer));
    expect_error(scratch_path(&here, "p").text, PB_UNSUPPORTED, "FluxPipeline has no U-Net");
    expect_error(here.folder, PB_UNSUPPORTED, "not a model in the diffusers layout");
    scratch_folder(&here, "files");
    scratch_write(&here, "files/b.pt", "x", 1);
    expect_error(scratch_path(&here, "files").text, PB_UNSUPPORTED, "by its path: ");
    expect_error(scratch_path(&here, "files").text, PB_UNSUPPORTED, "/files/b.pt)");
    scratch_write(&here, "files/a.safetensors", "x", 1);
    expect_error(scratch_path(&here, "files").text, PB_UNSUPPORTED,
                 "/files/a.safetensors, one of 2 there)");
    expect_error(scratch_path(&here, "absent").text, PB_IO, "no such model");
    expect_error("absent.safetensors", PB_IO, "there is no such folder or file");
    expect_error("./absent", PB_IO, "there is no such folder or file");
    expect_error("absent/one", PB_IO, "(pullback fetch absent/one brings it there)");
    expect_error("", PB_INVALID, "empty");

    copy_file(DDPM "/config.json", "config.json");
    expect_error(here.folder, PB_IO, "no scheduler_config.json");
    assert_int_equal(
        pb_model_open_with(&model, here.folder, &(pb_model_options){.schedule = "ddim"}, &e),
        PB_IO);
    assert_string_equal(e.message, "ddim: expected the schedule \"ddpm\" or a "
                                   "scheduler_config.json: No such file or directory");
    copy_file(DDPM "/scheduler_config.json", "scheduler_config.json");
    expect_error(here.folder, PB_IO, "no weights");
    scratch_write(&here, "model.ckpt", "x", 1);
    expect_error(here.folder, PB_UNSUPPORTED, "under these names are not read: model.ckpt");
    scratch_write(&here, "diffusion_pytorch_model.bin", "x", 1);
    expect_error(here.folder, PB_FORMAT, "diffusion_pytorch_model.bin: not a safetensors file");
}

/* The names that diffusers gives the weights of a variant: one file, and several with an index. */
static void test_weight_names(void **state)
{
    static const char shard[] = "diffusion_pytorch_model.fp16-00001-of-00001.safetensors";
    json_t *map = json_object(), *index;
    pb_weights *weights;
    char *text;

    (void)state;
    copy_file(DDPM "/config.json", "config.json");
    copy_file(DDPM "/scheduler_config.json", "scheduler_config.json");
    copy_file(DDPM "/diffusion_pytorch_model.safetensors",
              "diffusion_pytorch_model.fp16.safetensors");
    expect_ok(here.folder);
    unlink(scratch_path(&here, "diffusion_pytorch_model.fp16.safetensors").text);
    expect_error(here.folder, PB_IO, "expected diffusion_pytorch_model.safetensors");
    copy_file(DDPM "/diffusion_pytorch_model.safetensors", shard);
    MUST(pb_weights_open(&weights, DDPM "/diffusion_pytorch_model.safetensors", error));
    for (size_t i = 0; i < pb_weights_count(weights); i++)
        json_object_set_new(map, pb_weights_at(weights, i)->name, json_string(shard));
    pb_weights_free(weights);
    index = json_pack("{s:{}, s:o}", "metadata", "weight_map", map);
    text = json_dumps(index, 0);
    assert_non_null(text);
    scratch_write(&here, "diffusion_pytorch_model.safetensors.index.fp16.json", text, strlen(text));
    free(text);
    json_decref(index);
    expect_ok(here.folder);
}

/* -- weights
 * ------------------------------------------------------------------------------------------ */

/* All tensors of the golden network, for the writer; names may be changed. */
typedef struct tensors {
    size_t count;
    pb_named_tensor named[512];
    pb_tensor tensor[512];
    char name[512][128];
} tensors;

static tensors *read_tensors(void)
{
    tensors *t = calloc(1, sizeof *t);
    pb_weights *w;

    assert_non_null(t);
    MUST(pb_weights_open(&w, DDPM "/diffusion_pytorch_model.safetensors", error));
    for (size_t i = 0; i < pb_weights_count(w); i++) {
        const pb_stored *stored = pb_weights_at(w, i);
        MUST(pb_tensor_new(&t->tensor[i], stored->rank, stored->shape, error));
        MUST(pb_stored_read(stored, t->tensor[i].data, error));
        snprintf(t->name[i], sizeof t->name[i], "%s", stored->name);
        t->named[i] = (pb_named_tensor){t->name[i], &t->tensor[i]};
    }
    t->count = pb_weights_count(w);
    pb_weights_free(w);
    return t;
}

static void write_tensors(const tensors *t, size_t count)
{
    MUST(pb_safetensors_write(scratch_path(&here, "diffusion_pytorch_model.safetensors").text,
                              count, t->named, 0, NULL, error));
}

static void free_tensors(tensors *t)
{
    for (size_t i = 0; i < t->count; i++)
        pb_tensor_clear(&t->tensor[i]);
    free(t);
}

static void rename_part(char *name, const char *from, const char *to)
{
    char *at = strstr(name, from), rest[128];

    if (!at)
        return;
    snprintf(rest, sizeof rest, "%s", at + strlen(from));
    snprintf(at, 128 - (size_t)(at - name), "%s%s", to, rest);
}

static void test_weights(void **state)
{
    static const char *const renames[][2] = {
        {"to_q", "query"}, {"to_k", "key"}, {"to_v", "value"}, {"to_out.0", "proj_attn"}};
    tensors *t = read_tensors();
    size_t last = t->count - 1;
    char kept[128];

    (void)state;
    make_model("{}");
    write_tensors(t, t->count);
    expect_ok(here.folder);
    write_tensors(t, last);
    expect_error(here.folder, PB_FORMAT, "is missing");
    snprintf(kept, sizeof kept, "%s", t->name[last]);
    snprintf(t->name[last], sizeof kept, "surplus");
    write_tensors(t, t->count);
    expect_error(here.folder, PB_FORMAT, "is missing");
    snprintf(t->name[last], sizeof kept, "%s", kept);
    t->tensor[last].shape[t->tensor[last].rank++] = 1; /* (n) as (n, 1): the same */
    write_tensors(t, t->count);
    expect_ok(here.folder);
    t->tensor[last].rank--;
    for (size_t i = 0; i < t->count; i++)
        for (size_t k = 0; k < 4; k++)
            rename_part(t->name[i], renames[k][0], renames[k][1]);
    write_tensors(t, t->count);
    expect_ok(here.folder); /* attention as it was named before diffusers 0.15 */
    free_tensors(t);
}

static void test_recommended(void **state)
{
    pb_model *model;

    (void)state;
    make_model("{}");
    scratch_write(&here, "pullback.json", "{\"t\": 0.7, \"edit_iterations\": 8}", 32);
    MUST(pb_model_open(&model, here.folder, error));
    assert_true(pb_model_get_info(model)->recommended.t == 0.7);
    assert_int_equal(pb_model_get_info(model)->recommended.iterations, 8);
    assert_true(isnan(pb_model_get_info(model)->recommended.boost));
    pb_model_free(model);
    scratch_write(&here, "pullback.json", "{\"t\": 7}", 8);
    expect_error(here.folder, PB_FORMAT, "pullback.json: t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_variants), SCRATCH_TEST(test_configs),
        SCRATCH_TEST(test_sizes),    SCRATCH_TEST(test_schedulers),
        SCRATCH_TEST(test_folders),  SCRATCH_TEST(test_weight_names),
        SCRATCH_TEST(test_weights),  SCRATCH_TEST(test_recommended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
