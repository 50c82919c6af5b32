/* What is read where several files could be meant: with two different contents present, that which
 * diffusers or transformers read (their from_pretrained in 0.42 and 5.24). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/memory.h"
#include "golden.h"
#include "models/weights_files.h"
#include "scratch.h"
#include "torch_file.h"

#define DDPM GOLDEN "unet2d-ddpm"
#define SD1 GOLDEN "sd1-tiny"
#define WEIGHTS "diffusion_pytorch_model"

static void put(const char *name, const char *text)
{
    scratch_write(&here, name, text, strlen(text));
}

static void expect_failure(const char *name, pb_status status, const char *message)
{
    pb_error error = {0};
    pb_model *model = NULL;
    pb_status found = pb_model_open(&model, name, &error);

    pb_model_free(model);
    if (found != status || !strstr(error.message, message))
        fail_msg("expected \"%s\", found %d \"%s\"", message, found, error.message);
}

/* -- weights ------------------------------------------------------------------------------------
 */

/* Writes the golden network's weights times `scale`; part: 0 all, 1 and 2 the halves of them. */
static void write_weights(const char *name, float scale, int part)
{
    pb_weights *w;
    pb_named_tensor named[512];
    pb_tensor tensors[512];
    size_t count = 0, first, last;

    MUST(pb_weights_open(&w, DDPM "/" WEIGHTS ".safetensors", error));
    first = part == 2 ? pb_weights_count(w) / 2 : 0;
    last = part == 1 ? pb_weights_count(w) / 2 : pb_weights_count(w);
    for (size_t i = first; i < last; i++, count++) {
        const pb_stored *stored = pb_weights_at(w, i);
        tensors[count] = PB_TENSOR_EMPTY;
        MUST(pb_tensor_new(&tensors[count], stored->rank, stored->shape, error));
        MUST(pb_stored_read(stored, tensors[count].data, error));
        for (size_t k = 0; k < stored->count; k++)
            tensors[count].data[k] *= scale;
        named[count] = (pb_named_tensor){stored->name, &tensors[count]};
    }
    MUST(pb_safetensors_write(scratch_path(&here, name).text, count, named, 0, NULL, error));
    while (count-- > 0)
        pb_tensor_clear(&tensors[count]);
    pb_weights_free(w);
}

/* The same as torch.save writes it. */
static void write_bin(const char *name, const char *safetensors)
{
    pb_weights *w;

    MUST(pb_weights_open(&w, scratch_path(&here, safetensors).text, error));
    write_torch(scratch_path(&here, name).text, w, 0, pb_weights_count(w), NULL);
    pb_weights_free(w);
}

/* Two files and their index. */
static void write_shards(const char *folder, float scale)
{
    static const char *const names[] = {WEIGHTS "-00001-of-00002.safetensors",
                                        WEIGHTS "-00002-of-00002.safetensors"};
    json_t *map = json_object(), *index = json_pack("{s:{}, s:o}", "metadata", "weight_map", map);
    char path[300], *text;

    for (int i = 0; i < 2; i++) {
        pb_weights *w;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        write_weights(path, scale, i + 1);
        MUST(pb_weights_open(&w, scratch_path(&here, path).text, error));
        for (size_t k = 0; k < pb_weights_count(w); k++)
            json_object_set_new(map, pb_weights_at(w, k)->name, json_string(names[i]));
        pb_weights_free(w);
    }
    text = json_dumps(index, 0);
    snprintf(path, sizeof path, "%s/" WEIGHTS ".safetensors.index.json", folder);
    put(path, text);
    free(text);
    json_decref(index);
}

/* Is what the model computes what the golden weights do? */
static bool is_golden(const pb_model *model)
{
    static const char *const tap = "eps";
    pb_condition condition = PB_CONDITION_DEFAULTS;
    pb_evaluator *e;
    pb_weights *io;
    bool result;

    MUST(pb_weights_open(&io, DDPM "/io.safetensors", error));
    pb_tensor x = golden(io, "x"), expected = golden(io, "out.eps");
    float *found = pb_malloc(pb_tensor_count(&expected), sizeof *found);
    condition.timestep = golden_timestep(io);
    MUST(pb_evaluator_new(&e, model, x.shape[2], x.shape[3], NULL, error));
    MUST(pb_evaluate(e, &condition, 1, pb_tensor_count(&x), x.data, 1, &tap, &found, error));
    result = relative_error(found, expected.data, pb_tensor_count(&expected)) < 1e-5;
    pb_evaluator_free(e);
    pb_free(found);
    pb_tensor_clear(&x);
    pb_tensor_clear(&expected);
    pb_weights_free(io);
    return result;
}

/* Opens the model: are the golden weights read, and is what is not read named? */
static void expect_golden(const char *name, bool golden, const char *unused)
{
    pb_model *model;
    const char *found;

    MUST(pb_model_open(&model, name, error));
    found = pb_model_get_info(model)->unused;
    if (unused ? !found || !strstr(found, unused) : found != NULL)
        fail_msg("unused: expected %s, found %s", unused ? unused : "nothing",
                 found ? found : "nothing");
    assert_int_equal(is_golden(model), golden);
    pb_model_free(model);
}

/* diffusers: a.save_pretrained(d), then b.save_pretrained(d, max_shard_size=…) leaves both. */
static void test_index_beside_file(void **state)
{
    char model[600];

    (void)state;
    snprintf(model, sizeof model, "%s/m", here.folder);
    scratch_copy(&here, DDPM, "m");
    write_weights("m/" WEIGHTS ".safetensors", 0.5f, 0);
    expect_golden(model, false, NULL);
    write_shards("m", 1);
    expect_golden(model, true, "m/" WEIGHTS ".safetensors");
}

static void test_variants(void **state)
{
    char model[600];

    (void)state;
    snprintf(model, sizeof model, "%s/m", here.folder);
    scratch_copy(&here, DDPM, "m");
    unlink(scratch_path(&here, "m/" WEIGHTS ".safetensors").text);
    expect_failure(model, PB_IO,
                   "no weights: expected " WEIGHTS ".safetensors or " WEIGHTS ".bin, one file or");
    /* What torch.save wrote goes before a variant, but not before safetensors of the same one. */
    write_weights("m/half.safetensors", 0.5f, 0);
    write_bin("m/" WEIGHTS ".bin", "m/half.safetensors");
    expect_golden(model, false, NULL);
    write_weights("m/" WEIGHTS ".ema.safetensors", 1, 0);
    expect_golden(model, false, "m/" WEIGHTS ".ema.safetensors");
    write_weights("m/" WEIGHTS ".safetensors", 1, 0);
    expect_golden(model, true, "m/" WEIGHTS ".bin");
    unlink(scratch_path(&here, "m/" WEIGHTS ".safetensors").text);
    /* The only variant there is, whatever it is called. */
    unlink(scratch_path(&here, "m/" WEIGHTS ".bin").text);
    write_bin("m/" WEIGHTS ".ema.bin", "m/half.safetensors");
    expect_golden(model, true, WEIGHTS ".ema.bin");
    unlink(scratch_path(&here, "m/" WEIGHTS ".ema.safetensors").text);
    expect_golden(model, false, NULL);
    write_bin("m/" WEIGHTS ".fp16.bin", "m/half.safetensors");
    expect_failure(model, PB_UNSUPPORTED, WEIGHTS ".ema.bin, " WEIGHTS ".fp16.bin");
    unlink(scratch_path(&here, "m/" WEIGHTS ".fp16.bin").text);
    write_weights("m/" WEIGHTS ".ema.safetensors", 1, 0);
    expect_golden(model, true, WEIGHTS ".ema.bin");
    /* Two of them: which? */
    write_weights("m/" WEIGHTS ".fp16.safetensors", 0.5f, 0);
    expect_failure(model, PB_UNSUPPORTED, WEIGHTS ".ema.safetensors, " WEIGHTS ".fp16.safetensors");
    /* Without a variant's name asked for, that without one. */
    write_weights("m/" WEIGHTS ".safetensors", 0.25f, 0);
    expect_golden(model, false, WEIGHTS ".fp16.safetensors");
    write_weights("m/" WEIGHTS ".safetensors", 1, 0);
    expect_golden(model, true, WEIGHTS ".ema.safetensors");
}

/* transformers takes the single file first, diffusers the index. */
static void test_families(void **state)
{
    static const struct {
        pb_family family;
        const char *stem, *chosen;
    } cases[] = {
        {PB_DIFFUSERS, WEIGHTS, ".safetensors.index.json"},
        {PB_TRANSFORMERS, "model", ".safetensors"},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char name[100], *path, *unused = NULL;
        static const char *const endings[] = {".safetensors", ".safetensors.index.json",
                                              ".fp16.safetensors", ".safetensors.index.fp16.json"};
        for (size_t k = 4; k-- > 0;) {
            snprintf(name, sizeof name, "%s%s", cases[i].stem, endings[k]);
            put(name, "{}");
            if (k == 2) { /* both of a variant */
                MUST(pb_weights_locate(&path, NULL, here.folder, cases[i].family, error));
                assert_non_null(
                    strstr(path, i ? "model.fp16.safetensors" : ".safetensors.index.fp16.json"));
                pb_free(path);
            }
        }
        MUST(pb_weights_locate(&path, &unused, here.folder, cases[i].family, error));
        snprintf(name, sizeof name, "/%s%s", cases[i].stem, cases[i].chosen);
        assert_string_equal(path + strlen(here.folder), name);
        assert_non_null(strstr(unused, "fp16"));
        pb_free(path);
        pb_free(unused);
    }
}

/* -- the cache of huggingface_hub ----------------------------------------------------------------
 */

static void test_cache(void **state)
{
    static const char *const names[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME",
                                        "XDG_CACHE_HOME", "HOME"};
    static const char *const places[] = {"", "", "/hub", "/huggingface/hub",
                                         "/.cache/huggingface/hub"};
    char *home = strdup(getenv("HOME"));

    (void)state;
    for (size_t i = 0; i < 5; i++)
        unsetenv(names[i]);
    for (size_t i = 5; i-- > 0;) { /* each goes before those after it */
        char place[80], path[160];
        snprintf(place, sizeof place, "%zu", i);
        scratch_folder(&here, place);
        setenv(names[i], scratch_path(&here, place).text, 1);
        for (const char *p = places[i]; *p;) {
            size_t n = 1 + strcspn(p + 1, "/");
            strncat(place, p, n);
            scratch_folder(&here, place);
            p += n;
        }
        snprintf(path, sizeof path, "%s/models--me--net", place);
        scratch_folder(&here, path);
        strcat(path, "/snapshots");
        scratch_folder(&here, path);
        strcat(path, "/bbbb");
        scratch_copy(&here, DDPM, path);
        strcat(path, "/" WEIGHTS ".safetensors");
        write_weights(path, 0.5f, 0);
        expect_golden("me/net", false, NULL); /* the only snapshot */
        /* Another one: which? */
        *strstr(path, "bbbb") = '\0';
        strcat(path, "aaaa");
        scratch_copy(&here, DDPM, path);
        expect_failure("me/net", PB_IO, "several snapshots");
        *strstr(path, "/snapshots") = '\0';
        strcat(path, "/refs");
        scratch_folder(&here, path);
        strcat(path, "/main");
        put(path, "aaaa");
        expect_golden("me/net", true, "snapshots/bbbb");
        put(path, "cccc\n");
        expect_failure("me/net", PB_IO, "the snapshot cccc");
        put(path, "aaaa\n");
        expect_golden("me/net", true, "snapshots/bbbb");
    }
    expect_failure("me/other", PB_IO, "no such model");
    for (size_t i = 0; i < 4; i++)
        unsetenv(names[i]);
    setenv("HOME", home, 1);
    free(home);
}

/* A name that is nearly that of a model. */
static void test_likeness(void **state)
{
    (void)state;
    assert_int_equal(chdir(PB_SOURCE_DIR), 0);
    expect_failure("face32", PB_IO, "did you mean \"faces32\"?");
    expect_failure("fecas32", PB_IO, "did you mean \"faces32\"?");
    expect_failure("dogs", PB_IO, "known: ");
}

/* -- components ---------------------------------------------------------------------------------
 */

/* "ROLE CLASS" of each, one behind the other. */
static void expect_components(const pb_model *model, const char *expected)
{
    char text[400] = "";
    const char *role, *class;

    for (size_t i = 0; (role = pb_model_component(model, i, &class)) != NULL; i++) {
        size_t n = strlen(text);
        assert_string_equal(role, pb_model_component(model, i, NULL));
        snprintf(text + n, sizeof text - n, "%s%s %s", i ? ", " : "", role, class);
    }
    assert_string_equal(text, expected);
}

static void test_components(void **state)
{
    const pb_model_info *info;
    char model[600];
    pb_model *m;

    (void)state;
    snprintf(model, sizeof model, "%s/p", here.folder);
    scratch_copy(&here, SD1, "p");
    MUST(pb_model_open(&m, model, error));
    assert_null(pb_model_get_info(m)->unused);
    expect_components(m, "unet UNet2DConditionModel, scheduler PNDMScheduler, vae AutoencoderKL, "
                         "text_encoder CLIPTextModel, tokenizer CLIPTokenizer");
    pb_model_free(m);
    /* What results do not depend on may be there. */
    scratch_change(&here, "p/model_index.json",
                   "{\"safety_checker\": [\"stable_diffusion\", \"StableDiffusionSafetyChecker\"], "
                   "\"feature_extractor\": [\"transformers\", \"CLIPImageProcessor\"], "
                   "\"image_encoder\": [null, null], \"requires_safety_checker\": true}");
    MUST(pb_model_open(&m, model, error));
    pb_model_free(m);
    /* What they do depend on is named. */
    scratch_change(&here, "p/model_index.json", "{\"vqvae\": [\"diffusers\", \"VQModel\"]}");
    expect_failure(model, PB_UNSUPPORTED, "vqvae: a component of class VQModel");
    scratch_change(&here, "p/model_index.json",
                   "{\"vqvae\": \"-\", \"vae\": [\"diffusers\", \"AutoencoderTiny\"]}");
    expect_failure(model, PB_UNSUPPORTED, "AutoencoderTiny is not supported");
    scratch_change(&here, "p/model_index.json",
                   "{\"vae\": [\"diffusers\", \"AutoencoderKL\"], "
                   "\"text_encoder\": [\"transformers\", \"T5EncoderModel\"]}");
    expect_failure(model, PB_UNSUPPORTED, "T5EncoderModel is not supported");
    scratch_change(&here, "p/model_index.json",
                   "{\"text_encoder\": [\"diffusers\", \"AutoencoderKL\"]}");
    expect_failure(model, PB_UNSUPPORTED,
                   "text_encoder: StableDiffusionPipeline with a AutoencoderKL is not supported: "
                   "expected CLIPTextModel");
    scratch_change(&here, "p/model_index.json",
                   "{\"text_encoder\": [\"transformers\", \"CLIPTextModel\"], "
                   "\"tokenizer\": [\"transformers\", \"T5Tokenizer\"]}");
    expect_failure(model, PB_UNSUPPORTED,
                   "T5Tokenizer is not supported: expected CLIPTokenizer or CLIPTokenizerFast");
    scratch_change(&here, "p/model_index.json",
                   "{\"tokenizer\": [\"transformers\", \"CLIPTokenizerFast\"]}");
    MUST(pb_model_open(&m, model, error));
    pb_model_free(m);
    /* A folder that the index does not name is not read, and that is said. */
    scratch_change(&here, "p/model_index.json", "{\"text_encoder\": [null, null], \"vae\": \"-\"}");
    MUST(pb_model_open(&m, model, error));
    info = pb_model_get_info(m);
    assert_false(info->has_autoencoder);
    assert_false(info->has_text_encoder);
    assert_true(info->has_tokenizer);
    assert_non_null(strstr(info->unused, "p/vae"));
    assert_non_null(strstr(info->unused, "p/text_encoder"));
    expect_components(m, "unet UNet2DConditionModel, scheduler PNDMScheduler, "
                         "tokenizer CLIPTokenizerFast");
    pb_model_free(m);
}

/* What a network is, its own config decides, else the pipeline. */
static void test_classes(void **state)
{
    pb_text_encoder *encoder;
    pb_autoencoder *vae;
    char model[600];
    pb_error why;
    pb_model *m;

    (void)state;
    snprintf(model, sizeof model, "%s/q", here.folder);
    scratch_copy(&here, SD1, "q");
    scratch_change(&here, "q/unet/config.json", "{\"_class_name\": \"-\"}");
    scratch_change(&here, "q/vae/config.json", "{\"_class_name\": \"-\"}");
    MUST(pb_model_open(&m, model, error));
    assert_string_equal(pb_model_get_info(m)->architecture, "UNet2DConditionModel");
    MUST(pb_autoencoder_open(&vae, m, error));
    pb_autoencoder_free(vae);
    pb_model_free(m);
    scratch_change(&here, "q/unet/config.json", "{\"_class_name\": \"AutoencoderKL\"}");
    expect_failure(model, PB_UNSUPPORTED, "_class_name: \"AutoencoderKL\" is not supported");
    scratch_change(&here, "q/unet/config.json", "{\"_class_name\": \"UNet2DConditionModel\"}");
    scratch_change(&here, "q/text_encoder/config.json",
                   "{\"architectures\": [\"T5EncoderModel\"]}");
    scratch_change(&here, "q/vae/config.json", "{\"_class_name\": \"AutoencoderTiny\"}");
    MUST(pb_model_open(&m, model, error)); /* they are read when they are needed */
    assert_int_equal(pb_text_encoder_open(&encoder, m, &why), PB_UNSUPPORTED);
    assert_non_null(strstr(why.message, "architectures: \"T5EncoderModel\" is not "
                                        "supported: expected \"CLIPTextModel\""));
    assert_int_equal(pb_autoencoder_open(&vae, m, &why), PB_UNSUPPORTED);
    assert_non_null(strstr(why.message, "_class_name: \"AutoencoderTiny\" is not supported: "
                                        "expected \"AutoencoderKL\""));
    pb_model_free(m);
}

/* -- a model without a schedule ------------------------------------------------------------------
 */

/* What UNet2DModel.save_pretrained leaves. */
static void test_schedule(void **state)
{
    pb_model_options options = PB_MODEL_DEFAULTS;
    char model[600], file[600], first[65], second[65];
    pb_error why;
    pb_model *m;

    (void)state;
    snprintf(model, sizeof model, "%s/m", here.folder);
    snprintf(file, sizeof file, "%s/other.json", here.folder);
    scratch_copy(&here, DDPM, "m");
    unlink(scratch_path(&here, "m/scheduler_config.json").text);
    expect_failure(model, PB_IO, "has no scheduler_config.json");
    options.schedule = "ddpm";
    MUST(pb_model_open_with(&m, model, &options, error));
    assert_int_equal(pb_schedule_length(pb_model_schedule(m)), 1000);
    assert_true(fabs(pb_alpha_bar(pb_model_schedule(m), 0) - 0.9999) < 1e-6);
    assert_int_equal(pb_schedule_prediction(pb_model_schedule(m)), PB_PREDICTION_EPSILON);
    MUST(pb_model_hash(m, first, NULL, error));
    pb_model_free(m);
    put("other.json", "{\"_class_name\": \"DDIMScheduler\", \"prediction_type\": \"sample\"}");
    options.schedule = file;
    MUST(pb_model_open_with(&m, model, &options, error));
    assert_int_equal(pb_schedule_prediction(pb_model_schedule(m)), PB_PREDICTION_SAMPLE);
    MUST(pb_model_hash(m, second, NULL, error));
    pb_model_free(m);
    assert_string_not_equal(first, second);
    options.schedule = "nowhere.json";
    assert_int_equal(pb_model_open_with(&m, model, &options, &why), PB_IO);
    options.schedule = "ddpm";
    assert_int_equal(pb_model_open_with(&m, DDPM, &options, &why), PB_INVALID);
    assert_non_null(strstr(why.message, "has its own"));
    assert_int_equal(pb_model_open(&m, NULL, &why), PB_INVALID);
    assert_int_equal(pb_model_open(NULL, DDPM, &why), PB_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_index_beside_file), SCRATCH_TEST(test_variants),
        SCRATCH_TEST(test_families),          SCRATCH_TEST(test_cache),
        cmocka_unit_test(test_likeness),      SCRATCH_TEST(test_components),
        SCRATCH_TEST(test_classes),           SCRATCH_TEST(test_schedule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
