#include "models/original/pixel.h"

#include <string.h>

#include "base/memory.h"
#include "models/original/beside.h"
#include "models/original/parts.h"
#include "models/original/pixel_parts.h"

/* -- which it is ----------------------------------------------------------------------------- */

typedef struct kind {
    const char *family, *first, *second; /* tensors that it has */
    pb_status (*take)(pb_pixel *p, pb_part *part, pb_pixel_noise *noise, pb_error *error);
} kind;

static const kind kinds[] = {
    {"DDPM", "conv_in.weight", "temb.dense.0.weight", pb_pixel_ddpm},
    {"guided-diffusion", "input_blocks.0.0.weight", "middle_block.1.qkv.weight", pb_pixel_adm},
};

/* What may stand before names, those that are read rather than others first: of what is averaged
 * and plain the averaged. DistributedDataParallel writes "module."; a list has its items' numbers,
 * and the code of DDIM saves [model, optimizer, epoch, step, averaged]. */
static const struct {
    const char *prefix, *note;
} places[] = {
    {"4.", "the averaged ones, item 4 of the file's list"},
    {"4.module.", "the averaged ones, item 4 of the file's list"},
    {"ema.", "the averaged ones (ema)"},
    {"ema.module.", "the averaged ones (ema)"},
    {"", NULL},
    {"module.", NULL},
    {"model.", NULL},
    {"model.module.", NULL},
    {"0.", "the plain ones, item 0 of the file's list, which has no averaged ones"},
    {"0.module.", "the plain ones, item 0 of the file's list, which has no averaged ones"},
    /* of latents, which is refused; it is no place of pixels */
    {"model.diffusion_model.", NULL},
    {"diffusion_model.", NULL},
};

#define PLACES (sizeof places / sizeof *places)

static bool is_at(const pb_original *o, const kind *k, const char *prefix)
{
    return pb_original_find(o, "%s%s", prefix, k->first) &&
           pb_original_find(o, "%s%s", prefix, k->second);
}

/* The first place where there is one; PLACES: nowhere. */
static size_t find_place(const pb_original *o, const kind **found)
{
    for (size_t i = 0; i < PLACES; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (is_at(o, &kinds[k], places[i].prefix)) {
                *found = &kinds[k];
                return i;
            }
    return PLACES;
}

bool pb_pixel_is(const pb_original *o)
{
    const kind *k;

    return find_place(o, &k) < PLACES;
}

/* Says which of several networks is read, and leaves the others. */
static pb_status leave_others(pb_original *o, const kind *k, size_t place, pb_error *error)
{
    const char *prefix = places[place].prefix;

    for (size_t i = 0; i < PLACES; i++) {
        const char *other = places[i].prefix;
        if (i == place || !*other || !is_at(o, k, other))
            continue;
        for (size_t j = 0; j < pb_weights_count(o->weights); j++) {
            const char *name = pb_weights_at(o->weights, j)->name;
            if (!strncmp(name, other, strlen(other)) &&
                (!*prefix || strncmp(name, prefix, strlen(prefix))))
                o->taken[j] = true;
        }
    }
    return places[place].note ? pb_original_note(o, error, "weights: %s", places[place].note)
                              : PB_OK;
}

/* An optimizer's state in a list of the code of DDIM. */
static void leave_optimizer(pb_original *o, const char *prefix)
{
    for (size_t j = 0; prefix[0] >= '0' && prefix[0] <= '9' && j < pb_weights_count(o->weights);
         j++)
        if (!strncmp(pb_weights_at(o->weights, j)->name, "1.", 2))
            o->taken[j] = true;
}

/* -- taking ---------------------------------------------------------------------------------- */

/* What is predicted: the option, or what the family and its settings say. */
static pb_status choose_prediction(pb_pixel_noise *noise, const char *option, pb_error *error)
{
    if (!option)
        return PB_OK;
    noise->prediction = pb_prediction_word(option);
    noise->prediction_from = "--prediction-type";
    return noise->prediction
               ? PB_OK
               : pb_fail(error, PB_INVALID,
                         "a prediction type \"%s\": expected epsilon, v_prediction or sample",
                         option);
}

static pb_status note_noise(pb_original *o, const pb_pixel_noise *noise, pb_error *error)
{
    if (noise->start > 0)
        PB_TRY(pb_original_note(o, error, "schedule: %s from %g to %g over %zu timesteps (%s)",
                                noise->betas, noise->start, noise->end, noise->steps, noise->from));
    else
        PB_TRY(pb_original_note(o, error, "schedule: %s over %zu timesteps (%s)", noise->betas,
                                noise->steps, noise->from));
    return pb_original_note(o, error, "prediction: %s (%s)", noise->prediction,
                            noise->prediction_from);
}

static pb_status take_schedule(pb_part *part, pb_original *o, pb_pixel_noise *noise,
                               const char *option, pb_error *error)
{
    PB_TRY(choose_prediction(noise, option, error));
    PB_TRY(pb_original_config(&part->config, o, PB_ROLE_SCHEDULER, error));
    if (part->config) {
        if (option)
            json_object_set_new(part->config, "prediction_type", json_string(noise->prediction));
        return PB_OK;
    }
    PB_TRY(note_noise(o, noise, error));
    return pb_pixel_scheduler(&part->config, noise, error);
}

static pb_status take(pb_pixel *p, pb_part *parts, const kind *k, const char *option,
                      pb_error *error)
{
    pb_pixel_noise noise = {.betas = "linear",
                            .start = 0.0001,
                            .end = 0.02,
                            .steps = 1000,
                            .prediction = "epsilon",
                            .from = p->family,
                            .prediction_from = p->family};
    pb_part *unet = &parts[PB_ROLE_UNET];

    unet->component = pb_component_find(PB_KIND_DENOISER, "UNet2DModel");
    PB_TRY(pb_original_config(&unet->config, p->o, PB_ROLE_UNET, error));
    PB_TRY(pb_beside_read(&p->settings, &p->beside, p->o->path, error));
    PB_TRY(k->take(p, unet, &noise, error));
    PB_TRY(take_schedule(&parts[PB_ROLE_SCHEDULER], p->o, &noise, option, error));
    return pb_original_check_rest(p->o, p->prefix, p->family, error);
}

pb_status pb_pixel_take(pb_part *parts, pb_original *o, const char *prediction, pb_error *error)
{
    const kind *k = NULL;
    const size_t place = find_place(o, &k);
    pb_pixel p = {.o = o, .family = k->family, .prefix = places[place].prefix};
    pb_status status;

    if (strstr(p.prefix, "diffusion_model."))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: a latent diffusion model without text (%s%s), which is not read",
                       o->path, p.prefix, k->second);
    PB_TRY(leave_others(o, k, place, error));
    leave_optimizer(o, p.prefix);
    status = take(&p, parts, k, prediction, error);
    json_decref(p.settings);
    pb_free(p.beside);
    return status;
}
