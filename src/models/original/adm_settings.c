#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain.h"
#include "io/json.h"
#include "models/original/adm.h"

#define MOST_HEADS 65536

static bool is_whole(double number)
{
    return fabs(number) < 1e15 && number == floor(number);
}

/* "16,8" as [16, 8]; "" as nothing said. What is no such word stays what it is, and is refused
 * where it is read. */
static json_t *split(const char *word)
{
    json_t *list = json_array();
    char *end;

    for (; list && *word; word = *end ? end + 1 : end) {
        const double number = pb_plain_number(word, &end);
        if (end == word || (*end && *end != ',') ||
            json_array_append_new(list, is_whole(number) ? json_integer((json_int_t)number)
                                                         : json_real(number))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void split_words(json_t *settings)
{
    static const char *const keys[] = {"attention_resolutions", "channel_mult"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *word = json_string_value(json_object_get(settings, keys[i]));
        json_t *list = word ? split(word) : NULL;
        if (list && json_array_size(list))
            json_object_set(settings, keys[i], list);
        else if (list)
            json_object_del(settings, keys[i]);
        json_decref(list);
    }
}

pb_status pb_adm_settings(pb_config **c, const pb_pixel *p, pb_error *error)
{
    *c = NULL;
    if (!p->settings)
        return pb_config_empty(c, p->o->path, error);
    split_words(p->settings);
    return pb_config_of(c, p->beside, p->settings, error);
}

/* The code of guided-diffusion goes by the width of heads where there is one, and by their number
 * where that is -1. */
void pb_adm_read_heads(pb_adm_heads *h, pb_config *c)
{
    const long width = pb_config_integer(c, "num_head_channels", -1, -1, MOST_HEADS);
    const long count = pb_config_integer(c, "num_heads", -1, -1, MOST_HEADS);
    const long above = pb_config_integer(c, "num_heads_upsample", -1, -1, MOST_HEADS);

    h->in_turn = pb_config_boolean(c, "use_new_attention_order", false);
    if (width > 0)
        h->width = (size_t)width;
    else if (count > 0)
        h->count = (size_t)count;
    if (width <= 0 && above > 0 && above != count)
        pb_config_fail(c, PB_UNSUPPORTED, "num_heads_upsample",
                       "expected as many heads on the way up as on the way down");
    snprintf(h->from, sizeof h->from, "%s of %.200s", h->width ? "num_head_channels" : "num_heads",
             pb_config_path(c));
}

/* get_named_beta_schedule of that code: betas of 1000 timesteps are made longer or shorter. */
void pb_adm_read_noise(pb_pixel_noise *noise, pb_config *c, const pb_pixel *p)
{
    const char *betas = pb_config_string(c, "noise_schedule", "linear");

    noise->steps = (size_t)pb_config_integer(c, "diffusion_steps", 1000, 1, 1000000);
    if (!strcmp(betas, "cosine")) {
        noise->betas = "squaredcos_cap_v2";
        noise->start = noise->end = 0;
    } else if (!strcmp(betas, "linear")) {
        noise->start *= 1000 / (double)noise->steps;
        noise->end *= 1000 / (double)noise->steps;
    } else
        pb_config_fail(c, PB_UNSUPPORTED, "noise_schedule", "expected linear or cosine, found %s",
                       pb_quote(betas).text);
    if (pb_config_has(c, "noise_schedule") || pb_config_has(c, "diffusion_steps"))
        noise->from = p->beside;
    if (pb_config_has(c, "predict_xstart")) {
        noise->prediction = pb_config_boolean(c, "predict_xstart", false) ? "sample" : "epsilon";
        noise->prediction_from = p->beside;
    }
    if (noise->steps != 1000 && !pb_config_has(c, "rescale_timesteps"))
        pb_config_fail(c, PB_INVALID, "rescale_timesteps",
                       "the network may be given timesteps of the %zu as they are (false) or as "
                       "of 1000 (true, the default of improved-diffusion), and nothing says which",
                       noise->steps);
    if (pb_config_boolean(c, "rescale_timesteps", false))
        noise->timestep_scale = 1000 / (double)noise->steps;
}

/* -- the rest -------------------------------------------------------------------------------- */

/* Flags of other networks of the same names. */
static void refuse_kinds(pb_config *c)
{
    static const struct {
        const char *key, *what;
    } others[] = {
        {"training_mode", "a consistency model or one of EDM"},
        {"weight_schedule", "a consistency model or one of EDM"},
        {"sigma_min", "a consistency model or one of EDM"},
        {"sigma_max", "a consistency model or one of EDM"},
        {"small_size", "an upsampler"},
        {"large_size", "an upsampler"},
        {"text_ctx", "GLIDE"},
        {"classifier_width", "a classifier"},
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (pb_config_has(c, others[i].key))
            pb_config_fail(c, PB_UNSUPPORTED, others[i].key,
                           "this is a setting of %s, which is "
                           "not read",
                           others[i].what);
}

/* "", and as many as there are, "1000" or 1000, are the whole schedule. */
static void refuse_respaced(pb_config *c, const pb_pixel *p, size_t steps)
{
    static const char key[] = "timestep_respacing";
    const json_t *said = json_object_get(p->settings, key);
    const char *word = json_string_value(said);
    char *end = NULL;
    const double number = word ? pb_plain_number(word, &end) : json_number_value(said);

    pb_config_ignore(c, key);
    if (said && !json_is_null(said) && !(word && !*word) &&
        ((end && *end) || number != (double)steps))
        pb_config_fail(c, PB_UNSUPPORTED, key,
                       "a respaced schedule (%s) is not supported: the noise of the whole one is "
                       "read, and commands have --steps",
                       pb_json_found(said).text);
}

void pb_adm_read_rest(const pb_pixel *p, pb_config *c, size_t steps)
{
    static const char *const ignored[] = {"dropout",
                                          "use_fp16",
                                          "use_checkpoint",
                                          "use_kl",
                                          "rescale_learned_sigmas",
                                          "sigma_small",
                                          "clip_denoised",
                                          "use_ddim",
                                          "num_samples",
                                          "batch_size",
                                          "microbatch",
                                          "model_path",
                                          "data_dir",
                                          "schedule_sampler",
                                          "lr",
                                          "weight_decay",
                                          "lr_anneal_steps",
                                          "ema_rate",
                                          "log_interval",
                                          "save_interval",
                                          "resume_checkpoint",
                                          "fp16_scale_growth",
                                          "p2_gamma",
                                          "p2_k",
                                          "rescale_timesteps",
                                          "image_size",
                                          "attention_resolutions",
                                          NULL};

    refuse_kinds(c);
    refuse_respaced(c, p, steps);
    pb_pixel_agree(c, "num_channels", p->sinusoids);
    pb_pixel_agree(c, "num_res_blocks", p->layers);
    pb_pixel_agree_channels(c, "channel_mult", p);
    pb_pixel_agree(c, "in_channels", p->in);
    pb_pixel_agree_whether(c, "class_cond", p->classes > 0);
    pb_pixel_agree_whether(c, "learn_sigma", p->out != p->in);
    pb_pixel_agree_whether(c, "use_scale_shift_norm", p->scale_shift);
    if (p->levels > 1)
        pb_pixel_agree_whether(c, "resblock_updown", p->down_by_resnet);
    else
        pb_config_ignore(c, "resblock_updown");
    pb_pixel_agree_whether(c, "conv_resample", true);
    for (size_t i = 0; ignored[i]; i++)
        pb_config_ignore(c, ignored[i]);
}
