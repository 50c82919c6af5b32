/* The families of Stable Diffusion: what each is recognised by, and what its rules say of what
 * shapes do not. */
#ifndef PB_MODELS_ORIGINAL_RELEASE_H
#define PB_MODELS_ORIGINAL_RELEASE_H

#include <stdbool.h>
#include <stddef.h>

/* 2.x is trained to predict either, at 512 or 768 pixels; XL is its base, not its refiner. */
typedef enum pb_release { PB_SD1, PB_SD2, PB_SDXL } pb_release;

typedef struct pb_release_facts {
    const char *name;         /* "Stable Diffusion 1.x" */
    const char *architecture; /* what modelspec.architecture begins with */

    size_t context;   /* numbers that its U-Net takes of each token */
    bool linear;      /* projections around transformers: linear layers, else convolutions */
    size_t heads;     /* of each transformer; 0: as many as have 64 channels each */
    double scaling;   /* of latents; NaN: AutoencoderKL's own */
    size_t sample[2]; /* the size of latents, where epsilon is predicted and where v is */

    bool cuts_text;        /* the U-Net knows what enters the text encoder's last layer */
    const char *tokenizer; /* of the first text encoder, in tokenizers/ */

    const char *scheduler;  /* the class of its config */
    const char *prediction; /* where nothing says it; NULL: then nobody knows */
} pb_release_facts;

const pb_release_facts *pb_release_of(pb_release release);

#endif
