/* The prompts of a session: what the network is conditioned on, where it reads text. */
#ifndef PB_CLI_PROMPTS_H
#define PB_CLI_PROMPTS_H

#include <math.h>

#include <pullback/basis.h>

#include "terminal/cli.h"

/* What is conditioned on which prompt: trajectories on PB_PROMPT (with classifier-free guidance
 * against PB_NEGATIVE), Jacobians and x-space guidance on PB_EDIT_PROMPT, as in the paper's code.
 */
typedef enum pb_prompt_use { PB_PROMPT, PB_EDIT_PROMPT, PB_NEGATIVE, PB_PROMPTS } pb_prompt_use;

typedef struct pb_text_options {
    char *prompt, *edit_prompt, *negative; /* NULL: not given */
    double scale;                          /* of classifier-free guidance; NaN: not given */
    double otherwise;                      /* the scale then; NaN: a file says it */
} pb_text_options;

#define PB_TEXT_DEFAULTS ((pb_text_options){.scale = NAN, .otherwise = 1})

typedef struct pb_prompts {
    pb_text_encoder *encoder; /* NULL: the network reads no text */
    char *text[PB_PROMPTS];
    float *embedding[PB_PROMPTS]; /* equal texts share one */
    size_t tokens;
    double scale;
} pb_prompts;

/* Reads the options; opens the text encoder and embeds each distinct prompt once, where the network
 * reads text. options NULL: no prompt is needed, and nothing opened. *prompts must be zero-filled;
 * pb_prompts_close frees it, also on failure. Errors: PB_INVALID (options for a network without
 * text), those of reading. */
pb_status pb_prompts_open(pb_prompts *prompts, const pb_cli *cli, const pb_model *model,
                          const pb_text_options *options, pb_error *error);
void pb_prompts_close(pb_prompts *prompts);

/* The prompts and the scale of a basis's point, except where the options give others. Errors:
 * PB_INVALID (another --edit-prompt than the basis's), those of embedding. */
pb_status pb_prompts_of_basis(pb_prompts *prompts, const pb_cli *cli, const pb_text_options *given,
                              const pb_basis *basis, pb_error *error);

/* Another text for one use, instead of the one the options gave. The same text is not embedded
 * again. */
pb_status pb_prompts_set(pb_prompts *prompts, const pb_cli *cli, pb_prompt_use use,
                         const char *text, pb_error *error);

/* Checks the options that need no model: a negative prompt without guidance, a scale out of range.
 * Errors: PB_INVALID. */
pb_status pb_text_check(const pb_text_options *options, pb_error *error);

/* Adds "prompt", "edit_prompt" (where it is another), "negative_prompt" and "guidance_scale" to an
 * object, where the network reads text. */
void pb_prompts_describe(const pb_prompts *prompts, json_t *object);

#endif
