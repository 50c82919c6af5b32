#include "picture/original.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "picture/profile.h"
#include "picture/srgb.h"

/* -- formats ---------------------------------------------------------------------------------- */

/* What files of an ending hold, as libvips writes them. */
typedef struct format {
    const char *ending;
    int deep, clear, profile, exif; /* 16 bits, transparency … */
} format;

static const format formats[] = {
    {".png", 1, 1, 1, 1},  {".tif", 1, 1, 1, 0},  {".tiff", 1, 1, 1, 0}, {".jpg", 0, 0, 1, 1},
    {".jpeg", 0, 0, 1, 1}, {".jpe", 0, 0, 1, 1},  {".webp", 0, 1, 1, 1}, {".jxl", 1, 1, 1, 1},
    {".avif", 0, 1, 1, 1}, {".heic", 0, 1, 1, 1},
};

static format format_of(const char *path)
{
    const char *ending = pb_picture_ending(path);

    for (size_t i = 0; ending && i < sizeof formats / sizeof *formats; i++)
        if (!g_ascii_strcasecmp(ending, formats[i].ending))
            return formats[i];
    return (format){.ending = ending};
}

static void say_lost(GString *lost, const char *what)
{
    g_string_append_printf(lost, "%s%s", lost->len ? "; " : "", what);
}

/* -- the photo as it is ----------------------------------------------------------------------- */

static int has(const VipsImage *image, const char *item)
{
    return vips_image_get_typeof(image, item) != 0;
}

/* Grey or RGB of 8 or 16 bits, with transparency or without, over all of their range? */
static int is_plain(const VipsImage *image)
{
    VipsInterpretation type = image->Type;
    int grey = type == VIPS_INTERPRETATION_B_W || type == VIPS_INTERPRETATION_GREY16;
    int rgb = type == VIPS_INTERPRETATION_sRGB || type == VIPS_INTERPRETATION_RGB ||
              type == VIPS_INTERPRETATION_RGB16;
    int bands = grey ? 1 : 3;

    return (grey || rgb) && image->Coding == VIPS_CODING_NONE && !has(image, "ppm-max-value") &&
           (image->Bands == bands || image->Bands == bands + 1) &&
           (image->BandFmt == VIPS_FORMAT_UCHAR || image->BandFmt == VIPS_FORMAT_USHORT);
}

static size_t colours_of(const VipsImage *image)
{
    return image->Bands < 3 ? 1 : 3;
}

/* "tiff:Orientation" in XMP, which nobody else rights: its digit becomes 1. */
static void right_xmp(VipsImage *image)
{
    static const char name[] = "tiff:Orientation";
    const void *old;
    size_t size;
    char *xmp;

    if (!has(image, VIPS_META_XMP_NAME) ||
        vips_image_get_blob(image, VIPS_META_XMP_NAME, &old, &size))
        return;
    xmp = g_memdup2(old, size);
    for (size_t i = 0; xmp && i + sizeof name + 2 < size; i++)
        if (!memcmp(xmp + i, name, sizeof name - 1)) {
            size_t at = i + sizeof name - 1;
            while (at < size && strchr("=\"'> ", xmp[at]) && xmp[at])
                at++;
            if (at < size && xmp[at] >= '1' && xmp[at] <= '8')
                xmp[at] = '1';
        }
    vips_image_set_blob(image, VIPS_META_XMP_NAME, (VipsCallbackFn)vips_area_free_cb, xmp, size);
}

static size_t big_endian(const unsigned char *at, size_t bytes)
{
    size_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* The thumbnails among Photoshop's resources ("8BIM", number, name, size, bytes; names and bytes
 * padded to even counts), beside which IPTC lies, are cut out. */
static void cut_thumbnails(VipsImage *image, const char *item)
{
    const void *old;
    unsigned char *data;
    size_t size, at = 0;

    if (!has(image, item) || vips_image_get_blob(image, item, &old, &size))
        return;
    data = g_memdup2(old, size);
    while (data && at + 12 <= size) {
        size_t number, name, next;
        if (memcmp(data + at, "8BIM", 4)) {
            at++;
            continue;
        }
        number = big_endian(data + at + 4, 2);
        name = (size_t)(data[at + 6] + 2) & ~(size_t)1;
        if (at + 10 + name > size)
            break;
        next = at + 10 + name + ((big_endian(data + at + 6 + name, 4) + 1) & ~(size_t)1);
        if (next > size)
            break;
        if (number == 1033 || number == 1036) {
            memmove(data + at, data + next, size - next);
            size -= next - at;
        } else
            at = next;
    }
    vips_image_set_blob(image, item, (VipsCallbackFn)vips_area_free_cb, data, size);
}

/* What the file says of a picture that is no longer so. */
static void *is_stale(VipsImage *image, const char *name, GValue *value, void *names)
{
    (void)image, (void)value;
    if (!strcmp(name, "jpeg-thumbnail-data") || !strcmp(name, VIPS_META_ORIENTATION) ||
        !strcmp(name, VIPS_META_N_PAGES) || !strcmp(name, VIPS_META_PAGE_HEIGHT) ||
        strstr(name, "-Orientation") || !strncmp(name, "exif-ifd1-", 10))
        g_ptr_array_add(names, g_strdup(name));
    return NULL;
}

static void set_right(VipsImage *image)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    vips_image_map(image, is_stale, names);
    for (guint i = 0; i < names->len; i++)
        vips_image_remove(image, g_ptr_array_index(names, i));
    g_ptr_array_unref(names);
    right_xmp(image);
    cut_thumbnails(image, VIPS_META_IPTC_NAME);
    cut_thumbnails(image, VIPS_META_PHOTOSHOP_NAME);
}

/* A photo being changed. */
typedef struct original {
    VipsImage *image;   /* upright, in memory */
    pb_colours colours; /* empty: sRGB, or grey on its curve */
} original;

/* Can it be changed as it is? If so, its profile is open, if it has one. */
static int opens(original *o, const VipsImage *upright, int profiles)
{
    const void *profile;
    size_t size;

    if (!is_plain(upright))
        return 0;
    if (!has(upright, VIPS_META_ICC_NAME) ||
        vips_image_get_blob(upright, VIPS_META_ICC_NAME, &profile, &size))
        return 1;
    switch (pb_colours_open(&o->colours, profile, size, colours_of(upright))) {
    case PB_WAYS_BOTH:
        return profiles;
    case PB_WAYS_TO:
        return 0;
    case PB_WAYS_NONE:
        return 1;
    }
    return 0;
}

static pb_status take_upright(original *o, VipsImage *upright, const char *path, int profiles,
                              GString *lost, pb_error *error)
{
    int as_it_is = opens(o, upright, profiles);
    VipsImage *srgb = NULL;
    pb_status status = PB_OK;

    if (!as_it_is) {
        status = pb_srgb(upright, path, &srgb, error);
        say_lost(lost, "its colours become sRGB of 8 bits");
        pb_colours_clear(&o->colours);
    }
    o->image = vips_image_new_memory();
    if (status == PB_OK && vips_image_write(srgb ? srgb : upright, o->image))
        status = pb_fail_vips(error, PB_FORMAT, path);
    if (!o->colours.to)
        vips_image_remove(o->image, VIPS_META_ICC_NAME); /* none, or a broken one */
    set_right(o->image);
    if (srgb)
        g_object_unref(srgb);
    return status;
}

static pb_status take(original *o, const pb_photo *photo, const char *path, int profiles,
                      GString *lost, pb_error *error)
{
    VipsImage *image = vips_image_new_from_buffer(photo->file.data, photo->file.size, "", "fail_on",
                                                  VIPS_FAIL_ON_ERROR, NULL);
    VipsImage *upright = NULL;
    pb_status status;

    if (!image || vips_autorot(image, &upright, NULL))
        status = pb_fail_vips(error, PB_FORMAT, path);
    else
        status = take_upright(o, upright, path, profiles, lost, error);
    if (upright)
        g_object_unref(upright);
    if (image)
        g_object_unref(image);
    return status;
}

/* -- the change ------------------------------------------------------------------------------- */

static double top_of(const VipsImage *image)
{
    return image->BandFmt == VIPS_FORMAT_USHORT ? 65535 : 255;
}

static double value_at(const VipsImage *image, const void *pixel, size_t band)
{
    return image->BandFmt == VIPS_FORMAT_USHORT ? ((const uint16_t *)pixel)[band]
                                                : ((const uint8_t *)pixel)[band];
}

static void set_value(const VipsImage *image, void *pixel, size_t band, double value)
{
    long rounded = lround(fmin(fmax(value, 0), top_of(image)));

    if (image->BandFmt == VIPS_FORMAT_USHORT)
        ((uint16_t *)pixel)[band] = (uint16_t)rounded;
    else
        ((uint8_t *)pixel)[band] = (uint8_t)rounded;
}

/* What a change of sRGB (0 to 1) makes of a pixel's own colours: added to. */
static void add_change(const original *o, const float *own, const float *change, float *to)
{
    size_t colours = colours_of(o->image);
    float srgb[3], before[3], after[3];

    if (!o->colours.to) {
        for (size_t c = 0; c < colours; c++)
            to[c] = own[c] + (colours == 3
                                  ? change[c]
                                  : 0.299f * change[0] + 0.587f * change[1] + 0.114f * change[2]);
        return;
    }
    pb_colours_to_srgb(&o->colours, own, srgb, 1);
    pb_colours_from_srgb(&o->colours, srgb, before, 1);
    for (size_t c = 0; c < 3; c++)
        srgb[c] += change[c];
    pb_colours_from_srgb(&o->colours, srgb, after, 1);
    for (size_t c = 0; c < colours; c++)
        to[c] = own[c] + after[c] - before[c];
}

static void apply(const original *o, const pb_area *area, const float *change)
{
    VipsImage *image = o->image;
    size_t colours = colours_of(image), bands = (size_t)image->Bands;
    size_t w = area->width, h = area->height;
    double top = top_of(image);

    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            long px = area->x + (long)x, py = area->y + (long)y;
            float own[3], by[3], to[3];
            void *pixel;
            if (px < 0 || py < 0 || px >= image->Xsize || py >= image->Ysize)
                continue;
            pixel = VIPS_IMAGE_ADDR(image, px, py);
            if (bands > colours && value_at(image, pixel, colours) == 0)
                continue; /* its colour is not seen */
            for (size_t c = 0; c < 3; c++)
                by[c] = change[(c * h + y) * w + x] / 255;
            for (size_t c = 0; c < colours; c++)
                own[c] = (float)(value_at(image, pixel, c) / top);
            add_change(o, own, by, to);
            for (size_t c = 0; c < colours; c++)
                set_value(image, pixel, c,
                          value_at(image, pixel, c) + ((double)to[c] - (double)own[c]) * top);
        }
}

/* -- what the format does not hold ------------------------------------------------------------ */

/* The image is replaced by another, made of it. */
static pb_status replace(original *o, int failed, VipsImage *by, const char *path, pb_error *error)
{
    if (failed)
        return pb_fail_vips(error, PB_MEMORY, path);
    g_object_unref(o->image);
    o->image = by;
    return PB_OK;
}

static pb_status without_transparency(original *o, const char *path, pb_error *error)
{
    double top = top_of(o->image);
    VipsArrayDouble *white = vips_array_double_newv(1, top);
    VipsImage *out = NULL;
    int failed = vips_flatten(o->image, &out, "background", white, "max_alpha", top, NULL);

    vips_area_unref(VIPS_AREA(white));
    return replace(o, failed, out, path, error);
}

static pb_status in_bytes(original *o, const char *path, pb_error *error)
{
    VipsInterpretation type =
        colours_of(o->image) == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
    VipsImage *out = NULL;
    int failed;

    failed = vips_linear1(o->image, &out, 1 / 257.0, 0.5, NULL);
    PB_TRY(replace(o, failed, out, path, error));
    failed = vips_cast(o->image, &out, VIPS_FORMAT_UCHAR, NULL);
    PB_TRY(replace(o, failed, out, path, error));
    failed = vips_copy(o->image, &out, "interpretation", type, NULL);
    return replace(o, failed, out, path, error);
}

/* A band of transparency that is not opaque everywhere. */
static int is_transparent(const VipsImage *image)
{
    size_t colours = colours_of(image);
    double top = top_of(image);

    if ((size_t)image->Bands == colours)
        return 0;
    for (int y = 0; y < image->Ysize; y++)
        for (int x = 0; x < image->Xsize; x++)
            if (value_at(image, VIPS_IMAGE_ADDR(image, x, y), colours) < top)
                return 1;
    return 0;
}

static pb_status suit(original *o, const format *f, const char *path, GString *lost,
                      pb_error *error)
{
    if (!f->clear && (size_t)o->image->Bands > colours_of(o->image)) {
        if (is_transparent(o->image))
            say_lost(lost, "transparency is laid over white");
        PB_TRY(without_transparency(o, path, error));
    }
    if (!f->deep && o->image->BandFmt == VIPS_FORMAT_USHORT) {
        say_lost(lost, "16 bits become 8");
        PB_TRY(in_bytes(o, path, error));
    }
    if (!f->exif && has(o->image, VIPS_META_EXIF_NAME))
        say_lost(lost, "EXIF data are left out");
    return PB_OK;
}

/* -- all of it -------------------------------------------------------------------------------- */

pb_status pb_original_write(const pb_photo *photo, const pb_tensor *change, const char *path,
                            const char *settings, char **lost, pb_error *error)
{
    const format f = format_of(path);
    original o = {NULL, PB_COLOURS_EMPTY};
    GString *words = g_string_new(NULL);
    pb_status status = take(&o, photo, path, f.profile, words, error);

    if (status == PB_OK) {
        apply(&o, &photo->area, change->data);
        status = suit(&o, &f, path, words, error);
    }
    if (status == PB_OK)
        status = pb_picture_write(o.image, path, settings, error);
    if (o.image)
        g_object_unref(o.image);
    pb_colours_clear(&o.colours);
    *lost = g_string_free(words, status != PB_OK || !words->len);
    return status;
}
