/* A web server with a handler that tells what it was asked, and requests to it. */
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include "http_client.h"
#include "must.h"
#include "web/web.h"

extern pb_web *web;
extern unsigned port;
extern char token[64], answer[65536];

/* Starts `web` with these options, its handler, and a limit of 10 bytes to all bodies. The handler
 * answers "<METHOD|path|type|q|size:body>", but /events (the channel "one"), /down (a download),
 * /kept and /big (a MiB). */
void web_begin(pb_web_options options);
/* It once more for each test. */
int web_set_up(void **state);
int web_tear_down(void **state);

/* LINE HTTP/1.1, Host, cookie, further headers (each with its end), body; pb_free. */
char *web_request(const char *line, const char *more, const char *body);
/* Sends it, reads the answer into `answer`, and returns its status. */
int web_ask(const char *line, const char *more, const char *body);
/* The same with these headers alone. */
int web_ask_bare(const char *line, const char *headers);

#endif
