#include "models/locate.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ending.h"
#include "base/folder.h"
#include "base/memory.h"
#include "io/config.h"
#include "models/find.h"
#include "models/original/original.h"
#include "models/weights_files.h"

void pb_model_files_clear(pb_model_files *files)
{
    pb_free(files->folder);
    pb_free(files->index);
    pb_free(files->recommended);
    for (pb_role role = 0; role < PB_ROLES; role++)
        pb_part_clear(&files->parts[role]);
    pb_free(files->unused);
    pb_free(files->inferred);
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

/* Checks one component, ["library", "class"]. */
static void check_component(pb_config *index, const char *pipeline, const char *name,
                            const char *class)
{
    bool known;
    const pb_role role = pb_role_find(name, &known);
    const pb_kind kind = role < PB_ROLES ? pb_role_kind(role) : PB_KIND_ANY;

    if (!known)
        pb_config_fail(index, PB_UNSUPPORTED, name,
                       "a component of class %s is not read: %s is not supported", class, pipeline);
    else if (kind != PB_KIND_ANY && !pb_component_find(kind, class))
        pb_config_fail(index, PB_UNSUPPORTED, name, "%s with a %s is not supported: expected %s",
                       pipeline, class, pb_component_names(kind, "").text);
}

/* One may be optional: [null, null]. */
bool pb_pipeline_has(pb_config *index, const char *name, const char **class)
{
    const char *names[2];

    if (!pb_config_is_list(index, name) || pb_config_is_list_of_nulls(index, name) ||
        pb_config_strings(index, name, 2, names) != 2)
        return false;
    *class = names[1];
    return true;
}

pb_status pb_pipeline_check(pb_config *index, pb_error *error)
{
    const char *pipeline = pb_config_string(index, "_class_name", "a pipeline without a name");
    const char *key, *class;

    if (pb_config_status(index, NULL) == PB_OK && !pb_pipeline_has(index, "unet", &class))
        return pb_fail(error, PB_UNSUPPORTED, "%s: %s has no U-Net and is not supported",
                       pb_config_path(index), pipeline);
    if (pb_config_boolean(index, "requires_aesthetics_score", false))
        pb_config_fail(index, PB_UNSUPPORTED, "requires_aesthetics_score",
                       "true: the refiner of Stable Diffusion XL is not supported: its base is");
    for (size_t i = 0; (key = pb_config_key(index, i)) != NULL; i++)
        if (pb_pipeline_has(index, key, &class))
            check_component(index, pipeline, key, class);
    return pb_config_status(index, error);
}

/* The folder of a component, if the pipeline has it and it is there. One that is there and that the
 * pipeline does not name is not used. */
static pb_status find_component(pb_model_files *files, pb_config *index, pb_role role,
                                pb_error *error)
{
    pb_part *part = &files->parts[role];
    const char *class;

    PB_TRY(file_in(&part->folder, files->folder, pb_role_name(role), error));
    if (!part->folder)
        return PB_OK;
    if (pb_pipeline_has(index, pb_role_name(role), &class)) {
        part->component = pb_component_find(pb_role_kind(role), class);
        return PB_OK;
    }
    files->unused = pb_list_add(files->unused, part->folder);
    pb_free(part->folder);
    part->folder = NULL;
    return PB_OK;
}

/* Its files that are there. Weights that are missing or of another format are an error only when
 * they are needed: those of the network itself are. */
static pb_status list_files(pb_model_files *files, pb_role role, pb_error *error)
{
    static const char *const network[] = {"config.json", NULL};
    pb_part *part = &files->parts[role];
    const pb_component *component = part->component;
    const char *const *names = component ? component->files : network;
    pb_status status;

    for (size_t i = 0; names[i]; i++) {
        PB_TRY(file_in(&part->files[part->count], part->folder, names[i], error));
        part->count += part->files[part->count] != NULL;
    }
    if (component && !component->build)
        return PB_OK;
    status = pb_weights_locate(&part->weights, &files->unused, part->folder,
                               component ? component->library : PB_DIFFUSERS, error);
    return role == PB_ROLE_UNET || status == PB_MEMORY ? status : PB_OK;
}

/* The noise schedule: the model's own, or what is given for one that has none. */
static pb_status find_schedule(pb_model_files *files, const char *schedule, pb_error *error)
{
    pb_part *part = &files->parts[PB_ROLE_SCHEDULER];
    const char *name = files->index ? "scheduler/scheduler_config.json" : "scheduler_config.json";
    struct stat info;

    PB_TRY(file_in(&part->files[0], files->folder, name, error));
    part->count = part->files[0] != NULL;
    if (part->count)
        return schedule
                   ? pb_fail(error, PB_INVALID, "a schedule (%s) for a model that has its own: %s",
                             schedule, part->files[0])
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
    if (stat(schedule, &info))
        return pb_fail_system(error, schedule,
                              "expected the schedule \"ddpm\" or a scheduler_config.json");
    part->files[0] = pb_strdup(schedule);
    part->count = part->files[0] != NULL;
    return part->count ? PB_OK : pb_fail_memory(error, strlen(schedule), "a path");
}

static pb_status find_parts(pb_model_files *files, pb_config *index, const char *schedule,
                            pb_error *error)
{
    pb_part *unet = &files->parts[PB_ROLE_UNET];
    const char *class;
    char *config;

    PB_TRY(pb_pipeline_check(index, error));
    files->reads_none = !pb_config_boolean(index, "force_zeros_for_empty_prompt", true);
    if (pb_pipeline_has(index, "unet", &class))
        unet->component = pb_component_find(PB_KIND_DENOISER, class);
    PB_TRY(file_in(&config, files->folder, "unet/config.json", error));
    if (!config)
        return pb_fail(error, PB_IO, "%s has no unet/config.json: the network itself",
                       files->folder);
    pb_free(config);
    PB_TRY(find_schedule(files, schedule, error));
    PB_TRY(file_in(&unet->folder, files->folder, "unet", error));
    PB_TRY(list_files(files, PB_ROLE_UNET, error));
    for (pb_role role = PB_ROLE_VAE; role < PB_ROLES; role++)
        PB_TRY(find_component(files, index, role, error));
    for (pb_role role = PB_ROLE_VAE; role < PB_ROLES; role++)
        if (files->parts[role].folder)
            PB_TRY(list_files(files, role, error));
    return PB_OK;
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
    char *config;

    PB_TRY(file_in(&config, files->folder, "config.json", error));
    if (config) {
        pb_free(config);
        PB_TRY(find_schedule(files, schedule, error));
        files->parts[PB_ROLE_UNET].folder = pb_strdup(files->folder);
        if (!files->parts[PB_ROLE_UNET].folder)
            return pb_fail_memory(error, strlen(files->folder) + 1, "a path");
        return list_files(files, PB_ROLE_UNET, error);
    }
    return pb_fail(error, PB_UNSUPPORTED,
                   "%s: not a model in the diffusers layout: neither model_index.json nor "
                   "config.json is there%s",
                   files->folder, pb_weights_in(files->folder).text);
}

static pb_status find_in_folder(pb_model_files *files, const pb_model_options *options,
                                pb_error *error)
{
    if (options->prediction_type || options->config)
        return pb_fail(error, PB_INVALID,
                       "%s: a %s is for a model that is one file: a folder has its own",
                       files->folder,
                       options->config ? "folder of configs (--config)"
                                       : "prediction type (--prediction-type)");
    PB_TRY(file_in(&files->index, files->folder, "model_index.json", error));
    PB_TRY((files->index ? find_pipeline : find_flat)(files, options->schedule, error));
    return file_in(&files->recommended, files->folder, "pullback.json", error);
}

static pb_status find_in_file(pb_model_files *files, const pb_model_options *options,
                              pb_error *error)
{
    if (options->schedule)
        return pb_fail(error, PB_INVALID,
                       "a schedule (%s) for a model whose family has its own: %s",
                       options->schedule, files->folder);
    PB_TRY(pb_original_locate(files, options, error));
    for (pb_role role = PB_ROLE_TOKENIZER; role < PB_ROLES; role++)
        if (files->parts[role].folder)
            PB_TRY(list_files(files, role, error));
    return PB_OK;
}

/* An autoencoder from elsewhere: its folder, that of a pipeline, or a file. */
static pb_status find_vae(pb_model_files *files, const char *path, pb_error *error)
{
    static const char *const places[] = {"config.json", "vae/config.json"};
    pb_part *part = &files->parts[PB_ROLE_VAE];
    char *config = NULL;

    pb_original_forget_vae(files);
    if (!pb_is_folder(path))
        return pb_original_locate_vae(files, path, error);
    for (size_t i = 0; !config && i < 2; i++)
        PB_TRY(file_in(&config, path, places[i], error));
    if (!config)
        return pb_fail(error, PB_IO, "%s: no autoencoder: neither config.json nor vae/ is there",
                       path);
    pb_part_clear(part);
    part->component = pb_component_find(PB_KIND_AUTOENCODER, "AutoencoderKL");
    part->folder = config;
    *strrchr(config, '/') = '\0';
    PB_TRY(list_files(files, PB_ROLE_VAE, error));
    return part->weights
               ? PB_OK
               : pb_weights_locate(&part->weights, NULL, part->folder, PB_DIFFUSERS, error);
}

pb_status pb_model_locate(pb_model_files *files, const char *name, const pb_model_options *options,
                          pb_error *error)
{
    pb_status status;

    *files = (pb_model_files){0};
    status = pb_model_find(&files->folder, &files->unused, name, error);
    if (status == PB_OK)
        status =
            (pb_is_folder(files->folder) ? find_in_folder : find_in_file)(files, options, error);
    if (status == PB_OK && options->vae)
        status = find_vae(files, options->vae, error);
    if (status != PB_OK && files->unused && error) {
        const pb_error found = *error;
        pb_fail(error, status, "%s (not read: %s)", found.message, files->unused);
    }
    if (status != PB_OK)
        pb_model_files_clear(files);
    return status;
}
