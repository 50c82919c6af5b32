/* The network of Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models" (2020, appendix B),
 * in the names of CompVis' translation of it to PyTorch, which SDEdit and the code of DDIM (Song et
 * al. 2021) have too. What their files do not say is as diffusers' conversion of them has it: one
 * head, sines first with frequencies down to 1/10000, 32 groups, eps 1e-6, one row and column of
 * padding at the end where it halves. */
#include <string.h>

#include "base/memory.h"
#include "models/original/pixel_parts.h"

/* Attention is where pictures have so many pixels a side, in all that were published. */
#define ATTENTION 16

/* -- what else it might be --------------------------------------------------------------------- */

static pb_status refuse(const pb_pixel *p, size_t levels, pb_error *error)
{
    const pb_original *o = p->o;

    for (size_t i = 0; i < pb_weights_count(o->weights); i++) {
        const char *name = pb_weights_at(o->weights, i)->name;
        if (!o->taken[i] && strstr(name, ".conv_shortcut."))
            return pb_fail(error, PB_UNSUPPORTED,
                           "%s: tensor %s: a network with shortcuts of 3 x 3 (use_conv_shortcut) "
                           "is not supported",
                           o->path, name);
    }
    if (levels > 1 && !pb_original_find(o, "%sdown.0.downsample.conv.weight", p->prefix))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: a network that halves by averages (resamp_with_conv: false) is not "
                       "supported: expected %sdown.0.downsample.conv.weight",
                       o->path, p->prefix);
    return PB_OK;
}

static size_t count_levels(const pb_pixel *p)
{
    size_t n = 0;

    while (pb_original_find(p->o, "%sdown.%zu.block.0.norm1.weight", p->prefix, n))
        n++;
    return n;
}

/* -- its settings ------------------------------------------------------------------------------ */

/* A part of the settings, of the code of DDIM and SDEdit: data, model, diffusion. */
static pb_status open_section(pb_config **c, const pb_pixel *p, const char *key, pb_error *error)
{
    json_t *section = json_object_get(p->settings, key), *none = NULL;
    char *name = pb_sprintf("%s: %s", p->beside ? p->beside : "", key);
    pb_status status;

    *c = NULL;
    if (section && !json_is_object(section))
        status = pb_fail(error, PB_FORMAT, "%s: expected keys with values", name ? name : key);
    else if (!name || (!section && !(section = none = json_object())))
        status = pb_fail_memory(error, 1, "settings");
    else
        status = pb_config_of(c, name, section, error);
    pb_free(name);
    json_decref(none); /* which the config holds as long as it needs it */
    return status;
}

static void ignore(pb_config *c, const char *const *keys)
{
    for (; *keys; keys++)
        pb_config_ignore(c, *keys);
}

/* Pixels are from -1 to 1, and nothing else. */
static void read_data(pb_config *c)
{
    static const char *const ignored[] = {"dataset",     "category",
                                          "channels",    "uniform_dequantization",
                                          "random_flip", "gaussian_dequantization",
                                          "num_workers", "total_num",
                                          "subset",      "num_classes",
                                          "image_size",  NULL};

    if (pb_config_boolean(c, "logit_transform", false))
        pb_config_fail(c, PB_UNSUPPORTED, "logit_transform", "true is not supported");
    if (!pb_config_boolean(c, "rescaled", true))
        pb_config_fail(c, PB_UNSUPPORTED, "rescaled",
                       "false is not supported: expected pixels from -1 to 1");
    ignore(c, ignored);
}

static void read_model(const pb_pixel *p, pb_config *c)
{
    static const char *const ignored[] = {"type", "dropout",          "var_type", "ema_rate",
                                          "ema",  "attn_resolutions", NULL};

    pb_pixel_agree(c, "in_channels", p->in);
    pb_pixel_agree(c, "out_ch", p->out);
    pb_pixel_agree(c, "ch", p->sinusoids);
    pb_pixel_agree_channels(c, "ch_mult", p);
    pb_pixel_agree(c, "num_res_blocks", p->layers);
    pb_pixel_agree_whether(c, "resamp_with_conv", true);
    ignore(c, ignored);
}

static void read_diffusion(pb_config *c, const char *path, pb_pixel_noise *noise)
{
    const char *betas = pb_config_string(c, "beta_schedule", "linear");

    if (!strcmp(betas, "quad"))
        noise->betas = "scaled_linear";
    else if (strcmp(betas, "linear"))
        pb_config_fail(c, PB_UNSUPPORTED, "beta_schedule", "expected linear or quad, found \"%s\"",
                       betas);
    if (pb_config_has(c, "beta_schedule") || pb_config_has(c, "num_diffusion_timesteps"))
        noise->from = path;
    noise->start = pb_config_number(c, "beta_start", noise->start, 1e-12, 1);
    noise->end = pb_config_number(c, "beta_end", noise->end, 1e-12, 1);
    noise->steps =
        (size_t)pb_config_integer(c, "num_diffusion_timesteps", (long)noise->steps, 1, 1000000);
}

/* The size stands in another part than the resolutions that have attention. */
static pb_status read_size(pb_pixel *p, pb_error *error)
{
    json_t *both = json_object();
    const json_t *size = json_object_get(json_object_get(p->settings, "data"), "image_size"),
                 *attention =
                     json_object_get(json_object_get(p->settings, "model"), "attn_resolutions");
    pb_status status = PB_OK, closed;
    pb_config *c = NULL;

    if (!both || (size && json_object_set(both, "image_size", (json_t *)size)) ||
        (attention && json_object_set(both, "attn_resolutions", (json_t *)attention)))
        status = pb_fail_memory(error, 1, "settings");
    if (status == PB_OK)
        status = pb_config_of(&c, p->beside, both, error);
    if (status == PB_OK) {
        status = pb_pixel_size(p, c, "attn_resolutions", error);
        closed = pb_config_close(c, status == PB_OK ? error : NULL);
        status = status == PB_OK ? closed : status;
    }
    json_decref(both);
    return status;
}

static pb_status read_settings(pb_pixel *p, pb_pixel_noise *noise, pb_error *error)
{
    pb_config *c;

    PB_TRY(open_section(&c, p, "data", error));
    read_data(c);
    PB_TRY(pb_config_close(c, error));
    PB_TRY(open_section(&c, p, "model", error));
    read_model(p, c);
    PB_TRY(pb_config_close(c, error));
    PB_TRY(open_section(&c, p, "diffusion", error));
    read_diffusion(c, p->beside, noise);
    PB_TRY(pb_config_close(c, error));
    return read_size(p, error);
}

/* -- what it is -------------------------------------------------------------------------------- */

/* By the one level that has attention. */
static pb_status infer_size(pb_pixel *p, pb_error *error)
{
    size_t level = 0, levels = 0;

    for (size_t i = 0; i < p->levels; i++)
        if (p->level[i].down) {
            level = i;
            levels++;
        }
    if (levels != 1)
        return pb_fail(error, PB_INVALID,
                       "%s: attention on %zu levels: with one, the size of its pictures would be "
                       "that with which it is at 16 pixels: a line \"data: {image_size: 256}\" in "
                       "a file .yaml of its name beside it says the size",
                       p->o->path, levels);
    p->size = (size_t)ATTENTION << level;
    return pb_original_note(p->o, error, "size: %zu pixels (attention on level %zu: at 16 pixels)",
                            p->size, level);
}

static pb_status note_rules(const pb_pixel *p, pb_error *error)
{
    PB_TRY(pb_original_note(p->o, error, "heads: one (DDPM)"));
    return pb_original_note(p->o, error,
                            "norms: 32 groups, eps 1e-6; padding at the end where it halves; "
                            "sines first (DDPM)");
}

pb_status pb_pixel_ddpm(pb_pixel *p, pb_part *part, pb_pixel_noise *noise, pb_error *error)
{
    const pb_pixel_rules rules = {.freq_shift = 1, .eps = 1e-6, .heads = json_null()};
    const pb_naming naming = {.levels = count_levels(p)};

    PB_TRY(refuse(p, naming.levels, error));
    PB_TRY(pb_original_take(part, p->o, p->prefix, pb_ddpm_name, NULL, &naming, error));
    PB_TRY(pb_pixel_shapes(p, part->selected, error));
    PB_TRY(pb_original_note(p->o, error, "family: DDPM, of Ho et al. 2020 (temb.dense.0)"));
    if (p->settings)
        PB_TRY(read_settings(p, noise, error));
    if (part->config)
        return PB_OK;
    if (!p->size)
        PB_TRY(infer_size(p, error));
    PB_TRY(note_rules(p, error));
    return pb_pixel_config(&part->config, p, &rules, error);
}
