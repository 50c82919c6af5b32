/* Photos of many kinds read upright and in sRGB, cropped; sheets and settings written. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vips/vips.h>

#include "base/memory.h"
#include "golden.h"
#include "inject.h"
#include "picture/photo.h"
#include "picture/plot.h"
#include "picture/sheet.h"
#include "picture/spectrum.h"
#include "scratch.h"

/* -- pictures made for the tests
 * --------------------------------------------------------------------- */

/* 60 x 40: red on the left half, blue on the right, a green band along the top quarter. */
static void paint(unsigned char *rgb, size_t width, size_t height)
{
    memset(rgb, 0, width * height * 3);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            rgb[(y * width + x) * 3 + (y < height / 4 ? 1 : x < width / 2 ? 0 : 2)] = 200;
}

/* Writes the picture in a format, after a change by `edit` (which may be NULL). */
static void write_picture(const char *name, VipsImage *(*edit)(VipsImage *in, int argument),
                          int argument)
{
    unsigned char rgb[60 * 40 * 3];
    VipsImage *image, *typed = NULL;

    paint(rgb, 60, 40);
    image = vips_image_new_from_memory_copy(rgb, sizeof rgb, 60, 40, 3, VIPS_FORMAT_UCHAR);
    assert_non_null(image);
    assert_int_equal(vips_copy(image, &typed, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    g_object_unref(image);
    if (edit)
        typed = edit(typed, argument);
    assert_non_null(typed);
    if (vips_image_write_to_file(typed, scratch_path(&here, name).text, NULL))
        fail_msg("%s: %s", name, vips_error_buffer());
    g_object_unref(typed);
}

static VipsImage *replace(VipsImage *old, VipsImage **next, int failed)
{
    g_object_unref(old);
    if (failed)
        fail_msg("%s", vips_error_buffer());
    return *next;
}

/* Stored rotated or mirrored, with the EXIF tag that undoes it. */
static VipsImage *orient(VipsImage *in, int tag)
{
    static const int turns[9] = {0, 0, 0, 2, 2, 3, 3, 1, 1};
    static const int mirrored[9] = {0, 0, 1, 0, 1, 1, 0, 1, 0};
    VipsImage *next = NULL;

    if (mirrored[tag])
        in = replace(in, &next, vips_flip(in, &next, VIPS_DIRECTION_HORIZONTAL, NULL));
    if (turns[tag])
        in = replace(in, &next, vips_rot(in, &next, (VipsAngle)turns[tag], NULL));
    in = replace(in, &next, vips_copy(in, &next, NULL));
    vips_image_set_int(in, "orientation", tag);
    return in;
}

static VipsImage *to_16(VipsImage *in, int argument)
{
    VipsImage *out = NULL;
    int failed = vips_colourspace(in, &out, VIPS_INTERPRETATION_RGB16, NULL);

    (void)argument;
    return replace(in, &out, failed);
}

static VipsImage *to_grey(VipsImage *in, int argument)
{
    VipsImage *out = NULL;
    int failed = vips_colourspace(in, &out, VIPS_INTERPRETATION_B_W, NULL);

    (void)argument;
    return replace(in, &out, failed);
}

static VipsImage *with_alpha(VipsImage *in, int alpha)
{
    VipsImage *out = NULL;
    int failed = vips_bandjoin_const1(in, &out, alpha, NULL);

    return replace(in, &out, failed);
}

static pb_photo read_photo(const char *name, pb_fit fit, const pb_area *area)
{
    const pb_crop crop = {.kind = area ? PB_CROP_AREA : PB_CROP_FIT,
                          .fit = fit,
                          .area = area ? *area : (pb_area){0, 0, 0, 0}};
    pb_photo photo = PB_PHOTO_EMPTY;

    MUST(pb_photo_read(&photo, scratch_path(&here, name).text, &crop, 32, 32, error));
    return photo;
}

static void assert_colour(const pb_photo *photo, size_t x, size_t y, int r, int g, int b,
                          int tolerance)
{
    const unsigned char *at = photo->pixels.rgb + (y * photo->pixels.width + x) * 3;

    if (abs(at[0] - r) > tolerance || abs(at[1] - g) > tolerance || abs(at[2] - b) > tolerance)
        fail_msg("(%zu, %zu) is %d %d %d, expected %d %d %d", x, y, at[0], at[1], at[2], r, g, b);
}

static void assert_picture(const char *name, int tolerance)
{
    pb_photo photo = read_photo(name, PB_FIT_CROP, NULL);

    assert_int_equal(photo.pixels.width, 60);
    assert_int_equal(photo.pixels.height, 40);
    assert_colour(&photo, 8, 30, 200, 0, 0, tolerance);
    assert_colour(&photo, 50, 30, 0, 0, 200, tolerance);
    assert_colour(&photo, 30, 3, 0, 200, 0, tolerance);
    pb_photo_clear(&photo);
}

/* -- reading
 * ------------------------------------------------------------------------------------------- */

static void test_formats(void **state)
{
    (void)state;
    write_picture("a.png", NULL, 0);
    assert_picture("a.png", 0);
    write_picture("a.tif", NULL, 0);
    assert_picture("a.tif", 0);
    write_picture("a.jpg", NULL, 0);
    assert_picture("a.jpg", 12);
    write_picture("a.webp", NULL, 0);
    assert_picture("a.webp", 20);
    write_picture("a16.png", to_16, 0);
    assert_picture("a16.png", 1);
    write_picture("opaque.png", with_alpha, 255);
    assert_picture("opaque.png", 0);
}

static void test_orientation(void **state)
{
    (void)state;
    for (int tag = 1; tag <= 8; tag++) {
        write_picture("turned.jpg", orient, tag);
        assert_picture("turned.jpg", 12);
    }
}

static void test_grey_and_alpha(void **state)
{
    pb_photo photo;

    (void)state;
    write_picture("grey.png", to_grey, 0);
    photo = read_photo("grey.png", PB_FIT_CROP, NULL);
    assert_int_equal(photo.pixels.rgb[0], photo.pixels.rgb[1]);
    pb_photo_clear(&photo);
    write_picture("clear.png", with_alpha, 0);
    photo = read_photo("clear.png", PB_FIT_CROP, NULL);
    assert_colour(&photo, 8, 30, 255, 255, 255, 0); /* transparent: white */
    pb_photo_clear(&photo);
    MUST(pb_photo_read(&photo, scratch_path(&here, "clear.png").text,
                       &(pb_crop){.ground = PB_ON_BLACK}, 32, 32, error)); /* of a mask: black */
    assert_colour(&photo, 8, 30, 0, 0, 0, 0);
    pb_photo_clear(&photo);
}

static void expect_error(const char *name, const pb_area *area, const char *message)
{
    const pb_crop crop = {.kind = area ? PB_CROP_AREA : PB_CROP_FIT,
                          .area = area ? *area : (pb_area){0, 0, 0, 0}};
    pb_photo photo = PB_PHOTO_EMPTY;
    pb_error error = {0};

    if (pb_photo_read(&photo, scratch_path(&here, name).text, &crop, 32, 32, &error) == PB_OK)
        fail_msg("%s was read", name);
    if (!strstr(error.message, message) || !strstr(error.message, name))
        fail_msg("expected %s, found %s", message, error.message);
}

static void test_bad_files(void **state)
{
    /* A PNG's header that claims 100000 x 100000 pixels. */
    static const unsigned char huge[] = {0x89, 'P',  'N', 'G', 13,  10, 26, 10,   0,    0,    0,
                                         13,   'I',  'H', 'D', 'R', 0,  1,  0x86, 0xa0, 0,    1,
                                         0x86, 0xa0, 8,   2,   0,   0,  0,  0x55, 0x8f, 0x5f, 0x5b};
    const pb_area outside = {30, 10, 31, 20}, nothing = {0, 0, 0, 5}, negative = {-1, 0, 5, 5};
    unsigned char *bytes;
    size_t count;

    (void)state;
    write_picture("a.png", NULL, 0);
    write_picture("a.jpg", NULL, 0);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "a.jpg" : "a.png";
        bytes = scratch_read(&here, name, &count);
        scratch_write(&here, "cut", bytes, count * 2 / 3);
        expect_error("cut", NULL, "");
        free(bytes);
    }
    scratch_write(&here, "noise.jpg", "\xff\xd8\xff\xe0garbage", 11);
    expect_error("noise.jpg", NULL, "");
    scratch_write(&here, "huge.png", huge, sizeof huge);
    expect_error("huge.png", NULL, "");
    scratch_write(&here, "empty.png", "", 0);
    expect_error("empty.png", NULL, "empty");
    expect_error("absent.png", NULL, "No such file");
    expect_error("a.png", &outside, "the photo has 60x40");
    expect_error("a.png", &nothing, "the photo has 60x40");
    expect_error("a.png", &negative, "the photo has 60x40");
}

/* Somebody cuts the file when it has been opened, and not read yet. */
static void test_cut_while_read(void **state)
{
    const scratch_name path = scratch_path(&here, "a.png");

    (void)state;
    write_picture("a.png", NULL, 0);
    inject_cut(path.text, 100, 1);
    expect_error("a.png", NULL, "as when it was opened, found 100");
}

/* -- the part that the network sees
 * -------------------------------------------------------------------- */

static void test_fits(void **state)
{
    const pb_area crop = {2, 12, 24, 24};
    pb_photo photo;
    pb_tensor t = PB_TENSOR_EMPTY;

    (void)state;
    write_picture("a.png", NULL, 0);
    photo = read_photo("a.png", PB_FIT_CROP, NULL);
    assert_true(photo.area.x == 10 && photo.area.y == 0 && photo.area.width == 40 &&
                photo.area.height == 40);
    pb_photo_clear(&photo);

    photo = read_photo("a.png", PB_FIT_PAD, NULL);
    assert_true(photo.area.x == 0 && photo.area.y == -10 && photo.area.width == 60 &&
                photo.area.height == 60);
    MUST(pb_photo_tensor(&photo, 3, 32, 32, &t, error));
    assert_true(fabs((double)t.data[2 * 32 + 16] - 1) < 0.02); /* white above */
    pb_tensor_clear(&t);
    pb_photo_clear(&photo);

    photo = read_photo("a.png", PB_FIT_STRETCH, NULL);
    MUST(pb_photo_tensor(&photo, 3, 32, 32, &t, error));
    assert_true(fabs((double)t.data[20 * 32 + 4] - (200 / 127.5 - 1)) < 0.02);         /* red */
    assert_true(fabs((double)t.data[2048 + 20 * 32 + 28] - (200 / 127.5 - 1)) < 0.02); /* blue */
    pb_tensor_clear(&t);
    pb_photo_clear(&photo);

    photo = read_photo("a.png", PB_FIT_CROP, &crop);
    MUST(pb_photo_tensor(&photo, 1, 32, 32, &t, error));
    for (size_t i = 0; i < 1024; i++) /* luma of the red */
        assert_true(fabs((double)t.data[i] - (0.299 * 200 / 127.5 - 1)) < 0.01);
    assert_int_equal(pb_photo_tensor(&photo, 4, 32, 32, &t, NULL), PB_UNSUPPORTED);
    pb_tensor_clear(&t);
    pb_photo_clear(&photo);
}

/* -- sheets, settings, plots
 * ----------------------------------------------------------------------------- */

static void test_sheet(void **state)
{
    static const size_t channels[] = {1, 2, 3, 4, 16};
    static float image[16 * 64];
    const float *tiles[6] = {image, image, NULL, image, image, image};
    static const char *const labels[] = {"a", "b", "c"};

    (void)state;
    for (size_t i = 0; i < 16 * 64; i++)
        image[i] = sinf((float)i);
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (int style = 0; style < 2; style++) {
            const pb_sheet sheet = {.rows = 2,
                                    .columns = 3,
                                    .tiles = tiles,
                                    .c = channels[i],
                                    .h = 8,
                                    .w = 8,
                                    .style = (pb_tile_style)style,
                                    .column_labels = labels,
                                    .row_labels = labels,
                                    .marked = 1,
                                    .caption = "first <line>\nsecond & line"};
            pb_pixels pixels = PB_PIXELS_EMPTY;
            MUST(pb_sheet_draw(&sheet, &pixels, error));
            assert_true(pixels.width > 3 * 128 && pixels.height > 2 * 128);
            pb_pixels_clear(&pixels);
        }
}

/* Black is -1, white is 1, whatever the other tiles hold; larger values are clamped. */
static void test_levels(void **state)
{
    const float image[4] = {-1, 1, -7, 0};
    pb_pixels pixels = PB_PIXELS_EMPTY;

    (void)state;
    MUST(pb_image_draw(image, 1, 2, 2, PB_TILE_IMAGE, &pixels, error));
    assert_int_equal(pixels.rgb[0], 0);
    assert_int_equal(pixels.rgb[3], 255);
    assert_int_equal(pixels.rgb[6], 0);
    assert_int_equal(pixels.rgb[9], 128);
    pb_pixels_clear(&pixels);
}

static void test_settings(void **state)
{
    static const char text[] = "{\"edit_step\": 1, \"note\": \"a \\\"quoted\\\" word\"}";
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_error error = {0};
    char *found;

    (void)state;
    assert_int_equal(pb_pixels_new(&pixels, 5, 4, &error), PB_OK);
    assert_int_equal(pb_pixels_write(&pixels, scratch_path(&here, "a.png").text, text, &error),
                     PB_OK);
    assert_int_equal(pb_png_settings(&found, scratch_path(&here, "a.png").text, &error), PB_OK);
    assert_string_equal(found, text);
    pb_free(found);
    assert_int_equal(pb_pixels_write(&pixels, scratch_path(&here, "a.xyz").text, NULL, &error),
                     PB_INVALID);
    assert_int_equal(pb_pixels_write(&pixels, scratch_path(&here, "no/a.png").text, NULL, &error),
                     PB_IO);
    assert_int_equal(scratch_count(&here), 1);
    pb_pixels_clear(&pixels);
}

static void test_spectrum(void **state)
{
    const double sigma[3] = {3, 2, 1}, residual[3] = {1e-7, 1e-6, 1e-5};
    const pb_spectrum spectrum = {.count = 3,
                                  .sigma = sigma,
                                  .residual = residual,
                                  .angle_bound = residual,
                                  .tolerance = 1e-3,
                                  .title = "a \"title\""};
    unsigned char *text;
    size_t count;

    (void)state;
    MUST(pb_spectrum_plot(&spectrum, scratch_path(&here, "a b").text, error));
    text = scratch_read(&here, "a b.csv", &count);
    assert_non_null(strstr((char *)text, "1,2,1e-06,1e-06"));
    free(text);
    text = scratch_read(&here, "a b.png", &count);
    assert_memory_equal(text + 1, "PNG", 3);
    free(text);
    assert_int_equal(scratch_count(&here), 3); /* with the script */
}

/* A script that fails half-way leaves the picture of before, and nothing else. */
static void test_plot_fails(void **state)
{
    static const char script[] = "set terminal svg\nset output \"a.svg\"\nplot x\n"
                                 "plot \"nowhere.csv\"\n",
                      before[] = "before";
    unsigned char *text;
    pb_error error;
    size_t count;

    (void)state;
    scratch_write(&here, "a.gp", script, sizeof script - 1);
    scratch_write(&here, "a.svg", before, sizeof before);
    assert_int_equal(pb_plot_run(scratch_path(&here, "a.gp").text, NULL, &error), PB_IO);
    assert_non_null(strstr(error.message, "nowhere.csv"));
    text = scratch_read(&here, "a.svg", &count);
    assert_string_equal((char *)text, before);
    free(text);
    assert_int_equal(scratch_count(&here), 2);
}

/* A picture that ends too early, as on a full disk, does not take the place of the one before. */
static void test_plot_half(void **state)
{
    static const char *const scripts[] = {
        "set print \"a.svg\"\nprint \"<svg> <path\"\n",
        "set print \"a.svg\"\nprint \"\\211PNG IHDR\"\n",
    };
    static const char before[] = "before";
    unsigned char *text;
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        pb_error error = {.message = ""};
        scratch_write(&here, "a.gp", scripts[i], strlen(scripts[i]));
        scratch_write(&here, "a.svg", before, sizeof before);
        assert_int_equal(pb_plot_run(scratch_path(&here, "a.gp").text, NULL, &error), PB_IO);
        if (!strstr(error.message, "a.svg: gnuplot could not write all of it"))
            fail_msg("found \"%s\"", error.message);
        text = scratch_read(&here, "a.svg", &count);
        assert_string_equal((char *)text, before);
        free(text);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_formats),        SCRATCH_TEST(test_orientation),
        SCRATCH_TEST(test_grey_and_alpha), SCRATCH_TEST(test_bad_files),
        SCRATCH_TEST(test_fits),           SCRATCH_TEST(test_sheet),
        SCRATCH_TEST(test_levels),         SCRATCH_TEST(test_settings),
        SCRATCH_TEST(test_spectrum),       SCRATCH_TEST(test_plot_fails),
        SCRATCH_TEST(test_cut_while_read), SCRATCH_TEST(test_plot_half),
    };

    (void)argc;
    if (pb_picture_start(argv[0], 1, NULL) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
