#include "io/archive.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/memory.h"
#include "io/json.h"

/* How much is unpacked at most: so many bytes, and so many for each of the file's. */
#define UNPACKED_LEAST ((size_t)16 << 20)
#define UNPACKED_TIMES 64

typedef struct entry {
    const char *name;
    size_t number; /* libzip's */
} entry;

struct pb_archive {
    const pb_file *file;
    zip_t *zip;
    size_t count;
    entry *entries;  /* by name */
    size_t unpacked; /* so far */

    size_t at;          /* of libzip's in the file; */
    size_t read_from;   /* where it last began to read; */
    zip_error_t theirs; /* why it could not, in its words */
    pb_error ours;      /* and in those of pb_file_read_at */
};

/* -- the file, for libzip ---------------------------------------------------------------------- */

static zip_int64_t refuse(pb_archive *a, int what)
{
    zip_error_set(&a->theirs, what, what == ZIP_ER_READ ? EIO : 0);
    return -1;
}

static zip_int64_t read_next(pb_archive *a, void *out, zip_uint64_t count)
{
    size_t n = a->file->size - a->at;

    if (n > count)
        n = (size_t)count;
    a->read_from = a->at;
    if (pb_file_read_at(a->file, a->at, out, n, &a->ours) != PB_OK)
        return refuse(a, ZIP_ER_READ);
    a->at += n;
    return (zip_int64_t)n;
}

static zip_int64_t seek(pb_archive *a, void *data, zip_uint64_t count)
{
    zip_int64_t to = zip_source_seek_compute_offset(a->at, a->file->size, data, count, &a->theirs);

    if (to < 0)
        return -1;
    a->at = (size_t)to;
    return 0;
}

static zip_int64_t describe(pb_archive *a, void *data, zip_uint64_t count)
{
    zip_stat_t *info = data;

    if (count < sizeof *info)
        return refuse(a, ZIP_ER_INVAL);
    zip_stat_init(info);
    info->valid = ZIP_STAT_SIZE;
    info->size = a->file->size;
    return sizeof *info;
}

static zip_int64_t source(void *context, void *data, zip_uint64_t count, zip_source_cmd_t command)
{
    pb_archive *a = context;

    switch (command) {
    case ZIP_SOURCE_OPEN:
        a->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return read_next(a, data, count);
    case ZIP_SOURCE_SEEK:
        return seek(a, data, count);
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)a->at;
    case ZIP_SOURCE_STAT:
        return describe(a, data, count);
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&a->theirs, data, count);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_STAT,
            ZIP_SOURCE_ERROR, ZIP_SOURCE_CLOSE, ZIP_SOURCE_FREE, ZIP_SOURCE_SUPPORTS, -1);
    default:
        return refuse(a, ZIP_ER_OPNOTSUPP);
    }
}

/* Why libzip failed. name: of a member, or NULL. */
static pb_status fail(pb_archive *a, zip_error_t *why, const char *name, pb_error *error)
{
    if (a->ours.status != PB_OK) {
        if (error)
            *error = a->ours;
        return a->ours.status;
    }
    if (zip_error_code_zip(why) == ZIP_ER_MEMORY)
        return pb_fail_memory(error, a->file->size, a->file->path);
    if (!name && zip_error_code_zip(why) == ZIP_ER_NOZIP)
        return pb_fail(
            error, PB_FORMAT,
            "%s: expected a zip archive, found its beginning without its end (a file cut "
            "short: get it anew)",
            a->file->path);
    if (!name)
        return pb_fail(error, PB_FORMAT, "%s: expected a zip archive: %s", a->file->path,
                       zip_error_strerror(why));
    return pb_fail(error, PB_FORMAT, "%s: member %s: %s", a->file->path, pb_quote(name).text,
                   zip_error_strerror(why));
}

/* -- the directory ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

/* Would it lie outside of the folder that somebody unpacks it into? */
static bool leads_out(const char *name)
{
    for (const char *p = name; *p; p += strspn(p, "/\\")) {
        size_t n = strcspn(p, "/\\");
        if ((p == name && n == 0) || (n == 2 && !strncmp(p, "..", 2)) ||
            (p == name && n == 2 && p[1] == ':'))
            return true;
        p += n;
    }
    return false;
}

static pb_status list(pb_archive *a, pb_error *error)
{
    zip_int64_t count = zip_get_num_entries(a->zip, 0);

    a->entries = pb_calloc((size_t)count, sizeof *a->entries);
    if (!a->entries)
        return pb_fail_memory(error, (size_t)count * sizeof *a->entries, a->file->path);
    for (size_t i = 0; i < (size_t)count; i++) {
        const char *name = zip_get_name(a->zip, i, ZIP_FL_ENC_RAW);
        if (!name)
            return fail(a, zip_get_error(a->zip), NULL, error);
        if (leads_out(name))
            return pb_fail(error, PB_FORMAT,
                           "%s: member %s: a name that leads out of its folder: not a file of "
                           "tensors",
                           a->file->path, pb_quote(name).text);
        a->entries[a->count++] = (entry){name, i};
    }
    qsort(a->entries, a->count, sizeof *a->entries, by_name);
    for (size_t i = 1; i < a->count; i++)
        if (!strcmp(a->entries[i].name, a->entries[i - 1].name))
            return pb_fail(error, PB_FORMAT, "%s: member %s: expected once, found twice",
                           a->file->path, pb_quote(a->entries[i].name).text);
    return PB_OK;
}

static pb_status open_zip(pb_archive *a, pb_error *error)
{
    zip_source_t *from;
    zip_error_t why;
    pb_status status = PB_OK;

    zip_error_init(&why);
    from = zip_source_function_create(source, a, &why);
    if (from)
        a->zip = zip_open_from_source(from, ZIP_RDONLY, &why);
    if (!a->zip)
        status = fail(a, &why, NULL, error);
    if (from && !a->zip)
        zip_source_free(from);
    zip_error_fini(&why);
    return status;
}

pb_status pb_archive_open(pb_archive **out, const pb_file *file, pb_error *error)
{
    pb_archive *a = pb_calloc(1, sizeof *a);
    pb_status status;

    *out = NULL;
    if (!a)
        return pb_fail_memory(error, sizeof *a, file->path);
    a->file = file;
    zip_error_init(&a->theirs);
    status = open_zip(a, error);
    if (status == PB_OK)
        status = list(a, error);
    if (status == PB_OK)
        *out = a;
    else
        pb_archive_close(a);
    return status;
}

void pb_archive_close(pb_archive *archive)
{
    if (!archive)
        return;
    if (archive->zip)
        zip_discard(archive->zip);
    zip_error_fini(&archive->theirs);
    pb_free(archive->entries);
    pb_free(archive);
}

size_t pb_archive_count(const pb_archive *archive)
{
    return archive->count;
}

const char *pb_archive_name(const pb_archive *archive, size_t i)
{
    return archive->entries[i].name;
}

static const entry *find(const pb_archive *a, const char *name)
{
    const entry key = {.name = name};

    return bsearch(&key, a->entries, a->count, sizeof key, by_name);
}

bool pb_archive_has(const pb_archive *archive, const char *name)
{
    return find(archive, name) != NULL;
}

/* -- a member ---------------------------------------------------------------------------------- */

/* libzip does not say where a member's bytes lie, but it reads the first of them there. */
static pb_status find_place(pb_archive *a, pb_member *m, pb_error *error)
{
    zip_file_t *file = zip_fopen_index(a->zip, m->number, ZIP_FL_COMPRESSED);
    pb_status status = PB_OK;
    char first;

    if (!file)
        return fail(a, zip_get_error(a->zip), m->name, error);
    if (zip_fread(file, &first, 1) != 1)
        status = fail(a, zip_file_get_error(file), m->name, error);
    m->offset = a->read_from;
    zip_fclose(file);
    if (status == PB_OK && m->bytes > a->file->size - m->offset)
        return pb_fail(error, PB_FORMAT, "%s: member %s: expected %zu bytes, found %zu",
                       a->file->path, pb_quote(m->name).text, m->bytes, a->file->size - m->offset);
    return status;
}

pb_status pb_archive_find(pb_archive *archive, const char *name, pb_member *out, pb_error *error)
{
    const zip_uint64_t known =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    const entry *found = find(archive, name);
    const char *path = archive->file->path;
    zip_stat_t info;

    if (!found)
        return pb_fail(error, PB_FORMAT, "%s: member %s: expected in the archive, found none", path,
                       pb_quote(name).text);
    if (zip_stat_index(archive->zip, found->number, 0, &info))
        return fail(archive, zip_get_error(archive->zip), name, error);
    if ((info.valid & known) != known || info.encryption_method != ZIP_EM_NONE ||
        (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: member %s: expected it as it is or compressed by deflate, found %s",
                       path, pb_quote(name).text,
                       info.encryption_method != ZIP_EM_NONE ? "it encrypted"
                                                             : "another compression");
    if (info.size >= SIZE_MAX || info.comp_size >= SIZE_MAX ||
        (info.comp_method == ZIP_CM_STORE && info.size != info.comp_size))
        return pb_fail(error, PB_FORMAT, "%s: member %s: expected %ju bytes, found %ju", path,
                       pb_quote(name).text, (uintmax_t)info.size, (uintmax_t)info.comp_size);
    *out = (pb_member){.name = found->name,
                       .number = found->number,
                       .packed = info.comp_method == ZIP_CM_DEFLATE,
                       .size = (size_t)info.size,
                       .bytes = (size_t)info.comp_size};
    return out->bytes ? find_place(archive, out, error) : PB_OK;
}

static pb_status unpack(pb_archive *a, const pb_member *m, unsigned char *out, pb_error *error)
{
    zip_file_t *file = zip_fopen_index(a->zip, m->number, 0);
    size_t done = 0;
    zip_int64_t n;

    if (!file)
        return fail(a, zip_get_error(a->zip), m->name, error);
    /* One byte more than there are: the checksum is looked at when the end was seen. */
    while ((n = zip_fread(file, out + done, m->size + 1 - done)) > 0 && done + (size_t)n <= m->size)
        done += (size_t)n;
    if (n < 0) {
        pb_status status = fail(a, zip_file_get_error(file), m->name, error);
        zip_fclose(file);
        return status;
    }
    zip_fclose(file);
    if (n > 0 || done < m->size)
        return pb_fail(error, PB_FORMAT, "%s: member %s: expected %zu bytes, found %s",
                       a->file->path, pb_quote(m->name).text, m->size, n > 0 ? "more" : "fewer");
    return PB_OK;
}

pb_status pb_archive_take(pb_archive *archive, const pb_member *member, pb_bytes *out,
                          pb_error *error)
{
    pb_archive *a = archive;
    const size_t most = a->file->size > (SIZE_MAX - UNPACKED_LEAST) / UNPACKED_TIMES
                            ? SIZE_MAX
                            : UNPACKED_LEAST + UNPACKED_TIMES * a->file->size;
    pb_status status;

    *out = (pb_bytes){NULL, 0};
    if (member->packed && member->size > most - a->unpacked)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: member %s: %zu bytes, packed into %zu: more than tensors can be packed",
                       a->file->path, pb_quote(member->name).text, member->size, member->bytes);
    out->data = pb_malloc(member->size + 1, 1);
    if (!out->data)
        return pb_fail_memory(error, member->size, member->name);
    out->size = member->size;
    if (member->packed) {
        a->unpacked += member->size;
        status = unpack(a, member, out->data, error);
    } else {
        status = pb_file_read_at(a->file, member->offset, out->data, member->size, error);
    }
    if (status == PB_OK)
        out->data[out->size] = '\0';
    else
        pb_bytes_clear(out);
    return status;
}
