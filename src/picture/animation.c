#include "picture/animation.h"

#include <string.h>

#include "base/memory.h"

/* All frames, one below the other, as libvips has animations. */
static pb_status stack(size_t count, const pb_pixels *const *frames, int milliseconds,
                       unsigned char *rows, VipsImage **image, pb_error *error)
{
    const size_t width = frames[0]->width, height = frames[0]->height, size = 3 * width * height;
    int *delays = g_new(int, count);
    VipsImage *memory;
    pb_status status = PB_OK;

    for (size_t i = 0; i < count; i++) {
        memcpy(rows + i * size, frames[i]->rgb, size);
        delays[i] = milliseconds;
    }
    memory = vips_image_new_from_memory(rows, count * size, (int)width, (int)(count * height), 3,
                                        VIPS_FORMAT_UCHAR);
    if (!memory || vips_copy(memory, image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL))
        status = pb_fail_vips(error, PB_MEMORY, "an animation");
    else {
        vips_image_set_int(*image, "page-height", (int)height);
        vips_image_set_int(*image, "loop", 0);
        vips_image_set_array_int(*image, "delay", delays, (int)count);
    }
    if (memory)
        g_object_unref(memory);
    g_free(delays);
    return status;
}

pb_status pb_animation_encode(size_t count, const pb_pixels *const *frames, int milliseconds,
                              int quality, pb_bytes *bytes, pb_error *error)
{
    VipsImage *image = NULL;
    unsigned char *rows;
    pb_status status;

    *bytes = (pb_bytes){NULL, 0};
    if (!count)
        return pb_fail(error, PB_INVALID, "an animation of no frames");
    for (size_t i = 1; i < count; i++)
        if (frames[i]->width != frames[0]->width || frames[i]->height != frames[0]->height)
            return pb_fail(error, PB_INVALID, "an animation of frames of several sizes");
    rows = pb_malloc(count, 3 * frames[0]->width * frames[0]->height);
    if (!rows)
        return pb_fail_memory(error, count * 3 * frames[0]->width * frames[0]->height,
                              "an animation");
    status = stack(count, frames, milliseconds, rows, &image, error);
    if (status == PB_OK)
        status = pb_picture_encode(image, "animation.webp", NULL, quality, bytes, error);
    if (image)
        g_object_unref(image);
    pb_free(rows);
    return status;
}
