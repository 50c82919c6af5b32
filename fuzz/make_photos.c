/* Makes the inputs of fuzz_photo: small pictures of every format that is read, with what files say
 * of themselves.
 *
 *     cc make_photos.c -o make_photos $(pkg-config --cflags --libs vips) && ./make_photos
 * corpus/photo
 */
#include <vips/vips.h>

static const char *folder;

/* Waves of colour, and transparency from left to right. */
static VipsImage *waves(int bands, int deep)
{
    VipsImage *image = vips_image_new_memory(), *typed = NULL;
    unsigned char pixels[12 * 9 * 4];

    for (int i = 0; i < 12 * 9; i++)
        for (int c = 0; c < bands; c++)
            pixels[bands * i + c] = (unsigned char)(c == bands - 1 && bands % 2 == 0
                                                        ? i % 12 * 23
                                                        : (i % 12) * (20 - 5 * c) + i / 12 * c * 9);
    g_object_unref(image);
    image = vips_image_new_from_memory_copy(pixels, (size_t)(12 * 9 * bands), 12, 9, bands,
                                            VIPS_FORMAT_UCHAR);
    vips_copy(image, &typed, "interpretation",
              bands < 3 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB, NULL);
    g_object_unref(image);
    if (deep) {
        vips_colourspace(typed, &image,
                         bands < 3 ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_RGB16, NULL);
        g_object_unref(typed);
        typed = image;
    }
    return typed;
}

/* how: options of libvips after the name, "[interlace]". */
static void save(VipsImage *image, const char *name, const char *how)
{
    char *path = g_strdup_printf("%s/%s%s", folder, name, how);

    if (vips_image_write_to_file(image, path, NULL)) {
        fprintf(stderr, "%s: %s", path, vips_error_buffer());
        vips_error_clear();
    }
    g_free(path);
    g_object_unref(image);
}

/* EXIF, XMP, IPTC and a profile. */
static VipsImage *described(VipsImage *image)
{
    static const char xmp[] = "<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>";
    static const char iptc[] = "8BIM\x04\x0c\0\0\0\0\0\x04thum8BIM\x04\x04\0\0\0\0\0\x04iptc";
    VipsBlob *profile = NULL;
    const void *data;
    size_t size;

    vips_image_set_int(image, VIPS_META_ORIENTATION, 6);
    vips_image_set_string(image, "exif-ifd0-Make", "Maker (Maker, ASCII, 6 components, 6 bytes)");
    vips_image_set_blob_copy(image, VIPS_META_XMP_NAME, xmp, sizeof xmp - 1);
    vips_image_set_blob_copy(image, VIPS_META_IPTC_NAME, iptc, sizeof iptc - 1);
    if (vips_profile_load("p3", &profile, NULL) == 0) {
        data = vips_blob_get(profile, &size);
        vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, data, size);
        vips_area_unref(VIPS_AREA(profile));
    }
    return image;
}

static VipsImage *converted(VipsInterpretation type)
{
    VipsImage *in = waves(3, 0), *out = NULL;

    vips_colourspace(in, &out, type, NULL);
    g_object_unref(in);
    return out;
}

static VipsImage *two_pages(void)
{
    VipsImage *image = waves(3, 0);

    vips_image_set_int(image, VIPS_META_PAGE_HEIGHT, 3);
    return image;
}

int main(int count, char **arguments)
{
    if (count != 2 || VIPS_INIT(arguments[0]))
        return 1;
    folder = arguments[1];
    save(described(waves(3, 0)), "described.jpg", "");
    save(described(waves(3, 0)), "described.png", "");
    save(described(waves(4, 0)), "described.webp", "");
    save(described(waves(3, 1)), "described.tif", "[compression=deflate]");
    save(waves(3, 0), "progressive.jpg", "[interlace,strip]");
    save(waves(1, 0), "grey.jpg", "[strip]");
    save(converted(VIPS_INTERPRETATION_CMYK), "cmyk.jpg", "[strip]");
    save(waves(3, 1), "deep.png", "[interlace]");
    save(waves(4, 0), "clear.png", "");
    save(waves(2, 0), "grey.png", "");
    save(waves(3, 0), "palette.png", "[palette]");
    save(waves(4, 0), "lossless.webp", "[lossless]");
    save(two_pages(), "frames.webp", "");
    save(two_pages(), "frames.gif", "");
    save(two_pages(), "pages.tif", "[compression=lzw]");
    save(waves(3, 0), "tiles.tif", "[tile,tile-width=16,tile-height=16,compression=jpeg]");
    save(converted(VIPS_INTERPRETATION_LAB), "lab.tif", "[compression=packbits]");
    save(waves(3, 0), "a.avif", "");
    save(waves(3, 0), "a.heic", "");
    save(waves(3, 0), "a.jxl", "");
    vips_shutdown();
    return 0;
}
