#include "explore/preview.h"

#include <math.h>
#include <string.h>

#include "picture/blend.h"

pb_status pb_preview_shrink(const pb_photo *photo, size_t longest, size_t width, size_t height,
                            pb_photo *small, pb_error *error)
{
    size_t w = photo->pixels.width, h = photo->pixels.height;
    double scale = fmin(1, (double)longest / (double)(width > height ? width : height));
    const pb_area *a = &photo->area;

    *small = PB_PHOTO_EMPTY;
    PB_TRY(pb_photo_shrink(photo, (size_t)ceil(scale * (double)(w > h ? w : h)), &small->pixels,
                           error));
    scale = (double)small->pixels.width / (double)w;
    small->outside = photo->outside;
    small->area = (pb_area){lround((double)a->x * scale), lround((double)a->y * scale),
                            (size_t)fmax(1, round((double)a->width * scale)),
                            (size_t)fmax(1, round((double)a->height * scale))};
    return PB_OK;
}

/* The place of the area's pixel (x, y), or NULL: it lies beyond the photo. */
static unsigned char *place(const pb_pixels *pixels, const pb_area *area, size_t x, size_t y)
{
    long px = area->x + (long)x, py = area->y + (long)y;

    return px < 0 || py < 0 || px >= (long)pixels->width || py >= (long)pixels->height
               ? NULL
               : &pixels->rgb[3 * ((size_t)py * pixels->width + (size_t)px)];
}

static void add_change(pb_pixels *pixels, const pb_area *area, const pb_tensor *change)
{
    size_t plane = area->width * area->height;

    for (size_t y = 0; y < area->height; y++)
        for (size_t x = 0; x < area->width; x++) {
            unsigned char *to = place(pixels, area, x, y);
            for (size_t c = 0; to && c < 3; c++) {
                float value = (float)to[c] + change->data[c * plane + y * area->width + x];
                to[c] = (unsigned char)lroundf(fminf(fmaxf(value, 0), 255));
            }
        }
}

pb_status pb_preview_paste(const pb_photo *photo, const pb_edit *edit, const float *picture,
                           pb_pixels *pixels, pb_error *error)
{
    pb_tensor change = PB_TENSOR_EMPTY;
    const size_t *shape;
    pb_status status;

    PB_TRY(pb_pixels_new(pixels, photo->pixels.width, photo->pixels.height, error));
    memcpy(pixels->rgb, photo->pixels.rgb, 3 * pixels->width * pixels->height);
    if (!picture)
        return PB_OK;
    shape = edit->pictures.shape;
    status = pb_blend(photo, pb_edit_picture(edit, 0, 0), picture, shape[1], shape[3], shape[2],
                      &change, error);
    if (status == PB_OK)
        add_change(pixels, &photo->area, &change);
    pb_tensor_clear(&change);
    return status;
}

pb_status pb_preview_cut(const pb_photo *photo, const pb_pixels *all, pb_pixels *pixels,
                         pb_error *error)
{
    const pb_area *a = &photo->area;

    PB_TRY(pb_pixels_new(pixels, a->width, a->height, error));
    for (size_t y = 0; y < a->height; y++)
        for (size_t x = 0; x < a->width; x++) {
            const unsigned char *from = place(all, a, x, y);
            if (from)
                memcpy(&pixels->rgb[3 * (y * a->width + x)], from, 3);
        }
    return PB_OK;
}
