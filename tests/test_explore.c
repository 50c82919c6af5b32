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
    kill(explorer.pid, SIGTERM);
    assert_int_equal(program_wait(explorer.pid), 0);
}

static char answer[1 << 21];

/* Sends a request, and reads all that comes: its status. */
static int say(const char *method, const char *path, const char *body)
{
    static char request[4096];

    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s", method, path,
             explorer.own, strlen(body), body);
    return http_ask(explorer.port, request, answer, sizeof answer);
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

    snprintf(path, sizeof path, "/api/jobs/%d/events", (int)number(job, "job"));
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

    assert_string_equal(text(ended, "state"), "done");
    json_decref(ended);
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

/* From the page's first request to the picture at home: what is exported is what the command line
 * that is shown writes, to the byte. */
static void test_way(void **state)
{
    json_t *tab, *job;
    unsigned char *expected, *found;
    char line[1000];
    size_t size[2];

    (void)state;
    begin();
    tab = ask(201, "POST", "/api/tabs", "");
    finish(json_pack("{s:O}", "job", json_object_get(tab, "job")));
    json_decref(tab);
    tab = ask(200, "POST", "/api/tabs/1/settings", "{\"rank\": 3, \"steps\": 20}");
    assert_int_equal(number(json_object_get(tab, "photo"), "width"), 300);
    json_decref(tab);
    finish(ask(202, "POST", "/api/tabs/1/find", "{}"));
    finish(ask(202, "POST", "/api/tabs/1/edit", "{\"weights\": {\"0\": 0.5, \"2\": -0.25}}"));
    tab = ask(200, "GET", "/api/tabs/1", "");
    assert_int_equal(json_array_size(json_object_get(json_object_get(tab, "found"), "cards")), 3);
    job = follow(ask(202, "POST", "/api/tabs/1/export",
                     "{\"what\": \"photo\", \"weights\": {\"0\": 0.5, \"2\": -0.25}}"));
    fetch(text(json_object_get(job, "result"), "file"), "exported.png");
    json_decref(job);
    snprintf(line, sizeof line, "%s", text(json_object_get(tab, "edit"), "command"));
    json_decref(tab);
    assert_memory_equal(line, "pullback edit portrait.png --crop ", 34);
    scratch_copy(&here, PB_SOURCE_DIR "/examples", ".");
    expect(program(here.folder, "%s --threads 1", line + strlen("pullback ")), 0, NULL);
    expected = scratch_read(&here, "edited.png", &size[0]);
    found = scratch_read(&here, "exported.png", &size[1]);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(expected, found, size[0]);
    free(expected);
    free(found);
    end();
}

/* What is wrong is refused, and nothing is spoilt by it. */
static void test_refused(void **state)
{
    json_t *json;

    (void)state;
    begin();
    json_decref(ask(201, "POST", "/api/tabs", ""));
    refuse(400, "POST", "/api/tabs/1/settings", "{", "not JSON");
    refuse(400, "POST", "/api/tabs/1/settings", "[]", "expected an object");
    refuse(400, "POST", "/api/tabs/1/settings", "{\"t\": 2}", "t: expected a number from 0 to 1");
    refuse(400, "POST", "/api/tabs/1/settings", "{\"rank\": 1.5}", "rank: expected a whole number");
    refuse(400, "POST", "/api/tabs/1/settings", "{\"colour\": 1}", "no setting \"colour\"");
    refuse(400, "POST", "/api/tabs/1/settings", "{\"model\": \"/etc/passwd\"}", "one of the list");
    refuse(400, "POST", "/api/tabs/1/settings", "{\"crop\": [0, 0, -1, 5]}", "crop: expected");
    refuse(400, "POST", "/api/tabs/1/edit", "{}", "weights");
    refuse(400, "POST", "/api/tabs/1/export", "{\"what\": \"../x\"}", "what: expected");
    refuse(404, "GET", "/api/tabs/7", "", "no such");
    refuse(404, "GET", "/api/files/1.png/../../x", "", "no such");
    refuse(404, "GET", "/page/../explore.c", "", "no such");
    refuse(404, "DELETE", "/api/jobs/99", "", "no such");
    json = follow(ask(202, "POST", "/api/tabs/1/photo", "<svg>no picture</svg>"));
    assert_string_equal(text(json, "state"), "failed");
    assert_non_null(text(json, "error"));
    json_decref(json);
    json = follow(ask(202, "POST", "/api/tabs/1/find", "{}"));
    assert_string_equal(text(json, "state"), "failed");
    json_decref(json);
    json = ask(200, "POST", "/api/tabs/1/settings",
               "{\"source\": \"seed\", \"rank\": 1, \"steps\": 4}");
    json_decref(json);
    finish(ask(202, "POST", "/api/tabs/1/find", "{}"));
    json = follow(ask(202, "POST", "/api/tabs/1/edit", "{\"weights\": {\"5\": 1}}"));
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
    json_decref(ask(201, "POST", "/api/tabs", ""));
    json_decref(ask(200, "POST", "/api/tabs/1/settings", "{\"rank\": 64, \"steps\": 1000}"));
    job = ask(202, "POST", "/api/tabs/1/find", "{}");
    other = ask(202, "POST", "/api/tabs/1/find", "{}");
    job = follow(job);
    assert_string_equal(text(job, "state"), "cancelled");
    json_decref(job);
    snprintf(path, sizeof path, "/api/jobs/%d", (int)number(other, "job"));
    json_decref(ask(200, "DELETE", path, ""));
    other = follow(other);
    assert_string_equal(text(other, "state"), "cancelled");
    json_decref(other);
    json_decref(ask(202, "POST", "/api/tabs/1/find", "{}")); /* at work while the program ends */
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_way),
        SCRATCH_TEST(test_refused),
        SCRATCH_TEST(test_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
