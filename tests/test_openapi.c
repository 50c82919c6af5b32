/* The description of the explorer's API, src/explore/openapi.json: the server does what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explorer.h"
#include "schema.h"

static explorer server;
static json_t *api;
static long long tab, job;            /* that paths are of */
static char file[200];                /* "17.png" */
static unsigned char *seen, *project; /* a picture of the size that the model sees, a project */
static size_t seen_size, project_size;

/* -- what the description says ----------------------------------------------------------------- */

static const json_t *operation_of(const char *path, const char *method)
{
    return json_object_get(json_object_get(json_object_get(api, "paths"), path), method);
}

static const json_t *answer_of(const json_t *operation, int status)
{
    char code[16];

    snprintf(code, sizeof code, "%d", status);
    return schema_of(api, json_object_get(json_object_get(operation, "responses"), code));
}

static const json_t *schema_in(const json_t *with_content)
{
    const json_t *content = json_object_get(with_content, "content");

    return json_object_get(json_object_get(content, "application/json"), "schema");
}

static bool is_described(const json_t *operation, int status)
{
    return answer_of(operation, status) != NULL;
}

/* -- asking ------------------------------------------------------------------------------------ */

/* With numbers in the place of {tab}, {job} and {file}. */
static const char *fill(const char *path)
{
    static char filled[300];
    const char *open = strchr(path, '{'), *end = open ? strchr(open, '}') : NULL;

    if (!open)
        return path;
    if (open[1] == 'f')
        snprintf(filled, sizeof filled, "%.*s%s%s", (int)(open - path), path, file, end + 1);
    else
        snprintf(filled, sizeof filled, "%.*s%lld%s", (int)(open - path), path,
                 open[1] == 't' ? tab : job, end + 1);
    return filled;
}

static char *upper(const char *method)
{
    static char text[16];
    size_t i;

    for (i = 0; method[i] && i < 15; i++)
        text[i] = (char)(method[i] - 'a' + 'A');
    text[i] = '\0';
    return text;
}

/* Asks, and sees to it that the answer is as described and of this status; the object, or NULL. */
static json_t *ask(int status, const char *method, const char *path, const char *type,
                   const void *body, size_t size)
{
    const json_t *operation = operation_of(path, method), *schema;
    reply r = explorer_ask(&server, upper(method), fill(path), type, body, size);
    char why[400] = "";
    json_t *json = NULL;

    if (!operation || !is_described(operation, r.status))
        fail_msg("%s %s: %d is not in the description", method, path, r.status);
    if (r.status != status)
        fail_msg("%s %s: expected %d, found %.500s", method, path, status, r.bytes);
    schema = schema_in(answer_of(operation, status));
    if (schema) {
        json = json_loads(r.body, 0, NULL);
        if (!strstr(r.bytes, "Content-Type: application/json\r\n"))
            fail_msg("%s %s: not JSON: %.1000s", method, path, r.bytes);
        if (!schema_fits(api, schema, json, why, sizeof why))
            fail_msg("%s %s: %d: %s in %.1000s", method, path, status, why, r.body);
    }
    reply_clear(&r);
    return json;
}

static json_t *say(int status, const char *method, const char *path, const char *body)
{
    return ask(status, method, path, "application/json", body, strlen(body));
}

static long long number(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

/* Waits until the tab's job has ended; frees the answer that began it. */
static json_t *finished(json_t *begun)
{
    const char *line;
    json_t *ended;

    job = number(begun, "job");
    json_decref(begun);
    if (job) {
        reply r = explorer_ask(&server, "GET", fill("/api/jobs/{job}/events"), NULL, NULL, 0);
        assert_int_equal(r.status, 200);
        assert_non_null(strstr(r.bytes, "Content-Type: text/event-stream\r\n"));
        line = strstr(r.body, "data: {");
        assert_non_null(line);
        reply_clear(&r);
    }
    ended = job ? ask(200, "get", "/api/jobs/{job}", NULL, NULL, 0) : NULL;
    if (ended && strcmp(json_string_value(json_object_get(ended, "state")), "done") != 0)
        fail_msg("%s", json_string_value(json_object_get(ended, "error")));
    return ended;
}

static void finish(json_t *begun)
{
    json_decref(finished(begun));
}

static unsigned char *fetch(const char *url, size_t *size)
{
    reply r = explorer_ask(&server, "GET", url, NULL, NULL, 0);
    unsigned char *bytes;

    assert_int_equal(r.status, 200);
    snprintf(file, sizeof file, "%s", url + strlen("/api/files/"));
    *size = r.size - (size_t)(r.body - r.bytes);
    bytes = malloc(*size + 1);
    assert_non_null(bytes);
    memcpy(bytes, r.body, *size);
    reply_clear(&r);
    return bytes;
}

static json_t *export(const char *body)
{
    return finished(say(202, "post", "/api/tabs/{tab}/export", body));
}

static void new_tab(void)
{
    json_t *made = say(201, "post", "/api/tabs", "{}");

    tab = number(made, "tab");
    finish(made);
    json_decref(say(200, "post", "/api/tabs/{tab}/settings", "{\"rank\": 2, \"steps\": 4}"));
}

/* -- tests ------------------------------------------------------------------------------------- */

/* A tab's whole way: each answer is as it is described. */
static void a_way(void **state)
{
    static const char *const whats[] = {"photo", "strip", "animation", "basis", "direction"};
    json_t *made, *as_it_is;
    char body[200];

    (void)state;
    new_tab();
    as_it_is = ask(200, "get", "/api/tabs/{tab}", NULL, NULL, 0);
    seen = fetch(json_string_value(json_object_get(json_object_get(as_it_is, "photo"), "seen")),
                 &seen_size);
    json_decref(as_it_is);
    finish(ask(202, "put", "/api/tabs/{tab}/mask", "image/png", seen, seen_size));
    finish(say(202, "post", "/api/tabs/{tab}/find", "{}"));
    finish(say(202, "post", "/api/tabs/{tab}/edit", "{\"weights\": {\"0\": 0.5, \"1\": -1}}"));
    as_it_is = ask(200, "get", "/api/tabs/{tab}", NULL, NULL, 0);
    assert_true(json_is_object(json_object_get(as_it_is, "found")));
    assert_true(json_is_object(json_object_get(as_it_is, "edit")));
    assert_true(json_is_object(json_object_get(as_it_is, "mask")));
    json_decref(as_it_is);
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++) {
        snprintf(body, sizeof body, "{\"what\": \"%s\", \"weights\": {\"0\": 0.5}}", whats[i]);
        json_decref(export(body));
    }
    made = export("{\"what\": \"project\", \"weights\": {\"0\": 0.5}, \"history\": [{\"1\": 1}]}");
    project = fetch(json_string_value(json_object_get(json_object_get(made, "result"), "file")),
                    &project_size);
    json_decref(made);
    finish(ask(201, "post", "/api/project", "application/zip", project, project_size));
    finish(say(201, "post", "/api/tabs/{tab}/carry", "{\"example\": true}"));
}

/* What a described operation is to be asked with. */
static json_t *as_described(const char *method, const char *path, int status)
{
    const char *body = strstr(path, "/photo") || strstr(path, "/carry") ? "{\"example\": true}"
                       : strstr(path, "/edit")   ? "{\"weights\": {\"0\": 1}}"
                       : strstr(path, "/export") ? "{\"what\": \"photo\"}"
                                                 : "{}";

    if (!strcmp(method, "get") || !strcmp(method, "delete"))
        return ask(status, method, path, NULL, NULL, 0);
    if (strstr(path, "/mask"))
        return ask(status, method, path, "image/png", seen, seen_size);
    if (strstr(path, "/project"))
        return ask(status, method, path, "application/zip", project, project_size);
    return say(status, method, path, body);
}

/* The status of an operation that does what it shall. */
static int status_of(const json_t *operation)
{
    static const int good[] = {200, 201, 202, 204};

    for (size_t i = 0; i < 4; i++)
        if (is_described(operation, good[i]))
            return good[i];
    return 0;
}

/* Each, of things that there are, and of things that there are not. */
static void each(const char *method, const char *path, const json_t *operation)
{
    const long long there[] = {tab, job};
    json_t *made = NULL;

    if (strstr(path, "{job}")) {
        made = say(202, "post", "/api/tabs/{tab}/find", "{}");
        job = number(made, "job");
    }
    json_decref(made);
    json_decref(as_described(method, path, status_of(operation)));
    tab = job = 9007199254740991;
    if (strstr(path, "{tab}") || strstr(path, "{job}"))
        json_decref(as_described(method, path, 404));
    tab = there[0];
    job = there[1];
    if (!strcmp(path, "/api/tabs/{tab}") && !strcmp(method, "delete"))
        new_tab();
}

/* And refused: without the token, too large, not JSON. */
static void none(const char *method, const char *path, const json_t *operation)
{
    static const char broken[] = "{\"a\": ";
    char head[1000], token = server.token[0];
    reply r;

    server.token[0] ^= 1;
    json_decref(as_described(method, path, 403));
    server.token[0] = token;
    if (!strcmp(method, "get"))
        return;
    assert_true(is_described(operation, 413));
    explorer_head(&server, head, sizeof head, upper(method), fill(path), "text/plain", 1 << 30);
    r = explorer_send(&server, head, strlen(head), 60);
    assert_int_equal(r.status, 413);
    reply_clear(&r);
    if (is_described(operation, 400) && !strstr(path, "/project"))
        json_decref(ask(400, method, path, "application/json", broken, strlen(broken)));
}

static void for_all(void (*call)(const char *, const char *, const json_t *))
{
    const char *path, *method;
    json_t *item, *operation;

    json_object_foreach(json_object_get(api, "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            if (strcmp(method, "parameters") != 0)
                call(method, path, operation);
        }
    }
}

static void all(void **state)
{
    (void)state;
    new_tab();
    for_all(each);
}

static void all_refused(void **state)
{
    (void)state;
    new_tab();
    for_all(none);
}

/* Every $ref leads somewhere. */
static void walk(const json_t *json, size_t *refs)
{
    const char *name;
    json_t *member;
    size_t i;

    if (json_object_get(json, "$ref")) {
        *refs += 1;
        assert_non_null(schema_of(api, json));
    }
    json_object_foreach((json_t *)json, name, member) walk(member, refs);
    json_array_foreach(json, i, member) walk(member, refs);
}

static void refs(void **state)
{
    reply r = explorer_ask(&server, "GET", "/api/openapi.json", NULL, NULL, 0);
    size_t size, count = 0;
    unsigned char *bytes = read_all(PB_SOURCE_DIR "/src/explore/openapi.json", &size);

    (void)state;
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, (char *)bytes);
    free(bytes);
    reply_clear(&r);
    walk(api, &count);
    assert_true(count > 50);
}

/* The checker itself sees what is wrong. */
static void checker(void **state)
{
    static const struct {
        const char *schema, *value;
        bool fits;
    } cases[] = {
        {"{\"type\": \"integer\"}", "1", true},
        {"{\"type\": \"integer\"}", "1.5", false},
        {"{\"type\": [\"number\", \"null\"]}", "null", true},
        {"{\"type\": [\"number\", \"null\"], \"maximum\": 1}", "2", false},
        {"{\"enum\": [\"a\", \"b\"]}", "\"c\"", false},
        {"{\"oneOf\": [{\"const\": \"auto\"}, {\"type\": \"null\"}]}", "\"auto\"", true},
        {"{\"oneOf\": [{\"const\": \"auto\"}, {\"type\": \"null\"}]}", "\"else\"", false},
        {"{\"type\": \"array\", \"items\": {\"type\": \"string\"}}", "[\"a\", 1]", false},
        {"{\"type\": \"array\", \"minItems\": 2}", "[1]", false},
        {"{\"properties\": {\"a\": {}}, \"required\": [\"a\"]}", "{\"a\": 1}", true},
        {"{\"properties\": {\"a\": {}}, \"required\": [\"a\"]}", "{}", false},
        {"{\"properties\": {\"a\": {}}}", "{\"b\": 1}", false},
        {"{\"additionalProperties\": {\"type\": \"string\"}}", "{\"b\": 1}", false},
        {"{\"$ref\": \"#/components/schemas/Error\"}", "{\"error\": \"x\"}", true},
        {"{\"$ref\": \"#/components/schemas/Error\"}", "{\"error\": 1}", false},
        {"{\"$ref\": \"#/components/schemas/Nothing\"}", "{}", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *schema = json_loads(cases[i].schema, 0, NULL);
        json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
        char why[200];
        if (schema_fits(api, schema, value, why, sizeof why) != cases[i].fits)
            fail_msg("%s of %s", cases[i].value, cases[i].schema);
        json_decref(schema);
        json_decref(value);
    }
}

static int set_up(void **state)
{
    (void)state;
    api = json_load_file(PB_SOURCE_DIR "/src/explore/openapi.json", JSON_REJECT_DUPLICATES, NULL);
    return !api || !explorer_begin(&server, PB_BINARY_DIR "/pullback");
}

static int tear_down(void **state)
{
    (void)state;
    free(seen);
    free(project);
    json_decref(api);
    return explorer_end(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checker), cmocka_unit_test(refs),        cmocka_unit_test(a_way),
        cmocka_unit_test(all),     cmocka_unit_test(all_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
