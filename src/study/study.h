/* The paper's experiments, each a plan of bases: samples at timesteps of models. A study computes
 * what its catalogue lacks, measures the bases, and leaves a folder with data, figure and report.
 */
#ifndef PB_STUDY_STUDY_H
#define PB_STUDY_STUDY_H

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
    int latents;    /* images in .npy are latents, not pictures */
    pb_crop crop;   /* PB_CROP_FACE: of models of faces; PB_CROP_FIT of the others */
    int class_label;
    char *prompt, *edit_prompt; /* of trajectories and of bases; NULL: empty, the same */
    char *negative_prompt;      /* of trajectories; NULL: empty */
    double guidance_scale;      /* of trajectories, and of guided maps; 1: none */
    int guided;                 /* maps with classifier-free guidance, to eps or x0 */
    char **prompts;             /* of a study of prompts: of its bases */
    size_t prompt_count;
    char *costs;
    char *catalogue; /* NULL: FOLDER/catalogue.sqlite */
    char *folder;    /* absolute, of pb_study_run */
    int force;       /* replace another study in the folder; no setting */
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

/* "timesteps", "samples", "models", "prompts"; "crop", "pad", "stretch"; "nothing", "x", "t" */
const char *pb_study_name(pb_study_kind kind);
const char *pb_fit_name(pb_fit fit);
const char *pb_fix_name(pb_study_fix fix);

typedef struct pb_study_progress {
    size_t done, total; /* items: bases, and pictures of drawn samples */
    size_t computed;    /* of those done, in this run */
    double seconds;     /* since the run began */
    /* Of a model's scheduler, what trajectories leave out (pb_model_info.ignored); or NULL. */
    const char *ignored;
} pb_study_progress;

/* Either stops with PB_CANCELLED. */
typedef struct pb_study_monitor {
    void *context;
    int (*step)(void *context,
                const pb_study_progress *progress); /* called often: non-zero stops */
    pb_run run; /* its memory, and what is asked where no item is at hand */
} pb_study_monitor;

/* Runs a study to its report. *progress: what was done. Errors: those of what it does, before
 * anything is written where models, images or settings are not right; PB_INVALID (another study's
 * folder: study/folder.h); PB_CANCELLED (what is done so far stays in the catalogue). */
pb_status pb_study_run(const pb_study_options *options, const pb_study_monitor *monitor,
                       pb_study_progress *progress, pb_error *error);

/* The options as an object for settings.json, and back: strings belong to the object.
 * Errors: PB_FORMAT. */
json_t *pb_study_settings(const pb_study_options *options);

/* Can names of files stand there? Errors: PB_INVALID (one is not in UTF-8). */
pb_status pb_study_settings_check(const pb_study_options *options, pb_error *error);

/* [x, y, width, height], "auto" or null. The caller's. */
json_t *pb_study_crop(const pb_crop *crop);
pb_status pb_study_options_of(pb_study_options *options, json_t *settings, const char *path,
                              pb_error *error);
void pb_study_options_clear(pb_study_options *options); /* the arrays that _options_of makes */

/* The catalogue's path; pb_free. */
char *pb_study_catalogue(const pb_study_options *options);

#endif
