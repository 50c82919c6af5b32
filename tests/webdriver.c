#include "webdriver.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define PATIENCE 60 /* seconds that a condition may take */
#define PAUSE 15000 /* microseconds between two looks */
#define ELEMENT "element-6066-11e4-a52e-4f735466cecf"

extern char **environ;

static struct {
    pid_t driver, browser; /* groups of processes; 0: none */
    CURL *curl;
    unsigned port;
    char session[100];
} its;

/* -- a request -- */

typedef struct bytes {
    char *text;
    size_t size;
} bytes;

static size_t more(char *from, size_t one, size_t count, void *into)
{
    bytes *b = into;
    char *text = realloc(b->text, b->size + count + 1);

    (void)one;
    if (!text)
        return 0;
    memcpy(text + b->size, from, count);
    b->text = text;
    b->size += count;
    text[b->size] = '\0';
    return count;
}

/* Asks the driver; takes the body, which may be NULL. Its answer is the caller's; NULL: it cannot
 * be reached. */
static json_t *exchange(const char *method, const char *path, json_t *body)
{
    char url[400], *sent = body ? json_dumps(body, 0) : strdup("{}");
    struct curl_slist *head = curl_slist_append(NULL, "Content-Type: application/json");
    bytes got = {0};
    json_t *answer = NULL;

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s%s", its.port, its.session, path);
    curl_easy_reset(its.curl);
    curl_easy_setopt(its.curl, CURLOPT_URL, url);
    curl_easy_setopt(its.curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(its.curl, CURLOPT_TIMEOUT, 2L * PATIENCE);
    curl_easy_setopt(its.curl, CURLOPT_WRITEFUNCTION, more);
    curl_easy_setopt(its.curl, CURLOPT_WRITEDATA, &got);
    curl_easy_setopt(its.curl, CURLOPT_HTTPHEADER, head);
    if (!strcmp(method, "POST"))
        curl_easy_setopt(its.curl, CURLOPT_POSTFIELDS, sent);
    else
        curl_easy_setopt(its.curl, CURLOPT_CUSTOMREQUEST, method);
    if (curl_easy_perform(its.curl) == CURLE_OK && got.text)
        answer = json_loads(got.text, JSON_DECODE_ANY, NULL);
    curl_slist_free_all(head);
    json_decref(body);
    free(sent);
    free(got.text);
    return answer;
}

/* What the page shows, and what its console was told. */
static void complain(const char *what, const char *why)
{
    static bool within;
    const char *folder = getenv("PULLBACK_PICTURES");
    char *console = browser_console();
    json_t *answer =
        exchange("POST", "/execute/sync",
                 json_pack("{s:s, s:[]}", "script",
                           "return location + '\\n' + document.body.innerText", "args"));
    const char *page = json_string_value(json_object_get(answer, "value"));

    fprintf(stderr, "the page: %s\nthe console: %s\n", page ? page : "(none)", console);
    free(console);
    json_decref(answer);
    if (folder && !within) {
        char path[600];
        within = true; /* it may fail, too */
        snprintf(path, sizeof path, "%s/failed.png", folder);
        browser_picture(path);
    }
    within = false;
    fail_msg("%.1000s: %.3000s", what, why);
}

/* The value of its answer: the caller's. NULL: it refused, and said why, which is the caller's too.
 */
static json_t *try_to(const char *method, const char *path, json_t *body, char **why)
{
    json_t *answer = exchange(method, path, body), *value = json_object_get(answer, "value");
    const char *error = answer ? json_string_value(json_object_get(value, "error"))
                               : "chromedriver does not answer";

    *why = NULL;
    if (error) {
        const char *message = json_string_value(json_object_get(value, "message"));
        *why = strdup(message ? message : error);
        value = NULL;
    }
    json_incref(value);
    json_decref(answer);
    return value;
}

/* The same of what has to succeed. */
static json_t *ask(const char *what, const char *method, const char *path, json_t *body)
{
    char *why, told[2000];
    json_t *value = try_to(method, path, body, &why);

    if (why) {
        snprintf(told, sizeof told, "%s", why);
        free(why);
        complain(what, told);
    }
    return value;
}

static void tell(const char *what, const char *path, json_t *body)
{
    json_decref(ask(what, "POST", path, body));
}

/* -- beginning and end -- */

static bool is_there(const char *name)
{
    char path[4096];
    const char *list = getenv("PATH");

    for (const char *end; list && *list; list = *end ? end + 1 : end) {
        end = strchrnul(list, ':');
        snprintf(path, sizeof path, "%.*s/%s", (int)(end - list), list, name);
        if (!access(path, X_OK))
            return true;
    }
    return false;
}

const char *browser_missing(void)
{
    return !is_there("chromium") ? "chromium" : !is_there("chromedriver") ? "chromedriver" : NULL;
}

/* In a group of its own, so that nothing of it is left. */
static void start_driver(const char *folder)
{
    char out[600], line[200], *arguments[] = {(char *)"chromedriver", (char *)"--port=0", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    double end = pb_seconds() + PATIENCE;

    snprintf(out, sizeof out, "%s/driver", folder);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&how, 0);
    if (posix_spawnp(&its.driver, arguments[0], &files, &how, arguments, environ))
        its.driver = 0;
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    assert_int_not_equal(its.driver, 0);
    while (!its.port && pb_seconds() < end) {
        FILE *file = fopen(out, "r");
        usleep(PAUSE);
        while (file && fgets(line, sizeof line, file))
            if (sscanf(line, "ChromeDriver was started successfully on port %u", &its.port) == 1)
                break;
        if (file)
            fclose(file);
    }
    if (!its.port)
        fail_msg("chromedriver does not start: %.500s", line);
}

static json_t *capabilities(const char *folder)
{
    char profile[600], downloads[600];

    snprintf(downloads, sizeof downloads, "%s/downloads", folder);
    snprintf(profile, sizeof profile, "--user-data-dir=%s/profile", folder);
    /* Root has no sandbox; a container's /dev/shm is small. */
    return json_pack(
        "{s:{s:{s:s, s:s, s:{s:s}, s:{s:[s, s, s, s, s, s, s, s], s:{s:s, s:b, s:i}}}}}",
        "capabilities", "alwaysMatch", "browserName", "chrome", "unhandledPromptBehavior",
        "dismiss", "goog:loggingPrefs", "browser", "ALL", "goog:chromeOptions", "args",
        "--headless=new", "--no-sandbox", "--disable-background-networking",
        "--disable-component-update", "--disable-dev-shm-usage", "--disable-gpu",
        "--window-size=1400,900", profile, "prefs", "download.default_directory", downloads,
        "download.prompt_for_download", 0,
        "profile.default_content_setting_values.automatic_downloads", 1);
}

void browser_open(const char *folder)
{
    json_t *value;
    const char *id;

    atexit(browser_close);
    its.curl = curl_easy_init();
    assert_non_null(its.curl);
    start_driver(folder);
    value = ask("a session", "POST", "/session", capabilities(folder));
    id = json_string_value(json_object_get(value, "sessionId"));
    assert_non_null(id);
    snprintf(its.session, sizeof its.session, "/session/%s", id);
    its.browser = (pid_t)json_integer_value(
        json_object_get(json_object_get(value, "capabilities"), "goog:processID"));
    json_decref(value);
}

void browser_close(void)
{
    double end = pb_seconds() + 10;

    if (*its.session)
        json_decref(exchange("DELETE", "", NULL));
    if (its.browser > 0) {
        kill(-its.browser, SIGKILL);
        kill(its.browser, SIGKILL);
    }
    if (its.driver) {
        kill(-its.driver, SIGKILL);
        waitpid(its.driver, NULL, 0);
        while (!kill(-its.driver, 0) && pb_seconds() < end) /* they still write to their folder */
            usleep(PAUSE);
    }
    curl_easy_cleanup(its.curl);
    memset(&its, 0, sizeof its);
}

void browser_go(const char *url)
{
    tell(url, "/url", json_pack("{s:s}", "url", url));
}

/* -- scripts -- */

#define PRELUDE                                                                                    \
    "const $ = (s) => document.querySelector(s), $$ = (s) => [...document.querySelectorAll(s)], "  \
    "box = (s) => $(s).getBoundingClientRect();\n"

static char *written(const char *before, const char *format, va_list list, const char *after)
{
    char *middle = NULL, *all = NULL;

    assert_true(vasprintf(&middle, format, list) >= 0);
    assert_true(asprintf(&all, PRELUDE "%s%s%s", before, middle, after) >= 0);
    free(middle);
    return all;
}

static const char *without_prelude(const char *script)
{
    return script + strlen(PRELUDE);
}

/* Takes the script. */
static json_t *run(char *script)
{
    json_t *value = ask(without_prelude(script), "POST", "/execute/sync",
                        json_pack("{s:s, s:[]}", "script", script, "args"));

    free(script);
    return value;
}

json_t *browser_run(const char *format, ...)
{
    va_list list;
    char *script;

    va_start(list, format);
    script = written("", format, list, "");
    va_end(list);
    return run(script);
}

double browser_number(const char *format, ...)
{
    va_list list;
    char *script;
    json_t *value;
    double number;

    va_start(list, format);
    script = written("return Promise.resolve(", format, list, ")");
    va_end(list);
    value = run(script);
    if (!json_is_number(value))
        complain(format, "is not a number");
    number = json_number_value(value);
    json_decref(value);
    return number;
}

char *browser_string(const char *format, ...)
{
    va_list list;
    char *script, *text;
    json_t *value;

    va_start(list, format);
    script = written("return Promise.resolve(", format, list, ").then(String)");
    va_end(list);
    value = run(script);
    text = strdup(json_string_value(value));
    json_decref(value);
    return text;
}

bool browser_true(const char *format, ...)
{
    va_list list;
    char *script;
    json_t *value;
    bool is;

    va_start(list, format);
    script = written("return Promise.resolve(", format, list, ").then(Boolean)");
    va_end(list);
    value = run(script);
    is = json_is_true(value);
    json_decref(value);
    return is;
}

/* The page itself looks again and again, for a second; meanwhile it may be loaded anew, or have no
 * elements yet. */
void browser_wait(const char *format, ...)
{
    va_list list;
    char *script, *why = NULL, told[1000] = "it was not", what[1000];
    double end = pb_seconds() + PATIENCE;
    bool is = false;

    va_start(list, format);
    script =
        written("const until = Date.now() + 1000; let why = 'it was not';\n"
                "return new Promise((told) => { const look = async () => { try { if (await (",
                format, list,
                ")) { told(''); return; } why = 'it was not'; } catch (e) { why = String(e); }\n"
                "if (Date.now() < until) setTimeout(look, 25); else told(why); }; look(); })");
    va_end(list);
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    while (!is && pb_seconds() < end) {
        json_t *value = try_to("POST", "/execute/sync",
                               json_pack("{s:s, s:[]}", "script", script, "args"), &why);
        const char *answer = why ? why : json_string_value(value);
        is = answer && !*answer;
        snprintf(told, sizeof told, "%s", answer ? answer : "it was not");
        json_decref(value);
        free(why);
        if (!is)
            usleep(PAUSE);
    }
    free(script);
    if (!is)
        complain(what, told);
}

/* -- elements -- */

static void at_element(const char *element, const char *method, const char *what, json_t *body)
{
    char path[300];
    json_t *value = ask(element, "POST", "/element",
                        json_pack("{s:s, s:s}", "using", "css selector", "value", element));

    snprintf(path, sizeof path, "/element/%s/%s",
             json_string_value(json_object_get(value, ELEMENT)), what);
    json_decref(value);
    json_decref(ask(element, method, path, body));
}

void browser_click(const char *element)
{
    /* What lies below something that is always in sight is no place to click at. */
    json_decref(
        browser_run("const e = $('%s'); if (e) e.scrollIntoView({block: 'nearest'})", element));
    at_element(element, "POST", "click", NULL);
}

void browser_type(const char *element, const char *text)
{
    at_element(element, "POST", "value", json_pack("{s:s}", "text", text));
}

void browser_upload(const char *input, const char *path)
{
    browser_type(input, path);
}

void browser_choose(const char *select, const char *value)
{
    char option[300];

    snprintf(option, sizeof option, "%s option[value=\"%s\"]", select, value);
    browser_click(option);
}

/* -- actions -- */

static json_t *pause_of(int time)
{
    return json_pack("{s:s, s:i}", "type", "pause", "duration", time);
}

static json_t *move_to(double x, double y)
{
    return json_pack("{s:s, s:i, s:s, s:i, s:i}", "type", "pointerMove", "duration", 0, "origin",
                     "viewport", "x", (int)(x + 0.5), "y", (int)(y + 0.5));
}

static json_t *button(const char *type)
{
    return json_pack("{s:s, s:i}", "type", type, "button", 0);
}

/* Takes the actions of one pointer. */
static void act(const char *what, browser_pointer pointer, json_t *actions)
{
    const char *kind = pointer == BROWSER_TOUCH ? "touch" : "mouse";

    tell(what, "/actions",
         json_pack("{s:[{s:s, s:s, s:{s:s}, s:o}]}", "actions", "type", "pointer", "id", kind,
                   "parameters", "pointerType", kind, "actions", actions));
}

/* Where it is once it has been scrolled to. */
static void find(const char *element, double x, double y, double place[2])
{
    json_t *value = browser_run("$('%s').scrollIntoView({block: 'center'}); const b = box('%s'); "
                                "return [b.left + %.6f * b.width, b.top + %.6f * b.height];",
                                element, element, x, y);

    for (size_t i = 0; i < 2; i++)
        place[i] = json_number_value(json_array_get(value, i));
    json_decref(value);
}

void browser_drag(const char *element, browser_way way)
{
    double at[2];
    json_t *actions = json_array();

    find(element, way.x, way.y, at);
    json_array_append_new(actions, move_to(at[0], at[1]));
    json_array_append_new(actions, button("pointerDown"));
    for (int i = 1; i <= 6; i++) {
        json_array_append_new(actions,
                              move_to(at[0] + way.right * i / 6, at[1] + way.down * i / 6));
        json_array_append_new(actions, pause_of(5));
    }
    if (!way.hold)
        json_array_append_new(actions, button("pointerUp"));
    act(element, way.pointer, actions);
}

void browser_double_click(const char *element, double x)
{
    double at[2];
    json_t *actions = json_array();

    find(element, x, 0.5, at);
    json_array_append_new(actions, move_to(at[0], at[1]));
    for (int i = 0; i < 2; i++) {
        json_array_append_new(actions, button("pointerDown"));
        json_array_append_new(actions, button("pointerUp"));
    }
    act(element, BROWSER_MOUSE, actions);
}

void browser_release(void)
{
    json_decref(ask("release", "DELETE", "/actions", NULL));
}

/* A key's character as WebDriver has it: a name's, or its own. */
static const char *key_of(const char *name)
{
    static const struct {
        const char *name, *key;
    } keys[] = {
        {"Tab", "\uE004"},     {"Enter", "\uE007"},      {"Shift", "\uE008"},
        {"Control", "\uE009"}, {"Escape", "\uE00C"},     {"Space", " "},
        {"End", "\uE010"},     {"Home", "\uE011"},       {"ArrowLeft", "\uE012"},
        {"ArrowUp", "\uE013"}, {"ArrowRight", "\uE014"}, {"ArrowDown", "\uE015"},
        {"Delete", "\uE017"},  {"Backspace", "\uE003"},
    };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(name, keys[i].name))
            return keys[i].key;
    return name;
}

/* One key, with those that are held meanwhile: "Control+z". */
static void chord(char *keys, json_t *actions)
{
    char *plus = strchr(keys + 1, '+');
    const char *key;

    if (plus)
        *plus = '\0';
    key = key_of(keys);
    json_array_append_new(actions, json_pack("{s:s, s:s}", "type", "keyDown", "value", key));
    if (plus)
        chord(plus + 1, actions);
    json_array_append_new(actions, json_pack("{s:s, s:s}", "type", "keyUp", "value", key));
}

void browser_press(const char *keys)
{
    char *copy = strdup(keys), *rest = NULL;
    json_t *actions = json_array();

    for (char *one = strtok_r(copy, " ", &rest); one; one = strtok_r(NULL, " ", &rest))
        chord(one, actions);
    free(copy);
    tell(keys, "/actions",
         json_pack("{s:[{s:s, s:s, s:o}]}", "actions", "type", "key", "id", "keyboard", "actions",
                   actions));
}

void browser_press_at(const char *element, const char *keys)
{
    json_decref(browser_run("$('%s').focus();", element));
    browser_press(keys);
}

/* -- how it looks -- */

/* A command of Chromium's own. */
static void command(const char *name, json_t *parameters)
{
    tell(name, "/goog/cdp/execute", json_pack("{s:s, s:o}", "cmd", name, "params", parameters));
}

void browser_show(browser_look look)
{
    command("Emulation.setDeviceMetricsOverride",
            json_pack("{s:i, s:i, s:f, s:b}", "width", look.width, "height", look.height,
                      "deviceScaleFactor", look.phone ? 2.0 : 1.0, "mobile", look.phone));
    command("Emulation.setTouchEmulationEnabled", json_pack("{s:b}", "enabled", look.phone));
    command("Emulation.setEmulatedMedia",
            json_pack("{s:[{s:s, s:s}]}", "features", "name", "prefers-color-scheme", "value",
                      look.dark ? "dark" : "light"));
}

static unsigned sextet(char letter)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = letter ? strchr(letters, letter) : NULL;

    return at ? (unsigned)(at - letters) : 0;
}

void browser_picture(const char *path)
{
    json_t *value = ask("a picture", "GET", "/screenshot", NULL);
    const char *text = json_string_value(value);
    FILE *file = fopen(path, "wb");

    assert_non_null(text);
    if (!file)
        fail_msg("%s: cannot be written", path);
    for (; text[0] && text[1] && text[2] && text[3]; text += 4) {
        unsigned all =
            sextet(text[0]) << 18 | sextet(text[1]) << 12 | sextet(text[2]) << 6 | sextet(text[3]);
        unsigned char three[] = {(unsigned char)(all >> 16), (unsigned char)(all >> 8),
                                 (unsigned char)all};
        fwrite(three, 1, text[2] == '=' ? 1 : text[3] == '=' ? 2 : 3, file);
    }
    fclose(file);
    json_decref(value);
}

char *browser_console(void)
{
    json_t *answer = exchange("POST", "/se/log", json_pack("{s:s}", "type", "browser")), *entry;
    char *all = strdup("");
    size_t i;

    json_array_foreach(json_object_get(answer, "value"), i, entry)
    {
        const char *line = json_string_value(json_object_get(entry, "message"));
        char *longer = NULL;
        assert_true(asprintf(&longer, "%s%s\n", all, line ? line : "?") >= 0);
        free(all);
        all = longer;
    }
    json_decref(answer);
    return all;
}
