#include "web/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define MOST_DRAINED ((size_t)256 << 20) /* bytes of one connection */
#define MOST_AT_ONCE 16                  /* reads of one connection */
#define SILENT_SECONDS 2.0

typedef struct pb_linger {
    int socket;
    size_t drained;
    double until, heard;
    struct pb_linger *next;
} linger;

/* Throws away what has come; false: no more is awaited. */
static bool drain(linger *l, double now)
{
    char bytes[65536];

    for (int i = 0; i < MOST_AT_ONCE; i++) {
        ssize_t n = recv(l->socket, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return now < l->until && now - l->heard < SILENT_SECONDS;
        if (n <= 0)
            return false;
        l->heard = now;
        l->drained += (size_t)n;
        if (l->drained > MOST_DRAINED)
            return false;
    }
    return now < l->until;
}

bool pb_linger(pb_web *web, int socket)
{
    const double now = pb_seconds();
    linger *l = pb_calloc(1, sizeof *l);

    if (!l)
        return false;
    *l = (linger){.socket = fcntl(socket, F_DUPFD_CLOEXEC, 0),
                  .until = now + web->options.timeout,
                  .heard = now};
    if (l->socket < 0 || shutdown(l->socket, SHUT_WR) || !drain(l, now)) {
        if (l->socket >= 0)
            close(l->socket);
        pb_free(l);
        return false;
    }
    pthread_mutex_lock(&web->mutex);
    l->next = web->lingers;
    web->lingers = l;
    pthread_cond_signal(&web->wake);
    pthread_mutex_unlock(&web->mutex);
    return true;
}

static void end(pb_web *web, linger *l)
{
    close(l->socket);
    pb_free(l);
    pb_peer_lingered(web);
}

void pb_lingers_tick(pb_web *web)
{
    const double now = pb_seconds();
    linger *all, *stay = NULL, **last = &stay;

    pthread_mutex_lock(&web->mutex);
    all = web->lingers;
    web->lingers = NULL;
    pthread_mutex_unlock(&web->mutex);
    while (all) {
        linger *l = all;
        all = l->next;
        if (!drain(l, now)) {
            end(web, l);
            continue;
        }
        *last = l;
        last = &l->next;
    }
    pthread_mutex_lock(&web->mutex);
    *last = web->lingers;
    web->lingers = stay;
    pthread_mutex_unlock(&web->mutex);
}

void pb_lingers_clear(pb_web *web)
{
    while (web->lingers) {
        linger *l = web->lingers;
        web->lingers = l->next;
        end(web, l);
    }
}
