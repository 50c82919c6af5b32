/* The explorer as its page uses it: the program is started, and asked over HTTP. */
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
#include "golden.h"
#include "program.h"
#include "scratch.h"

static explorer server;
static long long tab_number; /* of the tab that requests are of */

static void begin(void)
{
    assert_true(explorer_begin(&server, PB_BINARY_DIR "/pullback"));
}

static void end(void)
{
    assert_int_equal(explorer_end(&server), 0);
}

/* Also where a test failed. */
static int tear_down(void **state)
{
    if (server.pid)
        explorer_end(&server);
    return scratch_tear_down(state);
}

/* A path of the tab: in_tab("/find"). */
static const char *in_tab(const char *rest)
{
    static char paths[4][64];
    static int last;
    char *path = paths[last = (last + 1) % 4];

    snprintf(path, sizeof paths[0], "/api/tabs/%lld%s", tab_number, rest);
    return path;
}

/* The body of an answer of this status as JSON. */
static json_t *object_in(reply *r, int status, const char *method, const char *path)
{
    json_t *json = json_loads(r->body, 0, NULL);

    if (r->status != status || !json)
        fail_msg("%s %s: expected %d, found %.2000s", method, path, status, r->bytes);
    reply_clear(r);
    return json;
}

/* A request's answer as JSON, of a status. */
static json_t *ask(int status, const char *method, const char *path, const char *body)
{
    reply r = explorer_ask(&server, method, path, "application/json", body, strlen(body));

    return object_in(&r, status, method, path);
}

static void refuse(int status, const char *method, const char *path, const char *body,
                   const char *why)
{
    json_t *json = ask(status, method, path, body);

    assert_non_null(strstr(json_string_value(json_object_get(json, "error")), why));
    json_decref(json);
}

static json_int_t number(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

static const char *text(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

/* Follows a job to its end, and returns how it ended. */
static json_t *follow(json_t *job)
{
    char path[64], *last = NULL;
    json_t *ended;
    reply r;

    snprintf(path, sizeof path, "/api/jobs/%lld/events", (long long)number(job, "job"));
    json_decref(job);
    r = explorer_ask(&server, "GET", path, NULL, NULL, 0);
    assert_int_equal(r.status, 200);
    for (char *at = r.bytes; (at = strstr(at, "data: ")); at += 6)
        last = at + 6;
    assert_non_null(last);
    *strchr(last, '\n') = '\0';
    ended = json_loads(last, 0, NULL);
    assert_non_null(ended);
    reply_clear(&r);
    return ended;
}

static void finish(json_t *job)
{
    json_t *ended = follow(job);

    if (strcmp(text(ended, "state"), "done"))
        fail_msg("%s: %s", text(ended, "state"), text(ended, "error"));
    json_decref(ended);
}

/* A tab from now on: the object (taken over), whose job is followed to its end. */
static void work_in(json_t *tab)
{
    tab_number = number(tab, "tab");
    finish(json_pack("{s:O}", "job", json_object_get(tab, "job")));
    json_decref(tab);
}

/* Changes settings, and waits until that was looked at. */
static void set(const char *settings)
{
    work_in(ask(200, "POST", in_tab("/settings"), settings));
}

static json_t *tab_now(void)
{
    return ask(200, "GET", in_tab(""), "");
}

/* The bytes of a file that a job made, into a file of the folder. */
static void fetch(const char *url, const char *name)
{
    reply r = explorer_ask(&server, "GET", url, NULL, NULL, 0);

    assert_int_equal(r.status, 200);
    scratch_write(&here, name, r.body, r.size - (size_t)(r.body - r.bytes));
    reply_clear(&r);
}

/* Sends a file of the scratch folder. */
static json_t *send_file(int status, const char *method, const char *path, const char *name)
{
    size_t size;
    unsigned char *bytes = scratch_read(&here, name, &size);
    reply r = explorer_ask(&server, method, path, "application/octet-stream", bytes, size);

    free(bytes);
    return object_in(&r, status, method, path);
}

/* Exports into a file of the folder. */
static void export(const char *what, const char *weights, const char *name)
{
    char body[300];
    json_t *job;

    snprintf(body, sizeof body, "{\"what\": \"%s\", \"weights\": %s, \"history\": [{}, %s]}", what,
             weights, weights);
    job = follow(ask(202, "POST", in_tab("/export"), body));
    if (strcmp(text(job, "state"), "done"))
        fail_msg("%s: %s", what, text(job, "error"));
    fetch(text(json_object_get(job, "result"), "file"),
          name ? name : text(json_object_get(job, "result"), "name"));
    json_decref(job);
}

/* Are two files of the folder the same? */
static void expect_same(const char *a, const char *b)
{
    size_t size[2];
    unsigned char *first = scratch_read(&here, a, &size[0]),
                  *second = scratch_read(&here, b, &size[1]);

    assert_int_equal(size[0], size[1]);
    assert_memory_equal(first, second, size[0]);
    free(first);
    free(second);
}

/* Makes the edit, and its photo by the export and by the command line that is shown: the same
 * bytes. */
static void expect_command(const char *weights)
{
    char body[300], line[1000];
    json_t *tab;

    snprintf(body, sizeof body, "{\"weights\": %s}", weights);
    finish(ask(202, "POST", in_tab("/edit"), body));
    export("photo", weights, "exported.png");
    tab = tab_now();
    snprintf(line, sizeof line, "%s", text(json_object_get(tab, "edit"), "command"));
    json_decref(tab);
    assert_memory_equal(line, "pullback edit ", 14);
    expect(program(here.folder, "%s --threads 1", line + strlen("pullback ")), 0, NULL);
    expect_same("edited.png", "exported.png");
}

/* A file of the sources, into the folder. */
static void copy_in(const char *from, const char *name)
{
    scratch there = {.folder = PB_SOURCE_DIR};
    size_t size;
    unsigned char *bytes = scratch_read(&there, from, &size);

    scratch_write(&here, name, bytes, size);
    free(bytes);
}

static void copy_portrait(const char *name)
{
    copy_in("examples/portrait.png", name);
}

static void set_up_tab(void)
{
    begin();
    copy_portrait("portrait.png");
    work_in(ask(201, "POST", "/api/tabs", ""));
    set("{\"rank\": 3, \"steps\": 10}");
}

/* From the page's first request to the picture at home: what is exported is what the command line
 * that is shown writes, to the byte. */
static void test_way(void **state)
{
    json_t *tab, *found;

    (void)state;
    set_up_tab();
    tab = tab_now();
    assert_int_equal(number(json_object_get(tab, "photo"), "width"), 300);
    assert_int_equal(json_array_size(json_object_get(tab, "grid")), 9);
    assert_non_null(text(json_object_get(tab, "noisy"), "picture"));
    json_decref(tab);
    finish(ask(202, "POST", in_tab("/find"), "{}"));
    tab = tab_now();
    found = json_object_get(tab, "found");
    assert_int_equal(json_array_size(json_object_get(found, "cards")), 3);
    assert_true(json_is_true(json_object_get(found, "coarse")));
    json_decref(tab);
    expect_command("{\"0\": 0.5, \"2\": -0.25}");
    expect_command("{\"1\": -1}");
    set("{\"source\": \"seed\", \"seed\": 7}");
    expect_command("{\"1\": 0.75}");
    set("{\"seed\": 1000000, \"prompt\": \"of another model\"}");
    expect_command("{\"1\": 0.75}");
    end();
}

/* Saves a picture of the tab: what the model sees. */
static void fetch_seen(const char *name)
{
    json_t *tab = tab_now();

    fetch(text(json_object_get(tab, "photo"), "seen"), name);
    json_decref(tab);
}

/* A mask for directions, and one that blends; one that is none goes again. */
static void test_mask(void **state)
{
    json_t *job, *tab;

    (void)state;
    set_up_tab();
    finish(ask(202, "POST", in_tab("/find"), "{}"));
    scratch_write(&here, "mask.pgm", "P5 1 1 255\n0", 12); /* not one of the formats */
    job = follow(send_file(202, "PUT", in_tab("/mask"), "mask.pgm"));
    assert_string_equal(text(job, "state"), "failed");
    json_decref(job);
    tab = tab_now();
    assert_true(json_is_null(json_object_get(tab, "mask")));
    json_decref(tab);
    fetch_seen("bright.png"); /* what is bright may change */
    finish(send_file(202, "PUT", in_tab("/mask"), "bright.png"));
    tab = tab_now();
    assert_true(json_is_null(json_object_get(tab, "found")));
    assert_non_null(text(json_object_get(tab, "mask"), "picture"));
    json_decref(tab);
    set("{\"model\": \"" PB_SOURCE_DIR "/models/faces32\", \"steps\": 9}"); /* the same model */
    export("mask", "{}", NULL);
    assert_true(scratch_has(&here, "portrait-mask.png"));
    expect_command("{\"0\": 1}");
    tab = tab_now();
    assert_true(json_is_real(json_object_get(json_object_get(tab, "edit"), "outside")));
    json_decref(tab);
    set("{\"mask_use\": \"blend\"}");
    expect_command("{\"0\": 1}");
    json_decref(ask(200, "DELETE", in_tab("/mask"), ""));
    expect_command("{\"0\": 1}");
    end();
}

/* Neither a change of settings while a mask is looked at keeps a bad one, nor does it lose a good
 * one. */
static void test_mask_meanwhile(void **state)
{
    json_t *tab;

    (void)state;
    set_up_tab();
    fetch_seen("bright.png");
    json_decref(send_file(202, "PUT", in_tab("/mask"), "bright.png"));
    set("{\"rank\": 2}");
    tab = tab_now();
    assert_non_null(text(json_object_get(tab, "mask"), "picture"));
    json_decref(tab);
    export("mask", "{}", NULL);
    scratch_write(&here, "mask.pgm", "P5 1 1 255\n0", 12); /* not one of the formats */
    json_decref(send_file(202, "PUT", in_tab("/mask"), "mask.pgm"));
    tab = ask(200, "POST", in_tab("/settings"), "{\"rank\": 3}");
    json_decref(follow(json_pack("{s:O}", "job", json_object_get(tab, "job"))));
    json_decref(tab);
    finish(ask(202, "POST", in_tab("/find"), "{}"));
    end();
}

/* Directions of one photo, carried to another. */
static void test_carry(void **state)
{
    long long first;
    json_t *tab;

    (void)state;
    set_up_tab();
    first = tab_number;
    finish(ask(202, "POST", in_tab("/find"), "{}"));
    /* What carries them is cancelled at once: the next job that needs them does it. */
    tab = send_file(201, "POST", in_tab("/carry?name=other.png"), "portrait.png");
    tab_number = number(tab, "tab");
    json_decref(tab);
    set("{\"rank\": 4}");
    assert_true(tab_number != first);
    finish(ask(202, "POST", in_tab("/find"), "{}"));
    tab = tab_now();
    assert_string_equal(text(json_object_get(tab, "carried"), "from"), "portrait.png");
    assert_int_equal(json_array_size(json_object_get(json_object_get(tab, "found"), "share")), 3);
    json_decref(tab);
    set("{\"crop\": [40, 40, 200, 200]}");
    copy_portrait("other.png");
    export("basis", "{}", NULL);
    assert_true(scratch_has(&here, "portrait-directions.safetensors"));
    expect_command("{\"0\": 1, \"1\": -0.5}");
    json_decref(ask(200, "DELETE", in_tab("/carried"), ""));
    tab = tab_now();
    assert_true(json_is_null(json_object_get(tab, "carried")));
    json_decref(tab);
    end();
}

/* What is taken home is what other commands read; a project goes on where it was. */
static void test_exports(void **state)
{
    static const char *const weights = "{\"0\": 0.5, \"2\": -0.25}";
    json_t *tab;

    (void)state;
    set_up_tab();
    export("photo", weights, "before.png");
    export("strip", weights, "strip.png");
    export("animation", weights, "animation.webp");
    assert_true(scratch_holds(&here, "animation.webp", "RIFF"));
    export("basis", weights, "basis.safetensors");
    export("direction", weights, "direction.safetensors");
    expect(program(here.folder, "compare basis.safetensors direction.safetensors"), 0, NULL);
    expect(program(here.folder, "edit --basis basis.safetensors -d 2 -o one.png"), 0, NULL);
    expect(program(here.folder, "edit --basis direction.safetensors --strength 0.5 -o along.png"),
           0, NULL);
    export("project", weights, "project.pullback");
    work_in(send_file(201, "POST", "/api/project", "project.pullback"));
    tab = tab_now();
    assert_int_equal(number(json_object_get(tab, "settings"), "steps"), 10);
    assert_int_equal(json_array_size(json_object_get(json_object_get(tab, "restored"), "history")),
                     2);
    json_decref(tab);
    finish(ask(202, "POST", in_tab("/find"), "{}"));
    export("photo", weights, "after.png");
    expect_same("before.png", "after.png");
    refuse(400, "POST", "/api/project", "PK no project", "project.pullback: ");
    end();
}

/* Its settings are changed: directions are found anew, and those of before nowhere used. */
static void test_project_changed(void **state)
{
    (void)state;
    set_up_tab();
    export("project", "{\"0\": 1}", "project.pullback");
    work_in(send_file(201, "POST", "/api/project", "project.pullback"));
    expect_command("{\"0\": 1}");
    set("{\"tap\": \"x0\"}");
    expect_command("{\"0\": 1}");
    set("{\"tap\": null, \"model\": \"fashion32\"}");
    expect_command("{\"0\": 1}");
    end();
}

/* What is wrong is refused, and nothing is spoilt by it. */
static void test_refused(void **state)
{
    json_t *json;

    (void)state;
    begin();
    work_in(ask(201, "POST", "/api/tabs", ""));
    refuse(400, "POST", in_tab("/settings"), "{", "not JSON");
    refuse(400, "POST", in_tab("/settings"), "[]", "expected an object");
    refuse(400, "POST", in_tab("/settings"), "{\"t\": 2}", "t: expected a number above 0 to 1");
    refuse(400, "POST", in_tab("/settings"), "{\"t\": 0}", "t: expected a number above 0 to 1");
    refuse(400, "POST", in_tab("/settings"), "{\"rank\": 1.5}", "rank: expected a whole number");
    refuse(400, "POST", in_tab("/settings"), "{\"colour\": 1}", "no setting \"colour\"");
    refuse(400, "POST", in_tab("/settings"), "{\"model\": \"/etc/passwd\"}", "one of the list");
    refuse(400, "POST", in_tab("/settings"), "{\"crop\": [0, 0, -1, 5]}", "crop: expected");
    refuse(400, "POST", in_tab("/edit"), "{}", "weights");
    refuse(400, "POST", in_tab("/export"), "{\"what\": \"../x\"}", "what: expected");
    refuse(404, "GET", "/api/tabs/7", "", "no such");
    refuse(404, "GET", "/api/files/1.png/../../x", "", "no such");
    refuse(404, "GET", "/page/../explore.c", "", "no such");
    refuse(404, "DELETE", "/api/jobs/99", "", "no such");
    scratch_write(&here, "photo.svg", "<svg>no picture</svg>", 21);
    json = follow(send_file(202, "POST", in_tab("/photo"), "photo.svg"));
    assert_string_equal(text(json, "state"), "failed");
    assert_non_null(text(json, "error"));
    json_decref(json);
    json = follow(ask(202, "POST", in_tab("/find"), "{}"));
    assert_string_equal(text(json, "state"), "failed");
    json_decref(json);
    json =
        ask(200, "POST", in_tab("/settings"), "{\"source\": \"seed\", \"rank\": 1, \"steps\": 4}");
    json_decref(json);
    finish(ask(202, "POST", in_tab("/find"), "{}"));
    json = follow(ask(202, "POST", in_tab("/edit"), "{\"weights\": {\"5\": 1}}"));
    assert_string_equal(text(json, "state"), "failed");
    json_decref(json);
    end();
}

/* A job that is cancelled ends, and a newer one takes the place of an older. */
static void test_cancel(void **state)
{
    json_t *job, *other;
    char path[64];

    (void)state;
    begin();
    work_in(ask(201, "POST", "/api/tabs", ""));
    json_decref(ask(200, "POST", in_tab("/settings"), "{\"rank\": 64, \"steps\": 1000}"));
    job = ask(202, "POST", in_tab("/find"), "{}");
    other = ask(202, "POST", in_tab("/find"), "{}");
    job = follow(job);
    assert_string_equal(text(job, "state"), "cancelled");
    json_decref(job);
    snprintf(path, sizeof path, "/api/jobs/%lld", (long long)number(other, "job"));
    json_decref(ask(200, "DELETE", path, ""));
    other = follow(other);
    assert_string_equal(text(other, "state"), "cancelled");
    json_decref(other);
    json_decref(ask(202, "POST", in_tab("/find"), "{}")); /* at work while the program ends */
    end();
}

#define EXPLORER_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXPLORER_TEST(test_way),
        EXPLORER_TEST(test_mask),
        EXPLORER_TEST(test_carry),
        EXPLORER_TEST(test_exports),
        EXPLORER_TEST(test_refused),
        EXPLORER_TEST(test_cancel),
        EXPLORER_TEST(test_project_changed),
        EXPLORER_TEST(test_mask_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
