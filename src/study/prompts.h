/* The prompts of a study: what trajectories and bases of a model that reads text are conditioned
 * on, and how alike two prompts are. */
#ifndef PB_STUDY_PROMPTS_H
#define PB_STUDY_PROMPTS_H

#include <pullback/pullback.h>

#include "study/study.h"

typedef struct pb_study_prompts {
    size_t count;         /* conditions; 1 unless prompts are what is studied */
    size_t tokens, width; /* 0: the network reads no text */
    float *embeddings;    /* (count + 2) x tokens x width */
    size_t *ends;         /* the place of each prompt's end token */
    uint64_t *attributes; /* of each, one bit for each attribute; NULL: the model names none */
} pb_study_prompts;

/* How many conditions a study has for each sample, and the text of one. Beyond them, condition
 * number `count` is that of the trajectories, and `count` + 1 what guidance leads them away from;
 * number 0 of a study of prompts is the empty prompt. */
size_t pb_study_conditions(const pb_study_options *options);
const char *pb_study_prompt(const pb_study_options *options, size_t condition);

/* Embeds them, equal texts once. Errors: PB_INVALID (prompts for a model without text), the
 * encoder's. *prompts must be zero-filled; pb_study_prompts_close frees it. */
pb_status pb_study_prompts_open(pb_study_prompts *prompts, const pb_study_options *options,
                                const pb_model *model, const pb_run *run, pb_error *error);
void pb_study_prompts_close(pb_study_prompts *prompts);

/* The context of a condition, in *condition. */
void pb_study_prompts_apply(const pb_study_prompts *prompts, size_t number,
                            pb_condition *condition);

/* The cosine of two prompts' hidden states at their end tokens. */
double pb_prompt_similarity(const pb_study_prompts *prompts, size_t a, size_t b);

/* Attributes that both prompts name, divided by those that either names; NaN: none. */
double pb_prompt_overlap(const pb_study_prompts *prompts, size_t a, size_t b);

#endif
