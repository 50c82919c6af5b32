#include "hub/listing.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "hub/names.h"
#include "hub/text.h"
#include "io/json.h"

#define MOST_BYTES ((size_t)64 << 20)
#define MOST_SIZE ((json_int_t)1 << 50) /* of one file */

void pb_hub_listing_clear(pb_hub_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        pb_free(listing->files[i].name);
        pb_free(listing->files[i].blob);
    }
    pb_free(listing->files);
    *listing = (pb_hub_listing){.count = 0};
}

const pb_hub_file *pb_hub_listed(const pb_hub_listing *listing, const char *name)
{
    for (size_t i = 0; i < listing->count; i++)
        if (!strcmp(listing->files[i].name, name))
            return &listing->files[i];
    return NULL;
}

pb_status pb_hub_listing_add(pb_hub_listing *listing, const pb_hub_file *file, pb_error *error)
{
    pb_hub_file *grown, *added;

    if (pb_hub_listed(listing, file->name))
        return PB_OK;
    if (listing->count == listing->room) {
        grown = pb_grow(listing->files, listing->count, &listing->room, sizeof *grown);
        if (!grown)
            return pb_fail_memory(error, 2 * listing->room * sizeof *grown, "a list of files");
        listing->files = grown;
    }
    added = &listing->files[listing->count++];
    *added = (pb_hub_file){.name = pb_strdup(file->name),
                           .blob = pb_strdup(file->blob),
                           .size = file->size,
                           .present = file->present};
    return added->name && added->blob ? PB_OK
                                      : pb_fail_memory(error, strlen(file->name), "a file's name");
}

/* One of the "siblings": of a file in Git LFS the hash is that of its bytes. */
static pb_status take_file(pb_hub_listing *listing, const char *what, const json_t *item,
                           pb_error *error)
{
    const json_t *lfs = json_object_get(item, "lfs");
    const char *name = json_string_value(json_object_get(item, "rfilename"));
    const char *hash = json_string_value(json_object_get(item, "blobId"));
    const json_t *size = json_object_get(item, "size");

    if (json_is_object(lfs)) {
        hash = json_string_value(json_object_get(lfs, "sha256"));
        size = json_object_get(lfs, "size");
    }
    if (!name || !pb_hub_is_path(name))
        return pb_fail(error, PB_FORMAT, "%s: a file's name: expected a path below, found %s", what,
                       pb_json_found(json_object_get(item, "rfilename")).text);
    if (!hash || !pb_hub_is_hash(hash, json_is_object(lfs) ? 64 : 40))
        return pb_fail(error, PB_FORMAT, "%s: %s: expected a hash, found %s", what, name,
                       hash ? pb_quote(hash).text : "none");
    if (!json_is_integer(size) || json_integer_value(size) < 0 ||
        json_integer_value(size) > MOST_SIZE)
        return pb_fail(error, PB_FORMAT, "%s: %s: expected a size, found %s", what, name,
                       pb_json_found(size).text);
    return pb_hub_listing_add(listing,
                              &(pb_hub_file){.name = (char *)name,
                                             .blob = (char *)hash,
                                             .size = (size_t)json_integer_value(size)},
                              error);
}

static pb_status take_all(pb_hub_listing *listing, const char *what, const json_t *object,
                          pb_error *error)
{
    const json_t *files = json_object_get(object, "siblings");
    const char *commit = json_string_value(json_object_get(object, "sha"));

    if (!commit || !pb_hub_is_hash(commit, 40))
        return pb_fail(error, PB_FORMAT, "%s: sha: expected a commit, found %s", what,
                       pb_json_found(json_object_get(object, "sha")).text);
    if (!json_is_array(files))
        return pb_fail(error, PB_FORMAT, "%s: siblings: expected a list of files, found %s", what,
                       pb_json_found(files).text);
    memcpy(listing->commit, commit, sizeof listing->commit);
    for (size_t i = 0; i < json_array_size(files); i++)
        PB_TRY(take_file(listing, what, json_array_get(files, i), error));
    return PB_OK;
}

pb_status pb_hub_list(pb_hub_listing *listing, pb_http *http, pb_error *error)
{
    char *plain = pb_http_url(http, "api/models/", "revision", http->revision, NULL);
    char *url = plain ? pb_sprintf("%s?blobs=true", plain) : NULL;
    json_t *object = NULL;
    pb_status status =
        url ? pb_hub_object(&object, http, http->repository, url, MOST_BYTES, NULL, error)
            : pb_fail_memory(error, 100, "an address");

    if (status == PB_OK)
        status = take_all(listing, http->repository, object, error);
    json_decref(object);
    pb_free(url);
    pb_free(plain);
    return status;
}
