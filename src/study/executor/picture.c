/* The picture of a drawn sample: from x_T down to t_0 by steps that are stochastic, with noise of
 * the sample's seed, from options->boost on; decoded, where the model is one of latents with an
 * autoencoder. What `sample --seed S -n 1 --boost B` draws. Bases are not taken along these steps,
 * but at the x_t of deterministic ones from the same x_T, whose own end may be malformed where a
 * model is small. */
#include "study/executor/craft.h"

/* Latents to a picture, in their place; nothing where the model has no way to one. */
static pb_status decode(const pb_study_model *m, pb_tensor *x, const pb_run *run, pb_error *error)
{
    pb_tensor picture = PB_TENSOR_EMPTY;

    if (!m->studio.info->latent || !m->studio.info->has_autoencoder)
        return PB_OK;
    PB_TRY(pb_session_decode(m->studio.session, x, &picture, run, error));
    pb_tensor_clear(x);
    *x = picture;
    return PB_OK;
}

static pb_status draw(const pb_workshop *w, const pb_item *item, pb_tensor *x, pb_error *error)
{
    const pb_study_options *o = w->plan->options;
    const pb_study_model *m = &w->plan->models[item->model];
    const pb_prompts prompts = pb_study_prompts_of(o, m->studio.info, 0);
    const pb_boost boost = {.t = o->boost, .seed = o->seed + item->sample, .own = 1};

    PB_TRY(pb_session_noise(m->studio.session, 1, m->height, m->width, boost.seed, x, error));
    PB_TRY(pb_session_move(m->studio.session, &prompts, NULL, x, o->steps, o->steps - 1, 0, &boost,
                           &w->inner, error));
    return decode(m, x, &w->inner, error);
}

static pb_status make(pb_workshop *w, const pb_item *item, const char *path, pb_error *error)
{
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_status status = draw(w, item, &picture, error);

    if (status == PB_OK)
        status = pb_write_pictures(&picture, path, NULL, error);
    pb_tensor_clear(&picture);
    return status;
}

static pb_status read_picture(const pb_study_plan *p, const pb_item *item, const char *path,
                              void *photo, pb_error *error)
{
    const pb_crop whole = {.kind = PB_CROP_FIT, .fit = PB_FIT_STRETCH};

    (void)p;
    (void)item;
    return pb_photo_read(photo, path, &whole, 1, 1, error);
}

static void clear(void *photo)
{
    pb_photo_clear(photo);
}

const pb_craft pb_craft_picture = {make, read_picture, clear};
