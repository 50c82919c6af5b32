/* What the files of this room share. */
#ifndef PB_WEB_INSIDE_H
#define PB_WEB_INSIDE_H

#include <pthread.h>
#include <stdbool.h>

#include <microhttpd.h>

#include "web/guard.h"
#include "web/web.h"

/* An open connection. */
typedef struct pb_peer {
    int socket;
    bool answered; /* one request, at least */
    double since;  /* from when a request is waited for; 0: one is being answered */
    void *request; /* that the daemon has begun and not ended: it forgets those it cannot read */
    struct pb_peer *next, **link;
} pb_peer;

typedef struct pb_peers {
    pthread_mutex_t mutex; /* nobody calls the daemon with it */
    pb_peer *first;
    size_t count;
} pb_peers;

typedef struct pb_channels {
    pthread_mutex_t mutex;
    struct pb_channel *first;
    bool stopping;
    double commented; /* when all were last given a comment */
} pb_channels;

struct pb_web {
    pb_web_options
        options; /* address, certificate, key and host are the caller's: not after the start */
    struct MHD_Daemon *daemon;
    pb_guard guard;
    char *url;
    pb_peers peers;
    pb_channels channels;
    pthread_t ticker;
    pthread_mutex_t mutex; /* of `stopping` */
    pthread_cond_t wake;
    bool ticking, stopping;
    pb_error *trouble; /* where the daemon's messages go while it starts */
};

/* -- peers.c: who is connected, and since when ----------------------------------------------------
 */

/* For MHD_OPTION_NOTIFY_CONNECTION; the peer is the socket's context. */
void pb_peer_notify(void *web, struct MHD_Connection *connection, void **context,
                    enum MHD_ConnectionNotificationCode code);
enum MHD_Result pb_peer_accept(void *web, const struct sockaddr *address, socklen_t size);
/* A request begins; it is there; it is answered. */
void pb_peer_begins(pb_web *web, struct MHD_Connection *connection, void *request);
void pb_peer_asked(pb_web *web, struct MHD_Connection *connection);
void pb_peer_done(pb_web *web, struct MHD_Connection *connection);
/* Cuts off whoever takes longer for a request than the timeout. */
void pb_peers_tick(pb_web *web);

/* -- request.c: MHD's calls for a request ---------------------------------------------------------
 */

void pb_request_free(void *request);
void *pb_request_begin(void *web, const char *uri, struct MHD_Connection *connection);
enum MHD_Result pb_request_take(void *web, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *size, void **context);
void pb_request_end(void *web, struct MHD_Connection *connection, void **context,
                    enum MHD_RequestTerminationCode code);

/* -- answer.c: what goes out ----------------------------------------------------------------------
 */

/* Takes over the answer. */
enum MHD_Result pb_answer_send(pb_web *web, struct MHD_Connection *connection,
                               pb_web_answer *answer);
/* A short text; header and value: a further one, or NULL. */
enum MHD_Result pb_answer_text(struct MHD_Connection *connection, int status, const char *text,
                               const char *header, const char *value);
/* The headers that all answers have. */
void pb_answer_headers(struct MHD_Response *response, bool kept);

/* -- channel.c: events ----------------------------------------------------------------------------
 */

/* The stream of a channel's events, or NULL: there is none of that name, or no memory. */
struct MHD_Response *pb_channel_listen(pb_web *web, const char *name,
                                       struct MHD_Connection *connection);
void pb_channels_tick(pb_web *web);
/* Ends all streams, and those yet to begin. */
void pb_channels_stop(pb_web *web);
void pb_channels_clear(pb_web *web);

#endif
