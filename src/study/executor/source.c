#include "study/executor/source.h"

#include <stdbool.h>
#include <string.h>

#include "base/ending.h"
#include "base/shape.h"

/* A .npy of one image of this shape, as a batch of one. */
static pb_status read_array(pb_tensor *x, const char *path, const size_t shape[3], pb_error *error)
{
    PB_TRY(pb_npy_read(x, path, error));
    PB_TRY(pb_shape_check_one(x, 3, shape, path, error));
    x->rank = 4;
    memcpy(x->shape, (size_t[4]){1, shape[0], shape[1], shape[2]}, 4 * sizeof *shape);
    return PB_OK;
}

static pb_status read_photo(const pb_study_options *o, const pb_study_model *m, pb_tensor *picture,
                            const char *path, const size_t shape[3], pb_error *error)
{
    const pb_crop crop = pb_crop_for(o->crop, &m->info->recommended);
    pb_photo photo = PB_PHOTO_EMPTY;
    pb_status status;

    PB_TRY(pb_photo_read(&photo, path, &crop, shape[2], shape[1], error));
    if (photo.looked && !photo.faces)
        status = pb_fail(error, PB_INVALID,
                         "%s: no face is found in it, and %s knows faces only: crop none takes "
                         "the middle, of all photos, crop X,Y,W,H a part",
                         path, m->info->path);
    else
        status = pb_photo_tensor(&photo, shape[0], shape[2], shape[1], picture, error);
    pb_photo_clear(&photo);
    return status;
}

pb_status pb_source_read(pb_tensor *picture, const pb_study_options *o, const pb_study_model *m,
                         size_t number, pb_error *error)
{
    const char *path = o->images[number];
    bool array = pb_ends_with(path, ".npy");
    size_t factor = 1, pixels[3];

    if (o->latents && (!array || !m->info->latent))
        return pb_fail(error, PB_INVALID, "latents: %s: expected a .npy, for a latent model", path);
    pixels[0] = m->info->in_channels;
    if (!o->latents)
        PB_TRY(pb_session_pixels(m->session, &factor, &pixels[0], error));
    pixels[1] = m->height * factor;
    pixels[2] = m->width * factor;
    return array ? read_array(picture, path, pixels, error)
                 : read_photo(o, m, picture, path, pixels, error);
}

pb_status pb_sources_check(const pb_study_options *o, const pb_study_model *models, pb_error *error)
{
    pb_status status = PB_OK;

    for (size_t m = 0; status == PB_OK && m < o->model_count; m++)
        for (size_t i = 0; status == PB_OK && i < o->image_count; i++) {
            pb_tensor picture = PB_TENSOR_EMPTY;
            status = pb_source_read(&picture, o, &models[m], i, error);
            pb_tensor_clear(&picture);
        }
    return status;
}
