#include "picture/open.h"

#include <ctype.h>
#include <string.h>

#include "picture/excess.h"
#include "picture/pixels.h"

/* The formats' loaders: libvips' name of one that reads bytes, and the class of all of a format. */
static const struct {
    const char *loader, *class;
} loaders[] = {
    {"jpegload_buffer", "VipsForeignLoadJpeg"}, {"pngload_buffer", "VipsForeignLoadPng"},
    {"webpload_buffer", "VipsForeignLoadWebp"}, {"tiffload_buffer", "VipsForeignLoadTiff"},
    {"gifload_buffer", "VipsForeignLoadNsgif"}, {"heifload_buffer", "VipsForeignLoadHeif"},
    {"jxlload_buffer", "VipsForeignLoadJxl"},
};

#define LOADERS (sizeof loaders / sizeof *loaders)

void pb_picture_bar_others(void)
{
#if VIPS_MAJOR_VERSION > 8 || VIPS_MINOR_VERSION >= 13
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < LOADERS; i++)
        vips_operation_block_set(loaders[i].class, FALSE);
    vips_operation_block_set("VipsForeignSaveJxl", FALSE); /* what we write ourselves */
#endif
}

static const char *loader_of(const pb_bytes *file)
{
    const char *found = NULL;

    for (size_t i = 0; i < LOADERS && !found; i++)
        if (vips_foreign_is_a_buffer(loaders[i].loader, file->data, file->size))
            found = loaders[i].loader;
    vips_error_clear(); /* of loaders that this libvips lacks */
    return found;
}

/* -- what else it may be ---------------------------------------------------------------------- */

static int is_text(const pb_bytes *file)
{
    size_t n = file->size < 256 ? file->size : 256;

    for (size_t i = 0; i < n; i++)
        if (iscntrl(file->data[i]) && !isspace(file->data[i]))
            return 0;
    return 1;
}

/* In words, by how it begins; to be told, not to be believed. */
static const char *kind_of(const pb_bytes *file)
{
#define KIND(at, text, name)                                                                       \
    {                                                                                              \
        at, text, sizeof(text) - 1, name                                                           \
    }
    static const struct {
        size_t at;
        const char *bytes;
        size_t count;
        const char *name;
    } kinds[] = {
        KIND(0, "%PDF", "PDF"),
        KIND(0, "%!", "PostScript"),
        KIND(0, "8BPS", "Photoshop's format"),
        KIND(0, "BM", "BMP"),
        KIND(0, "#?", "Radiance"),
        KIND(0, "v/1\x01", "OpenEXR"),
        KIND(0, "SIMPLE  =", "FITS"),
        KIND(0, "MATLAB", "Matlab's format"),
        KIND(0, "gimp xcf", "GIMP's format"),
        KIND(0, "qoif", "QOI"),
        KIND(0, "PK\3\4", "a ZIP archive"),
        KIND(0, "\0\0\1\0", "an icon"),
        KIND(0, "\x08\xf2\xa6\xb6", "libvips' own format"),
        KIND(0, "\xb6\xa6\xf2\x08", "libvips' own format"),
        KIND(4, "jP  ", "JPEG 2000"),
        KIND(0, "\xff\x4f\xff\x51", "JPEG 2000"),
        KIND(4, "JXL ", "JPEG XL, which this libvips does not read"),
        KIND(0, "\xff\x0a", "JPEG XL, which this libvips does not read"),
        KIND(4, "ftyp", "a film, or HEIF of a kind that this libvips does not read"),
    };
    const char *text = (const char *)file->data;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (file->size >= kinds[i].at + kinds[i].count &&
            !memcmp(text + kinds[i].at, kinds[i].bytes, kinds[i].count))
            return kinds[i].name;
    if (file->size > 2 && text[0] == 'P' && strchr("1234567Ff", text[1]) && isspace(file->data[2]))
        return "PNM";
    if (!is_text(file))
        return "something else";
    if (g_strstr_len(text, (gssize)(file->size < 4096 ? file->size : 4096), "svg"))
        return "SVG";
    return "text";
}

/* -- opening ---------------------------------------------------------------------------------- */

pb_status pb_check_pixels(const char *path, const char *how, double width, double height,
                          double megapixels, pb_error *error)
{
    if (width * height <= megapixels * 1e6)
        return PB_OK;
    return pb_fail(
        error, PB_FORMAT,
        "%s: %s%.0fx%.0f pixels, %.4g megapixels: at most %g are read (--max-megapixels)", path,
        how, width, height, width * height / 1e6, megapixels);
}

#define BANDS 16 /* colours are at most five of them; which are read is told later */

/* Bands take memory as pixels do. */
static pb_status check_bands(const char *path, const VipsImage *image, pb_error *error)
{
    return image->Bands <= BANDS
               ? PB_OK
               : pb_fail(error, PB_UNSUPPORTED, "%s: found %d bands: at most %d are read", path,
                         image->Bands, BANDS);
}

pb_status pb_picture_open(VipsImage **image, const pb_bytes *file, const char *path,
                          double megapixels, pb_error *error)
{
    const char *loader = loader_of(file);
    VipsBlob *blob;
    pb_status status;
    int failed;

    *image = NULL;
    if (!loader)
        return pb_fail(error, PB_FORMAT,
                       "%s: expected a picture in JPEG, PNG, WebP, TIFF, GIF, HEIF, AVIF or JPEG "
                       "XL, found %s",
                       path, kind_of(file));
    PB_TRY(pb_check_excess(file, path, error));
    blob = vips_blob_new(NULL, file->data, file->size);
    failed = vips_call(loader, blob, image, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
    vips_area_unref(VIPS_AREA(blob));
    if (failed)
        return pb_fail_vips(error, PB_FORMAT, path);
    status = check_bands(path, *image, error);
    if (status == PB_OK)
        status = pb_check_pixels(path, "", (*image)->Xsize, (*image)->Ysize, megapixels, error);
    if (status != PB_OK) {
        g_object_unref(*image);
        *image = NULL;
    }
    return status;
}

#define MOST_BLOB ((size_t)100000000)

/* What the file says of itself, in memory of its own: libvips' loader of HEIF leaves EXIF and XMP
 * in memory that goes with the loader's image, while copies of that go on pointing there. */
static void keep_blobs(VipsImage *image)
{
    char **names = vips_image_get_fields(image);
    const void *data;
    size_t size;

    for (char **name = names; *name; name++)
        if (vips_image_get_typeof(image, *name) == VIPS_TYPE_BLOB &&
            vips_image_get_blob(image, *name, &data, &size) == 0) {
            char *copy = size < MOST_BLOB ? g_memdup2(data, size) : NULL;
            if (copy)
                vips_image_set_blob(image, *name, (VipsCallbackFn)vips_area_free_cb, copy, size);
            else
                vips_image_remove(image, *name);
        }
    g_strfreev(names);
}

pb_status pb_picture_decode(VipsImage *image, const char *path, pb_error *error)
{
    VipsRegion *region = vips_region_new(image);
    int threads = vips_concurrency_get(), failed;
    const char *loader;

    vips_concurrency_set(1);
    failed = vips_region_prepare(region, &(VipsRect){0, 0, 1, 1});
    vips_concurrency_set(threads);
    g_object_unref(region);
    keep_blobs(image);
    if (vips_image_get_typeof(image, VIPS_META_LOADER) &&
        vips_image_get_string(image, VIPS_META_LOADER, &loader) == 0 &&
        g_str_has_prefix(loader, "tiff"))
        vips_image_set_int(image, VIPS_META_CONCURRENCY, 1);
    return failed ? pb_fail_vips(error, PB_FORMAT, path) : PB_OK;
}
