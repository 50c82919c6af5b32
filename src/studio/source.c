#include "studio/source.h"

#include <math.h>

#include "base/ending.h"

void pb_source_clear(pb_source *s)
{
    pb_photo_clear(&s->photo);
    pb_tensor_clear(&s->array);
    pb_tensor_clear(&s->mask);
    pb_tensor_clear(&s->blend);
    *s = PB_SOURCE_EMPTY;
}

pb_status pb_source_take(pb_source *r, const pb_studio *s, pb_bytes *file, const char *name,
                         const pb_crop *crop, size_t pixel_height, size_t pixel_width,
                         pb_error *error)
{
    size_t factor, channels, w, h;

    PB_TRY(pb_session_pixels(s->session, &factor, &channels, error));
    PB_TRY(pb_session_size(s->session, pixel_height, pixel_width, &r->height, &r->width, error));
    w = r->width * factor;
    h = r->height * factor;
    PB_TRY(pb_photo_take(&r->photo, file, name, crop, w, h, error));
    r->has_photo = 1;
    r->options.picture = &r->array;
    return pb_photo_tensor(&r->photo, channels, w, h, &r->array, error);
}

pb_status pb_source_photo(pb_source *r, const pb_studio *s, const char *path, const pb_crop *crop,
                          size_t pixel_height, size_t pixel_width, pb_error *error)
{
    pb_bytes file;
    pb_status status;

    PB_TRY(pb_photo_load(&file, path, crop, error));
    status = pb_source_take(r, s, &file, path, crop, pixel_height, pixel_width, error);
    pb_bytes_clear(&file);
    return status;
}

pb_status pb_source_array(pb_source *r, const pb_studio *s, pb_array_kind kind, pb_tensor *array,
                          pb_error *error)
{
    size_t factor = 1, channels;

    r->array = *array;
    *array = PB_TENSOR_EMPTY;
    if (kind == PB_ARRAY_PICTURE)
        PB_TRY(pb_session_pixels(s->session, &factor, &channels, error));
    r->height = r->array.shape[2] / factor;
    r->width = r->array.shape[3] / factor;
    r->options.picture = kind == PB_ARRAY_PICTURE ? &r->array : NULL;
    r->options.image = kind == PB_ARRAY_IMAGE ? &r->array : NULL;
    r->options.x = kind == PB_ARRAY_X ? &r->array : NULL;
    return PB_OK;
}

pb_status pb_source_read(pb_source *r, const pb_studio *s, const char *image, const char *x,
                         int latents, const pb_crop *crop, pb_error *error)
{
    pb_array_kind kind = x ? PB_ARRAY_X : latents ? PB_ARRAY_IMAGE : PB_ARRAY_PICTURE;
    size_t height = r->options.pixel_height, width = r->options.pixel_width;
    pb_tensor array = PB_TENSOR_EMPTY;

    if (!image && !x)
        return pb_session_size(s->session, height, width, &r->height, &r->width, error);
    if (!x && !pb_has_ending(image, ".npy"))
        return pb_source_photo(r, s, image, crop, height, width, error);
    PB_TRY((kind == PB_ARRAY_PICTURE ? pb_read_pictures : pb_read_images)(&array, s, x ? x : image,
                                                                          1, error));
    return pb_source_array(r, s, kind, &array, error);
}

pb_status pb_source_outline(const pb_source *r, const char *path, pb_error *error)
{
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status = pb_photo_outline(&r->photo, 512, &pixels, error);

    if (status == PB_OK)
        status = pb_pixels_write(&pixels, path, NULL, error);
    pb_pixels_clear(&pixels);
    return status;
}

/* A mask's place, and its size: an image's, or a picture's. */
typedef struct place {
    pb_tensor *mask;
    size_t height, width, factor; /* a picture's size is the image's times the factor */
} place;

static pb_status place_of(pb_source *r, const pb_studio *s, pb_mask_use use, place *p,
                          pb_error *error)
{
    size_t channels, factor;

    PB_TRY(pb_session_pixels(s->session, &factor, &channels, error));
    p->mask = use == PB_MASK_BLEND ? &r->blend : &r->mask;
    p->factor = use == PB_MASK_BLEND ? 1 : factor;
    p->height = r->height * factor / p->factor;
    p->width = r->width * factor / p->factor;
    return PB_OK;
}

/* A picture's brightness, 0 to 1: cut as the photo is if it has the photo's size. */
static pb_status take_brightness(const pb_source *r, const place *p, pb_bytes *file,
                                 const char *name, double megapixels, pb_error *error)
{
    const pb_crop whole = {.fit = PB_FIT_STRETCH, .ground = PB_ON_BLACK, .megapixels = megapixels};
    size_t height = p->height, width = p->width, wide, high;
    pb_photo picture = PB_PHOTO_EMPTY;
    pb_status status;

    PB_TRY(pb_photo_take(&picture, file, name, &whole, width, height, error));
    picture.outside = -1; /* what is padded is not to be changed */
    wide = picture.pixels.width;
    high = picture.pixels.height;
    if (r->has_photo && wide == r->photo.pixels.width && high == r->photo.pixels.height)
        picture.area = r->photo.area;
    else if ((wide != width || high != height) &&
             (wide != width * p->factor || high != height * p->factor)) {
        pb_photo_clear(&picture);
        return pb_fail(error, PB_INVALID,
                       "%s: %zu x %zu pixels: expected the image's size, or %zu x %zu", name, wide,
                       high, width * p->factor, height * p->factor);
    }
    status = pb_photo_tensor(&picture, 1, width, height, p->mask, error);
    pb_photo_clear(&picture);
    PB_TRY(status);
    p->mask->rank = 2;
    p->mask->shape[0] = height;
    p->mask->shape[1] = width;
    for (size_t i = 0; i < height * width; i++)
        p->mask->data[i] = fminf(fmaxf((p->mask->data[i] + 1) / 2, 0), 1);
    return PB_OK;
}

/* It is there, one way or the other: is it one? */
static pb_status accept(pb_source *r, const place *p, const char *name, pb_error *error)
{
    if (p->mask == &r->mask)
        r->options.mask = &r->mask;
    return pb_mask_check(p->mask, p->height, p->width, NULL, error) == PB_OK
               ? PB_OK
               : pb_fail_in(error, PB_INVALID, "%s", name);
}

pb_status pb_source_take_mask(pb_source *r, const pb_studio *s, pb_mask_use use, pb_bytes *file,
                              const char *name, double megapixels, pb_error *error)
{
    place p;

    PB_TRY(place_of(r, s, use, &p, error));
    PB_TRY(take_brightness(r, &p, file, name, megapixels, error));
    return accept(r, &p, name, error);
}

pb_status pb_source_mask(pb_source *r, const pb_studio *s, pb_mask_use use, const char *path,
                         double megapixels, pb_error *error)
{
    const pb_crop crop = {.megapixels = megapixels};
    pb_bytes file = {NULL, 0};
    pb_status status;
    place p;

    if (!pb_has_ending(path, ".npy")) {
        status = pb_photo_load(&file, path, &crop, error);
        if (status == PB_OK)
            status = pb_source_take_mask(r, s, use, &file, path, megapixels, error);
        pb_bytes_clear(&file);
        return status;
    }
    PB_TRY(place_of(r, s, use, &p, error));
    PB_TRY(pb_npy_read(p.mask, path, error));
    return accept(r, &p, path, error);
}
