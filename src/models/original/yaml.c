#include "models/original/yaml.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/plain.h"
#include "io/json.h"
#include "io/yaml.h"
#include "models/original/beside.h"

/* A value that must be a number, in quotes too, perhaps a whole one. */
static pb_status set_number(json_t *settings, const char *key, const json_t *value, bool whole,
                            const char *path, pb_error *error)
{
    const char *text = json_string_value(value);
    double number = json_number_value(value);
    char *end = NULL;

    if (text)
        number = pb_plain_number(text, &end);
    if (text ? end == text || *end || !isfinite(number) : !json_is_number(value))
        return pb_fail(error, PB_FORMAT, "%s: %s: expected a number, found %s", path, key,
                       pb_json_found(value).text);
    if (whole && (number != floor(number) || fabs(number) > 1e9))
        return pb_fail(error, PB_FORMAT, "%s: %s: expected a whole number, found %s", path, key,
                       pb_json_found(value).text);
    json_object_set_new(settings, key,
                        whole ? json_integer((json_int_t)number) : json_real(number));
    return PB_OK;
}

/* Of the code that trained XL: by which class the output is scaled says what is predicted. The word
 * of parameterization, or the class where it is another; NULL: it does not say. */
static const char *read_scaling(const json_t *params)
{
    const json_t *denoiser = json_object_get(json_object_get(params, "denoiser_config"), "params");
    const char *text =
        json_string_value(json_object_get(json_object_get(denoiser, "scaling_config"), "target"));

    if (text && pb_ends_with(text, ".EpsScaling"))
        return "eps";
    return text && pb_ends_with(text, ".VScaling") ? "v" : text;
}

static pb_status read_settings(json_t *settings, const json_t *root, const char *path,
                               pb_error *error)
{
    static const char *const numbers[] = {"linear_start", "linear_end", "scale_factor"};
    static const char *const heads[] = {"num_heads", "num_head_channels"};
    const json_t *params = json_object_get(json_object_get(root, "model"), "params"), *value;
    const json_t *config = json_object_get(params, "unet_config");
    const json_t *unet =
        json_object_get(config ? config : json_object_get(params, "network_config"), "params");
    const char *word;

    if (!params)
        return pb_fail(error, PB_FORMAT,
                       "%s: expected a config of the original training code (model: params: …)",
                       path);
    value = json_object_get(params, "parameterization");
    if (value && !json_is_string(value))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: parameterization: expected eps, v or x0, found %s", path,
                       pb_json_found(value).text);
    word = value ? json_string_value(value) : read_scaling(params);
    if (word)
        json_object_set_new(settings, "parameterization", json_string(word));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if ((value = json_object_get(params, numbers[i])) != NULL)
            PB_TRY(set_number(settings, numbers[i], value, false, path, error));
    if ((value = json_object_get(params, "timesteps")) != NULL)
        PB_TRY(set_number(settings, "timesteps", value, true, path, error));
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if ((value = json_object_get(unet, heads[i])) != NULL)
            PB_TRY(set_number(settings, heads[i], value, true, path, error));
    return PB_OK;
}

pb_status pb_original_yaml(json_t **settings, const char *path, pb_error *error)
{
    json_t *root = NULL;
    char *beside;
    pb_status status;

    *settings = NULL;
    PB_TRY(pb_beside(&beside, path, "yaml", error));
    if (!beside)
        return PB_OK;
    status = pb_yaml_read(&root, beside, error);
    *settings = status == PB_OK ? json_object() : NULL;
    if (status == PB_OK)
        status = *settings ? read_settings(*settings, root, beside, error)
                           : pb_fail_memory(error, 1, beside);
    if (status != PB_OK) {
        json_decref(*settings);
        *settings = NULL;
    }
    json_decref(root);
    pb_free(beside);
    return status;
}
