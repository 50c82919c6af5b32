/* Files of strangers: of formats that are not read, larger than they look, damaged where it does
 * not show. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gio/gio.h>
#include <vips/vips.h>

#include "base/memory.h"
#include "colours.h"
#include "golden.h"
#include "picture/photo.h"
#include "program.h"

static void write_text(const char *name, const char *format, ...)
{
    va_list list;
    char text[2048];

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    scratch_write(&here, name, text, strlen(text));
}

/* A picture of one colour, as libvips writes it; 0 where it cannot. */
static int write_plain(const char *name, int width, int height)
{
    VipsImage *black = NULL, *typed = NULL;
    int failed;

    assert_int_equal(vips_black(&black, width, height, "bands", 3, NULL), 0);
    assert_int_equal(vips_copy(black, &typed, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    failed = vips_image_write_to_file(typed, scratch_path(&here, name).text, NULL);
    vips_error_clear();
    g_object_unref(typed);
    g_object_unref(black);
    return !failed;
}

/* -- formats that are not read ---------------------------------------------------------------- */

/* Under a photo's name, pictures that name another one on disk. ImageMagick, asked by libvips,
 * reads it: of the first, whose namespace has a prefix, the pixels came out. */
static void test_reference(void **state)
{
    const char *other;
    scratch_name path;

    (void)state;
    write_plain("canary.png", 32, 32);
    path = scratch_path(&here, "canary.png");
    other = path.text;
    write_text("holiday.jpg",
               "<?xml version=\"1.0\"?>\n<s:svg xmlns:s=\"http://www.w3.org/2000/svg\" "
               "xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"32\" height=\"32\">"
               "<s:image xlink:href=\"%s\" width=\"32\" height=\"32\"/></s:svg>",
               other);
    expect_refusal(&here, "holiday.jpg", PB_FORMAT, "found SVG");
    expect_refusal(&here, "holiday.jpg", PB_FORMAT, "expected a picture in JPEG, PNG, WebP");
    write_text("plain.png", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"32\" height=\"32\">"
                            "<rect width=\"32\" height=\"32\"/></svg>");
    expect_refusal(&here, "plain.png", PB_FORMAT, "found SVG");
    write_text("a.jpg",
               "push graphic-context\nviewbox 0 0 32 32\nimage over 0,0 32,32 '%s'\n"
               "pop graphic-context\n",
               other);
    expect_refusal(&here, "a.jpg", PB_FORMAT, "found text");
    write_text("b.jpg", "<?xml version=\"1.0\"?><image><read filename=\"%s\"/></image>", other);
    expect_refusal(&here, "b.jpg", PB_FORMAT, "found text");
    write_text("c.jpg", "# ImageMagick pixel enumeration: 1,1,255,srgb\n0,0: (1,2,3)\n");
    expect_refusal(&here, "c.jpg", PB_FORMAT, "found text");
    write_text("label:@holiday.jpg", "x");
    expect_refusal(&here, "label:@holiday.jpg", PB_FORMAT, "found text");
}

/* Formats whose loaders are not made for files of strangers. */
static void test_others(void **state)
{
    static const struct {
        const char *name, *found;
    } written[] = {{"a.hdr", "Radiance"}, {"a.ppm", "PNM"},           {"a.pfm", "PNM"},
                   {"a.v", "libvips"},    {"a.jp2", "JPEG 2000"},     {"a.csv", "text"},
                   {"a.mat", "text"},     {"a.raw", "something else"}};
    static const struct {
        const char *begin, *found;
    } begun[] = {{"%PDF-1.4\n1 0 obj", "PDF"},   {"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"},
                 {"BM6\x01\x01\x01", "BMP"},     {"SIMPLE  =                    T", "FITS"},
                 {"v/1\x01\x02\x01", "OpenEXR"}, {"8BPS\x01\x01", "Photoshop"}};

    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        if (write_plain(written[i].name, 8, 8))
            expect_refusal(&here, written[i].name, PB_FORMAT, written[i].found);
    for (size_t i = 0; i < sizeof begun / sizeof *begun; i++) {
        scratch_write(&here, "a.jpg", begun[i].begin, strlen(begun[i].begin));
        expect_refusal(&here, "a.jpg", PB_FORMAT, begun[i].found);
    }
}

/* Whoever asks libvips for another loader gets none. */
static void test_barred(void **state)
{
    static const char svg[] = "<s:svg xmlns:s=\"http://www.w3.org/2000/svg\" width=\"4\" "
                              "height=\"4\"><s:rect width=\"4\" height=\"4\"/></s:svg>";
    VipsImage *image;

    (void)state;
    write_text("a.svg", "%s", svg);
    write_text("a.csv", "1,2\n3,4\n");
    assert_null(vips_image_new_from_buffer(svg, sizeof svg - 1, "", NULL));
    assert_null(vips_image_new_from_file(scratch_path(&here, "a.svg").text, NULL));
    assert_null(vips_image_new_from_file(scratch_path(&here, "a.csv").text, NULL));
    vips_error_clear();
    assert_true(write_plain("a.png", 4, 4));
    assert_non_null(image = vips_image_new_from_file(scratch_path(&here, "a.png").text, NULL));
    g_object_unref(image);
}

/* No source file asks libvips for a picture's loader by another way than picture/open.c. */
static void test_door(void **state)
{
    static const char look[] =
        "! grep -rnE 'vips_image_new_from_(file|buffer|source)|vips_thumbnail|vips_call|"
        "vips_[a-z0-9]+load(_buffer|_source)? ?[(]' " PB_SOURCE_DIR
        "/src --exclude=open.c | grep -v vips_profile_load";

    (void)state;
    assert_int_equal(system(look), 0);
    assert_int_equal(system("grep -q vips_call " PB_SOURCE_DIR "/src/picture/open.c"), 0);
}

/* -- pixels ----------------------------------------------------------------------------------- */

/* As expect_refusal, with a limit and a fit. */
static void expect_limit(const char *name, double megapixels, pb_fit fit, const char *message)
{
    const pb_crop crop = {.fit = fit, .megapixels = megapixels};
    pb_photo photo = PB_PHOTO_EMPTY;
    pb_error error = {0};
    pb_status status = pb_photo_read(&photo, scratch_path(&here, name).text, &crop, 32, 32, &error);

    assert_int_equal(status, message ? PB_FORMAT : PB_OK);
    if (message && !strstr(error.message, message))
        fail_msg("%s: expected %s, found %s", name, message, error.message);
    pb_photo_clear(&photo);
}

static void append_number(GByteArray *bytes, uint32_t number)
{
    const uint32_t big = GUINT32_TO_BE(number);

    g_byte_array_append(bytes, (const guint8 *)&big, 4);
}

/* The checksum of a PNG's chunk. */
static uint32_t crc_of(const unsigned char *bytes, size_t count)
{
    uint32_t crc = 0xFFFFFFFF;

    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

static void append_chunk(GByteArray *png, const char *type, const void *data, size_t count)
{
    size_t at = png->len + 4;

    append_number(png, (uint32_t)count);
    g_byte_array_append(png, (const guint8 *)type, 4);
    g_byte_array_append(png, data, (guint)count);
    append_number(png, crc_of(png->data + at, count + 4));
}

static GByteArray *begin_png(uint32_t width, uint32_t height)
{
    GByteArray *png = g_byte_array_new(), *header = g_byte_array_new();

    append_number(header, width);
    append_number(header, height);
    g_byte_array_append(header, (const guint8 *)"\x08\0\0\0\0", 5); /* grey */
    g_byte_array_append(png, (const guint8 *)"\x89PNG\r\n\x1a\n", 8);
    append_chunk(png, "IHDR", header->data, header->len);
    g_byte_array_unref(header);
    return png;
}

static void write_bytes(const char *name, GByteArray *bytes)
{
    scratch_write(&here, name, bytes->data, bytes->len);
    g_byte_array_unref(bytes);
}

/* Only the header of these: nothing is decoded. */
static void write_header(const char *name, uint32_t width, uint32_t height)
{
    GByteArray *png = begin_png(width, height);

    append_chunk(png, "IDAT", "\x78\x9c", 2);
    append_chunk(png, "IEND", "", 0);
    write_bytes(name, png);
}

static void test_pixels(void **state)
{
    (void)state;
    write_header("large.png", 14000, 14000);
    expect_limit("large.png", 0, PB_FIT_CROP,
                 "large.png: 14000x14000 pixels, 196 megapixels: at most 100 are read "
                 "(--max-megapixels)");
    write_header("long.png", 9000000, 12);
    expect_limit("long.png", 0, PB_FIT_CROP, "9000000x12 pixels, 108 megapixels: at most 100");
    write_header("right.png", 10000, 10000);
    expect_limit("right.png", 0, PB_FIT_CROP, "png"); /* not too large, but of no pixels */
    write_plain("small.png", 40, 30);
    expect_limit("small.png", 0.0012, PB_FIT_CROP, NULL);
    expect_limit("small.png", 0.001199, PB_FIT_CROP,
                 "40x30 pixels, 0.0012 megapixels: at most 0.001199");
    expect_limit("small.png", 0.0012, PB_FIT_PAD, "padded to 40x40 pixels");
    expect_limit("small.png", 0.0016, PB_FIT_PAD, NULL);
}

/* White around a line takes more than memory holds. */
static void test_padded(void **state)
{
    (void)state;
    write_plain("line.png", 60000, 1);
    expect_limit("line.png", 0, PB_FIT_PAD, "padded to 60000x60000 pixels, 3600 megapixels");
    expect_limit("line.png", 0, PB_FIT_STRETCH, NULL);
}

static void test_option(void **state)
{
    static const char basis[] = "basis -m faces32 -k 1 -s 2 --no-pictures -o b.safetensors";

    (void)state;
    write_header("large.png", 14000, 14000);
    write_plain("small.png", 40, 40);
    expect(program(here.folder, "%s --crop none large.png", basis), 1,
           "196 megapixels: at most 100 are read");
    expect(program(here.folder, "%s --crop none large.png --max-megapixels 200", basis), 1,
           "large.png: vipspng");
    expect(program(here.folder, "%s --crop none small.png --max-megapixels 0.001", basis), 1,
           "small.png: 40x40 pixels, 0.0016 megapixels: at most 0.001 are read");
    expect(program(here.folder, "%s --crop none small.png --max-megapixels 0.0016", basis), 0,
           NULL);
    expect(program(here.folder, "%s --crop none small.png --max-megapixels 0", basis), 2,
           "--max-megapixels 0: expected a number above 0 to 10000");
    expect(program(here.folder, "%s --seed 1 --max-megapixels 5", basis), 2,
           "--max-megapixels would do nothing here: it is for a photo or a picture as a mask");
    expect(
        program(here.folder, "%s --seed 1 --tap x0 --mask small.png --max-megapixels 0.001", basis),
        1, "small.png: 40x40 pixels");
}

/* A study keeps the limit in its settings. */
static void test_study(void **state)
{
    static const char study[] = "study timesteps -m faces32 --timesteps 2 -s 3 -k 1 --crop none "
                                "-o study small.png";
    static const char small[] =
        "small.png: 40x40 pixels, 0.0016 megapixels: at most 0.001 are read";

    (void)state;
    write_plain("small.png", 40, 40);
    expect(program(here.folder, "%s --max-megapixels 0.001", study), 1, small);
    expect(program(here.folder, "%s --max-megapixels 0.0016", study), 0, NULL);
    scratch_change(&here, "study/settings.json", "{\"max_megapixels\": 0.001}");
    expect(program(here.folder, "study timesteps --settings study/settings.json -o again "
                                "--catalogue again.sqlite"),
           1, small);
}

/* -- files larger than they look -------------------------------------------------------------- */

/* `count` letters, compressed as zlib does. */
static GByteArray *packed(size_t count)
{
    GConverter *z = G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 9));
    GByteArray *out = g_byte_array_new();
    char *letters = malloc(count), *at = letters, some[4096];
    GConverterResult result = G_CONVERTER_CONVERTED;

    assert_non_null(letters);
    memset(letters, 'a', count);
    while (result != G_CONVERTER_FINISHED) {
        gsize taken = 0, made = 0;
        result = g_converter_convert(z, at, count, some, sizeof some, G_CONVERTER_INPUT_AT_END,
                                     &taken, &made, NULL);
        assert_true(result != G_CONVERTER_ERROR);
        g_byte_array_append(out, (const guint8 *)some, (guint)made);
        at += taken;
        count -= taken;
    }
    free(letters);
    g_object_unref(z);
    return out;
}

/* A PNG of one pixel, with `times` a chunk that begins so and ends in so many letters. */
static void write_texts(const char *name, const char *type, const char *begin, size_t length,
                        size_t letters, int times)
{
    GByteArray *png = begin_png(1, 1), *text = g_byte_array_new(), *rest = packed(letters);
    GByteArray *pixel = g_byte_array_new();

    g_byte_array_append(text, (const guint8 *)begin, (guint)length);
    g_byte_array_append(text, rest->data, rest->len);
    for (int i = 0; i < times; i++)
        append_chunk(png, type, text->data, text->len);
    g_byte_array_append(pixel, (const guint8 *)"\x78\x01\x01\x02\0\xfd\xff\0\x40\0\x42\0\x41", 13);
    append_chunk(png, "IDAT", pixel->data, pixel->len);
    append_chunk(png, "IEND", "", 0);
    write_bytes(name, png);
    g_byte_array_unref(pixel);
    g_byte_array_unref(rest);
    g_byte_array_unref(text);
}

static void test_texts(void **state)
{
    static const char ztxt[] = "k\0", itxt[] = "k\0\1\0en\0k", itxt_plain[] = "k\0\0\0en\0k";
    static const struct {
        const char *type, *begin;
        size_t length;
    } kinds[] = {{"zTXt", ztxt, 3}, {"iCCP", ztxt, 3}, {"iTXt", itxt, 9}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        write_texts("a.png", kinds[i].type, kinds[i].begin, kinds[i].length, 11000000, 3);
        expect_refusal(&here, "a.png", PB_FORMAT, "its compressed texts unpack to more than 32 MB");
        write_texts("b.png", kinds[i].type, kinds[i].begin, kinds[i].length, 1000, 3);
        expect_limit("b.png", 0, PB_FIT_CROP, NULL);
    }
    write_texts("c.png", "iTXt", itxt_plain, 9, 11000000, 3); /* says that it is not compressed */
    expect_limit("c.png", 0, PB_FIT_CROP, NULL);
}

/* Where a JPEG's last scan begins and ends. */
static void last_scan(const unsigned char *bytes, size_t count, size_t *from, size_t *to)
{
    *to = count - 2;
    for (*from = *to - 2; *from > 0 && (bytes[*from] != 0xFF || bytes[*from + 1] != 0xDA);)
        --*from;
}

/* The same scan over and over: each goes through all of the picture. */
static void test_scans(void **state)
{
    VipsImage *black = NULL;
    unsigned char *bytes;
    size_t count, from, to;

    (void)state;
    assert_int_equal(vips_black(&black, 16, 16, NULL), 0);
    assert_int_equal(
        vips_jpegsave(black, scratch_path(&here, "a.jpg").text, "interlace", TRUE, NULL), 0);
    g_object_unref(black);
    expect_limit("a.jpg", 0, PB_FIT_CROP, NULL);
    bytes = scratch_read(&here, "a.jpg", &count);
    last_scan(bytes, count, &from, &to);
    for (int scans = 10; scans <= 1000; scans *= 10) {
        GByteArray *jpeg = g_byte_array_new();
        g_byte_array_append(jpeg, bytes, (guint)to);
        for (int i = 0; i < scans; i++)
            g_byte_array_append(jpeg, bytes + from, (guint)(to - from));
        g_byte_array_append(jpeg, bytes + to, 2);
        write_bytes("b.jpg", jpeg);
        if (scans > 10)
            expect_refusal(&here, "b.jpg", PB_FORMAT, "expected at most 100 scans, found more");
    }
    free(bytes);
}

/* -- damage ----------------------------------------------------------------------------------- */

/* A file that says 16 x 16 and holds more: the loader finds out when it has decoded. Of several
 * threads another had finished by then, and all was black and well. */
static void test_late(void **state)
{
    static const unsigned char size[8] = {0, 0, 0, 16, 0, 0, 0, 16};
    unsigned char *bytes, *at;
    size_t count;

    (void)state;
    if (!write_plain("a.avif", 1024, 1024))
        return;
    bytes = scratch_read(&here, "a.avif", &count);
    at = memmem(bytes, count, "ispe", 4);
    assert_non_null(at);
    memcpy(at + 8, size, sizeof size);
    scratch_write(&here, "a.avif", bytes, count);
    free(bytes);
    for (int i = 0; i < 5; i++)
        expect_refusal(&here, "a.avif", PB_FORMAT, "a.avif: ");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_reference), SCRATCH_TEST(test_others), SCRATCH_TEST(test_barred),
        SCRATCH_TEST(test_door),      SCRATCH_TEST(test_pixels), SCRATCH_TEST(test_padded),
        SCRATCH_TEST(test_option),    SCRATCH_TEST(test_study),  SCRATCH_TEST(test_texts),
        SCRATCH_TEST(test_scans),     SCRATCH_TEST(test_late),
    };

    (void)argc;
    if (pb_picture_start(argv[0], 4, NULL) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
