#include "picture/photo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <vips/vips.h>

#include "base/memory.h"
#include "io/file.h"
#include "picture/resize.h"
#include "picture/srgb.h"

/* A photo of so many megapixels without compression takes no more, four numbers a pixel, and what
 * its file says of it. */
#define MOST_BYTES(megapixels) ((size_t)(16e6 * (megapixels)) + 64000000)

static const char *const fits[] = {"crop", "pad", "stretch"};

const char *pb_fit_name(pb_fit fit)
{
    return fits[fit];
}

int pb_fit_of(pb_fit *fit, const char *name)
{
    for (pb_fit i = PB_FIT_CROP; i <= PB_FIT_STRETCH; i++)
        if (!strcmp(name, fits[i])) {
            *fit = i;
            return 0;
        }
    return -1;
}

int pb_area_of(pb_area *area, const char *text)
{
    long x, y, width, height;
    int end = 0;

    if (sscanf(text, "%ld,%ld,%ld,%ld%n", &x, &y, &width, &height, &end) != 4 || text[end] ||
        width < 1 || height < 1)
        return -1;
    *area = (pb_area){x, y, (size_t)width, (size_t)height};
    return 0;
}

char *pb_area_text(const pb_area *a)
{
    return g_strdup_printf("%ld,%ld,%zu,%zu", a->x, a->y, a->width, a->height);
}

void pb_photo_clear(pb_photo *photo)
{
    pb_pixels_clear(&photo->pixels);
    pb_bytes_clear(&photo->file);
    *photo = PB_PHOTO_EMPTY;
}

/* -- reading --------------------------------------------------------------------------------- */

pb_status pb_photo_open(VipsImage **upright, const pb_bytes *file, const char *path,
                        double megapixels, pb_error *error)
{
    VipsImage *image;
    pb_status status;

    PB_TRY(pb_picture_open(&image, file, path, megapixels, error));
    status = pb_picture_decode(image, path, error);
    if (status == PB_OK && vips_autorot(image, upright, NULL))
        status = pb_fail_vips(error, PB_FORMAT, path);
    g_object_unref(image);
    return status;
}

/* The pixels of an image of three bands of bytes, which is evaluated now. */
static pb_status evaluate(pb_pixels *pixels, VipsImage *srgb, const char *path, pb_error *error)
{
    size_t w = (size_t)srgb->Xsize, h = (size_t)srgb->Ysize;
    VipsImage *memory;
    pb_status status = PB_OK;

    PB_TRY(pb_pixels_new(pixels, w, h, error));
    memory =
        vips_image_new_from_memory(pixels->rgb, w * h * 3, (int)w, (int)h, 3, VIPS_FORMAT_UCHAR);
    if (!memory || vips_image_write(srgb, memory))
        status = pb_fail_vips(error, PB_FORMAT, path);
    if (memory)
        g_object_unref(memory);
    return status;
}

static pb_status decode(pb_pixels *pixels, const pb_bytes *file, const char *path,
                        const pb_crop *crop, double megapixels, pb_error *error)
{
    VipsImage *upright, *srgb = NULL;
    pb_status status;

    PB_TRY(pb_photo_open(&upright, file, path, megapixels, error));
    status = pb_srgb(upright, path, crop->ground, &srgb, error);
    if (status == PB_OK)
        status = evaluate(pixels, srgb, path, error);
    if (srgb)
        g_object_unref(srgb);
    g_object_unref(upright);
    return status;
}

/* The largest (or with `outside`, the smallest enclosing) rectangle of the proportions w : h. */
static pb_area centred(size_t width, size_t height, size_t w, size_t h, int outside)
{
    int wide = (double)width * (double)h > (double)height * (double)w;
    pb_area area = {0, 0, width, height};

    if (wide != outside)
        area.width = (size_t)llround((double)height * (double)w / (double)h);
    else
        area.height = (size_t)llround((double)width * (double)h / (double)w);
    area.width = area.width ? area.width : 1;
    area.height = area.height ? area.height : 1;
    area.x = ((long)width - (long)area.width) / 2;
    area.y = ((long)height - (long)area.height) / 2;
    return area;
}

pb_crop pb_crop_for(pb_crop wanted, const pb_recommended *model)
{
    if (wanted.kind == PB_CROP_FACE && isnan(model->face_size))
        wanted.kind = PB_CROP_FIT;
    wanted.where = (pb_face){model->face_x, model->face_y, model->face_size};
    return wanted;
}

/* A picture of the network's own size was made for it. */
static int is_ready(const pb_pixels *pixels, size_t width, size_t height)
{
    return pixels->width == width && pixels->height == height;
}

static pb_status check_area(const pb_photo *photo, const char *path, pb_error *error)
{
    size_t w = photo->pixels.width, h = photo->pixels.height;
    const pb_area *a = &photo->area;

    if (a->x >= 0 && a->y >= 0 && a->width > 0 && a->height > 0 && a->width <= w &&
        a->height <= h && (size_t)a->x <= w - a->width && (size_t)a->y <= h - a->height)
        return PB_OK;
    return pb_fail(error, PB_INVALID,
                   "%s: a crop of %zux%zu at %ld,%ld: the photo has %zux%zu pixels", path, a->width,
                   a->height, a->x, a->y, w, h);
}

static pb_status choose_area(pb_photo *photo, const char *path, const pb_crop *crop, size_t width,
                             size_t height, pb_error *error)
{
    size_t w = photo->pixels.width, h = photo->pixels.height;

    if (crop->kind == PB_CROP_AREA) {
        photo->area = crop->area;
        return check_area(photo, path, error);
    }
    photo->looked = crop->kind == PB_CROP_FACE && !is_ready(&photo->pixels, width, height);
    if (photo->looked)
        PB_TRY(pb_frame_faces(photo->face, &photo->faces, &photo->pixels, &crop->where, width,
                              height, error));
    photo->area = photo->faces ? photo->face[0]
                  : crop->fit == PB_FIT_STRETCH
                      ? (pb_area){0, 0, w, h}
                      : centred(w, h, width, height, crop->fit == PB_FIT_PAD);
    return PB_OK;
}

static double most_of(const pb_crop *crop)
{
    return crop->megapixels > 0 ? crop->megapixels : PB_MEGAPIXELS;
}

pb_status pb_photo_load(pb_bytes *file, const char *path, const pb_crop *crop, pb_error *error)
{
    return pb_file_read(file, path, MOST_BYTES(most_of(crop)), error);
}

pb_status pb_photo_read(pb_photo *photo, const char *path, const pb_crop *crop, size_t width,
                        size_t height, pb_error *error)
{
    pb_bytes file;

    *photo = PB_PHOTO_EMPTY;
    PB_TRY(pb_photo_load(&file, path, crop, error));
    return pb_photo_take(photo, &file, path, crop, width, height, error);
}

pb_status pb_photo_take(pb_photo *photo, pb_bytes *file, const char *path, const pb_crop *crop,
                        size_t width, size_t height, pb_error *error)
{
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status = decode(&pixels, file, path, crop, most_of(crop), error);

    *photo = PB_PHOTO_EMPTY;
    if (status == PB_OK)
        status = pb_photo_of_pixels(photo, &pixels, path, crop, width, height, error);
    if (status == PB_OK)
        photo->file = *file;
    else
        pb_bytes_clear(file);
    pb_pixels_clear(&pixels);
    *file = (pb_bytes){NULL, 0};
    return status;
}

pb_status pb_photo_of_pixels(pb_photo *photo, pb_pixels *pixels, const char *name,
                             const pb_crop *crop, size_t width, size_t height, pb_error *error)
{
    pb_status status;

    *photo = PB_PHOTO_EMPTY;
    photo->pixels = *pixels;
    *pixels = PB_PIXELS_EMPTY;
    status = choose_area(photo, name, crop, width, height, error);
    if (status == PB_OK)
        status = pb_check_pixels(name, "padded to ", (double)photo->area.width,
                                 (double)photo->area.height, most_of(crop), error);
    if (status != PB_OK)
        pb_photo_clear(photo);
    return status;
}

/* -- the tensor ------------------------------------------------------------------------------ */

float pb_photo_colour(const pb_photo *photo, size_t x, size_t y, size_t c)
{
    long px = photo->area.x + (long)x, py = photo->area.y + (long)y;

    if (px < 0 || py < 0 || (size_t)px >= photo->pixels.width || (size_t)py >= photo->pixels.height)
        return photo->outside;
    return (float)photo->pixels.rgb[((size_t)py * photo->pixels.width + (size_t)px) * 3 + c] /
               127.5f -
           1.0f;
}

pb_status pb_photo_tensor(const pb_photo *photo, size_t channels, size_t width, size_t height,
                          pb_tensor *tensor, pb_error *error)
{
    size_t w = photo->area.width, h = photo->area.height;
    const size_t shape[4] = {1, channels, height, width};
    float *planes;
    pb_status status;

    if (channels != 1 && channels != 3)
        return pb_fail(error, PB_UNSUPPORTED,
                       "a photo for a network of %zu channels: expected 1 or 3", channels);
    planes = pb_malloc(channels * w * h, sizeof *planes);
    if (!planes)
        return pb_fail_memory(error, channels * w * h * sizeof *planes, "a photo");
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            float *at = planes + y * w + x;
            if (channels == 1)
                *at = pb_luma(pb_photo_colour(photo, x, y, 0), pb_photo_colour(photo, x, y, 1),
                              pb_photo_colour(photo, x, y, 2));
            else
                for (size_t c = 0; c < 3; c++)
                    at[c * w * h] = pb_photo_colour(photo, x, y, c);
        }
    status = pb_tensor_new(tensor, 4, shape, error);
    if (status == PB_OK)
        status = pb_resize(channels, w, h, planes, width, height, tensor->data, error);
    for (size_t i = 0; status == PB_OK && i < channels * width * height; i++)
        tensor->data[i] = fminf(fmaxf(tensor->data[i], -1.0f), 1.0f);
    if (status != PB_OK)
        pb_tensor_clear(tensor);
    pb_free(planes);
    return status;
}

/* -- pictures of the photo ------------------------------------------------------------------- */

/* Paints a pixel if it is inside; a dark line within a light one shows on any ground. */
static void paint(pb_pixels *p, long x, long y, unsigned char value)
{
    if (x >= 0 && y >= 0 && (size_t)x < p->width && (size_t)y < p->height)
        memset(p->rgb + ((size_t)y * p->width + (size_t)x) * 3, value, 3);
}

static void draw_rectangle(pb_pixels *p, long x0, long y0, long x1, long y1, unsigned char value)
{
    for (long x = x0; x <= x1; x++) {
        paint(p, x, y0, value);
        paint(p, x, y1, value);
    }
    for (long y = y0; y <= y1; y++) {
        paint(p, x0, y, value);
        paint(p, x1, y, value);
    }
}

/* How much smaller a photo becomes that is to be no longer than `longest`. */
static double scale_to(const pb_photo *photo, size_t longest)
{
    size_t w = photo->pixels.width, h = photo->pixels.height, side = w > h ? w : h;

    return side > longest ? (double)longest / (double)side : 1;
}

pb_status pb_photo_shrink(const pb_photo *photo, size_t longest, pb_pixels *pixels, pb_error *error)
{
    size_t w = photo->pixels.width, h = photo->pixels.height;
    double scale = scale_to(photo, longest);
    size_t width = (size_t)fmax(1, round((double)w * scale));
    size_t height = (size_t)fmax(1, round((double)h * scale));
    float *planes = pb_malloc(3 * w * h, sizeof *planes);
    float *small = pb_malloc(3 * width * height, sizeof *small);
    pb_status status;

    if (!planes || !small)
        status = pb_fail_memory(error, 3 * w * h * sizeof *planes, "a photo");
    else {
        for (size_t i = 0; i < w * h; i++)
            for (size_t c = 0; c < 3; c++)
                planes[c * w * h + i] = (float)photo->pixels.rgb[3 * i + c];
        status = pb_resize(3, w, h, planes, width, height, small, error);
    }
    if (status == PB_OK)
        status = pb_pixels_new(pixels, width, height, error);
    for (size_t i = 0; status == PB_OK && i < width * height; i++)
        for (size_t c = 0; c < 3; c++)
            pixels->rgb[3 * i + c] =
                (unsigned char)lroundf(fminf(fmaxf(small[c * width * height + i], 0.0f), 255.0f));
    pb_free(planes);
    pb_free(small);
    return status;
}

pb_status pb_photo_outline(const pb_photo *photo, size_t longest, pb_pixels *pixels,
                           pb_error *error)
{
    double scale = scale_to(photo, longest);
    const pb_area *a = &photo->area;
    long x0 = lround((double)a->x * scale), y0 = lround((double)a->y * scale);
    long x1 = lround(((double)a->x + (double)a->width) * scale) - 1;
    long y1 = lround(((double)a->y + (double)a->height) * scale) - 1;

    PB_TRY(pb_photo_shrink(photo, longest, pixels, error));
    draw_rectangle(pixels, x0, y0, x1, y1, 255);
    draw_rectangle(pixels, x0 + 1, y0 + 1, x1 - 1, y1 - 1, 0);
    draw_rectangle(pixels, x0 + 2, y0 + 2, x1 - 2, y1 - 2, 255);
    return PB_OK;
}
