/* Which model this is: the hash of its files. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "io/file.h"
#include "models/model.h"

/* The config and weight files, those of a pipeline's other parts among them, each once: *paths is
 * pb_free's. */
static pb_status list_files(const pb_model *model, const char ***paths, size_t *count,
                            pb_error *error)
{
    size_t tensors = pb_weights_count(model->weights);

    *paths = pb_malloc(tensors + 1 + PB_PART_FILES, sizeof **paths);
    *count = 0;
    if (!*paths)
        return pb_fail_memory(error, (tensors + 1 + PB_PART_FILES) * sizeof **paths, "file names");
    (*paths)[(*count)++] = model->files.config;
    for (size_t i = 0; i < tensors; i++) {
        const char *file = pb_weights_at(model->weights, i)->file;
        size_t k = 1;
        while (k < *count && strcmp((*paths)[k], file))
            k++;
        if (k == *count)
            (*paths)[(*count)++] = file;
    }
    for (size_t i = 0; i < model->files.part_count; i++)
        (*paths)[(*count)++] = model->files.parts[i];
    return PB_OK;
}

static pb_status hash_files(const pb_model *model, char hash[65], pb_error *error)
{
    const char **paths;
    size_t count;

    PB_TRY(list_files(model, &paths, &count, error));
    pb_status status = pb_file_sha256(count, paths, hash, error);
    pb_free(paths);
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
    const char **paths;
    size_t count;
    pb_status status = list_files(model, &paths, &count, error);

    if (status != PB_OK) {
        pb_free(text);
        return status;
    }
    for (size_t i = 0; status == PB_OK && text && i < count; i++) {
        struct stat info;
        if (stat(paths[i], &info))
            status = pb_fail(error, PB_IO, "%s: %s", paths[i], strerror(errno));
        else
            text = add_file(text, paths[i], &info);
    }
    pb_free(paths);
    if (status == PB_OK && !text)
        status = pb_fail_memory(error, count, "a signature");
    if (status == PB_OK)
        *signature = text;
    else
        pb_free(text);
    return status;
}
