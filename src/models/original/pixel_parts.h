/* What the two families of networks that see pixels have in common while they are read. */
#ifndef PB_MODELS_ORIGINAL_PIXEL_PARTS_H
#define PB_MODELS_ORIGINAL_PIXEL_PARTS_H

#include "io/config.h"
#include "models/original/take.h"

#define PB_PIXEL_LEVELS 16

/* A network, of which more is known step by step. */
typedef struct pb_pixel {
    pb_original *o;
    const char *family; /* for messages */
    const char *prefix; /* of its names */
    char *beside;       /* the file of settings beside it, or NULL */
    json_t *settings;   /* what it says */

    /* What shapes say (pb_pixel_shapes). */
    size_t in, out, sinusoids, classes, levels, layers;
    struct pb_pixel_level {
        size_t channels;
        bool down, up; /* has it attention there? */
    } level[PB_PIXEL_LEVELS];
    bool middle; /* has that attention? */
    bool scale_shift, down_by_resnet, up_by_resnet;

    size_t size; /* pixels of a side; 0: not known yet */
} pb_pixel;

/* Reads them off the weights that were taken. Errors: PB_FORMAT (more levels than a network has).
 */
pb_status pb_pixel_shapes(pb_pixel *p, const pb_weights *weights, pb_error *error);

/* A setting that is there must say what the tensors have; an error is the config's. */
void pb_pixel_agree(pb_config *c, const char *key, size_t found);
void pb_pixel_agree_whether(pb_config *c, const char *key, bool found);
void pb_pixel_agree_channels(pb_config *c, const char *key, const pb_pixel *p);

/* The size of pictures by settings: image_size, or the resolutions that have attention (key; 0 or
 * absent: none said), which must be those of the tensors. Leaves p->size 0 where they say nothing.
 * Errors: PB_MEMORY; others are the config's. */
pb_status pb_pixel_size(pb_pixel *p, pb_config *c, const char *key, pb_error *error);

/* What differs between the families in the config of UNet2DModel, and what no shape says. */
typedef struct pb_pixel_rules {
    bool cosine_first;
    int freq_shift, padding; /* padding: of convolutions that halve */
    double eps;
    json_t *heads; /* attention_head_dim, taken over; null: one head */
} pb_pixel_rules;

/* Errors: PB_MEMORY. */
pb_status pb_pixel_config(json_t **config, const pb_pixel *p, const pb_pixel_rules *rules,
                          pb_error *error);

/* The scheduler's config. betas: "linear" …; start, end: of those that have them, or 0. Errors:
 * PB_MEMORY. */
typedef struct pb_pixel_noise {
    const char *betas;
    double start, end;
    size_t steps;
    const char *prediction;
    const char *from, *prediction_from; /* what says so */
} pb_pixel_noise;

pb_status pb_pixel_scheduler(json_t **config, const pb_pixel_noise *noise, pb_error *error);

/* Each family: takes the network (part), and says what its noise is, for which *noise has
 * defaults. Errors: those of pb_pixel_take. */
pb_status pb_pixel_ddpm(pb_pixel *p, pb_part *part, pb_pixel_noise *noise, pb_error *error);
pb_status pb_pixel_adm(pb_pixel *p, pb_part *part, pb_pixel_noise *noise, pb_error *error);

#endif
