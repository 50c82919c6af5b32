#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"
#include "models/model.h"
#include "session/session.h"

static pb_status copy_text(const char **text, const char *from, pb_error *error)
{
    *text = pb_strdup(from);
    return *text ? PB_OK : pb_fail_memory(error, strlen(from) + 1, "a prompt");
}

const char *pb_prompt_of(const pb_prompts *p, pb_prompt_use use)
{
    const char *text = use == PB_PROMPT_NEGATIVE                 ? p->negative_prompt
                       : use == PB_PROMPT_EDIT && p->edit_prompt ? p->edit_prompt
                                                                 : p->prompt;

    return text ? text : "";
}

void pb_prompts_init(pb_prompts *p)
{
    if (p)
        *p = PB_PROMPTS_DEFAULTS;
}

void pb_prompts_clear(pb_prompts *p)
{
    if (!p)
        return;
    pb_free((char *)p->prompt);
    pb_free((char *)p->edit_prompt);
    pb_free((char *)p->negative_prompt);
    *p = PB_PROMPTS_DEFAULTS;
}

/* A model that does not read text is given none, and no guidance. */
pb_status pb_session_check_prompts(const pb_session *s, const pb_prompts *given, pb_error *error)
{
    const pb_sizes none = PB_PROMPTS_DEFAULTS.sizes;

    if (!s->info->pooled_width && memcmp(&given->sizes, &none, sizeof none))
        return pb_fail(error, PB_INVALID,
                       "%s is told no sizes of pictures: it takes no original size, crop "
                       "coordinates and target size",
                       s->info->path);
    PB_TRY(pb_sizes_check(&given->sizes, error));
    return !s->info->context_width && (given->prompt || given->edit_prompt ||
                                       given->negative_prompt || !isnan(given->guidance_scale))
               ? pb_fail(error, PB_INVALID,
                         "%s is not conditioned on text: it takes no prompt and no guidance scale",
                         s->info->path)
               : PB_OK;
}

double pb_session_drawing_scale(const pb_session *s)
{
    if (!s || !s->info->context_width)
        return PB_NOT_GIVEN;
    return s->info->pooled_width ? 5 : 7.5;
}

pb_status pb_session_prompts(const pb_session *s, const pb_prompts *given, pb_prompts *p,
                             pb_error *error)
{
    const pb_prompts none = PB_PROMPTS_DEFAULTS;

    PB_NEED(s, "a session");
    PB_NEED(p, "a place for prompts");
    if (p->prompt || p->edit_prompt || p->negative_prompt)
        return pb_fail(error, PB_INVALID, "a place for prompts: expected an empty one");
    if (!given)
        given = &none;
    PB_TRY(pb_session_check_prompts(s, given, error));
    PB_TRY(pb_model_check_class(s->model, given->class_label, error));
    p->class_label = given->class_label;
    if (!s->info->context_width)
        return PB_OK;
    p->guidance_scale = isnan(given->guidance_scale) ? 1 : given->guidance_scale;
    p->sizes = given->sizes;
    PB_TRY(copy_text(&p->prompt, pb_prompt_of(given, PB_PROMPT_MAIN), error));
    PB_TRY(copy_text(&p->edit_prompt, pb_prompt_of(given, PB_PROMPT_EDIT), error));
    return pb_session_negative(s, given)
               ? copy_text(&p->negative_prompt, pb_session_negative(s, given), error)
               : PB_OK;
}

const char *pb_session_negative(const pb_session *s, const pb_prompts *p)
{
    return s->info->zeros_for_none ? p->negative_prompt : pb_prompt_of(p, PB_PROMPT_NEGATIVE);
}

/* -- embeddings ----------------------------------------------------------------------------------
 */

const pb_embedding *pb_session_embedding(const pb_session *s, const char *text)
{
    for (size_t i = 0; i < s->embedding_count; i++)
        if (!strcmp(s->embeddings[i]->text, text))
            return s->embeddings[i];
    return NULL;
}

/* Is a text taken whole, now or when it was embedded? */
static pb_status check_whole(const pb_session *s, const pb_embedding *e, pb_error *error)
{
    return e->rest
               ? pb_fail(error, PB_INVALID,
                         "prompt %s: too long: it must be taken whole; beyond %zu tokens: \"%s\"",
                         pb_quote(e->text).text, pb_text_encoder_length(s->encoder), e->rest)
               : PB_OK;
}

pb_status pb_embedding_new(pb_embedding **out, const pb_tensor *value, const pb_tensor *pooled,
                           pb_error *error)
{
    pb_embedding *e = pb_calloc(1, sizeof *e);
    pb_status status;

    if (!e)
        return pb_fail_memory(error, sizeof *e, "an embedding");
    e->input = (pb_input){"context", &e->value};
    status = pb_tensor_new(&e->value, value->rank, value->shape, error);
    if (status == PB_OK && pooled->shape[1])
        status = pb_tensor_new(&e->pooled, pooled->rank, pooled->shape, error);
    if (status == PB_OK)
        *out = e;
    else
        pb_embedding_free(e);
    return status;
}

void pb_embedding_free(pb_embedding *e)
{
    if (!e)
        return;
    pb_tensor_clear(&e->value);
    pb_tensor_clear(&e->pooled);
    pb_free((char *)e->text);
    pb_text_free(e->rest);
    pb_free(e);
}

/* The tokens of one prompt, the place of its end token, and what is cut off. */
static pb_status read_tokens(const pb_session *s, pb_embedding *e, int whole, uint32_t *ids,
                             const pb_run *run, pb_error *error)
{
    size_t length = pb_text_encoder_length(s->encoder), used = 0;

    PB_TRY(pb_text_encoder_tokens(s->encoder, e->text, pb_text_encoder_ids(s->encoder), ids, &used,
                                  &e->rest, error));
    if (whole)
        PB_TRY(check_whole(s, e, error));
    if (e->rest)
        pb_run_warn(run, "the prompt is cut to %zu tokens; left out: \"%s\"", length, e->rest);
    e->end = used ? used - 1 : 0;
    return PB_OK;
}

/* A new embedding, its value still zero; the session's. */
static pb_status add(pb_session *s, const char *text, pb_error *error)
{
    const pb_tensor value = {
        .rank = 2,
        .shape = {pb_text_encoder_length(s->encoder), pb_text_encoder_width(s->encoder)}};
    const pb_tensor pooled = {.rank = 2, .shape = {1, pb_text_encoder_pooled(s->encoder)}};
    pb_embedding *e, **more = s->embeddings;

    if (s->embedding_count == s->embedding_room)
        more = pb_grow(more, s->embedding_count, &s->embedding_room, sizeof *more);
    if (!more)
        return pb_fail_memory(error, (s->embedding_count + 1) * sizeof *more, "embeddings");
    s->embeddings = more;
    PB_TRY(pb_embedding_new(&e, &value, &pooled, error));
    s->embeddings[s->embedding_count++] = e;
    return copy_text(&e->text, text, error);
}

void pb_session_forget(pb_session *s, size_t first)
{
    while (s->embedding_count > first) {
        pb_embedding *e = s->embeddings[--s->embedding_count];
        pb_embedding_free(e);
    }
}

/* Embeds those that were added from number `first` on. */
static pb_status embed(pb_session *s, size_t first, int whole, const pb_run *run, pb_error *error)
{
    size_t count = s->embedding_count - first, length = pb_text_encoder_ids(s->encoder);
    size_t size = pb_text_encoder_length(s->encoder) * pb_text_encoder_width(s->encoder);
    size_t pooled_size = pb_text_encoder_pooled(s->encoder);
    uint32_t *ids = pb_malloc(count * length, sizeof *ids);
    float *values = pb_malloc(count * size, sizeof *values);
    float *pooled = pooled_size ? pb_malloc(count * pooled_size, sizeof *pooled) : NULL;
    pb_status status = ids && values && (pooled || !pooled_size)
                           ? PB_OK
                           : pb_fail_memory(error, count * size * sizeof *values, "prompts");
    pb_task task;

    for (size_t i = 0; status == PB_OK && i < count; i++)
        status = read_tokens(s, s->embeddings[first + i], whole, ids + i * length, run, error);
    if (status == PB_OK)
        status = pb_text_encoder_embed(s->encoder, count, length, ids, values, pooled,
                                       pb_task_begin(&task, "embedding", run), error);
    for (size_t i = 0; status == PB_OK && i < count; i++) {
        pb_embedding *e = s->embeddings[first + i];
        memcpy(e->value.data, values + i * size, size * sizeof *values);
        if (pooled)
            memcpy(e->pooled.data, pooled + i * pooled_size, pooled_size * sizeof *pooled);
    }
    pb_free(ids);
    pb_free(values);
    pb_free(pooled);
    return status;
}

pb_status pb_session_embed(pb_session *s, size_t count, const char *const *texts, int whole,
                           const pb_run *run, pb_error *error)
{
    pb_status status = PB_OK;
    size_t first;

    PB_NEED(s, "a session");
    PB_NEED(texts || !count, "texts");
    for (size_t i = 0; i < count; i++)
        PB_NEED(texts[i], "a text");
    if (!s->info->context_width)
        return pb_fail(error, PB_INVALID, "%s is not conditioned on text: it takes no prompt",
                       s->info->path);
    first = s->embedding_count;
    if (!s->encoder)
        PB_TRY(pb_text_encoder_open(&s->encoder, s->model, error));
    for (size_t i = 0; status == PB_OK && i < count; i++) {
        const pb_embedding *e = pb_session_embedding(s, texts[i]);
        if (!e)
            status = add(s, texts[i], error);
        else if (whole)
            status = check_whole(s, e, error);
    }
    if (status == PB_OK && s->embedding_count > first)
        status = embed(s, first, whole, run, error);
    if (status != PB_OK)
        pb_session_forget(s, first);
    return status;
}

pb_status pb_session_likeness(pb_session *s, const char *a, const char *b, double *cosine,
                              const pb_run *run, pb_error *error)
{
    const char *const texts[] = {a, b};
    const pb_embedding *first, *second;
    const float *x, *y;
    double xy = 0, xx = 0, yy = 0;

    PB_NEED(cosine, "a place for the cosine");
    PB_TRY(pb_session_embed(s, 2, texts, 0, run, error));
    first = pb_session_embedding(s, a);
    second = pb_session_embedding(s, b);
    x = first->value.data + first->end * first->value.shape[1];
    y = second->value.data + second->end * second->value.shape[1];
    for (size_t i = 0; i < first->value.shape[1]; i++) {
        xy += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    *cosine = xy / sqrt(xx * yy);
    return PB_OK;
}
