/* The models of a study, opened: each with a session, in which the study's prompts are embedded. */
#ifndef PB_STUDY_PLAN_MODELS_H
#define PB_STUDY_PLAN_MODELS_H

#include "studio/studio.h"
#include "study/settings/settings.h"

typedef struct pb_study_model {
    pb_studio studio; /* the model, by the name given, and its session */
    char *label;      /* its folder's name, legible; of each model another */
    char digest[65];  /* of the schedule */
    char hash[65];    /* of the model; filled in by whoever knows it, or has it computed */
    size_t *grid;     /* grid points of the timesteps, ascending */
    size_t height, width;
    pb_sizes sizes;       /* that it is told at that size, if it is told any */
    uint64_t *attributes; /* of each condition's prompt; NULL: none */
} pb_study_model;

/* Opens them, checks taps and rank, and embeds the prompts. *models must be NULL;
 * pb_study_models_close frees it, also on failure. Errors: the models', PB_INVALID (a name that is
 * not in UTF-8; taps that there are not; a rank beyond them), those of pb_study_embed. */
pb_status pb_study_models_open(pb_study_model **models, const pb_study_options *options,
                               const pb_run *run, pb_error *error);
void pb_study_models_close(pb_study_model *models, const pb_study_options *options);

/* Two of one hash are one model, with which there is nothing to compare. Errors: PB_INVALID. */
pb_status pb_study_models_differ(const pb_study_model *models, const pb_study_options *options,
                                 pb_error *error);

/* t of a timestep's number: (i + 1)/P. */
static inline double pb_study_t(const pb_study_options *options, size_t timestep)
{
    return (double)(timestep + 1) / (double)options->timesteps;
}

#endif
