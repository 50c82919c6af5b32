/* Files that look like a model, and that are another one, or something else. */
#include <string.h>

#include "io/json.h"
#include "models/original/parts.h"

/* By tensors that only they have: a beginning of names. */
static pb_status refuse_kind(const pb_original *o, pb_error *error)
{
    static const char lora[] = "which is no model: --lora adds it to one";
    static const struct {
        const char *beginning, *what, *why; /* NULL: which is not read */
    } kinds[] = {
        {"model.diffusion_model.joint_blocks.", "Stable Diffusion 3", NULL},
        {"joint_blocks.", "Stable Diffusion 3", NULL},
        {"model.diffusion_model.double_blocks.", "Flux", NULL},
        {"double_blocks.", "Flux", NULL},
        {"conditioner.embedders.0.model.", "the refiner of Stable Diffusion XL", NULL},
        {"model.diffusion_model.input_blocks.1.0.time_stack.", "Stable Video Diffusion", NULL},
        {"control_model.", "a ControlNet", NULL},
        {"input_hint_block.", "a ControlNet", NULL},
        {"lora_unet_", "a LoRA", lora},
        {"lora_te_", "a LoRA", lora},
        {"lora_te1_", "a LoRA", lora},
        {"unet.down_blocks.", "a LoRA or a U-Net in the names of diffusers", lora},
        {"down_blocks.0.", "a U-Net in the names of diffusers",
         "which is read with the config.json beside it: give its folder"},
        {"emb_params", "a textual inversion", NULL},
        {"string_to_param", "a textual inversion", NULL},
        {"clip_g", "an embedding of Stable Diffusion XL", NULL},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (pb_original_has(o, kinds[i].beginning))
            return pb_fail(error, PB_UNSUPPORTED, "%s: this is %s (%s…), %s", o->path,
                           kinds[i].what, kinds[i].beginning,
                           kinds[i].why ? kinds[i].why : "which is not read");
    return PB_OK;
}

/* U-Nets of the same names that take something else besides, by the channels they take. */
static pb_status refuse_channels(const pb_original *o, const char *prefix, pb_error *error)
{
    static const struct {
        size_t channels;
        const char *what;
    } known[] = {
        {9, "for inpainting"},
        {8, "of InstructPix2Pix, or of pictures that it is given"},
        {7, "for larger pictures (upscaler)"},
        {5, "of depth"},
    };
    const pb_stored *first = pb_original_find(o, "%sinput_blocks.0.0.weight", prefix);
    const size_t found = first->rank > 1 ? first->shape[1] : 0;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].channels == found)
            return pb_fail(error, PB_UNSUPPORTED,
                           "%s: a U-Net of %zu channels (%s) is not supported: expected 4", o->path,
                           found, known[i].what);
    return PB_OK;
}

/* Embeddings of something else beside the timestep than those of Stable Diffusion XL. */
static pb_status refuse_labels(const pb_original *o, const char *prefix, pb_error *error)
{
    const pb_stored *label = pb_original_find(o, "%slabel_emb.0.0.weight", prefix);
    const size_t width = label && label->rank > 1 ? label->shape[1] : 0;

    if (width && width != 2816 && !o->configs)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: a U-Net with an embedding of %zu numbers more (label_emb: %s) is not "
                       "read as a single file",
                       o->path, width,
                       width == 2560 ? "the refiner of Stable Diffusion XL"
                                     : "of a picture, say unCLIP");
    if (pb_original_find(o, "%slabel_emb.weight", prefix))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: a U-Net with classes (label_emb) is not read as a single file",
                       o->path);
    return PB_OK;
}

/* What ModelSpec says it is, where it says it. */
static pb_status refuse_words(const pb_original *o, pb_error *error)
{
    const char *named = pb_weights_metadata(o->weights, "modelspec.architecture");

    if (named && strchr(named, '/'))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: modelspec.architecture: expected a model, found \"%s\"", o->path,
                       named);
    return PB_OK;
}

pb_status pb_original_refuse_kind(const pb_original *o, pb_error *error)
{
    PB_TRY(refuse_words(o, error));
    return refuse_kind(o, error);
}

pb_status pb_original_refuse(const pb_original *o, pb_error *error)
{
    const char *prefix = pb_unet_prefix(o);
    size_t count;

    if (prefix) {
        PB_TRY(refuse_channels(o, prefix, error));
        return refuse_labels(o, prefix, error);
    }
    if (pb_original_has(o, "model_ema."))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: averaged weights only (model_ema.…): expected the plain ones beside "
                       "them",
                       o->path);
    if (pb_vae_prefix(o))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: an autoencoder alone, which is no model: --vae gives it to one",
                       o->path);
    if (pb_text_prefix(o, PB_ROLE_TEXT_ENCODER) || pb_text_prefix(o, PB_ROLE_TEXT_ENCODER_2))
        return pb_fail(error, PB_UNSUPPORTED, "%s: a text encoder alone, which is no model",
                       o->path);
    count = pb_weights_count(o->weights);
    return pb_fail(error, PB_UNSUPPORTED,
                   "%s: no model: expected the tensors of Stable Diffusion 1.x, 2.x or XL "
                   "(model.diffusion_model.input_blocks.…), of DDPM (temb.dense.…) or of "
                   "guided-diffusion (middle_block.1.qkv.…), found none of them among %zu%s%s",
                   o->path, count, count ? ", the first being " : "",
                   count ? pb_quote(pb_weights_at(o->weights, 0)->name).text : "");
}
