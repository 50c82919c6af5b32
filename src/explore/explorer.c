#include "explore/explorer.h"

#include <string.h>

#include <pullback/model.h>

#include "base/memory.h"
#include "base/places.h"
#include "explore/exports.h"
#include "explore/models.h"
#include "explore/page.h"
#include "explore/project.h"
#include "explore/tabs.h"
#include "explore/wishes.h"
#include "io/file.h"
#include "io/json.h"

#define MOST_FILES ((size_t)512 << 20) /* bytes of pictures and files that are kept */
#define MOST_WORDS ((size_t)256 << 10) /* bytes of other requests */

static const pb_tab_limits limits = {
    .tabs = 64, .given = (size_t)512 << 20, .work = (size_t)1 << 30, .models = 2};

struct pb_explorer {
    pb_web *web;
    pb_line *line;
    pb_shelf *shelf;
    pb_tabs *tabs;
    json_t *models;
    char *model;     /* of a new tab */
    GBytes *example; /* the photo of a new tab */
    char *name;      /* of it */
};

/* -- answers ---------------------------------------------------------------------------------- */

/* Takes over the object. */
static void answer_json(pb_web_answer *a, int status, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17));

    json_decref(object);
    a->status = text ? status : 500;
    a->type = "application/json";
    a->body = (unsigned char *)(text ? pb_strdup(text) : NULL);
    a->size = a->body ? strlen(text) : 0;
    free(text);
}

static void answer_error(pb_web_answer *a, int status, const char *text)
{
    answer_json(a, status, json_pack("{s:s}", "error", text));
}

static void answer_status(pb_web_answer *a, const pb_error *error)
{
    char *text = g_utf8_make_valid(error->message, -1);

    answer_error(a, error->status == PB_INVALID || error->status == PB_FORMAT ? 400 : 500, text);
    g_free(text);
}

static void answer_tab(pb_web_answer *a, int status, pb_tab *tab)
{
    answer_json(a, status, pb_tab_json(tab));
}

/* A job that was added, or not. */
static void answer_job(pb_explorer *e, pb_web_answer *a, unsigned long id)
{
    json_t *job = id ? pb_line_job(e->line, id) : NULL;

    if (job)
        answer_json(a, 202, job);
    else
        answer_error(a, 429, "too much waits already: try again when some of it has ended");
}

static void answer_none(pb_web_answer *a)
{
    answer_error(a, 404, "there is no such thing, or no more");
}

static void answer_file(pb_explorer *e, const char *path, pb_web_answer *a)
{
    char *name;
    GBytes *bytes = pb_shelf_get(e->shelf, path, &name);
    gsize size = 0;
    const void *data = bytes ? g_bytes_get_data(bytes, &size) : NULL;

    if (!bytes) {
        answer_none(a);
        return;
    }
    a->body = pb_malloc(size + 1, 1);
    a->status = a->body ? 200 : 500;
    a->type = pb_page_type(name);
    if (a->body) {
        memcpy(a->body, data, size);
        a->size = size;
        a->download = g_str_has_prefix(name, "picture.") ? NULL : pb_strdup(name);
    }
    g_bytes_unref(bytes);
    g_free(name);
}

/* -- what is asked ---------------------------------------------------------------------------- */

/* The body as JSON, or NULL where it is answered already. */
static json_t *body_of(const pb_web_request *r, pb_web_answer *a)
{
    json_error_t why;
    json_t *body;
    char *text;

    if (r->size == 0)
        return json_object();
    body = json_loadb((const char *)r->body, r->size, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(body))
        return body;
    text = body ? g_strdup("expected an object")
                : g_strdup_printf("not JSON: line %d: %s", why.line, why.text);
    answer_error(a, 400, text);
    g_free(text);
    json_decref(body);
    return NULL;
}

static int is_known_model(const pb_explorer *e, const char *name)
{
    size_t i;
    json_t *model;

    json_array_foreach(e->models, i, model)
    {
        if (!strcmp(json_string_value(json_object_get(model, "name")), name))
            return 1;
    }
    return 0;
}

static void change(pb_explorer *e, pb_tab *tab, const pb_web_request *r, pb_web_answer *a)
{
    json_t *body = body_of(r, a);
    const json_t *model = json_object_get(body, "model");
    pb_error error;

    if (!body)
        return;
    if (json_is_string(model) && !is_known_model(e, json_string_value(model)))
        answer_error(a, 400, "model: expected one of the list");
    else if (pb_tab_change(tab, body, &error) == PB_OK)
        answer_tab(a, 200, tab);
    else
        answer_status(a, &error);
    json_decref(body);
}

/* A name without folders, of no more letters than anybody needs. */
static char *plain_name(const char *given)
{
    char *name =
        given && g_utf8_validate(given, -1, NULL) ? g_path_get_basename(given) : g_strdup("photo");

    if (strlen(name) > 200 || *name == '.' || *name == '/') {
        g_free(name);
        name = g_strdup("photo");
    }
    return name;
}

/* A picture that was sent, or the example: the caller's, as is its name. NULL: it is answered
 * already. */
static GBytes *picture_of(const pb_explorer *e, const pb_web_request *r, pb_web_answer *a,
                          char **name)
{
    int example = g_str_equal(r->type, "application/json");
    json_t *body = example ? body_of(r, a) : NULL;
    int wrong = example && !json_is_true(json_object_get(body, "example"));

    if (wrong && body)
        answer_error(a, 400, "expected a picture, or {\"example\": true}");
    json_decref(body);
    if (wrong)
        return NULL;
    *name = example ? g_strdup(e->name) : plain_name(pb_web_query(r, "name"));
    return example ? g_bytes_ref(e->example) : g_bytes_new(r->body, r->size);
}

static void take_photo(pb_explorer *e, pb_tab *tab, const pb_web_request *r, pb_web_answer *a)
{
    char *name;
    GBytes *bytes = picture_of(e, r, a, &name);

    if (!bytes)
        return;
    answer_job(e, a, pb_tab_photo(tab, bytes, name));
    g_bytes_unref(bytes);
    g_free(name);
}

static void take_mask(pb_explorer *e, pb_tab *tab, const pb_web_request *r, pb_web_answer *a)
{
    GBytes *bytes = g_bytes_new(r->body, r->size);

    answer_job(e, a, pb_tab_mask(tab, bytes));
    g_bytes_unref(bytes);
}

static void carry(pb_explorer *e, pb_tab *tab, const pb_web_request *r, pb_web_answer *a)
{
    char *name;
    GBytes *bytes = picture_of(e, r, a, &name);
    pb_tab *other;

    if (!bytes)
        return;
    other = pb_tab_carry(tab, bytes, name);
    answer_tab(a, 201, other);
    pb_tab_unref(other);
    g_bytes_unref(bytes);
    g_free(name);
}

static void open_project(pb_explorer *e, const pb_web_request *r, pb_web_answer *a)
{
    pb_order project = {0};
    pb_error error;
    pb_tab *tab;

    if (pb_project_unpack(&project, r->body, r->size, e->model, &error) != PB_OK)
        answer_status(a, &error);
    else if (!is_known_model(e, pb_wish_text(project.wishes, "model")))
        answer_error(a, 400, "a project of a model that is not in the list");
    else {
        tab = pb_tab_of_project(e->tabs, &project);
        answer_tab(a, 201, tab);
        pb_tab_unref(tab);
    }
    pb_order_clear(&project);
}

/* What is wrong with the body of such a request; NULL: nothing. */
static const char *wrong_with(const char *kind, const json_t *body)
{
    static const char *const formats[] = {"png", "jpg", NULL};
    const json_t *weights = json_object_get(body, "weights");
    const json_t *history = json_object_get(body, "history");
    const json_t *format = json_object_get(body, "format");
    const char *ending = format ? json_string_value(format) : formats[0];

    if ((weights || !strcmp(kind, "edit")) && !json_is_object(weights))
        return "weights: expected {\"0\": 0.5, …}";
    if (strcmp(kind, "export"))
        return NULL;
    if (!pb_export_is_known(json_string_value(json_object_get(body, "what"))))
        return "what: expected photo, strip, animation, basis, direction, mask or project";
    if (history && !json_is_array(history))
        return "history: expected a list of weights";
    return ending && g_strv_contains(formats, ending) ? NULL : "format: expected png or jpg";
}

static void work(pb_explorer *e, pb_tab *tab, const char *kind, const pb_web_request *r,
                 pb_web_answer *a)
{
    json_t *body = body_of(r, a);
    const char *wrong;

    if (!body)
        return;
    wrong = wrong_with(kind, body);
    if (wrong)
        answer_error(a, 400, wrong);
    else
        answer_job(
            e, a,
            pb_tab_do(tab,
                      &(pb_request){.kind = kind,
                                    .weights = json_object_get(body, "weights"),
                                    .history = json_object_get(body, "history"),
                                    .what = json_string_value(json_object_get(body, "what")),
                                    .format = json_string_value(json_object_get(body, "format"))}));
    json_decref(body);
}

/* -- routes ----------------------------------------------------------------------------------- */

static void route_tab(pb_explorer *e, pb_tab *tab, const char *rest, const pb_web_request *r,
                      pb_web_answer *a)
{
    const char *const m = r->method;
    int post = !strcmp(m, "POST");

    if (!*rest && !strcmp(m, "GET"))
        answer_tab(a, 200, tab);
    else if (!*rest && !strcmp(m, "DELETE")) {
        pb_tab_close(tab);
        a->status = 204;
    } else if (!strcmp(rest, "/settings") && post)
        change(e, tab, r, a);
    else if (!strcmp(rest, "/photo") && post)
        take_photo(e, tab, r, a);
    else if (!strcmp(rest, "/carry") && post)
        carry(e, tab, r, a);
    else if (!strcmp(rest, "/mask") && !strcmp(m, "PUT"))
        take_mask(e, tab, r, a);
    else if (!strcmp(rest, "/mask") && !strcmp(m, "DELETE")) {
        pb_tab_unmask(tab);
        answer_tab(a, 200, tab);
    } else if (!strcmp(rest, "/carried") && !strcmp(m, "DELETE")) {
        pb_tab_uncarry(tab);
        answer_tab(a, 200, tab);
    } else if (post &&
               (!strcmp(rest, "/find") || !strcmp(rest, "/edit") || !strcmp(rest, "/export")))
        work(e, tab, rest + 1, r, a);
    else
        answer_none(a);
}

static void route_job(pb_explorer *e, unsigned long id, const char *rest, const pb_web_request *r,
                      pb_web_answer *a)
{
    json_t *job;

    if (!strcmp(rest, "/events") && !strcmp(r->method, "GET")) {
        a->channel = pb_sprintf("job-%lu", id);
        return;
    }
    if (!*rest && !strcmp(r->method, "DELETE"))
        pb_line_cancel(e->line, id);
    job = *rest || !strcmp(r->method, "POST") || !strcmp(r->method, "PUT")
              ? NULL
              : pb_line_job(e->line, id);
    if (job)
        answer_json(a, 200, job);
    else
        answer_none(a);
}

/* "/api/tabs/17/find": the number behind a prefix, and what follows it; 0: it is none. */
static unsigned long number_in(const char *path, const char *prefix, const char **rest)
{
    guint64 number;
    char *end;

    if (!g_str_has_prefix(path, prefix))
        return 0;
    path += strlen(prefix);
    if (*path < '1' || *path > '9')
        return 0;
    number = g_ascii_strtoull(path, &end, 10);
    *rest = end;
    return (*end && *end != '/') || number > G_MAXINT64 ? 0 : (unsigned long)number;
}

static void answer_fixed(pb_web_answer *a, const pb_page_file *file)
{
    a->status = 200;
    a->type = file->type;
    a->fixed = file->data;
    a->kept = 1;
    a->size = file->size;
}

static void route_page(const char *path, pb_web_answer *a)
{
    const char *name = !strcmp(path, "/")                 ? "index.html"
                       : g_str_has_prefix(path, "/page/") ? path + 6
                                                          : "";

    for (size_t i = 0; i < pb_page_file_count; i++)
        if (!strcmp(pb_page_files[i].name, name)) {
            answer_fixed(a, &pb_page_files[i]);
            return;
        }
    answer_none(a);
}

static void handle(void *context, const pb_web_request *r, pb_web_answer *a)
{
    pb_explorer *e = context;
    const char *rest = "";
    unsigned long id;
    pb_tab *tab;

    if ((id = number_in(r->path, "/api/tabs/", &rest))) {
        tab = pb_tab_of(e->tabs, id);
        if (tab)
            route_tab(e, tab, rest, r, a);
        else
            answer_none(a);
        pb_tab_unref(tab);
    } else if ((id = number_in(r->path, "/api/jobs/", &rest)))
        route_job(e, id, rest, r, a);
    else if (!strcmp(r->path, "/api/tabs") && !strcmp(r->method, "POST")) {
        tab = pb_tab_new(e->tabs, e->model);
        pb_tab_photo(tab, e->example, e->name);
        answer_tab(a, 201, tab);
        pb_tab_unref(tab);
    } else if (!strcmp(r->path, "/api/project") && !strcmp(r->method, "POST"))
        open_project(e, r, a);
    else if (strcmp(r->method, "GET"))
        answer_none(a);
    else if (!strcmp(r->path, "/api/openapi.json"))
        answer_fixed(a, &pb_api_files[0]);
    else if (!strcmp(r->path, "/api/models"))
        answer_json(a, 200, json_pack("{s:O, s:s}", "models", e->models, "default", e->model));
    else if (g_str_has_prefix(r->path, "/api/files/"))
        answer_file(e, r->path, a);
    else
        route_page(r->path, a);
}

static size_t most(void *context, const char *method, const char *path)
{
    (void)context;
    static const char *const files[] = {"/photo", "/carry", "/mask", "/project", NULL};

    if (strcmp(method, "POST") && strcmp(method, "PUT"))
        return 0;
    for (const char *const *f = files; *f; f++)
        if (g_str_has_suffix(path, *f))
            return PB_EXPLORER_PICTURE;
    return MOST_WORDS;
}

/* -- beginning and end ------------------------------------------------------------------------ */

static void told(void *context, unsigned long id, const json_t *job, int ended)
{
    pb_explorer *e = context;
    char *channel = pb_sprintf("job-%lu", id), *text = job ? json_dumps(job, JSON_COMPACT) : NULL;

    pb_web *web = g_atomic_pointer_get(&e->web); /* requests may come before it is set */

    if (channel && web) {
        if (text)
            pb_web_tell(web, channel, text, ended, NULL);
        else
            pb_web_forget(web, channel);
    }
    free(text);
    pb_free(channel);
}

static pb_status read_example(pb_explorer *e, const char *path, pb_error *error)
{
    char *found = NULL;
    pb_bytes file;
    pb_status status;

    if (!path)
        PB_TRY(pb_place_find(&found, "examples/portrait.png", error));
    status = pb_file_read(&file, path ? path : found, PB_EXPLORER_PICTURE, error);
    if (status == PB_OK) {
        e->example = g_bytes_new(file.data, file.size);
        e->name = g_filename_display_basename(path ? path : found);
        pb_bytes_clear(&file);
    }
    pb_free(found);
    return status;
}

static pb_status begin(pb_explorer *e, const pb_explorer_options *o, pb_error *error)
{
    const pb_run run = {.memory = o->memory, .threads = o->threads};
    pb_web_options web = o->web;
    pb_web *started = NULL;

    e->model = g_strdup(o->model);
    e->models = pb_explorer_models(o->models);
    if (!is_known_model(e, e->model))
        return pb_fail(error, PB_INVALID, "%s: a model that cannot be read, or is not in the list",
                       e->model);
    PB_TRY(read_example(e, o->photo, error));
    e->shelf = pb_shelf_new(MOST_FILES);
    web.handle = handle;
    web.most = most;
    web.context = e;
    PB_TRY(pb_line_begin(&e->line, &run, told, e, error));
    e->tabs = pb_tabs_new(e->line, e->shelf, o->taster, &limits);
    PB_TRY(pb_web_start(&started, &web, error));
    g_atomic_pointer_set(&e->web, started);
    return PB_OK;
}

pb_status pb_explorer_begin(pb_explorer **out, const pb_explorer_options *o, pb_error *error)
{
    pb_status status;

    *out = g_new0(pb_explorer, 1);
    status = begin(*out, o, error);
    if (status != PB_OK) {
        pb_explorer_end(*out);
        *out = NULL;
    }
    return status;
}

void pb_explorer_end(pb_explorer *e)
{
    if (!e)
        return;
    pb_line_stop(e->line);
    pb_web_stop(e->web);
    e->web = NULL;
    pb_tabs_free(e->tabs);
    pb_line_end(e->line);
    pb_shelf_free(e->shelf);
    json_decref(e->models);
    if (e->example)
        g_bytes_unref(e->example);
    g_free(e->name);
    g_free(e->model);
    g_free(e);
}

const char *pb_explorer_url(const pb_explorer *e)
{
    return pb_web_url(e->web);
}
