#include "study/plan/prompts.h"

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

pb_prompts pb_study_prompts_of(const pb_study_options *o, const pb_model_info *info,
                               size_t condition)
{
    size_t conditions = pb_study_conditions(o);
    pb_prompts none = PB_PROMPTS_DEFAULTS;

    none.class_label = o->class_label;
    if (!info->context_width)
        return none;
    return (pb_prompts){.prompt = pb_study_prompt(o, conditions),
                        .edit_prompt = pb_study_prompt(o, condition),
                        .negative_prompt = info->zeros_for_none
                                               ? o->negative_prompt
                                               : pb_study_prompt(o, conditions + 1),
                        .sizes = o->sizes,
                        .guidance_scale = o->guidance_scale,
                        .class_label = o->class_label};
}

pb_status pb_study_embed(const pb_study_options *o, const pb_model_info *info, pb_session *session,
                         const pb_run *run, pb_error *error)
{
    size_t total = pb_study_conditions(o) + 2;
    const char **texts;
    pb_status status;

    if (info->context_width == 0)
        return o->prompt || o->edit_prompt || o->prompt_count || o->guidance_scale != 1
                   ? pb_fail(error, PB_INVALID, "%s is not conditioned on text: it takes no prompt",
                             info->path)
                   : PB_OK;
    texts = pb_malloc(total, sizeof *texts);
    if (!texts)
        return pb_fail_memory(error, total * sizeof *texts, "prompts");
    for (size_t i = 0; i < total; i++)
        texts[i] = pb_study_prompt(o, i);
    status = pb_session_embed(session, total, texts, 1, run, error);
    pb_free(texts);
    return status;
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
pb_status pb_study_attributes(uint64_t **out, const pb_study_options *o, const pb_model_info *info,
                              pb_error *error)
{
    size_t count = pb_study_conditions(o);
    json_t *file = NULL, *attributes = NULL;
    pb_status status = PB_OK;
    char *path;

    *out = NULL;
    if (o->kind != PB_STUDY_PROMPTS)
        return PB_OK;
    path = pb_sprintf("%s/pullback.json", info->path);
    if (!path)
        return pb_fail_memory(error, 1, "a path");
    if (access(path, F_OK) == 0)
        status = pb_json_read(&file, path, MAX_FILE, 0, error);
    attributes = json_object_get(file, "attributes");
    if (status == PB_OK && attributes)
        status = check_attributes(attributes, path, error);
    if (status == PB_OK && attributes) {
        *out = pb_calloc(count, sizeof **out);
        if (!*out)
            status = pb_fail_memory(error, count * sizeof **out, "attributes");
    }
    for (size_t i = 0; status == PB_OK && *out && i < count; i++)
        (*out)[i] = attributes_of(attributes, pb_study_prompt(o, i));
    json_decref(file);
    pb_free(path);
    return status;
}

double pb_prompt_overlap(const uint64_t *attributes, size_t a, size_t b)
{
    uint64_t x, y;

    if (!attributes)
        return NAN;
    x = attributes[a];
    y = attributes[b];
    return x | y ? (double)__builtin_popcountll(x & y) / (double)__builtin_popcountll(x | y) : NAN;
}
