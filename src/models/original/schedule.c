#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "models/original/parts.h"

/* What the sources say that the network predicts: the word of a scheduler's config, or NULL. */
typedef struct said {
    const char *option, *metadata, *marker, *yaml;
} said;

const char *pb_prediction_word(const char *word)
{
    static const struct {
        const char *from, *to;
    } words[] = {
        {"epsilon", "epsilon"},
        {"eps", "epsilon"},
        {"v", "v_prediction"},
        {"v_prediction", "v_prediction"},
        {"v-prediction", "v_prediction"},
        {"sample", "sample"},
        {"x0", "sample"},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(word, words[i].from))
            return words[i].to;
    return NULL;
}

/* ModelSpec: the prediction type where it is named (ComfyUI calls it predict_key), or by the
 * architecture, which names it too. */
static pb_status read_metadata(said *s, const pb_original *o, pb_release release, pb_error *error)
{
    const char *named = pb_weights_metadata(o->weights, "modelspec.architecture");
    const char *key = "modelspec.prediction_type", *type = pb_weights_metadata(o->weights, key);
    const pb_release_facts *facts = pb_release_of(release);

    if (named && strncmp(named, facts->architecture, strlen(facts->architecture)))
        return pb_fail(error, PB_FORMAT,
                       "%s: modelspec.architecture says \"%s\", but the tensors are those of %s",
                       o->path, named, facts->name);
    if (!type)
        type = pb_weights_metadata(o->weights, key = "modelspec.predict_key");
    if (type) {
        s->metadata = pb_prediction_word(type);
        if (!s->metadata)
            return pb_fail(error, PB_UNSUPPORTED, "%s: %s: expected epsilon or v, found \"%s\"",
                           o->path, key, type);
    } else if (named && !facts->prediction)
        s->metadata = strstr(named, "-768-v") ? "v_prediction"
                      : strstr(named, "-512") ? "epsilon"
                                              : NULL;
    return PB_OK;
}

/* A config of the original code that does not name it means epsilon. */
static pb_status read_yaml(said *s, const pb_original *o, pb_error *error)
{
    const char *word = json_string_value(json_object_get(o->yaml, "parameterization"));

    if (!o->yaml)
        return PB_OK;
    s->yaml = pb_prediction_word(word ? word : "eps");
    return s->yaml ? PB_OK
                   : pb_fail(error, PB_UNSUPPORTED,
                             "%s: the .yaml beside it: parameterization: expected eps, v or x0, "
                             "found \"%s\"",
                             o->path, word);
}

static pb_status find_prediction(const char **found, pb_original *o, const said *s,
                                 pb_release release, pb_error *error)
{
    const struct {
        const char *word, *from;
    } sources[] = {{s->metadata, "ModelSpec in the file"},
                   {s->marker, "v_pred in the file"},
                   {s->yaml, "the .yaml beside the file"}};
    const char *from = s->option ? "--prediction-type" : pb_release_of(release)->name;

    *found = s->option;
    for (size_t i = 0; !s->option && i < sizeof sources / sizeof *sources; i++) {
        if (!sources[i].word)
            continue;
        if (*found && strcmp(*found, sources[i].word))
            return pb_fail(error, PB_INVALID, "%s: %s says %s, %s %s: --prediction-type says which",
                           o->path, from, *found, sources[i].from, sources[i].word);
        if (!*found) {
            *found = sources[i].word;
            from = sources[i].from;
        }
    }
    if (!*found)
        *found = pb_release_of(release)->prediction;
    if (!*found)
        return pb_fail(error, PB_INVALID,
                       "%s: Stable Diffusion 2.x at 512 pixels predicts epsilon, at 768 "
                       "v_prediction, and nothing says which it is: --prediction-type epsilon or "
                       "--prediction-type v_prediction",
                       o->path);
    return pb_original_note(o, error, "prediction: %s (%s)", *found, from);
}

/* Pixels that ModelSpec names, "768x768", as latents; 0: it names none that are multiples of 8. */
static size_t read_size(const pb_original *o)
{
    const char *text = pb_weights_metadata(o->weights, "modelspec.resolution");
    unsigned width, height;

    if (!text || sscanf(text, "%4ux%4u", &width, &height) != 2 || width != height || width % 8)
        return 0;
    return width / 8;
}

/* The size of latents, which may follow from what is predicted. */
static size_t find_size(const pb_original *o, pb_release release, const json_t *config)
{
    const char *word = json_string_value(json_object_get(config, "prediction_type"));
    const size_t read = read_size(o);

    return read ? read : pb_release_of(release)->sample[word && !strcmp(word, "v_prediction")];
}

/* The betas, of the original config where it is there. */
static json_t *config_of(const pb_original *o, pb_release release, const char *prediction)
{
    const json_t *start = json_object_get(o->yaml, "linear_start"),
                 *end = json_object_get(o->yaml, "linear_end"),
                 *steps = json_object_get(o->yaml, "timesteps");

    return json_pack("{s:s, s:s, s:f, s:f, s:I, s:i, s:b, s:b, s:s, s:b}", "_class_name",
                     pb_release_of(release)->scheduler, "beta_schedule", "scaled_linear",
                     "beta_start", start ? json_number_value(start) : 0.00085, "beta_end",
                     end ? json_number_value(end) : 0.012, "num_train_timesteps",
                     steps ? json_integer_value(steps) : (json_int_t)1000, "steps_offset", 1,
                     "clip_sample", 0, "set_alpha_to_one", 0, "prediction_type", prediction,
                     "rescale_betas_zero_snr", pb_original_find(o, "ztsnr") != NULL);
}

pb_status pb_original_schedule(pb_part *part, pb_original *o, pb_release release,
                               const char *prediction, size_t *sample, pb_error *error)
{
    said s = {0};
    const char *found;

    s.option = prediction ? pb_prediction_word(prediction) : NULL;
    if (prediction && !s.option)
        return pb_fail(error, PB_INVALID,
                       "a prediction type \"%s\": expected epsilon, v_prediction or sample",
                       prediction);
    PB_TRY(pb_original_config(&part->config, o, PB_ROLE_SCHEDULER, error));
    if (part->config) {
        if (s.option)
            json_object_set_new(part->config, "prediction_type", json_string(s.option));
        *sample = find_size(o, release, part->config);
        return PB_OK;
    }
    PB_TRY(read_metadata(&s, o, release, error));
    PB_TRY(read_yaml(&s, o, error));
    s.marker = pb_original_find(o, "v_pred") ? "v_prediction" : NULL;
    PB_TRY(find_prediction(&found, o, &s, release, error));
    part->config = config_of(o, release, found);
    if (!part->config)
        return pb_fail_memory(error, 1, "a config");
    *sample = find_size(o, release, part->config);
    return pb_original_note(
        o, error, "schedule: scaled_linear%s (%s)",
        pb_original_find(o, "ztsnr") ? ", rescaled to no signal at its end" : "",
        json_object_get(o->yaml, "linear_start") ? "the .yaml beside the file"
                                                 : pb_release_of(release)->name);
}
