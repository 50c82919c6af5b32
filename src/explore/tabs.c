#include "explore/tabs.h"

#include <string.h>

#include "explore/random.h"
#include "explore/tab.h"
#include "explore/wishes.h"

pb_tabs *pb_tabs_new(pb_line *line, pb_shelf *shelf, const char *const *taster,
                     const pb_tab_limits *limits)
{
    pb_tabs *tabs = g_new0(pb_tabs, 1);

    g_mutex_init(&tabs->lock);
    tabs->all = g_ptr_array_new();
    tabs->line = line;
    tabs->shelf = shelf;
    tabs->taster = taster;
    tabs->limits = *limits;
    tabs->studios = pb_studios_new(limits->models);
    return tabs;
}

void pb_tabs_free(pb_tabs *tabs)
{
    if (!tabs)
        return;
    while (tabs->all->len)
        pb_tab_close(tabs->all->pdata[0]);
    g_ptr_array_unref(tabs->all);
    pb_studios_free(tabs->studios);
    g_mutex_clear(&tabs->lock);
    g_free(tabs);
}

/* -- one of them --------------------------------------------------------------------------------
 */

static void drop(json_t **object)
{
    json_decref(*object);
    *object = NULL;
}

static void forget_all(pb_shown *s)
{
    drop(&s->photo);
    drop(&s->grid);
    drop(&s->noisy);
    drop(&s->mask);
    drop(&s->found);
    drop(&s->edit);
    drop(&s->restored);
}

void pb_tab_unref(pb_tab *tab)
{
    if (!tab || !g_atomic_int_dec_and_test(&tab->references))
        return;
    pb_shelf_drop(tab->tabs->shelf, tab->id); /* also what a job put there after it was closed */
    pb_bench_free(tab->bench);
    json_decref(tab->wishes);
    forget_all(&tab->shown);
    pb_given_clear(&tab->photo);
    pb_given_clear(&tab->mask);
    pb_given_clear(&tab->carried);
    pb_given_clear(&tab->basis);
    pb_origin_release(tab->origin);
    g_free(tab);
}

pb_tab *pb_tab_ref(pb_tab *tab)
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

pb_tab *pb_tab_of(pb_tabs *tabs, unsigned long id)
{
    pb_tab *found = NULL;

    g_mutex_lock(&tabs->lock);
    for (guint i = 0; i < tabs->all->len && !found; i++)
        if (((pb_tab *)tabs->all->pdata[i])->id == id)
            found = pb_tab_ref(tabs->all->pdata[i]);
    if (found)
        found->asked = g_get_monotonic_time();
    g_mutex_unlock(&tabs->lock);
    return found;
}

static json_t *or_null(json_t *object)
{
    return object ? json_incref(object) : json_null();
}

json_t *pb_tab_json(pb_tab *tab)
{
    unsigned long job = pb_line_of_tab(tab->tabs->line, tab->id);
    const pb_shown *s = &tab->shown;
    json_t *json;

    g_mutex_lock(&tab->tabs->lock);
    json = json_pack(
        "{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "tab", (json_int_t)tab->id,
        "version", (json_int_t)tab->version, "settings", json_deep_copy(tab->wishes), "photo",
        or_null(s->photo), "grid", s->grid ? json_incref(s->grid) : json_array(), "noisy",
        or_null(s->noisy), "mask", or_null(s->mask), "carried",
        tab->carried.name ? json_pack("{s:s}", "from", tab->carried.name) : json_null(), "found",
        or_null(s->found), "edit", or_null(s->edit), "restored", or_null(s->restored));
    g_mutex_unlock(&tab->tabs->lock);
    json_object_set_new(json, "job", job ? json_integer((json_int_t)job) : json_null());
    return json;
}

/* -- room ---------------------------------------------------------------------------------------
 */

/* With the lock: the one that was asked for least lately and of which `counts` is not 0, but for
 * one of them; or NULL. */
static pb_tab *oldest(const pb_tabs *tabs, const pb_tab *but, size_t (*counts)(const pb_tab *))
{
    pb_tab *found = NULL;

    for (guint i = 0; i < tabs->all->len; i++) {
        pb_tab *tab = tabs->all->pdata[i];
        if (tab != but && counts(tab) && (!found || tab->asked < found->asked))
            found = tab;
    }
    return found;
}

/* With the lock: a sum over all of them. */
static size_t sum(const pb_tabs *tabs, size_t (*counts)(const pb_tab *))
{
    size_t all = 0;

    for (guint i = 0; i < tabs->all->len; i++)
        all += counts(tabs->all->pdata[i]);
    return all;
}

static size_t one(const pb_tab *tab)
{
    (void)tab;
    return 1;
}

static size_t size_of(const pb_given *g)
{
    return g->bytes ? g_bytes_get_size(g->bytes) : 0;
}

static size_t given_bytes(const pb_tab *t)
{
    return size_of(&t->photo) + size_of(&t->mask) + size_of(&t->carried) + size_of(&t->basis);
}

static size_t work_bytes(const pb_tab *t)
{
    return pb_bench_bytes(t->bench);
}

/* Closes others until all that was given, and their number, is within the limits. */
static void close_others(pb_tabs *tabs, const pb_tab *but)
{
    pb_tab *old;

    do {
        g_mutex_lock(&tabs->lock);
        old = tabs->all->len > tabs->limits.tabs            ? oldest(tabs, but, one)
              : sum(tabs, given_bytes) > tabs->limits.given ? oldest(tabs, but, given_bytes)
                                                            : NULL;
        if (old)
            pb_tab_ref(old);
        g_mutex_unlock(&tabs->lock);
        if (old) {
            pb_tab_close(old);
            pb_tab_unref(old);
        }
    } while (old);
}

void pb_tabs_make_room(pb_tabs *tabs, const pb_tab *but)
{
    pb_tab *old = NULL;

    g_mutex_lock(&tabs->lock);
    while (sum(tabs, work_bytes) > tabs->limits.work && (old = oldest(tabs, but, work_bytes)))
        pb_bench_forget(old->bench);
    g_mutex_unlock(&tabs->lock);
}

/* -- new ones -----------------------------------------------------------------------------------
 */

/* Takes over the settings. */
static pb_tab *new_tab(pb_tabs *tabs, json_t *wishes)
{
    pb_tab *tab = g_new0(pb_tab, 1);

    tab->tabs = tabs;
    tab->references = 2; /* the table's, and the caller's */
    tab->id = pb_random_id();
    tab->asked = g_get_monotonic_time();
    tab->wishes = wishes;
    tab->bench = pb_bench_new(tabs->studios, tabs->taster);
    g_mutex_lock(&tabs->lock);
    g_ptr_array_add(tabs->all, tab);
    g_mutex_unlock(&tabs->lock);
    close_others(tabs, tab);
    return tab;
}

pb_tab *pb_tab_new(pb_tabs *tabs, const char *model)
{
    return new_tab(tabs, pb_wishes_new(model));
}

/* Jobs for what was there before are cancelled, and one is added: its number. */
static unsigned long begin_anew(pb_tab *tab, const char *kind)
{
    pb_line_cancel_tab(tab->tabs->line, tab->id);
    return pb_tab_do(tab, &(pb_request){.kind = kind});
}

/* With the lock: nothing is carried to it any longer. What is to be released is left to the caller.
 */
static pb_origin *drop_carried(pb_tab *tab)
{
    pb_origin *origin = tab->origin;

    tab->origin = NULL;
    pb_given_set(&tab->carried, NULL, NULL);
    return origin;
}

/* With the lock: where the directions of a tab come from, if they are to be carried on. */
static pb_origin *origin_of(pb_tab *from)
{
    pb_origin *origin;

    if (from->origin)
        return g_atomic_rc_box_acquire(from->origin);
    origin = g_atomic_rc_box_new0(pb_origin);
    origin->tab = pb_tab_ref(from);
    origin->order = pb_tab_order(from, &(pb_request){.kind = "find"});
    return origin;
}

pb_tab *pb_tab_of_project(pb_tabs *tabs, const pb_order *project)
{
    pb_tab *tab = new_tab(tabs, json_deep_copy(project->wishes));

    g_mutex_lock(&tabs->lock);
    pb_given_set(&tab->photo, project->photo.bytes, project->photo.name);
    pb_given_set(&tab->mask, project->mask.bytes, NULL);
    pb_given_set(&tab->carried, project->carried.bytes, project->carried.name);
    pb_given_set(&tab->basis, project->basis.bytes, NULL);
    tab->shown.restored =
        json_pack("{s:O, s:O}", "weights", project->weights, "history", project->history);
    g_mutex_unlock(&tabs->lock);
    close_others(tabs, tab);
    pb_tab_do(tab, &(pb_request){.kind = "look"});
    return tab;
}

pb_tab *pb_tab_carry(pb_tab *from, GBytes *photo, const char *name)
{
    pb_tabs *tabs = from->tabs;
    json_t *wishes;
    pb_tab *tab;
    char *source;

    g_mutex_lock(&tabs->lock);
    wishes = json_deep_copy(from->wishes);
    g_mutex_unlock(&tabs->lock);
    json_object_set_new(wishes, "source", json_string("photo"));
    json_object_set_new(wishes, "crop", json_string("auto"));
    tab = new_tab(tabs, wishes);
    g_mutex_lock(&tabs->lock);
    pb_given_set(&tab->photo, photo, name);
    tab->origin = origin_of(from);
    source =
        from->carried.name ? g_strdup(from->carried.name) : pb_order_title(&tab->origin->order);
    pb_given_set(&tab->carried, NULL, source);
    g_mutex_unlock(&tabs->lock);
    g_free(source);
    close_others(tabs, tab);
    pb_tab_do(tab, &(pb_request){.kind = "find"});
    return tab;
}

/* -- changes ------------------------------------------------------------------------------------
 */

/* With the lock: the edit is no longer true. */
static void forget_edit(pb_tab *tab)
{
    tab->version++;
    tab->stamp++;
    drop(&tab->shown.edit);
}

/* With the lock: nor what was found, nor a project's basis. */
static void forget_found(pb_tab *tab)
{
    forget_edit(tab);
    pb_given_clear(&tab->basis);
    drop(&tab->shown.found);
    drop(&tab->shown.restored);
}

/* With the lock: nor the noisy image; photo: nor what is shown of it. */
static void forget(pb_tab *tab, int photo)
{
    forget_found(tab);
    drop(&tab->shown.noisy);
    if (photo)
        drop(&tab->shown.photo);
}

/* Does a change have one of these settings? */
static int has_one(const json_t *change, const char *const *names)
{
    for (; *names; names++)
        if (json_object_get(change, *names))
            return 1;
    return 0;
}

/* With the lock: what a change of settings makes untrue. What is to be released is left to the
 * caller. */
static pb_origin *follow(pb_tab *tab, const json_t *change)
{
    static const char *const of_photo[] = {"model", "crop", "source", NULL};
    static const char *const of_map[] = {"model",          "source",      "tap",
                                         "prompt",         "edit_prompt", "negative_prompt",
                                         "guidance_scale", NULL};
    pb_origin *origin = has_one(change, of_map) ? drop_carried(tab) : NULL;

    if (json_object_get(change, "model")) {
        pb_given_clear(&tab->mask);
        drop(&tab->shown.mask);
    }
    forget(tab, has_one(change, of_photo));
    return origin;
}

/* With the lock: is it how a mask is used that there is not? */
static int is_idle(const pb_tab *tab, const json_t *change)
{
    return !tab->mask.bytes && json_object_size(change) == 1 && json_object_get(change, "mask_use");
}

/* With the lock: what of a change is another than it is. */
static json_t *news_in(const pb_tab *tab, const json_t *change)
{
    json_t *news = json_object(), *value;
    const char *name;

    json_object_foreach((json_t *)change, name, value)
    {
        if (!json_equal(value, json_object_get(tab->wishes, name)))
            json_object_set(news, name, value);
    }
    return news;
}

pb_status pb_tab_change(pb_tab *tab, const json_t *change, pb_error *error)
{
    pb_origin *origin = NULL;
    pb_status status;
    json_t *news;
    int same;

    g_mutex_lock(&tab->tabs->lock);
    news = news_in(tab, change);
    status = pb_wishes_change(tab->wishes, change, &same, error);
    same = same || (status == PB_OK && is_idle(tab, news));
    if (status == PB_OK && same)
        tab->version++;
    else if (status == PB_OK)
        origin = follow(tab, news);
    g_mutex_unlock(&tab->tabs->lock);
    pb_origin_release(origin);
    json_decref(news);
    if (status != PB_OK || same)
        return status;
    begin_anew(tab, "look");
    return PB_OK;
}

unsigned long pb_tab_photo(pb_tab *tab, GBytes *bytes, const char *name)
{
    g_mutex_lock(&tab->tabs->lock);
    pb_given_set(&tab->photo, bytes, name);
    pb_given_clear(&tab->mask);
    drop(&tab->shown.mask);
    json_object_set_new(tab->wishes, "source", json_string("photo"));
    json_object_set_new(tab->wishes, "crop", json_string("auto"));
    forget(tab, 1);
    g_mutex_unlock(&tab->tabs->lock);
    close_others(tab->tabs, tab);
    return begin_anew(tab, "look");
}

/* With the lock: another mask, or none. */
static void change_mask(pb_tab *tab, GBytes *bytes)
{
    pb_given_set(&tab->mask, bytes, NULL);
    drop(&tab->shown.mask);
    if (strcmp(pb_wish_text(tab->wishes, "mask_use"), "blend"))
        forget_found(tab);
    else
        forget_edit(tab);
}

unsigned long pb_tab_mask(pb_tab *tab, GBytes *bytes)
{
    g_mutex_lock(&tab->tabs->lock);
    change_mask(tab, bytes);
    g_mutex_unlock(&tab->tabs->lock);
    close_others(tab->tabs, tab);
    return begin_anew(tab, "mask");
}

void pb_tab_unmask(pb_tab *tab)
{
    int masked;

    g_mutex_lock(&tab->tabs->lock);
    masked = tab->mask.bytes != NULL;
    if (masked)
        change_mask(tab, NULL);
    g_mutex_unlock(&tab->tabs->lock);
    if (!masked)
        return;
    begin_anew(tab, "look");
}

void pb_tab_uncarry(pb_tab *tab)
{
    pb_origin *origin;

    g_mutex_lock(&tab->tabs->lock);
    origin = drop_carried(tab);
    forget(tab, 0);
    g_mutex_unlock(&tab->tabs->lock);
    pb_origin_release(origin);
    begin_anew(tab, "look");
}
