/* The web server at its limits: many, slow and large requests; starts that fail. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "web_server.h"

static void many(void **state)
{
    int silent[150];

    (void)state;
    for (int i = 0; i < 150; i++)
        silent[i] = http_connect(port);
    int asking[150];
    char *text = web_request("GET /big", "", "");
    for (int i = 0; i < 150; i++)
        http_send(asking[i] = http_connect(port), "GET /");
    assert_int_equal(web_ask("GET /", "", ""), 200);
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
    web_begin((pb_web_options){.connections = 3});
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
    web_begin((pb_web_options){.timeout = 1});
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

static _Atomic int closed_twice; /* any thread closes */

int __real_close(int file);
int __wrap_close(int file);
int __wrap_close(int file)
{
    int status = __real_close(file);

    closed_twice += status && errno == EBADF;
    return status;
}

static void nothing(void *context, const pb_web_request *r, pb_web_answer *a)
{
    (void)context;
    (void)r;
    a->status = 204;
}

/* And nothing is left open by it, nor closed twice. */
static void refused(void **state)
{
    pb_web_options o = {.handle = nothing, .address = "localhost:"};
    pb_web *none;
    pb_error why = {0};
    int before = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    close(before);
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
    web_begin((pb_web_options){.port = 0});
    o.port = port;
    assert_int_equal(pb_web_start(&none, &o, &why), PB_IO);
    assert_null(none);
    pb_web_stop(web);
    pb_web_stop(NULL);
    assert_int_equal(closed_twice, 0);
    int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(after, before);
    close(after);
}

#define UPLOAD ((size_t)16 << 20)

/* Sends all of a body that the server does not want, and then reads what it says: a status. */
static int upload(const char *line, const char *cookie, const char *more)
{
    char *head = pb_sprintf("%s HTTP/1.1\r\nHost: localhost:%u\r\nCookie: %s\r\n%s\r\n", line, port,
                            cookie, more);
    char *bytes = pb_calloc(UPLOAD, 1);
    int s = http_connect(port);
    size_t sent = 0;

    http_send(s, head);
    while (sent < UPLOAD) {
        ssize_t n = send(s, bytes + sent, UPLOAD - sent, MSG_NOSIGNAL);
        if (n <= 0)
            fail_msg("%s: %s after %zu bytes", line, strerror(errno), sent);
        sent += (size_t)n;
    }
    http_read(s, answer, sizeof answer, NULL);
    close(s);
    pb_free(bytes);
    pb_free(head);
    return strncmp(answer, "HTTP/1.1 ", 9) ? 0 : atoi(answer + 9);
}

/* What is refused before its body was read is told so all the same, and what is in the body is not
 * taken for a request. */
static void not_wanted(void **state)
{
    char length[100], cookie[100], *inner;

    (void)state;
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", UPLOAD);
    snprintf(cookie, sizeof cookie, "pullback=%s", token);
    assert_int_equal(upload("POST /", cookie, length), 413);
    assert_int_equal(upload("POST /", "", length), 403);
    assert_int_equal(upload("PUT /", cookie, length), 413);
    assert_int_equal(upload("DELETE /", "", length), 403);
    assert_int_equal(upload("PATCH /", cookie, length), 405);
    snprintf(length, sizeof length, "Content-Length: %zu\r\nSec-Fetch-Site: cross-site\r\n",
             UPLOAD);
    assert_int_equal(upload("GET /", cookie, length), 403);
    inner = web_request("GET /in", "", "");
    for (size_t i = 0; i < 6; i++) {
        static const char *const lines[] = {"GET /",    "POST /", "PUT /",
                                            "DELETE /", "HEAD /", "X /"};
        char *text =
            pb_sprintf("%s HTTP/1.1\r\nHost: localhost:%u\r\nContent-Length: %zu\r\n\r\n%s",
                       lines[i], port, strlen(inner), inner);
        assert_int_equal(http_ask(port, text, answer, sizeof answer) / 100, 4);
        assert_null(strstr(answer + 1, "HTTP/1.1"));
        assert_null(strstr(answer, "/in"));
        pb_free(text);
    }
    pb_free(inner);
}

/* Who does not go after such an answer takes a place for a while only. */
static void lingering(void **state)
{
    char text[200];
    int served = 0, s;

    (void)state;
    web_begin((pb_web_options){.connections = 1});
    snprintf(text, sizeof text,
             "POST / HTTP/1.1\r\nHost: localhost:%u\r\nContent-Length: 1000000\r\n\r\n", port);
    s = http_connect(port);
    http_send(s, text);
    assert_false(http_read(s, answer, sizeof answer, NULL));
    assert_non_null(strstr(answer, "HTTP/1.1 403"));
    for (int i = 0; i < 500 && !served; i++) {
        served = web_ask("GET /", "", "") == 200;
        usleep(20000);
    }
    assert_true(served);
    close(s);
    for (int i = 0; i < 500; i++) { /* its place may still be taken by the last one */
        s = http_connect(port);
        http_send(s, text);
        if (http_read(s, answer, sizeof answer, "HTTP/1.1 403"))
            break;
        close(s);
        usleep(20000);
    }
    pb_web_stop(web); /* while it lingers */
    close(s);
}

/* Who goes in the middle of a request leaves its place to others. */
static void gone(void **state)
{
    static const char *const parts[] = {"GET / HT", "GET / HTTP/1.1\r\nHost: a",
                                        "POST / HTTP/1.1\r\n"};
    int served = 0;

    (void)state;
    web_begin((pb_web_options){.connections = 3, .timeout = 3600});
    for (int i = 0; i < 12; i++) {
        int s = http_connect(port);
        http_send(s, parts[i % 3]);
        close(s);
    }
    for (int i = 0; i < 500 && !served; i++) {
        served = web_ask("GET /", "", "") == 200;
        usleep(20000);
    }
    assert_true(served);
    pb_web_stop(web);
}

/* A server in a process of its own, which may open so many files and serves until it is hung up. */
static pid_t serve(rlim_t soft, rlim_t hard, int *line)
{
    const struct rlimit limit = {soft, hard};
    int ends[2];
    char byte;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pid_t child = fork();
    *line = ends[child == 0];
    close(ends[child != 0]);
    if (child)
        return child;
    alarm(60);
    if (setrlimit(RLIMIT_NOFILE, &limit))
        _exit(1);
    web_begin((pb_web_options){.connections = 300});
    if (write(*line, &port, sizeof port) < 0 || write(*line, token, sizeof token) < 0)
        _exit(2);
    while (read(*line, &byte, 1) > 0)
        ;
    pb_web_stop(web);
    _exit(0);
}

/* How many of so many clients are not closed by a server that may open so many files, where 300
 * were to be had; it then serves others. */
static int clients_of(rlim_t soft, rlim_t hard, int clients)
{
    int line, s[400], stay = 0, status, served = 0;
    pid_t child = serve(soft, hard, &line);
    char *text;

    assert_int_equal(read(line, &port, sizeof port), sizeof port);
    assert_int_equal(read(line, token, sizeof token), sizeof token);
    for (int i = 0; i < clients; i++)
        s[i] = http_connect(port);
    text = pb_sprintf("GET / HTTP/1.1\r\nHost: localhost:%u\r\nCookie: pullback=%s\r\n\r\n", port,
                      token);
    for (int i = 0; i < clients; i++) {
        http_send(s[i], text);
        stay +=
            http_read(s[i], answer, sizeof answer, "|0:>"); /* or is closed: none is left to wait */
    }
    for (int i = 0; i < clients; i++)
        close(s[i]);
    pb_free(text);
    for (int i = 0; i < 200 && !served; i++) {
        served = web_ask("GET /", "", "") == 200;
        usleep(20000);
    }
    assert_true(served);
    close(line);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return stay;
}

static void few_files(void **state)
{
    (void)state;
    assert_int_equal(clients_of(100, 2000, 350), 300);
    assert_int_equal(clients_of(200, 200, 350), 100);
    assert_int_equal(clients_of(300, 300, 350), 172);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many, web_set_up, web_tear_down),
        cmocka_unit_test_setup_teardown(not_wanted, web_set_up, web_tear_down),
        cmocka_unit_test(lingering),
        cmocka_unit_test(gone),
        cmocka_unit_test(few_files),
        cmocka_unit_test(too_many),
        cmocka_unit_test(too_slow),
        cmocka_unit_test(refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
