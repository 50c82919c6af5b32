#include "requests.h"

#include <dirent.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bodies.h"
#include "random.h"
#include "schema.h"

#define MOST_NUMBERS 64
#define MOST_SAMPLES 64
#define MOST_OPERATIONS 64

typedef struct operation {
    const char *path, *method;
    const json_t *is;
} operation;

typedef struct ring {
    char text[MOST_NUMBERS][64];
    size_t count;
} ring;

struct requests_shared {
    json_t *api;
    operation operations[MOST_OPERATIONS];
    size_t count;
    pthread_mutex_t lock; /* of what follows */
    ring tabs, jobs, files;
    body samples[MOST_SAMPLES]; /* pictures and projects */
    size_t sample_count;
    unsigned long states[5]; /* so many answers said that a job is … */
};

static const char *const states[] = {"waiting", "running", "done", "failed", "cancelled"};

struct requests {
    requests_shared *shared;
    uint64_t random;
};

static size_t below(requests *made, size_t n)
{
    return random_below(&made->random, n);
}

#define ONE_OF(made, list) ((list)[below((made), sizeof(list) / sizeof *(list))])

/* -- what is known ----------------------------------------------------------------------------- */

static void add_sample(requests_shared *s, const void *bytes, size_t size)
{
    body *b =
        &s->samples[s->sample_count < MOST_SAMPLES ? s->sample_count++
                                                   : MOST_SAMPLES / 2 + size % (MOST_SAMPLES / 2)];

    free(b->bytes);
    b->bytes = malloc(size + 1);
    b->size = size;
    if (size)
        memcpy(b->bytes, bytes, size);
}

static void read_samples(requests_shared *s)
{
    static const char *const texts[] = {
        "",
        "<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>",
        "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        "PK\3\4\24\0",
        "GIF89a\1\0\1\0",
        "%PDF-1.4",
        "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><svg>&b;</svg>",
        "P6 99999 99999 255\n"};
    const char *folder = PB_SOURCE_DIR "/fuzz/corpus/photo";
    DIR *list = opendir(folder);
    struct dirent *entry;
    char path[600];
    size_t size;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add_sample(s, texts[i], i == 2 ? 22 : strlen(texts[i]));
    while (list && (entry = readdir(list)) && s->sample_count < MOST_SAMPLES / 2) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unsigned char *bytes = entry->d_name[0] == '.' ? NULL : read_all(path, &size);
        if (bytes)
            add_sample(s, bytes, size);
        free(bytes);
    }
    if (list)
        closedir(list);
}

static void read_operations(requests_shared *s)
{
    const char *path, *method;
    json_t *item, *is;

    json_object_foreach(json_object_get(s->api, "paths"), path, item)
    {
        json_object_foreach(item, method, is)
        {
            if (strcmp(method, "parameters") != 0 && s->count < MOST_OPERATIONS)
                s->operations[s->count++] = (operation){path, method, is};
        }
    }
}

static void learn(requests_shared *s, const reply *r);

/* Has a project made, to be opened again. */
static void make_project(requests_shared *s, const explorer *e)
{
    static const char wish[] = "{\"what\": \"project\"}";
    char path[200];
    reply r = explorer_ask(e, "POST", "/api/tabs", NULL, NULL, 0);

    learn(s, &r);
    reply_clear(&r);
    snprintf(path, sizeof path, "/api/tabs/%s/export", s->tabs.text[0]);
    r = explorer_ask(e, "POST", path, "application/json", wish, strlen(wish));
    learn(s, &r);
    reply_clear(&r);
    snprintf(path, sizeof path, "/api/jobs/%s/events",
             s->jobs.text[(s->jobs.count - 1) % MOST_NUMBERS]);
    r = explorer_ask(e, "GET", path, NULL, NULL, 0);
    learn(s, &r);
    reply_clear(&r);
    snprintf(path, sizeof path, "/api/files/%s",
             s->files.text[(s->files.count - 1) % MOST_NUMBERS]);
    r = explorer_ask(e, "GET", path, NULL, NULL, 0);
    if (r.status == 200)
        add_sample(s, r.body, r.size - (size_t)(r.body - r.bytes));
    reply_clear(&r);
}

requests_shared *requests_begin(const explorer *e)
{
    requests_shared *s = calloc(1, sizeof *s);
    reply r = explorer_ask(e, "GET", "/api/openapi.json", NULL, NULL, 0);

    s->api = r.status == 200 ? json_loads(r.body, 0, NULL) : NULL;
    reply_clear(&r);
    pthread_mutex_init(&s->lock, NULL);
    read_operations(s);
    read_samples(s);
    if (s->count) {
        make_project(s, e);
        return s;
    }
    requests_end(s);
    return NULL;
}

void requests_end(requests_shared *s)
{
    for (size_t i = 0; i < s->sample_count; i++)
        free(s->samples[i].bytes);
    json_decref(s->api);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

requests *requests_new(requests_shared *shared, unsigned long seed)
{
    requests *made = calloc(1, sizeof *made);

    *made = (requests){shared, seed};
    return made;
}

void requests_free(requests *made)
{
    free(made);
}

void request_clear(request *r)
{
    free(r->bytes);
    *r = (request){.bytes = NULL};
}

/* -- what answers tell ------------------------------------------------------------------------- */

/* Keeps what follows a text, as often as it is there. */
static void keep(ring *of, const char *text, const char *before, const char *letters)
{
    size_t size = strlen(before);

    for (const char *at = text; (at = strstr(at, before)); at += size) {
        size_t n = strspn(at + size, letters);
        if (n && n < sizeof of->text[0])
            snprintf(of->text[of->count++ % MOST_NUMBERS], sizeof of->text[0], "%.*s", (int)n,
                     at + size);
    }
}

static void learn(requests_shared *s, const reply *r)
{
    static const char digits[] = "0123456789", names[] = "0123456789.abcdefghijklmnopqrstuvwxyz";
    char text[40];

    pthread_mutex_lock(&s->lock);
    keep(&s->tabs, r->body, "\"tab\":", digits);
    keep(&s->jobs, r->body, "\"job\":", digits);
    keep(&s->files, r->body, "\"/api/files/", names);
    for (size_t i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "\"state\":\"%s\"", states[i]);
        s->states[i] += strstr(r->body, text) != NULL;
    }
    pthread_mutex_unlock(&s->lock);
}

void requests_learn(requests *made, const request *q, const reply *r)
{
    const bool file = strstr(q->what, "/api/files/") != NULL;
    size_t size = r->size - (size_t)(r->body - r->bytes);

    if (r->status / 100 != 2)
        return;
    if (strstr(r->bytes, "Content-Type: application/json") ||
        strstr(r->bytes, "Content-Type: text/event-stream"))
        learn(made->shared, r);
    else if (file && below(made, 8) == 0 && size < 1 << 20) {
        pthread_mutex_lock(&made->shared->lock);
        add_sample(made->shared, r->body, size);
        pthread_mutex_unlock(&made->shared->lock);
    }
}

void requests_ended(requests *made, const reply *r)
{
    if (r->status == 200)
        learn(made->shared, r);
}

void requests_tell(const requests *made)
{
    const requests_shared *s = made->shared;

    printf(
        "%zu operations; numbers seen: %zu of tabs, %zu of jobs, %zu of files; answers about jobs:",
        s->count, s->tabs.count, s->jobs.count, s->files.count);
    for (size_t i = 0; i < 5; i++)
        printf(" %lu %s", s->states[i], states[i]);
    printf("\n");
}

bool requests_described(const requests *made, const request *r, int status)
{
    const operation *o = r->operation;
    char code[16];

    (void)made;
    snprintf(code, sizeof code, "%d", status);
    return !o || json_object_get(json_object_get(o->is, "responses"), code);
}

/* -- what is asked ----------------------------------------------------------------------------- */

/* A number that there is, or was. */
static void number_of(requests *made, const ring *of, char *into, size_t room)
{
    pthread_mutex_lock(&made->shared->lock);
    size_t count = of->count < MOST_NUMBERS ? of->count : MOST_NUMBERS;
    size_t back =
        1 + below(made, below(made, 4) && count > 6 ? 6 : count); /* the newest as a rule */
    snprintf(into, room, "%s", count ? of->text[(of->count - back) % MOST_NUMBERS] : "1");
    pthread_mutex_unlock(&made->shared->lock);
}

/* Fills in what is in braces; odd: by what is none. */
static void path_of(requests *made, const operation *o, char *path, size_t room, bool *odd)
{
    static const char *const wrong[] = {"0",
                                        "-1",
                                        "9007199254740993",
                                        "99999999999999999999999",
                                        "x",
                                        "",
                                        "..",
                                        "%2e%2e%2f",
                                        "1/2/3",
                                        "%zz",
                                        "%00",
                                        "1?q=%ff&q",
                                        "1.png",
                                        "%e4%b8",
                                        "01",
                                        "1%20",
                                        "+1",
                                        "1e3",
                                        "1%2f"};
    const char *open = strchr(o->path, '{'), *end = open ? strchr(open, '}') : NULL;
    const requests_shared *s = made->shared;
    char filled[100];

    *odd = open && below(made, 12) == 0;
    if (!open) {
        snprintf(path, room, "%s", o->path);
        return;
    }
    if (*odd)
        snprintf(filled, sizeof filled, "%s", ONE_OF(made, wrong));
    else
        number_of(made,
                  open[1] == 't'   ? &s->tabs
                  : open[1] == 'j' ? &s->jobs
                                   : &s->files,
                  filled, sizeof filled);
    snprintf(path, room, "%.*s%s%s", (int)(open - o->path), o->path, filled, end + 1);
}

static body sample_of(requests *made)
{
    requests_shared *s = made->shared;
    body b;

    pthread_mutex_lock(&s->lock);
    const body *from = &s->samples[below(made, s->sample_count)];
    b = body_of_bytes(from->bytes, from->size, &made->random);
    pthread_mutex_unlock(&s->lock);
    return b;
}

/* By the description, or (seldom) whatever. */
static body body_of(requests *made, const operation *o, const char **type)
{
    static const char *const types[] = {"image/png", "application/zip", "text/plain",
                                        "image/svg+xml"};
    const json_t *content = json_object_get(json_object_get(o->is, "requestBody"), "content");
    const json_t *json = json_object_get(json_object_get(content, "application/json"), "schema");
    bool bytes = json_object_get(content, "image/*") || json_object_get(content, "application/zip");

    *type = NULL;
    if (!content && below(made, 20))
        return (body){NULL, 0};
    if (bytes && (!json || below(made, 2))) {
        *type = ONE_OF(made, types);
        return sample_of(made);
    }
    *type = below(made, 20) ? "application/json" : ONE_OF(made, types);
    return json ? body_of_json(made->shared->api, json, &made->random) : sample_of(made);
}

/* -- how it is written ------------------------------------------------------------------------- */

typedef struct parts {
    const char *method, *version, *type;
    char path[9000], host[100], cookie[120], more[2000];
    body body;
    bool chunked, twice;
    long length_off;
} parts;

/* Makes it one that must be refused. */
static void forbid(requests *made, const explorer *e, parts *p, request *r)
{
    static const char *const origins[] = {"Origin: null\r\n", "Origin: http://evil.example\r\n",
                                          "Sec-Fetch-Site: cross-site\r\n",
                                          "Sec-Fetch-Site: same-site\r\n", "Origin: \r\n"};
    static const char *const hosts[] = {
        "evil.example", "localhost.evil.example", "127.0.0.1", "", "localhost:1",
        "[::1]",        "localhost:%00"};

    r->allowed = false;
    switch (below(made, 4)) {
    case 0:
        p->cookie[0] = '\0';
        break;
    case 1:
        p->cookie[strlen(p->cookie) - 3 - below(made, 40)] ^= 1;
        break;
    case 2:
        snprintf(p->more, sizeof p->more, "%s", ONE_OF(made, origins));
        break;
    default:
        snprintf(p->host, sizeof p->host, "Host: %s\r\n", ONE_OF(made, hosts));
        snprintf(p->more, sizeof p->more, "X-Forwarded-Host: localhost:%u\r\n", e->port);
    }
}

/* Something is wrong with how it is written. */
static void distort(requests *made, parts *p, request *r)
{
    static const char *const lines[] = {"No colon here\r\n",
                                        " folded\r\n",
                                        ": empty\r\n",
                                        "Content-Length: -1\r\n",
                                        "Content-Length: 0\r\n",
                                        "Content-Length: 99999999999999999999\r\n",
                                        "Transfer-Encoding: gzip\r\n",
                                        "Transfer-Encoding: chunked\r\n",
                                        "Host: localhost\r\n",
                                        "Expect: 100-continue\r\n",
                                        "Upgrade: websocket\r\nConnection: Upgrade\r\n",
                                        "X: \x01\x02\xff\r\n",
                                        "Range: bytes=0-1,5-2,-9\r\n",
                                        "If-None-Match: \"\r\n",
                                        "Cookie: a=\"b; c\r\n"};
    static const char *const versions[] = {"HTTP/1.0", "HTTP/0.9", "HTTP/2.0",          "HTTP/1.9",
                                           "",         "http/1.1", "HTTP/99999999999.1"};
    size_t at;

    r->how = ODD;
    r->operation = NULL;
    r->patience = 0.3;
    switch (below(made, 6)) {
    case 0:
        snprintf(p->more, sizeof p->more, "%s", ONE_OF(made, lines));
        break;
    case 1:
        p->version = ONE_OF(made, versions);
        break;
    case 2:
        p->length_off = (long)below(made, 40) - 20;
        break;
    case 3:
        p->host[0] = '\0';
        r->allowed = false;
        break;
    case 4: /* very many parameters, or a path that is too long */
        at = strlen(p->path);
        p->path[at++] = below(made, 4) ? '?' : 'a';
        for (size_t n = at + below(made, sizeof p->path - at - 1); at < n; at++)
            p->path[at] = "&=a%"[below(made, 3)];
        p->path[at] = '\0';
        break;
    default:
        memset(p->more, 'a', sizeof p->more - 1);
        memcpy(p->more, "X-Long: ", 8);
        memcpy(p->more + sizeof p->more - 3, "\r\n", 3);
    }
}

static size_t write_head(const parts *p, const explorer *e, char *into, size_t room)
{
    char length[64] = "";

    if (p->chunked)
        snprintf(length, sizeof length, "Transfer-Encoding: chunked\r\n");
    else if (p->body.size || p->type || p->length_off)
        snprintf(length, sizeof length, "Content-Length: %ld\r\n",
                 (long)p->body.size + p->length_off);
    (void)e;
    return (size_t)snprintf(into, room, "%s %s %s\r\n%s%s%s%s%s%s%s%s\r\n", p->method, p->path,
                            p->version, p->host, p->cookie, p->twice ? "" : "Connection: close\r\n",
                            p->more, length, p->type ? "Content-Type: " : "",
                            p->type ? p->type : "", p->type ? "\r\n" : "");
}

static void put(request *r, const void *bytes, size_t size)
{
    r->bytes = realloc(r->bytes, r->size + size + 1);
    if (size)
        memcpy(r->bytes + r->size, bytes, size);
    r->size += size;
    r->bytes[r->size] = '\0';
}

static void put_body(requests *made, request *r, const parts *p)
{
    char line[32];

    if (!p->chunked) {
        put(r, p->body.bytes, p->body.size);
        return;
    }
    for (size_t at = 0, n; at < p->body.size; at += n) {
        n = 1 + below(made, p->body.size - at);
        put(r, line, (size_t)snprintf(line, sizeof line, "%zx\r\n", n));
        put(r, p->body.bytes + at, n);
        put(r, "\r\n", 2);
    }
    put(r, "0\r\n\r\n", 5);
}

static const char *upper(const char *method, char *into)
{
    size_t i;

    for (i = 0; method[i]; i++)
        into[i] = (char)(method[i] - 'a' + 'A');
    into[i] = '\0';
    return into;
}

/* What ends others' work is asked for less often. */
static const operation *operation_of(requests *made)
{
    static const char *const seldom[] = {"newTab", "closeTab", "carry", "project", "cancel"};
    const operation *o = &made->shared->operations[below(made, made->shared->count)];
    const char *id = json_string_value(json_object_get(o->is, "operationId"));

    for (size_t i = 0; i < sizeof seldom / sizeof *seldom; i++)
        if (id && !strcmp(id, seldom[i]) && below(made, 12))
            return operation_of(made);
    return o;
}

void requests_next(requests *made, const explorer *e, request *r)
{
    static const char *const methods[] = {"PATCH", "OPTIONS", "TRACE",  "CONNECT", "get", "GETT",
                                          "HEAD",  "PUT",     "DELETE", "POST",    "GET"};
    const operation *o = operation_of(made);
    char method[16], head[16000];
    parts p = {.method = upper(o->method, method), .version = "HTTP/1.1"};
    bool odd;

    *r = (request){.how = WHOLE, .allowed = true, .operation = o};
    path_of(made, o, p.path, sizeof p.path, &odd);
    snprintf(p.host, sizeof p.host, "Host: localhost:%u\r\n", e->port);
    snprintf(p.cookie, sizeof p.cookie, "Cookie: pullback=%s\r\n", e->token);
    p.body = body_of(made, o, &p.type);
    p.chunked = p.body.size && below(made, 10) == 0;
    if (strstr(o->path, "/events") || below(made, 30) == 0)
        r->patience = 0.3;
    if (below(made, 15) == 0)
        p.method = ONE_OF(made, methods);
    if (odd || strcmp(p.method, method) != 0 ||
        (p.body.size && !json_object_get(o->is, "requestBody")))
        r->operation = NULL;
    switch (below(made, 12)) {
    case 0:
        forbid(made, e, &p, r);
        break;
    case 1:
        distort(made, &p, r);
        break;
    case 2:
        r->how = below(made, 2) ? CUT : HALF_CLOSED;
        break;
    case 3:
        p.twice = true;
        r->patience = 0.3;
        break;
    default:
        break;
    }
    for (int left = p.twice; left >= 0; left--) {
        p.twice = left > 0;
        put(r, head, write_head(&p, e, head, sizeof head));
        put_body(made, r, &p);
    }
    if (r->how == CUT || r->how == HALF_CLOSED)
        r->size = below(made, r->size);
    snprintf(r->what, sizeof r->what, "%s %.100s, %zu bytes", p.method, o->path, p.body.size);
    free(p.body.bytes);
}
