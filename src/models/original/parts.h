/* The parts of a model in a file in the original layout: each takes its tensors and says what its
 * config.json would: read off the tensors' shapes, and by the rules of the family where shapes do
 * not say it. A config in the folder of configs (pb_original.configs) stands in its place. */
#ifndef PB_MODELS_ORIGINAL_PARTS_H
#define PB_MODELS_ORIGINAL_PARTS_H

#include "models/original/release.h"
#include "models/original/take.h"

/* Where a part begins: what stands before its names; NULL: it is not there. "" where it is alone.
 */
const char *pb_unet_prefix(const pb_original *o);
const char *pb_vae_prefix(const pb_original *o);
const char *pb_text_prefix(const pb_original *o, pb_role role);

/* Refuses by its name what is another kind of file (refuse_kind), or a network that is not read, or
 * no model (refuse). Errors: PB_UNSUPPORTED. */
pb_status pb_original_refuse_kind(const pb_original *o, pb_error *error);
pb_status pb_original_refuse(const pb_original *o, pb_error *error);

/* Errors, of all: PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY; those of pb_original_config. */
pb_status pb_original_unet(pb_part *part, pb_original *o, pb_release *release, pb_error *error);

/* scaling: of its latents, where no config says another, and whence; NaN: AutoencoderKL's own. Its
 * tensors may have the names of diffusers too. */
pb_status pb_original_vae(pb_part *part, pb_original *o, double scaling, const char *from,
                          pb_error *error);

/* A text encoder, the first or second (role); of 2.x without its last layer, since the model was
 * trained on what enters that. */
pb_status pb_original_text(pb_part *part, pb_original *o, pb_role role, pb_release release,
                           pb_error *error);

/* The word of a scheduler's config for what is predicted ("epsilon"), by it or by another
 * vocabulary's ("eps"); NULL: there is none. */
const char *pb_prediction_word(const char *word);

/* The scheduler's config, and what the network predicts: prediction is the option's word or NULL.
 * *sample gets the size of its latents, which may follow from that.
 * Errors: PB_INVALID (nothing says what is predicted, the sources disagree). */
pb_status pb_original_schedule(pb_part *part, pb_original *o, pb_release release,
                               const char *prediction, size_t *sample, pb_error *error);

#endif
