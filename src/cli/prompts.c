#include "cli/prompts.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "terminal/progress.h"

/* Another use with the same text, or PB_PROMPTS. */
static size_t find_equal(const pb_prompts *p, size_t use)
{
    size_t i = 0;

    while (i < PB_PROMPTS && (i == use || !p->embedding[i] || strcmp(p->text[i], p->text[use])))
        i++;
    return i;
}

static void drop(pb_prompts *p, size_t use)
{
    if (p->text[use] && p->embedding[use] && find_equal(p, use) == PB_PROMPTS)
        pb_free(p->embedding[use]);
    p->embedding[use] = NULL;
    pb_free(p->text[use]);
    p->text[use] = NULL;
}

void pb_prompts_close(pb_prompts *p)
{
    for (size_t i = 0; i < PB_PROMPTS; i++)
        drop(p, i);
    pb_text_encoder_free(p->encoder);
    *p = (pb_prompts){0};
}

static pb_status embed(pb_prompts *p, const pb_cli *cli, size_t use, pb_error *error)
{
    const pb_run run = pb_progress_run(cli, NULL);
    size_t length = pb_text_encoder_length(p->encoder), width = pb_text_encoder_width(p->encoder);
    uint32_t *ids = pb_malloc(length, sizeof *ids);
    float *found = pb_malloc(length * width, sizeof *found);
    char *rest = NULL;
    pb_status status = ids && found ? PB_OK : pb_fail_memory(error, length * width * 4, "a prompt");

    if (status == PB_OK)
        status = pb_text_encoder_tokens(p->encoder, p->text[use], length, ids, NULL, &rest, error);
    if (rest)
        pb_warn(cli, "the prompt is cut to %zu tokens; left out: \"%s\"", length, rest);
    if (status == PB_OK)
        status = pb_text_encoder_embed(p->encoder, 1, length, ids, found, &run, error);
    if (status == PB_OK) {
        p->embedding[use] = found;
        p->tokens = length;
    } else
        pb_free(found);
    pb_text_free(rest);
    pb_free(ids);
    return status;
}

pb_status pb_prompts_set(pb_prompts *p, const pb_cli *cli, pb_prompt_use use, const char *text,
                         pb_error *error)
{
    size_t equal;

    if (!p->encoder || (p->embedding[use] && !strcmp(p->text[use], text)))
        return PB_OK;
    drop(p, use);
    p->text[use] = pb_strdup(text);
    if (!p->text[use])
        return pb_fail_memory(error, strlen(text) + 1, "a prompt");
    equal = find_equal(p, use);
    if (equal == PB_PROMPTS)
        return embed(p, cli, use, error);
    p->embedding[use] = p->embedding[equal];
    return PB_OK;
}

pb_status pb_text_check(const pb_text_options *o, pb_error *error)
{
    if (o->negative && isnan(o->scale) && o->otherwise == 1)
        return pb_fail(error, PB_INVALID,
                       "--negative-prompt acts where there is guidance: --guidance-scale W");
    return PB_OK;
}

pb_status pb_prompts_of_basis(pb_prompts *p, const pb_cli *cli, const pb_text_options *given,
                              const pb_basis *basis, pb_error *error)
{
    if (!p->encoder)
        return PB_OK;
    if (given->edit_prompt && strcmp(given->edit_prompt, basis->prompt))
        return pb_fail(error, PB_INVALID, "--edit-prompt \"%s\": the basis is that of \"%s\"",
                       given->edit_prompt, basis->prompt);
    PB_TRY(pb_prompts_set(p, cli, PB_EDIT_PROMPT, basis->prompt, error));
    if (!given->prompt && basis->trajectory_prompt)
        PB_TRY(pb_prompts_set(p, cli, PB_PROMPT, basis->trajectory_prompt, error));
    if (!given->negative && basis->negative_prompt)
        PB_TRY(pb_prompts_set(p, cli, PB_NEGATIVE, basis->negative_prompt, error));
    if (isnan(given->scale))
        p->scale = basis->guidance_scale;
    return PB_OK;
}

pb_status pb_prompts_open(pb_prompts *p, const pb_cli *cli, const pb_model *model,
                          const pb_text_options *o, pb_error *error)
{
    const char *prompt;

    if (!o)
        return PB_OK;
    if (pb_model_get_info(model)->context_width == 0) {
        if (o->prompt || o->edit_prompt || o->negative || !isnan(o->scale))
            return pb_fail(
                error, PB_INVALID,
                "%s is not conditioned on text: it takes no prompt and no guidance scale",
                pb_model_get_info(model)->path);
        return PB_OK;
    }
    prompt = o->prompt ? o->prompt : "";
    p->scale = !isnan(o->scale) ? o->scale : !isnan(o->otherwise) ? o->otherwise : 1;
    PB_TRY(pb_text_encoder_open(&p->encoder, model, error));
    PB_TRY(pb_prompts_set(p, cli, PB_PROMPT, prompt, error));
    PB_TRY(pb_prompts_set(p, cli, PB_EDIT_PROMPT, o->edit_prompt ? o->edit_prompt : prompt, error));
    return pb_prompts_set(p, cli, PB_NEGATIVE, o->negative ? o->negative : "", error);
}

void pb_prompts_describe(const pb_prompts *p, json_t *object)
{
    static const char *const keys[PB_PROMPTS] = {"prompt", "edit_prompt", "negative_prompt"};

    if (!p->encoder)
        return;
    for (size_t i = 0; i < PB_PROMPTS; i++)
        if (i != PB_EDIT_PROMPT || strcmp(p->text[i], p->text[PB_PROMPT]))
            json_object_set_new(object, keys[i], json_string(p->text[i]));
    json_object_set_new(object, "guidance_scale", json_real(p->scale));
}
