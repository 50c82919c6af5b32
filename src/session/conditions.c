/* What a network is conditioned on: a prompt's embedding, and where it takes them its pooled one
 * and sizes. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "session/session.h"

/* -- what is told --------------------------------------------------------------------------------
 */

/* What stands for no negative prompt at all: zeros. The session's, made once. */
static pb_status find_nothing(const pb_embedding **out, pb_session *s, const pb_run *run,
                              pb_error *error)
{
    static const char *const empty = "";
    const pb_embedding *like;

    *out = s->nothing;
    if (*out)
        return PB_OK;
    PB_TRY(pb_session_embed(s, 1, &empty, 0, run, error)); /* has its shape */
    like = pb_session_embedding(s, empty);
    PB_TRY(pb_embedding_new(&s->nothing, &like->value, &like->pooled, error));
    *out = s->nothing;
    return PB_OK;
}

static pb_status find_embedding(const pb_embedding **out, pb_session *s, const pb_prompts *prompts,
                                pb_prompt_use use, const pb_run *run, pb_error *error)
{
    const char *text = pb_prompt_of(prompts, use);

    if (use == PB_PROMPT_NEGATIVE && !prompts->negative_prompt && s->info->zeros_for_none)
        return find_nothing(out, s, run, error);
    PB_TRY(pb_session_embed(s, 1, &text, 0, run, error));
    *out = pb_session_embedding(s, text);
    return PB_OK;
}

static const pb_told *find_told(const pb_session *s, const pb_embedding *e,
                                const float ids[PB_SIZES])
{
    for (size_t i = 0; i < s->told_count; i++)
        if (s->told[i]->embedding == e &&
            !memcmp(s->told[i]->time_ids.data, ids, PB_SIZES * sizeof *ids))
            return s->told[i];
    return NULL;
}

/* A prompt with sizes, those not given by what images of height x width are. */
static pb_status tell(const pb_told **out, pb_session *s, const pb_embedding *e,
                      const pb_sizes *given, size_t height, size_t width, pb_error *error)
{
    pb_sizes sizes = *given;
    float ids[PB_SIZES];
    pb_told *told, **more = s->told;

    PB_TRY(pb_session_sizes(s, &sizes, height, width, error));
    pb_sizes_numbers(&sizes, ids);
    *out = find_told(s, e, ids);
    if (*out)
        return PB_OK;
    if (s->told_count == s->told_room)
        more = pb_grow(more, s->told_count, &s->told_room, sizeof *more);
    if (!more)
        return pb_fail_memory(error, (s->told_count + 1) * sizeof *more, "conditions");
    s->told = more;
    told = pb_calloc(1, sizeof *told);
    if (!told)
        return pb_fail_memory(error, sizeof *told, "a condition");
    s->told[s->told_count++] = told;
    PB_TRY(pb_tensor_new(&told->time_ids, 2, (size_t[2]){1, PB_SIZES}, error));
    memcpy(told->time_ids.data, ids, sizeof ids);
    told->embedding = e;
    told->inputs[0] = e->input;
    told->inputs[1] = (pb_input){"pooled", &e->pooled};
    told->inputs[2] = (pb_input){"time_ids", &told->time_ids};
    *out = told;
    return PB_OK;
}

void pb_session_forget_told(pb_session *s)
{
    while (s->told_count) {
        pb_told *told = s->told[--s->told_count];
        pb_tensor_clear(&told->time_ids);
        pb_free(told);
    }
    pb_free(s->told);
}

/* -- conditions ----------------------------------------------------------------------------------
 */

pb_status pb_session_condition(pb_session *s, const pb_prompts *prompts, pb_prompt_use use,
                               double timestep, size_t height, size_t width,
                               pb_condition *condition, const pb_run *run, pb_error *error)
{
    const pb_prompts none = PB_PROMPTS_DEFAULTS;
    const pb_embedding *e;
    const pb_told *told;

    PB_NEED(s, "a session");
    PB_NEED(condition, "a place for the condition");
    if (!prompts)
        prompts = &none;
    PB_TRY(pb_session_check_prompts(s, prompts, error));
    *condition = (pb_condition){.timestep = timestep, .class_label = prompts->class_label};
    if (!s->info->context_width)
        return PB_OK;
    PB_TRY(find_embedding(&e, s, prompts, use, run, error));
    if (!s->info->pooled_width) {
        condition->count = 1;
        condition->inputs = &e->input;
        return PB_OK;
    }
    PB_TRY(tell(&told, s, e, &prompts->sizes, height, width, error));
    condition->count = sizeof told->inputs / sizeof *told->inputs;
    condition->inputs = told->inputs;
    return PB_OK;
}

pb_status pb_session_denoiser(pb_session *s, const pb_prompts *prompts, int editing, size_t height,
                              size_t width, pb_denoiser **denoiser, const pb_run *run,
                              pb_error *error)
{
    const pb_prompts none = PB_PROMPTS_DEFAULTS;
    pb_condition positive, negative;
    double scale;

    if (!prompts)
        prompts = &none;
    scale = editing || isnan(prompts->guidance_scale) ? 1 : prompts->guidance_scale;
    PB_TRY(pb_session_prepare(s, height, width, run, error));
    PB_TRY(pb_session_condition(s, prompts, editing ? PB_PROMPT_EDIT : PB_PROMPT_MAIN, 0, height,
                                width, &positive, run, error));
    if (scale == 1)
        return pb_denoiser_new(denoiser, s->evaluator, &positive, NULL, 1, error);
    PB_TRY(pb_session_condition(s, prompts, PB_PROMPT_NEGATIVE, 0, height, width, &negative, run,
                                error));
    return pb_denoiser_new(denoiser, s->evaluator, &positive, &negative, scale, error);
}
