#include "models/lora/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/json.h"

/* The largest config. */
#define CONFIG_MOST 16000000

void pb_lora_rules_clear(pb_lora_rules *rules)
{
    json_decref(rules->config);
    *rules = (pb_lora_rules){0};
}

/* A field, of a part (or NULL). Null is as good as absent. */
static const json_t *field(const pb_lora_rules *r, const char *part, const char *key)
{
    const json_t *value;
    char name[96];

    snprintf(name, sizeof name, "%s%s%s", r->prefixed ? part : "", r->prefixed ? "." : "", key);
    value = json_object_get(r->config, name);
    return json_is_null(value) ? NULL : value;
}

/* -- reading ---------------------------------------------------------------------------------- */

static pb_status refuse(const pb_lora_rules *r, const char *key, const json_t *found,
                        const char *expected, pb_error *error)
{
    return pb_fail(error, PB_UNSUPPORTED, "%s: %s: expected %s, found %s", r->path, key, expected,
                   pb_json_found(found).text);
}

static pb_status check_part(const pb_lora_rules *r, const char *part, pb_error *error)
{
    static const char *const changing[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};
    static const char *const off[] = {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"};
    static const char *const other[] = {"kasa_config", "use_bdlora", "arrow_config",
                                        "monteclora_config"};
    const json_t *type = field(r, part, "peft_type"), *bias = field(r, part, "bias");
    const json_t *begin = field(r, part, "init_lora_weights"), *value;

    if (type && (!json_is_string(type) || strcmp(json_string_value(type), "LORA")))
        return refuse(r, "peft_type", type, "\"LORA\"", error);
    if (bias && (!json_is_string(bias) || strcmp(json_string_value(bias), "none")))
        return refuse(r, "bias", bias, "\"none\"", error);
    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        if ((value = field(r, part, off[i])) != NULL && !json_is_false(value))
            return refuse(r, off[i], value, "false", error);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if ((value = field(r, part, other[i])) != NULL)
            return refuse(r, other[i], value, "null", error);
    for (size_t i = 0; json_is_string(begin) && i < sizeof changing / sizeof *changing; i++)
        if (!strncmp(json_string_value(begin), changing[i], strlen(changing[i])))
            return refuse(r, "init_lora_weights", begin,
                          "what leaves the model's own weights as they are", error);
    return PB_OK;
}

pb_status pb_lora_rules_read(pb_lora_rules *r, const char *path, const char *file,
                             const pb_weights *weights, pb_error *error)
{
    static const char key[] = "lora_adapter_metadata";
    static const char *const parts[] = {"unet", "text_encoder", "text_encoder_2"};
    const char *text = path ? NULL : pb_weights_metadata(weights, key);

    *r = (pb_lora_rules){.path = path ? path : file, .prefixed = !path};
    if (path)
        PB_TRY(
            pb_json_read(&r->config, path, CONFIG_MOST, PB_JSON_INFINITY | PB_JSON_LARGE, error));
    else if (text) {
        PB_TRY(pb_json_parse(&r->config, file, key, text, strlen(text), error));
        /* A pipeline's has each part's name before the fields; a network's alone does not. */
        r->prefixed =
            !json_object_get(r->config, "peft_type") && !json_object_get(r->config, "lora_alpha");
    }
    for (size_t i = 0; r->config && i < (path ? 1 : sizeof parts / sizeof *parts); i++)
        PB_TRY(check_part(r, parts[i], error));
    return PB_OK;
}

/* -- scale ------------------------------------------------------------------------------------ */

/* Does a pattern of PEFT, a regular expression of which nothing but names is read, end a layer's
 * name at one of its dots? "^" before it: is it all of the name? */
static pb_status fits(bool *found, const pb_lora_rules *r, const char *pattern, const char *layer,
                      pb_error *error)
{
    const bool whole = pattern[0] == '^';
    const char *p = pattern + whole;
    char name[256];
    size_t n = 0, length = strlen(layer);

    for (; *p && n < sizeof name - 1; p++) {
        if (*p == '\\' && p[1] == '.')
            p++;
        if (strchr("\\^$*+?()[]{}|", *p))
            return pb_fail(error, PB_UNSUPPORTED,
                           "%s: alpha_pattern: expected names of layers, found the pattern %s",
                           r->path, pb_quote(pattern).text);
        name[n++] = *p;
    }
    name[n] = '\0';
    *found = n > 0 && !*p && n <= length && !strcmp(layer + length - n, name) &&
             (n == length || (!whole && layer[length - n - 1] == '.'));
    return PB_OK;
}

static pb_status read_alpha(double *alpha, const pb_lora_rules *r, const char *key,
                            const json_t *value, pb_error *error)
{
    if (!json_is_number(value))
        return pb_fail(error, PB_FORMAT, "%s: %s: expected a number, found %s", r->path, key,
                       pb_json_found(value).text);
    *alpha = json_number_value(value);
    return PB_OK;
}

/* What the config says of a layer; *alpha stays where it says nothing. */
static pb_status find_alpha(double *alpha, const pb_lora_rules *r, const char *part,
                            const char *layer, pb_error *error)
{
    const json_t *patterns = field(r, part, "alpha_pattern"), *all = field(r, part, "lora_alpha");
    const char *pattern;
    json_t *value;

    if (patterns && !json_is_object(patterns))
        return pb_fail(error, PB_FORMAT, "%s: alpha_pattern: expected an object, found %s", r->path,
                       pb_json_found(patterns).text);
    json_object_foreach((json_t *)patterns, pattern, value)
    {
        bool found = false;
        PB_TRY(fits(&found, r, pattern, layer, error));
        if (found)
            return read_alpha(alpha, r, "alpha_pattern", value, error);
    }
    return all ? read_alpha(alpha, r, "lora_alpha", all, error) : PB_OK;
}

pb_status pb_lora_scale(double *scale, const pb_lora_rules *r, const char *part, const char *layer,
                        size_t rank, const pb_stored *alpha, pb_error *error)
{
    double a = NAN;

    if (alpha)
        PB_TRY(pb_stored_number(alpha, &a, error));
    else
        PB_TRY(find_alpha(&a, r, part, layer, error));
    if (alpha && !isfinite(a))
        return pb_fail(error, PB_FORMAT, "%s: tensor %s: expected a finite number, found %g",
                       alpha->file, pb_quote(alpha->name).text, a);
    if (isnan(a))
        *scale = 1;
    else
        *scale =
            json_is_true(field(r, part, "use_rslora")) ? a / sqrt((double)rank) : a / (double)rank;
    return PB_OK;
}
