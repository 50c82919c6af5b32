/* A program around the library that writes 0,5: files and messages stay what they are. The locale
 * is made here, of one line, since few systems have one. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "scratch.h"

static const char comma[] = "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\n"
                            "END LC_NUMERIC\n";

/* From here on 0.5 is "0,5". */
static bool take_comma(const scratch *s)
{
    char command[4 * SCRATCH_PATH], half[8];

    scratch_write(s, "comma.src", comma, strlen(comma));
    snprintf(command, sizeof command,
             "cd '%s' && localedef -c -i comma.src -f /none ./comma >localedef 2>&1", s->folder);
    if (system(command) == -1)
        return false;
    setenv("LOCPATH", s->folder, 1);
    if (!setlocale(LC_NUMERIC, "comma"))
        return false;
    snprintf(half, sizeof half, "%g", 0.5);
    return !strcmp(half, "0,5");
}

static pb_basis find(pb_model *model)
{
    size_t size = pb_model_get_info(model)->sample_height, shape[3];
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;
    pb_tensor x = PB_TENSOR_EMPTY;

    MUST(pb_model_tap_shape(model, "x", size, size, shape, error));
    MUST(pb_tensor_new(&x, 3, shape, error));
    x.data[0] = 1;
    request.map.condition.timestep = 500.5;
    request.svd.rank = 2;
    request.svd.tolerance = 0.25;
    MUST(pb_basis_compute(&basis, NULL, NULL, model, &request, &x, NULL, error));
    pb_tensor_clear(&x);
    return basis;
}

static pb_status nothing(void *unused, size_t n, const float *x, double t, float *out,
                         const pb_run *run, pb_error *error)
{
    (void)run;
    (void)unused;
    (void)n;
    (void)x;
    (void)t;
    (void)error;
    *out = 0;
    return PB_OK;
}

static void test_comma(void **state)
{
    scratch_name point = scratch_path(&here, "point.safetensors");
    scratch_name other = scratch_path(&here, "comma.safetensors");
    pb_basis basis, read = PB_BASIS_EMPTY, again = PB_BASIS_EMPTY;
    pb_model *model, *beside;
    pb_error refused = {0};
    size_t size, other_size;
    unsigned char *bytes, *other_bytes;
    pb_clip clip = {.kind = PB_CLIP_RANGE, .range = -0.5};
    pb_ddim_options options = PB_DDIM_DEFAULTS;

    const pb_denoiser denoiser = {.size = 1, .predict = nothing};

    (void)state;
    MUST(pb_model_open(&model, GOLDEN "unet2d-ddpm", error));
    basis = find(model);
    MUST(pb_basis_write(&basis, point.text, error));
    if (!take_comma(&here)) {
        pb_basis_clear(&basis);
        pb_model_free(model);
        skip();
    }
    MUST(pb_basis_write(&basis, other.text, error));
    bytes = scratch_read(&here, "point.safetensors", &size);
    other_bytes = scratch_read(&here, "comma.safetensors", &other_size);
    assert_int_equal(size, other_size);
    assert_memory_equal(bytes, other_bytes, size);
    MUST(pb_basis_read(&read, point.text, error));
    MUST(pb_basis_read(&again, other.text, error));
    assert_true(read.timestep == 500.5 && again.timestep == 500.5 && read.tolerance == 0.25);

    MUST(pb_model_open(&beside, GOLDEN "unet2d-ddpm", error));
    for (size_t t = 0; t < pb_schedule_length(pb_model_schedule(model)); t++)
        assert_true(pb_alpha_bar(pb_model_schedule(model), t) ==
                    pb_alpha_bar(pb_model_schedule(beside), t));
    options.clip = clip;
    options.boost = 0;
    assert_int_equal(pb_ddim(pb_model_schedule(model), &denoiser, 1, 1, (float[1]){0}, 1, 0,
                             &options, NULL, &refused),
                     PB_INVALID);
    assert_non_null(strstr(refused.message, "-0.5"));

    setlocale(LC_NUMERIC, "C");
    free(bytes);
    free(other_bytes);
    pb_basis_clear(&basis);
    pb_basis_clear(&read);
    pb_basis_clear(&again);
    pb_model_free(model);
    pb_model_free(beside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SCRATCH_TEST(test_comma)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
