/* Colours that are not sRGB: Lab, CMYK, ICC profiles; and files that others wrote. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vips/vips.h>

#include "colours.h"
#include "golden.h"
#include "icc.h"

/* -- Lab, CMYK, profiles ---------------------------------------------------------------------- */

/* Lab relative to D50 of an sRGB colour, by Bradford's adaptation. */
static void lab_of(const double *colour, double *lab)
{
    static const double to_xyz[3][3] = {{0.4360747, 0.3850649, 0.1430804},
                                        {0.2225045, 0.7168786, 0.0606169},
                                        {0.0139322, 0.0971045, 0.7141733}};
    static const double white[3] = {0.96422, 1, 0.82521};
    double f[3];

    for (int i = 0; i < 3; i++) {
        double v = 0;
        for (int c = 0; c < 3; c++)
            v += to_xyz[i][c] * linear(colour[c]) / white[i];
        f[i] = v > 216 / 24389.0 ? cbrt(v) : (24389 / 27.0 * v + 16) / 116;
    }
    lab[0] = 116 * f[1] - 16;
    lab[1] = 500 * (f[0] - f[1]);
    lab[2] = 200 * (f[1] - f[2]);
}

static void test_lab(void **state)
{
    float floats[COLOURS][3];
    int16_t words[COLOURS][3];
    int8_t bytes[COLOURS][3];
    const struct {
        size_t bits;
        int format;
        const void *pixels;
        double tolerance; /* 8 bits are steps of 1 in a and b, of 0.4 in L */
    } cases[] = {{8, TIFF_UINT, bytes, 5}, {16, TIFF_UINT, words, 1}, {32, TIFF_FLOAT, floats, 1}};

    (void)state;
    for (size_t i = 0; i < COLOURS; i++) {
        double lab[3];
        lab_of(colours[i], lab);
        bytes[i][0] = (int8_t)lround(lab[0] * 2.55);
        words[i][0] = (int16_t)lround(lab[0] * 655.35);
        for (int c = 0; c < 3; c++) {
            floats[i][c] = (float)lab[c];
            if (c) {
                bytes[i][c] = (int8_t)lround(lab[c]);
                words[i][c] = (int16_t)lround(lab[c] * 256);
            }
        }
    }
    for (size_t k = 0; k < 3; k++) {
        const tiff t = {.width = COLOURS,
                        .height = 1,
                        .bands = 3,
                        .bits = cases[k].bits,
                        .photometric = TIFF_LAB,
                        .format = cases[k].format,
                        .pixels = cases[k].pixels};
        write_tiff(&here, "lab.tif", &t);
        expect_colours(&here, "lab.tif", false, false, cases[k].tolerance);
    }
}

/* One of the profiles that libvips has with it. */
static VipsBlob *profile(const char *name)
{
    VipsBlob *blob = NULL;

    if (vips_profile_load(name, &blob, NULL))
        fail_msg("%s: %s", name, vips_error_buffer());
    return blob;
}

/* libvips' profile, embedded or not, by what Little CMS makes of it through Pillow. */
static void test_cmyk(void **state)
{
    static const unsigned char inks[8][4] = {
        {0, 0, 0, 0},   {255, 0, 0, 0},    {0, 255, 0, 0},     {0, 0, 255, 0},
        {0, 0, 0, 255}, {40, 80, 120, 30}, {200, 100, 10, 60}, {255, 255, 255, 255}};
    static const int seen[8][3] = {{255, 255, 255}, {0, 156, 228},   {234, 23, 133}, {255, 240, 0},
                                   {41, 35, 43},    {188, 151, 122}, {47, 105, 147}, {33, 33, 44}};
    unsigned char alpha[8][5], wide[64], *at = wide;
    double opaque[8][3], over[8][3];
    VipsBlob *blob = profile("cmyk");
    tiff t = {.width = 8,
              .height = 1,
              .bands = 4,
              .bits = 8,
              .photometric = TIFF_CMYK,
              .meaning = TIFF_TRANSPARENT};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        memcpy(alpha[i], inks[i], 4);
        alpha[i][4] = (unsigned char)(51 * (i % 6));
        for (size_t c = 0; c < 4; c++)
            put(&at, inks[i][c] / 255.0, 16, TIFF_UINT);
        for (size_t c = 0; c < 3; c++) {
            opaque[i][c] = seen[i][c] / 255.0;
            over[i][c] = 1 + alpha[i][4] / 255.0 * (opaque[i][c] - 1);
        }
    }
    for (int embedded = 0; embedded < 2; embedded++) {
        t.profile = embedded ? VIPS_AREA(blob)->data : NULL;
        t.profile_size = VIPS_AREA(blob)->length;
        t.pixels = inks;
        write_tiff(&here, "cmyk.tif", &t);
        expect_pixels(&here, "cmyk.tif", opaque, 8, 2);
        t.pixels = alpha, t.bands = 5, t.extra = 1;
        write_tiff(&here, "cmyka.tif", &t);
        expect_pixels(&here, "cmyka.tif", over, 8, 2);
        t.pixels = wide, t.bands = 4, t.extra = 0, t.bits = 16;
        write_tiff(&here, "cmyk16.tif", &t);
        expect_pixels(&here, "cmyk16.tif", opaque, 8, 2);
        t.bits = 8;
    }
    vips_area_unref(VIPS_AREA(blob));
}

/* XYZ of the primaries, relative to D50 by Bradford's adaptation. */
static const double srgb[3][3] = {{0.4360747, 0.2225045, 0.0139322},
                                  {0.3850649, 0.7168786, 0.0971045},
                                  {0.1430804, 0.0606169, 0.7141733}};
static const double display_p3[3][3] = {{0.515102, 0.241182, -0.001050},
                                        {0.291965, 0.692236, 0.041882},
                                        {0.157153, 0.066582, 0.784378}};
static const double adobe_rgb[3][3] = {
    {0.60974, 0.31111, 0.01947}, {0.20528, 0.62567, 0.06087}, {0.14919, 0.06322, 0.74457}};

static double determinant(const double *a, const double *b, const double *c)
{
    return a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) +
           a[2] * (b[0] * c[1] - b[1] * c[0]);
}

/* The colour in other primaries, with another curve (of icc.h). */
static void in_space(const double (*primaries)[3], double gamma, const double *colour, double *out)
{
    const double *p = primaries[0], *q = primaries[1], *r = primaries[2];
    double xyz[3], all = determinant(p, q, r), light[3];

    for (int i = 0; i < 3; i++)
        xyz[i] = srgb[0][i] * linear(colour[0]) + srgb[1][i] * linear(colour[1]) +
                 srgb[2][i] * linear(colour[2]);
    light[0] = determinant(xyz, q, r) / all;
    light[1] = determinant(p, xyz, r) / all;
    light[2] = determinant(p, q, xyz) / all;
    for (int i = 0; i < 3; i++)
        out[i] = gamma > 0 ? pow(fmin(fmax(light[i], 0), 1), 1 / gamma) : encoded(light[i]);
}

/* Spaces at every depth, laid over white where there is transparency. */
static void test_profile(void **state)
{
    static const struct {
        const double (*primaries)[3];
        double gamma;
    } spaces[] = {{display_p3, 0}, {adobe_rgb, 2.2}, {display_p3, 1}, {srgb, 0}, {srgb, 1.8}};
    static const struct {
        size_t bits;
        int format;
        size_t alpha;
    } depths[] = {{8, TIFF_UINT, 0},  {8, TIFF_UINT, 1},  {16, TIFF_UINT, 0},
                  {16, TIFF_UINT, 1}, {32, TIFF_UINT, 0}, {32, TIFF_FLOAT, 0}};

    (void)state;
    for (size_t k = 0; k < 5; k++)
        for (size_t d = 0; d < 6; d++) {
            unsigned char icc[ICC_SIZE], pixels[COLOURS * 16], *at = pixels;
            const tiff t = {.width = COLOURS,
                            .height = 1,
                            .bands = 3 + depths[d].alpha,
                            .bits = depths[d].bits,
                            .photometric = TIFF_RGB,
                            .format = depths[d].format,
                            .extra = depths[d].alpha,
                            .meaning = TIFF_TRANSPARENT,
                            .pixels = pixels,
                            .profile = icc,
                            .profile_size = icc_profile(icc, spaces[k].primaries, spaces[k].gamma)};
            if (spaces[k].gamma == 1 && depths[d].bits == 8)
                continue; /* linear light in 8 bits is in steps of up to 13 of sRGB's */
            for (size_t i = 0; i < COLOURS; i++) {
                double other[3];
                in_space(spaces[k].primaries, spaces[k].gamma, colours[i], other);
                for (size_t c = 0; c < 3; c++)
                    put(&at, other[c], depths[d].bits, depths[d].format);
                if (depths[d].alpha)
                    put(&at, colours[i][3], depths[d].bits, depths[d].format);
            }
            write_tiff(&here, "profile.tif", &t);
            expect_colours(&here, "profile.tif", false, depths[d].alpha,
                           depths[d].bits == 8 ? 2.5 : 1);
        }
}

/* Grey of its own curve, with transparency and without. */
static void test_grey_profile(void **state)
{
    unsigned char icc[ICC_SIZE];
    size_t size = icc_profile(icc, NULL, 1.8);

    (void)state;
    for (size_t bits = 8; bits <= 16; bits *= 2)
        for (size_t alpha = 0; alpha < 2; alpha++) {
            unsigned char pixels[COLOURS * 16], *at = pixels;
            const tiff t = {.width = COLOURS,
                            .height = 1,
                            .bands = 1 + alpha,
                            .bits = bits,
                            .photometric = TIFF_MIN_IS_BLACK,
                            .extra = alpha,
                            .meaning = TIFF_TRANSPARENT,
                            .pixels = pixels,
                            .profile = icc,
                            .profile_size = size};
            for (size_t i = 0; i < COLOURS; i++) {
                put(&at, pow(linear(colours[i][1]), 1 / 1.8), bits, TIFF_UINT);
                if (alpha)
                    put(&at, colours[i][3], bits, TIFF_UINT);
            }
            write_tiff(&here, "grey.tif", &t);
            expect_colours(&here, "grey.tif", true, alpha, bits == 8 ? 1.6 : 1);
        }
}

/* A profile for RGB goes with grey; a broken one, or one for other bands, counts as none. */
static void test_other_profiles(void **state)
{
    static const char broken[200] = "not a profile";
    unsigned char p3[ICC_SIZE], grey_only[ICC_SIZE], pixels[COLOURS * 16];
    const size_t p3_size = icc_profile(p3, display_p3, 0);
    const size_t grey_size = icc_profile(grey_only, NULL, 1);

    (void)state;
    for (size_t bits = 8; bits <= 16; bits *= 2)
        for (int grey = 0; grey < 2; grey++)
            for (int other = 0; other < 2; other++) {
                tiff t = page_of(pixels, grey, bits, TIFF_UINT, TIFF_TRANSPARENT);
                t.profile = other ? (grey ? p3 : grey_only) : (const void *)broken;
                t.profile_size = other ? (grey ? p3_size : grey_size) : sizeof broken;
                write_tiff(&here, "other.tif", &t);
                expect_colours(&here, "other.tif", grey, true, 1);
            }
}

#define PHOTOS GOLDEN "photos/"

/* 16 bits with transparency, in sRGB and in Display P3 with its profile, over white: the files and
 * what is expected are by golden/make/rgba16.py. */
static void test_png_of_others(void **state)
{
    pb_photo expected = photo_of(&here, PHOTOS "expected.png");
    static const char *const names[] = {PHOTOS "rgba16.png", PHOTOS "rgba16_icc.png"};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        pb_photo photo = photo_of(&here, names[k]);
        assert_int_equal(photo.pixels.width, 32);
        for (size_t i = 0; i < 3 * 32 * 32; i++)
            if (abs(photo.pixels.rgb[i] - expected.pixels.rgb[i]) > 1)
                fail_msg("%s: byte %zu is %d, expected %d", names[k], i, photo.pixels.rgb[i],
                         expected.pixels.rgb[i]);
        pb_photo_clear(&photo);
    }
    pb_photo_clear(&expected);
}

/* -- files of several pictures, and other formats --------------------------------------------- */

/* The first page. */
static void test_pages(void **state)
{
    static const unsigned char black[6] = {0}, white[3] = {255, 255, 255};
    double expected[2][3] = {{0}};
    const tiff second = {
        .width = 1, .height = 1, .bands = 3, .bits = 8, .photometric = TIFF_RGB, .pixels = white};
    const tiff first = {.width = 2,
                        .height = 1,
                        .bands = 3,
                        .bits = 8,
                        .photometric = TIFF_RGB,
                        .pixels = black,
                        .next = &second};

    (void)state;
    write_tiff(&here, "pages.tif", &first);
    expect_pixels(&here, "pages.tif", expected, 2, 0);
}

/* Frames below each other: red, then blue. Their first one is read, of its own height. */
static void test_frames(void **state)
{
    static const char *const names[] = {"a.gif", "a.webp"};
    unsigned char rgb[16 * 32 * 3] = {0};
    VipsImage *image, *typed = NULL;

    (void)state;
    for (size_t i = 0; i < 16 * 32; i++)
        rgb[3 * i + (i < 256 ? 0 : 2)] = 255;
    image = vips_image_new_from_memory(rgb, sizeof rgb, 16, 32, 3, VIPS_FORMAT_UCHAR);
    assert_int_equal(vips_copy(image, &typed, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    vips_image_set_int(typed, VIPS_META_PAGE_HEIGHT, 16);
    for (size_t k = 0; k < 2; k++) {
        pb_photo photo;
        if (vips_image_write_to_file(typed, scratch_path(&here, names[k]).text, NULL)) {
            vips_error_clear(); /* a libvips that cannot write it */
            continue;
        }
        photo = photo_of(&here, names[k]);
        assert_int_equal(photo.pixels.width, 16);
        assert_int_equal(photo.pixels.height, 16);
        for (size_t i = 0; i < 256; i++)
            assert_true(photo.pixels.rgb[3 * i] > 240 && photo.pixels.rgb[3 * i + 2] < 15);
        pb_photo_clear(&photo);
    }
    g_object_unref(typed);
    g_object_unref(image);
}

/* Formats of libvips' own writing, each of the same flat colour, in what it holds. */
static void test_formats(void **state)
{
    static const struct {
        const char *name;
        VipsInterpretation type;
        int tolerance;
    } cases[] = {
        {"a.jpg", VIPS_INTERPRETATION_CMYK, 40}, {"b.jpg", VIPS_INTERPRETATION_sRGB, 3},
        {"a.jxl", VIPS_INTERPRETATION_RGB16, 3}, {"b.jxl", VIPS_INTERPRETATION_scRGB, 3},
        {"a.avif", VIPS_INTERPRETATION_sRGB, 6}, {"a.png", VIPS_INTERPRETATION_RGB16, 1},
        {"a.webp", VIPS_INTERPRETATION_sRGB, 4}, {"a.tif", VIPS_INTERPRETATION_LABQ, 12},
    };
    static const unsigned char colour[3] = {200, 100, 60};
    VipsImage *image = NULL, *typed = NULL, *large = NULL;

    (void)state;
    image = vips_image_new_from_memory(colour, 3, 1, 1, 3, VIPS_FORMAT_UCHAR);
    assert_int_equal(vips_copy(image, &typed, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    assert_int_equal(vips_replicate(typed, &large, 32, 32, NULL), 0);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        VipsImage *in = NULL;
        pb_photo photo;
        assert_int_equal(vips_colourspace(large, &in, cases[k].type, NULL), 0);
        if (vips_image_write_to_file(in, scratch_path(&here, cases[k].name).text, NULL)) {
            vips_error_clear(); /* a libvips that cannot write it */
            g_object_unref(in);
            continue;
        }
        photo = photo_of(&here, cases[k].name);
        for (size_t c = 0; c < 3; c++)
            if (abs(photo.pixels.rgb[(16 * 32 + 16) * 3 + c] - colour[c]) > cases[k].tolerance)
                fail_msg("%s: band %zu is %d, expected %d", cases[k].name, c,
                         photo.pixels.rgb[(16 * 32 + 16) * 3 + c], colour[c]);
        pb_photo_clear(&photo);
        g_object_unref(in);
    }
    g_object_unref(large);
    g_object_unref(typed);
    g_object_unref(image);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_lab),
        SCRATCH_TEST(test_cmyk),
        SCRATCH_TEST(test_profile),
        SCRATCH_TEST(test_grey_profile),
        SCRATCH_TEST(test_other_profiles),
        SCRATCH_TEST(test_png_of_others),
        SCRATCH_TEST(test_pages),
        SCRATCH_TEST(test_frames),
        SCRATCH_TEST(test_formats),
    };

    (void)argc;
    if (pb_picture_start(argv[0], 1, NULL) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
