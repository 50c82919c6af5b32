#include "text/settings.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"
#include "text/source.h"
#include "text/vocabulary.h"

void pb_settings_clear(pb_settings *s)
{
    json_decref(s->tokens);
    json_decref(s->config);
    json_decref(s->map);
    *s = (pb_settings){0};
}

/* -- other fields ---------------------------------------------------------------------------- */

static pb_status read_length(pb_settings *settings, const pb_source *s, pb_error *error)
{
    const char *file, *key = "model_max_length";
    const json_t *value = pb_source_field(s, key, &file);

    if (!value)
        value = pb_source_field(s, key = "max_len", &file);
    settings->length = SIZE_MAX;
    if (!value || json_is_null(value) ||
        (json_is_real(value) && json_real_value(value) >= 1e20)) /* transformers' "no limit" */
        return PB_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 2)
        return pb_source_refuse(s, file, key, "a whole number of at least 2", value, error);
    settings->length = (size_t)json_integer_value(value);
    return PB_OK;
}

/* Which end of a text is padded or cut: its last one. tokenizer.json has a say where the others are
 * silent. */
static pb_status check_side(const pb_source *s, const char *key, const char *of_fast,
                            pb_error *error)
{
    const char *file, *expected = "right", *within = "";
    const json_t *value = pb_source_field(s, key, &file);

    if (!value) {
        value = json_object_get(json_object_get(s->fast, of_fast), "direction");
        file = PB_TOKENIZER;
        key = of_fast;
        within = ": direction";
        expected = "Right";
    }
    if (!value || (json_is_string(value) && !strcmp(json_string_value(value), expected)))
        return PB_OK;
    return pb_fail(error, PB_UNSUPPORTED, "%s/%s: %s%s: expected \"%s\", found %s", s->folder, file,
                   key, within, expected, pb_json_found(value).text);
}

/* Fields that would change what is read here, and how. */
static pb_status check_fields(const pb_source *s, pb_error *error)
{
    static const char *const unread[] = {"vocab", "merges", "fast_tokenizer_files"};
    const char *file;
    const json_t *split = pb_source_field(s, "split_special_tokens", &file);

    PB_TRY(check_side(s, "padding_side", "padding", error));
    PB_TRY(check_side(s, "truncation_side", "truncation", error));
    if (split && !json_is_false(split))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s/%s: split_special_tokens: expected false, found %s", s->folder, file,
                       pb_json_found(split).text);
    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++)
        if (pb_source_field(s, unread[i], &file))
            return pb_fail(error, PB_UNSUPPORTED, "%s/%s: %s is not supported", s->folder, file,
                           unread[i]);
    return PB_OK;
}

/* -- all of them ----------------------------------------------------------------------------- */

static pb_status put_together(pb_settings *settings, const pb_source *s, const json_t *decoder,
                              pb_error *error)
{
    PB_TRY(read_length(settings, s, error));
    PB_TRY(check_fields(s, error));
    PB_TRY(pb_parts_read(settings, s, error));
    PB_TRY(pb_added_read(settings, s, decoder, error));
    PB_TRY(pb_lists_read(s, error));
    if (json_object_update_missing(settings->tokens, s->named))
        return pb_fail_memory(error, json_object_size(s->named), "tokens");
    return PB_OK;
}

pb_status pb_settings_read(pb_settings *settings, const char *folder, const json_t *fast,
                           pb_error *error)
{
    pb_source s = {.folder = folder, .fast = fast};
    const json_t *decoder;
    pb_status status = PB_OK;

    PB_TRY(pb_vocabulary_json(&settings->config, folder, PB_TOKENIZER_CONFIG, error));
    decoder = json_object_get(settings->config, "added_tokens_decoder");
    if (!decoder)
        PB_TRY(pb_vocabulary_json(&settings->map, folder, PB_TOKENS_MAP, error));
    s.config = settings->config;
    s.map = settings->map;
    s.named = json_object();
    settings->tokens = json_object();
    if (!s.named || !settings->tokens)
        status = pb_fail_memory(error, 1, "tokens");
    else
        status = put_together(settings, &s, decoder, error);
    json_decref(s.named);
    return status;
}
