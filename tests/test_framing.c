/* Faces found in photos, and framed as the pictures that a model was trained on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "picture/photo.h"
#include "picture/resize.h"
#include "program.h"
#include "scratch.h"

#define PORTRAIT PB_SOURCE_DIR "/examples/portrait.png"
#define FACES PB_SOURCE_DIR "/models/faces32"

/* As the bundled models of faces have it. */
static const pb_crop to_face = {.kind = PB_CROP_FACE, .where = {0.5, 0.58, 0.855}};

/* Where the portrait's face is, by eye. */
#define FACE_X 145.0
#define FACE_Y 113.0
#define FACE_SIDE 106.0

static pb_pixels portrait(void)
{
    pb_photo photo = PB_PHOTO_EMPTY;

    MUST(pb_photo_read(&photo, PORTRAIT, &(pb_crop){.fit = PB_FIT_STRETCH}, 64, 64, error));
    pb_bytes_clear(&photo.file);
    return photo.pixels;
}

/* Lays a picture, enlarged, on another at x, y. */
static void lay(pb_pixels *on, const pb_pixels *p, double enlarged, size_t x, size_t y)
{
    size_t w = (size_t)lround((double)p->width * enlarged);
    size_t h = (size_t)lround((double)p->height * enlarged);
    float *in = pb_malloc(p->width * p->height, sizeof *in), *out = pb_malloc(w * h, sizeof *out);

    assert_true(in && out && x + w <= on->width && y + h <= on->height);
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < p->width * p->height; i++)
            in[i] = p->rgb[3 * i + c];
        MUST(pb_resize(1, p->width, p->height, in, w, h, out, error));
        for (size_t i = 0; i < w * h; i++)
            on->rgb[((y + i / w) * on->width + x + i % w) * 3 + c] =
                (unsigned char)lroundf(fminf(fmaxf(out[i], 0), 255));
    }
    pb_free(in);
    pb_free(out);
}

/* Is the area the portrait's face, where the portrait is laid enlarged at x, y? */
static void expect_face(const pb_area *a, double enlarged, double x, double y)
{
    double side = (double)a->width, off = 0.08 * FACE_SIDE * enlarged;

    if (!(fabs((double)a->x + side / 2 - x - FACE_X * enlarged) <= off &&
          fabs((double)a->y + side / 2 - y - FACE_Y * enlarged) <= off &&
          fabs(side / (FACE_SIDE * enlarged) - 1) <= 0.1 && a->height == a->width))
        fail_msg("a face at %ld,%ld,%zu,%zu", a->x, a->y, a->width, a->height);
}

/* The same face in photos of many sizes. */
static void test_sizes(void **state)
{
    static const double sizes[] = {0.4, 1, 2.7, 6};
    pb_pixels face = portrait();

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        pb_pixels photo = PB_PIXELS_EMPTY;
        pb_area areas[PB_FRAMES_MOST];
        size_t count, side = (size_t)lround((double)face.width * sizes[i]) + 300;
        MUST(pb_pixels_new(&photo, side, side, error));
        lay(&photo, &face, sizes[i], 200, 37);
        MUST(pb_frame_faces(areas, &count, &photo, &to_face.where, 64, 64, error));
        assert_int_equal(count, 1);
        expect_face(&areas[0], sizes[i], 200, 37);
        pb_pixels_clear(&photo);
    }
    pb_pixels_clear(&face);
}

/* Of two faces the larger first; a face too small for the first look is found by the second. */
static void test_several(void **state)
{
    pb_pixels face = portrait(), photo = PB_PIXELS_EMPTY;
    pb_area areas[PB_FRAMES_MOST];
    size_t count;

    (void)state;
    MUST(pb_pixels_new(&photo, 900, 500, error));
    lay(&photo, &face, 0.8, 10, 100);
    lay(&photo, &face, 1.5, 400, 20);
    MUST(pb_frame_faces(areas, &count, &photo, &to_face.where, 64, 64, error));
    assert_int_equal(count, 2);
    expect_face(&areas[0], 1.5, 400, 20);
    expect_face(&areas[1], 0.8, 10, 100);
    pb_pixels_clear(&photo);
    MUST(pb_pixels_new(&photo, 2400, 1200, error));
    lay(&photo, &face, 1.2, 1900, 700);
    MUST(pb_frame_faces(areas, &count, &photo, &to_face.where, 64, 64, error));
    assert_int_equal(count, 1);
    expect_face(&areas[0], 1.2, 1900, 700);
    pb_pixels_clear(&photo);
    pb_pixels_clear(&face);
}

/* Areas lie in the photo and have the picture's proportions, and so has that of a face which the
 * photo cuts. */
static void test_borders(void **state)
{
    pb_pixels face = portrait(), photo = PB_PIXELS_EMPTY;
    const size_t width = 128, height = 117;
    pb_area areas[PB_FRAMES_MOST];
    size_t count;

    (void)state;
    MUST(pb_pixels_new(&photo, width, height, error));
    for (size_t y = 0; y < height; y++) /* the face, without what is above and to the left of it */
        memcpy(photo.rgb + 3 * y * width, face.rgb + 3 * ((y + 58) * face.width + 91), 3 * width);
    for (size_t tall = 0; tall < 2; tall++) {
        MUST(pb_frame_faces(areas, &count, &photo, &to_face.where, 64, tall ? 96 : 64, error));
        assert_int_equal(count, 1);
        assert_true(areas[0].x >= 0 && areas[0].y >= 0);
        assert_true((size_t)areas[0].x + areas[0].width <= width);
        assert_true((size_t)areas[0].y + areas[0].height <= height);
        assert_true(fabs((double)areas[0].height / (double)areas[0].width - (tall ? 1.5 : 1)) <
                    0.03);
    }
    pb_pixels_clear(&photo);
    pb_pixels_clear(&face);
}

/* No face: a wall, and noise. */
static void test_none(void **state)
{
    pb_pixels photo = PB_PIXELS_EMPTY;
    pb_area areas[PB_FRAMES_MOST];
    size_t count = 7;

    (void)state;
    MUST(pb_pixels_new(&photo, 300, 200, error));
    MUST(pb_frame_faces(areas, &count, &photo, &to_face.where, 64, 64, error));
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 3 * 300 * 200; i++)
        photo.rgb[i] = (unsigned char)(i * 2654435761u >> 13);
    MUST(pb_frame_faces(areas, &count, &photo, &to_face.where, 64, 64, error));
    assert_int_equal(count, 0);
    pb_pixels_clear(&photo);
}

/* -- the program ------------------------------------------------------------------------------- */

/* A face is found where none of the part is named, and what is found can be given. */
static void test_found(void **state)
{
    const outcome *o =
        program(here.folder, "invert -m " FACES " " PORTRAIT " --steps 2 -o found.npy");
    char *crop = strstr(o->error, "--crop "), given[64];
    pb_tensor a = PB_TENSOR_EMPTY, b = PB_TENSOR_EMPTY;

    (void)state;
    expect(o, 0, "a face is found: --crop");
    snprintf(given, sizeof given, "%.*s", (int)strcspn(crop, "\n"), crop);
    expect(
        program(here.folder, "invert -m " FACES " " PORTRAIT " --steps 2 %s -o given.npy", given),
        0, NULL);
    MUST(pb_npy_read(&a, scratch_path(&here, "found.npy").text, error));
    MUST(pb_npy_read(&b, scratch_path(&here, "given.npy").text, error));
    assert_memory_equal(a.data, b.data, pb_tensor_count(&a) * sizeof *a.data);
    pb_tensor_clear(&a);
    pb_tensor_clear(&b);
    expect(
        program(here.folder, "invert -m " FACES " " PORTRAIT " --steps 2 --crop none -o none.npy"),
        0, NULL);
    assert_null(strstr(
        program(here.folder, "invert -m " FACES " " PORTRAIT " --steps 2 --fit pad -o none.npy")
            ->error,
        "face"));
}

/* A photo alone is enough: the model, the part, and a free name beside it are found; one direction
 * makes the photo, half as far as the full edit goes; several a strip. */
static void test_alone(void **state)
{
    pb_pixels face = portrait();
    const outcome *o;
    json_t *made;
    char *settings;
    size_t rough, fine;
    pb_photo a = PB_PHOTO_EMPTY;

    (void)state;
    MUST(pb_pixels_write(&face, scratch_path(&here, "my.photo.png").text, NULL, error));
    o = program(here.folder, "edit my.photo.png --steps 4 --json");
    expect(o, 0, "with faces64-text");
    assert_non_null(strstr(o->error, "the other side: --strength -0.5"));
    made = object_of(o);
    assert_string_equal(json_string_value(json_object_get(made, "out")), "my.photo-edited.png");
    assert_int_equal(json_integer_value(json_object_get(made, "edit_iterations")), 16);
    assert_true(json_number_value(json_object_get(made, "strength")) == 0.5);
    assert_int_equal(json_array_size(json_object_get(made, "crop")), 4);
    json_decref(made);
    MUST(pb_photo_read(&a, scratch_path(&here, "my.photo-edited.png").text,
                       &(pb_crop){.fit = PB_FIT_STRETCH}, 64, 64, error));
    assert_true(a.pixels.width == face.width && a.pixels.height == face.height);
    assert_memory_equal(a.pixels.rgb, face.rgb, 3 * face.width * 30); /* above the face */
    pb_photo_clear(&a);
    expect(program(here.folder, "edit my.photo.png --steps 4 --edit-iterations 4 --strength -0.25"),
           0, NULL);
    MUST(pb_png_settings(&settings, scratch_path(&here, "my.photo-edited-2.png").text, error));
    assert_non_null(strstr(settings, "\"strength\":-0.25"));
    pb_free(settings);
    expect(program(here.folder, "edit my.photo-edited-2.png --steps 4 --edit-iterations 4 "
                                "--strength 0.75 -o again.png"),
           0, NULL); /* what a picture says of itself is what was done last */
    MUST(pb_png_settings(&settings, scratch_path(&here, "again.png").text, error));
    assert_non_null(strstr(settings, "\"strength\":0.75"));
    assert_non_null(strstr(settings, "\"model\":\"faces64-text\""));
    pb_free(settings);
    expect(program(here.folder, "edit my.photo.png --steps 4 -d 0,1 --edit-iterations 2"), 0, NULL);
    assert_true(scratch_has(&here, "my.photo-strip.png"));
    expect(program(here.folder,
                   "edit my.photo.png --steps 4 --edit-iterations 2 -o rough.jpg --quality 20"),
           0, NULL);
    expect(program(here.folder, "edit my.photo.png --steps 4 --edit-iterations 2 -o fine.jpg"), 0,
           NULL);
    free(scratch_read(&here, "rough.jpg", &rough));
    free(scratch_read(&here, "fine.jpg", &fine));
    assert_true(2 * rough < fine);
    expect(program(here.folder, "edit my.photo.png --steps 4 --no-paste -o seen.npy"), 0, NULL);
    expect(program(here.folder, "edit -m " FACES " --seed 1"), 2, "where to?");
    pb_pixels_clear(&face);
}

/* No face is a warning; to a study, which draws conclusions, an error. A model that says nothing of
 * faces is not asked. */
static void test_faceless(void **state)
{
    pb_pixels wall = PB_PIXELS_EMPTY;

    (void)state;
    MUST(pb_pixels_new(&wall, 90, 60, error));
    MUST(pb_pixels_write(&wall, scratch_path(&here, "wall.png").text, NULL, error));
    pb_pixels_clear(&wall);
    expect(program(here.folder, "invert -m " FACES " wall.png --steps 2 -o a.npy"), 0,
           "warning: wall.png: no face is found");
    expect(program(here.folder, "study timesteps -m " FACES " wall.png --steps 3 --timesteps 2 "
                                "-k 2 -o study/"),
           1, "wall.png: no face is found");
    expect(program(here.folder, "study timesteps -m " FACES " wall.png --steps 3 --timesteps 2 "
                                "-k 2 --crop none -q -o middle/"),
           0, NULL);
    expect(program(here.folder, "invert -m " PB_SOURCE_DIR "/models/cifar32 " PORTRAIT
                                " --steps 2 --crop auto -o b.npy"),
           1, "says nothing of faces");
    assert_null(strstr(program(here.folder, "invert -m " PB_SOURCE_DIR "/models/cifar32 " PORTRAIT
                                            " --steps 2 -o b.npy")
                           ->error,
                       "face"));
    expect(program(here.folder, "invert -m " FACES " wall.png --crop face -o a.npy"), 2,
           "--crop face: expected");
}

/* A picture of the network's own size is taken whole: its face fills it already. */
static void test_ready(void **state)
{
    pb_photo photo = PB_PHOTO_EMPTY;

    (void)state;
    MUST(pb_photo_read(&photo, PORTRAIT, &(pb_crop){.fit = PB_FIT_STRETCH}, 64, 64, error));
    size_t width = photo.pixels.width, height = photo.pixels.height;
    pb_photo_clear(&photo);
    MUST(pb_photo_read(&photo, PORTRAIT, &to_face, width, height, error));
    assert_false(photo.looked);
    assert_int_equal(photo.area.width, width);
    pb_photo_clear(&photo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),   cmocka_unit_test(test_several),
        cmocka_unit_test(test_borders), cmocka_unit_test(test_none),
        SCRATCH_TEST(test_found),       SCRATCH_TEST(test_faceless),
        SCRATCH_TEST(test_alone),       cmocka_unit_test(test_ready),
    };
    pb_error error;

    if (!pb_face_detector()) {
        print_message("built without what finds faces: nothing to test\n");
        return 77; /* skipped */
    }
    if (pb_picture_start("test_framing", 1, &error) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
