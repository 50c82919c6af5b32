#include "study/executor/image.h"

#include "base/ending.h"
#include "base/shape.h"
#include "studio/source.h"

static pb_status read_array(pb_tensor *picture, const pb_study_options *o, const pb_study_model *m,
                            const char *path, pb_error *error)
{
    size_t factor = 1, channels = m->studio.info->in_channels;

    if (!o->latents)
        PB_TRY(pb_session_pixels(m->studio.session, &factor, &channels, error));
    PB_TRY(o->latents ? pb_read_images(picture, &m->studio, path, 1, error)
                      : pb_read_pictures(picture, &m->studio, path, 1, error));
    return pb_shape_check(
        picture, 4, (size_t[4]){1, channels, m->height * factor, m->width * factor}, path, error);
}

static pb_status read_photo(pb_tensor *picture, const pb_study_options *o, const pb_study_model *m,
                            const char *path, pb_error *error)
{
    const pb_crop crop = pb_crop_for(o->crop, &m->studio.info->recommended);
    pb_source source = PB_SOURCE_EMPTY;
    pb_status status = pb_source_photo(&source, &m->studio, path, &crop, 0, 0, error);

    if (status == PB_OK && source.photo.looked && !source.photo.faces)
        status = pb_fail(error, PB_INVALID,
                         "%s: no face is found in it, and %s knows faces only: crop none takes "
                         "the middle, of all photos, crop X,Y,W,H a part",
                         path, m->studio.info->path);
    if (status == PB_OK) {
        *picture = source.array; /* handed over */
        source.array = PB_TENSOR_EMPTY;
    }
    pb_source_clear(&source);
    return status;
}

pb_status pb_study_image(pb_tensor *picture, const pb_study_options *o, const pb_study_model *m,
                         size_t number, pb_error *error)
{
    const char *path = o->images[number];
    int array = pb_has_ending(path, ".npy");

    if (o->latents && (!array || !m->studio.info->latent))
        return pb_fail(error, PB_INVALID, "latents: %s: expected a .npy, for a latent model", path);
    return array ? read_array(picture, o, m, path, error) : read_photo(picture, o, m, path, error);
}

pb_status pb_study_images_check(const pb_study_options *o, const pb_study_model *models,
                                pb_error *error)
{
    pb_status status = PB_OK;

    for (size_t m = 0; status == PB_OK && m < o->model_count; m++)
        for (size_t i = 0; status == PB_OK && i < o->image_count; i++) {
            pb_tensor picture = PB_TENSOR_EMPTY;
            status = pb_study_image(&picture, o, &models[m], i, error);
            pb_tensor_clear(&picture);
        }
    return status;
}
