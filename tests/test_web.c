/* The web server: who may ask, what is asked and answered; events. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "web_server.h"

/* The line and the headers of the formats are given the token. */
static int with_token(const char *format)
{
    char line[300], headers[100];

    snprintf(line, sizeof line, format, token, token);
    snprintf(headers, sizeof headers, "Host: 127.0.0.1:%u\r\n", port);
    return web_ask_bare(line, headers);
}

/* Of a port and the token. */
static int with_cookie(const char *format)
{
    char cookie[200], headers[300];

    snprintf(cookie, sizeof cookie, format, port, token);
    snprintf(headers, sizeof headers, "Host: localhost:%u\r\nCookie: %s\r\n", port, cookie);
    return web_ask_bare("GET /", headers);
}

static void the_token(void **state)
{
    char cookie[200];

    (void)state;
    assert_int_equal(with_token("GET /?token=%s"), 303);
    assert_non_null(strstr(answer, "Location: /\r\n"));
    assert_non_null(strstr(answer, "; Path=/; HttpOnly; SameSite=Strict\r\n"));
    snprintf(cookie, sizeof cookie, "\r\nSet-Cookie: pullback-%u=%s;", port, token);
    assert_non_null(strstr(answer, cookie));
    assert_null(strstr(answer, "Secure"));
    assert_int_equal(with_token("GET /?token=%s&token=%s"), 403);
    assert_int_equal(with_token("GET /?token=%sx"), 403);
    assert_int_equal(with_token("GET /?token=%.42s"), 403);
    assert_int_equal(with_token("GET /?token="), 403);
    assert_int_equal(with_token("GET /x?token=%s"), 403);
    assert_int_equal(with_token("POST /?token=%s"), 403);
    assert_int_equal(with_token("GET /"), 403);
    assert_non_null(strstr(answer, "printed"));

    assert_int_equal(web_ask("GET /", "", ""), 200);
    assert_int_equal(with_cookie("pullback-%u=%s"), 200);
    assert_int_equal(with_cookie("a=pullback-%u=%s"), 403);
    assert_int_equal(with_cookie("b-%u=%s"), 403);
    assert_int_equal(with_cookie("pullback-%u = %s"), 403);
    for (size_t i = 0; i < strlen(token); i++) {
        token[i] ^= 1;
        assert_int_equal(web_ask("GET /", "", ""), 403);
        assert_int_equal(with_token("GET /?token=%s"), 403);
        token[i] ^= 1;
    }
    token[42] = '\0';
    assert_int_equal(web_ask("GET /", "", ""), 403);
}

static int from(const char *format)
{
    char headers[300];

    snprintf(headers, sizeof headers, format, port, port);
    char *all = pb_sprintf("Cookie: pullback=%s\r\n%s", token, headers);
    int status = web_ask_bare("GET /", all);

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
    assert_int_equal(web_ask(line, more, body), 200);
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
    assert_int_equal(web_ask("GET /a%00b", "", ""), 400);
    assert_int_equal(web_ask("GET /?q=%00", "", ""), 400);
    assert_int_equal(web_ask("GET /%4", "", ""), 400);
    assert_int_equal(web_ask("GET /%zz", "", ""), 400);
    assert_int_equal(web_ask("GET http://127.0.0.1/", "", ""), 400);
    assert_int_equal(web_ask("PATCH /", "", ""), 405);
    assert_non_null(strstr(answer, "Allow: GET, HEAD, POST, PUT, DELETE\r\n"));
    assert_int_equal(web_ask("OPTIONS /", "", ""), 405);
    assert_int_equal(web_ask("get /", "", ""), 405);
}

static void too_much(void **state)
{
    const LargestIntegralType most_cookies[] = {200, 400, 413, 431};
    char *line = pb_calloc(40000, 1);

    (void)state;
    assert_int_equal(web_ask("POST /", "Content-Length: 11\r\n", ""), 413);
    assert_int_equal(web_ask("GET /", "Content-Length: 1\r\n", ""), 413);
    assert_int_equal(
        web_ask("POST /", "Transfer-Encoding: chunked\r\n", "b\r\nabcdefghijk\r\n0\r\n\r\n"), 413);
    assert_int_equal(web_ask("POST /", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", ""),
                     400);
    assert_int_equal(web_ask("POST /", "Transfer-Encoding: gzip\r\n", ""), 400);
    assert_int_equal(web_ask("POST /", "Content-Length: -1\r\n", ""), 400);
    memset(line, 'a', 1100);
    memcpy(line, "GET /", 5);
    assert_int_equal(web_ask(line, "", ""), 414);
    memset(line, 'a', 9000);
    memcpy(line, "GET /?", 6);
    assert_int_equal(web_ask(line, "", ""), 414);
    for (int i = 6; i < 8000; i++)
        line[i] = i % 2 ? '&' : 'a';
    line[8000] = '\0';
    is(line, "", "", "<GET|/||-|0:>"); /* more than the daemon has room for */
    line[400] = '\0';
    is(line, "", "", "<GET|/||-|0:>");
    strcpy(line, "Cookie: ");
    for (size_t i = 8; i < 30000; i += 4)
        memcpy(line + i, "a=; ", 5);
    strcpy(line + strlen(line), "\r\n");
    assert_in_set(web_ask("GET /", line, ""), most_cookies, 4);
    line[4000] = '\0';
    strcpy(line + strlen(line), "\r\n");
    is("GET /", line, "", "<GET|/||-|0:>");
    memset(line, 'a', 39000);
    memcpy(line, "X: ", 3);
    memcpy(line + 38998, "\r\n", 3);
    assert_int_equal(web_ask("GET /", line, "") / 100, 4);
    pb_free(line);
    assert_int_not_equal(http_ask(port, "\1\2\3\r\n\r\n", answer, sizeof answer), 200);
    assert_int_not_equal(http_ask(port, "GET /\r\n\r\n", answer, sizeof answer), 200);
    assert_int_equal(web_ask("GET /", "No colon\r\n", "") / 100, 4);
}

static void headers(void **state)
{
    (void)state;
    is("GET /", "", "", "<GET|/||-|0:>");
    assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'none'; "));
    assert_null(strstr(answer, "unsafe"));
    assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(answer, "Referrer-Policy: same-origin\r\n"));
    assert_non_null(strstr(answer, "Cache-Control: no-store\r\n"));
    assert_int_equal(web_ask("GET /down", "", ""), 200);
    assert_non_null(strstr(answer, "attachment; filename=\"a___X_ y___.png\"; "
                                   "filename*=UTF-8''a%22%0D%0AX%3A%20y%2F%C3%A4.png\r\n"));
    assert_null(strstr(answer, "\nX: "));
    assert_int_equal(web_ask("GET /kept", "", ""), 200);
    assert_null(strstr(answer, "no-store"));
    char more[100];
    snprintf(more, sizeof more, "If-None-Match: %.34s\r\n", strstr(answer, "ETag: ") + 6);
    assert_int_equal(web_ask("GET /kept", more, ""), 304);
}

static int listen_to_one(const char *until)
{
    int s = http_connect(port);
    char *text = web_request("GET /events", "", "");

    http_send(s, text);
    pb_free(text);
    assert_true(http_read(s, answer, sizeof answer, until));
    return s;
}

/* A page of the server's own may send a form: its origin is told, as long as referrers are not
 * forbidden to be sent at all (then it is null). */
static void forms(void **state)
{
    char more[200];

    (void)state;
    snprintf(more, sizeof more,
             "Origin: http://127.0.0.1:%u\r\nReferer: http://127.0.0.1:%u/\r\n"
             "Sec-Fetch-Site: same-origin\r\nContent-Length: 3\r\n",
             port, port);
    assert_int_equal(web_ask("POST /", more, "a=b"), 200);
    assert_null(strstr(answer, "no-referrer"));
    assert_int_equal(web_ask("POST /", "Origin: null\r\nContent-Length: 3\r\n", "a=b"), 403);
}

static void silent(void **state)
{
    int s;

    (void)state;
    web_begin((pb_web_options){.comment = 1, .timeout = 3});
    MUST(pb_web_tell(web, "one", "{1}", 0, error));
    s = listen_to_one("data: {1}\n\n");
    for (int i = 0; i < 2; i++)
        assert_true(http_read(s, answer, sizeof answer, "3\r\n:\n\n\r\n"));
    MUST(pb_web_tell(web, "one", "{2}", 1, error));
    assert_false(http_read(s, answer, sizeof answer, NULL));
    assert_non_null(strstr(answer, "data: {2}\n\n"));
    close(s);
    pb_web_stop(web);
}

static void events(void **state)
{
    (void)state;
    assert_int_equal(web_ask("GET /events", "", ""), 404);
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
    assert_int_equal(web_ask("GET /events", "", ""), 200);
    assert_non_null(strstr(answer, "data: {4}\n\n"));
    pb_web_forget(web, "one");
    assert_int_equal(web_ask("GET /events", "", ""), 404);

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_token, web_set_up, web_tear_down),
        cmocka_unit_test_setup_teardown(names, web_set_up, web_tear_down),
        cmocka_unit_test_setup_teardown(what_is_asked, web_set_up, web_tear_down),
        cmocka_unit_test_setup_teardown(too_much, web_set_up, web_tear_down),
        cmocka_unit_test_setup_teardown(headers, web_set_up, web_tear_down),
        cmocka_unit_test_setup_teardown(events, web_set_up, web_tear_down),
        cmocka_unit_test_setup_teardown(forms, web_set_up, web_tear_down),
        cmocka_unit_test(silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
