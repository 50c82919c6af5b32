#include "models/original/original.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/folder.h"
#include "base/memory.h"
#include "base/places.h"
#include "models/original/parts.h"
#include "models/original/pixel.h"
#include "models/original/yaml.h"

/* A tokenizer of the family: that of the folder of configs, else the one that comes with Pullback.
 */
static pb_status find_tokenizer(pb_part *part, pb_original *o, pb_role role, pb_release release,
                                pb_error *error)
{
    const char *name = role == PB_ROLE_TOKENIZER_2 ? "openclip" : pb_release_of(release)->tokenizer;
    char place[40];
    pb_error why;
    char *given = o->configs ? pb_sprintf("%s/%s", o->configs, pb_role_name(role)) : NULL;

    if (o->configs && !given)
        return pb_fail_memory(error, strlen(o->configs), "a path");
    part->component = pb_component_find(PB_KIND_TOKENIZER, "CLIPTokenizer");
    if (pb_is_folder(given)) {
        part->folder = given;
        return PB_OK;
    }
    pb_free(given);
    snprintf(place, sizeof place, "tokenizers/%s", name);
    if (pb_place_find(&part->folder, place, &why) != PB_OK)
        return pb_fail(error, why.status, "%s: the vocabulary of CLIP: %s", o->path, why.message);
    return pb_original_note(o, error, "%s: CLIP's, padded with %s (%s)", pb_role_name(role),
                            strcmp(name, "clip") ? "!" : "<|endoftext|>",
                            pb_release_of(release)->name);
}

/* Both text encoders that there are, each with its tokenizer. */
static pb_status take_texts(pb_part *parts, pb_original *o, pb_release release, pb_error *error)
{
    static const pb_role roles[][2] = {{PB_ROLE_TEXT_ENCODER, PB_ROLE_TOKENIZER},
                                       {PB_ROLE_TEXT_ENCODER_2, PB_ROLE_TOKENIZER_2}};

    for (size_t i = 0; i < 2; i++) {
        if (!pb_text_prefix(o, roles[i][0]))
            continue;
        PB_TRY(pb_original_text(&parts[roles[i][0]], o, roles[i][0], release, error));
        PB_TRY(find_tokenizer(&parts[roles[i][1]], o, roles[i][1], release, error));
    }
    return PB_OK;
}

/* The autoencoder, if there is one; the scaling of latents is the original config's or the
 * family's.
 */
static pb_status take_own_vae(pb_model_files *files, pb_original *o, pb_release release,
                              pb_error *error)
{
    const json_t *factor = json_object_get(o->yaml, "scale_factor");
    const pb_release_facts *facts = pb_release_of(release);
    const double scaling = factor ? json_number_value(factor) : facts->scaling;

    files->scaling = isnan(scaling) ? 0 : scaling;
    return pb_vae_prefix(o)
               ? pb_original_vae(&files->parts[PB_ROLE_VAE], o, scaling,
                                 factor ? "the .yaml beside the file" : facts->name, error)
               : PB_OK;
}

static pb_status take_parts(pb_model_files *files, pb_original *o, const char *prediction,
                            pb_error *error)
{
    pb_part *parts = files->parts;
    pb_release release;
    size_t sample = 0;

    PB_TRY(pb_original_refuse_kind(o, error));
    if (pb_pixel_is(o))
        return pb_pixel_take(parts, o, prediction, error);
    PB_TRY(pb_original_refuse(o, error));
    PB_TRY(pb_original_yaml(&o->yaml, o->path, error));
    PB_TRY(pb_original_unet(&parts[PB_ROLE_UNET], o, &release, error));
    PB_TRY(pb_original_schedule(&parts[PB_ROLE_SCHEDULER], o, release, prediction, &sample, error));
    if (sample && !json_object_get(parts[PB_ROLE_UNET].config, "sample_size"))
        json_object_set_new(parts[PB_ROLE_UNET].config, "sample_size",
                            json_integer((json_int_t)sample));
    PB_TRY(take_own_vae(files, o, release, error));
    PB_TRY(take_texts(parts, o, release, error));
    if (pb_original_has(o, "model_ema."))
        PB_TRY(pb_original_note(o, error,
                                "weights: the plain ones (averaged ones, model_ema.…, "
                                "lie beside them and are not read)"));
    return pb_original_check_rest(o, "", "Stable Diffusion", error);
}

pb_status pb_original_locate(pb_model_files *files, const pb_model_options *options,
                             pb_error *error)
{
    pb_original o;
    pb_status status;

    if (options->config && !pb_is_folder(options->config))
        return pb_fail(error, PB_IO, "%s: expected a folder with configs of diffusers",
                       options->config);
    status = pb_original_open(&o, files->folder, error);
    o.configs = options->config;
    if (status == PB_FORMAT && error && !pb_names_weights(files->folder)) {
        const pb_error found = *error;
        pb_fail(error, status,
                "%s (a model is a folder in the diffusers layout, or one file of tensors in the "
                "original layout)",
                found.message);
    }
    if (status == PB_OK)
        status = take_parts(files, &o, options->prediction_type, error);
    files->inferred = o.inferred;
    o.inferred = NULL;
    pb_original_close(&o);
    return status;
}

/* -- an autoencoder -------------------------------------------------------------------------- */

/* Is the network told sizes and a pooled embedding? */
static pb_status is_xl(bool *found, const pb_part *unet, pb_error *error)
{
    pb_config *config;
    const char *type;

    PB_TRY(pb_part_config(&config, unet, error));
    pb_config_nullable(config, "addition_embed_type");
    type = pb_config_string(config, "addition_embed_type", NULL);
    *found = type && !strcmp(type, "text_time");
    pb_config_free(config);
    return PB_OK;
}

/* The scaling of the model's latents: that of its autoencoder, or where it has none the file's or
 * the family's; NaN: AutoencoderKL's own. */
static pb_status find_scaling(double *scaling, const pb_model_files *files, pb_error *error)
{
    const pb_part *vae = &files->parts[PB_ROLE_VAE];
    pb_config *config;
    bool xl = false;

    if (pb_part_is_there(vae)) {
        PB_TRY(pb_part_config(&config, vae, error));
        *scaling = pb_config_number(config, "scaling_factor", NAN, 1e-6, 1e6);
        pb_config_free(config);
        return PB_OK;
    }
    if (files->scaling == 0)
        PB_TRY(is_xl(&xl, &files->parts[PB_ROLE_UNET], error));
    *scaling = xl ? pb_release_of(PB_SDXL)->scaling : files->scaling ? files->scaling : NAN;
    return PB_OK;
}

void pb_original_forget_vae(pb_model_files *files)
{
    static const char about[] = "autoencoder: ";
    char *line = files->inferred, *end;

    while (line && strncmp(line, about, strlen(about))) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        return;
    end = line + strcspn(line, "\n");
    if (*end)
        memmove(line, end + 1, strlen(end));
    else if (line > files->inferred)
        line[-1] = '\0';
    else {
        pb_free(files->inferred);
        files->inferred = NULL;
    }
}

/* Adds lines to those that there are, or none (NULL). */
static pb_status add_inferred(pb_model_files *files, const char *lines, pb_error *error)
{
    char *all;

    if (!lines)
        return PB_OK;
    all = files->inferred ? pb_sprintf("%s\n%s", files->inferred, lines) : pb_strdup(lines);
    if (!all)
        return pb_fail_memory(error, strlen(lines), "a note");
    pb_free(files->inferred);
    files->inferred = all;
    return PB_OK;
}

static pb_status take_vae(pb_part *part, pb_original *o, double scaling, pb_error *error)
{
    if (!pb_vae_prefix(o))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: no autoencoder: expected its tensors (encoder.conv_in.weight, with "
                       "first_stage_model. before it or not)",
                       o->path);
    PB_TRY(pb_original_vae(part, o, scaling, "the model", error));
    return pb_unet_prefix(o) ? PB_OK : pb_original_check_rest(o, "", "Stable Diffusion", error);
}

pb_status pb_original_locate_vae(pb_model_files *files, const char *path, pb_error *error)
{
    pb_part found = {0};
    pb_original o;
    pb_status status;
    double scaling;

    PB_TRY(find_scaling(&scaling, files, error));
    status = pb_original_open(&o, path, error);
    if (status == PB_OK)
        status = take_vae(&found, &o, scaling, error);
    if (status == PB_OK)
        status = add_inferred(files, o.inferred, error);
    pb_original_close(&o);
    if (status != PB_OK) {
        pb_part_clear(&found);
        return status;
    }
    pb_part_clear(&files->parts[PB_ROLE_VAE]);
    files->parts[PB_ROLE_VAE] = found;
    return PB_OK;
}
