#include "web_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

pb_web *web;
unsigned port;
char token[64], answer[65536];

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

void web_begin(pb_web_options o)
{
    const char *at;

    o.handle = handle;
    o.most = most;
    MUST(pb_web_start(&web, &o, error));
    at = strstr(pb_web_url(web), "/?token=");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "/?token=%63s", token), 1);
    while (at[-1] >= '0' && at[-1] <= '9')
        at--;
    port = (unsigned)atoi(at);
}

int web_set_up(void **state)
{
    (void)state;
    web_begin((pb_web_options){.connections = 400});
    return 0;
}

int web_tear_down(void **state)
{
    (void)state;
    pb_web_stop(web);
    return 0;
}

char *web_request(const char *line, const char *more, const char *body)
{
    return pb_sprintf("%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: a=b; pullback=%s; c=d\r\n"
                      "Connection: close\r\n%s\r\n%s",
                      line, port, token, more, body);
}

int web_ask(const char *line, const char *more, const char *body)
{
    char *text = web_request(line, more, body);
    int status = http_ask(port, text, answer, sizeof answer);

    pb_free(text);
    return status;
}

int web_ask_bare(const char *line, const char *headers)
{
    char *text = pb_sprintf("%s HTTP/1.1\r\nConnection: close\r\n%s\r\n", line, headers);
    int status = http_ask(port, text, answer, sizeof answer);

    pb_free(text);
    return status;
}
