/* Which model this is: the hash of its files. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/plain.h"
#include "base/run.h"
#include "io/file.h"
#include "io/json.h"
#include "models/model.h"

/* A file that results depend on. */
typedef struct entry {
    const char *path;    /* owned by the model, or by file_list.opened */
    const pb_file *open; /* the file itself where it is open, whatever has its name now; or NULL */
} entry;

/* All of them, each once. */
typedef struct file_list {
    entry *entries;
    size_t count, room;
    pb_weights *opened[PB_ROLES]; /* of parts */
} file_list;

static void clear(file_list *list)
{
    for (size_t i = 0; i < PB_ROLES; i++)
        pb_weights_free(list->opened[i]);
    pb_free(list->entries);
}

static pb_status add(file_list *list, const char *path, const pb_file *open, pb_error *error)
{
    if (!path)
        return PB_OK;
    for (size_t i = list->count; i-- > 0;)
        if (!strcmp(list->entries[i].path, path))
            return PB_OK;
    if (list->count == list->room) {
        entry *grown = pb_grow(list->entries, list->count, &list->room, sizeof *grown);
        if (!grown)
            return pb_fail_memory(error, 2 * list->room * sizeof *grown, "file names");
        list->entries = grown;
    }
    list->entries[list->count++] = (entry){path, open};
    return PB_OK;
}

/* The files of weights, which are open, and their index if it is another. */
static pb_status add_weights(file_list *list, const char *path, const pb_weights *weights,
                             pb_error *error)
{
    for (size_t i = 0; i < pb_weights_count(weights); i++) {
        const pb_file *file = pb_weights_at(weights, i)->source;
        PB_TRY(add(list, file->path, file, error));
    }
    return add(list, path, NULL, error);
}

/* The files that are read by name, when they are needed: the pipeline's index, the network's
 * config, the noise schedule, the other components' configs and vocabularies, and LoRAs' configs.
 */
static pb_status add_named(file_list *list, const pb_model *model, pb_error *error)
{
    const pb_model_files *files = &model->files;

    PB_TRY(add(list, files->index, NULL, error));
    for (pb_role i = 0; i < PB_ROLES; i++)
        for (size_t j = 0; j < files->parts[i].count; j++)
            PB_TRY(add(list, files->parts[i].files[j], NULL, error));
    for (size_t i = 0; i < model->loras.count; i++)
        PB_TRY(add(list, model->loras.files[i].config, NULL, error));
    return PB_OK;
}

/* All that can change a number: those, and all weights. pullback.json is none of it: what it
 * recommends is written into every result. */
static pb_status list_files(const pb_model *model, file_list *list, pb_error *error)
{
    const pb_model_files *files = &model->files;

    *list = (file_list){0};
    PB_TRY(add_named(list, model, error));
    PB_TRY(add_weights(list, files->parts[PB_ROLE_UNET].weights, model->weights, error));
    for (size_t i = PB_ROLE_UNET + 1; i < PB_ROLES; i++) {
        const char *path = files->parts[i].weights;
        pb_weights *selected = files->parts[i].selected;
        if (selected)
            list->opened[i] = pb_weights_share(selected);
        else if (path)
            PB_TRY(pb_weights_open(&list->opened[i], path, error));
        if (list->opened[i])
            PB_TRY(add_weights(list, path, list->opened[i], error));
    }
    for (size_t i = 0; i < model->loras.count; i++)
        PB_TRY(add_weights(list, NULL, model->loras.files[i].weights, error));
    return PB_OK;
}

/* text + a line about a file; frees text. NULL: no memory. */
static char *add_line(char *text, const char *name, const char *what)
{
    char *longer = pb_sprintf("%s%s|%s\n", text, name, what);

    pb_free(text);
    return longer;
}

/* What is left of a path in a folder (or NULL) behind it; NULL: it lies elsewhere. */
static const char *within(const char *folder, const char *path)
{
    size_t n = folder ? strlen(folder) : 0;

    return n && !strncmp(path, folder, n) && path[n] == '/' ? path + n + 1 : NULL;
}

/* The first LoRA that a path belongs to, its file or its config, whatever it is called; their
 * count: none. */
static size_t lora_of(const pb_model *model, const char *path)
{
    const pb_loras *loras = &model->loras;
    size_t i = 0;

    while (i < loras->count && strcmp(path, loras->files[i].path) &&
           (!loras->files[i].config || strcmp(path, loras->files[i].config)))
        i++;
    return i;
}

/* A file's name within the model's folder, pb_free's: what it is called decides what it is read as.
 * What lies elsewhere is called as the model's own would be: a schedule, a part; a part in a file
 * of its own by its role, and the file that is the model "model"; LoRAs by their number. */
static char *name_in(const pb_model *model, const char *path)
{
    const pb_part *parts = model->files.parts;
    const char *rest = within(model->files.folder, path);
    const size_t lora = lora_of(model, path);

    if (lora < model->loras.count)
        return pb_sprintf("lora.%zu%s", lora,
                          strcmp(path, model->loras.files[lora].path) ? "/config" : "");
    if (rest)
        return pb_strdup(rest);
    if (!strcmp(path, model->files.folder))
        return pb_strdup("model");
    for (pb_role i = 0; i < PB_ROLES; i++) {
        rest = within(parts[i].folder, path);
        if (rest)
            return pb_sprintf("%s/%s", pb_role_name(i), rest);
        if (parts[i].selected && !strcmp(path, pb_part_place(&parts[i])))
            return pb_strdup(pb_role_name(i));
    }
    return pb_strdup("scheduler_config.json");
}

/* text + a line for every config that is no file: inferred ones are what the options and all that
 * lies beside the weights come to. Frees text. NULL: no memory. */
static char *add_configs(char *text, const pb_model *model)
{
    for (pb_role i = 0; text && i < PB_ROLES; i++) {
        const json_t *config = model->files.parts[i].config;
        char *dump = config ? json_dumps(config, JSON_SORT_KEYS | JSON_COMPACT) : NULL, digest[65];
        char *name = pb_sprintf("%s/config", pb_role_name(i));

        if ((config && !dump) || !name) {
            pb_free(text);
            text = NULL;
        } else if (config) {
            pb_sha256(dump, strlen(dump), digest);
            text = add_line(text, name, digest);
        }
        pb_free(name);
        free(dump);
    }
    return text;
}

/* text + a line for every LoRA: its weight, and which is the first of the same file. Frees text.
 * NULL: no memory. */
static char *add_loras(char *text, const pb_model *model)
{
    for (size_t i = 0; text && i < model->loras.count; i++) {
        const pb_lora_file *f = &model->loras.files[i];
        char name[48], what[80];

        snprintf(name, sizeof name, "lora.%zu/weight", i);
        pb_plain_print(what, sizeof what, "%.17g of lora.%zu", f->weight, lora_of(model, f->path));
        text = add_line(text, name, what);
    }
    return text;
}

/* The first line of what is hashed and signed: another where either is made another way. */
#define VERSION "pullback model 2\n"

/* "path|size|times of modification and of change|inode" of every file. */
static pb_status sign_files(char **signature, const pb_model *model, const file_list *list,
                            pb_error *error)
{
    char *text = pb_strdup(VERSION);

    for (size_t i = 0; text && i < list->count; i++) {
        const entry *e = &list->entries[i];
        struct stat info;
        char line[128];
        if (e->open ? fstat(e->open->descriptor, &info) : stat(e->path, &info)) {
            pb_status status = pb_fail_system(error, e->path, NULL);
            pb_free(text);
            return status;
        }
        if (e->open) /* to be replaced changes a file too, but not what is in it */
            info.st_ctim = e->open->changed;
        snprintf(line, sizeof line, "%jd|%jd.%09ld|%jd.%09ld|%ju", (intmax_t)info.st_size,
                 (intmax_t)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, (intmax_t)info.st_ctim.tv_sec,
                 info.st_ctim.tv_nsec, (uintmax_t)info.st_ino);
        text = add_line(text, e->path, line);
    }
    text = text ? add_loras(add_configs(text, model), model) : NULL;
    if (!text)
        return pb_fail_memory(error, list->count * 65, "a signature");
    *signature = text;
    return PB_OK;
}

static pb_status sign_named(char **signature, const pb_model *model, pb_error *error)
{
    file_list list = {0};
    pb_status status = add_named(&list, model, error);

    if (status == PB_OK)
        status = sign_files(signature, model, &list, error);
    clear(&list);
    return status;
}

pb_status pb_model_note_files(pb_model *model, pb_error *error)
{
    return sign_named(&model->digest->noted, model, error);
}

/* What was read by name must be what is there now, or the hash would be that of another model. */
static pb_status check_noted(const pb_model *model, pb_error *error)
{
    char *now = NULL;
    pb_status status = sign_named(&now, model, error);

    if (status == PB_OK && strcmp(now, model->digest->noted))
        status = pb_fail(error, PB_IO, "%s: its files have changed since it was opened",
                         model->files.folder);
    pb_free(now);
    return status;
}

/* The hash of a text that names every file and its own hash. */
static pb_status hash_files(const pb_model *model, const file_list *list, char hash[65],
                            const pb_stop *stop, pb_error *error)
{
    char *text = pb_strdup(VERSION);

    for (size_t i = 0; text && i < list->count; i++) {
        const entry *e = &list->entries[i];
        char digest[65], *name;
        pb_status status = pb_file_sha256(1, &e->path, &e->open, digest, stop, error);
        if (status != PB_OK) {
            pb_free(text);
            return status;
        }
        name = name_in(model, e->path);
        if (!name) {
            pb_free(text);
            return pb_fail_memory(error, strlen(e->path), "a name");
        }
        text = add_line(text, name, digest);
        pb_free(name);
    }
    text = text ? add_loras(add_configs(text, model), model) : NULL;
    if (!text)
        return pb_fail_memory(error, list->count * 65, "a hash");
    pb_sha256(text, strlen(text), hash);
    pb_free(text);
    return PB_OK;
}

static pb_status find_hash(const pb_model *model, char hash[65], const pb_stop *stop,
                           pb_error *error)
{
    file_list list;
    pb_status status = list_files(model, &list, error);

    if (status == PB_OK)
        status = hash_files(model, &list, hash, stop, error);
    if (status == PB_OK)
        status = check_noted(model, error);
    clear(&list);
    if (status != PB_OK)
        *hash = '\0';
    return status;
}

/* Alone with a digest; not from within work on it: whoever watches that work may ask for anything.
 */
static pb_status enter(pb_model_digest *digest, pb_error *error)
{
    return pthread_mutex_lock(&digest->mutex)
               ? pb_fail(error, PB_INVALID, "the model's files are being read for this already")
               : PB_OK;
}

pb_status pb_model_hash(const pb_model *model, char hash[65], const pb_run *run, pb_error *error)
{
    pb_status status;
    pb_model_digest *digest;
    pb_work work;
    pb_stop stop;

    PB_NEED(model, "a model");
    PB_NEED(hash, "room for the hash");
    PB_TRY(pb_work_begin(&work, run, "hashing", 0, error));
    stop = pb_work_stop(&work);
    digest = model->digest;
    status = enter(digest, error);
    if (status == PB_OK) {
        if (!*digest->hash)
            status = find_hash(model, digest->hash, &stop, error);
        memcpy(hash, digest->hash, sizeof digest->hash);
        pthread_mutex_unlock(&digest->mutex);
    }
    pb_work_end(&work);
    return status;
}

void pb_model_known_hash(const pb_model *model, char hash[65])
{
    pb_model_digest *digest = model->digest;

    *hash = '\0';
    if (enter(digest, NULL) != PB_OK)
        return;
    memcpy(hash, digest->hash, sizeof digest->hash);
    pthread_mutex_unlock(&digest->mutex);
}

pb_status pb_model_set_hash(pb_model *model, const char *hash, pb_error *error)
{
    PB_NEED(model, "a model");
    PB_NEED(hash, "a hash");
    if (strlen(hash) != sizeof model->digest->hash - 1)
        return pb_fail(error, PB_INVALID, "a hash of %zu characters: expected 64", strlen(hash));
    memcpy(model->digest->hash, hash, sizeof model->digest->hash);
    return PB_OK;
}

pb_status pb_model_signature(const pb_model *model, char **signature, pb_error *error)
{
    pb_status status;
    file_list list;

    PB_OUT(signature, "the signature");
    PB_NEED(model, "a model");
    status = list_files(model, &list, error);
    if (status == PB_OK)
        status = check_noted(model, error);
    if (status == PB_OK)
        status = sign_files(signature, model, &list, error);
    clear(&list);
    return status;
}

/* -- LoRAs ------------------------------------------------------------------------------------ */

static pb_status describe(json_t *list, const pb_lora_file *f, const pb_stop *stop, pb_error *error)
{
    const char *path = f->path;
    const pb_file *open = pb_weights_at(f->weights, 0)->source;
    char digest[65];
    json_t *one;

    PB_TRY(pb_file_sha256(1, &path, &open, digest, stop, error));
    one = json_pack("{s:o, s:f, s:s}", "file", pb_json_name(pb_last_name(path)), "weight",
                    f->weight, "sha256", digest);
    return one && json_array_append_new(list, one) == 0
               ? PB_OK
               : pb_fail_memory(error, strlen(path), "a LoRA's name");
}

static pb_status describe_all(char **text, const pb_loras *loras, const pb_stop *stop,
                              pb_error *error)
{
    json_t *list = json_array();
    pb_status status = list ? PB_OK : pb_fail_memory(error, 1, "a list of LoRAs");
    char *dump;

    for (size_t i = 0; status == PB_OK && i < loras->count; i++)
        status = describe(list, &loras->files[i], stop, error);
    dump = status == PB_OK ? json_dumps(list, JSON_COMPACT) : NULL;
    *text = dump ? pb_strdup(dump) : NULL;
    if (status == PB_OK && !*text)
        status = pb_fail_memory(error, 1, "a list of LoRAs");
    free(dump);
    json_decref(list);
    return status;
}

pb_status pb_model_describe_loras(const pb_model *model, char **text, const pb_run *run,
                                  pb_error *error)
{
    pb_status status;
    pb_model_digest *digest;
    pb_work work;
    pb_stop stop;

    PB_OUT(text, "the text");
    PB_NEED(model, "a model");
    if (!model->loras.count)
        return PB_OK;
    PB_TRY(pb_work_begin(&work, run, "hashing", 0, error));
    stop = pb_work_stop(&work);
    digest = model->digest;
    status = enter(digest, error);
    if (status == PB_OK) {
        if (!digest->loras)
            status = describe_all(&digest->loras, &model->loras, &stop, error);
        if (status == PB_OK)
            *text = pb_strdup(digest->loras);
        pthread_mutex_unlock(&digest->mutex);
    }
    if (status == PB_OK && !*text)
        status = pb_fail_memory(error, 1, "a list of LoRAs");
    pb_work_end(&work);
    return status;
}
