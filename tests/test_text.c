/* Text-conditioned latent models through the program. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "program.h"
#include "scratch.h"

#define SD1 GOLDEN "sd1-tiny"
#define SD2 GOLDEN "sd2-tiny"
#define EIGHTS PB_SOURCE_DIR "/tests/faults/size-of-eights"
#define PORTRAIT PB_SOURCE_DIR "/examples/portrait.png"

/* Writes a golden tensor of a pipeline as FILE. */
static void put(const char *pipeline, const char *tensor, const char *file)
{
    pb_weights *io;
    pb_tensor value;
    char path[512];

    snprintf(path, sizeof path, GOLDEN "%s/io.safetensors", pipeline);
    MUST(pb_weights_open(&io, path, error));
    value = golden(io, "%s", tensor);
    MUST(pb_npy_write(&value, scratch_path(&here, file).text, error));
    pb_tensor_clear(&value);
    pb_weights_free(io);
}

/* A .npy of the scratch folder against a golden tensor. */
static void compare(const char *pipeline, const char *tensor, const char *file, double tolerance)
{
    pb_weights *io;
    pb_tensor expected, found = PB_TENSOR_EMPTY;
    char path[512];

    snprintf(path, sizeof path, GOLDEN "%s/io.safetensors", pipeline);
    MUST(pb_weights_open(&io, path, error));
    expected = golden(io, "%s", tensor);
    MUST(pb_npy_read(&found, scratch_path(&here, file).text, error));
    assert_int_equal(pb_tensor_count(&found), pb_tensor_count(&expected));
    assert_near(tensor, found.data, expected.data, pb_tensor_count(&expected), tolerance);
    pb_tensor_clear(&expected);
    pb_tensor_clear(&found);
    pb_weights_free(io);
}

static void test_prompt(void **state)
{
    const outcome *p;
    json_t *o;

    (void)state;
    o = object_of(program(here.folder, "prompt -q --json --model " SD1 " -o e.npy -- -Photo"));
    assert_int_equal(json_array_size(json_object_get(o, "ids")), 77);
    assert_int_equal(json_integer_value(json_object_get(o, "tokens")), 4);
    assert_string_equal(json_string_value(json_array_get(json_object_get(o, "pieces"), 2)),
                        "photo</w>");
    json_decref(o);
    assert_true(scratch_has(&here, "e.npy"));
    p = program(here.folder, "prompt --model " SD1 " %s", "");
    expect(p, 2, "expected one text");
    expect(program(here.folder, "prompt --model " PB_SOURCE_DIR "/models/faces32 x"), 1,
           "not conditioned on text");
    expect(program(here.folder,
                   "invert -m " PB_SOURCE_DIR "/models/faces32 " PORTRAIT " --prompt x -o a.npy"),
           1, "takes no prompt");
}

/* The context of eval by prompt and by embedding; golden values of a network. */
static void test_eval(void **state)
{
    pb_weights *io;
    double t;

    (void)state;
    put("sd2-tiny", "x", "x.npy");
    put("sd2-tiny", "prompt.embedding", "c.npy");
    put("sd2-tiny", "v", "v.npy");
    MUST(pb_weights_open(&io, GOLDEN "sd2-tiny/io.safetensors", error));
    t = golden_timestep(io);
    pb_weights_free(io);
    expect(
        program(here.folder, "eval -m " SD2 " --x x.npy --timestep %g --context c.npy -o a.npy", t),
        0, NULL);
    compare("sd2-tiny", "out.eps", "a.npy", 1e-5);
    expect(program(here.folder,
                   "eval -m " SD2 " --x x.npy --timestep %g --context c.npy --tap mid "
                   "--jvp v.npy -o a.npy",
                   t),
           0, NULL);
    compare("sd2-tiny", "jvp.mid", "a.npy", 3e-6);
    expect(
        program(here.folder, "eval -m " SD1 " --x x.npy --timestep 421 --context c.npy -o b.npy"),
        1, "expected (tokens, 32)");
    expect(
        program(here.folder, "eval -m " SD2 " --x x.npy --timestep 421 --prompt blurry -o b.npy"),
        0, NULL);
    assert_true(scratch_has(&here, "a.npy") && scratch_has(&here, "b.npy"));
}

static void test_latents(void **state)
{
    (void)state;
    put("sd1-tiny", "image", "image.npy");
    put("sd1-tiny", "invert.reconstruction", "latent.npy");
    expect(program(here.folder, "encode -m " SD1 " image.npy -o l.npy"), 0, NULL);
    compare("sd1-tiny", "latent", "l.npy", 1e-5);
    expect(program(here.folder, "decode -m " SD1 " latent.npy -o d.npy"), 0, NULL);
    compare("sd1-tiny", "invert.decoded", "d.npy", 1e-5);
    expect(program(here.folder, "decode -m " SD1 " latent.npy -o d.png"), 0, NULL);
    expect(program(here.folder, "encode -m " SD1 " " PORTRAIT " --height 48 -o l.npy"), 0, NULL);
    expect(program(here.folder, "encode -m " SD1 " " PORTRAIT " --height 49 -o l.npy"), 1,
           "height 49: expected multiples of 2 pixels");
    expect(program(here.folder, "decode -m " PB_SOURCE_DIR "/models/faces32 latent.npy -o d.png"),
           1, "no latent model");
    assert_true(scratch_has(&here, "d.png"));
}

/* Sizes that are multiples of the autoencoder's eight pixels, but of no higher power of two: the
 * latents are StableDiffusionPipeline's. Its prompt has a space, which a tab is to the tokenizer.
 */
static void test_odd_sizes(void **state)
{
    pb_tensor expected = PB_TENSOR_EMPTY, found = PB_TENSOR_EMPTY;

    (void)state;
    expect(program(here.folder,
                   "sample -m " EIGHTS "/model -n 1 -s 4 --seed 3 --spacing leading --height 72 "
                   "--width 104 --prompt the\tcat --guidance-scale 3 -o z.npy"),
           0, NULL);
    MUST(pb_npy_read(&expected, EIGHTS "/expected.npy", error));
    MUST(pb_npy_read(&found, scratch_path(&here, "z.npy").text, error));
    assert_memory_equal(found.shape, expected.shape, 4 * sizeof *found.shape);
    assert_near("latents", found.data, expected.data, pb_tensor_count(&expected), 1e-5);
    pb_tensor_clear(&expected);
    pb_tensor_clear(&found);
    expect(program(here.folder, "sample -m " EIGHTS "/model -n 1 -s 2 --width 76 --prompt cat "
                                "-o z.npy"),
           1, "width 76: expected multiples of 8 pixels from 8 on");
    assert_non_null(strstr(program(here.folder, "info " EIGHTS "/model")->out,
                           "pictures of 128x128 pixels; sizes: multiples of 8\n"));

    /* Bases, masks and pasting there. */
    expect(program(here.folder, "basis -m " SD1 " " PORTRAIT " --height 18 --width 26 --steps 6 "
                                "--prompt cat --rank 3 -o b.safetensors"),
           0, NULL);
    expect(program(here.folder, "edit -m " SD1 " " PORTRAIT " --height 18 --width 26 --steps 6 "
                                "--prompt cat --basis b.safetensors --direction 1 --strength 1 "
                                "--paste -o e.png"),
           0, NULL);
    expect(program(here.folder,
                   "basis -m " SD1 " " PORTRAIT " --height 18 --width 26 --steps 6 "
                   "--prompt cat --rank 3 --tap eps --mask " PORTRAIT " -o m.safetensors"),
           0, NULL);
    assert_true(scratch_has(&here, "e.png") && scratch_has(&here, "m.safetensors"));
}

/* Samples are guided unless told otherwise. */
static void test_sample(void **state)
{
    pb_tensor a = PB_TENSOR_EMPTY, b = PB_TENSOR_EMPTY;

    (void)state;
    put("sd2-tiny", "x", "x.npy");
    expect(program(here.folder, "sample -m " SD2 " --seed 5 -n 1 --steps 10 --spacing leading "
                                "--prompt face --negative-prompt blurry -o a.npy"),
           0, NULL);
    expect(program(here.folder,
                   "sample -m " SD2 " --seed 5 -n 1 --steps 10 --spacing leading "
                   "--prompt face --negative-prompt blurry --guidance-scale 1 -o b.npy"),
           0, NULL);
    MUST(pb_npy_read(&a, scratch_path(&here, "a.npy").text, error));
    MUST(pb_npy_read(&b, scratch_path(&here, "b.npy").text, error));
    assert_true(relative_error(a.data, b.data, pb_tensor_count(&a)) > 1e-3);
    pb_tensor_clear(&a);
    pb_tensor_clear(&b);
    expect(program(here.folder, "sample -m " SD2 " --x x.npy --steps 10 --spacing middle -o c.npy"),
           2, "paper, leading");
    expect(program(here.folder, "sample -m " SD2 " --x x.npy --steps 10 -o a.png"), 0, NULL);
    assert_true(scratch_has(&here, "a.png"));
}

static void assert_text(const json_t *object, const char *key, const char *expected)
{
    const char *found = json_string_value(json_object_get(object, key));

    assert_string_equal(found ? found : "(none)", expected);
}

/* A result says under which prompts it was made. */
static void test_settings(void **state)
{
    json_t *o;

    (void)state;
    o = object_of(program(here.folder, "sample -q --json -m " SD2 " --seed 3 -n 1 --steps 4 "
                                       "--prompt face --negative-prompt blurry -o a.png"));
    assert_text(o, "prompt", "face");
    assert_text(o, "negative_prompt", "blurry");
    assert_null(json_object_get(o, "edit_prompt"));
    assert_true(json_number_value(json_object_get(o, "guidance_scale")) == 7.5);
    assert_int_equal(json_integer_value(json_object_get(o, "seed")), 3);
    json_decref(o);
    o = object_of(program(here.folder, "edit -q --json -m " SD2 " --seed 3 --steps 6 --stages 1 "
                                       "--edit-iterations 2 --edit-prompt smile -o a.png"));
    assert_text(o, "prompt", "");
    assert_text(o, "edit_prompt", "smile");
    json_decref(o);
}

static void test_edit(void **state)
{
    pb_basis basis = PB_BASIS_EMPTY;

    (void)state;
    expect(program(here.folder, "basis -m " SD1 " " PORTRAIT " --steps 10 --rank 4 --prompt face "
                                "--edit-prompt smile -o basis.safetensors --no-pictures"),
           0, NULL);
    MUST(pb_basis_read(&basis, scratch_path(&here, "basis.safetensors").text, error));
    assert_string_equal(basis.prompt, "smile");
    assert_int_equal(basis.x.shape[0], 4);
    pb_basis_clear(&basis);
    expect(program(here.folder, "edit --basis basis.safetensors --steps 10 --stages 2 "
                                "--edit-iterations 4 -o strip.png"),
           0, NULL);
    expect(program(here.folder,
                   "edit -m " SD1 " " PORTRAIT " --steps 10 --strength 1 --prompt face "
                   "--edit-iterations 2 --paste -o photo.png"),
           0, NULL);
    assert_true(scratch_has(&here, "strip.png") && scratch_has(&here, "photo.png"));
    /* A mask drawn in pixels, at the photo's size; and directions carried to another picture. */
    expect(program(here.folder,
                   "edit -m " SD1 " " PORTRAIT " --steps 10 --mask " PORTRAIT " --tap x0 "
                   "--null-rank 2 --stages 1 --edit-iterations 2 -o masked.png"),
           0, NULL);
    expect(program(here.folder, "transport --basis basis.safetensors --steps 10 --onto " PORTRAIT
                                " --crop 0,0,200,200 --prompt face --stages 1 --edit-iterations 2 "
                                "-o carried.png"),
           0, NULL);
    assert_true(scratch_has(&here, "masked.png") && scratch_has(&here, "carried.png"));
}

/* The first singular value of the map to eps. */
static double first_sigma(const char *options)
{
    json_t *o =
        object_of(program(here.folder,
                          "basis -q --json -m " SD1 " --seed 0 --steps 5 --rank 3 --tol 1e-4 "
                          "--tap eps --verify --no-pictures -o b.safetensors %s",
                          options));
    double sigma = json_number_value(json_array_get(json_object_get(o, "sigma"), 0));

    for (size_t i = 0; i < 3; i++)
        assert_true(json_number_value(json_array_get(json_object_get(o, "verified"), i)) < 2e-4);
    json_decref(o);
    return sigma;
}

/* (1-w) J_N + w J_P: with w = 1 it is J_P, with w = 0 J_N. At t = 1 no trajectory moves
 * the point. */
static void test_guided(void **state)
{
    double positive = first_sigma("--t 1 --prompt face"), negative = first_sigma("--t 1");
    double one = first_sigma("--t 1 --prompt face --guided --guidance-scale 1");
    double none = first_sigma("--t 1 --prompt face --guided --guidance-scale 0");
    double far = first_sigma("--t 1 --prompt face --guided --guidance-scale 7.5");

    (void)state;
    assert_true(fabs(one / positive - 1) < 1e-5 && fabs(none / negative - 1) < 1e-5);
    assert_true(fabs(far / positive - 1) > 1e-3);
    expect(program(here.folder, "basis -m " SD1 " --seed 0 --steps 5 --guided -o b.safetensors"), 2,
           "a guided map ends at eps or x0");
}

/* A study of prompts: data, figure and report; the second time nothing is computed. */
static void test_study(void **state)
{
    static const char prompts[] = "a happy face\n\na smiling face\n  a sad face \n";
    json_t *o;
    unsigned char *data;
    size_t size;

    (void)state;
    scratch_write(&here, "prompts.txt", prompts, sizeof prompts - 1);
    for (int again = 0; again < 2; again++) {
        o = object_of(program(here.folder,
                              "study prompts -q --json -m " SD1 " --prompts prompts.txt "
                              "--samples 1 --timesteps 2 --steps 5 --rank 4 -o study"));
        assert_int_equal(json_integer_value(json_object_get(o, "items")), 4 * 2 + 1);
        assert_int_equal(json_integer_value(json_object_get(o, "computed")), again ? 0 : 9);
        json_decref(o);
    }
    data = scratch_read(&here, "study/data.csv", &size);
    assert_non_null(strstr((char *)data, "sd1-tiny,prompted,0.5"));
    assert_non_null(strstr((char *)data, "sd1-tiny,correlation,1"));
    free(data);
    assert_true(scratch_has(&here, "study/figure.svg") && scratch_has(&here, "study/report.html"));
    expect(program(here.folder, "study prompts -m " SD1 " -o study"), 2, "which prompts?");
    scratch_write(&here, "prompts.txt", "one\n", 4);
    expect(program(here.folder, "study prompts -m " SD1 " --prompts prompts.txt -o study"), 1,
           "one prompt has no distance");
    expect(program(here.folder, "study timesteps -m " PB_SOURCE_DIR "/models/faces32 --prompt x "
                                "--timesteps 2 --steps 5 -o other"),
           1, "takes no prompt");
}

/* Few prompts, equal ones, a mark of byte order; settings with other prompts; what is no text. */
static void test_prompt_files(void **state)
{
    static const char two[] = "\xef\xbb\xbfred\r\na dog\r\n", nul[] = "a cat\na dog\n\0a bird\n";
    const char *const study = "study prompts -q -m " SD1 " --samples 1 --timesteps 2 --steps 5 "
                              "--rank 2 --prompts ";
    unsigned char *data;
    size_t size;

    (void)state;
    scratch_write(&here, "two.txt", two, sizeof two - 1);
    scratch_write(&here, "equal.txt", "one\none\none\n", 12);
    scratch_write(&here, "nul.txt", nul, sizeof nul - 1);
    expect(program(here.folder, "%stwo.txt -o two", study), 0, NULL);
    data = scratch_read(&here, "two/settings.json", &size);
    assert_non_null(strstr((char *)data, "\"red\""));
    free(data);
    assert_true(scratch_has(&here, "two/report.html") && scratch_has(&here, "two/figure.png"));
    expect(program(here.folder, "%sequal.txt -o equal", study), 0, NULL);
    expect(program(here.folder, "study prompts -q --settings two/settings.json --prompts equal.txt "
                                "-o other"),
           0, NULL);
    expect(program(here.folder,
                   "study samples -q -m " SD1 " --samples 2 --timesteps 1 --steps 5 --rank 2 "
                   "--tap x0 --guided --guidance-scale 2 --prompt face -o guided"),
           0, NULL);
    expect(program(here.folder, "study samples -q --settings guided/settings.json -o again"), 0,
           NULL);
    expect(program(here.folder, "study samples -m " SD1 " --guided --guidance-scale 2 -o a"), 2,
           "ends at eps or x0");
    expect(program(here.folder, "%snul.txt -o nul", study), 1, "without NUL");
}

/* A basis file brings its prompts along: an edit from it is the edit that computes it. */
static void test_basis_prompts(void **state)
{
    const char *const under = "-m " SD2 " --seed 0 --steps 8 --prompt cat --negative-prompt dog "
                              "--guidance-scale 3 ";
    const char *const how = "--stages 1 --edit-iterations 2 -o ";
    pb_tensor a = PB_TENSOR_EMPTY, b = PB_TENSOR_EMPTY;

    (void)state;
    expect(program(here.folder, "edit %s%sa.npy --rank 3", under, how), 0, NULL);
    expect(program(here.folder, "basis %s--rank 3 --no-pictures -o basis.safetensors", under), 0,
           NULL);
    expect(program(here.folder, "edit --basis basis.safetensors --steps 8 %sb.npy", how), 0, NULL);
    MUST(pb_npy_read(&a, scratch_path(&here, "a.npy").text, error));
    MUST(pb_npy_read(&b, scratch_path(&here, "b.npy").text, error));
    assert_near("edit", b.data, a.data, pb_tensor_count(&a), 1e-4);
    pb_tensor_clear(&a);
    pb_tensor_clear(&b);
    expect(program(here.folder, "edit --basis basis.safetensors --edit-prompt dog -o c.npy"), 1,
           "the basis is that of \"cat\"");
    /* At another size than the model's own, and carried over at that size. */
    expect(program(here.folder, "basis -m " SD1 " " PORTRAIT " --height 48 --width 32 --steps 6 "
                                "--rank 2 --no-pictures -o wide.safetensors"),
           0, NULL);
    expect(program(here.folder, "transport --basis wide.safetensors --steps 6 --onto " PORTRAIT
                                " --crop 0,0,200,200 --edit-prompt smile --stages 1 "
                                "--edit-iterations 2 -o carried.png"),
           0, NULL);
}

static void test_usage(void **state)
{
    static const struct {
        const char *command, *message;
    } cases[] = {
        {"invert -m " SD1 " a.png --negative-prompt ugly -o a.npy", "where there is guidance"},
        {"basis -m " SD1 " --seed 0 --tap x0 --guided -o a.safetensors", "--guidance-scale W"},
        {"basis -m " SD1 " --seed 0 -o a.png", ".safetensors"},
        {"sample -m " SD1 " --x a.npy --height 32 -o a.png", "--x has its own size"},
        {"eval -m " SD1 " --x a.npy --timestep 4 --tap mid --guidance-scale 3 -o b.npy",
         "not on mid"},
        {"edit --basis a.safetensors --tap x0 --guided --guidance-scale 3 -o a.png", "--guided"},
        {"encode -m " SD1 " -o a.npy -- -a.png -b.png", "found 2"},
        {"encode -m " SD1 " -o \xff.npy --json a.png", "UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(program(here.folder, "%s", cases[i].command), 2, cases[i].message);
    expect(program(here.folder, "encode -m " SD1 " -o a.npy -- -a.png"), 1, "-a.png");
    put("sd1-tiny", "image", "picture.npy");
    expect(program(here.folder, "basis -m " SD1 " --x picture.npy -o a.safetensors"), 1,
           "encode makes latents");
    expect(program(here.folder, "encode -m " SD1 " picture.npy -o latent.npy"), 0, NULL);
    compare("sd1-tiny", "latent", "latent.npy", 1e-5);
    put("sd1-tiny", "x", "x.npy");
    expect(program(here.folder,
                   "eval -m " SD1 " --x x.npy --timestep 421 --tap eps --guidance-scale "
                   "7.5 --prompt face --negative-prompt low -o eps.npy"),
           0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_prompt),        SCRATCH_TEST(test_eval),
        SCRATCH_TEST(test_latents),       SCRATCH_TEST(test_odd_sizes),
        SCRATCH_TEST(test_sample),        SCRATCH_TEST(test_settings),
        SCRATCH_TEST(test_edit),          SCRATCH_TEST(test_guided),
        SCRATCH_TEST(test_study),         SCRATCH_TEST(test_prompt_files),
        SCRATCH_TEST(test_basis_prompts), SCRATCH_TEST(test_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
