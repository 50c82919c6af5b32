/* Names of tensors in the original layout, and what diffusers and transformers call the same. */
#ifndef PB_MODELS_ORIGINAL_NAMES_H
#define PB_MODELS_ORIGINAL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define PB_NAME 256

/* The beginning of a name, up to a dot or the end, and what stands in its place. */
typedef struct pb_renamed {
    const char *from, *to;
} pb_renamed;

/* to = before + the name with its beginning replaced by the table (from NULL ends it). False: the
 * table has none that fits, or it is too long. */
bool pb_rename(char to[PB_NAME], const pb_renamed *table, const char *before, const char *name);

/* The whole number that a name begins with, and the dot behind it: *name is moved on. False: there
 * is none. */
bool pb_name_number(const char **name, size_t *number);

/* What is left of a name behind a part of it and a dot; NULL: it begins otherwise, or ends there.
 */
const char *pb_name_within(const char *name, const char *part);

/* A name of a network, behind its prefix, as diffusers or transformers has it. False: it is none of
 * the network's. What names alone do not say: */
typedef struct pb_naming {
    size_t layers;  /* residual blocks of each level on the way down */
    size_t levels;  /* of an autoencoder, or of a network that sees pixels */
    bool projected; /* is a text encoder's text_projection part of it? */
    size_t heads;   /* of attention whose q, k and v are one tensor: so many of them, */
    size_t width;   /* or 0, and each has so many channels */
    bool in_turn; /* … all of q, then all of k and v? else so of each head, one behind the other */
} pb_naming;
typedef bool pb_translation(char to[PB_NAME], const char *name, const pb_naming *naming);

/* The U-Net of CompVis' latent diffusion and Stable Diffusion (openaimodel.py). */
pb_translation pb_unet_name;

/* AutoencoderKL of the same. */
pb_translation pb_vae_name;

/* CLIPTextModel of transformers, whose tensors may be without "text_model.". */
pb_translation pb_clip_name;

/* The text encoder of OpenCLIP, but for what has two names (in_proj_weight) or lies
 * otherwise (text_projection): text.c. */
pb_translation pb_open_clip_name;

/* The network of Ho et al. 2020, as CompVis, SDEdit and the code of DDIM have it. */
pb_translation pb_ddpm_name;

/* That of Dhariwal & Nichol 2021: attention.qkv, which is three there, keeps its name. */
pb_translation pb_adm_name;

/* Any name, as it is. */
pb_translation pb_same_name;

#endif
