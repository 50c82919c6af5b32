/* The prompts of a study: what trajectories and bases of a model that reads text are conditioned
 * on, and what their words name. */
#ifndef PB_STUDY_PLAN_PROMPTS_H
#define PB_STUDY_PLAN_PROMPTS_H

#include <pullback/pullback.h>

#include "study/settings/settings.h"

/* How many conditions a study has for each sample, and the text of one. Beyond them, condition
 * number `count` is that of the trajectories, and `count` + 1 what guidance leads them away from;
 * number 0 of a study of prompts is the empty prompt. */
size_t pb_study_conditions(const pb_study_options *options);
const char *pb_study_prompt(const pb_study_options *options, size_t condition);

/* What a model is told of trajectories and, as the edit prompt, of the bases of a condition: one
 * that does not read text only the class. Texts are the options'. */
pb_prompts pb_study_prompts_of(const pb_study_options *options, const pb_model_info *info,
                               size_t condition);

/* Embeds them all. Errors: PB_INVALID (prompts for a model without text, one that is too long), the
 * encoder's. */
pb_status pb_study_embed(const pb_study_options *options, const pb_model_info *info,
                         pb_session *session, const pb_run *run, pb_error *error);

/* Of each condition's prompt the attributes that it names, a bit for each; NULL: the model names
 * none, or prompts are not what is studied. pb_free. Errors: PB_FORMAT, PB_IO. */
pb_status pb_study_attributes(uint64_t **attributes, const pb_study_options *options,
                              const pb_model_info *info, pb_error *error);

/* Attributes that both prompts name, divided by those that either names; NaN: none. */
double pb_prompt_overlap(const uint64_t *attributes, size_t a, size_t b);

#endif
