#include "hub/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/memory.h"
#include "hub/digest.h"
#include "hub/text.h"

typedef struct download {
    pb_http *http;
    const char *what, *commit;
    const pb_hub_file *file;
    char *part, *path; /* BLOB.incomplete, BLOB */
    int descriptor;    /* of the part, or -1 */
    size_t have;       /* its bytes, which the digest is of */
    size_t before;
    bool spoiled; /* what has come is not what was listed */
    pb_digest digest;
} download;

/* -- the part that is there ------------------------------------------------------------------ */

static pb_status restart(download *d, pb_error *error)
{
    d->have = 0;
    d->spoiled = false;
    pb_digest_begin(&d->digest, d->file->blob, d->file->size);
    return ftruncate(d->descriptor, 0) ? pb_fail_system(error, d->part, "cannot empty") : PB_OK;
}

static pb_status tell(download *d, pb_error *error)
{
    return pb_work_step(d->http->work, d->before + d->have, error);
}

/* Reads what has come before, for its hash. */
static pb_status resume(download *d, pb_error *error)
{
    unsigned char buffer[65536];
    ssize_t n;

    PB_TRY(tell(d, error));
    while ((n = pread(d->descriptor, buffer, sizeof buffer, (off_t)d->have)) > 0) {
        if ((size_t)n > d->file->size - d->have)
            return restart(d, error);
        pb_digest_add(&d->digest, buffer, (size_t)n);
        d->have += (size_t)n;
        PB_TRY(tell(d, error));
    }
    return n < 0 ? pb_fail_system(error, d->part, "cannot read") : PB_OK;
}

static pb_status open_part(download *d, pb_error *error)
{
    struct stat info;

    pb_digest_begin(&d->digest, d->file->blob, d->file->size);
    d->descriptor = open(d->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (d->descriptor < 0)
        return pb_fail_system(error, d->part, "cannot open");
    if (fstat(d->descriptor, &info) || !S_ISREG(info.st_mode))
        return pb_fail(error, PB_IO, "%s: expected a regular file", d->part);
    return resume(d, error);
}

/* -- what comes ------------------------------------------------------------------------------ */

static size_t have(void *context)
{
    return ((const download *)context)->have;
}

static bool is_whole(void *context)
{
    const download *d = context;

    return d->have == d->file->size;
}

static pb_status begin(void *context, const pb_reply *reply, pb_error *error)
{
    download *d = context;
    const size_t from = reply->code == 206 ? d->have : 0;

    PB_TRY(pb_hub_check_reply(reply, d->what, d->commit, d->file->blob, error));
    if (reply->code >= 300)
        return PB_OK;
    if (reply->code == 206 && (!reply->has_start || reply->start != d->have))
        return pb_fail(error, PB_FORMAT, "%s: expected what follows byte %zu, found another part",
                       d->what, d->have);
    if (reply->has_length && reply->length != d->file->size - from)
        return pb_fail(error, PB_FORMAT, "%s: expected %zu bytes, as the hub has listed, found %zu",
                       d->what, d->file->size, reply->length + from);
    return d->have > from ? restart(d, error) : PB_OK; /* the server sends all of it */
}

static pb_status take(void *context, const void *bytes, size_t count, pb_error *error)
{
    download *d = context;

    d->spoiled = count > d->file->size - d->have;
    if (d->spoiled)
        return pb_fail(error, PB_FORMAT,
                       "%s: expected %zu bytes, as the hub has listed, found more", d->what,
                       d->file->size);
    for (size_t done = 0; done < count;) {
        ssize_t n = pwrite(d->descriptor, (const char *)bytes + done, count - done,
                           (off_t)(d->have + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return pb_fail_system(error, d->part, "cannot write");
        done += (size_t)n;
    }
    pb_digest_add(&d->digest, bytes, count);
    d->have += count;
    return tell(d, error);
}

/* -- one at a time --------------------------------------------------------------------------- */

static void warn_waiting(const download *d)
{
    const pb_run *run = &d->http->work->run;
    char *text = pb_sprintf("%s: another process fetches it: waits for that", d->what);

    if (run->warn && text)
        run->warn(run->context, text);
    pb_free(text);
}

/* Waits for the lock of an open file. */
static pb_status wait_lock(const download *d, int lock, const char *path, pb_error *error)
{
    bool told = false;

    while (flock(lock, LOCK_EX | LOCK_NB)) {
        const struct timespec moment = {.tv_nsec = 50000000};
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return pb_fail_system(error, path, "cannot lock");
        if (!told)
            warn_waiting(d);
        told = true;
        PB_TRY(pb_work_ask(d->http->work, error));
        nanosleep(&moment, NULL);
    }
    return PB_OK;
}

/* Is the file that is locked still the one of that name? Who had it may have removed it. */
static bool is_current(int lock, const char *path)
{
    struct stat a, b;

    return fstat(lock, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* *lock: a descriptor, which holds it until it is closed. */
static pb_status take_lock(int *lock, const download *d, const char *path, pb_error *error)
{
    PB_TRY(pb_make_folders_above(path, error));
    for (;;) {
        pb_status status;
        *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
        if (*lock < 0)
            return pb_fail_system(error, path, "cannot open");
        status = wait_lock(d, *lock, path, error);
        if (status == PB_OK && is_current(*lock, path))
            return PB_OK;
        close(*lock);
        *lock = -1;
        if (status != PB_OK)
            return status;
    }
}

/* -- all of it ------------------------------------------------------------------------------- */

static pb_status fail_hash(download *d, pb_error *error)
{
    d->spoiled = true;
    return pb_fail(
        error, PB_FORMAT,
        "%s: other bytes than the hub has listed: expected the hash %s: they are removed", d->what,
        d->file->blob);
}

/* Gets what is missing, and compares. *resumed: some of it is of a call before. */
static pb_status receive(download *d, bool *resumed, pb_error *error)
{
    const pb_sink sink = {have, begin, take, is_whole, d};
    char *url;
    pb_status status;

    *resumed = d->have > 0;
    if (!is_whole(d) || d->file->size == 0) {
        url = pb_http_url(d->http, "", "resolve", d->commit, d->file->name);
        status = url ? pb_http_get(d->http, d->what, url, &sink, error)
                     : pb_fail_memory(error, 300, "an address");
        pb_free(url);
        PB_TRY(status);
    }
    return pb_digest_is(&d->digest, d->file->blob) ? PB_OK : fail_hash(d, error);
}

static pb_status fetch(download *d, pb_error *error)
{
    bool resumed;
    pb_status status;

    PB_TRY(open_part(d, error));
    status = receive(d, &resumed, error);
    if (d->spoiled && resumed) { /* it may be the fault of what was there */
        PB_TRY(restart(d, error));
        status = receive(d, &resumed, error);
    }
    if (d->spoiled)
        unlink(d->part);
    PB_TRY(status);
    if (fsync(d->descriptor))
        return pb_fail_system(error, d->part, "cannot write");
    return rename(d->part, d->path) ? pb_fail_system(error, d->path, "cannot name") : PB_OK;
}

static pb_status fetch_locked(download *d, const pb_hub_cache *cache, pb_error *error)
{
    char *path = pb_sprintf("%s/%s.lock", cache->locks, d->file->blob);
    int lock = -1;
    pb_status status =
        path ? take_lock(&lock, d, path, error) : pb_fail_memory(error, 300, "a path");

    if (status == PB_OK && !pb_hub_is_present(cache, d->file)) /* another may have fetched it */
        status = fetch(d, error);
    if (d->descriptor >= 0)
        close(d->descriptor);
    if (lock >= 0)
        close(lock);
    pb_free(path);
    return status;
}

pb_status pb_hub_blob(pb_http *http, const pb_hub_cache *cache, const char *commit,
                      const pb_hub_file *file, size_t before, pb_error *error)
{
    char *what = pb_sprintf("%s: %s", http->repository, file->name);
    download d = {.http = http,
                  .what = what,
                  .commit = commit,
                  .file = file,
                  .part = pb_hub_blob_path(cache, file->blob, ".incomplete"),
                  .path = pb_hub_blob_path(cache, file->blob, ""),
                  .descriptor = -1,
                  .before = before};
    pb_status status = what && d.part && d.path ? pb_make_folders_above(d.path, error)
                                                : pb_fail_memory(error, 300, "paths");

    if (status == PB_OK)
        status = fetch_locked(&d, cache, error);
    pb_free(d.part);
    pb_free(d.path);
    pb_free(what);
    return status;
}
