/* Edits pasted into photos: what of the photo's detail stays, and what of its file. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vips/vips.h>

#include "base/memory.h"
#include "golden.h"
#include "icc.h"
#include "picture/blend.h"
#include "picture/original.h"
#include "scratch.h"

/* -- what a change is ------------------------------------------------------------------------- */

enum { SIDE = 256, NET = 32, NET_PIXELS = NET * NET };

/* A photo whose pixels are f's, all of which the network sees. */
static pb_photo painted(void (*f)(size_t x, size_t y, unsigned char *rgb))
{
    pb_photo photo = PB_PHOTO_EMPTY;

    MUST(pb_pixels_new(&photo.pixels, SIDE, SIDE, error));
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++)
            f(x, y, photo.pixels.rgb + (y * SIDE + x) * 3);
    photo.area = (pb_area){0, 0, SIDE, SIDE};
    return photo;
}

static pb_tensor seen(const pb_photo *photo)
{
    pb_tensor t = {0};

    MUST(pb_photo_tensor(photo, 1, NET, NET, &t, error));
    return t;
}

/* The change from what a network sees of the first photo to what it sees of the second. */
static pb_tensor change_to(const pb_photo *photo, const pb_photo *edited)
{
    pb_tensor before = seen(photo), after = seen(edited), change = {0};

    MUST(pb_blend(photo, before.data, after.data, 1, NET, NET, &change, error));
    pb_tensor_clear(&before);
    pb_tensor_clear(&after);
    return change;
}

static double value(const pb_photo *photo, const pb_tensor *change, size_t x, size_t y, size_t c)
{
    size_t i = y * SIDE + x;

    return photo->pixels.rgb[3 * i + c] + (double)change->data[c * SIDE * SIDE + i];
}

static void edge_at(size_t x, size_t where, unsigned char *rgb)
{
    memset(rgb, x < where ? 40 : 200, 3);
}

static void old_edge(size_t x, size_t y, unsigned char *rgb)
{
    (void)y;
    edge_at(x, 100, rgb);
}

static void new_edge(size_t x, size_t y, unsigned char *rgb)
{
    (void)y;
    edge_at(x, 156, rgb);
}

/* An edge moves: where it was nothing is left of it, where it comes to be there is one. With the
 * enlarged difference added, a step of 80 remains. */
static void test_edge_moves(void **state)
{
    pb_photo photo = painted(old_edge), edited = painted(new_edge);
    pb_tensor change = change_to(&photo, &edited);

    (void)state;
    for (size_t y = 64; y < 192; y += 16) {
        for (size_t x = 88; x < 112; x++) {
            double step = value(&photo, &change, x, y, 0) - value(&photo, &change, x - 1, y, 0);
            if (!(fabs(step) <= 16))
                fail_msg("(%zu, %zu): a step of %g where the edge was", x, y, step);
        }
        assert_true(value(&photo, &change, 128, y, 0) < 60);
        assert_true(value(&photo, &change, 180, y, 0) > 180);
    }
    pb_tensor_clear(&change);
    pb_photo_clear(&photo);
    pb_photo_clear(&edited);
}

static void texture(size_t x, size_t y, unsigned char *rgb)
{
    memset(rgb, (int)(120 + (x * 7919 + y * 104729 + x * y * 31) % 41 - 20), 3);
}

/* The sum of squares of what differs from pixel to pixel. */
static double roughness(const pb_photo *photo, const pb_tensor *change)
{
    double sum = 0;

    for (size_t y = 48; y < 208; y++)
        for (size_t x = 48; x < 208; x++) {
            double by = value(photo, change, x, y, 1) - value(photo, change, x - 1, y, 1);
            sum += by * by;
        }
    return sum;
}

/* Light that changes smoothly leaves the texture as it is; a photo that does not change stays. */
static void test_texture(void **state)
{
    pb_photo photo = painted(texture);
    pb_tensor before = seen(&photo), change = {0}, none = {0};
    float after[NET_PIXELS];

    (void)state;
    MUST(pb_blend(&photo, before.data, before.data, 1, NET, NET, &none, error));
    for (size_t i = 0; i < 3 * SIDE * SIDE; i++)
        assert_true(fabs((double)none.data[i]) < 1e-3);
    for (size_t i = 0; i < NET_PIXELS; i++) {
        double x = (double)(i % NET) - 15.5, y = (double)(i / NET) - 15.5;
        after[i] = before.data[i] + 0.3f * (float)exp(-(x * x + y * y) / 128);
    }
    MUST(pb_blend(&photo, before.data, after, 1, NET, NET, &change, error));
    assert_true(value(&photo, &change, 128, 128, 0) >
                photo.pixels.rgb[(128 * SIDE + 128) * 3] + 30);
    assert_true(fabs(roughness(&photo, &change) / roughness(&photo, &none) - 1) < 0.03);
    pb_tensor_clear(&none);
    pb_tensor_clear(&change);
    pb_tensor_clear(&before);
    pb_photo_clear(&photo);
}

/* White bars on red. */
static void teeth(size_t x, size_t y, unsigned char *rgb)
{
    const unsigned char lips[3] = {170, 80, 80}, tooth[3] = {225, 225, 220};

    (void)x;
    memcpy(rgb, y >= 116 && y < 140 ? tooth : lips, 3);
}

static void lips(size_t x, size_t y, unsigned char *rgb)
{
    (void)y;
    teeth(x, 0, rgb);
}

/* The network is grey: teeth that become as dark as lips become as red. */
static void test_colour_follows(void **state)
{
    pb_photo photo = painted(teeth), edited = painted(lips);
    pb_tensor change = change_to(&photo, &edited);

    (void)state;
    for (size_t y = 122; y < 134; y++) {
        double r = value(&photo, &change, 128, y, 0), g = value(&photo, &change, 128, y, 1);
        if (r - g < 60 || !(fabs(0.299 * r + 0.701 * g - 107) <= 15))
            fail_msg("row %zu: red %g, green %g", y, r, g);
    }
    pb_tensor_clear(&change);
    pb_photo_clear(&photo);
    pb_photo_clear(&edited);
}

/* -- what is written -------------------------------------------------------------------------- */

enum { W = 60, H = 40, DEEP = 60 * 40 * 4 };
static const pb_area area = {20, 10, 24, 24};
static const double display_p3[3][3] = {{0.515102, 0.241182, -0.001050},
                                        {0.291965, 0.692236, 0.041882},
                                        {0.157153, 0.066582, 0.784378}};

/* 16 bits with transparency, no two pixels alike. */
static void deep_pixels(uint16_t *p)
{
    for (size_t i = 0; i < W * H; i++) {
        p[4 * i] = (uint16_t)(9001 + 20 * i);
        p[4 * i + 1] = (uint16_t)(20011 + 7 * i);
        p[4 * i + 2] = (uint16_t)(50021 - 15 * i);
        p[4 * i + 3] = (uint16_t)(i % 5 ? 65535 : i % 3 * 21845);
    }
}

/* Writes those in Display P3. bands: 3 or 4. */
static void write_deep(const char *name, int bands)
{
    uint16_t *p = pb_malloc(DEEP, sizeof *p);
    unsigned char icc[ICC_SIZE];
    size_t size = icc_profile(icc, display_p3, 0);
    VipsImage *image, *typed = NULL, *some = NULL;

    assert_non_null(p);
    deep_pixels(p);
    image = vips_image_new_from_memory_copy(p, DEEP * sizeof *p, W, H, 4, VIPS_FORMAT_USHORT);
    assert_int_equal(vips_extract_band(image, &some, 0, "n", bands, NULL), 0);
    assert_int_equal(vips_copy(some, &typed, "interpretation", VIPS_INTERPRETATION_RGB16, NULL), 0);
    vips_image_set_blob_copy(typed, VIPS_META_ICC_NAME, icc, size);
    if (vips_image_write_to_file(typed, scratch_path(&here, name).text, NULL))
        fail_msg("%s: %s", name, vips_error_buffer());
    g_object_unref(typed);
    g_object_unref(some);
    g_object_unref(image);
    pb_free(p);
}

static pb_photo read_photo(const char *name)
{
    const pb_crop crop = {.kind = PB_CROP_AREA, .area = area};
    pb_photo photo = PB_PHOTO_EMPTY;

    MUST(pb_photo_read(&photo, scratch_path(&here, name).text, &crop, 32, 32, error));
    return photo;
}

/* Pastes a difference that is the same everywhere, by a network of 32 x 32; the remark, if any, is
 * the caller's. */
static char *paste(const pb_photo *photo, float by, const char *name)
{
    float before[1024] = {0}, after[1024];
    pb_tensor change = {0};
    char *lost = NULL;

    for (size_t i = 0; i < 1024; i++)
        after[i] = by;
    MUST(pb_blend(photo, before, after, 1, 32, 32, &change, error));
    MUST(pb_original_write(photo, &change, scratch_path(&here, name).text, "{\"a\":1}", PB_QUALITY,
                           &lost, error));
    pb_tensor_clear(&change);
    return lost;
}

/* A file's pixels; the caller unrefs them. */
static VipsImage *pixels_of(const char *name)
{
    VipsImage *image = vips_image_new_from_file(scratch_path(&here, name).text, "access", 0, NULL);
    VipsImage *memory = vips_image_new_memory();

    if (!image || vips_image_write(image, memory))
        fail_msg("%s: %s", name, vips_error_buffer());
    g_object_unref(image);
    return memory;
}

static int inside(size_t x, size_t y)
{
    return x >= 20 && x < 44 && y >= 10 && y < 34;
}

/* 16 bits, transparency and the profile stay where the format has them; what lies outside of the
 * area stays to the bit, and within it sRGB changes by what was asked for. */
static void test_deep(void **state)
{
    static const char *const outs[] = {"out.png", "out.tif"};
    uint16_t expected[DEEP];

    (void)state;
    deep_pixels(expected);
    for (size_t k = 0; k < 2; k++) {
        pb_photo photo, again;
        VipsImage *made;
        write_deep(k ? "in.tif" : "in.png", 4);
        photo = read_photo(k ? "in.tif" : "in.png");
        assert_null(paste(&photo, 0.2f, outs[k]));
        made = pixels_of(outs[k]);
        assert_int_equal(made->BandFmt, VIPS_FORMAT_USHORT);
        assert_int_equal(made->Bands, 4);
        assert_true(vips_image_get_typeof(made, VIPS_META_ICC_NAME) != 0);
        for (size_t i = 0; i < W * H; i++) {
            const uint16_t *p = (const uint16_t *)(const void *)VIPS_IMAGE_ADDR(made, i % W, i / W);
            if (!inside(i % W, i / W) || expected[4 * i + 3] == 0)
                assert_memory_equal(p, expected + 4 * i, 8);
            assert_int_equal(p[3], expected[4 * i + 3]);
        }
        again = read_photo(outs[k]);
        for (size_t y = 14; y < 30; y++)
            for (size_t x = 24; x < 40; x++)
                for (size_t c = 0; c < 3; c++) {
                    size_t at = (y * W + x) * 3 + c;
                    if (expected[4 * (y * W + x) + 3] == 65535)
                        assert_true(abs(again.pixels.rgb[at] - photo.pixels.rgb[at] - 26) <= 2);
                }
        g_object_unref(made);
        pb_photo_clear(&again);
        pb_photo_clear(&photo);
    }
}

/* An edit that changes nothing: the same pixels, in all of them. */
static void test_nothing(void **state)
{
    uint16_t expected[DEEP];
    pb_photo photo;
    VipsImage *made;

    (void)state;
    deep_pixels(expected);
    write_deep("in.png", 4);
    photo = read_photo("in.png");
    assert_null(paste(&photo, 0, "out.png"));
    made = pixels_of("out.png");
    for (size_t i = 0; i < W * H; i++)
        assert_memory_equal(VIPS_IMAGE_ADDR(made, i % W, i / W), expected + 4 * i, 8);
    g_object_unref(made);
    pb_photo_clear(&photo);
}

/* What a format does not hold is said; a JPEG has its colours at full resolution. */
static void test_lost(void **state)
{
    pb_photo photo;
    VipsImage *made;
    const char *sampling;
    char *lost;

    (void)state;
    write_deep("in.png", 4);
    photo = read_photo("in.png");
    lost = paste(&photo, 0.2f, "out.jpg");
    assert_non_null(lost);
    assert_string_equal(lost, "transparency is laid over white; 16 bits become 8");
    g_free(lost);
    made = pixels_of("out.jpg");
    assert_int_equal(made->Bands, 3);
    assert_true(vips_image_get_typeof(made, VIPS_META_ICC_NAME) != 0);
    assert_int_equal(vips_image_get_string(made, "jpeg-chroma-subsample", &sampling), 0);
    assert_string_equal(sampling, "4:4:4");
    g_object_unref(made);
    lost = paste(&photo, 0.2f, "out.gif");
    assert_non_null(lost);
    assert_non_null(strstr(lost, "sRGB"));
    g_free(lost);
    pb_photo_clear(&photo);
}

/* A turned photo with EXIF: it stays, GPS too, and says that the photo is upright. */
static void test_exif(void **state)
{
    static const char xmp[] = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><d tiff:Orientation=\"6\"/>"
                              "</x:xmpmeta>";
    /* Photoshop's resources: a thumbnail (1036), then a caption (1028). */
    static const char resources[] = "Photoshop 3.0\0"
                                    "8BIM\x04\x0c\0\0\0\0\0\x05thumb\0"
                                    "8BIM\x04\x04\0\0\0\0\0\x04"
                                    "word";
    static const char *const outs[] = {"out.jpg", "out.png", "out.webp"};
    VipsImage *in, *typed = NULL;
    unsigned char *rgb = pb_calloc(W * H, 3);
    pb_photo photo;

    (void)state;
    in = vips_image_new_from_memory_copy(rgb, W * H * 3, H, W, 3, VIPS_FORMAT_UCHAR);
    pb_free(rgb);
    assert_int_equal(vips_copy(in, &typed, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    vips_image_set_int(typed, VIPS_META_ORIENTATION, 6);
    vips_image_set_string(typed, "exif-ifd0-Make", "Maker (Maker, ASCII, 6 components, 6 bytes)");
    vips_image_set_string(typed, "exif-ifd3-GPSLatitudeRef", "N (N, ASCII, 2 components, 2 bytes)");
    vips_image_set_blob_copy(typed, VIPS_META_XMP_NAME, xmp, sizeof xmp - 1);
    vips_image_set_blob_copy(typed, VIPS_META_IPTC_NAME, resources, sizeof resources - 1);
    assert_int_equal(vips_image_write_to_file(typed, scratch_path(&here, "in.jpg").text, NULL), 0);
    g_object_unref(typed);
    g_object_unref(in);
    photo = read_photo("in.jpg");
    for (size_t k = 0; k < 3; k++) {
        VipsImage *made;
        const char *text;
        const void *blob;
        size_t size;
        char *lost = paste(&photo, 0.2f, outs[k]);
        assert_null(lost);
        made = pixels_of(outs[k]);
        assert_int_equal(made->Xsize, W);
        assert_int_equal(vips_image_get_string(made, "exif-ifd0-Make", &text), 0);
        assert_int_equal(strncmp(text, "Maker", 5), 0);
        assert_int_equal(vips_image_get_string(made, "exif-ifd3-GPSLatitudeRef", &text), 0);
        assert_int_equal(strncmp(text, "N", 1), 0);
        assert_int_equal(vips_image_get_orientation(made), 1);
        assert_int_equal(vips_image_get_blob(made, VIPS_META_XMP_NAME, &blob, &size), 0);
        text = g_strstr_len(blob, (gssize)size, "tiff:Orientation=");
        assert_non_null(text);
        assert_int_equal(strncmp(text, "tiff:Orientation=\"1\"", 20), 0);
        if (k == 0) {
            assert_int_equal(vips_image_get_blob(made, VIPS_META_IPTC_NAME, &blob, &size), 0);
            assert_int_equal(size, sizeof resources - 1 - 18);
            assert_memory_equal((const char *)blob + size - 4, "word", 4);
        }
        g_object_unref(made);
    }
    pb_photo_clear(&photo);
}

/* The same of AVIF, whose loader leaves EXIF and XMP in memory that goes with its image. */
static void test_avif(void **state)
{
    static const char xmp[] = "<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>";
    VipsImage *black = NULL, *in = NULL, *made;
    const char *text;
    pb_photo photo;
    int failed;

    (void)state;
    assert_int_equal(vips_black(&black, W, H, "bands", 3, NULL), 0);
    assert_int_equal(vips_copy(black, &in, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    vips_image_set_string(in, "exif-ifd0-Make", "Maker (Maker, ASCII, 6 components, 6 bytes)");
    vips_image_set_blob_copy(in, VIPS_META_XMP_NAME, xmp, sizeof xmp - 1);
    failed = vips_image_write_to_file(in, scratch_path(&here, "in.avif").text, NULL);
    vips_error_clear();
    g_object_unref(in);
    g_object_unref(black);
    if (failed) /* a libvips without AVIF */
        skip();
    photo = read_photo("in.avif");
    assert_null(paste(&photo, 0.2f, "out.jpg"));
    made = pixels_of("out.jpg");
    assert_int_equal(vips_image_get_string(made, "exif-ifd0-Make", &text), 0);
    assert_int_equal(strncmp(text, "Maker", 5), 0);
    g_object_unref(made);
    pb_photo_clear(&photo);
}

/* Colours that become sRGB are written as bytes, not as the 16 bits that they come by. */
static void test_converted(void **state)
{
    static const char *const outs[] = {"out.png", "out.tif"};
    VipsImage *grey = NULL, *rgb = NULL, *lab = NULL, *made;
    char *lost;

    (void)state;
    assert_int_equal(vips_grey(&grey, W, H, "uchar", TRUE, NULL), 0);
    assert_int_equal(vips_colourspace(grey, &rgb, VIPS_INTERPRETATION_sRGB, NULL), 0);
    assert_int_equal(vips_colourspace(rgb, &lab, VIPS_INTERPRETATION_LAB, NULL), 0);
    assert_int_equal(vips_image_write_to_file(lab, scratch_path(&here, "in.tif").text, NULL), 0);
    for (size_t k = 0; k < 2; k++) {
        pb_photo photo = read_photo("in.tif");
        lost = paste(&photo, 0.2f, outs[k]);
        assert_string_equal(lost, "its colours become sRGB of 8 bits");
        g_free(lost);
        made = pixels_of(outs[k]);
        assert_int_equal(made->BandFmt, VIPS_FORMAT_UCHAR);
        for (size_t i = 0; i < W * H; i++)
            if (!inside(i % W, i / W))
                assert_memory_equal(VIPS_IMAGE_ADDR(made, i % W, i / W), photo.pixels.rgb + 3 * i,
                                    3);
        g_object_unref(made);
        pb_photo_clear(&photo);
    }
    g_object_unref(lab);
    g_object_unref(rgb);
    g_object_unref(grey);
}

/* Without transparency, the same in grey, and a rectangle that reaches beyond the photo. */
static void test_kinds(void **state)
{
    VipsImage *grey = NULL, *made;
    pb_photo photo;

    (void)state;
    assert_int_equal(vips_black(&grey, W, H, NULL), 0);
    assert_int_equal(vips_image_write_to_file(grey, scratch_path(&here, "in.png").text, NULL), 0);
    g_object_unref(grey);
    photo = read_photo("in.png");
    photo.area = (pb_area){-10, -20, 80, 80};
    assert_null(paste(&photo, 0.2f, "out.png"));
    made = pixels_of("out.png");
    assert_int_equal(made->Bands, 1);
    assert_true(abs(*VIPS_IMAGE_ADDR(made, 30, 20) - 26) <= 1);
    g_object_unref(made);
    pb_photo_clear(&photo);
}

/* From memory to memory nothing is another than from file to file. */
static void test_memory(void **state)
{
    float before[1024] = {0}, after[1024];
    pb_bytes given, found, encoded;
    pb_photo photo, file;
    pb_tensor change = {0};
    char *lost;

    (void)state;
    for (size_t i = 0; i < 1024; i++)
        after[i] = 0.2f;
    write_deep("in.png", 4);
    file = read_photo("in.png");
    assert_null(paste(&file, 0.2f, "out.png"));
    MUST(pb_file_read(&given, scratch_path(&here, "in.png").text, 1 << 20, error));
    MUST(pb_photo_take(&photo, &given, "a photo", &(pb_crop){.kind = PB_CROP_AREA, .area = area},
                       32, 32, error));
    assert_null(given.data);
    assert_memory_equal(photo.pixels.rgb, file.pixels.rgb, W * H * 3);
    MUST(pb_blend(&photo, before, after, 1, 32, 32, &change, error));
    MUST(pb_original_encode(&photo, &change, "out.png", "{\"a\":1}", PB_QUALITY, &encoded, &lost,
                            error));
    assert_null(lost);
    MUST(pb_file_read(&found, scratch_path(&here, "out.png").text, 1 << 20, error));
    assert_int_equal(encoded.size, found.size);
    assert_memory_equal(encoded.data, found.data, found.size);
    pb_bytes_clear(&encoded);
    pb_bytes_clear(&found);

    MUST(pb_pixels_write(&photo.pixels, scratch_path(&here, "plain.jpg").text, NULL, error));
    MUST(pb_pixels_encode(&photo.pixels, ".jpg", NULL, PB_QUALITY, &encoded, error));
    MUST(pb_file_read(&found, scratch_path(&here, "plain.jpg").text, 1 << 20, error));
    assert_int_equal(encoded.size, found.size);
    assert_memory_equal(encoded.data, found.data, found.size);
    pb_bytes_clear(&encoded);
    pb_bytes_clear(&found);
    assert_int_equal(pb_pixels_encode(&photo.pixels, "no", NULL, 90, &encoded, NULL), PB_INVALID);
    assert_null(encoded.data);

    given = (pb_bytes){pb_calloc(5, 1), 4}; /* what is no picture is taken over, too */
    pb_photo_clear(&photo);
    assert_int_equal(pb_photo_take(&photo, &given, "four zeros", &(pb_crop){0}, 32, 32, NULL),
                     PB_FORMAT);
    assert_null(given.data);
    pb_tensor_clear(&change);
    pb_photo_clear(&file);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edge_moves),
        cmocka_unit_test(test_texture),
        cmocka_unit_test(test_colour_follows),
        SCRATCH_TEST(test_deep),
        SCRATCH_TEST(test_nothing),
        SCRATCH_TEST(test_lost),
        SCRATCH_TEST(test_exif),
        SCRATCH_TEST(test_avif),
        SCRATCH_TEST(test_converted),
        SCRATCH_TEST(test_kinds),
        SCRATCH_TEST(test_memory),
    };

    (void)argc;
    if (pb_picture_start(argv[0], 1, NULL) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
