/* The program as its users run it: helps, statuses, messages, JSON, files. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/threads.h"
#include "golden.h"
#include "program.h"
#include "sanitized.h"
#include "scratch.h"

#define FACES PB_SOURCE_DIR "/models/faces32"
#define DDPM GOLDEN "unet2d-ddpm"
#define PORTRAIT PB_SOURCE_DIR "/examples/portrait.png --crop 93,60,104,104"

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        fail_msg("no number %s", key);
    return json_number_value(value);
}

static void write_npy(const char *name, const pb_tensor *tensor)
{
    MUST(pb_npy_write(tensor, scratch_path(&here, name).text, error));
}

static pb_tensor read_npy(const char *name)
{
    pb_tensor tensor = PB_TENSOR_EMPTY;

    MUST(pb_npy_read(&tensor, scratch_path(&here, name).text, error));
    return tensor;
}

/* -- helps and usage --------------------------------------------------------------------------- */

static void test_help(void **state)
{
    static const char *const commands[] = {"info", "sample", "invert", "basis",
                                           "edit", "eval",   "demo"};

    (void)state;
    expect(program(here.folder, "--help"), 0, NULL);
    expect(program(here.folder, "--version"), 0, NULL);
    expect(program(here.folder, "%s", ""), 2, "Usage:");
    expect(program(here.folder, "paint"), 2, "no command \"paint\"");
    scratch_write(&here, "photo.jpg", "", 1);
    expect(program(here.folder, "photo.jpg"), 2, "did you mean \"pullback edit photo.jpg\"?");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const outcome *o = program(here.folder, "%s --help", commands[i]);
        expect(o, 0, NULL);
        assert_non_null(strstr(o->out, "Example"));
        assert_non_null(strstr(o->out, "--threads"));
    }
}

static void test_usage(void **state)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"info a b", "expected one model"},
        {"info " FACES " --colour", "--colour"},
        {"info " FACES " --memory lots", "--memory lots"},
        {"info " FACES " --threads -2", "--threads -2"},
        {"sample -o a.png", "--model"},
        {"sample -m " FACES, "where to?"},
        {"sample -m " FACES " -n 0 -o a.png", "--number 0"},
        {"sample -m " FACES " --steps 1 -o a.png", "--steps 1"},
        {"sample -m " FACES " --steps ten -o a.png", "ten"},
        {"sample -m " FACES " --boost 1.5 -o a.png", "--boost 1.5"},
        {"sample -m " FACES " --noise-seed -5 -o a.png", "--noise-seed -5"},
        {"sample -m " FACES " --x a.npy --seed 1 -o a.png", "exclude"},
        {"invert -m " FACES " -o a.npy", "expected one image"},
        {"invert -m " FACES " a.png --fit squeeze -o a.npy", "--fit squeeze"},
        {"invert -m " FACES " a.png --crop 1,2,3 -o a.npy", "--crop 1,2,3"},
        {"invert -m " FACES " a.png --t 1.2 -o a.npy", "--t 1.2"},
        {"basis -m " FACES " -o a.safetensors", "an image, --x F or --seed S"},
        {"basis -m " FACES " --seed 0 --rank 0 -o a.safetensors", "--rank 0"},
        {"basis -m " FACES " --seed 0 --tol 0 -o a.safetensors", "--tol 0"},
        {"basis -m " FACES " --seed 0 --method qr -o a.safetensors", "--method qr"},
        {"basis -m " FACES " --seed 0 --timestep 3 -o a.safetensors", "--timestep goes with --x"},
        {"edit -m " FACES " --seed 0 --direction first -o a.png", "--direction first"},
        {"edit -m " FACES " --seed 0 --direction 3-1 -o a.png", "--direction 3-1"},
        {"edit -m " FACES " --seed 0 --direction 0-999 -o a.png", "--direction 0-999"},
        {"edit -m " FACES " --seed 0 --strength 2 -o a.png", "--strength 2"},
        {"edit -m " FACES " --seed 0 --strength -1 --direction 0,1 -o a.png", "both sides"},
        {"edit -m " FACES " a.png --direction 0,1 --no-paste -o a.png", "is of one picture"},
        {"edit -m " FACES " --seed 0 --strength 1 --paste -o a.png", "--paste needs the photo"},
        {"edit -m " FACES " a.png --paste --strip -o a.png", "is of one picture"},
        {"edit -m " FACES " a.png --paste -o a.npy", "makes a picture, not a .npy"},
        {"edit -m " FACES " --seed 0", "where to?"},
        {"eval -m " FACES " -o a.npy", "where?"},
        {"eval -m " FACES " --x a.npy --timestep 1 --jvp a --vjp b -o a.npy", "exclude"},
        {"demo somewhere", "unexpected argument"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(program(here.folder, "%s", cases[i].line), 2, cases[i].message);
    assert_int_equal(scratch_count(&here), 0);
}

static void test_failures(void **state)
{
    static const float zero[1024];
    const pb_tensor wide = {.rank = 4, .shape = {1, 2, 16, 32}, .data = (float *)zero};
    const pb_tensor odd = {.rank = 4, .shape = {1, 1, 33, 31}, .data = (float *)zero};

    (void)state;
    scratch_write(&here, "old.npy", "old", 3);
    scratch_write(&here, "text.png", "not a picture", 13);
    write_npy("wide.npy", &wide);
    write_npy("odd.npy", &odd);
    expect(program(here.folder, "info nowhere"), 1, "nowhere: no such model");
    expect(program(here.folder, "info text.png"), 1, "a model is a folder");
    expect(program(here.folder, "sample -m " FACES " -o no/where.png"), 1, "there is no folder");
    expect(program(here.folder, "sample -m " FACES " -n 1 --steps 2 -o a.jpeg2k"), 2,
           "ends in its");
    expect(program(here.folder, "sample -m " FACES " -n 1 --steps 2 --class 3 -o a.png"), 1,
           "class label");
    expect(program(here.folder, "invert -m " FACES " none.png -o old.npy"), 1, "none.png");
    expect(program(here.folder, "invert -m " FACES " text.png -o old.npy"), 1, "text.png");
    expect(program(here.folder, "invert -m " FACES " wide.npy -o old.npy"), 1,
           "wide.npy: expected");
    expect(program(here.folder, "invert -m " FACES " odd.npy -o old.npy"), 1, "multiples of 4");
    expect(program(here.folder, "invert -m " FACES " " PB_SOURCE_DIR
                                "/examples/portrait.png --crop 250,0,100,100 -o old.npy"),
           1, "the photo has 300x320");
    expect(program(here.folder, "basis -m " FACES " --seed 0 --steps 5 --tap top -o a.safetensors"),
           1, "no tap \"top\"");
    expect(program(here.folder, "basis -m " FACES " --seed 0 --steps 5 --rank 2000 "
                                "-o a.safetensors"),
           1, "rank 2000");
    expect(program(here.folder, "edit -m " FACES " --basis old.npy -o a.png"), 1, "old.npy");
    size_t count;
    unsigned char *kept = scratch_read(&here, "old.npy", &count);
    assert_int_equal(count, 3); /* nothing was half-written over it */
    free(kept);
    assert_int_equal(scratch_count(&here), 4);
}

/* -- info, eval, sample, invert ------------------------------------------------------------------
 */

static void test_info(void **state)
{
    json_t *o = object_of(program(here.folder, "info " FACES " --json --hash"));

    (void)state;
    assert_int_equal((int)number(o, "parameters"), 2734945);
    assert_string_equal(json_string_value(json_object_get(o, "architecture")), "UNet2DModel");
    assert_int_equal(json_string_length(json_object_get(o, "hash")), 64);
    assert_int_equal(
        json_integer_value(json_array_get(json_object_get(json_object_get(o, "taps"), "mid"), 0)),
        128);
    assert_int_equal(json_object_size(json_object_get(o, "components")), 2);
    json_decref(o);
    assert_non_null(strstr(program(here.folder, "info " DDPM)->out,
                           "trained at 16x16; sizes: multiples of 4\n"));
    assert_non_null(
        strstr(program(here.folder, "info " PB_SOURCE_DIR "/tests/golden/sd1-tiny")->out,
               "\ncomponents    vae AutoencoderKL, text_encoder CLIPTextModel, "
               "tokenizer CLIPTokenizer\n"));
    o = object_of(program(here.folder, "info " PB_SOURCE_DIR "/tests/golden/variants/odd --json"));
    assert_int_equal((int)number(o, "size_multiple"), 1);
    assert_int_equal((int)number(o, "size_least"), 4);
    json_decref(o);
}

/* A config whose sample_size the network does not take: only sizes asked for count. */
static void test_sample_size(void **state)
{
    static const char *const files[] = {"scheduler_config.json",
                                        "diffusion_pytorch_model.safetensors"};
    json_t *config = json_load_file(DDPM "/config.json", 0, NULL), *o, *x;

    (void)state;
    json_object_set_new(config, "sample_size", json_integer(15));
    assert_int_equal(json_dump_file(config, scratch_path(&here, "config.json").text, 0), 0);
    json_decref(config);
    for (size_t i = 0; i < 2; i++) {
        char from[512];
        snprintf(from, sizeof from, DDPM "/%s", files[i]);
        assert_int_equal(symlink(from, scratch_path(&here, files[i]).text), 0);
    }
    assert_non_null(strstr(program(here.folder, "info .")->out,
                           "15x15 is none of these: what follows is for 16x16"));
    o = object_of(program(here.folder, "info . --json"));
    x = json_object_get(json_object_get(o, "taps"), "x");
    assert_int_equal(json_integer_value(json_array_get(x, 1)), 16);
    json_decref(o);
    expect(program(here.folder, "sample -m . -n 1 --steps 2 -o a.npy"), 1,
           "15x15 (height x width): this network takes multiples of 4");
    expect(program(here.folder, "sample -m . -n 1 --steps 2 --height 17 -o a.npy"), 1,
           "height 17: expected multiples of 4 pixels from 4 on");
    expect(program(here.folder, "sample -m . -n 1 --steps 2 --height 16 --width 20 -o a.npy"), 0,
           NULL);
}

static void check_eval(const pb_weights *io, const char *network, double t, const char *options,
                       const char *input, const char *expected)
{
    pb_tensor in = golden(io, "%s", input), out = golden(io, "%s", expected), found;
    const outcome *o;

    write_npy("in.npy", &in);
    o = program(here.folder, "eval -m " GOLDEN "%s --x x.npy --timestep %g %s -o out.npy", network,
                t, options);
    expect(o, 0, NULL);
    found = read_npy("out.npy");
    assert_int_equal(pb_tensor_count(&found), pb_tensor_count(&out));
    assert_near(expected, found.data, out.data, pb_tensor_count(&out), 1e-5);
    pb_tensor_clear(&in);
    pb_tensor_clear(&out);
    pb_tensor_clear(&found);
}

static void test_eval(void **state)
{
    static const char *const networks[] = {"unet2d-ddpm", "unet2d-modern"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        pb_weights *io;
        pb_tensor x;
        double t;

        snprintf(path, sizeof path, GOLDEN "%s/io.safetensors", networks[i]);
        MUST(pb_weights_open(&io, path, error));
        x = golden(io, "x");
        write_npy("x.npy", &x);
        t = golden_timestep(io);
        check_eval(io, networks[i], t, "--tap mid", "x", "out.mid");
        check_eval(io, networks[i], t, "", "x", "out.eps");
        check_eval(io, networks[i], t, "--tap mid --jvp in.npy", "v", "jvp.mid");
        check_eval(io, networks[i], t, "--tap mid --vjp in.npy", "u.mid", "vjp.mid");
        check_eval(io, networks[i], t, "--tap eps --vjp in.npy --threads 1", "u.eps", "vjp.eps");
        pb_tensor_clear(&x);
        pb_weights_free(io);
    }
}

static void test_sample(void **state)
{
    const int some = OF_MANY(16, 2);
    pb_tensor expected, found;
    pb_weights *io;

    (void)state;
    MUST(pb_weights_open(&io, GOLDEN "faces32/io.safetensors", error));
    expected = golden(io, "sample.x0");
    expect(program(here.folder, "sample -m " FACES " --seed 0 -n %d --steps 50 -o out.npy", some),
           0, NULL);
    found = read_npy("out.npy");
    assert_int_equal(found.shape[0], some);
    assert_near("samples", found.data, expected.data, pb_tensor_count(&found), 2e-5);
    expect(program(here.folder, "sample -m " FACES " --seed 3 -n 2 --steps 5 --boost 0.5 "
                                "-o grid.png --memory 8M"),
           0, NULL);
    assert_true(scratch_has(&here, "grid.png"));
    pb_tensor_clear(&expected);
    pb_tensor_clear(&found);
    /* Stochastic steps: an image is the same however many there are; another seed, another noise.
     */
    expect(program(here.folder, "sample -m " FACES " --seed 3 -n 2 --steps 5 --boost 1 -o two.npy"),
           0, NULL);
    expect(program(here.folder,
                   "sample -m " FACES " --seed 3 -n 1 --noise-seed 3 --steps 5 --boost 1 "
                   "-o one.npy"),
           0, NULL);
    expected = read_npy("one.npy");
    found = read_npy("two.npy");
    assert_near("the first", found.data, expected.data, pb_tensor_count(&expected), 2e-5);
    pb_tensor_clear(&expected);
    expect(program(here.folder,
                   "sample -m " FACES " --seed 3 -n 1 --noise-seed 4 --steps 5 --boost 1 "
                   "-o other.npy"),
           0, NULL);
    expected = read_npy("other.npy");
    assert_memory_not_equal(found.data, expected.data, pb_tensor_count(&expected) * sizeof(float));
    pb_tensor_clear(&expected);
    pb_tensor_clear(&found);
    pb_weights_free(io);
}

/* invert then sample from the .npy written comes back to the picture. */
static void test_invert(void **state)
{
    const int steps = OF_MANY(100, 40);
    pb_tensor back, image;
    double square = 0;
    json_t *o;

    (void)state;
    o = object_of(program(here.folder,
                          "invert -m " FACES " " PORTRAIT " --steps %d -o xT.npy --json", steps));
    assert_true(fabs(number(o, "timestep") - 999) < 1e-9);
    json_decref(o);
    expect(program(here.folder, "sample -m " FACES " --x xT.npy --steps %d -o back.npy", steps), 0,
           NULL);
    expect(program(here.folder, "invert -m " FACES " " PORTRAIT " --t 0 --direct -o same.npy"), 0,
           NULL);
    back = read_npy("back.npy");
    image = read_npy("same.npy");
    for (size_t i = 0; i < 1024; i++)
        square += pow((double)back.data[i] - (double)image.data[i], 2);
    print_message("PSNR %.1f dB\n", 10 * log10(4 * 1024 / square));
    assert_true(10 * log10(4 * 1024 / square) > OF_MANY(30, 25));
    pb_tensor_clear(&back);
    pb_tensor_clear(&image);
}

/* -- basis and edit ------------------------------------------------------------------------------
 */

static void test_basis_and_edit(void **state)
{
    const outcome *p;
    json_t *o;

    (void)state;
    o = object_of(program(here.folder,
                          "basis -m " FACES " " PORTRAIT " --t 0.6 --steps 20 --rank 12 "
                          "--verify --json -o b.safetensors"));
    assert_int_equal((int)number(o, "converged"), 12);
    assert_true(number(o, "applications") > 24 && number(o, "seconds") > 0);
    assert_int_equal(json_array_size(json_object_get(o, "sigma")), 12);
    for (size_t i = 0; i < 12; i++) {
        double r = json_number_value(json_array_get(json_object_get(o, "residual"), i));
        double v = json_number_value(json_array_get(json_object_get(o, "verified"), i));
        assert_true(r <= 1e-3 && fabs(r - v) < 1e-5);
    }
    json_decref(o);
    assert_true(scratch_has(&here, "b.safetensors") && scratch_has(&here, "b-directions.png"));
    assert_true(scratch_has(&here, "b-spectrum.csv") && scratch_has(&here, "b-spectrum.gp"));

    p = program(here.folder, "edit -m " FACES " --basis b.safetensors --direction 0,2 --steps 20 "
                             "--stages 2 --edit-iterations 4 -o strip.png");
    expect(p, 0, NULL);
    assert_true(scratch_has(&here, "strip.png"));
    expect(program(here.folder, "edit -m " FACES " " PORTRAIT " --basis b.safetensors --steps 20 "
                                "--strength -0.5 --edit-iterations 4 --paste -o photo.jpg"),
           0, NULL);
    assert_true(scratch_has(&here, "photo.jpg"));
    expect(program(here.folder,
                   "edit -m " FACES " " PB_SOURCE_DIR "/examples/portrait.png --steps 20 "
                   "--basis b.safetensors -o wrong.png"),
           1, "--carry");
    expect(program(here.folder, "edit -m " FACES " --basis b.safetensors --t 0.5 -o wrong.png"), 1,
           "b.safetensors has its own point");
    expect(program(here.folder, "edit -m " FACES " --basis b.safetensors --steps 21 -o wrong.png"),
           1, "not on a grid of 21 points");
    expect(program(here.folder, "edit -m " FACES " --basis b.safetensors --steps 20 --direction 12 "
                                "-o wrong.png"),
           1, "direction 12: there are 0 to 11");
    expect(program(here.folder, "edit -m " PB_SOURCE_DIR "/tests/golden/unet2d-modern "
                                "--basis b.safetensors -o wrong.png"),
           1, "another model");
    assert_false(scratch_has(&here, "wrong.png"));

    expect(program(here.folder, "edit -m " FACES " --basis b.safetensors --steps 20 --stages 2 "
                                "--edit-iterations 4 -o folder/"),
           0, NULL);
    assert_true(scratch_has(&here, "folder/strip.png") &&
                scratch_has(&here, "folder/reconstruction.png"));
    assert_true(scratch_has(&here, "folder/v0-plus-04.png") &&
                scratch_has(&here, "folder/v0-minus-02.png"));
    expect(program(here.folder, "edit -m " FACES " --basis b.safetensors --steps 20 --stages 2 "
                                "--edit-iterations 4 -o all.npy"),
           0, NULL);
    pb_tensor all = read_npy("all.npy");
    assert_int_equal(all.shape[0], 5);
    pb_tensor_clear(&all);
}

/* The paper's experiment, by its golden values: rank 50 at a given x and timestep. */
static void test_golden_basis(void **state)
{
    pb_tensor x, sigma, first = PB_TENSOR_EMPTY;
    const size_t shape[4] = {1, 1, 32, 32};
    pb_weights *io;
    json_t *o;

    (void)state;
    MUST(pb_weights_open(&io, GOLDEN "faces32/io.safetensors", error));
    x = golden(io, "xt");
    sigma = golden(io, "svd.s");
    MUST(pb_tensor_new(&first, 4, shape, error));
    memcpy(first.data, x.data, 1024 * sizeof(float));
    write_npy("x.npy", &first);
    o = object_of(program(here.folder, "basis -m " FACES " --x x.npy --timestep 595.363636363636 "
                                       "--rank 50 --no-pictures --json -o b.safetensors"));
    assert_int_equal((int)number(o, "converged"), 50);
    assert_true(number(o, "applications") <= 320);
    for (size_t i = 0; i < 50; i++) {
        double found = json_number_value(json_array_get(json_object_get(o, "sigma"), i));
        assert_true(fabs(found - (double)sigma.data[i]) < 1e-3 * (double)sigma.data[0]);
    }
    json_decref(o);
    o = object_of(program(here.folder,
                          "basis -m " FACES " --x x.npy --t 0.6 --rank 50 --no-pictures "
                          "--max-applications 110 --json -o b.safetensors"));
    assert_true(number(o, "converged") < 50 && number(o, "applications") <= 111);
    assert_true(fabs(number(o, "timestep") - 595.363636) < 1e-5);
    json_decref(o);
    expect(program(here.folder, "basis -m " FACES " --x x.npy --t 0.6 --rank 50 --no-pictures "
                                "--max-applications 110 -o b.safetensors"),
           0, "warning");
    pb_tensor_clear(&first);
    pb_tensor_clear(&sigma);
    pb_tensor_clear(&x);
    pb_weights_free(io);
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        fail_msg("%s is not a number", key);
    return json_number_value(value);
}

static void check_passes(const json_t *list)
{
    assert_int_equal(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *pass = json_array_get(list, i);
        assert_int_equal(number_of(pass, "block"), i ? 8 : 1);
        assert_true(number_of(pass, "seconds_per_vector") > 0);
        assert_true(number_of(pass, "gflops") > 0);
    }
}

/* Without --threads the environment may ask for fewer than there are processors, not for more. */
static void test_fewer_threads(void **state)
{
    static const struct {
        const char *says;
        unsigned most;
    } cases[] = {{"1", 1}, {"4000", 4000}, {"many", 4000}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned expected = pb_threads_available();
        json_t *o;

        setenv("OMP_NUM_THREADS", cases[i].says, 1);
        o = object_of(program(here.folder, "bench --seconds 0.01 --blocks 1 --rank 1 --json " GOLDEN
                                           "unet2d-modern"));
        unsetenv("OMP_NUM_THREADS");
        expected = expected < cases[i].most ? expected : cases[i].most;
        assert_int_equal(number_of(o, "threads"), expected);
        json_decref(o);
    }
}

static void test_bench(void **state)
{
    static const char *const precisions[] = {"fp32", "bf16"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        json_t *o = object_of(program(here.folder,
                                      "bench " FACES " --seconds 0.01 --blocks 1,8 --rank 10 "
                                      "--threads 2 --json --precision %s",
                                      precisions[i]));
        const json_t *basis = json_object_get(o, "basis"), *share;
        double sum = 0;
        const char *name;

        assert_string_equal(json_string_value(json_object_get(o, "precision")), precisions[i]);
        assert_true(number_of(o, "ceiling_gflops") > 0);
        assert_true(number_of(o, "forward_seconds") > 0);
        assert_true(number_of(o, "linearise_seconds") > 0);
        assert_true(number_of(o, "peak_bytes") > 1e6);
        check_passes(json_object_get(o, "jvp"));
        check_passes(json_object_get(o, "vjp"));
        json_object_foreach(json_object_get(json_object_get(o, "shares"), "jvp"), name, share)
            sum += json_number_value(share);
        assert_true(fabs(sum - 1) < 1e-6);
        assert_int_equal(number_of(basis, "rank"), 10);
        assert_int_equal(number_of(basis, "converged"), 10);
        assert_true(number_of(basis, "residual_max") <= 1e-3);
        assert_true(number_of(basis, "outside_seconds") <= number_of(basis, "seconds"));
        if (i == 0)
            assert_true(number_of(basis, "applications") <= 120);
        else
            assert_true(number_of(basis, "applications_fp32") < number_of(basis, "applications"));
        json_decref(o);
    }
    expect(program(here.folder, "bench " FACES " --blocks 0"), 2, "--blocks 0: expected");
    expect(program(here.folder, "bench " FACES " --precision half"), 2, "expected fp32 or bf16");
    expect(program(here.folder, "bench"), 2, "which model?");
}

static void test_costs(void **state)
{
    static const char basis[] =
        "basis -m " FACES " --seed 1 --steps 5 --rank 4 --no-pictures -o b.safetensors";
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"{", "line 1"},
        {"{\"format\": \"costs\"}", "format: expected \"pullback costs 1\", found \"costs\""},
        {"{\"format\": \"pullback costs 1\"}", "costs: expected a list, found nothing"},
        {"{\"format\": \"pullback costs 1\", \"costs\": [1]}", "costs[0]"},
        {"{\"format\": \"pullback costs 1\", \"costs\": [{\"direction\": \"up\"}]}",
         "costs[0].direction: expected \"forward\" or \"transpose\", found \"up\""},
        {"{\"format\": \"pullback costs 1\", \"costs\": [{\"direction\": \"forward\", \"n\": -1}]}",
         "costs[0].n: expected a whole number, found -1"},
    };
    json_t *o;

    (void)state;
    o = object_of(
        program(here.folder, "bench " FACES " --seconds 0.01 --blocks 1 --tune c.json --json"));
    assert_true(number_of(o, "costs") > 10);
    json_decref(o);
    expect(program(here.folder, "%s --costs c.json", basis), 0, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scratch_write(&here, "bad.json", bad[i].text, strlen(bad[i].text));
        expect(program(here.folder, "%s --costs bad.json", basis), 1, bad[i].message);
    }
    expect(program(here.folder, "%s --costs none.json", basis), 1, "none.json");
    expect(program(here.folder, "bench " FACES " --tune nowhere/c.json"), 1, "nowhere");
}

#if SANITIZED
#define RANK "15"
#else
#define RANK "30"
#endif

/* A neighbour's basis saves applications. */
static void test_start(void **state)
{
    static const char line[] =
        "basis -m " FACES " --seed 1 --steps 21 --rank " RANK " --no-pictures --json -o";
    double fresh, started;
    json_t *o;

    (void)state;
    expect(program(here.folder, "%s a.safetensors --t 0.55", line), 0, NULL);
    o = object_of(program(here.folder, "%s b.safetensors --t 0.6", line));
    fresh = number_of(o, "applications");
    json_decref(o);
    o = object_of(program(here.folder, "%s b.safetensors --t 0.6 --start a.safetensors", line));
    started = number_of(o, "applications");
    assert_int_equal(number_of(o, "converged"), atoi(RANK));
    json_decref(o);
    print_message("%g applications, %g from a neighbour's basis\n", fresh, started);
    assert_true(started < 0.95 * fresh);
    expect(program(here.folder, "%s b.safetensors --from down.0 --start a.safetensors", line), 1,
           "a.safetensors: directions of 1 x 32 x 32, expected 32 x 16 x 16");
    expect(program(here.folder, "%s b.safetensors --start none.safetensors", line), 1,
           "none.safetensors");
}

/* The same command gives the same bytes. */
static void test_same_bits(void **state)
{
    static const char line[] = "basis -m " FACES " --seed 1 --steps 5 --rank 4 --no-pictures -o";
    unsigned char *a, *b;
    size_t n, m;

    (void)state;
    expect(program(here.folder, "%s a.safetensors", line), 0, NULL);
    expect(program(here.folder, "%s b.safetensors", line), 0, NULL);
    a = scratch_read(&here, "a.safetensors", &n);
    b = scratch_read(&here, "b.safetensors", &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
}

/* What cannot be written is a failure with a message, and leaves nothing: where files may not grow
 * beyond a limit (which ends a program that does not ask otherwise), as on a full disk. */
static void test_limit(void **state)
{
    struct rlimit limit, small;
    const outcome *o;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 1024; /* what OpenMP of LLVM makes itself before main */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    o = program(here.folder, "sample -m " FACES " --steps 2 -n 1 -q -o a.npy");
    expect(o, 1, "a.npy: cannot write: ");
    expect(o, 1, strerror(EFBIG));
    o = program(here.folder, "--help");
    expect(o, 1, "standard output: cannot write");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(scratch_count(&here), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_help),           SCRATCH_TEST(test_usage),
        SCRATCH_TEST(test_failures),       SCRATCH_TEST(test_info),
        SCRATCH_TEST(test_eval),           SCRATCH_TEST(test_sample),
        SCRATCH_TEST(test_basis_and_edit), SCRATCH_TEST(test_invert),
        SCRATCH_TEST(test_same_bits),      SCRATCH_TEST(test_golden_basis),
        SCRATCH_TEST(test_bench),          SCRATCH_TEST(test_costs),
        SCRATCH_TEST(test_start),          SCRATCH_TEST(test_limit),
        SCRATCH_TEST(test_sample_size),    SCRATCH_TEST(test_fewer_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
