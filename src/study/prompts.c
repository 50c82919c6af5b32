#include "study/prompts.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/json.h"

#define MAX_ATTRIBUTES 64
#define MAX_FILE ((size_t)1 << 20)

size_t pb_study_conditions(const pb_study_options *o)
{
    return o->kind == PB_STUDY_PROMPTS ? o->prompt_count + 1 : 1;
}

const char *pb_study_prompt(const pb_study_options *o, size_t condition)
{
    const char *prompt = o->prompt ? o->prompt : "";

    if (condition == pb_study_conditions(o))
        return prompt;
    if (condition > pb_study_conditions(o))
        return o->negative_prompt ? o->negative_prompt : "";
    if (o->kind == PB_STUDY_PROMPTS)
        return condition ? o->prompts[condition - 1] : "";
    return o->edit_prompt ? o->edit_prompt : prompt;
}

/* -- attributes -------------------------------------------------------------------------------- */

/* Is the word in the text, not as a part of another word? Both in any case. */
static int names(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = text; (at = strcasestr(at, word)) != NULL; at++)
        if ((at == text || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[length]))
            return 1;
    return 0;
}

/* The attributes that a text names by any of their words. */
static uint64_t attributes_of(const json_t *attributes, const char *text)
{
    const char *key;
    const json_t *words, *word;
    uint64_t found = 0;
    size_t bit = 0, i;

    json_object_foreach((json_t *)attributes, key, words)
    {
        json_array_foreach(words, i, word)
        {
            if (names(text, json_string_value(word)))
                found |= (uint64_t)1 << bit;
        }
        bit++;
    }
    return found;
}

static pb_status check_attributes(const json_t *attributes, const char *path, pb_error *error)
{
    const char *key;
    const json_t *words, *word;
    size_t i;

    if (!json_is_object(attributes) || json_object_size(attributes) > MAX_ATTRIBUTES)
        return pb_fail(error, PB_FORMAT,
                       "%s: attributes: expected an object of at most %d, found %s", path,
                       MAX_ATTRIBUTES, pb_json_found(attributes).text);
    json_object_foreach((json_t *)attributes, key, words)
    {
        if (!json_is_array(words))
            return pb_fail(error, PB_FORMAT, "%s: attributes: %s: expected a list of words", path,
                           pb_quote(key).text);
        json_array_foreach(words, i, word)
        {
            if (json_string_length(word) == 0)
                return pb_fail(error, PB_FORMAT, "%s: attributes: %s: item %zu: expected a word",
                               path, pb_quote(key).text, i);
        }
    }
    return PB_OK;
}

/* pullback.json: "attributes", what captions of the model's data say of a picture. */
static pb_status read_attributes(pb_study_prompts *p, const pb_study_options *o,
                                 const pb_model *model, pb_error *error)
{
    char *path = pb_sprintf("%s/pullback.json", pb_model_get_info(model)->path);
    json_t *file = NULL, *attributes = NULL;
    pb_status status = path ? PB_OK : pb_fail_memory(error, 1, "a path");

    if (status == PB_OK && access(path, F_OK) == 0)
        status = pb_json_read(&file, path, MAX_FILE, 0, error);
    attributes = json_object_get(file, "attributes");
    if (status == PB_OK && attributes)
        status = check_attributes(attributes, path, error);
    if (status == PB_OK && attributes) {
        p->attributes = pb_calloc(p->count, sizeof *p->attributes);
        if (!p->attributes)
            status = pb_fail_memory(error, p->count * sizeof *p->attributes, "attributes");
    }
    for (size_t i = 0; status == PB_OK && p->attributes && i < p->count; i++)
        p->attributes[i] = attributes_of(attributes, pb_study_prompt(o, i));
    json_decref(file);
    pb_free(path);
    return status;
}

/* -- embeddings -------------------------------------------------------------------------------- */

/* The tokens of one prompt; *end: the place of its end token. */
static pb_status read_tokens(const pb_text_encoder *text, const char *prompt, uint32_t *ids,
                             size_t *end, pb_error *error)
{
    size_t used;
    char *rest;
    pb_status status = pb_text_encoder_tokens(text, prompt, pb_text_encoder_length(text), ids,
                                              &used, &rest, error);

    if (status == PB_OK && rest)
        status =
            pb_fail(error, PB_INVALID,
                    "prompt %s: too long: a study takes prompts whole; beyond %zu tokens: \"%s\"",
                    pb_quote(prompt).text, pb_text_encoder_length(text), rest);
    if (status == PB_OK)
        *end = used - 1;
    pb_text_free(rest);
    return status;
}

/* The number of the first prompt of the same text. */
static size_t first_of(const pb_study_options *o, size_t number)
{
    size_t i = 0;

    while (strcmp(pb_study_prompt(o, i), pb_study_prompt(o, number)))
        i++;
    return i;
}

static pb_status embed(pb_study_prompts *p, const pb_study_options *o, const pb_text_encoder *text,
                       const pb_run *run, pb_error *error)
{
    size_t total = p->count + 2, distinct = 0, size, *which = pb_malloc(total, sizeof *which);
    uint32_t *ids;
    pb_status status = PB_OK;

    p->tokens = pb_text_encoder_length(text);
    p->width = pb_text_encoder_width(text);
    size = p->tokens * p->width;
    ids = pb_malloc(total * p->tokens, sizeof *ids);
    p->ends = pb_malloc(total, sizeof *p->ends);
    p->embeddings = pb_malloc(total * size, sizeof *p->embeddings);
    if (!which || !ids || !p->ends || !p->embeddings)
        status = pb_fail_memory(error, total * size * sizeof(float), "prompts");
    for (size_t i = 0; status == PB_OK && i < total; i++) {
        size_t first = first_of(o, i);
        which[i] = first < i ? which[first] : distinct++;
        status = read_tokens(text, pb_study_prompt(o, i), ids + which[i] * p->tokens, &p->ends[i],
                             error);
    }
    if (status == PB_OK)
        status = pb_text_encoder_embed(text, distinct, p->tokens, ids, p->embeddings, run, error);
    for (size_t i = total; status == PB_OK && i-- > 0;) /* which[i] <= i: it is still there */
        if (which[i] != i)
            memcpy(p->embeddings + i * size, p->embeddings + which[i] * size, size * sizeof(float));
    pb_free(which);
    pb_free(ids);
    return status;
}

pb_status pb_study_prompts_open(pb_study_prompts *p, const pb_study_options *o,
                                const pb_model *model, const pb_run *run, pb_error *error)
{
    pb_text_encoder *text;
    pb_status status;

    p->count = pb_study_conditions(o);
    if (pb_model_get_info(model)->context_width == 0)
        return o->prompt || o->edit_prompt || o->prompt_count || o->guidance_scale != 1
                   ? pb_fail(error, PB_INVALID, "%s is not conditioned on text: it takes no prompt",
                             pb_model_get_info(model)->path)
                   : PB_OK;
    PB_TRY(pb_text_encoder_open(&text, model, error));
    status = embed(p, o, text, run, error);
    pb_text_encoder_free(text);
    return status == PB_OK && o->kind == PB_STUDY_PROMPTS ? read_attributes(p, o, model, error)
                                                          : status;
}

void pb_study_prompts_close(pb_study_prompts *p)
{
    pb_free(p->embeddings);
    pb_free(p->ends);
    pb_free(p->attributes);
    *p = (pb_study_prompts){0};
}

void pb_study_prompts_apply(const pb_study_prompts *p, size_t number, pb_condition *condition)
{
    condition->context = p->embeddings ? p->embeddings + number * p->tokens * p->width : NULL;
    condition->tokens = p->tokens;
    condition->width = p->width;
}

/* -- likeness ---------------------------------------------------------------------------------- */

double pb_prompt_similarity(const pb_study_prompts *p, size_t a, size_t b)
{
    const float *x = p->embeddings + (a * p->tokens + p->ends[a]) * p->width;
    const float *y = p->embeddings + (b * p->tokens + p->ends[b]) * p->width;
    double xy = 0, xx = 0, yy = 0;

    for (size_t i = 0; i < p->width; i++) {
        xy += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    return xy / sqrt(xx * yy);
}

double pb_prompt_overlap(const pb_study_prompts *p, size_t a, size_t b)
{
    uint64_t x, y;

    if (!p->attributes)
        return NAN;
    x = p->attributes[a];
    y = p->attributes[b];
    return x | y ? (double)__builtin_popcountll(x & y) / (double)__builtin_popcountll(x | y) : NAN;
}
