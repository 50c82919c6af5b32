#include "studio/drawing.h"

#include <pullback/version.h>

#include "io/json.h"
#include "studio/loras.h"
#include "studio/strip.h"

/* How many images there are to draw unless it is said: fewer of large ones. */
#define MANY 16
#define LARGE 256 /* pixels to a side */

const char *pb_drawing_spacing_name(int spacing)
{
    static const char *const names[] = {"paper", "leading", "trailing", "linspace"};

    return spacing >= PB_SPACING_PAPER && spacing <= PB_SPACING_LINSPACE
               ? names[spacing - PB_SPACING_PAPER]
               : NULL;
}

/* -- noise ----------------------------------------------------------------------------------- */

static pb_status choose_count(size_t *count, const pb_studio *s, size_t height, size_t width,
                              pb_error *error)
{
    size_t factor = 1, channels, side = height > width ? height : width;

    if (s->info->has_autoencoder)
        PB_TRY(pb_session_pixels(s->session, &factor, &channels, error));
    else if (s->info->latent)
        factor = 8; /* as nearly all autoencoders have it */
    *count = factor * side < LARGE ? MANY : 1;
    return PB_OK;
}

pb_status pb_draw_noise(const pb_drawing *d, const pb_studio *s, pb_tensor *x, pb_error *error)
{
    size_t height, width, count = d->count;

    PB_TRY(pb_session_size(s->session, d->pixel_height, d->pixel_width, &height, &width, error));
    if (!count)
        PB_TRY(choose_count(&count, s, height, width, error));
    return pb_session_noise(s->session, count, height, width, d->seed, x, error);
}

/* -- images ---------------------------------------------------------------------------------- */

/* The grid point from which steps are stochastic, and clip; below 0 where none are. */
static long boosted(const pb_drawing *d, const pb_studio *s)
{
    return d->boost > 0 ? (long)pb_grid_nearest(pb_schedule_length(s->schedule), d->steps, d->boost)
                        : -1;
}

int pb_drawing_reverses(const pb_drawing *d, const pb_studio *s, size_t from)
{
    return d->spacing == PB_SPACING_PAPER && (long)from > boosted(d, s);
}

pb_status pb_draw_images(const pb_drawing *d, const pb_studio *s, const pb_prompts *prompts,
                         size_t from, pb_tensor *x, const pb_run *run, pb_error *error)
{
    const pb_boost boost = {.t = d->boost, .seed = d->noise_seed, .own = 1};

    if (d->spacing != PB_SPACING_PAPER)
        return pb_session_sample(s->session, prompts, x, (pb_spacing)d->spacing, d->steps, run,
                                 error);
    return pb_session_move(s->session, prompts, "sampling", x, d->steps, from, 0, &boost, run,
                           error);
}

json_t *pb_drawing_json(const pb_drawing *d, const pb_studio *s, const pb_prompts *prompts,
                        size_t images)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:i, s:s, s:f, s:I}", "pullback", pb_version(),
                               "model", s->info->path, "images", (int)images, "steps",
                               (int)d->steps, "spacing", pb_drawing_spacing_name(d->spacing),
                               "boost", d->boost, "noise_seed", (json_int_t)d->noise_seed);

    pb_loras_describe(s->model, object);
    if (d->x)
        json_object_set_new(object, "x", pb_json_name(d->x));
    else
        json_object_set_new(object, "seed", json_integer((json_int_t)d->seed));
    if (prompts->class_label >= 0)
        json_object_set_new(object, "class", json_integer(prompts->class_label));
    pb_prompts_describe(prompts, object);
    return object;
}
