/* Which model this is: the hash of its files. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "io/file.h"
#include "models/model.h"

/* The files that a model is of. */
typedef struct list {
    size_t count;
    const char **paths;
    const pb_file **open; /* those of them that are open, whatever has their names now; else NULL */
} list;

static void clear(list *files)
{
    pb_free(files->paths);
    pb_free(files->open);
}

static void add(list *files, const char *path, const pb_file *open)
{
    files->paths[files->count] = path;
    files->open[files->count++] = open;
}

/* The config and weight files, those of a pipeline's other parts among them, each once. */
static pb_status list_files(const pb_model *model, list *files, pb_error *error)
{
    size_t tensors = pb_weights_count(model->weights), most = tensors + 1 + PB_PART_FILES;

    files->count = 0;
    files->paths = pb_malloc(most, sizeof *files->paths);
    files->open = pb_malloc(most, sizeof *files->open);
    if (!files->paths || !files->open) {
        clear(files);
        return pb_fail_memory(error, most * sizeof *files->paths, "file names");
    }
    add(files, model->files.config, NULL);
    for (size_t i = 0; i < tensors; i++) {
        const pb_file *file = pb_weights_at(model->weights, i)->source;
        size_t k = 1;
        while (k < files->count && files->open[k] != file)
            k++;
        if (k == files->count)
            add(files, file->path, file);
    }
    for (size_t i = 0; i < model->files.part_count; i++)
        add(files, model->files.parts[i], NULL);
    return PB_OK;
}

static pb_status hash_files(const pb_model *model, char hash[65], pb_error *error)
{
    pb_status status;
    list files;

    PB_TRY(list_files(model, &files, error));
    status = pb_file_sha256(files.count, files.paths, files.open, hash, error);
    clear(&files);
    if (status != PB_OK)
        *hash = '\0';
    return status;
}

pb_status pb_model_hash(const pb_model *model, char hash[65], pb_error *error)
{
    pb_model_digest *digest = model->digest;
    pb_status status = PB_OK;

    pthread_mutex_lock(&digest->mutex);
    if (!*digest->hash)
        status = hash_files(model, digest->hash, error);
    memcpy(hash, digest->hash, sizeof digest->hash);
    pthread_mutex_unlock(&digest->mutex);
    return status;
}

pb_status pb_model_set_hash(pb_model *model, const char *hash, pb_error *error)
{
    if (strlen(hash) != sizeof model->digest->hash - 1)
        return pb_fail(error, PB_INVALID, "a hash of %zu characters: expected 64", strlen(hash));
    memcpy(model->digest->hash, hash, sizeof model->digest->hash);
    return PB_OK;
}

/* text + a line about the file, or NULL; frees text. */
static char *add_file(char *text, const char *path, const struct stat *info)
{
    char *longer =
        pb_sprintf("%s%s|%jd|%jd.%09ld|%ju\n", text, path, (intmax_t)info->st_size,
                   (intmax_t)info->st_mtim.tv_sec, info->st_mtim.tv_nsec, (uintmax_t)info->st_ino);

    pb_free(text);
    return longer;
}

pb_status pb_model_signature(const pb_model *model, char **signature, pb_error *error)
{
    char *text = pb_strdup("");
    list files;
    pb_status status = list_files(model, &files, error);

    if (status != PB_OK) {
        pb_free(text);
        return status;
    }
    for (size_t i = 0; status == PB_OK && text && i < files.count; i++) {
        const pb_file *open = files.open[i];
        struct stat info;
        if (open ? fstat(open->descriptor, &info) : stat(files.paths[i], &info))
            status = pb_fail(error, PB_IO, "%s: %s", files.paths[i], strerror(errno));
        else
            text = add_file(text, files.paths[i], &info);
    }
    if (status == PB_OK && !text)
        status = pb_fail_memory(error, files.count, "a signature");
    clear(&files);
    if (status == PB_OK)
        *signature = text;
    else
        pb_free(text);
    return status;
}
