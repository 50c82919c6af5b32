#include "web/inside.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "base/memory.h"

#define ENDED_SECONDS 0.1

enum MHD_Result pb_peer_accept(void *context, const struct sockaddr *address, socklen_t size)
{
    pb_web *web = context;

    (void)address;
    (void)size;
    pthread_mutex_lock(&web->peers.mutex);
    bool room = web->peers.count < web->options.connections;
    pthread_mutex_unlock(&web->peers.mutex);
    return room ? MHD_YES : MHD_NO;
}

/* Two threads may have accepted at once: who is too many then is cut off. */
static void come(pb_peers *peers, size_t most, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    pb_peer *p = pb_calloc(1, sizeof *p);

    *context = p;
    if (!p || !info) {
        pb_free(p);
        *context = NULL;
        return;
    }
    p->socket = info->connect_fd;
    p->since = pb_seconds();
    pthread_mutex_lock(&peers->mutex);
    p->next = peers->first;
    p->link = &peers->first;
    if (p->next)
        p->next->link = &p->next;
    peers->first = p;
    if (++peers->count > most)
        shutdown(p->socket, SHUT_RDWR);
    pthread_mutex_unlock(&peers->mutex);
}

static void go(pb_web *web, pb_peer *p)
{
    pb_peers *peers = &web->peers;

    if (!p)
        return;
    bool lingers = (p->unread || p->request) && pb_linger(web, p->socket);
    pthread_mutex_lock(&peers->mutex);
    *p->link = p->next;
    if (p->next)
        p->next->link = p->link;
    peers->count -= !lingers;
    pthread_mutex_unlock(&peers->mutex);
    pb_request_free(p->request);
    pb_free(p);
}

void pb_peer_notify(void *context, struct MHD_Connection *connection, void **peer,
                    enum MHD_ConnectionNotificationCode code)
{
    pb_web *web = context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        come(&web->peers, web->options.connections, connection, peer);
    else
        go(web, *peer);
}

static pb_peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* Of a first request the time runs from the connection on. */
void pb_peer_begins(pb_web *web, struct MHD_Connection *connection, void *request)
{
    pb_peer *p = peer_of(connection);

    if (p)
        p->request = request;
    pthread_mutex_lock(&web->peers.mutex);
    if (p && p->answered)
        p->since = pb_seconds();
    pthread_mutex_unlock(&web->peers.mutex);
}

void pb_peer_asked(pb_web *web, struct MHD_Connection *connection)
{
    pb_peer *p = peer_of(connection);

    pthread_mutex_lock(&web->peers.mutex);
    if (p)
        p->since = 0;
    pthread_mutex_unlock(&web->peers.mutex);
}

void pb_peer_done(pb_web *web, struct MHD_Connection *connection)
{
    pb_peer *p = peer_of(connection);

    pthread_mutex_lock(&web->peers.mutex);
    if (p) {
        p->request = NULL;
        p->answered = true;
        p->since = pb_seconds();
    }
    pthread_mutex_unlock(&web->peers.mutex);
}

void pb_peer_unread(struct MHD_Connection *connection, bool unread)
{
    pb_peer *p = peer_of(connection);

    if (p)
        p->unread = unread;
}

void pb_peer_lingered(pb_web *web)
{
    pthread_mutex_lock(&web->peers.mutex);
    web->peers.count--;
    pthread_mutex_unlock(&web->peers.mutex);
}

/* Has a client closed its side, all that it sent having been read? The daemon (0.9.75) does not see
 * that where the end came together with the last bytes, and would keep the place. */
static bool has_ended(pb_peer *p, double now)
{
    char byte;

    if (recv(p->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
        p->ended = 0;
    else if (p->ended == 0)
        p->ended = now;
    /* A whole request may just be on its way to the handler. */
    return p->ended > 0 && now - p->ended >= ENDED_SECONDS;
}

/* The daemon sees that the connection has ended, and closes it. */
void pb_peers_tick(pb_web *web)
{
    const double now = pb_seconds();

    pthread_mutex_lock(&web->peers.mutex);
    for (pb_peer *p = web->peers.first; p; p = p->next)
        if (p->since > 0 && (now - p->since > web->options.timeout || has_ended(p, now))) {
            shutdown(p->socket, SHUT_RDWR);
            p->since = 0;
        }
    pthread_mutex_unlock(&web->peers.mutex);
}
