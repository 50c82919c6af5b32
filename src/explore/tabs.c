#include "explore/tabs.h"

#include <string.h>

#include "explore/wishes.h"

struct pb_tab {
    pb_tabs *tabs;
    gint references;
    unsigned long id;
    gint64 asked; /* when it was asked for last */

    /* With the lock of the tabs: */
    unsigned long version; /* grows with each change */
    unsigned long stamp;   /* grows where what was found is no longer true */
    unsigned long number;  /* of the photo */
    json_t *wishes, *photo, *found, *edit;
    GBytes *bytes;
    char *name;

    pb_bench *bench; /* the line's thread's */
};

struct pb_tabs {
    GMutex lock;
    GPtrArray *all;
    pb_line *line;
    pb_shelf *shelf;
    size_t most;
    unsigned long last;
};

pb_tabs *pb_tabs_new(pb_line *line, pb_shelf *shelf, size_t most)
{
    pb_tabs *tabs = g_new0(pb_tabs, 1);

    g_mutex_init(&tabs->lock);
    tabs->all = g_ptr_array_new();
    tabs->line = line;
    tabs->shelf = shelf;
    tabs->most = most;
    return tabs;
}

void pb_tabs_free(pb_tabs *tabs)
{
    if (!tabs)
        return;
    while (tabs->all->len)
        pb_tab_close(tabs->all->pdata[0]);
    g_ptr_array_unref(tabs->all);
    g_mutex_clear(&tabs->lock);
    g_free(tabs);
}

void pb_tab_unref(pb_tab *tab)
{
    if (!tab || !g_atomic_int_dec_and_test(&tab->references))
        return;
    pb_bench_free(tab->bench);
    json_decref(tab->wishes);
    json_decref(tab->photo);
    json_decref(tab->found);
    json_decref(tab->edit);
    if (tab->bytes)
        g_bytes_unref(tab->bytes);
    g_free(tab->name);
    g_free(tab);
}

static pb_tab *ref(pb_tab *tab)
{
    g_atomic_int_inc(&tab->references);
    return tab;
}

void pb_tab_close(pb_tab *tab)
{
    pb_tabs *tabs = tab->tabs;
    int held;

    g_mutex_lock(&tabs->lock);
    held = g_ptr_array_remove(tabs->all, tab);
    tab->stamp++;
    g_mutex_unlock(&tabs->lock);
    if (!held)
        return;
    pb_line_cancel_tab(tabs->line, tab->id);
    pb_shelf_drop(tabs->shelf, tab->id);
    pb_tab_unref(tab);
}

/* The one that was asked for least lately, a reference; NULL: there is room. */
static pb_tab *surplus(pb_tabs *tabs)
{
    pb_tab *oldest = NULL;

    g_mutex_lock(&tabs->lock);
    if (tabs->all->len >= tabs->most)
        for (guint i = 0; i < tabs->all->len; i++) {
            pb_tab *tab = tabs->all->pdata[i];
            if (!oldest || tab->asked < oldest->asked)
                oldest = tab;
        }
    if (oldest)
        ref(oldest);
    g_mutex_unlock(&tabs->lock);
    return oldest;
}

pb_tab *pb_tab_new(pb_tabs *tabs, const char *model)
{
    pb_tab *tab = g_new0(pb_tab, 1), *old = surplus(tabs);

    if (old) {
        pb_tab_close(old);
        pb_tab_unref(old);
    }
    tab->tabs = tabs;
    tab->references = 2; /* the table's, and the caller's */
    tab->asked = g_get_monotonic_time();
    tab->wishes = pb_wishes_new(model);
    tab->name = g_strdup("picture");
    tab->bench = pb_bench_new();
    g_mutex_lock(&tabs->lock);
    tab->id = ++tabs->last;
    g_ptr_array_add(tabs->all, tab);
    g_mutex_unlock(&tabs->lock);
    return tab;
}

pb_tab *pb_tab_of(pb_tabs *tabs, unsigned long id)
{
    pb_tab *found = NULL;

    g_mutex_lock(&tabs->lock);
    for (guint i = 0; i < tabs->all->len && !found; i++)
        if (((pb_tab *)tabs->all->pdata[i])->id == id)
            found = ref(tabs->all->pdata[i]);
    if (found)
        found->asked = g_get_monotonic_time();
    g_mutex_unlock(&tabs->lock);
    return found;
}

json_t *pb_tab_json(pb_tab *tab)
{
    unsigned long job = pb_line_of_tab(tab->tabs->line, tab->id);
    json_t *json;

    g_mutex_lock(&tab->tabs->lock);
    json = json_pack("{s:I, s:I, s:o, s:O?, s:O?, s:O?, s:b}", "tab", (json_int_t)tab->id,
                     "version", (json_int_t)tab->version, "settings", json_deep_copy(tab->wishes),
                     "photo", tab->photo, "found", tab->found, "edit", tab->edit, "mask", 0);
    g_mutex_unlock(&tab->tabs->lock);
    json_object_set_new(json, "job", job ? json_integer((json_int_t)job) : json_null());
    return json;
}

/* -- jobs ------------------------------------------------------------------------------------- */

typedef struct task {
    pb_tab *tab;
    pb_order order;
    unsigned long stamp;
} task;

static void release(void *context)
{
    task *t = context;

    if (t->order.photo)
        g_bytes_unref(t->order.photo);
    json_decref(t->order.wishes);
    json_decref(t->order.weights);
    g_free(t->order.name);
    g_free(t->order.what);
    g_free(t->order.format);
    pb_tab_unref(t->tab);
    g_free(t);
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

static pb_status look(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    task *t = context;
    json_t *made = NULL;
    pb_status status = pb_bench_look(t->tab->bench, &t->order, &made, run, error);

    *result = NULL;
    return keep(t, &t->tab->photo, status, made, error);
}

static pb_status find(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    task *t = context;
    gint64 began = g_get_monotonic_time();
    json_t *made = NULL;
    pb_status status = pb_bench_find(t->tab->bench, &t->order, &made, run, error);

    *result = NULL;
    if (made)
        json_object_set_new(made, "seconds",
                            json_real((double)(g_get_monotonic_time() - began) / 1e6));
    return keep(t, &t->tab->found, status, made, error);
}

static pb_status edit(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    task *t = context;
    json_t *made = NULL;
    pb_status status = pb_bench_edit(t->tab->bench, &t->order, &made, run, error);

    *result = NULL;
    return keep(t, &t->tab->edit, status, made, error);
}

static pb_status export(void *context, json_t **result, const pb_run *run, pb_error *error)
{
    task *t = context;

    return pb_bench_export(t->tab->bench, &t->order, result, run, error);
}

unsigned long pb_tab_do(pb_tab *tab, const char *kind, json_t *weights, const char *what,
                        const char *format)
{
    static const struct {
        const char *kind;
        int newest;
        pb_status (*work)(void *, json_t **, const pb_run *, pb_error *);
    } kinds[] = {{"look", 1, look}, {"find", 1, find}, {"edit", 1, edit}, {"export", 0, export}};
    pb_job job = {.tab = tab->id, .release = release};
    task *t = g_new0(task, 1);

    g_mutex_lock(&tab->tabs->lock);
    t->tab = ref(tab);
    t->stamp = tab->stamp;
    t->order = (pb_order){.tab = tab->id,
                          .wishes = json_deep_copy(tab->wishes),
                          .photo = tab->bytes ? g_bytes_ref(tab->bytes) : NULL,
                          .name = g_strdup(tab->name),
                          .number = tab->number,
                          .weights = json_incref(weights),
                          .what = g_strdup(what),
                          .format = g_strdup(format),
                          .shelf = tab->tabs->shelf};
    g_mutex_unlock(&tab->tabs->lock);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (!strcmp(kinds[i].kind, kind)) {
            job.kind = kinds[i].kind;
            job.newest = kinds[i].newest;
            job.work = kinds[i].work;
        }
    job.context = t;
    return pb_line_add(tab->tabs->line, &job);
}

/* With the lock: nothing that was found is true any longer. */
static void forget(pb_tab *tab, int photo)
{
    tab->stamp++;
    json_decref(tab->found);
    json_decref(tab->edit);
    tab->found = tab->edit = NULL;
    if (photo) {
        json_decref(tab->photo);
        tab->photo = NULL;
    }
}

pb_status pb_tab_change(pb_tab *tab, const json_t *change, pb_error *error)
{
    int looks = json_object_get(change, "crop") || json_object_get(change, "model") ||
                json_object_get(change, "source");
    pb_status status;
    int same, photo;

    g_mutex_lock(&tab->tabs->lock);
    status = pb_wishes_change(tab->wishes, change, &same, error);
    if (status == PB_OK) {
        tab->version++;
        if (!same)
            forget(tab, looks);
    }
    photo = tab->bytes && !strcmp(pb_wish_text(tab->wishes, "source"), "photo");
    g_mutex_unlock(&tab->tabs->lock);
    if (status != PB_OK || same)
        return status;
    pb_line_cancel_tab(tab->tabs->line, tab->id);
    if (looks && photo)
        pb_tab_do(tab, "look", NULL, NULL, NULL);
    return PB_OK;
}

unsigned long pb_tab_photo(pb_tab *tab, GBytes *bytes, const char *name)
{
    g_mutex_lock(&tab->tabs->lock);
    if (tab->bytes)
        g_bytes_unref(tab->bytes);
    tab->bytes = g_bytes_ref(bytes);
    g_free(tab->name);
    tab->name = g_strdup(name);
    tab->number++;
    tab->version++;
    json_object_set_new(tab->wishes, "source", json_string("photo"));
    json_object_set_new(tab->wishes, "crop", json_string("auto"));
    forget(tab, 1);
    g_mutex_unlock(&tab->tabs->lock);
    pb_line_cancel_tab(tab->tabs->line, tab->id);
    return pb_tab_do(tab, "look", NULL, NULL, NULL);
}
