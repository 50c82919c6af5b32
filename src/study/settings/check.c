/* Which settings go together. */
#include <string.h>

#include "study/settings/settings.h"

static pb_status check_models(const pb_study_options *o, pb_error *error)
{
    if (o->model_count == 0)
        return pb_fail(error, PB_INVALID, "no model: expected one to study");
    if (o->model_count > 1 && o->kind != PB_STUDY_MODELS)
        return pb_fail(error, PB_INVALID,
                       "%zu models: expected one (\"study models\" compares several)",
                       o->model_count);
    if (o->model_count == 1 && o->kind == PB_STUDY_MODELS)
        return pb_fail(error, PB_INVALID,
                       "one model has nothing to be compared with: expected several (\"study "
                       "timesteps\" and \"study samples\" are of one)");
    return PB_OK;
}

static pb_status check_guidance(const pb_study_options *o, pb_error *error)
{
    if (!o->guided)
        return PB_OK;
    if (strcmp(o->to, "eps") && strcmp(o->to, "x0"))
        return pb_fail(error, PB_INVALID, "guided, to %s: a guided map ends at eps or x0", o->to);
    if (o->guidance_scale == 1)
        return pb_fail(error, PB_INVALID, "guided: a guidance scale of 1 guides nothing");
    return PB_OK;
}

pb_status pb_study_check(const pb_study_options *o, pb_error *error)
{
    size_t samples = o->image_count ? o->image_count : o->samples;
    int over_t = o->kind == PB_STUDY_TIMESTEPS || o->kind == PB_STUDY_MODELS;
    int among = o->kind == PB_STUDY_SAMPLES || o->kind == PB_STUDY_MODELS;

    PB_TRY(check_guidance(o, error));
    PB_TRY(check_models(o, error));
    if (samples < (among ? 2 : 1))
        return pb_fail(error, PB_INVALID,
                       among ? "one sample has no distance: expected at least two"
                             : "no sample: expected at least one");
    if (o->timesteps < (over_t ? 2 : 1))
        return pb_fail(error, PB_INVALID, "timesteps %zu: expected at least %d", o->timesteps,
                       over_t ? 2 : 1);
    if (o->timesteps >= o->steps)
        return pb_fail(error, PB_INVALID,
                       "%zu timesteps of a grid of %zu points: expected fewer, or more steps",
                       o->timesteps, o->steps);
    return o->folder && *o->folder ? PB_OK
                                   : pb_fail(error, PB_INVALID, "no folder: where to leave all?");
}

pb_status pb_study_check_prompts(const pb_study_options *o, pb_error *error)
{
    if (o->kind != PB_STUDY_PROMPTS || o->prompt_count > 1)
        return PB_OK;
    return pb_fail(error, PB_INVALID,
                   o->prompt_count ? "one prompt has no distance: expected at least two"
                                   : "which prompts? expected at least two");
}
