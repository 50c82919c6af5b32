/* What is studied, and how: the settings of a study, which settings.json keeps. Messages name them
 * as it does. */
#ifndef PB_STUDY_SETTINGS_SETTINGS_H
#define PB_STUDY_SETTINGS_SETTINGS_H

#include <jansson.h>

#include <pullback/pullback.h>

#include "picture/photo.h"

typedef enum pb_study_kind {
    PB_STUDY_TIMESTEPS, /* how one sample's basis changes with t */
    PB_STUDY_SAMPLES,   /* how far samples are apart at each t */
    PB_STUDY_MODELS,    /* both, for several models */
    PB_STUDY_PROMPTS    /* how the prompt moves a sample's tangent space */
} pb_study_kind;

typedef enum pb_study_fix {
    PB_FIX_NOTHING,
    PB_FIX_X, /* x = x_T for all; the network's t varies */
    PB_FIX_T  /* t = T for the network; x_t varies along the trajectory */
} pb_study_fix;

typedef struct pb_study_options {
    pb_study_kind kind;
    size_t model_count, image_count;
    char **models, **images; /* no images: samples are drawn */
    size_t samples;
    uint64_t seed;    /* of the first one; the others follow */
    double boost;     /* their pictures take stochastic steps from this fraction of T on */
    size_t timesteps; /* P: t = 1/P … 1 */
    size_t steps;     /* of the time grid */
    size_t rank;
    double tolerance;
    char *from, *to;
    pb_study_fix fix;
    int in_x; /* distances in X instead of H */
    int direct;
    char *schedule; /* of a model without one, as pb_model_options has it; or NULL */
    char *vae, *prediction_type, *config; /* likewise, of all the models */
    char **loras;                         /* of all the models too, "FILE" or "FILE:WEIGHT" */
    size_t lora_count;
    int latents;  /* images in .npy are latents, not pictures */
    pb_crop crop; /* PB_CROP_FACE: of models of faces; PB_CROP_FIT of the others */
    int class_label;
    const char *prompt, *edit_prompt; /* of trajectories and of bases; NULL: empty, the same */
    const char *negative_prompt;      /* of trajectories; NULL: empty, or none (pb_prompts) */
    pb_sizes sizes;                   /* that a model as Stable Diffusion XL is told */
    double guidance_scale;            /* of trajectories, and of guided maps; 1: none */
    int guided;                       /* maps with classifier-free guidance, to eps or x0 */
    char **prompts;                   /* of a study of prompts: of its bases */
    size_t prompt_count;
    char *costs;
    char *catalogue; /* NULL: FOLDER/catalogue.sqlite */
    char *folder;    /* absolute, of pb_study_run */
    int force;       /* replace another study in the folder; no setting */
    json_t *file;    /* of settings that were read: what all strings and lists belong to, or NULL */
    char *text;      /* of a file of prompts: likewise what they belong to, or NULL */
} pb_study_options;

#define PB_STUDY_DEFAULTS                                                                          \
    ((pb_study_options){.samples = 10,                                                             \
                        .boost = 1,                                                                \
                        .timesteps = 20,                                                           \
                        .steps = 100,                                                              \
                        .rank = 50,                                                                \
                        .tolerance = 1e-3,                                                         \
                        .guidance_scale = 1,                                                       \
                        .class_label = -1})

/* "timesteps", "samples", "models", "prompts"; "nothing", "x", "t" */
const char *pb_study_name(pb_study_kind kind);
const char *pb_fix_name(pb_study_fix fix);

/* Frees what reading settings or prompts has made. */
void pb_study_options_clear(pb_study_options *options);

/* Can such a study be: are there models, samples, timesteps and steps enough, and do the settings
 * go together? Errors: PB_INVALID. */
pb_status pb_study_check(const pb_study_options *options, pb_error *error);

/* And prompts enough, which may be in a file that is to be read first? Errors: PB_INVALID. */
pb_status pb_study_check_prompts(const pb_study_options *options, pb_error *error);

/* The options as an object for settings.json. NULL: names that no JSON can hold. */
json_t *pb_study_settings(const pb_study_options *options);

/* And back: takes all of a settings.json, but keeps options->force. *options must have nothing to
 * clear; pb_study_options_clear, also on failure. Errors: PB_IO, PB_FORMAT. */
pb_status pb_study_settings_read(pb_study_options *options, const char *path, pb_error *error);

/* The prompts of a text file in UTF-8 in place of the options': one in each line, but for empty
 * ones. Errors: PB_IO, PB_FORMAT, PB_INVALID (more than can be compared). */
pb_status pb_study_prompts_read(pb_study_options *options, const char *path, pb_error *error);

/* Can names of files stand in settings.json? Errors: PB_INVALID (one is not in UTF-8). */
pb_status pb_study_check_names(const pb_study_options *options, pb_error *error);

/* [x, y, width, height], "auto" or null. The caller's. */
json_t *pb_study_crop(const pb_crop *crop);

/* The catalogue's path; pb_free. */
char *pb_study_catalogue(const pb_study_options *options);

#endif
