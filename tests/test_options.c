/* What the program takes and refuses: numbers that mean "not given" inside, files that would be
 * overwritten by what reads them, images at a noise level, pictures and latents; and its words. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "golden.h"
#include "program.h"
#include "scratch.h"

#define FACES PB_SOURCE_DIR "/models/faces32"
#define DDPM GOLDEN "unet2d-ddpm"
#define SD1 GOLDEN "sd1-tiny"
#define PORTRAIT PB_SOURCE_DIR "/examples/portrait.png --crop 93,60,104,104"

static pb_tensor read_npy(const char *name)
{
    pb_tensor tensor = PB_TENSOR_EMPTY;

    MUST(pb_npy_read(&tensor, scratch_path(&here, name).text, error));
    return tensor;
}

static void write_zeros(const char *name, size_t n, size_t c, size_t h, size_t w)
{
    const size_t shape[4] = {n, c, h, w};
    pb_tensor tensor = PB_TENSOR_EMPTY;

    MUST(pb_tensor_new(&tensor, 4, shape, error));
    MUST(pb_npy_write(&tensor, scratch_path(&here, name).text, error));
    pb_tensor_clear(&tensor);
}

static void expect_equal(const char *a, const char *b, bool equal)
{
    size_t n, m;
    unsigned char *x = scratch_read(&here, a, &n), *y = scratch_read(&here, b, &m);

    if ((n == m && !memcmp(x, y, n)) != equal)
        fail_msg("%s and %s are %s", a, b, equal ? "different" : "equal");
    free(x);
    free(y);
}

/* -- numbers ------------------------------------------------------------------------------------
 */

static void test_numbers(void **state)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"sample -m " FACES " --seed -1 -o a.png", "--seed -1: expected a whole number, 0 or more"},
        {"sample -m " FACES " --seed -7 -o a.png", "--seed -7"},
        {"sample -m " FACES " --seed 1.5 -o a.png", "--seed 1.5"},
        {"sample -m " FACES " --seed 99999999999999999999 -o a.png", "--seed 999"},
        {"sample -m " FACES " --height 0 -o a.png", "--height 0: expected a whole number from 1"},
        {"sample -m " FACES " --width 0 -o a.png", "--width 0"},
        {"sample -m " FACES " -n -1 -o a.png", "--number -1"},
        {"sample -m " FACES " --noise-seed -1 -o a.png", "--noise-seed -1"},
        {"sample -m " FACES " --boost nan -o a.png", "--boost nan"},
        {"sample -m " FACES " --class -1 -o a.png", "--class -1"},
        {"sample -m " FACES " --steps 0x10 -o a.png", "--steps 0x10"},
        {"edit -m " FACES " --seed 0 --t nan -o a.png", "--t nan: expected a number above 0 to 1"},
        {"edit -m " FACES " --seed 0 --t 0 -o a.png", "--t 0"},
        {"edit -m " FACES " --seed 0 --t inf -o a.png", "--t inf"},
        {"edit -m " FACES " --seed 0 --edit-step nan -o a.png", "--edit-step nan"},
        {"edit -m " FACES " --seed 0 --edit-scale nan -o a.png", "--edit-scale nan"},
        {"edit -m " FACES " --seed 0 --edit-iterations 0 -o a.png", "--edit-iterations 0"},
        {"edit -m " FACES " --seed 0 --edit-length nan -o a.png", "--edit-length nan"},
        {"edit -m " FACES " --seed 0 --strength nan -o a.png", "--strength nan"},
        {"edit -m " FACES " --seed 0 --guidance-scale nan -o a.png", "--guidance-scale nan"},
        {"edit -m " FACES " --seed 0 --guidance-scale -3 -o a.png", "--guidance-scale -3"},
        {"edit -m " FACES " --seed 0 --rank 0 -o a.png", "--rank 0"},
        {"edit -m " FACES " --seed 0 --stages 0 -o a.png", "--stages 0"},
        {"edit -m " FACES " --seed 0 --damping nan -o a.png", "--damping nan"},
        {"basis -m " FACES " --seed 0 --block 0 -o a.safetensors", "--block 0"},
        {"basis -m " FACES " --seed 0 --max-applications 0 -o a.safetensors",
         "--max-applications 0"},
        {"basis -m " FACES " --seed 0 --start-seed -1 -o a.safetensors", "--start-seed -1"},
        {"basis -m " FACES " --seed 0 --tol nan -o a.safetensors", "--tol nan"},
        {"basis -m " FACES " --x x.npy --timestep nan -o a.safetensors", "--timestep nan"},
        {"eval -m " FACES " --x x.npy --timestep -1 -o a.npy", "--timestep -1"},
        {"transport --basis b.safetensors --onto-t nan -o a.png", "--onto-t nan"},
        {"transport --basis b.safetensors --onto-t 0 -o a.png", "--onto-t 0"},
        {"compare a.safetensors b.safetensors --rank 0", "--rank 0"},
        {"bench " FACES " --seconds nan", "--seconds nan"},
        {"bench " FACES " --height 0", "--height 0"},
        {"study samples -m " FACES " --samples 0 -o f", "--samples 0"},
        {"study samples -m " FACES " --seed -1 -o f", "--seed -1"},
        {"info " FACES " --threads 0", "--threads 0"},
        {"edit -m " FACES " --seed 0 --mode= -o a.png", "--mode: expected something"},
        {"edit -m " FACES " --seed 0 --direction= -o a.png", "--direction: expected something"},
        {"edit -m " FACES " --seed 0 --direction 0, -o a.png", "--direction 0,"},
        {"edit -m " FACES " --seed 0 --direction 0:1,2 -o a.png", "--direction 0:1,2"},
        {"edit -m " FACES " --seed 0 --direction 0-1:1 -o a.png", "--direction 0-1:1"},
        {"edit -m " FACES " --seed 0 --direction 0:inf -o a.png", "--direction 0:inf"},
        {"basis -m " FACES " --seed 0 --tap= -o a.safetensors", "--tap: expected something"},
        {"bench " FACES " --blocks=", "--blocks: expected something"},
        {"invert -m " FACES " a.png --crop 0,0,-1,-1 -o a.npy", "--crop 0,0,-1,-1"},
        {"edti", "did you mean \"edit\"?"},
        {"sample -m " FACES " --sed 3 -o a.png", "did you mean \"--seed\"?"},
        {"edit -m " FACES " --seed 1 --stage 3 -o a.png", "did you mean \"--stages\"?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(program(here.folder, "%s", cases[i].line), 2, cases[i].message);
    assert_int_equal(scratch_count(&here), 0);
}

/* What is in range and means nothing. */
static void test_meaningless(void **state)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"edit -m " FACES " --seed 0 --steps 5 --strength 0.01 -o a.png",
         "strength 0.01: less than one of 16 iterations"},
        {"edit -m " FACES " --seed 0 --steps 5 --stages 100 -o a.png",
         "stages 100: an edit of strength 0.5 has 8 iterations"},
        {"edit -m " FACES " --seed 0 --steps 5 -d 5000 -o a.png",
         "direction 5000: the map from x to mid has directions 0 to 1023"},
        {"basis -m " FACES " --seed 0 --steps 5 --t 0.05 -k 2 -o b.safetensors",
         "t 0.05 is 0 on a grid of 5 points"},
        {"basis -m " FACES " --seed 0 --steps 5 --tap mdi -o b.safetensors",
         "no tap \"mdi\" (did you mean \"mid\"?)"},
        {"edit -m " FACES " --basis photo.png --steps 5 -o a.png", "expected a basis file"},
    };

    (void)state;
    scratch_write(&here, "photo.png", "\x89PNG", 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(program(here.folder, "%s", cases[i].line), 1, cases[i].message);
    assert_int_equal(scratch_count(&here), 1);
    expect(program(here.folder, "basis -m " FACES " --seed 0 --steps 2 -k 2 --no-pictures "
                                "-o b.safetensors"),
           0, "on a grid of 2 points t = 0.6 is t = 1: more --steps come nearer");
    expect(program(here.folder, "info " FACES " --threads 4000"), 0,
           "more threads than that wait for each other");
    expect(program(here.folder, "basis -m " FACES " --seed 0 --steps 10 --memory 1M -k 2 "
                                "--no-pictures -o b.safetensors"),
           0, "of memory given");
}

/* -- outputs that are inputs ---------------------------------------------------------------------
 */

static void test_own_input(void **state)
{
    (void)state;
    write_zeros("x.npy", 1, 1, 32, 32);
    expect(program(here.folder, "basis -m " FACES " --seed 0 -s 5 -k 2 --no-pictures "
                                "-o b.safetensors"),
           0, NULL);
    assert_int_equal(symlink("x.npy", scratch_path(&here, "link.npy").text), 0);
    expect(program(here.folder, "invert -m " FACES " x.npy -s 3 -o x.npy"), 1, "--force");
    expect(program(here.folder, "invert -m " FACES " x.npy -s 3 -o link.npy"), 1, "--force");
    expect(program(here.folder, "sample -m " FACES " --x x.npy -s 3 -o x.npy"), 1, "--force");
    expect(program(here.folder, "eval -m " FACES " --x x.npy --timestep 3 -o x.npy"), 1, "--force");
    expect(
        program(here.folder, "basis -m " FACES " --seed 0 --start b.safetensors -o b.safetensors"),
        1, "--force");
    expect(program(here.folder, "mean b.safetensors b.safetensors -o b.safetensors"), 1, "--force");
    expect(program(here.folder, "compare b.safetensors b.safetensors -o b.safetensors"), 1,
           "--force");
    expect(program(here.folder, "invert -m " FACES " x.npy -s 3 --force -o x.npy"), 0, NULL);
    /* Files beside the one that -o names, and in the folder that it names. */
    scratch_copy(&here, PB_SOURCE_DIR "/examples", "photos");
    assert_int_equal(symlink("photos/portrait.png", scratch_path(&here, "b-directions.png").text),
                     0);
    expect(program(here.folder, "basis -m " FACES " b-directions.png -s 5 -k 2 -o b.safetensors"),
           1, "b-directions.png is read by this command");
    assert_int_equal(rename(scratch_path(&here, "photos/portrait.png").text,
                            scratch_path(&here, "photos/reconstruction.png").text),
                     0);
    expect(program(here.folder, "edit -m " FACES " photos/reconstruction.png -s 5 --stages 1 "
                                "--edit-iterations 1 -o photos/"),
           1, "reconstruction.png is read by this command");
    assert_int_equal(rename(scratch_path(&here, "photos/reconstruction.png").text,
                            scratch_path(&here, "photos/figure.png").text),
                     0);
    expect(program(here.folder, "study timesteps -m " FACES " photos/figure.png --timesteps 2 -k 2 "
                                "-s 5 -o photos"),
           1, "figure.png is read by this command");
    /* And those of the model. */
    scratch_copy(&here, DDPM, "m");
    expect(program(here.folder, "basis -m m --seed 0 -s 5 -k 2 --no-pictures "
                                "-o m/diffusion_pytorch_model.safetensors"),
           1, "--force");
    for (int i = 0; i < 2; i++) /* but not what else lies in its folder */
        expect(program(here.folder, "basis -m m --seed 0 -s 5 -k 2 --no-pictures "
                                    "-o m/b.safetensors"),
               0, NULL);
}

/* -- images at a noise level ---------------------------------------------------------------------
 */

static void test_noise_level(void **state)
{
    (void)state;
    expect(program(here.folder, "invert -m " FACES " " PORTRAIT " -s 10 --t 0.6 -o xt.safetensors"),
           0, NULL);
    expect(program(here.folder, "invert -m " FACES " " PORTRAIT " -s 10 --t 0.6 -o xt.npy"), 0,
           NULL);
    expect(program(here.folder, "invert -m " FACES " " PORTRAIT " -s 10 -o xT.npy"), 0, NULL);
    expect(program(here.folder, "sample -m " FACES " --x xT.npy -s 10 -o right.npy"), 0,
           "xT.npy does not say its noise level: taken for t = 1");
    /* It knows where it is: steps and t. */
    expect(program(here.folder, "sample -m " FACES " --x xt.safetensors -o a.npy"), 0, NULL);
    pb_tensor right = read_npy("right.npy"), a = read_npy("a.npy");
    assert_near("down from t = 0.6", a.data, right.data, pb_tensor_count(&right), 1e-4);
    pb_tensor_clear(&right);
    pb_tensor_clear(&a);
    expect(program(here.folder, "sample -m " FACES " --x xt.npy -s 10 --t 0.6 -o b.npy"), 0, NULL);
    expect_equal("a.npy", "b.npy", true);
    expect(program(here.folder, "sample -m " FACES " --x xt.npy -s 10 -o ghost.npy"), 0,
           "taken for t = 1");
    expect_equal("a.npy", "ghost.npy", false);
    /* The same for basis and edit; a basis file knows its point too. */
    expect(program(here.folder, "basis -m " FACES " --x xt.safetensors -k 2 --no-pictures "
                                "-o b.safetensors"),
           0, NULL);
    expect(program(here.folder, "basis -m " FACES " --x xt.npy -s 10 -k 2 --no-pictures "
                                "-o c.safetensors"),
           0, "xt.npy does not say its noise level: taken for t = 0.6");
    expect(program(here.folder, "sample -m " FACES " --x b.safetensors -s 10 -o c.npy"), 0, NULL);
    expect_equal("a.npy", "c.npy", true);
    expect(program(here.folder,
                   "edit -m " FACES " --x xt.safetensors --edit-iterations 2 -o strip.npy"),
           0, NULL);
    expect(program(here.folder,
                   "edit -m " FACES " --x xt.npy -s 10 --t 0.6 --edit-iterations 2 -o strip2.npy"),
           0, NULL);
    expect_equal("strip.npy", "strip2.npy", true);
    /* What does not go together. */
    expect(program(here.folder, "sample -m " FACES " --x xt.safetensors --t 0.4 -o d.npy"), 1,
           "lies at timestep");
    expect(
        program(here.folder, "basis -m " FACES " --x xt.safetensors --timestep 3 -o d.safetensors"),
        1, "lies at timestep");
    expect(program(here.folder, "eval -m " FACES " --x xt.safetensors -o e.npy"), 0, NULL);
    expect(program(here.folder, "eval -m " FACES " --x xt.safetensors --timestep 5 -o e.npy"), 2,
           "lies at timestep");
    expect(program(here.folder, "invert -m " FACES " xt.safetensors -o d.npy"), 1, "given as --x");
    for (int i = 0; i < 2; i++)
        expect(program(here.folder,
                       "basis -m " FACES " --seed %d -s 5 -k 2 --no-pictures "
                       "-o %d.safetensors",
                       i, i),
               0, NULL);
    expect(program(here.folder, "mean 0.safetensors 1.safetensors -o mean.safetensors"), 0, NULL);
    expect(program(here.folder, "sample -m " FACES " --x mean.safetensors -o d.npy"), 2,
           "a mean has none");
    expect(program(here.folder, "sample -m " FACES " --t 0.4 -o d.npy"), 2, "--t goes with --x");
    expect(
        program(here.folder, "sample -m " FACES " --x xt.safetensors --spacing leading -o d.npy"),
        1, "--spacing paper");
    expect(program(here.folder, "sample -m " PB_SOURCE_DIR "/models/fashion32 --x xt.safetensors "
                                "-o d.npy"),
           1, "computed with another model");
    expect(program(here.folder, "sample -m " FACES " --x " FACES
                                "/unet/diffusion_pytorch_model.safetensors -o d.npy"),
           2, "no tensor \"x\"");
}

/* The trajectory's prompts and guidance go with it. */
static void test_noise_level_of_text(void **state)
{
    (void)state;
    write_zeros("picture.npy", 1, 3, 64, 64);
    expect(program(here.folder, "invert -m " SD1 " picture.npy -s 6 --t 0.6 --prompt cat "
                                "--negative-prompt dog --guidance-scale 2 -o xt.safetensors"),
           0, NULL);
    expect(program(here.folder, "invert -m " SD1 " picture.npy -s 6 --t 0.6 --prompt cat "
                                "--negative-prompt dog --guidance-scale 2 -o xt.npy"),
           0, NULL);
    expect(program(here.folder, "sample -m " SD1 " --x xt.safetensors -o a.npy"), 0, NULL);
    expect(program(here.folder, "sample -m " SD1 " --x xt.npy -s 6 --t 0.6 --prompt cat "
                                "--negative-prompt dog --guidance-scale 2 -o b.npy"),
           0, NULL);
    expect_equal("a.npy", "b.npy", true);
    /* Of another model, which reads no text: that is what is said. */
    expect(program(here.folder, "sample -m " FACES " --x xt.safetensors -o c.npy"), 1,
           "computed with another model");
}

/* -- pictures and latents ------------------------------------------------------------------------
 */

static void test_latents(void **state)
{
    (void)state;
    write_zeros("picture.npy", 1, 3, 64, 64);
    expect(program(here.folder, "encode -m " SD1 " picture.npy -o latent.npy"), 0, NULL);
    expect(program(here.folder, "invert -m " SD1 " picture.npy -s 3 -o a.npy"), 0, NULL);
    expect(program(here.folder, "invert -m " SD1 " latent.npy --latents -s 3 -o b.npy"), 0, NULL);
    expect_equal("a.npy", "b.npy", true);
    expect(program(here.folder, "invert -m " SD1 " latent.npy -s 3 -o c.npy"), 1,
           "expected pictures of 3 channels, found 4 (latents are to be given as such)");
    expect(program(here.folder, "invert -m " SD1 " picture.npy --latents -s 3 -o c.npy"), 1,
           "expected latents of 4 channels, found 3");
    expect(program(here.folder, "invert -m " SD1 " a.png --latents -o c.npy"), 2,
           "expected a .npy");
    write_zeros("grey.npy", 1, 1, 32, 32);
    expect(program(here.folder, "invert -m " FACES " grey.npy --latents -s 3 -o c.npy"), 1,
           "works on pictures as they are");
}

/* -- how many ------------------------------------------------------------------------------------
 */

static void test_count(void **state)
{
    (void)state;
    expect(program(here.folder, "sample -m " FACES " -s 2 -o a.npy"), 0, NULL);
    pb_tensor small = read_npy("a.npy");
    assert_int_equal(small.shape[0], 16);
    pb_tensor_clear(&small);
    expect(program(here.folder, "sample -m " SD1 " -s 2 --height 256 --width 16 -o b.npy"), 0,
           NULL);
    pb_tensor large = read_npy("b.npy");
    assert_int_equal(large.shape[0], 1);
    pb_tensor_clear(&large);
    /* Large also where there is no autoencoder to say how large. */
    scratch_copy(&here, SD1, "m");
    scratch_change(&here, "m/unet/config.json", "{\"sample_size\": 32}");
    scratch_change(&here, "m/model_index.json", "{\"vae\": \"-\"}");
    expect(program(here.folder, "sample -m m -s 2 -o c.npy"), 0, NULL);
    large = read_npy("c.npy");
    assert_int_equal(large.shape[0], 1);
    pb_tensor_clear(&large);
}

/* A run that is going to take long says so after its first step; then it is ended. */
static void test_long(void **state)
{
    pid_t child = program_start(here.folder, "said",
                                "sample -m " PB_SOURCE_DIR
                                "/models/faces64-text -n 16 -s 1000 --threads 1 -o a.npy");
    bool told = false;
    int status;

    (void)state;
    while (!told && waitpid(child, &status, WNOHANG) == 0) {
        told = scratch_holds(&here, "said", "sampling: this takes about");
        usleep(10000);
    }
    assert_true(told);
    kill(child, SIGKILL);
    program_wait(child);
}

/* compare's table names the files. */
static void test_table(void **state)
{
    size_t count;
    char *text;

    (void)state;
    for (int i = 0; i < 2; i++)
        expect(program(here.folder,
                       "basis -m " DDPM " --seed %d -s 5 -k 2 --no-pictures "
                       "-o %d.safetensors",
                       i, i),
               0, NULL);
    expect(program(here.folder, "compare 0.safetensors 1.safetensors -o t.csv"), 0, NULL);
    text = (char *)scratch_read(&here, "t.csv", &count);
    assert_non_null(strstr(text, ",file_a,file_b\n"));
    assert_non_null(strstr(text, ",\"0.safetensors\",\"1.safetensors\"\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_numbers),
        SCRATCH_TEST(test_meaningless),
        SCRATCH_TEST(test_own_input),
        SCRATCH_TEST(test_noise_level),
        SCRATCH_TEST(test_noise_level_of_text),
        SCRATCH_TEST(test_latents),
        SCRATCH_TEST(test_count),
        SCRATCH_TEST(test_long),
        SCRATCH_TEST(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
