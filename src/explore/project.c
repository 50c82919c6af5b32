#include "explore/project.h"

#include <pullback/pullback.h>

#include <string.h>

#include "base/memory.h"
#include "explore/scratch.h"
#include "explore/wishes.h"
#include "io/archive.h"
#include "io/archive_write.h"
#include "io/json.h"

#define MOST_HISTORY 200
#define MOST_MEMBER ((size_t)64 << 20) /* bytes: as much as can be sent unpacked */

/* Members, and what of an order each is. */
typedef struct part {
    const char *name;
    pb_given *given;
} part;

#define PARTS 4

static void parts_of(pb_order *o, part parts[PARTS])
{
    parts[0] = (part){"photo", &o->photo};
    parts[1] = (part){"mask", &o->mask};
    parts[2] = (part){"carried.safetensors", &o->carried};
    parts[3] = (part){"basis.safetensors", &o->basis};
}

static int are_weights(const json_t *weights)
{
    size_t number[64], count;
    double weight[64], strength;
    pb_error why;

    return pb_wish_weights(weights, 64, 64, number, weight, &count, &strength, &why) == PB_OK;
}

/* Are all of them weights, from the first one on? */
static pb_status check_sliders(const json_t *weights, const json_t *history, size_t first,
                               pb_error *error)
{
    if (!are_weights(weights))
        return pb_fail(error, PB_INVALID, "weights: expected {\"0\": 0.5, …}, each from -1 to 1");
    for (size_t i = first; i < json_array_size(history); i++)
        if (!are_weights(json_array_get(history, i)))
            return pb_fail(error, PB_INVALID, "history %zu: expected weights", i);
    return PB_OK;
}

/* -- writing ------------------------------------------------------------------------------------
 */

/* Of the history the last steps. */
static char *describe(const pb_order *o, size_t first)
{
    json_t *steps = json_array(), *object;
    char *text;

    for (size_t i = first; i < json_array_size(o->history); i++)
        json_array_append(steps, json_array_get(o->history, i));
    object = json_pack("{s:s, s:O, s:O, s:o, s:s?, s:s?}", "pullback", pb_version(), "settings",
                       o->wishes, "weights", o->weights, "history", steps, "photo", o->photo.name,
                       "carried", o->carried.name);
    text = object ? json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;

    json_decref(object);
    return text;
}

pb_status pb_project_pack(const pb_order *order, const pb_bytes *basis, pb_bytes *out,
                          pb_error *error)
{
    size_t steps = json_array_size(order->history);
    size_t first = steps > MOST_HISTORY ? steps - MOST_HISTORY : 0;
    char *text;
    pb_order o = *order;
    pb_packed members[PARTS + 1];
    part parts[PARTS];
    size_t count = 0;
    pb_status status;

    PB_TRY(check_sliders(order->weights, order->history, first, error));
    text = describe(order, first);
    if (!text)
        return pb_fail_memory(error, 0, "a project");
    members[count++] = (pb_packed){"project.json", text, strlen(text)};
    o.basis = (pb_given){0};
    parts_of(&o, parts);
    for (int i = 0; i < PARTS; i++) {
        gsize size = 0;
        const void *data =
            parts[i].given->bytes ? g_bytes_get_data(parts[i].given->bytes, &size) : NULL;
        if (data)
            members[count++] = (pb_packed){parts[i].name, data, size};
    }
    if (!o.carried.bytes && basis->data)
        members[count++] = (pb_packed){"basis.safetensors", basis->data, basis->size};
    status = pb_archive_pack(count, members, out, error);
    free(text);
    return status;
}

/* -- reading ------------------------------------------------------------------------------------
 */

/* A member's bytes, or none. */
static pb_status take(pb_archive *archive, const char *name, pb_bytes *bytes, pb_error *error)
{
    pb_member member;

    *bytes = (pb_bytes){NULL, 0};
    if (!pb_archive_has(archive, name))
        return PB_OK;
    PB_TRY(pb_archive_find(archive, name, &member, error));
    if (member.size > MOST_MEMBER)
        return pb_fail(error, PB_FORMAT, "%s: %zu bytes: expected at most %zu", name, member.size,
                       MOST_MEMBER);
    return pb_archive_take(archive, &member, bytes, error);
}

static pb_status read_sliders(pb_order *o, const json_t *project, pb_error *error)
{
    json_t *weights = json_object_get(project, "weights");
    json_t *history = json_object_get(project, "history");

    if (!json_is_array(history) || json_array_size(history) > MOST_HISTORY)
        return pb_fail(error, PB_FORMAT, "project.json: history: expected at most %d weights",
                       MOST_HISTORY);
    if (check_sliders(weights, history, 0, error) != PB_OK)
        return pb_fail_in(error, PB_FORMAT, "project.json");
    o->weights = json_incref(weights);
    o->history = json_incref(history);
    return PB_OK;
}

/* A name that was given, without folders; NULL where it is none. */
static char *name_in(const json_t *project, const char *key)
{
    const char *name = json_string_value(json_object_get(project, key));

    return name && *name && strlen(name) < 250 ? g_path_get_basename(name) : NULL;
}

static pb_status read_settings(pb_order *o, const json_t *project, const char *model,
                               pb_error *error)
{
    int same;

    if (!json_is_string(json_object_get(project, "pullback")))
        return pb_fail(error, PB_FORMAT, "project.json: expected that of Pullback");
    o->wishes = pb_wishes_new(model);
    PB_TRY(pb_wishes_change(o->wishes, json_object_get(project, "settings"), &same, error));
    return read_sliders(o, project, error);
}

static pb_status read_json(pb_order *o, pb_archive *archive, const char *model, json_t **project,
                           pb_error *error)
{
    pb_bytes text;
    pb_status status = take(archive, "project.json", &text, error);

    if (status == PB_OK && !text.data)
        status = pb_fail(error, PB_FORMAT, "an archive without project.json: no project");
    if (status == PB_OK)
        status = pb_json_parse(project, "project.json", NULL, text.data, text.size, error);
    pb_bytes_clear(&text);
    PB_TRY(status);
    return read_settings(o, *project, model, error);
}

static pb_status read_parts(pb_order *o, pb_archive *archive, const json_t *project,
                            pb_error *error)
{
    part parts[PARTS];
    pb_bytes bytes;

    parts_of(o, parts);
    for (int i = 0; i < PARTS; i++) {
        PB_TRY(take(archive, parts[i].name, &bytes, error));
        if (bytes.data)
            parts[i].given->bytes = pb_share_bytes(&bytes);
    }
    o->photo.name = o->photo.bytes ? name_in(project, "photo") : NULL;
    if (o->photo.bytes && !o->photo.name)
        o->photo.name = g_strdup("photo");
    o->carried.name = o->carried.bytes ? name_in(project, "carried") : NULL;
    if (o->carried.bytes && !o->carried.name)
        o->carried.name = g_strdup("photo");
    return PB_OK;
}

static pb_status unpack(pb_order *o, const char *path, const char *model, pb_error *error)
{
    pb_file file = PB_FILE_NONE;
    pb_archive *archive = NULL;
    json_t *project = NULL;
    pb_status status;

    PB_TRY(pb_file_open(&file, path, error));
    status = pb_archive_open(&archive, &file, error);
    if (status == PB_OK)
        status = read_json(o, archive, model, &project, error);
    if (status == PB_OK)
        status = read_parts(o, archive, project, error);
    json_decref(project);
    pb_archive_close(archive);
    pb_file_close(&file);
    return status;
}

pb_status pb_project_unpack(pb_order *o, const void *data, size_t size, const char *model,
                            pb_error *error)
{
    pb_scratch scratch;
    pb_status status = pb_scratch_begin(&scratch, "project.pullback", error);

    if (status == PB_OK)
        status = pb_file_write(scratch.path, data, size, error);
    if (status == PB_OK)
        status = unpack(o, scratch.path, model, error);
    pb_scratch_end(&scratch, status, error);
    return status;
}
