/* The explorer as its page uses it: the program is started, and asked over HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "golden.h"
#include "http_client.h"
#include "program.h"
#include "scratch.h"

static struct {
    pid_t pid;
    unsigned port;
    char own[256];
    long long tab; /* the one that requests are of */
} explorer;

/* Starts it on faces32, and takes the URL from what it prints. */
static void begin(void)
{
    char token[64] = "";
    double end = pb_seconds() + 60;

    explorer.pid =
        program_start(here.folder, "url", "explore --model %s --port 0 --threads 1 --json",
                      PB_SOURCE_DIR "/models/faces32");
    while (pb_seconds() < end && !*token) {
        FILE *file = fopen(scratch_path(&here, "url").text, "r");
        usleep(20000);
        if (file && fscanf(file, "http://127.0.0.1:%u/?token=%63s", &explorer.port, token) != 2)
            *token = '\0';
        if (file)
            fclose(file);
    }
    assert_true(strlen(token) > 20);
    snprintf(explorer.own, sizeof explorer.own, "Host: localhost:%u\r\nCookie: pullback=%s\r\n",
             explorer.port, token);
}

static void end(void)
{
    pid_t pid = explorer.pid;

    explorer.pid = 0;
    kill(pid, SIGTERM);
    assert_int_equal(program_wait(pid), 0);
}

/* Also where a test failed. */
static int tear_down(void **state)
{
    if (explorer.pid)
        kill(explorer.pid, SIGKILL);
    if (explorer.pid)
        program_wait(explorer.pid);
    explorer.pid = 0;
    return scratch_tear_down(state);
}

static char answer[1 << 21];

/* Sends a request, and reads all that comes: its status. */
static int say(const char *method, const char *path, const char *body)
{
    static char request[4096];

    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nConnection: close\r\n%sContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             method, path, explorer.own, strlen(body), body);
    return http_ask(explorer.port, request, answer, sizeof answer);
}

/* A path of the tab: in_tab("/find"). */
static const char *in_tab(const char *rest)
{
    static char paths[4][64];
    static int last;
    char *path = paths[last = (last + 1) % 4];

    snprintf(path, sizeof paths[0], "/api/tabs/%lld%s", explorer.tab, rest);
    return path;
}

static const char *body_of(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");

    return end ? end + 4 : "";
}

/* A request's answer as JSON, of a status. */
static json_t *ask(int status, const char *method, const char *path, const char *body)
{
    json_t *json;

    if (say(method, path, body) != status)
        fail_msg("%s %s %s: expected %d, found %.2000s", method, path, body, status, answer);
    json = json_loads(body_of(answer), 0, NULL);
    assert_non_null(json);
    return json;
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

    snprintf(path, sizeof path, "/api/jobs/%lld/events", (long long)number(job, "job"));
    json_decref(job);
    assert_int_equal(say("GET", path, ""), 200);
    for (char *at = answer; (at = strstr(at, "data: ")); at += 6)
        last = at + 6;
    assert_non_null(last);
    *strchr(last, '\n') = '\0';
    ended = json_loads(last, 0, NULL);
    assert_non_null(ended);
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
    explorer.tab = number(tab, "tab");
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
    int fd = http_connect(explorer.port);
    char head[400];
    FILE *file = fopen(scratch_path(&here, name).text, "wb");
    unsigned char bytes[4096];
    char *body;
    size_t size = 0;
    ssize_t got;
    static unsigned char all[1 << 20];

    snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nConnection: close\r\n%s\r\n", url,
             explorer.own);
    http_send(fd, head);
    while ((got = read(fd, bytes, sizeof bytes)) > 0 && size + (size_t)got < sizeof all) {
        memcpy(all + size, bytes, (size_t)got);
        size += (size_t)got;
    }
    close(fd);
    body = memmem(all, size, "\r\n\r\n", 4);
    assert_non_null(body);
    body += 4;
    fwrite(body, 1, size - (size_t)((unsigned char *)body - all), file);
    fclose(file);
}

/* Sends a file of the scratch folder. */
static json_t *send_file(int status, const char *method, const char *path, const char *name)
{
    size_t size;
    unsigned char *bytes = scratch_read(&here, name, &size);
    int fd = http_connect(explorer.port);
    char head[500];
    json_t *json;

    snprintf(head, sizeof head,
             "%s %s HTTP/1.1\r\nConnection: close\r\n%sContent-Type: application/octet-stream\r\n"
             "Content-Length: %zu\r\n\r\n",
             method, path, explorer.own, size);
    http_send(fd, head);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    free(bytes);
    http_read(fd, answer, sizeof answer, NULL);
    close(fd);
    if (atoi(answer + strlen("HTTP/1.1 ")) != status)
        fail_msg("%s %s %s: expected %d, found %.2000s", method, path, name, status, answer);
    json = json_loads(body_of(answer), 0, NULL);
    assert_non_null(json);
    return json;
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

static void copy_portrait(const char *name)
{
    size_t size;
    scratch there;
    unsigned char *bytes;

    snprintf(there.folder, sizeof there.folder, "%s/examples", PB_SOURCE_DIR);
    bytes = scratch_read(&there, "portrait.png", &size);
    scratch_write(&here, name, bytes, size);
    free(bytes);
}

static void set_up_tab(void)
{
    begin();
    copy_portrait("portrait.png");
    work_in(ask(201, "POST", "/api/tabs", ""));
    set("{\"rank\": 3, \"steps\": 20}");
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
    assert_int_equal(json_array_size(json_object_get(tab, "grid")), 19);
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

/* Directions of one photo, carried to another. */
static void test_carry(void **state)
{
    long long first;
    json_t *tab;

    (void)state;
    set_up_tab();
    first = explorer.tab;
    finish(ask(202, "POST", in_tab("/find"), "{}"));
    work_in(send_file(201, "POST", in_tab("/carry?name=other.png"), "portrait.png"));
    assert_true(explorer.tab != first);
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
    assert_int_equal(number(json_object_get(tab, "settings"), "steps"), 20);
    assert_int_equal(json_array_size(json_object_get(json_object_get(tab, "restored"), "history")),
                     2);
    json_decref(tab);
    finish(ask(202, "POST", in_tab("/find"), "{}"));
    export("photo", weights, "after.png");
    expect_same("before.png", "after.png");
    refuse(400, "POST", "/api/project", "PK no project", "");
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
    refuse(400, "POST", in_tab("/settings"), "{\"t\": 2}", "t: expected a number from 0 to 1");
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
        EXPLORER_TEST(test_way),     EXPLORER_TEST(test_mask),    EXPLORER_TEST(test_carry),
        EXPLORER_TEST(test_exports), EXPLORER_TEST(test_refused), EXPLORER_TEST(test_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
