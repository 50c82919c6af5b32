#include "study/store/folder.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/temporary.h"

#define SETTINGS "settings.json"

char *pb_in_folder(const pb_study_options *o, const char *name, pb_error *error)
{
    char *path = pb_sprintf("%s/%s", o->folder, name);

    if (!path)
        pb_fail_memory(error, strlen(o->folder), "a path");
    return path;
}

static int is_there(const pb_study_options *o, const char *name)
{
    char *path = pb_sprintf("%s/%s", o->folder, name);
    int there = path && access(path, F_OK) == 0;

    pb_free(path);
    return there;
}

int pb_folder_begun(const pb_study_options *o)
{
    return is_there(o, SETTINGS);
}

/* -- another study ------------------------------------------------------------------------------
 */

static void take_done(void *context, const char *study, const pb_study_status *status)
{
    (void)study;
    *(size_t *)context = status->done;
}

/* Has the study of these settings left anything that it would be a pity to lose? */
static pb_status has_results(const pb_study_options *o, const pb_study_options *old,
                             pb_store_opener open, int *has, pb_error *error)
{
    char *path;
    size_t done = 0;
    pb_store *store = NULL;
    pb_status status;

    *has = is_there(o, "data.csv");
    if (*has)
        return PB_OK;
    path = pb_study_catalogue(old);
    if (!path)
        return pb_fail_memory(error, strlen(o->folder), "a path");
    status = open(&store, path, 0, error);
    if (status == PB_OK && store)
        status = pb_store_visit(store, o->folder, take_done, &done, error);
    pb_store_close(store);
    pb_free(path);
    *has = done > 0;
    return status;
}

/* Settings that change no number: these, and where samples are drawn how images are read, where
 * images are given how samples are drawn. */
static int may_differ(const char *key, int drawn)
{
    static const char *const keys[] = {"pullback", "folder",         "catalogue",
                                       "boost",    "max_megapixels", NULL},
                             *const reading[] = {"fit", "crop", "direct", "latents", NULL},
                             *const drawing[] = {"seed", NULL};
    const char *const *const lists[] = {keys, drawn ? reading : drawing};

    for (size_t i = 0; i < 2; i++)
        for (const char *const *name = lists[i]; *name; name++)
            if (!strcmp(key, *name))
                return 1;
    return 0;
}

/* The first setting of `a` that is another in `b`, or NULL. */
static const char *first_other(json_t *a, json_t *b, int drawn)
{
    const char *key;
    json_t *value;

    json_object_foreach(a, key, value)
    {
        if (!may_differ(key, drawn) && !json_equal(value, json_object_get(b, key)))
            return key;
    }
    return NULL;
}

static pb_status fail_other(const pb_study_options *o, const char *key, json_t *old, json_t *new,
                            pb_error *error)
{
    char *was = json_dumps(json_object_get(old, key), JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)),
         *is = json_dumps(json_object_get(new, key), JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    pb_status status;

    if (json_is_array(json_object_get(old, key)) || json_is_array(json_object_get(new, key)))
        status = pb_fail(error, PB_INVALID,
                         "%s holds another study, of other \"%s\": another folder, or force, which "
                         "replaces its report and keeps what is computed",
                         o->folder, key);
    else
        status = pb_fail(error, PB_INVALID,
                         "%s holds another study: \"%s\" is %s there, and %s here: another folder, "
                         "or force, which replaces its report and keeps what is computed",
                         o->folder, key, was ? was : "not given", is ? is : "not given");
    free(was);
    free(is);
    return status;
}

static pb_status compare(const pb_study_options *o, const pb_study_options *other,
                         pb_store_opener open, pb_error *error)
{
    json_t *was = pb_study_settings(other), *is = pb_study_settings(o);
    const char *key = NULL;
    int has = 0;
    pb_status status = PB_OK;

    if (!was || !is)
        status = pb_fail(error, PB_INTERNAL, "settings that are no JSON");
    if (status == PB_OK) {
        key = first_other(was, is, o->image_count == 0);
        if (!key)
            key = first_other(is, was, o->image_count == 0);
    }
    if (key)
        status = has_results(o, other, open, &has, error);
    if (status == PB_OK && has)
        status = fail_other(o, key, was, is, error);
    json_decref(was);
    json_decref(is);
    return status;
}

pb_status pb_folder_check(const pb_study_options *o, pb_store_opener open, pb_error *error)
{
    pb_study_options other = PB_STUDY_DEFAULTS;
    pb_error why;
    pb_status status;
    char *path;

    if (o->force || !pb_folder_begun(o))
        return PB_OK;
    path = pb_in_folder(o, SETTINGS, error);
    if (!path)
        return PB_MEMORY;
    if (pb_study_settings_read(&other, path, &why) == PB_OK)
        status = compare(o, &other, open, error);
    else
        status =
            pb_fail(error, PB_INVALID, "%s: another folder, or force to replace it", why.message);
    pb_study_options_clear(&other);
    pb_free(path);
    return status;
}

/* -- making it ----------------------------------------------------------------------------------
 */

pb_status pb_folder_make(const pb_study_options *o, int *made, pb_error *error)
{
    *made = access(o->folder, F_OK) != 0;
    if (g_mkdir_with_parents(o->folder, 0777) || access(o->folder, W_OK))
        return pb_fail_system(error, o->folder, NULL);
    pb_temporary_sweep(o->folder);
    return PB_OK;
}

pb_status pb_folder_settings(const pb_study_options *o, pb_error *error)
{
    json_t *settings = pb_study_settings(o);
    char *path = pb_in_folder(o, SETTINGS, error);
    pb_output output = PB_OUTPUT_EMPTY;
    pb_status status = path ? PB_OK : PB_MEMORY;

    if (!settings)
        status = pb_fail(error, PB_INTERNAL, "settings that are no JSON");
    if (status == PB_OK)
        status = pb_output_open(&output, path, error);
    if (status == PB_OK) {
        json_dumpf(settings, output.stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        putc('\n', output.stream);
        status = pb_output_commit(&output, error);
    }
    json_decref(settings);
    pb_free(path);
    return status;
}

char *pb_folder_resolve(const char *path)
{
    char *real = realpath(path, NULL), *above, *name, *bare, *joined = NULL;

    if (real || errno != ENOENT) {
        joined = real ? pb_strdup(real) : NULL;
        free(real);
        return joined;
    }
    bare = g_strdup(path);
    while (strlen(bare) > 1 && g_str_has_suffix(bare, "/"))
        bare[strlen(bare) - 1] = '\0';
    name = g_path_get_dirname(bare);
    above = pb_folder_resolve(name);
    g_free(name);
    name = g_path_get_basename(bare);
    if (above)
        joined = pb_sprintf("%s/%s", strcmp(above, "/") ? above : "", name);
    g_free(name);
    g_free(bare);
    pb_free(above);
    return joined;
}
