#include <string.h>

#include "explore/exports.h"
#include "explore/tab.h"

/* A job of a tab. */
typedef struct task {
    pb_tab *tab;
    pb_order order;
    unsigned long stamp;
    pb_origin *origin; /* of directions that are to be carried over first; or NULL */
} task;

static void release(void *context)
{
    task *t = context;

    pb_order_clear(&t->order);
    pb_tab_unref(t->tab);
    pb_origin_release(t->origin);
    g_free(t);
}

static void clear_origin(gpointer data)
{
    pb_origin *o = data;

    pb_order_clear(&o->order);
    pb_tab_unref(o->tab);
}

void pb_origin_release(pb_origin *o)
{
    if (o)
        g_atomic_rc_box_release_full(o, clear_origin);
}

/* What came of a job is the tab's, unless something was changed meanwhile. */
static pb_status keep(task *t, json_t **place, pb_status status, json_t *made, pb_error *error)
{
    pb_tabs *tabs = t->tab->tabs;

    if (status != PB_OK) {
        json_decref(made);
        return status;
    }
    g_mutex_lock(&tabs->lock);
    if (t->tab->stamp == t->stamp) {
        json_decref(*place);
        *place = made;
        t->tab->version++;
    } else {
        json_decref(made);
        status = pb_fail(error, PB_CANCELLED, "something else was asked for meanwhile");
    }
    g_mutex_unlock(&tabs->lock);
    return status;
}

/* One that is none goes again. */
static pb_status show_mask(task *t, const pb_run *run, pb_error *error)
{
    pb_tabs *tabs = t->tab->tabs;
    json_t *made = NULL;
    pb_status status = pb_bench_mask(t->tab->bench, &t->order, &made, run, error);

    g_mutex_lock(&tabs->lock);
    if (status != PB_OK && status != PB_CANCELLED && t->tab->mask.number == t->order.mask.number)
        pb_given_set(&t->tab->mask, NULL, NULL);
    g_mutex_unlock(&tabs->lock);
    return keep(t, &t->tab->shown.mask, status, made, error);
}

static int has_mask_to_show(task *t)
{
    pb_tabs *tabs = t->tab->tabs;
    int has;

    g_mutex_lock(&tabs->lock);
    has = t->order.mask.bytes && !t->tab->shown.mask;
    g_mutex_unlock(&tabs->lock);
    return has;
}

/* The photo and what is known without its directions. */
static pb_status look_at(task *t, const pb_run *run, pb_error *error)
{
    pb_bench *bench = t->tab->bench;
    pb_shown *shown = &t->tab->shown;
    json_t *made = NULL;
    pb_status status = pb_bench_photo(bench, &t->order, &made, run, error);

    PB_TRY(keep(t, &shown->photo, status, made, error));
    status = pb_bench_grid(bench, &t->order, &made, run, error);
    PB_TRY(keep(t, &shown->grid, status, made, error));
    if (has_mask_to_show(t))
        PB_TRY(show_mask(t, run, error));
    if (strcmp(t->order.kind, "find") && !pb_bench_is_quick(bench))
        return PB_OK;
    status = pb_bench_noisy(bench, &t->order, &made, run, error);
    return keep(t, &shown->noisy, status, made, error);
}

static pb_status look(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    (void)result;
    return look_at(context, run, error);
}

static pb_status mask(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    (void)result;
    return show_mask(context, run, error);
}

/* The directions of the other tab become this one's to be carried. */
static pb_status fetch(task *t, const pb_run *run, pb_error *error)
{
    pb_tabs *tabs = t->tab->tabs;
    pb_bytes bytes = {NULL, 0};
    pb_origin *done = NULL;
    GBytes *basis;
    int wanted;

    PB_TRY(pb_export_basis(t->origin->tab->bench, &t->origin->order, &bytes, run, error));
    basis = pb_share_bytes(&bytes);
    g_mutex_lock(&tabs->lock);
    wanted = t->tab->carried.number == t->order.carried.number && t->tab->carried.name;
    if (wanted) {
        pb_given_set(&t->tab->carried, basis, t->order.carried.name);
        pb_given_clear(&t->order.carried);
        t->order.carried = pb_given_ref(&t->tab->carried);
        done = t->tab->origin;
        t->tab->origin = NULL;
    }
    g_mutex_unlock(&tabs->lock);
    pb_origin_release(done);
    g_bytes_unref(basis);
    return wanted ? PB_OK : pb_fail(error, PB_CANCELLED, "its own directions are asked for");
}

static pb_status find(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    task *t = context;
    gint64 began = g_get_monotonic_time();
    json_t *made = NULL;
    pb_status status;

    (void)result;
    PB_TRY(look_at(t, run, error));
    status = pb_bench_find(t->tab->bench, &t->order, &made, run, error);
    if (made)
        json_object_set_new(made, "seconds",
                            json_real((double)(g_get_monotonic_time() - began) / 1e6));
    return keep(t, &t->tab->shown.found, status, made, error);
}

static pb_status edit(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    task *t = context;
    json_t *made = NULL;
    pb_status status = pb_bench_edit(t->tab->bench, &t->order, &made, run, error);

    (void)result;
    return keep(t, &t->tab->shown.edit, status, made, error);
}

static pb_status export(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    task *t = context;

    return pb_export(t->tab->bench, &t->order, result, run, error);
}

/* -- all ----------------------------------------------------------------------------------------
 */

static const struct kind {
    const char *kind;
    int newest, directed; /* it needs directions */
    pb_status (*work)(void *, json_t **, const pb_run *, pb_error *);
} kinds[] = {{"look", 1, 0, look},
             {"mask", 1, 0, mask},
             {"find", 1, 1, find},
             {"edit", 1, 1, edit},
             {"export", 0, 1, export}};

static const struct kind *kind_of(const char *name)
{
    const struct kind *k = kinds;

    while (strcmp(k->kind, name))
        k++;
    return k;
}

static pb_status work(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    task *t = context;
    const struct kind *k = kind_of(t->order.kind);
    pb_status status = t->origin && k->directed ? fetch(t, run, error) : PB_OK;

    *result = NULL;
    if (status == PB_OK)
        status = k->work(context, result, run, error);
    pb_tabs_make_room(t->tab->tabs, t->tab);
    return status;
}

pb_order pb_tab_order(const pb_tab *tab, const pb_request *r)
{
    return (pb_order){.tab = tab->id,
                      .shelf = tab->tabs->shelf,
                      .kind = kind_of(r->kind)->kind,
                      .wishes = json_deep_copy(tab->wishes),
                      .photo = pb_given_ref(&tab->photo),
                      .mask = pb_given_ref(&tab->mask),
                      .carried = pb_given_ref(&tab->carried),
                      .basis = pb_given_ref(&tab->basis),
                      .weights = r->weights ? json_incref(r->weights) : json_object(),
                      .history = r->history ? json_incref(r->history) : json_array(),
                      .what = g_strdup(r->what),
                      .format = g_strdup(r->format ? r->format : "png")};
}

unsigned long pb_tab_do(pb_tab *tab, const pb_request *request)
{
    const struct kind *k = kind_of(request->kind);
    pb_job job = {
        .tab = tab->id, .kind = k->kind, .newest = k->newest, .work = work, .release = release};
    task *t = g_new0(task, 1);

    g_mutex_lock(&tab->tabs->lock);
    t->tab = pb_tab_ref(tab);
    t->stamp = tab->stamp;
    t->order = pb_tab_order(tab, request);
    t->origin = tab->origin ? g_atomic_rc_box_acquire(tab->origin) : NULL;
    g_mutex_unlock(&tab->tabs->lock);
    job.context = t;
    return pb_line_add(tab->tabs->line, &job);
}
