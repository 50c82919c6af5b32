#include "picture/pixels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "picture/open.h"

#define SETTINGS "png-comment-0-pullback"

static void ignore(const char *domain, GLogLevelFlags level, const char *message, void *context)
{
    (void)domain, (void)level, (void)message, (void)context;
}

pb_status pb_picture_start(const char *program, int threads, pb_error *error)
{
    g_log_set_handler("VIPS", G_LOG_LEVEL_MASK, ignore, NULL);
    if (VIPS_INIT(program))
        return pb_fail_vips(error, PB_IO, "libvips does not start");
    pb_picture_bar_others();
    vips_concurrency_set(threads);
    vips_cache_set_max(0);
    return PB_OK;
}

pb_status pb_fail_vips(pb_error *error, pb_status status, const char *what)
{
    char text[300];
    size_t n;

    snprintf(text, sizeof text, "%s", vips_error_buffer());
    vips_error_clear();
    n = strcspn(text, "\n");
    text[n] = '\0';
    return pb_fail(error, status, "%s: %s", what, *text ? text : "libvips fails, and says not why");
}

pb_status pb_pixels_new(pb_pixels *pixels, size_t width, size_t height, pb_error *error)
{
    size_t count;

    if (pb_mul_overflows(width, height, &count) || pb_mul_overflows(count, 3, &count) ||
        !(pixels->rgb = pb_malloc(count, 1)))
        return pb_fail_memory(error, width * height * 3, "a picture");
    memset(pixels->rgb, 255, count);
    pixels->width = width;
    pixels->height = height;
    return PB_OK;
}

void pb_pixels_clear(pb_pixels *pixels)
{
    pb_free(pixels->rgb);
    *pixels = PB_PIXELS_EMPTY;
}

const char *pb_picture_ending(const char *path)
{
    const char *name = strrchr(path, '/');

    return strrchr(name ? name : path, '.');
}

pb_status pb_picture_encode(VipsImage *image, const char *path, const char *settings, int quality,
                            pb_bytes *bytes, pb_error *error)
{
    static const char *const lossy[] = {".jpg", ".jpeg", ".jpe", ".webp"};
    const char *ending = pb_picture_ending(path);
    VipsImage *copy = NULL;
    char *how = NULL;
    void *found = NULL;
    size_t count;
    pb_status status = PB_OK;

    *bytes = (pb_bytes){NULL, 0};

    /* To libvips a name ends in "[…]" with options, and some name files. */
    if (!ending || strchr(ending, '[') || !vips_foreign_find_save_buffer(ending)) {
        vips_error_clear();
        return pb_fail(error, PB_INVALID,
                       "%s: a picture's name ends in its format: png, jpg, webp, tif", path);
    }
    if (vips_copy(image, &copy, NULL))
        return pb_fail_vips(error, PB_MEMORY, path);
    if (settings)
        vips_image_set_string(copy, SETTINGS, settings);
    for (size_t i = 0; i < sizeof lossy / sizeof *lossy; i++)
        if (!g_ascii_strcasecmp(ending, lossy[i]))
            how = g_strdup_printf("%s[Q=%d]", ending, quality);
    if (vips_image_write_to_buffer(copy, how ? how : ending, &found, &count, NULL))
        status = pb_fail_vips(error, PB_IO, path);
    else if (!(bytes->data = pb_malloc(count, 1)))
        status = pb_fail_memory(error, count, path);
    else {
        memcpy(bytes->data, found, count);
        bytes->size = count;
    }
    g_free(how);
    g_free(found);
    g_object_unref(copy);
    return status;
}

pb_status pb_picture_write(VipsImage *image, const char *path, const char *settings, int quality,
                           pb_error *error)
{
    pb_bytes bytes;
    pb_status status;

    PB_TRY(pb_picture_encode(image, path, settings, quality, &bytes, error));
    status = pb_file_write(path, bytes.data, bytes.size, error);
    pb_bytes_clear(&bytes);
    return status;
}

/* The pixels as an image of libvips, which reads them where they are: the caller's. */
static pb_status image_of(const pb_pixels *pixels, VipsImage **image, const char *path,
                          pb_error *error)
{
    VipsImage *memory =
        vips_image_new_from_memory(pixels->rgb, pixels->width * pixels->height * 3,
                                   (int)pixels->width, (int)pixels->height, 3, VIPS_FORMAT_UCHAR);
    pb_status status = PB_OK;

    if (!memory || vips_copy(memory, image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL))
        status = pb_fail_vips(error, PB_MEMORY, path);
    if (memory)
        g_object_unref(memory);
    return status;
}

pb_status pb_pixels_encode(const pb_pixels *pixels, const char *name, const char *settings,
                           int quality, pb_bytes *bytes, pb_error *error)
{
    VipsImage *image;
    pb_status status;

    PB_TRY(image_of(pixels, &image, name, error));
    status = pb_picture_encode(image, name, settings, quality, bytes, error);
    g_object_unref(image);
    return status;
}

pb_status pb_pixels_write(const pb_pixels *pixels, const char *path, const char *settings,
                          pb_error *error)
{
    VipsImage *image;
    pb_status status;

    PB_TRY(image_of(pixels, &image, path, error));
    status = pb_picture_write(image, path, settings, PB_QUALITY, error);
    g_object_unref(image);
    return status;
}

int pb_is_settings(const char *name)
{
    return g_str_has_prefix(name, "png-comment-") && g_str_has_suffix(name, "-pullback");
}

pb_status pb_png_settings(char **settings, const char *path, pb_error *error)
{
    VipsImage *image;
    const char *text;
    char **names;
    pb_bytes file;
    pb_status status;

    *settings = NULL;
    PB_TRY(pb_file_read(&file, path, SIZE_MAX, error));
    status = pb_picture_open(&image, &file, path, HUGE_VAL, error); /* no pixel is read */
    names = image ? vips_image_get_fields(image) : NULL;
    for (char **name = names; name && *name; name++)
        if (pb_is_settings(*name) && !*settings && vips_image_get_string(image, *name, &text) == 0)
            *settings = pb_strdup(text);
    g_strfreev(names);
    if (image)
        g_object_unref(image);
    pb_bytes_clear(&file);
    return status;
}
