#include "models/original/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/plain.h"
#include "io/json.h"

#define MOST_BYTES ((off_t)1 << 20)

/* The value of a key of a mapping; NULL: it is not there. */
static yaml_node_t *member(yaml_document_t *d, const yaml_node_t *map, const char *key)
{
    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *name = yaml_document_get_node(d, p->key);
        if (name && name->type == YAML_SCALAR_NODE && name->data.scalar.length == strlen(key) &&
            !memcmp(name->data.scalar.value, key, name->data.scalar.length))
            return yaml_document_get_node(d, p->value);
    }
    return NULL;
}

/* A scalar that must be a number, perhaps a whole one. */
static pb_status set_number(json_t *settings, const char *key, const yaml_node_t *value, bool whole,
                            const char *path, pb_error *error)
{
    const char *text =
        value->type == YAML_SCALAR_NODE ? (const char *)value->data.scalar.value : "";
    double number = 0;
    char *end = NULL;

    if (value->type == YAML_SCALAR_NODE)
        number = pb_plain_number(text, &end);
    if (!end || end == text || *end || !isfinite(number))
        return pb_fail(error, PB_FORMAT, "%s: %s: expected a number, found %s", path, key,
                       value->type == YAML_SCALAR_NODE ? pb_quote(text).text : "none");
    if (whole && (number != floor(number) || fabs(number) > 1e9))
        return pb_fail(error, PB_FORMAT, "%s: %s: expected a whole number, found %s", path, key,
                       pb_quote(text).text);
    json_object_set_new(settings, key,
                        whole ? json_integer((json_int_t)number) : json_real(number));
    return PB_OK;
}

/* Of the code that trained XL: by which class the output is scaled says what is predicted. The word
 * of parameterization, or the class where it is another; NULL: it does not say. */
static const char *read_scaling(yaml_document_t *d, const yaml_node_t *params)
{
    const yaml_node_t *denoiser = member(d, member(d, params, "denoiser_config"), "params");
    const yaml_node_t *class = member(d, member(d, denoiser, "scaling_config"), "target");
    const char *text =
        class && class->type == YAML_SCALAR_NODE ? (const char *)class->data.scalar.value : NULL;

    if (text && pb_ends_with(text, ".EpsScaling"))
        return "eps";
    return text && pb_ends_with(text, ".VScaling") ? "v" : text;
}

static pb_status read_settings(json_t *settings, yaml_document_t *d, const char *path,
                               pb_error *error)
{
    static const char *const numbers[] = {"linear_start", "linear_end", "scale_factor"};
    static const char *const heads[] = {"num_heads", "num_head_channels"};
    const yaml_node_t *root = yaml_document_get_root_node(d), *value;
    const yaml_node_t *params = member(d, member(d, root, "model"), "params");
    const yaml_node_t *config = member(d, params, "unet_config");
    const yaml_node_t *unet =
        member(d, config ? config : member(d, params, "network_config"), "params");
    const char *scaling;

    if (!params)
        return pb_fail(error, PB_FORMAT,
                       "%s: expected a config of the original training code (model: params: …)",
                       path);
    value = member(d, params, "parameterization");
    if (value && value->type == YAML_SCALAR_NODE)
        json_object_set_new(settings, "parameterization",
                            json_string((const char *)value->data.scalar.value));
    else if ((scaling = read_scaling(d, params)) != NULL)
        json_object_set_new(settings, "parameterization", json_string(scaling));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if ((value = member(d, params, numbers[i])) != NULL)
            PB_TRY(set_number(settings, numbers[i], value, false, path, error));
    if ((value = member(d, params, "timesteps")) != NULL)
        PB_TRY(set_number(settings, "timesteps", value, true, path, error));
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if ((value = member(d, unet, heads[i])) != NULL)
            PB_TRY(set_number(settings, heads[i], value, true, path, error));
    return PB_OK;
}

static pb_status parse(json_t *settings, FILE *file, const char *path, pb_error *error)
{
    yaml_parser_t parser;
    yaml_document_t document;
    pb_status status;

    if (!yaml_parser_initialize(&parser))
        return pb_fail_memory(error, sizeof parser, path);
    yaml_parser_set_input_file(&parser, file);
    if (yaml_parser_load(&parser, &document)) {
        status = read_settings(settings, &document, path, error);
        yaml_document_delete(&document);
    } else if (parser.error == YAML_MEMORY_ERROR)
        status = pb_fail_memory(error, 1, path);
    else
        status = pb_fail(error, PB_FORMAT, "%s: line %zu: %s", path, parser.problem_mark.line + 1,
                         parser.problem ? parser.problem : "not YAML");
    yaml_parser_delete(&parser);
    return status;
}

static pb_status read_file(json_t **settings, FILE *file, const char *path, pb_error *error)
{
    struct stat info;

    if (fstat(fileno(file), &info))
        return pb_fail_system(error, path, NULL);
    if (info.st_size > MOST_BYTES)
        return pb_fail(error, PB_FORMAT, "%s: expected at most %jd bytes, found %jd", path,
                       (intmax_t)MOST_BYTES, (intmax_t)info.st_size);
    *settings = json_object();
    return *settings ? parse(*settings, file, path, error) : pb_fail_memory(error, 1, path);
}

pb_status pb_original_yaml(json_t **settings, const char *path, pb_error *error)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    const size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);
    char *beside = pb_sprintf("%.*s.yaml", (int)stem, path);
    pb_status status = PB_OK;
    FILE *file;

    *settings = NULL;
    if (!beside)
        return pb_fail_memory(error, stem, "a path");
    file = fopen(beside, "re");
    if (file) {
        status = read_file(settings, file, beside, error);
        fclose(file);
    } else if (errno != ENOENT)
        status = pb_fail_system(error, beside, NULL);
    if (status != PB_OK) {
        json_decref(*settings);
        *settings = NULL;
    }
    pb_free(beside);
    return status;
}
