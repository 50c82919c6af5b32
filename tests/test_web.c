/* The web server: who may ask, how much and how long; events. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "http_client.h"
#include "must.h"
#include "web/web.h"

static pb_web *web;
static unsigned port;
static char token[64], answer[65536];

static void handle(void *context, const pb_web_request *r, pb_web_answer *a)
{
    const char *q = pb_web_query(r, "q");

    (void)context;
    a->status = 200;
    if (!strcmp(r->path, "/events")) {
        a->channel = pb_strdup("one");
        return;
    }
    if (!strcmp(r->path, "/down"))
        a->download = pb_strdup("a\"\r\nX: y/\xc3\xa4.png");
    if (!strcmp(r->path, "/kept")) {
        a->fixed = "page";
        a->size = 4;
        a->kept = 1;
        return;
    }
    if (!strcmp(r->path, "/big")) {
        a->size = 1 << 20;
        a->body = pb_calloc(a->size, 1);
        return;
    }
    a->body =
        (unsigned char *)pb_sprintf("<%s|%s|%s|%s|%zu:%.*s>", r->method, r->path, r->type,
                                    q ? q : "-", r->size, (int)r->size, (const char *)r->body);
    a->size = strlen((char *)a->body);
}

static size_t most(void *context, const char *method, const char *path)
{
    (void)context;
    (void)path;
    return strcmp(method, "GET") ? 10 : 0;
}

static void begin(size_t connections, unsigned timeout)
{
    const pb_web_options o = {
        .connections = connections, .timeout = timeout, .handle = handle, .most = most};

    MUST(pb_web_start(&web, &o, error));
    assert_int_equal(sscanf(pb_web_url(web), "http://127.0.0.1:%u/?token=%63s", &port, token), 2);
}

static int setup(void **state)
{
    (void)state;
    begin(400, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pb_web_stop(web);
    return 0;
}

/* LINE HTTP/1.1, Host, cookie, further headers (each with its end), body. */
static char *request(const char *line, const char *more, const char *body)
{
    return pb_sprintf("%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: a=b; pullback=%s; c=d\r\n"
                      "Connection: close\r\n%s\r\n%s",
                      line, port, token, more, body);
}

static int ask(const char *line, const char *more, const char *body)
{
    char *text = request(line, more, body);
    int status = http_ask(port, text, answer, sizeof answer);

    pb_free(text);
    return status;
}

/* Without the cookie. */
static int bare(const char *line, const char *headers)
{
    char *text = pb_sprintf("%s HTTP/1.1\r\nConnection: close\r\n%s\r\n", line, headers);
    int status = http_ask(port, text, answer, sizeof answer);

    pb_free(text);
    return status;
}

/* The line and the headers of the formats are given the token. */
static int with_token(const char *format)
{
    char line[300], headers[100];

    snprintf(line, sizeof line, format, token, token);
    snprintf(headers, sizeof headers, "Host: 127.0.0.1:%u\r\n", port);
    return bare(line, headers);
}

static void the_token(void **state)
{
    (void)state;
    assert_int_equal(with_token("GET /?token=%s"), 303);
    assert_non_null(strstr(answer, "Location: /\r\n"));
    assert_non_null(strstr(answer, "; Path=/; HttpOnly; SameSite=Strict\r\n"));
    assert_null(strstr(answer, "Secure"));
    assert_int_equal(with_token("GET /?token=%s&token=%s"), 403);
    assert_int_equal(with_token("GET /?token=%sx"), 403);
    assert_int_equal(with_token("GET /?token=%.42s"), 403);
    assert_int_equal(with_token("GET /?token="), 403);
    assert_int_equal(with_token("GET /x?token=%s"), 403);
    assert_int_equal(with_token("POST /?token=%s"), 403);
    assert_int_equal(with_token("GET /"), 403);
    assert_non_null(strstr(answer, "printed"));

    assert_int_equal(ask("GET /", "", ""), 200);
    token[7] ^= 1;
    assert_int_equal(ask("GET /", "", ""), 403);
    assert_int_equal(with_token("GET /?token=%s"), 403);
    token[7] ^= 1;
    token[42] = '\0';
    assert_int_equal(ask("GET /", "", ""), 403);
}

static int from(const char *format)
{
    char headers[300];

    snprintf(headers, sizeof headers, format, port, port);
    char *all = pb_sprintf("Cookie: pullback=%s\r\n%s", token, headers);
    int status = bare("GET /", all);

    pb_free(all);
    return status;
}

static void names(void **state)
{
    (void)state;
    assert_int_equal(from("Host: 127.0.0.1:%u\r\n"), 200);
    assert_int_equal(from("Host: LocalHost:%u\r\n"), 200);
    assert_int_equal(from("Host: [::1]:%u\r\n"), 200);
    assert_int_equal(from("Host: evil.example:%u\r\n"), 403);
    assert_int_equal(from("Host: localhost.evil.example:%u\r\n"), 403);
    assert_int_equal(from("Host: localhost\r\n"), 403);
    assert_int_equal(from("Host: localhost:1\r\n"), 403);
    assert_int_equal(from(""), 400);
    assert_int_equal(from("Host: localhost:%u\r\nHost: localhost:%u\r\n"), 400);
    assert_int_equal(from("Host: localhost:%u\r\nOrigin: http://localhost:%u\r\n"), 200);
    assert_int_equal(from("Host: localhost:%u\r\nOrigin: https://localhost:%u\r\n"), 403);
    assert_int_equal(from("Host: localhost:%u\r\nOrigin: http://127.0.0.1:%u\r\n"), 403);
    assert_int_equal(from("Host: localhost:%u\r\nOrigin: null\r\n"), 403);
    assert_int_equal(from("Host: localhost:%u\r\nOrigin: http://evil.example\r\n"), 403);
    assert_int_equal(from("Host: localhost:%u\r\nSec-Fetch-Site: same-origin\r\n"), 200);
    assert_int_equal(from("Host: localhost:%u\r\nSec-Fetch-Site: none\r\n"), 200);
    assert_int_equal(from("Host: localhost:%u\r\nSec-Fetch-Site: same-site\r\n"), 403);
    assert_int_equal(from("Host: localhost:%u\r\nSec-Fetch-Site: cross-site\r\n"), 403);
}

static void is(const char *line, const char *more, const char *body, const char *text)
{
    assert_int_equal(ask(line, more, body), 200);
    assert_string_equal(strstr(answer, "\r\n\r\n") + 4, text);
}

static void what_is_asked(void **state)
{
    (void)state;
    is("GET /a%20b/../%c3%A4?p=1&q=x+y%26&q=z", "", "", "<GET|/a b/../\xc3\xa4||x y&|0:>");
    is("GET /a+b?q", "", "", "<GET|/a+b|||0:>");
    is("HEAD /", "", "", "");
    is("POST /", "Content-Length: 10\r\nContent-Type: Application/X-WWW-Form-Urlencoded; a=b\r\n",
       "a=b&c=%20+", "<POST|/|application/x-www-form-urlencoded|-|10:a=b&c=%20+>");
    is("PUT /", "Transfer-Encoding: chunked\r\n", "4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n",
       "<PUT|/||-|10:abcdefghij>");
    is("DELETE /", "", "", "<DELETE|/||-|0:>");
    assert_int_equal(ask("GET /a%00b", "", ""), 400);
    assert_int_equal(ask("GET /?q=%00", "", ""), 400);
    assert_int_equal(ask("GET /%4", "", ""), 400);
    assert_int_equal(ask("GET /%zz", "", ""), 400);
    assert_int_equal(ask("GET http://127.0.0.1/", "", ""), 400);
    assert_int_equal(ask("PATCH /", "", ""), 405);
    assert_non_null(strstr(answer, "Allow: GET, HEAD, POST, PUT, DELETE\r\n"));
    assert_int_equal(ask("OPTIONS /", "", ""), 405);
    assert_int_equal(ask("get /", "", ""), 405);
}

static void too_much(void **state)
{
    char *line = pb_calloc(40000, 1);

    (void)state;
    assert_int_equal(ask("POST /", "Content-Length: 11\r\n", ""), 413);
    assert_int_equal(ask("GET /", "Content-Length: 1\r\n", ""), 413);
    assert_int_equal(
        ask("POST /", "Transfer-Encoding: chunked\r\n", "b\r\nabcdefghijk\r\n0\r\n\r\n"), 413);
    assert_int_equal(ask("POST /", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", ""), 400);
    assert_int_equal(ask("POST /", "Transfer-Encoding: gzip\r\n", ""), 400);
    assert_int_equal(ask("POST /", "Content-Length: -1\r\n", ""), 400);
    memset(line, 'a', 1100);
    memcpy(line, "GET /", 5);
    assert_int_equal(ask(line, "", ""), 414);
    memset(line, 'a', 9000);
    memcpy(line, "GET /?", 6);
    assert_int_equal(ask(line, "", ""), 414);
    for (int i = 6; i < 8000; i++)
        line[i] = i % 2 ? '&' : 'a';
    line[8000] = '\0';
    is(line, "", "", "<GET|/||-|0:>"); /* more than the daemon has room for */
    line[400] = '\0';
    is(line, "", "", "<GET|/||-|0:>");
    memset(line, 'a', 39000);
    memcpy(line, "X: ", 3);
    memcpy(line + 38998, "\r\n", 3);
    assert_int_equal(ask("GET /", line, "") / 100, 4);
    pb_free(line);
    assert_int_not_equal(http_ask(port, "\1\2\3\r\n\r\n", answer, sizeof answer), 200);
    assert_int_not_equal(http_ask(port, "GET /\r\n\r\n", answer, sizeof answer), 200);
    assert_int_equal(ask("GET /", "No colon\r\n", "") / 100, 4);
}

static void headers(void **state)
{
    (void)state;
    is("GET /", "", "", "<GET|/||-|0:>");
    assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'none'; "));
    assert_null(strstr(answer, "unsafe"));
    assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(answer, "Referrer-Policy: no-referrer\r\n"));
    assert_non_null(strstr(answer, "Cache-Control: no-store\r\n"));
    assert_int_equal(ask("GET /down", "", ""), 200);
    assert_non_null(strstr(answer, "attachment; filename=\"a___X_ y___.png\"; "
                                   "filename*=UTF-8''a%22%0D%0AX%3A%20y%2F%C3%A4.png\r\n"));
    assert_null(strstr(answer, "\nX: "));
    assert_int_equal(ask("GET /kept", "", ""), 200);
    assert_null(strstr(answer, "no-store"));
    char more[100];
    snprintf(more, sizeof more, "If-None-Match: %.34s\r\n", strstr(answer, "ETag: ") + 6);
    assert_int_equal(ask("GET /kept", more, ""), 304);
}

static int listen_to_one(const char *until)
{
    int s = http_connect(port);
    char *text = request("GET /events", "", "");

    http_send(s, text);
    pb_free(text);
    assert_true(http_read(s, answer, sizeof answer, until));
    return s;
}

static void events(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /events", "", ""), 404);
    MUST(pb_web_tell(web, "one", "{1}", 0, error));
    MUST(pb_web_tell(web, "one", "{2\n}", 0, error));
    int a = listen_to_one("data: {2 }\n\n"), b = listen_to_one("data: {2 }\n\n");
    assert_null(strstr(answer, "{1}"));
    assert_non_null(strstr(answer, "text/event-stream"));
    int gone = listen_to_one("data: {2 }\n\n");
    close(gone);
    MUST(pb_web_tell(web, "one", "{3}", 0, error));
    assert_true(http_read(a, answer, sizeof answer, "data: {3}\n\n"));
    assert_true(http_read(b, answer, sizeof answer, "data: {3}\n\n"));
    MUST(pb_web_tell(web, "one", "{4}", 1, error));
    assert_false(http_read(a, answer, sizeof answer, NULL));
    assert_non_null(strstr(answer, "data: {4}\n\n"));
    close(a);
    close(b);
    assert_int_equal(ask("GET /events", "", ""), 200);
    assert_non_null(strstr(answer, "data: {4}\n\n"));
    pb_web_forget(web, "one");
    assert_int_equal(ask("GET /events", "", ""), 404);

    MUST(pb_web_tell(web, "one", "{5}", 0, error));
    a = listen_to_one("data: {5}\n\n");
    pb_web_forget(web, "one");
    pb_web_forget(web, "one");
    http_read(a, answer, sizeof answer, NULL);
    assert_string_equal(answer, "0\r\n\r\n");
    close(a);
    MUST(pb_web_tell(web, "one", "{6}", 0, error));
    listen_to_one("data: {6}\n\n"); /* the server stops meanwhile, and the test ends */
}

static void many(void **state)
{
    int silent[150];

    (void)state;
    for (int i = 0; i < 150; i++)
        silent[i] = http_connect(port);
    int asking[150];
    char *text = request("GET /big", "", "");
    for (int i = 0; i < 150; i++)
        http_send(asking[i] = http_connect(port), "GET /");
    is("GET /", "", "", "<GET|/||-|0:>");
    for (int i = 0; i < 150; i++) {
        http_send(asking[i], text + 5); /* "big HTTP/1.1 …" */
        if (i % 2)
            close(asking[i]); /* while it is answered */
    }
    pb_free(text);
    for (int i = 0; i < 150; i += 2) {
        assert_true(http_read(asking[i], answer, sizeof answer, "HTTP/1.1 200"));
        close(asking[i]);
    }
    for (int i = 0; i < 150; i++)
        close(silent[i]);
}

static void too_many(void **state)
{
    (void)state;
    begin(3, 0);
    int s = http_connect(port), t = http_connect(port), u = http_connect(port);
    char *text = pb_sprintf("GET / HTTP/1.1\r\nHost: localhost:%u\r\nCookie: pullback=%s\r\n\r\n",
                            port, token);
    const int open[] = {s, t, u};
    for (int i = 0; i < 3; i++) {
        http_send(open[i], text);
        assert_true(http_read(open[i], answer, sizeof answer, "|0:>"));
    }
    int v = http_connect(port);
    assert_false(http_read(v, answer, sizeof answer, NULL));
    assert_string_equal(answer, "");
    http_send(u, text);
    assert_true(http_read(u, answer, sizeof answer, "HTTP/1.1 200"));
    pb_free(text);
    pb_web_stop(web);
    close(s);
    close(t);
    close(u);
    close(v);
}

static void too_slow(void **state)
{
    int trickles;
    ssize_t n = -1;

    (void)state;
    begin(0, 1);
    trickles = http_connect(port);
    http_send(trickles, "GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < 300 && n != 0; i++) {
        char byte;
        usleep(20000);
        send(trickles, "a", 1, MSG_NOSIGNAL);
        n = recv(trickles, &byte, 1, MSG_DONTWAIT);
    }
    assert_int_equal(n, 0);
    close(trickles);
    pb_web_stop(web);
}

static void refused(void **state)
{
    pb_web_options o = {.handle = handle, .most = most, .address = "localhost:"};
    pb_web *none;
    pb_error why = {0};

    (void)state;
    REFUSED(pb_web_start(&none, &o, error), "expected the address");
    o.address = NULL;
    o.certificate = "x";
    REFUSED(pb_web_start(&none, &o, error), "one of them");
    o.key = PB_SOURCE_DIR "/LICENSE";
    assert_int_equal(pb_web_start(&none, &o, &why), PB_IO);
    o.certificate = o.key;
    assert_int_equal(pb_web_start(&none, &o, &why), PB_IO);
    assert_non_null(strstr(why.message, "LICENSE"));
    o.certificate = o.key = NULL;
    begin(0, 0);
    o.port = port;
    assert_int_equal(pb_web_start(&none, &o, &why), PB_IO);
    assert_null(none);
    pb_web_stop(web);
    pb_web_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_token, setup, teardown),
        cmocka_unit_test_setup_teardown(names, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(too_much, setup, teardown),
        cmocka_unit_test_setup_teardown(headers, setup, teardown),
        cmocka_unit_test_setup_teardown(events, setup, teardown),
        cmocka_unit_test_setup_teardown(many, setup, teardown),
        cmocka_unit_test(too_many),
        cmocka_unit_test(too_slow),
        cmocka_unit_test(refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
