/* Where the web server is reached: other addresses, names, TLS. */
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "scratch.h"
#include "web_server.h"

/* GET / at an address, under a name (with %u: the port); a status. */
static int at(const char *address, const char *host)
{
    char name[200], *text;
    int s = http_connect_to(address, port);

    assert_true(s >= 0);
    snprintf(name, sizeof name, host, port);
    text =
        pb_sprintf("GET / HTTP/1.1\r\nHost: %s\r\nCookie: pullback=%s\r\nConnection: close\r\n\r\n",
                   name, token);
    http_send(s, text);
    http_read(s, answer, sizeof answer, NULL);
    close(s);
    pb_free(text);
    return strncmp(answer, "HTTP/1.1 ", 9) ? 0 : atoi(answer + 9);
}

/* An address of this machine that other machines see, or false. */
static bool own_address(char *text, socklen_t size)
{
    struct ifaddrs *all, *a;
    bool found = false;

    if (getifaddrs(&all))
        return false;
    for (a = all; a && !found; a = a->ifa_next)
        found = a->ifa_addr && a->ifa_addr->sa_family == AF_INET &&
                !getnameinfo(a->ifa_addr, sizeof(struct sockaddr_in), text, size, NULL, 0,
                             NI_NUMERICHOST) &&
                strncmp(text, "127.", 4) != 0;
    freeifaddrs(all);
    return found;
}

static void everywhere(void **state)
{
    char own[64], host[100];

    (void)state;
    web_begin((pb_web_options){.address = "0.0.0.0"});
    assert_non_null(strstr(pb_web_url(web), "http://127.0.0.1:"));
    assert_int_equal(at("127.0.0.1", "127.0.0.1:%u"), 200);
    assert_int_equal(at("127.0.0.1", "localhost:%u"), 200);
    assert_int_equal(at("127.0.0.7", "127.0.0.7:%u"), 200);
    assert_int_equal(at("127.0.0.7", "127.0.0.8:%u"), 403);
    assert_int_equal(at("127.0.0.7", "127.0.0.7"), 403);
    assert_int_equal(at("127.0.0.1", "192.0.2.1:%u"), 403);
    assert_int_equal(at("127.0.0.1", "pictures.example:%u"), 403);
    if (own_address(own, sizeof own)) {
        snprintf(host, sizeof host, "%s:%%u", own);
        assert_int_equal(at(own, host), 200);
        assert_int_equal(at(own, "evil.example:%u"), 403);
        assert_int_equal(at("127.0.0.1", host), 403);
    }
    pb_web_stop(web);
}

static void further_name(void **state)
{
    unsigned given;

    (void)state;
    web_begin((pb_web_options){.address = "0.0.0.0", .host = "pictures.example"});
    assert_non_null(strstr(pb_web_url(web), "http://pictures.example:"));
    assert_int_equal(at("127.0.0.1", "Pictures.Example:%u"), 200);
    assert_int_equal(at("127.0.0.1", "pictures.example"), 403);
    assert_int_equal(at("127.0.0.1", "pictures.example.org:%u"), 403);
    pb_web_stop(web);
    given = port;
    web_begin((pb_web_options){.port = given, .host = "pictures.example:80"});
    assert_non_null(strstr(pb_web_url(web), "http://pictures.example:80/"));
    port = given;
    assert_int_equal(at("127.0.0.1", "pictures.example:80"), 200);
    assert_int_equal(at("127.0.0.1", "pictures.example"), 200);
    assert_int_equal(at("127.0.0.1", "pictures.example:%u"), 403);
    pb_web_stop(web);
}

static void version_six(void **state)
{
    const pb_web_options o = {.address = "::1"};
    int s = socket(AF_INET6, SOCK_STREAM, 0);
    const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6,
                                          .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    (void)state;
    if (s < 0 || bind(s, (const struct sockaddr *)&loopback, sizeof loopback)) {
        if (s >= 0)
            close(s);
        skip();
    }
    close(s);
    web_begin(o);
    assert_non_null(strstr(pb_web_url(web), "http://[::1]:"));
    assert_int_equal(at("::1", "[::1]:%u"), 200);
    assert_int_equal(at("::1", "localhost:%u"), 200);
    assert_int_equal(at("::1", "::1:%u"), 403);
    assert_int_equal(http_connect_to("127.0.0.1", port), -1);
    pb_web_stop(web);
    web_begin((pb_web_options){.address = "::"});
    assert_int_equal(at("::1", "[::1]:%u"), 200);
    assert_int_equal(at("127.0.0.7", "127.0.0.7:%u"), 200); /* as ::ffff:127.0.0.7 */
    assert_int_equal(at("127.0.0.7", "127.0.0.8:%u"), 403);
    pb_web_stop(web);
}

/* In the folder of the test. */
static int sh(const char *command)
{
    char *line = pb_sprintf("cd '%s' && { %s; } </dev/null >log 2>&1", here.folder, command);
    int status = system(line);

    pb_free(line);
    return status;
}

/* A request over TLS, by openssl; with headers of its own. */
static int over_tls(const char *line, const char *headers)
{
    char *text = pb_sprintf("%s HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n%s\r\n",
                            line, port, headers);
    char command[200];
    unsigned char *got;
    size_t size;

    scratch_write(&here, "request", text, strlen(text));
    pb_free(text);
    snprintf(command, sizeof command,
             "openssl s_client -quiet -CAfile cert.pem -verify_return_error -servername localhost "
             "-connect 127.0.0.1:%u <request >got",
             port);
    sh(command);
    got = scratch_read(&here, "got", &size);
    snprintf(answer, sizeof answer, "%s", (char *)got);
    free(got);
    return strncmp(answer, "HTTP/1.1 ", 9) ? 0 : atoi(answer + 9);
}

static void tls(void **state)
{
    scratch_name certificate = scratch_path(&here, "cert.pem"),
                 key = scratch_path(&here, "key.pem");
    char line[200], headers[300];

    (void)state;
    if (sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
           "-subj /CN=localhost -keyout key.pem -out cert.pem"))
        skip();
    web_begin((pb_web_options){.certificate = certificate.text, .key = key.text});
    assert_non_null(strstr(pb_web_url(web), "https://127.0.0.1:"));
    snprintf(line, sizeof line, "GET /?token=%s", token);
    assert_int_equal(over_tls(line, ""), 303);
    assert_non_null(strstr(answer, "; Path=/; HttpOnly; SameSite=Strict; Secure\r\n"));
    assert_int_equal(over_tls("GET /", ""), 403);
    snprintf(headers, sizeof headers, "Cookie: pullback=%s\r\nOrigin: https://localhost:%u\r\n",
             token, port);
    assert_int_equal(over_tls("GET /", headers), 200);
    snprintf(headers, sizeof headers, "Cookie: pullback=%s\r\nOrigin: http://localhost:%u\r\n",
             token, port);
    assert_int_equal(over_tls("GET /", headers), 403);
    assert_int_equal(web_ask("GET /", "", ""), 0); /* plainly */
    snprintf(headers, sizeof headers, "Cookie: pullback=%s\r\n", token);
    assert_int_equal(over_tls("GET /big", headers), 200);
    pb_web_stop(web);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everywhere),
        cmocka_unit_test(further_name),
        cmocka_unit_test(version_six),
        SCRATCH_TEST(tls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
