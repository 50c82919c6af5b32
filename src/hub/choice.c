#include "hub/choice.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "hub/text.h"
#include "io/json.h"
#include "models/locate.h"
#include "models/weights_files.h"

#define MOST_BYTES ((size_t)16 << 20) /* of a config */

typedef struct choice {
    pb_hub_listing *chosen;
    const pb_hub_listing *all;
    pb_http *http;
    const char *variant;
    bool varied; /* some weights of the variant are there */
} choice;

/* "FOLDER/NAME", or of no folder "NAME"; NULL: no memory. */
static char *join(const char *folder, const char *name)
{
    return *folder ? pb_sprintf("%s/%s", folder, name) : pb_strdup(name);
}

/* Takes a file, if it is there; *file: or NULL. */
static pb_status take(const choice *c, const char *folder, const char *name,
                      const pb_hub_file **file, pb_error *error)
{
    char *path = join(folder, name);
    const pb_hub_file *found = path ? pb_hub_listed(c->all, path) : NULL;
    pb_status status = path ? PB_OK : pb_fail_memory(error, strlen(name), "a path");

    if (found)
        status = pb_hub_listing_add(c->chosen, found, error);
    if (file)
        *file = found;
    pb_free(path);
    return status;
}

/* Reads one that has been listed. */
static pb_status read_object(json_t **out, const choice *c, const pb_hub_file *file,
                             pb_error *error)
{
    char *what = pb_sprintf("%s: %s", c->http->repository, file->name);
    char *url = pb_http_url(c->http, "", "resolve", c->all->commit, file->name);
    pb_status status = what && url ? pb_hub_object(out, c->http, what, url, MOST_BYTES, file, error)
                                   : pb_fail_memory(error, strlen(file->name), "an address");

    pb_free(what);
    pb_free(url);
    return status;
}

static void warn(const choice *c, const char *text)
{
    const pb_run *run = &c->http->work->run;

    if (run->warn && text)
        run->warn(run->context, text);
}

/* -- weights --------------------------------------------------------------------------------- */

/* The files that an index names. */
static pb_status take_shards(const choice *c, const char *folder, const pb_hub_file *index,
                             pb_error *error)
{
    json_t *object = NULL;
    const char *key;
    json_t *value;
    pb_status status = read_object(&object, c, index, error);

    json_object_foreach(json_object_get(object, "weight_map"), key, value)
    {
        const pb_hub_file *shard = NULL;
        if (status == PB_OK && json_is_string(value))
            status = take(c, folder, json_string_value(value), &shard, error);
        if (status == PB_OK && !shard)
            status = pb_fail(error, PB_FORMAT, "%s: %s: %s lies in %s, which is not there",
                             c->http->repository, index->name, pb_quote(key).text,
                             pb_json_found(value).text);
        if (status != PB_OK)
            break;
    }
    json_decref(object);
    return status;
}

/* The names of a folder's files; pb_free. NULL: no memory. */
static const char **names_in(const pb_hub_listing *all, const char *folder, size_t *count)
{
    const char **names = pb_calloc(all->count, sizeof *names);
    const size_t n = strlen(folder);

    *count = 0;
    for (size_t i = 0; names && i < all->count; i++) {
        const char *name = all->files[i].name;
        if (n && (strncmp(name, folder, n) || name[n] != '/'))
            continue;
        name += n ? n + 1 : 0;
        if (!strchr(name, '/'))
            names[(*count)++] = name;
    }
    return names;
}

/* *name: that of the weights in a folder, of the variant where there are some. */
static pb_status choose_weights(const char **name, choice *c, const char *folder, pb_family family,
                                pb_error *error)
{
    size_t count;
    const char **names = names_in(c->all, folder, &count);
    char *what = join(c->http->repository, folder);
    pb_status status = names && what ? PB_OK : pb_fail_memory(error, 100, "names");

    *name = NULL;
    if (status == PB_OK && c->variant)
        status = pb_weights_choose(name, count, names, what, family, c->variant, error);
    c->varied = c->varied || *name;
    if (status == PB_OK && !*name) {
        status = pb_weights_choose(name, count, names, what, family, NULL, error);
        if (status == PB_OK && c->variant) {
            char *text = pb_sprintf("%s: no weights of the variant %s, therefore %s", what,
                                    c->variant, *name);
            warn(c, text);
            pb_free(text);
        }
    }
    pb_free(names);
    pb_free(what);
    return status;
}

static pb_status take_weights(const choice *c, const char *folder, const char *name,
                              pb_error *error)
{
    const pb_hub_file *file;

    PB_TRY(take(c, folder, name, &file, error));
    return pb_ends_with(name, ".json") ? take_shards(c, folder, file, error) : PB_OK;
}

/* -- models ---------------------------------------------------------------------------------- */

static pb_status take_component(choice *c, pb_role role, const pb_component *component,
                                pb_error *error)
{
    static const char *const network[] = {"config.json", NULL};
    const char *const *names = component ? component->files : network;
    const char *folder = pb_role_name(role), *weights;
    pb_error why = {0};
    pb_status status;

    for (size_t i = 0; names[i]; i++)
        PB_TRY(take(c, folder, names[i], NULL, error));
    if (component && !component->build)
        return PB_OK;
    status =
        choose_weights(&weights, c, folder, component ? component->library : PB_DIFFUSERS, &why);
    if (status == PB_OK)
        return take_weights(c, folder, weights, error);
    if (role == PB_ROLE_UNET || status == PB_MEMORY) {
        if (error)
            *error = why;
        return status;
    }
    warn(c, why.message); /* a model all the same, of which something cannot be asked */
    return PB_OK;
}

static pb_status take_pipeline(choice *c, pb_config *index, pb_error *error)
{
    const char *class;

    PB_TRY(pb_pipeline_check(index, error));
    PB_TRY(take(c, "scheduler", "scheduler_config.json", NULL, error));
    for (pb_role role = 0; role < PB_ROLES; role++) {
        const pb_kind kind = pb_role_kind(role);
        if (kind != PB_KIND_ANY && pb_pipeline_has(index, pb_role_name(role), &class))
            PB_TRY(take_component(c, role, pb_component_find(kind, class), error));
    }
    return PB_OK;
}

static pb_status take_by_index(choice *c, const pb_hub_file *file, pb_error *error)
{
    char *name = pb_sprintf("%s: %s", c->http->repository, file->name);
    json_t *object = NULL;
    pb_config *index = NULL;
    pb_status status =
        name ? read_object(&object, c, file, error) : pb_fail_memory(error, 100, "a name");

    if (status == PB_OK)
        status = pb_config_of(&index, name, object, error);
    if (status == PB_OK)
        status = take_pipeline(c, index, error);
    pb_config_free(index);
    json_decref(object);
    pb_free(name);
    return status;
}

/* Neither a pipeline nor a network: what could be asked for? */
static pb_status fail_unknown(const choice *c, pb_error *error)
{
    char *files = NULL, item[400];

    for (size_t i = 0; i < c->all->count; i++)
        if (pb_names_weights(c->all->files[i].name)) {
            snprintf(item, sizeof item, "%s (%.1f MB)", c->all->files[i].name,
                     (double)c->all->files[i].size / 1e6);
            files = pb_list_add(files, item);
        }
    pb_fail(error, PB_IO, "%s: neither model_index.json nor config.json is there%s%s",
            c->http->repository,
            files ? ": say which file is meant (--include NAME): " : ", and no weights",
            files ? files : "");
    pb_free(files);
    return PB_IO;
}

static pb_status take_model(choice *c, pb_error *error)
{
    const pb_hub_file *file;
    const char *weights;

    PB_TRY(take(c, "", "pullback.json", NULL, error));
    PB_TRY(take(c, "", "model_index.json", &file, error));
    if (file)
        return take_by_index(c, file, error);
    PB_TRY(take(c, "", "config.json", &file, error));
    if (!file)
        return fail_unknown(c, error);
    PB_TRY(take(c, "", "scheduler_config.json", NULL, error));
    PB_TRY(choose_weights(&weights, c, "", PB_DIFFUSERS, error));
    return take_weights(c, "", weights, error);
}

/* -- patterns -------------------------------------------------------------------------------- */

static pb_status take_included(const choice *c, const char *const *patterns, pb_error *error)
{
    for (; *patterns; patterns++) {
        bool any = false;
        for (size_t i = 0; i < c->all->count; i++)
            if (fnmatch(*patterns, c->all->files[i].name, 0) == 0) {
                PB_TRY(pb_hub_listing_add(c->chosen, &c->all->files[i], error));
                any = true;
            }
        if (!any)
            return pb_fail(error, PB_IO, "%s: no file fits \"%s\"", c->http->repository, *patterns);
    }
    return PB_OK;
}

pb_status pb_hub_choose(pb_hub_listing *chosen, const pb_hub_listing *all, pb_http *http,
                        const pb_hub_request *request, pb_error *error)
{
    choice c = {.chosen = chosen, .all = all, .http = http, .variant = request->variant};

    memcpy(chosen->commit, all->commit, sizeof chosen->commit);
    if (request->include)
        return take_included(&c, request->include, error);
    PB_TRY(take_model(&c, error));
    if (c.variant && !c.varied)
        return pb_fail(error, PB_IO, "%s: no weights of the variant %s", http->repository,
                       c.variant);
    return PB_OK;
}
