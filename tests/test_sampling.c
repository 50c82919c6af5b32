/* The program where it stands for pipelines of diffusers: DDIMPipeline for pictures,
 * StableDiffusionPipeline with DDIMScheduler for text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "golden.h"
#include "program.h"
#include "scratch.h"

#define FAULTS PB_SOURCE_DIR "/tests/faults/"
#define CLIPS FAULTS "clip-sample/model"
#define OFF "clip_sample of the model's scheduler is off in steps that must be reversible"

static void link_to(const char *target, const char *name)
{
    assert_int_equal(symlink(target, scratch_path(&here, name).text), 0);
}

/* A flat model: the network of CLIPS with another scheduler, the text of a file. */
static void make_model(const char *name, const char *scheduler)
{
    char line[200], text[4096];
    FILE *file = fopen(scheduler, "r");
    size_t length;

    assert_non_null(file);
    length = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_int_equal(mkdir(scratch_path(&here, name).text, 0755), 0);
    snprintf(line, sizeof line, "%s/config.json", name);
    link_to(CLIPS "/unet/config.json", line);
    snprintf(line, sizeof line, "%s/diffusion_pytorch_model.safetensors", name);
    link_to(CLIPS "/unet/diffusion_pytorch_model.safetensors", line);
    snprintf(line, sizeof line, "%s/scheduler_config.json", name);
    scratch_write(&here, line, text, length);
}

/* What the program wrote to a .npy of the scratch folder. */
static void compare(const char *what, const char *name, const pb_tensor *expected, double tolerance)
{
    pb_tensor found = PB_TENSOR_EMPTY;

    MUST(pb_npy_read(&found, scratch_path(&here, name).text, error));
    assert_int_equal(pb_tensor_count(&found), pb_tensor_count(expected));
    assert_near(what, found.data, expected->data, pb_tensor_count(expected), tolerance);
    pb_tensor_clear(&found);
}

/* DDIMPipeline with the file's clip_sample; without it the image is 36 times as large. Near only to
 * 1e-3, since diffusers itself, in float32 and in double, is near to 8e-5. */
static void test_clip_sample(void **state)
{
    pb_tensor expected = PB_TENSOR_EMPTY;
    const outcome *o;

    (void)state;
    MUST(pb_npy_read(&expected, FAULTS "clip-sample/expected.npy", error));
    o = program(here.folder, "sample -m " CLIPS " --spacing leading -s 10 -n 1 --seed 0 -o a.npy");
    expect(o, 0, NULL);
    assert_string_equal(o->error, "");
    compare("clip_sample", "a.npy", &expected, 1e-3);
    pb_tensor_clear(&expected);
}

/* Timesteps at which NumPy rounds a half down. */
static void test_timesteps(void **state)
{
    static const char *const cases[][2] = {{"trailing", "48"}, {"linspace", "27"}};

    (void)state;
    make_model("model", FAULTS "timesteps-half/scheduler_config.json");
    for (size_t i = 0; i < 2; i++) {
        pb_tensor expected = PB_TENSOR_EMPTY;
        char path[512];

        snprintf(path, sizeof path, FAULTS "timesteps-half/expected-%s-%s.npy", cases[i][0],
                 cases[i][1]);
        MUST(pb_npy_read(&expected, path, error));
        expect(program(here.folder, "sample -m model --spacing %s -s %s -n 1 --seed 0 -o a.npy",
                       cases[i][0], cases[i][1]),
               0, NULL);
        compare(cases[i][0], "a.npy", &expected, 1e-5);
        pb_tensor_clear(&expected);
    }
}

/* DDIMPipeline makes a DDIMScheduler of any: what a file leaves open is at its defaults. */
static void test_schedulers(void **state)
{
    static const char *const names[] = {"pndm-absent", "pndm",           "euler-absent",
                                        "ddpm-range",  "ddpm-threshold", "ddim-sample"};
    pb_weights *io;

    (void)state;
    MUST(pb_weights_open(&io, GOLDEN "ddim-pipeline/io.safetensors", error));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pb_tensor expected = golden(io, "%s", names[i]);
        char path[512];

        snprintf(path, sizeof path, GOLDEN "ddim-pipeline/%s.json", names[i]);
        make_model(names[i], path);
        expect(program(here.folder, "sample -m %s --spacing leading -s 10 -n 1 --seed 0 -o a.npy",
                       names[i]),
               0, NULL);
        compare(names[i], "a.npy", &expected, 1e-3);
        pb_tensor_clear(&expected);
    }
    pb_weights_free(io);
}

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        count++;
    }
    return count;
}

/* Where steps do not clip although the scheduler would, one line says so, and only one. */
static void test_note(void **state)
{
    static const struct {
        const char *line;
        size_t notes;
    } cases[] = {
        {"sample -m " CLIPS " -s 10 -n 1 --seed 0 -o a.npy", 1},
        {"sample -m " CLIPS " -s 10 -n 1 --seed 0 -o a.npy --json", 1},
        {"sample -m " CLIPS " -s 10 -n 1 --seed 0 -o a.npy -q", 0},
        {"sample -m " CLIPS " -s 10 -n 1 --seed 0 -o a.npy --boost 0.5", 1},
        {"sample -m " CLIPS " -s 10 -n 1 --seed 0 -o a.npy --boost 1", 0},
        {"edit -m " CLIPS " -s 10 --seed 0 --rank 2 --mode straight,guidance -o e.png", 1},
        {"study samples -m " CLIPS " --samples 2 --timesteps 1 -k 2 -s 5 -o study", 1},
        {"sample -m " PB_SOURCE_DIR "/models/faces32 -s 3 -n 1 --seed 0 -o a.npy", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const outcome *o = program(here.folder, "%s", cases[i].line);

        expect(o, 0, NULL);
        if (occurrences(o->error, "is off in steps that must be reversible") != cases[i].notes)
            fail_msg("%s: %s", cases[i].line, o->error);
    }
    expect(program(here.folder, "%s", cases[0].line), 0, "pullback sample: " OFF "\n");
}

/* Images of boosted steps are clipped; those of deterministic ones are what they were. */
static void test_boost(void **state)
{
    pb_tensor image = PB_TENSOR_EMPTY;
    double most = 0;

    (void)state;
    expect(program(here.folder, "sample -m " CLIPS " -s 10 -n 2 --seed 0 --boost 1 -o a.npy"), 0,
           NULL);
    MUST(pb_npy_read(&image, scratch_path(&here, "a.npy").text, error));
    for (size_t i = 0; i < pb_tensor_count(&image); i++)
        most = larger(most, fabs((double)image.data[i]));
    assert_true(most < 1.2); /* at timestep 0 there is a little noise beside the image */
    pb_tensor_clear(&image);
    expect(program(here.folder, "sample -m " CLIPS " -s 10 -n 2 --seed 0 -o a.npy"), 0, NULL);
    make_model("model", FAULTS "timesteps-half/scheduler_config.json"); /* as CLIPS's, off */
    expect(program(here.folder, "sample -m model -s 10 -n 2 --seed 0 -o b.npy"), 0, NULL);
    MUST(pb_npy_read(&image, scratch_path(&here, "b.npy").text, error));
    compare("deterministic", "a.npy", &image, 0);
    pb_tensor_clear(&image);
}

static void test_info(void **state)
{
    json_t *o, *clip;

    (void)state;
    o = object_of(program(here.folder, "info --json " CLIPS));
    clip = json_object_get(o, "clip");
    assert_true(json_number_value(json_object_get(clip, "clip_sample_range")) == 1);
    assert_string_equal(json_string_value(json_object_get(o, "switched_off")), "clip_sample");
    json_decref(o);
    make_model("threshold", GOLDEN "ddim-pipeline/ddpm-threshold.json");
    o = object_of(program(here.folder, "info --json threshold"));
    clip = json_object_get(o, "clip");
    assert_true(json_number_value(json_object_get(clip, "dynamic_thresholding_ratio")) == 0.9);
    assert_true(json_number_value(json_object_get(clip, "sample_max_value")) == 1.5);
    assert_string_equal(json_string_value(json_object_get(o, "switched_off")), "thresholding");
    json_decref(o);
    o = object_of(program(here.folder, "info --json " PB_SOURCE_DIR "/models/faces32"));
    assert_true(json_is_null(json_object_get(o, "clip")));
    json_decref(o);
}

/* StableDiffusionPipeline sets clip_sample to false and steps_offset to 1, whatever the file says.
 */
static void test_text(void **state)
{
    static const char *const parts[] = {"model_index.json", "text_encoder", "tokenizer", "unet",
                                        "vae"};
    static const char scheduler[] =
        "{\"_class_name\": \"DDIMScheduler\", \"beta_schedule\": \"scaled_linear\", "
        "\"beta_start\": "
        "0.00085, \"beta_end\": 0.012, \"set_alpha_to_one\": false, \"clip_sample\": true}";
    static const char line[] = "--spacing leading -s 4 -n 1 --seed 5 --prompt face";
    pb_tensor expected = PB_TENSOR_EMPTY;
    const outcome *o;

    (void)state;
    assert_int_equal(mkdir(scratch_path(&here, "model").text, 0755), 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char target[512], name[100];

        snprintf(target, sizeof target, GOLDEN "sd1-tiny/%s", parts[i]);
        snprintf(name, sizeof name, "model/%s", parts[i]);
        link_to(target, name);
    }
    assert_int_equal(mkdir(scratch_path(&here, "model/scheduler").text, 0755), 0);
    scratch_write(&here, "model/scheduler/scheduler_config.json", scheduler, strlen(scheduler));
    expect(program(here.folder, "sample -m " GOLDEN "sd1-tiny %s -o a.npy", line), 0, NULL);
    expect(program(here.folder, "sample -m model %s -o b.npy", line), 0, NULL);
    MUST(pb_npy_read(&expected, scratch_path(&here, "a.npy").text, error));
    compare("text", "b.npy", &expected, 0);
    pb_tensor_clear(&expected);
    o = program(here.folder, "sample -m model -s 4 -n 1 --seed 5 --prompt face -o b.npy");
    expect(o, 0, NULL);
    assert_null(strstr(o->error, "is off in steps"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_clip_sample), SCRATCH_TEST(test_timesteps), SCRATCH_TEST(test_schedulers),
        SCRATCH_TEST(test_note),        SCRATCH_TEST(test_boost),     SCRATCH_TEST(test_info),
        SCRATCH_TEST(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
