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
    bool unread;   /* a request was answered before its body was read */
    double since;  /* from when a request is waited for; 0: one is being answered */
    double ended;  /* when it was seen that nothing more will come; 0: it was not */
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
    struct pb_linger *lingers; /* with `mutex` */
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
/* Will the body of its request not be read? Then it lingers when it is closed. */
void pb_peer_unread(struct MHD_Connection *connection, bool unread);
/* One that has lingered is gone. */
void pb_peer_lingered(pb_web *web);
/* Cuts off whoever takes longer for a request than the timeout, or has gone without one. */
void pb_peers_tick(pb_web *web);

/* -- linger.c: connections that are closed while more comes
 * ------------------------------------------
 */

/* A client that still sends when the connection is closed is sent a reset, and may lose the answer
 * by it: the socket stays open, and what comes is thrown away, until the client has closed it, is
 * silent, or has had bytes and time enough. False: none of that is needed. */
bool pb_linger(pb_web *web, int socket);
void pb_lingers_tick(pb_web *web);
void pb_lingers_clear(pb_web *web);

/* -- limits.c: how many files may be open
 * -----------------------------------------------------------
 */

/* So many connections can be had, at most `wanted`: the process' limit of open files is raised for
 * them as far as it may be. */
size_t pb_room_for(size_t wanted);

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
/* A short text. allow: the header of that name, or NULL; close: it is the connection's last answer.
 */
enum MHD_Result pb_answer_text(struct MHD_Connection *connection, int status, const char *text,
                               const char *allow, bool close);
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
