#include "io/file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <nettle/version.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static pb_status check_regular(const char *path, const struct stat *info, pb_error *error)
{
    if (S_ISDIR(info->st_mode))
        return pb_fail(error, PB_IO, "%s: expected a file, found a folder", path);
    if (!S_ISREG(info->st_mode))
        return pb_fail(error, PB_IO, "%s: expected a regular file, found a device, pipe or socket",
                       path);
    return PB_OK;
}

pb_status pb_file_is_there(bool *there, const char *path, pb_error *error)
{
    struct stat info;

    *there = stat(path, &info) == 0;
    return *there || errno == ENOENT || errno == ENOTDIR ? PB_OK
                                                         : pb_fail_system(error, path, NULL);
}

/* Opens a regular file for reading. O_NONBLOCK: opening a FIFO would wait for its writer. */
static pb_status open_regular(int *out, struct stat *info, const char *path, pb_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    pb_status status;

    if (file < 0)
        return pb_fail_system(error, path, "cannot open");
    if (fstat(file, info))
        status = pb_fail_system(error, path, "cannot examine");
    else
        status = check_regular(path, info, error);
    if (status != PB_OK)
        close(file);
    else
        *out = file;
    return status;
}

/* -- reading ----------------------------------------------------------------------------- */

/* A file of no bytes too. */
static pb_status open_any(pb_file *file, const char *path, pb_error *error)
{
    struct stat info;
    int descriptor = -1;

    *file = PB_FILE_NONE;
    PB_TRY(open_regular(&descriptor, &info, path, error));
    if ((uintmax_t)info.st_size > SIZE_MAX) {
        close(descriptor);
        return pb_fail(error, PB_IO, "%s: %jd bytes are more than this machine can address", path,
                       (intmax_t)info.st_size);
    }
    *file = (pb_file){path, descriptor, (size_t)info.st_size, info.st_mtim, info.st_ctim};
    return PB_OK;
}

pb_status pb_file_open(pb_file *file, const char *path, pb_error *error)
{
    PB_TRY(open_any(file, path, error));
    if (file->size > 0)
        return PB_OK;
    pb_file_close(file);
    return pb_fail(error, PB_FORMAT, "%s: the file is empty", path);
}

void pb_file_close(pb_file *file)
{
    if (file->path)
        close(file->descriptor);
    *file = PB_FILE_NONE;
}

/* Is it still as it was when it was opened? */
static pb_status check_unchanged(const pb_file *file, pb_error *error)
{
    struct stat now;

    if (fstat(file->descriptor, &now))
        return pb_fail_system(error, file->path, "cannot examine");
    if ((uintmax_t)now.st_size != file->size)
        return pb_fail(
            error, PB_IO,
            "%s: expected %zu bytes, as when it was opened, found %jd: it was written to "
            "while it was read",
            file->path, file->size, (intmax_t)now.st_size);
    if (now.st_mtim.tv_sec != file->written.tv_sec || now.st_mtim.tv_nsec != file->written.tv_nsec)
        return pb_fail(error, PB_IO,
                       "%s: expected the %zu bytes of when it was opened, found others: it was "
                       "written to while it was read",
                       file->path, file->size);
    return PB_OK;
}

/* The check comes last: what was read before it is of the file as it was. */
pb_status pb_file_read_at(const pb_file *file, size_t at, void *out, size_t count, pb_error *error)
{
    unsigned char *to = out;
    size_t done = 0;

    while (done < count) {
        ssize_t n = pread(file->descriptor, to + done, count - done, (off_t)(at + done));
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return pb_fail_system(error, file->path, "cannot read");
    }
    PB_TRY(check_unchanged(file, error));
    if (done < count)
        return pb_fail(error, PB_IO, "%s: expected %zu bytes from byte %zu on, found %zu",
                       file->path, count, at, done);
    return PB_OK;
}

static pb_status read_whole(pb_bytes *bytes, const pb_file *file, size_t most, pb_error *error)
{
    if (file->size > most)
        return pb_fail(error, PB_FORMAT, "%s: expected at most %zu bytes, found %zu", file->path,
                       most, file->size);
    bytes->data = file->size < SIZE_MAX ? pb_malloc(file->size + 1, 1) : NULL;
    if (!bytes->data)
        return pb_fail_memory(error, file->size, file->path);
    bytes->size = file->size;
    bytes->data[file->size] = '\0';
    return pb_file_read_at(file, 0, bytes->data, file->size, error);
}

pb_status pb_file_read(pb_bytes *bytes, const char *path, size_t most, pb_error *error)
{
    pb_file file;
    pb_status status;

    *bytes = (pb_bytes){NULL, 0};
    PB_TRY(pb_file_open(&file, path, error));
    status = read_whole(bytes, &file, most, error);
    pb_file_close(&file);
    if (status != PB_OK)
        pb_bytes_clear(bytes);
    return status;
}

void pb_bytes_clear(pb_bytes *bytes)
{
    pb_free(bytes->data);
    *bytes = (pb_bytes){NULL, 0};
}

/* Bytes between two questions; a multiple of the buffer's. */
#define ASKED ((size_t)1 << 20)

/* Adds a file's bytes to a digest. */
static pb_status digest_file(struct sha256_ctx *context, const pb_file *file, const pb_stop *stop,
                             pb_error *error)
{
    unsigned char buffer[32768];

    for (size_t at = 0; at < file->size; at += sizeof buffer) {
        size_t count = file->size - at < sizeof buffer ? file->size - at : sizeof buffer;
        if (at % ASKED == 0)
            PB_TRY(pb_stop_check(stop, error));
        PB_TRY(pb_file_read_at(file, at, buffer, count, error));
        sha256_update(context, count, buffer);
    }
    return PB_OK;
}

static pb_status digest_path(struct sha256_ctx *context, const char *path, const pb_stop *stop,
                             pb_error *error)
{
    pb_status status;
    pb_file file;

    PB_TRY(open_any(&file, path, error));
    status = digest_file(context, &file, stop, error);
    pb_file_close(&file);
    return status;
}

static void print_digest(struct sha256_ctx *context, char digest[65])
{
    unsigned char hash[SHA256_DIGEST_SIZE];

#if NETTLE_VERSION_MAJOR >= 4
    sha256_digest(context, hash);
#else
    sha256_digest(context, sizeof hash, hash);
#endif
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(digest + 2 * i, 3, "%02x", hash[i]);
}

pb_status pb_file_sha256(size_t count, const char *const *paths, const pb_file *const *open,
                         char digest[65], const pb_stop *stop, pb_error *error)
{
    struct sha256_ctx context;

    sha256_init(&context);
    for (size_t i = 0; i < count; i++)
        PB_TRY(open && open[i] ? digest_file(&context, open[i], stop, error)
                               : digest_path(&context, paths[i], stop, error));
    print_digest(&context, digest);
    return PB_OK;
}

void pb_sha256(const void *bytes, size_t count, char digest[65])
{
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, count, bytes);
    print_digest(&context, digest);
}

/* -- writing ----------------------------------------------------------------------------- */

/* A descriptor beside the one that holds the lock, which outlives the stream: until the file has
 * its name nobody may sweep it. */
static pb_status open_stream(pb_output *output, const char *path, pb_error *error)
{
    int file = fcntl(output->temporary.lock, F_DUPFD_CLOEXEC, 0);
    pb_status status;

    output->stream = file < 0 ? NULL : fdopen(file, "wb");
    if (output->stream)
        return PB_OK;
    status = pb_fail_system(error, path, "cannot create");
    if (file >= 0)
        close(file);
    return status;
}

pb_status pb_output_open(pb_output *output, const char *path, pb_error *error)
{
    struct stat info;
    char *resolved;
    pb_status status;
    int reason;

    *output = PB_OUTPUT_EMPTY;
    if (!path[0] || path[strlen(path) - 1] == '/')
        return pb_fail(error, PB_IO, "\"%s\": cannot create: a file's name is missing", path);
    if (!stat(path, &info))
        PB_TRY(check_regular(path, &info, error));
    else if (errno != ENOENT)
        return pb_fail_system(error, path, "cannot create");
    resolved = realpath(path, NULL);
    if (!resolved && errno == ENOMEM)
        return pb_fail_memory(error, strlen(path), "a path");
    if (!resolved && errno != ENOENT)
        return pb_fail_system(error, path, "cannot create");
    output->path = pb_strdup(resolved ? resolved : path);
    free(resolved);
    if (!output->path)
        return pb_fail_memory(error, strlen(path), "a path");
    reason = pb_temporary_file(&output->temporary, output->path);
    if (reason == ENOMEM)
        status = pb_fail_memory(error, strlen(path), "a path");
    else if (reason) {
        errno = reason;
        status = pb_fail_system(error, path, "cannot create");
    } else
        status = open_stream(output, path, error);
    if (status != PB_OK)
        pb_output_abandon(output);
    return status;
}

pb_status pb_output_bytes(pb_output *output, const void *bytes, size_t count, pb_error *error)
{
    if (count > 0 && fwrite(bytes, 1, count, output->stream) != count)
        return pb_fail_system(error, output->path, "cannot write");
    return PB_OK;
}

pb_status pb_output_floats(pb_output *output, const float *values, size_t count, pb_error *error)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (count > 0 && fwrite(values, sizeof *values, count, output->stream) != count)
        return pb_fail_system(error, output->path, "cannot write");
#else
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bits = htole32(bits);
        PB_TRY(pb_output_bytes(output, &bits, sizeof bits, error));
    }
#endif
    return PB_OK;
}

/* Makes the renaming itself durable. Some file systems cannot sync a folder: no harm is done. */
static void sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    int folder;

    if (slash)
        slash[1] = '\0';
    folder = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
}

pb_status pb_output_commit(pb_output *output, pb_error *error)
{
    pb_status status = PB_OK;
    int failed = ferror(output->stream);

    errno = EIO; /* what an earlier failure of the stream is called; fflush says better */
    if (fflush(output->stream) || failed)
        status = pb_fail_system(error, output->path, "cannot write");
    /* EINVAL, ENOSYS: the file system has nothing to sync. */
    if (!status && fsync(fileno(output->stream)) && errno != EINVAL && errno != ENOSYS)
        status = pb_fail_system(error, output->path, "cannot write");
    if (fclose(output->stream) && !status)
        status = pb_fail_system(error, output->path, "cannot write");
    output->stream = NULL;
    if (!status && rename(output->temporary.path, output->path))
        status = pb_fail_system(error, output->path, "cannot replace");
    if (!status) {
        sync_folder(output->temporary.path);
        pb_temporary_end(&output->temporary);
    }
    pb_output_abandon(output);
    return status;
}

void pb_output_abandon(pb_output *output)
{
    if (output->stream)
        fclose(output->stream);
    if (output->temporary.path)
        unlink(output->temporary.path);
    pb_temporary_end(&output->temporary);
    pb_free(output->path);
    *output = PB_OUTPUT_EMPTY;
}

pb_status pb_file_write(const char *path, const void *bytes, size_t count, pb_error *error)
{
    pb_output output = PB_OUTPUT_EMPTY;
    pb_status status;

    PB_TRY(pb_output_open(&output, path, error));
    status = pb_output_bytes(&output, bytes, count, error);
    if (status == PB_OK)
        return pb_output_commit(&output, error);
    pb_output_abandon(&output);
    return status;
}
