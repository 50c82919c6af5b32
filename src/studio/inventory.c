#include "studio/inventory.h"

#include <string.h>

#include "base/folder.h"
#include "base/memory.h"
#include "io/json.h"
#include "models/cache.h"
#include "models/find.h"

/* Where it is, and whether that is in the cache: there the whole repository counts, since snapshots
 * share their files. */
static void look(pb_holding *h)
{
    char *unused = NULL, *repository = pb_cache_repository(h->name, strlen(h->name));

    if (pb_model_find(&h->path, &unused, h->name, NULL) != PB_OK)
        h->path = NULL;
    pb_free(unused);
    if (repository && pb_is_folder(repository) &&
        (!h->path || !strncmp(h->path, repository, strlen(repository)))) {
        pb_free(h->path);
        h->path = repository;
        h->cached = true;
    } else
        pb_free(repository);
    if (h->path)
        h->bytes = pb_folder_bytes(h->path, !h->cached);
}

pb_status pb_holding_open(pb_holding *h, const char *name, pb_error *error)
{
    *h = (pb_holding){.name = name};
    look(h);
    if (pb_model_open(&h->model, name, &h->why) == PB_MEMORY) {
        if (error)
            *error = h->why;
        return PB_MEMORY;
    }
    return PB_OK;
}

void pb_holding_close(pb_holding *h)
{
    pb_free(h->path);
    pb_model_free(h->model);
    *h = (pb_holding){.name = NULL};
}

json_t *pb_holding_json(const pb_holding *h)
{
    const pb_model_info *info = h->model ? pb_model_get_info(h->model) : NULL;
    json_t *object = json_pack("{s:o, s:o, s:I, s:b, s:b, s:s?}", "name", pb_json_name(h->name),
                               "path", h->path ? pb_json_name(h->path) : json_null(), "bytes",
                               (json_int_t)h->bytes, "cached", h->cached, "readable", info != NULL,
                               "why", info ? NULL : h->why.message);

    if (object && info)
        json_object_update_new(
            object, json_pack("{s:s, s:I, s:[i,i], s:b, s:b}", "architecture", info->architecture,
                              "parameters", (json_int_t)info->parameters, "sample_size",
                              (int)info->sample_height, (int)info->sample_width, "latent",
                              info->latent, "text", info->context_width != 0));
    return object;
}
