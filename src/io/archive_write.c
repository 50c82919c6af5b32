#include "io/archive_write.h"

#include <string.h>
#include <zip.h>

#include "base/memory.h"

static int add(zip_t *zip, const pb_packed *member)
{
    zip_source_t *source = zip_source_buffer(zip, member->data, member->size, 0);
    zip_int64_t number = source ? zip_file_add(zip, member->name, source, ZIP_FL_ENC_UTF_8) : -1;

    if (source && number < 0)
        zip_source_free(source);
    return number < 0 || zip_set_file_compression(zip, (zip_uint64_t)number, ZIP_CM_STORE, 0) < 0;
}

/* Writes them into a buffer that outlives the archive. */
static pb_status write_all(zip_source_t *buffer, size_t count, const pb_packed *members,
                           pb_error *error)
{
    zip_error_t why;
    zip_t *zip;
    int failed = 0;

    zip_error_init(&why);
    zip_source_keep(buffer);
    zip = zip_open_from_source(buffer, ZIP_TRUNCATE, &why);
    zip_error_fini(&why);
    if (!zip) {
        zip_source_free(buffer);
        return pb_fail_memory(error, 0, "an archive");
    }
    for (size_t i = 0; i < count && !failed; i++)
        failed = add(zip, &members[i]);
    if (failed || zip_close(zip) < 0) {
        zip_discard(zip);
        return pb_fail_memory(error, 0, "an archive");
    }
    return PB_OK;
}

static pb_status take_all(zip_source_t *buffer, pb_bytes *out, pb_error *error)
{
    zip_stat_t about;
    size_t size;

    zip_stat_init(&about);
    if (zip_source_stat(buffer, &about) < 0 || zip_source_open(buffer) < 0)
        return pb_fail_memory(error, 0, "an archive");
    size = (size_t)about.size;
    out->data = pb_malloc(size + 1, 1);
    if (out->data && zip_source_read(buffer, out->data, size) == (zip_int64_t)size) {
        out->data[size] = '\0';
        out->size = size;
    } else
        pb_bytes_clear(out);
    zip_source_close(buffer);
    return out->data ? PB_OK : pb_fail_memory(error, size, "an archive");
}

pb_status pb_archive_pack(size_t count, const pb_packed *members, pb_bytes *out, pb_error *error)
{
    zip_error_t why;
    zip_source_t *buffer;
    pb_status status;

    *out = (pb_bytes){NULL, 0};
    zip_error_init(&why);
    buffer = zip_source_buffer_create(NULL, 0, 0, &why);
    zip_error_fini(&why);
    if (!buffer)
        return pb_fail_memory(error, 0, "an archive");
    status = write_all(buffer, count, members, error);
    if (status == PB_OK)
        status = take_all(buffer, out, error);
    zip_source_free(buffer);
    return status;
}
