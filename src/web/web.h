/* A web server for a page of one's own and the API behind it (libmicrohttpd): who may ask, how much
 * and how long is decided here, what is answered is not.
 *
 * A request reaches the handler only if its Host is one of the server's own names (localhost, the
 * loopback addresses, the address at which it listens or was reached, `host`), its Origin (where it
 * has one) and Sec-Fetch-Site are the server's own, and it brings the token: in a cookie whose name
 * begins with "pullback", or, of GET / alone, as ?token=…, which is answered by a redirection to /
 * that sets the cookie pullback-PORT (browsers share cookies among the ports of a host; HttpOnly,
 * SameSite=Strict, Secure under TLS). All answers have a Content-Security-Policy without inline, no
 * sniffing, no frames, and no referrer but to the server itself (with none at all, browsers call
 * the origin of the page's own forms null); those that are not files of the page Cache-Control:
 * no-store. Malformed requests, unknown methods, paths that are too long and bodies that are too
 * large get a 4xx, which also reaches a client that is still sending; slow ones are cut off. */
#ifndef PB_WEB_WEB_H
#define PB_WEB_WEB_H

#include <stddef.h>

#include "base/error.h"

typedef struct pb_web pb_web;

/* What is asked. It lasts until the handler returns. */
typedef struct pb_web_request {
    const char *method; /* GET (of HEAD too, whose body is left out), POST, PUT, DELETE */
    const char *path;   /* decoded: "/api/tabs/7" */
    const char *type;   /* Content-Type without its parameters, in lower case; "" without one */
    const unsigned char *body; /* followed by a NUL; never NULL */
    size_t size;               /* of the body */
    const void *inside;        /* the server's */
} pb_web_request;

/* A parameter of the query, decoded, or NULL. */
const char *pb_web_query(const pb_web_request *request, const char *name);

/* What is answered. Begin with PB_WEB_ANSWER_EMPTY; the server takes over what it points to. */
typedef struct pb_web_answer {
    int status;          /* of HTTP */
    const char *type;    /* Content-Type; static */
    unsigned char *body; /* pb_free; or NULL, and then */
    const void *fixed;   /* what outlives the server */
    size_t size;         /* of either */
    char *download;      /* a file name to save it under (pb_free), or NULL */
    int kept;      /* a browser may keep it until the program is another (files of the page) */
    char *channel; /* pb_free; not NULL: the events of this channel (text/event-stream), and
                      nothing of the above counts */
} pb_web_answer;

#define PB_WEB_ANSWER_EMPTY ((pb_web_answer){.status = 500, .type = "text/plain"})

typedef struct pb_web_options {
    const char *address;     /* to listen at: "127.0.0.1", "::1", "0.0.0.0" …; NULL: 127.0.0.1 */
    unsigned port;           /* 0: any that is free */
    const char *certificate; /* PEM files: then TLS; or NULL */
    const char *key;
    const char *host;   /* a further name that it is reached by, with a port of its own where that
                           is another ("pictures.example:8080"); or NULL */
    size_t connections; /* at once, others are closed; fewer where the process may not open so many
                           files; 0: 256 */
    unsigned comment; /* seconds after which a silent stream of events is sent a comment, so that it
                         is not taken for dead; 0: 15 */
    unsigned timeout; /* seconds in which a request must be there and an answer taken; 0: 20 */

    /* Called by the server's threads, several at a time; must not wait. */
    void (*handle)(void *context, const pb_web_request *request, pb_web_answer *answer);
    /* The largest body of a request, asked before any of it is read; 0: it has none. */
    size_t (*most)(void *context, const char *method, const char *path);
    void *context;
} pb_web_options;

/* Starts it. *web is stopped with pb_web_stop. Errors: PB_INVALID (an address that is none), PB_IO
 * (the port is taken, a certificate that cannot be read or does not go with its key), PB_MEMORY. */
pb_status pb_web_start(pb_web **web, const pb_web_options *options, pb_error *error);

/* Closes all connections, and frees it. NULL is nothing. */
void pb_web_stop(pb_web *web);

/* "http://127.0.0.1:7860/?token=…", to be given to whoever may ask; the server's. */
const char *pb_web_url(const pb_web *web);

/* An event for all who listen to a channel (data: one line of JSON), from any thread. Who begins to
 * listen is given the last one first, and who is slow is given the newest, not all. The first call
 * makes the channel; `last`: it ends the stream of all who listen, and who comes later is given it
 * and no more, until pb_web_forget. Errors: PB_MEMORY. */
pb_status pb_web_tell(pb_web *web, const char *channel, const char *data, int last,
                      pb_error *error);

/* Forgets a channel; who listens to one that there is not is answered 404. */
void pb_web_forget(pb_web *web, const char *channel);

#endif
