#include "browser.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "program.h"

scratch desk;

static pid_t server;
static char address[256],
    models[256]; /* of the page; of what has its storage and is not the page */

static void stop(void)
{
    if (server > 0)
        kill(server, SIGKILL);
    server = 0;
}

void explorer_begin(const char *model)
{
    double end = pb_seconds() + 60;

    atexit(stop);
    scratch_open(&desk);
    for (size_t i = 0; i < 2; i++) {
        const scratch examples = {PB_SOURCE_DIR "/examples"};
        const char *photo = i ? "samples.png" : "portrait.png";
        size_t size;
        unsigned char *bytes = scratch_read(&examples, photo, &size);
        scratch_write(&desk, photo, bytes, size);
        free(bytes);
    }
    server = program_start(desk.folder, "url", "explore %s/portrait.png --model %s --port 0 --json",
                           desk.folder, model);
    while (pb_seconds() < end && !strchr(address, '\n')) {
        FILE *file = fopen(DESK("url"), "r");
        usleep(20000);
        if (!file || !fgets(address, sizeof address, file))
            *address = '\0';
        if (file)
            fclose(file);
    }
    assert_non_null(strchr(address, '\n'));
    *strchr(address, '\n') = '\0';
    snprintf(models, sizeof models, "%.*s/api/models", (int)strcspn(address + 7, "/") + 7, address);
    browser_open(desk.folder);
    browser_go(address); /* which takes the cookie */
}

void explorer_end(void)
{
    int status = 1;

    browser_close();
    if (server > 0 && !kill(server, SIGTERM))
        status = program_wait(server);
    server = 0;
    if (*desk.folder)
        scratch_close(&desk);
    assert_int_equal(status, 0);
}

void explorer_rest(void)
{
    browser_wait(TAB ".then((t) => t.job === null)");
}

/* Nothing can be tested once it is gone. */
static void expect_alive(void)
{
    int status;

    if (server <= 0 || waitpid(server, &status, WNOHANG) != server)
        return;
    server = 0;
    fail_msg("the program has ended by itself, or was ended: wait status %d", status);
}

void explorer_open(const char *settings)
{
    expect_alive();
    browser_show((browser_look){.width = 1400, .height = 900});
    browser_go(models);
    json_decref(browser_run("const post = (path, body) => fetch(path, {method: 'POST', body: "
                            "JSON.stringify(body)}).then((r) => r.json()); "
                            "return post('/api/tabs', {}).then((t) => { sessionStorage.clear(); "
                            "sessionStorage.setItem('tab', t.tab); "
                            "return post(`/api/tabs/${t.tab}/settings`, %s); }).then(() => 0)",
                            settings));
    browser_go(address);
    explorer_rest();
    browser_wait("!$('#find').disabled && $('#frame').clientWidth");
}

/* With few directions and steps, for speed. */
int explorer_set_up(void **state)
{
    (void)state;
    explorer_open("{rank: 3, steps: 10}");
    return 0;
}

int explorer_tear_down(void **state)
{
    char *console = browser_console();

    (void)state;
    json_decref(browser_run("const t = sessionStorage.getItem('tab'); sessionStorage.clear(); "
                            "return fetch('/api/tabs/' + t, {method: 'DELETE'}).then(() => 0)"));
    free(console);
    return 0;
}

void explorer_find(void)
{
    browser_click("#find");
    browser_wait("$$('.card').length && $('#progress').hidden && "
                 "$$('.card img').every((i) => i.complete && i.naturalWidth)");
}

void explorer_set(int direction, double value)
{
    char slider[32];
    char *key = strdup("");
    double now;

    snprintf(slider, sizeof slider, "#slider-%d", direction);
    now = browser_number("Number($('%s').value)", slider);
    for (; now < value - 0.01 || now > value + 0.01; now += now < value ? 0.05 : -0.05) {
        char *longer;
        assert_true(asprintf(&longer, "%s %s", key, now < value ? "ArrowRight" : "ArrowLeft") > 0);
        free(key);
        key = longer;
    }
    browser_press_at(slider, key);
    free(key);
    browser_wait("Math.abs(Number($('%s').value) - %.2f) < 0.01", slider, value);
    browser_wait("$('#exactness').textContent === 'final'");
}

/* A file that is whole; the browser's own names begin with a dot or end so. */
static bool is_whole(const char *name)
{
    return *name != '.' && !strstr(name, ".crdownload");
}

/* What was downloaded; NULL: nothing yet. Removed, if so wanted. */
static char *downloaded(bool remove)
{
    DIR *list = opendir(DESK("downloads"));
    struct dirent *entry;
    char *name = NULL;

    while (list && (entry = readdir(list)))
        if (remove && is_whole(entry->d_name))
            unlinkat(dirfd(list), entry->d_name, 0);
        else if (!name && is_whole(entry->d_name))
            name = strdup(entry->d_name);
    if (list)
        closedir(list);
    return name;
}

void explorer_unfold(const char *element)
{
    json_decref(browser_run("const d = $('%s').closest('details'); if (d) d.open = true", element));
}

char *explorer_take(const char *element)
{
    double end = pb_seconds() + 60;
    char *name = NULL, from[1000];

    downloaded(true);
    explorer_unfold(element);
    browser_click(element);
    while (!(name = downloaded(false)) && pb_seconds() < end)
        usleep(20000);
    if (!name)
        browser_wait("false /* a file by %s */", element);
    snprintf(from, sizeof from, "%s/downloads/%s", desk.folder, name);
    assert_int_equal(rename(from, DESK(name)), 0);
    return name;
}

void explorer_run_command(void)
{
    char *line = browser_string("$('#command').value"), *all = NULL;

    assert_memory_equal(line, "pullback ", 9);
    assert_true(asprintf(&all, "cd '%s' && '%s'/%s >command.txt 2>&1", desk.folder, PB_BINARY_DIR,
                         line) > 0);
    if (system(all)) {
        size_t size;
        char *told = (char *)scratch_read(&desk, "command.txt", &size);
        fail_msg("%s: %s", line, told);
    }
    free(all);
    free(line);
}

void explorer_expect_same(const char *one, const char *other)
{
    size_t size[2];
    unsigned char *first = scratch_read(&desk, one, &size[0]),
                  *second = scratch_read(&desk, other, &size[1]);

    if (size[0] != size[1] || memcmp(first, second, size[0]) != 0)
        fail_msg("%s and %s differ", one, other);
    free(first);
    free(second);
}

void expect_near_at(const char *file, int line, double found, double expected, double tolerance)
{
    if (!(found >= expected - tolerance && found <= expected + tolerance))
        fail_msg("%s:%d: expected %g (within %g), found %g", file, line, expected, tolerance,
                 found);
}
