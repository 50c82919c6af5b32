#include "picture/original.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
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

    return (grey || rgb) && image->Coding == VIPS_CODING_NONE &&
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
        number = pb_big_endian(data + at + 4, 2);
        name = (size_t)(data[at + 6] + 2) & ~(size_t)1;
        if (at + 10 + name > size)
            break;
        next = at + 10 + name + ((pb_big_endian(data + at + 6 + name, 4) + 1) & ~(size_t)1);
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
        strstr(name, "-Orientation") || !strncmp(name, "exif-ifd1-", 10) || pb_is_settings(name))
        g_ptr_array_add(names, g_strdup(name));
    return NULL;
}

/* libvips writes no picture whose EXIF has not even a header. */
static void drop_stump(VipsImage *image)
{
    const void *data;
    size_t size;

    if (has(image, VIPS_META_EXIF_NAME) &&
        vips_image_get_blob(image, VIPS_META_EXIF_NAME, &data, &size) == 0 && size < 4)
        vips_image_remove(image, VIPS_META_EXIF_NAME);
}

static void set_right(VipsImage *image)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    vips_image_map(image, is_stale, names);
    for (guint i = 0; i < names->len; i++)
        vips_image_remove(image, g_ptr_array_index(names, i));
    g_ptr_array_unref(names);
    drop_stump(image);
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
        status = pb_srgb(upright, path, PB_ON_WHITE, &srgb, error);
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
    VipsImage *upright;
    pb_status status;

    PB_TRY(pb_photo_open(&upright, &photo->file, path, HUGE_VAL, error));
    status = take_upright(o, upright, path, profiles, lost, error);
    g_object_unref(upright);
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

/* Rows of colours, pixel by pixel. */
typedef struct row {
    float *own;           /* of the pixels, 0 to 1 */
    float *srgb, *change; /* in sRGB; what is to be added there */
    float *before, *after;
} row;

/* What a change of sRGB makes of n pixels' own colours: after - before is to be added to them. */
static void change_row(const original *o, const row *r, size_t n)
{
    if (!o->colours.to) {
        size_t colours = colours_of(o->image);
        for (size_t i = 0; i < n; i++) {
            const float *by = r->change + 3 * i;
            float luma = pb_luma(by[0], by[1], by[2]);
            for (size_t c = 0; c < colours; c++) {
                r->before[colours * i + c] = 0;
                r->after[colours * i + c] = colours == 3 ? by[c] : luma;
            }
        }
        return;
    }
    pb_colours_to_srgb(&o->colours, r->own, r->srgb, n);
    pb_colours_from_srgb(&o->colours, r->srgb, r->before, n);
    for (size_t i = 0; i < 3 * n; i++)
        r->srgb[i] += r->change[i];
    pb_colours_from_srgb(&o->colours, r->srgb, r->after, n);
}

/* A pixel keeps its value where nothing changes, where its colour is not seen, and where its
 * profile leads to no number. */
static void change_pixel(const VipsImage *image, void *pixel, const row *r, size_t i)
{
    size_t colours = colours_of(image), bands = (size_t)image->Bands;
    const float *by = r->change + 3 * i;

    if ((by[0] == 0 && by[1] == 0 && by[2] == 0) ||
        (bands > colours && value_at(image, pixel, colours) == 0))
        return;
    for (size_t c = 0; c < colours; c++) {
        double added = (double)r->after[colours * i + c] - (double)r->before[colours * i + c];
        if (isfinite(added))
            set_value(image, pixel, c, value_at(image, pixel, c) + added * top_of(image));
    }
}

static pb_status apply(const original *o, const pb_area *area, const float *change, pb_error *error)
{
    VipsImage *image = o->image;
    size_t colours = colours_of(image), w = area->width, h = area->height;
    long left = area->x < 0 ? 0 : area->x;
    long right = MIN(area->x + (long)w, (long)image->Xsize);
    float *room = pb_malloc(15 * w, sizeof *room);
    const row r = {room, room + 3 * w, room + 6 * w, room + 9 * w, room + 12 * w};

    if (!room)
        return pb_fail_memory(error, 15 * w * sizeof *room, "a photo");
    for (size_t y = 0; y < h; y++) {
        long py = area->y + (long)y;
        if (py < 0 || py >= image->Ysize)
            continue;
        for (long px = left; px < right; px++) {
            const void *pixel = VIPS_IMAGE_ADDR(image, px, py);
            size_t i = (size_t)(px - left), x = (size_t)(px - area->x);
            for (size_t c = 0; c < 3; c++)
                r.change[3 * i + c] = change[(c * h + y) * w + x] / 255;
            for (size_t c = 0; c < colours; c++)
                r.own[colours * i + c] = (float)(value_at(image, pixel, c) / top_of(image));
        }
        if (right > left)
            change_row(o, &r, (size_t)(right - left));
        for (long px = left; px < right; px++)
            change_pixel(image, VIPS_IMAGE_ADDR(image, px, py), &r, (size_t)(px - left));
    }
    pb_free(room);
    return PB_OK;
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

pb_status pb_original_encode(const pb_photo *photo, const pb_tensor *change, const char *name,
                             const char *settings, int quality, pb_bytes *bytes, char **lost,
                             pb_error *error)
{
    const format f = format_of(name);
    original o = {NULL, PB_COLOURS_EMPTY};
    GString *words = g_string_new(NULL);
    pb_status status = take(&o, photo, name, f.profile, words, error);

    *bytes = (pb_bytes){NULL, 0};
    if (status == PB_OK)
        status = apply(&o, &photo->area, change->data, error);
    if (status == PB_OK)
        status = suit(&o, &f, name, words, error);
    if (status == PB_OK)
        status = pb_picture_encode(o.image, name, settings, quality, bytes, error);
    if (o.image)
        g_object_unref(o.image);
    pb_colours_clear(&o.colours);
    *lost = g_string_free(words, status != PB_OK || !words->len);
    return status;
}

pb_status pb_original_write(const pb_photo *photo, const pb_tensor *change, const char *path,
                            const char *settings, int quality, char **lost, pb_error *error)
{
    pb_bytes bytes;
    pb_status status;

    PB_TRY(pb_original_encode(photo, change, path, settings, quality, &bytes, lost, error));
    status = pb_file_write(path, bytes.data, bytes.size, error);
    pb_bytes_clear(&bytes);
    return status;
}
