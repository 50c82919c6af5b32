/* Real photographs, which are not part of the project: a folder of them beside it, or the one that
 * $PULLBACK_PHOTOS names. Each must come back from its inversion at 30 dB or more, and have a basis
 * of rank 50 within 320 applications. Skipped where there are none. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "picture/photo.h"
#include "sanitized.h"

#define MOST OF_MANY(12, 1)
#define SIZE 1024
#define STEPS 100

typedef struct faces {
    pb_model *model;
    pb_evaluator *evaluator;
    pb_denoiser *denoiser;
    size_t count;
    char names[MOST][256];
    float x[MOST * SIZE];
} faces;

static faces all;

static void read_photos(const char *folder)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;

    while (directory && (entry = readdir(directory)) != NULL && all.count < MOST) {
        pb_tensor tensor = PB_TENSOR_EMPTY;
        pb_photo photo = PB_PHOTO_EMPTY;
        char path[512];
        if (!strstr(entry->d_name, ".jpg"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        MUST(pb_photo_read(&photo, path, &(pb_crop){.fit = PB_FIT_CROP}, 32, 32, error));
        MUST(pb_photo_tensor(&photo, 1, 32, 32, &tensor, error));
        memcpy(all.x + all.count * SIZE, tensor.data, SIZE * sizeof(float));
        snprintf(all.names[all.count++], sizeof all.names[0], "%s", entry->d_name);
        pb_tensor_clear(&tensor);
        pb_photo_clear(&photo);
    }
    if (directory)
        closedir(directory);
}

static int set_up(void **state)
{
    const char *folder = getenv("PULLBACK_PHOTOS");
    const pb_condition condition = PB_CONDITION_DEFAULTS;

    (void)state;
    read_photos(folder ? folder : PB_SOURCE_DIR "/../shared/models/faces32/photos");
    MUST(pb_model_open(&all.model, PB_SOURCE_DIR "/models/faces32", error));
    MUST(pb_evaluator_new(&all.evaluator, all.model, 32, 32, NULL, error));
    MUST(pb_denoiser_new(&all.denoiser, all.evaluator, &condition, NULL, 1, error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pb_denoiser_free(all.denoiser);
    pb_evaluator_free(all.evaluator);
    pb_model_free(all.model);
    return 0;
}

static void need_photos(void)
{
    if (all.count)
        return;
    print_message("no photographs here: set PULLBACK_PHOTOS to a folder of .jpg faces\n");
    skip();
}

static void move(float *x, size_t n, size_t from, size_t to)
{
    const pb_ddim_options options = PB_DDIM_DEFAULTS;

    MUST(pb_ddim(pb_model_schedule(all.model), all.denoiser, n, SIZE, x, from, to, &options, NULL,
                 error));
}

static void test_reconstruction(void **state)
{
    float *x;

    (void)state;
    need_photos();
    x = pb_malloc(MOST * SIZE, sizeof *x);
    assert_non_null(x);
    memcpy(x, all.x, sizeof all.x);
    move(x, all.count, 0, STEPS - 1);
    move(x, all.count, STEPS - 1, 0);
    for (size_t i = 0; i < all.count; i++) {
        double square = 0, db;
        for (size_t k = 0; k < SIZE; k++)
            square += pow((double)x[i * SIZE + k] - (double)all.x[i * SIZE + k], 2);
        db = 10 * log10(4 * SIZE / square);
        print_message("%s: %.1f dB\n", all.names[i], db);
        assert_true(db >= 30);
    }
    pb_free(x);
}

static void test_basis(void **state)
{
    (void)state;
    need_photos();
    size_t point = pb_grid_nearest(1000, STEPS, 0.6);
    for (size_t i = 0; i < all.count && i < 3; i++) {
        pb_svd_options options = PB_SVD_DEFAULTS;
        pb_map_options map = PB_MAP_DEFAULTS;
        pb_linearisation *l;
        float x[SIZE];
        const pb_tensor xt = {.rank = 3, .shape = {1, 32, 32}, .data = x};
        pb_svd *svd;

        memcpy(x, all.x + i * SIZE, sizeof x);
        move(x, 1, 0, STEPS - 1);
        move(x, 1, STEPS - 1, point);
        map.condition.timestep = pb_grid_time(1000, STEPS, point);
        MUST(pb_linearise(&l, all.model, &map, &xt, NULL, error));
        options.rank = 50;
        MUST(pb_svd_compute(&svd, pb_linearisation_operator(l), &options, NULL, error));
        print_message("%s: %zu applications\n", all.names[i], svd->applications);
        assert_int_equal(svd->converged, 50);
        assert_true(svd->applications <= 320);
        pb_svd_free(svd);
        pb_linearisation_free(l);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reconstruction),
        cmocka_unit_test(test_basis),
    };

    (void)argc;
    if (pb_picture_start(argv[0], 1, NULL) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
