/* Where things are after a change of size: centres on centres, in images of floats, in what a
 * network sees of a photo and of a mask, and in what is pasted back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vips/vips.h>

#include "base/memory.h"
#include "golden.h"
#include "picture/blend.h"
#include "picture/resize.h"
#include "program.h"
#include "scratch.h"

/* 16 x 16: red grows from 20 to 220 along x, green along y; blue is 127. */
#define RAMP PB_SOURCE_DIR "/tests/faults/enlarged-photo/ramp16.png"

/* The place of the centre of pixel i of n, in [0, 1]. */
static double centre(size_t i, size_t n)
{
    return ((double)i + 0.5) / (double)n;
}

/* Is pixel i of `out` so far from the border that only pixels within `n` have a part in it? An
 * interpolation reaches two pixels far, a reduction three of the smaller image. */
static bool inside(size_t i, size_t out, size_t n)
{
    size_t less = n < out ? n : out;
    double margin = (n < out ? 2.0 : 3.5) / (double)less;

    return centre(i, out) > margin && centre(i, out) < 1 - margin;
}

/* A plane along `along` per side of x and `down` of y. */
static float *plane(size_t width, size_t height, double along, double down)
{
    float *values = pb_malloc(width * height, sizeof *values);

    assert_non_null(values);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            values[y * width + x] = (float)(along * centre(x, width) + down * centre(y, height));
    return values;
}

static const size_t sizes[][4] = {
    {16, 16, 32, 32},   {32, 32, 512, 384}, {7, 9, 64, 50},    {31, 16, 32, 32}, {33, 31, 100, 32},
    {64, 64, 32, 32},   {100, 75, 33, 31},  {65, 11, 64, 10},  {97, 64, 24, 24}, {640, 480, 32, 32},
    {100, 20, 32, 32},  {20, 100, 32, 32},  {16, 32, 32, 32},  {32, 16, 32, 32}, {16, 64, 16, 256},
    {4032, 24, 24, 32}, {24, 3024, 32, 24}, {12, 32, 512, 32}, {50, 32, 20, 32}, {48, 48, 48, 48},
};
#define SIZES (sizeof sizes / sizeof *sizes)

/* A plane stays that plane: to rounding where it is enlarged, and to the ripple of three lobes, a
 * thirtieth of a pixel of the smaller image, where an axis is reduced. */
static void test_ramp(void **state)
{
    (void)state;
    for (size_t k = 0; k < SIZES; k++) {
        size_t w = sizes[k][0], h = sizes[k][1], W = sizes[k][2], H = sizes[k][3], seen = 0;
        float *in = plane(w, h, 1, 3), *expected = plane(W, H, 1, 3);
        float *out = pb_malloc(W * H, sizeof *out);
        double ripple = (W < w ? 1.0 / (double)W : 0) + (H < h ? 3.0 / (double)H : 0);

        assert_non_null(out);
        MUST(pb_resize(1, w, h, in, W, H, out, error));
        for (size_t y = 0; y < H; y++)
            for (size_t x = 0; x < W; x++) {
                double off = (double)out[y * W + x] - (double)expected[y * W + x];
                if (!inside(x, W, w) || !inside(y, H, h))
                    continue;
                seen++;
                if (!(fabs(off) <= 1e-6 + ripple / 30))
                    fail_msg("%zux%zu to %zux%zu: (%zu, %zu) is off by %g", w, h, W, H, x, y, off);
            }
        assert_true(seen > 0);
        pb_free(in);
        pb_free(expected);
        pb_free(out);
    }
}

/* What is the same all over stays so up to the border, also from a single pixel; and no value
 * leaves the range by more than the kernels overshoot. */
static void test_constant(void **state)
{
    static const size_t more[][4] = {{1, 1, 8, 8}, {1, 40, 8, 8}, {40, 1, 8, 8}, {2, 3, 1, 1}};

    (void)state;
    for (size_t k = 0; k < SIZES + sizeof more / sizeof *more; k++) {
        const size_t *n = k < SIZES ? sizes[k] : more[k - SIZES];
        float *in = pb_malloc(2 * n[0] * n[1], sizeof *in);
        float *out = pb_malloc(2 * n[2] * n[3], sizeof *out);

        assert_true(in && out);
        for (size_t i = 0; i < 2 * n[0] * n[1]; i++)
            in[i] = i < n[0] * n[1] ? 0.7f : -3;
        MUST(pb_resize(2, n[0], n[1], in, n[2], n[3], out, error));
        for (size_t i = 0; i < 2 * n[2] * n[3]; i++)
            assert_true(fabs((double)out[i] - (i < n[2] * n[3] ? 0.7 : -3)) < 2e-6);
        pb_free(in);
        pb_free(out);
    }
}

/* Enlarged by an odd factor, every pixel is met again in the middle of its copies. */
static void test_passes_through(void **state)
{
    float in[5 * 4], out[15 * 12];

    (void)state;
    for (size_t i = 0; i < 20; i++)
        in[i] = sinf((float)(3 * i));
    MUST(pb_resize(1, 5, 4, in, 15, 12, out, error));
    for (size_t y = 0; y < 4; y++)
        for (size_t x = 0; x < 5; x++)
            assert_true(out[(3 * y + 1) * 15 + 3 * x + 1] == in[y * 5 + x]);
}

/* A reduction is the one of libvips, to the bit. */
static void test_reduction(void **state)
{
    float *in = plane(100, 75, 1, 0), *out = pb_malloc(33 * 31, sizeof *out);
    VipsImage *image, *resized = NULL;
    float *memory;
    size_t bytes;

    (void)state;
    assert_non_null(out);
    for (size_t i = 0; i < 7500; i++)
        in[i] = sinf((float)(i * i % 1009));
    image = vips_image_new_from_memory(in, 7500 * sizeof *in, 100, 75, 1, VIPS_FORMAT_FLOAT);
    assert_int_equal(vips_resize(image, &resized, 0.33, "vscale", 31 / 75.0, NULL), 0);
    memory = vips_image_write_to_memory(resized, &bytes);
    MUST(pb_resize(1, 100, 75, in, 33, 31, out, error));
    assert_int_equal(bytes, 33 * 31 * sizeof *out);
    assert_memory_equal(out, memory, bytes);
    g_free(memory);
    g_object_unref(resized);
    g_object_unref(image);
    pb_free(in);
    pb_free(out);
}

/* -- photos ----------------------------------------------------------------------------------- */

/* The photo of the ramp, a part of it or all, as the network sees it: on the line through the
 * pixels of the photo, to the rounding of the bytes. */
static void check_tensor(const pb_crop *crop, size_t size)
{
    pb_tensor t = PB_TENSOR_EMPTY;
    pb_photo photo = PB_PHOTO_EMPTY;

    MUST(pb_photo_read(&photo, RAMP, crop, size, size, error));
    MUST(pb_photo_tensor(&photo, 3, size, size, &t, error));
    for (size_t y = 0; y < size; y++)
        for (size_t x = 0; x < size; x++) {
            const pb_area *a = &photo.area;
            double px = (double)a->x + centre(x, size) * (double)a->width - 0.5;
            double py = (double)a->y + centre(y, size) * (double)a->height - 0.5;
            const double expected[2] = {20 + px * 200 / 15, 20 + py * 200 / 15};
            for (size_t c = 0; c < 2; c++) {
                double found = ((double)t.data[(c * size + y) * size + x] + 1) * 127.5;
                if (inside(x, size, a->width) && inside(y, size, a->height) &&
                    !(fabs(found - expected[c]) < 0.7))
                    fail_msg("%zu: (%zu, %zu), band %zu is %g, expected %g", size, x, y, c, found,
                             expected[c]);
            }
        }
    pb_tensor_clear(&t);
    pb_photo_clear(&photo);
}

static void test_tensor(void **state)
{
    const pb_crop all = {.fit = PB_FIT_STRETCH};
    const pb_crop wide = {.kind = PB_CROP_AREA, .area = {0, 2, 16, 8}};
    const pb_crop tall = {.kind = PB_CROP_AREA, .area = {5, 0, 9, 16}};

    (void)state;
    for (size_t size = 16; size <= 64; size += 12) {
        check_tensor(&all, size);
        check_tensor(&wide, size);
        check_tensor(&tall, size);
    }
    check_tensor(&all, 12);
    check_tensor(&wide, 12); /* one axis reduced, the other enlarged */
}

/* A difference that grows along x and y, pasted: where the fade has ended, the photo grows by
 * the same plane. */
static void test_paste(void **state)
{
    enum { W = 300, H = 200 };
    static const size_t widths[] = {32, 32, 400}, heights[] = {32, 400, 32};
    const pb_area area = {20, 10, 260, 180};
    pb_photo photo = PB_PHOTO_EMPTY;

    (void)state;
    photo.area = area;
    MUST(pb_pixels_new(&photo.pixels, W, H, error));
    memset(photo.pixels.rgb, 100, 3 * W * H);
    for (size_t k = 0; k < 3; k++) {
        float *difference = plane(widths[k], heights[k], 0.8, 0.4);
        float *before = pb_calloc(widths[k] * heights[k], sizeof *before);
        pb_tensor change = {0};
        double sum = 0;
        size_t count = 0;

        MUST(pb_blend(&photo, before, difference, 1, widths[k], heights[k], &change, error));
        for (size_t y = 30; y < 150; y++)
            for (size_t x = 40; x < 220; x++) {
                double grown = 127.5 * (0.8 * centre(x, area.width) + 0.4 * centre(y, area.height));
                double off = (double)change.data[y * area.width + x] - grown;
                assert_true(fabs(off) < 0.1);
                sum += off;
                count++;
            }
        /* Half a pixel of the photo along either axis would be 0.17. */
        if (!(fabs(sum / (double)count) <= 0.03))
            fail_msg("%zux%zu: off by %g", widths[k], heights[k], sum / (double)count);
        pb_tensor_clear(&change);
        pb_free(before);
        pb_free(difference);
    }
    pb_photo_clear(&photo);
}

/* A mask of a photo smaller than the network is enlarged as the photo is. */
static void test_mask(void **state)
{
    pb_basis basis = PB_BASIS_EMPTY;

    (void)state;
    expect(program(here.folder,
                   "basis --model " PB_SOURCE_DIR "/models/faces32 --steps 10 -q " RAMP
                   " --fit stretch --tap x0 --mask " RAMP " -k 1 --no-pictures -o a.safetensors"),
           0, NULL);
    MUST(pb_basis_read(&basis, scratch_path(&here, "a.safetensors").text, error));
    assert_int_equal(basis.mask.shape[0], 32);
    for (size_t y = 4; y < 28; y++)
        for (size_t x = 4; x < 28; x++) {
            double red = 20 + (16 * centre(x, 32) - 0.5) * 200 / 15;
            double green = 20 + (16 * centre(y, 32) - 0.5) * 200 / 15;
            double expected = (0.299 * red + 0.587 * green + 0.114 * 127) / 255;
            assert_true(fabs((double)basis.mask.data[y * 32 + x] - expected) < 0.7 / 255);
        }
    pb_basis_clear(&basis);
}

/* What is padded is not chosen by a white mask of the photo's size: 10 pixels of 320 on either
 * side.
 */
static void test_padded_mask(void **state)
{
    pb_basis basis = PB_BASIS_EMPTY;
    pb_pixels white = PB_PIXELS_EMPTY;

    (void)state;
    MUST(pb_pixels_new(&white, 300, 320, error));
    MUST(pb_pixels_write(&white, scratch_path(&here, "white.png").text, NULL, error));
    pb_pixels_clear(&white);
    expect(program(here.folder,
                   "basis --model " PB_SOURCE_DIR "/models/faces32 --steps 10 -q " PB_SOURCE_DIR
                   "/examples/portrait.png --fit pad --tap x0 --mask "
                   "white.png -k 1 --no-pictures -o a.safetensors"),
           0, NULL);
    MUST(pb_basis_read(&basis, scratch_path(&here, "a.safetensors").text, error));
    for (size_t y = 0; y < 32; y++) {
        assert_true(basis.mask.data[y * 32] < 0.1f && basis.mask.data[y * 32 + 31] < 0.1f);
        assert_true(basis.mask.data[y * 32 + 4] > 0.99f && basis.mask.data[y * 32 + 27] > 0.99f);
    }
    pb_basis_clear(&basis);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_ramp),           SCRATCH_TEST(test_constant),
        SCRATCH_TEST(test_passes_through), SCRATCH_TEST(test_reduction),
        SCRATCH_TEST(test_tensor),         SCRATCH_TEST(test_paste),
        SCRATCH_TEST(test_mask),           SCRATCH_TEST(test_padded_mask),
    };

    (void)argc;
    if (pb_picture_start(argv[0], 1, NULL) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
