#include "models/locate.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ending.h"
#include "base/memory.h"
#include "io/config.h"
#include "models/find.h"
#include "models/weights_files.h"

void pb_model_files_clear(pb_model_files *files)
{
    pb_free(files->folder);
    pb_free(files->index);
    pb_free(files->config);
    pb_free(files->weights);
    pb_free(files->scheduler);
    pb_free(files->recommended);
    pb_free(files->vae);
    pb_free(files->tokenizer);
    pb_free(files->text_encoder);
    for (size_t i = 0; i < files->part_count; i++)
        pb_free(files->parts[i]);
    for (size_t i = 0; i < files->part_weights_count; i++)
        pb_free(files->part_weights[i]);
    pb_free(files->unused);
    *files = (pb_model_files){0};
}

static bool exists(const char *path)
{
    struct stat info;

    return path && stat(path, &info) == 0;
}

/* -- the files ------------------------------------------------------------------------------- */

/* *path = FOLDER/NAME if it exists, else NULL. Errors: PB_MEMORY. */
static pb_status file_in(char **path, const char *folder, const char *name, pb_error *error)
{
    *path = pb_sprintf("%s/%s", folder, name);
    if (!*path)
        return pb_fail_memory(error, strlen(folder) + strlen(name) + 2, "a path");
    if (!exists(*path)) {
        pb_free(*path);
        *path = NULL;
    }
    return PB_OK;
}

/* A file of the folder whose name ends so, or NULL: its name, not its path. */
static char *file_ending(const char *folder, const char *ending)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    char *found = NULL;

    while (directory && !found && (entry = readdir(directory)) != NULL)
        if (pb_ends_with(entry->d_name, ending))
            found = pb_strdup(entry->d_name);
    if (directory)
        closedir(directory);
    return found;
}

/* What a pipeline may consist of: the classes that are read, by component. The others in
 * model_index.json must be such that results do not depend on them. */
typedef struct component {
    const char *name;
    const char *classes[3]; /* NULL: of any class */
} component;

static const component components[] = {
    {"unet", {"UNet2DModel", "UNet2DConditionModel"}},
    {"scheduler", {NULL}}, /* by its own config */
    {"vae", {"AutoencoderKL"}},
    {"tokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"}},
    {"text_encoder", {"CLIPTextModel"}},
    {"safety_checker", {NULL}},    /* blackens pictures */
    {"feature_extractor", {NULL}}, /* of the safety checker */
    {"image_encoder", {NULL}},     /* of pictures as prompts, which nothing here takes */
};

/* Checks one component, ["library", "class"]. */
static void check_component(pb_config *index, const char *pipeline, const char *name,
                            const char *class)
{
    const component *c = NULL;
    size_t i = 0;

    for (size_t k = 0; k < sizeof components / sizeof *components; k++)
        if (!strcmp(components[k].name, name))
            c = &components[k];
    if (!c) {
        pb_config_fail(index, PB_UNSUPPORTED, name,
                       "a component of class %s is not read: %s is not supported", class, pipeline);
        return;
    }
    while (c->classes[i] && strcmp(c->classes[i], class))
        i++;
    if (c->classes[0] && !c->classes[i])
        pb_config_fail(
            index, PB_UNSUPPORTED, name, "%s with a %s is not supported: expected %s%s%s", pipeline,
            class, c->classes[0], c->classes[1] ? " or " : "", c->classes[1] ? c->classes[1] : "");
}

/* Does a pipeline have this component? One may be optional: [null, null]. */
static bool has_component(pb_config *index, const char *name, const char **class)
{
    const char *names[2];

    if (!pb_config_is_list(index, name) || pb_config_is_list_of_nulls(index, name) ||
        pb_config_strings(index, name, 2, names) != 2)
        return false;
    *class = names[1];
    return true;
}

/* A pipeline: model_index.json says of what classes its parts are. */
static pb_status check_pipeline(pb_config *index, pb_error *error)
{
    const char *pipeline = pb_config_string(index, "_class_name", "a pipeline without a name");
    const char *key, *class;

    if (pb_config_status(index, NULL) == PB_OK && !has_component(index, "unet", &class))
        return pb_fail(error, PB_UNSUPPORTED, "%s: %s has no U-Net and is not supported",
                       pb_config_path(index), pipeline);
    for (size_t i = 0; (key = pb_config_key(index, i)) != NULL; i++)
        if (has_component(index, key, &class))
            check_component(index, pipeline, key, class);
    return pb_config_status(index, error);
}

/* Adds FOLDER/NAME to the parts if it exists. */
static pb_status add_part(pb_model_files *files, const char *folder, const char *name,
                          pb_error *error)
{
    char *path = NULL;

    if (!folder)
        return PB_OK;
    PB_TRY(file_in(&path, folder, name, error));
    if (path)
        files->parts[files->part_count++] = path;
    return PB_OK;
}

/* Weights that are missing or of another format are an error only when they are needed. */
static pb_status add_weights(pb_model_files *files, const char *folder, pb_family family,
                             pb_error *error)
{
    pb_status status;
    char *path;

    if (!folder)
        return PB_OK;
    status = pb_weights_locate(&path, &files->unused, folder, family, error);
    if (status == PB_OK)
        files->part_weights[files->part_weights_count++] = path;
    return status == PB_MEMORY ? status : PB_OK;
}

static pb_status list_parts(pb_model_files *files, pb_error *error)
{
    static const char *const tokens[PB_TOKENIZER_FILES] = {
        "vocab.json",        "merges.txt",     "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "tokenizer.json",
    };

    PB_TRY(add_part(files, files->vae, "config.json", error));
    PB_TRY(add_weights(files, files->vae, PB_DIFFUSERS, error));
    PB_TRY(add_part(files, files->text_encoder, "config.json", error));
    PB_TRY(add_weights(files, files->text_encoder, PB_TRANSFORMERS, error));
    for (size_t i = 0; i < PB_TOKENIZER_FILES; i++)
        PB_TRY(add_part(files, files->tokenizer, tokens[i], error));
    return PB_OK;
}

/* The folder of a component, if the pipeline has it and it is there. One that is there and that the
 * pipeline does not name is not used. */
static pb_status find_component(char **path, pb_model_files *files, pb_config *index,
                                const char *name, pb_error *error)
{
    const char *class;

    PB_TRY(file_in(path, files->folder, name, error));
    if (!*path || has_component(index, name, &class))
        return PB_OK;
    files->unused = pb_list_add(files->unused, *path);
    pb_free(*path);
    *path = NULL;
    return PB_OK;
}

/* The noise schedule: the model's own, or what is given for one that has none. */
static pb_status find_schedule(pb_model_files *files, const char *schedule, pb_error *error)
{
    const char *name = files->index ? "scheduler/scheduler_config.json" : "scheduler_config.json";

    PB_TRY(file_in(&files->scheduler, files->folder, name, error));
    if (files->scheduler)
        return schedule
                   ? pb_fail(error, PB_INVALID, "a schedule (%s) for a model that has its own: %s",
                             schedule, files->scheduler)
                   : PB_OK;
    if (!schedule)
        return pb_fail(
            error, PB_IO,
            "%s has no %s: the noise schedule is part of a model. Put that of the "
            "pipeline there (scheduler.save_pretrained writes it), or, where the network "
            "was trained on DDPMScheduler's defaults or only the network matters, give "
            "the schedule \"ddpm\" (--schedule ddpm)",
            files->folder, name);
    if (!strcmp(schedule, "ddpm"))
        return PB_OK;
    files->scheduler = pb_strdup(schedule);
    return files->scheduler ? PB_OK : pb_fail_memory(error, strlen(schedule), "a path");
}

static pb_status find_parts(pb_model_files *files, pb_config *index, const char *schedule,
                            pb_error *error)
{
    char *unet;
    pb_status status;

    PB_TRY(check_pipeline(index, error));
    PB_TRY(file_in(&files->config, files->folder, "unet/config.json", error));
    if (!files->config)
        return pb_fail(error, PB_IO, "%s has no unet/config.json: the network itself",
                       files->folder);
    PB_TRY(find_schedule(files, schedule, error));
    unet = pb_sprintf("%s/unet", files->folder);
    if (!unet)
        return pb_fail_memory(error, strlen(files->folder) + 6, "a path");
    status = pb_weights_locate(&files->weights, &files->unused, unet, PB_DIFFUSERS, error);
    pb_free(unet);
    PB_TRY(status);
    PB_TRY(find_component(&files->vae, files, index, "vae", error));
    PB_TRY(find_component(&files->tokenizer, files, index, "tokenizer", error));
    PB_TRY(find_component(&files->text_encoder, files, index, "text_encoder", error));
    return list_parts(files, error);
}

static pb_status find_pipeline(pb_model_files *files, const char *schedule, pb_error *error)
{
    pb_config *index;
    pb_status status;

    PB_TRY(pb_config_open(&index, files->index, error));
    status = find_parts(files, index, schedule, error);
    pb_config_free(index);
    return status;
}

static pb_status find_flat(pb_model_files *files, const char *schedule, pb_error *error)
{
    char *single;
    pb_status status;

    PB_TRY(file_in(&files->config, files->folder, "config.json", error));
    if (files->config) {
        PB_TRY(find_schedule(files, schedule, error));
        return pb_weights_locate(&files->weights, &files->unused, files->folder, PB_DIFFUSERS,
                                 error);
    }
    single = file_ending(files->folder, ".ckpt");
    if (!single)
        single = file_ending(files->folder, ".safetensors");
    status = pb_fail(error, PB_UNSUPPORTED,
                     "%s: not a model in the diffusers layout: neither model_index.json nor "
                     "config.json is there%s%s",
                     files->folder, single ? ", only " : "", single ? single : "");
    pb_free(single);
    return status;
}

pb_status pb_model_locate(pb_model_files *files, const char *name, const char *schedule,
                          pb_error *error)
{
    pb_status status;

    *files = (pb_model_files){0};
    status = pb_model_find(&files->folder, &files->unused, name, error);
    if (status == PB_OK)
        status = file_in(&files->index, files->folder, "model_index.json", error);
    if (status == PB_OK)
        status = (files->index ? find_pipeline : find_flat)(files, schedule, error);
    if (status == PB_OK)
        status = file_in(&files->recommended, files->folder, "pullback.json", error);
    if (status != PB_OK && files->unused && error) {
        const pb_error found = *error;
        pb_fail(error, status, "%s (not read: %s)", found.message, files->unused);
    }
    if (status != PB_OK)
        pb_model_files_clear(files);
    return status;
}
