#include "study/executor/workshop.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "study/executor/craft.h"

static const pb_craft *craft_of(const pb_item *item)
{
    static const pb_craft *const crafts[] = {&pb_craft_trajectory, &pb_craft_picture,
                                             &pb_craft_basis};

    return crafts[item->kind];
}

/* -- telling --------------------------------------------------------------------------------------
 */

static int tell(pb_workshop *w)
{
    const pb_progress progress = {
        .task = "study", .done = w->progress->done, .total = w->progress->total};

    w->progress->seconds = pb_seconds() - w->start;
    return w->run->monitor ? w->run->monitor(w->run->context, &progress) : 0;
}

static int ask(void *context, const pb_progress *progress)
{
    (void)progress;
    return tell(context);
}

/* What is odd of a model is odd of each of its items: it is said once. */
static void warn(void *context, const char *text)
{
    pb_workshop *w = context;

    if (!w->run->warn || (w->warned && !strcmp(w->warned, text)))
        return;
    pb_free(w->warned);
    w->warned = pb_strdup(text);
    w->run->warn(w->run->context, text);
}

pb_status pb_workshop_tell(pb_workshop *w, pb_error *error)
{
    return tell(w) ? pb_fail(error, PB_CANCELLED, "cancelled") : PB_OK;
}

pb_status pb_workshop_wait(pb_workshop *w, pb_error *error)
{
    const struct timespec pause = {.tv_nsec = 100000000};

    nanosleep(&pause, NULL);
    return pb_workshop_tell(w, error);
}

/* -- opening --------------------------------------------------------------------------------------
 */

void pb_workshop_open(pb_workshop *w, const pb_study_plan *plan, pb_store *store, const pb_run *run,
                      pb_study_progress *progress)
{
    *w = (pb_workshop){.plan = plan,
                       .store = store,
                       .run = run,
                       .progress = progress,
                       .start = pb_seconds(),
                       .inner = *run,
                       .points = PB_TENSOR_EMPTY};
    w->inner.monitor = ask;
    w->inner.warn = warn;
    w->inner.context = w;
    *progress = (pb_study_progress){.total = plan->distinct};
    for (size_t m = 0; m < plan->options->model_count; m++)
        if (plan->models[m].studio.info->ignored)
            progress->ignored = plan->models[m].studio.info->ignored;
}

void pb_workshop_close(pb_workshop *w)
{
    pb_tensor_clear(&w->points);
    pb_free(w->warned);
}

/* -- making ---------------------------------------------------------------------------------------
 */

static pb_status claim(pb_workshop *w, const pb_item *item, int doubted, pb_claim *found,
                       pb_error *error)
{
    json_t *spec = pb_item_spec(w->plan, item);
    pb_status status = spec ? pb_store_claim(w->store, &item->key, spec, pb_item_ending(item),
                                             doubted, found, error)
                            : pb_fail_memory(error, sizeof *item, "an item");

    json_decref(spec);
    return status;
}

static char *path_of(const pb_workshop *w, const pb_item *item, pb_error *error)
{
    char *path = pb_store_path(w->store, &item->key, pb_item_ending(item));

    if (!path)
        pb_fail_memory(error, sizeof item->key, "a path");
    return path;
}

static void warn_again(pb_workshop *w, const char *why)
{
    char *text = pb_sprintf("%s: it is computed again", why);

    if (text)
        warn(w, text);
    pb_free(text);
}

/* Makes an item that is claimed. */
static pb_status make(pb_workshop *w, const pb_item *item, pb_error *error)
{
    double begin = pb_seconds();
    char *path = path_of(w, item, error);
    pb_status status = path ? craft_of(item)->make(w, item, path, error) : PB_MEMORY;

    pb_free(path);
    if (status != PB_OK) {
        pb_store_release(w->store, &item->key);
        return status;
    }
    w->progress->computed += item->kind != PB_ITEM_TRAJECTORY;
    return pb_store_finish(w->store, &item->key, pb_item_ending(item), pb_seconds() - begin, error);
}

/* The same, with a word where it was there before. */
static pb_status make_lost(pb_workshop *w, const pb_item *item, pb_error *error)
{
    char *path = path_of(w, item, error), *why = path ? pb_sprintf("%s is gone", path) : NULL;

    if (why)
        warn_again(w, why);
    pb_free(path);
    pb_free(why);
    return make(w, item, error);
}

pb_status pb_workshop_make(pb_workshop *w, const pb_item *item, int *busy, pb_error *error)
{
    pb_claim found;

    *busy = 0;
    PB_TRY(claim(w, item, 0, &found, error));
    if (found == PB_CLAIM_MINE)
        return make(w, item, error);
    if (found == PB_CLAIM_LOST)
        return make_lost(w, item, error);
    *busy = found == PB_CLAIM_BUSY;
    return PB_OK;
}

/* -- reading --------------------------------------------------------------------------------------
 */

/* Is it an item that is not as it should be, not a failure of something else? */
static int is_damage(pb_status status)
{
    return status == PB_FORMAT || status == PB_INVALID || status == PB_IO ||
           status == PB_UNSUPPORTED;
}

static pb_status read_item(pb_workshop *w, const pb_item *item, void *out, pb_error *error)
{
    const pb_craft *craft = craft_of(item);
    char *path = path_of(w, item, error);
    pb_status status =
        path ? pb_store_check(w->store, &item->key, pb_item_ending(item), error) : PB_MEMORY;

    if (status == PB_OK) {
        status = craft->read(w->plan, item, path, out, error);
        if (status != PB_OK)
            craft->clear(out);
    }
    pb_free(path);
    return status;
}

/* Who gets hold of a damaged item makes it again, unless somebody else has in between. */
static pb_status mend(pb_workshop *w, const pb_item *item, void *out, pb_error *error)
{
    pb_claim found = PB_CLAIM_BUSY;
    pb_error why;
    pb_status status;

    PB_TRY(claim(w, item, 1, &found, error));
    while (found == PB_CLAIM_BUSY) {
        PB_TRY(pb_workshop_wait(w, error));
        PB_TRY(claim(w, item, 1, &found, error));
    }
    status = read_item(w, item, out, &why);
    if (!is_damage(status)) {
        pb_store_release(w->store, &item->key);
        if (status != PB_OK && error)
            *error = why;
        return status;
    }
    warn_again(w, why.message);
    PB_TRY(make(w, item, error));
    return read_item(w, item, out, error);
}

static pb_status fetch(pb_workshop *w, const pb_item *item, void *out, pb_error *error)
{
    pb_status status;
    int busy;

    PB_TRY(pb_workshop_make(w, item, &busy, error));
    while (busy) {
        PB_TRY(pb_workshop_wait(w, error));
        PB_TRY(pb_workshop_make(w, item, &busy, error));
    }
    status = read_item(w, item, out, error);
    return is_damage(status) ? mend(w, item, out, error) : status;
}

pb_status pb_workshop_basis(pb_workshop *w, const pb_item *item, pb_basis *basis, pb_error *error)
{
    PB_TRY(pb_workshop_tell(w, error));
    return fetch(w, item, basis, error);
}

pb_status pb_workshop_picture(pb_workshop *w, const pb_item *item, pb_photo *photo, pb_error *error)
{
    return fetch(w, item, photo, error);
}

pb_status pb_workshop_points(pb_workshop *w, const pb_item *item, const pb_tensor **points,
                             pb_error *error)
{
    const pb_item *needed = pb_plan_trajectory(w->plan, item->model, item->sample);

    *points = &w->points;
    if (w->at == needed && w->points.data)
        return PB_OK;
    pb_tensor_clear(&w->points);
    w->at = needed;
    return fetch(w, needed, &w->points, error);
}
