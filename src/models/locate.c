#include "models/locate.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "io/config.h"

void pb_model_files_clear(pb_model_files *files)
{
    pb_free(files->folder);
    pb_free(files->config);
    pb_free(files->weights);
    pb_free(files->scheduler);
    pb_free(files->recommended);
    pb_free(files->vae);
    pb_free(files->tokenizer);
    pb_free(files->text_encoder);
    for (size_t i = 0; i < files->part_count; i++)
        pb_free(files->parts[i]);
    *files = (pb_model_files){0};
}

static bool is_folder(const char *path)
{
    struct stat info;

    return path && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool exists(const char *path)
{
    struct stat info;

    return path && stat(path, &info) == 0;
}

/* -- the folder ------------------------------------------------------------------------------ */

/* Tries one place: takes path over (NULL: no memory for it); keeps it in *folder if it is a folder.
 */
static bool try_folder(char **folder, char *path)
{
    if (is_folder(path)) {
        *folder = path;
        return true;
    }
    pb_free(path);
    return false;
}

/* The newest folder in a folder, or NULL. */
static char *newest_folder(const char *path)
{
    DIR *directory = opendir(path);
    struct timespec newest = {0};
    struct dirent *entry;
    char *found = NULL;

    while (directory && (entry = readdir(directory)) != NULL) {
        struct stat info;
        char *candidate;
        if (entry->d_name[0] == '.')
            continue;
        candidate = pb_sprintf("%s/%s", path, entry->d_name);
        if (candidate && stat(candidate, &info) == 0 && S_ISDIR(info.st_mode) &&
            (!found || info.st_mtim.tv_sec > newest.tv_sec ||
             (info.st_mtim.tv_sec == newest.tv_sec && info.st_mtim.tv_nsec > newest.tv_nsec))) {
            newest = info.st_mtim;
            pb_free(found);
            found = candidate;
        } else
            pb_free(candidate);
    }
    if (directory)
        closedir(directory);
    return found;
}

/* owner/name in the Hugging Face cache: $HF_HOME/hub/models--owner--name/snapshots/NEWEST. */
static bool try_cache(char **folder, const char *name)
{
    const char *home = getenv("HF_HOME"), *user = getenv("HOME"), *slash = strchr(name, '/');
    char *snapshots, *newest;

    if (!slash || slash == name || strchr(slash + 1, '/') || !slash[1])
        return false;
    if (home && *home)
        snapshots = pb_sprintf("%s/hub/models--%.*s--%s/snapshots", home, (int)(slash - name), name,
                               slash + 1);
    else
        snapshots = pb_sprintf("%s/.cache/huggingface/hub/models--%.*s--%s/snapshots",
                               user ? user : "", (int)(slash - name), name, slash + 1);
    newest = snapshots ? newest_folder(snapshots) : NULL;
    pb_free(snapshots);
    return newest && try_folder(folder, newest);
}

static pb_status find_folder(char **folder, const char *name, pb_error *error)
{
    if (!*name)
        return pb_fail(error, PB_INVALID, "a model's name is empty");
    if (try_folder(folder, pb_strdup(name)))
        return PB_OK;
    if (exists(name))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: a model is a folder in the diffusers layout, not a single file", name);
    if (name[0] != '/' && (try_folder(folder, pb_sprintf("models/%s", name)) ||
                           try_folder(folder, pb_sprintf("%s/models/%s", PB_DATA_DIR, name)) ||
                           try_cache(folder, name)))
        return PB_OK;
    return pb_fail(error, PB_IO,
                   "%s: no such model: looked for a folder of that name, here, in models/, in "
                   "%s/models and in the Hugging Face cache",
                   name, PB_DATA_DIR);
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
    size_t length = strlen(ending);
    struct dirent *entry;
    char *found = NULL;

    while (directory && !found && (entry = readdir(directory)) != NULL) {
        size_t n = strlen(entry->d_name);
        if (n > length && !strcmp(entry->d_name + n - length, ending))
            found = pb_strdup(entry->d_name);
    }
    if (directory)
        closedir(directory);
    return found;
}

pb_status pb_weights_locate(char **weights, const char *folder, const char *stem, pb_error *error)
{
    /* Of a variant, diffusers and transformers put its name before the last ending. */
    static const char *const endings[] = {"safetensors", "safetensors.index.json",
                                          "fp16.safetensors", "safetensors.index.fp16.json"};
    static const char *const others[] = {".bin",     ".ckpt", ".pt",  ".pth",
                                         ".msgpack", ".h5",   ".onnx"};

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *name = pb_sprintf("%s.%s", stem, endings[i]);
        pb_status status = name ? file_in(weights, folder, name, error)
                                : pb_fail_memory(error, strlen(stem) + 32, "a path");
        pb_free(name);
        if (status != PB_OK || *weights)
            return status;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *found = file_ending(folder, others[i]);
        if (found) {
            pb_status status = pb_fail(error, PB_UNSUPPORTED,
                                       "%s/%s: weights in this format are not read: expected "
                                       "%s.safetensors (convert them with "
                                       "save_pretrained(…, safe_serialization=True))",
                                       folder, found, stem);
            pb_free(found);
            return status;
        }
    }
    return pb_fail(error, PB_IO, "%s: no weights: expected %s.safetensors, one file or sharded",
                   folder, stem);
}

/* A pipeline: model_index.json says of what classes its parts are. */
static pb_status check_pipeline(const char *path, pb_error *error)
{
    const char *unet[2], *class;
    pb_status status = PB_OK;
    pb_config *config;
    size_t count;

    PB_TRY(pb_config_open(&config, path, error));
    class = pb_config_string(config, "_class_name", "a pipeline without a name");
    count = pb_config_is_list(config, "unet") ? pb_config_strings(config, "unet", 2, unet) : 0;
    if (pb_config_status(config, NULL) != PB_OK)
        status = pb_config_status(config, error);
    else if (count != 2)
        status =
            pb_fail(error, PB_UNSUPPORTED, "%s: %s has no U-Net and is not supported", path, class);
    else if (strcmp(unet[1], "UNet2DModel") && strcmp(unet[1], "UNet2DConditionModel"))
        status = pb_fail(error, PB_UNSUPPORTED,
                         "%s: %s with a %s is not supported: expected a UNet2DModel or a "
                         "UNet2DConditionModel",
                         path, class, unet[1]);
    pb_config_free(config);
    return status;
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
static pb_status add_weights(pb_model_files *files, const char *folder, const char *stem,
                             pb_error *error)
{
    pb_status status;
    char *path;

    if (!folder)
        return PB_OK;
    status = pb_weights_locate(&path, folder, stem, error);
    if (status == PB_OK)
        files->parts[files->part_count++] = path;
    return status == PB_MEMORY ? status : PB_OK;
}

static pb_status list_parts(pb_model_files *files, pb_error *error)
{
    static const char *const tokens[PB_TOKENIZER_FILES] = {
        "vocab.json",        "merges.txt",     "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "tokenizer.json",
    };

    PB_TRY(add_part(files, files->vae, "config.json", error));
    PB_TRY(add_weights(files, files->vae, PB_DIFFUSERS_WEIGHTS, error));
    PB_TRY(add_part(files, files->text_encoder, "config.json", error));
    PB_TRY(add_weights(files, files->text_encoder, PB_TRANSFORMERS_WEIGHTS, error));
    for (size_t i = 0; i < PB_TOKENIZER_FILES; i++)
        PB_TRY(add_part(files, files->tokenizer, tokens[i], error));
    return PB_OK;
}

/* A file that no command does without; why: what it is. */
static pb_status need(const char *folder, const char *name, const char *why, pb_error *error)
{
    char *path;

    PB_TRY(file_in(&path, folder, name, error));
    if (!path)
        return pb_fail(error, PB_IO, "%s has no %s: %s", folder, name, why);
    pb_free(path);
    return PB_OK;
}

static pb_status find_pipeline(pb_model_files *files, const char *index, pb_error *error)
{
    char *unet;
    pb_status status;

    PB_TRY(check_pipeline(index, error));
    PB_TRY(need(files->folder, "unet/config.json", "the network itself", error));
    PB_TRY(need(files->folder, "scheduler/scheduler_config.json",
                "the noise schedule is part of a model", error));
    unet = pb_sprintf("%s/unet", files->folder);
    if (!unet)
        return pb_fail_memory(error, strlen(files->folder) + 6, "a path");
    files->config = pb_sprintf("%s/config.json", unet);
    files->scheduler = pb_sprintf("%s/scheduler/scheduler_config.json", files->folder);
    status = pb_weights_locate(&files->weights, unet, PB_DIFFUSERS_WEIGHTS, error);
    pb_free(unet);
    PB_TRY(status);
    PB_TRY(file_in(&files->vae, files->folder, "vae", error));
    PB_TRY(file_in(&files->tokenizer, files->folder, "tokenizer", error));
    PB_TRY(file_in(&files->text_encoder, files->folder, "text_encoder", error));
    return list_parts(files, error);
}

static pb_status find_flat(pb_model_files *files, pb_error *error)
{
    files->config = pb_sprintf("%s/config.json", files->folder);
    files->scheduler = pb_sprintf("%s/scheduler_config.json", files->folder);
    if (!files->config || !files->scheduler)
        return pb_fail_memory(error, strlen(files->folder) + 24, "a path");
    if (!exists(files->config)) {
        char *single = file_ending(files->folder, ".ckpt");
        pb_status status;

        if (!single)
            single = file_ending(files->folder, ".safetensors");
        status = pb_fail(error, PB_UNSUPPORTED,
                         "%s: not a model in the diffusers layout: neither model_index.json nor "
                         "config.json is there%s%s",
                         files->folder, single ? ", only " : "", single ? single : "");
        pb_free(single);
        return status;
    }
    if (!exists(files->scheduler))
        return pb_fail(error, PB_IO,
                       "%s: no scheduler_config.json beside config.json: the noise schedule is "
                       "part of a model",
                       files->folder);
    return pb_weights_locate(&files->weights, files->folder, PB_DIFFUSERS_WEIGHTS, error);
}

pb_status pb_model_locate(pb_model_files *files, const char *name, pb_error *error)
{
    char *index = NULL;
    pb_status status;

    *files = (pb_model_files){0};
    status = find_folder(&files->folder, name, error);
    if (status == PB_OK)
        status = file_in(&index, files->folder, "model_index.json", error);
    if (status == PB_OK)
        status = index ? find_pipeline(files, index, error) : find_flat(files, error);
    if (status == PB_OK)
        status = file_in(&files->recommended, files->folder, "pullback.json", error);
    pb_free(index);
    if (status == PB_OK && (!files->config || !files->scheduler || !files->weights))
        status = pb_fail_memory(error, strlen(files->folder), "a path");
    if (status != PB_OK)
        pb_model_files_clear(files);
    return status;
}
