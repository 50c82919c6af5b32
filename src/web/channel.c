#include "web/inside.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

typedef struct pb_channel {
    char *name;
    char *event; /* "data: …\n\n", the last one */
    unsigned long version;
    bool ended, known; /* no more events; the server still has it */
    struct listener *listeners;
    struct pb_channel *next;
} channel;

typedef struct listener {
    pb_web *web;
    channel *channel;
    struct MHD_Connection *connection;
    int socket;
    char *out; /* what is being sent, from `at` on */
    size_t at;
    unsigned long seen;
    bool waits, comment, gone;
    struct listener *next, **link;
} listener;

static channel **find(pb_channels *channels, const char *name)
{
    channel **c = &channels->first;

    while (*c && strcmp((*c)->name, name) != 0)
        c = &(*c)->next;
    return c;
}

/* Frees a channel that neither the server nor a listener has. */
static void release(channel *c)
{
    if (c->known || c->listeners)
        return;
    pb_free(c->name);
    pb_free(c->event);
    pb_free(c);
}

static void wake(listener *l)
{
    if (l->waits) {
        l->waits = false;
        MHD_resume_connection(l->connection);
    }
}

static void wake_all(channel *c)
{
    for (listener *l = c->listeners; l; l = l->next)
        wake(l);
}

/* What a listener is to be sent next; NULL: to wait. *end: its stream ends. */
static char *next_of(listener *l, bool *end)
{
    channel *c = l->channel;

    *end = l->gone || l->web->channels.stopping;
    if (*end)
        return NULL;
    if (l->seen != c->version) {
        l->seen = c->version;
        l->comment = false;
        char *copy = pb_strdup(c->event);
        *end = !copy;
        return copy;
    }
    *end = c->ended || !c->known;
    if (*end || !l->comment)
        return NULL;
    l->comment = false;
    char *comment = pb_strdup(":\n\n");
    *end = !comment;
    return comment;
}

static ssize_t send_more(void *context, uint64_t position, char *buffer, size_t most)
{
    listener *l = context;
    pb_channels *channels = &l->web->channels;
    ssize_t sent = 0;
    bool end = false;

    (void)position;
    pthread_mutex_lock(&channels->mutex);
    if (!l->out)
        l->out = next_of(l, &end);
    if (l->out) {
        size_t left = strlen(l->out + l->at);
        size_t size = left < most ? left : most;
        memcpy(buffer, l->out + l->at, size);
        l->at += size;
        sent = (ssize_t)size;
        if (size == left) {
            pb_free(l->out);
            l->out = NULL;
            l->at = 0;
        }
    } else if (end) {
        sent = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        l->waits = true;
        MHD_suspend_connection(l->connection);
    }
    pthread_mutex_unlock(&channels->mutex);
    return sent;
}

static void leave(void *context)
{
    listener *l = context;
    pb_channels *channels = &l->web->channels;

    pthread_mutex_lock(&channels->mutex);
    *l->link = l->next;
    if (l->next)
        l->next->link = l->link;
    release(l->channel);
    pthread_mutex_unlock(&channels->mutex);
    pb_free(l->out);
    pb_free(l);
}

struct MHD_Response *pb_channel_listen(pb_web *web, const char *name,
                                       struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    listener *l = pb_calloc(1, sizeof *l);

    if (!l || !info) {
        pb_free(l);
        return NULL;
    }
    pthread_mutex_lock(&web->channels.mutex);
    channel *c = *find(&web->channels, name);
    if (!c) {
        pthread_mutex_unlock(&web->channels.mutex);
        pb_free(l);
        return NULL;
    }
    *l = (listener){.web = web, .channel = c, .connection = connection, .socket = info->connect_fd};
    l->next = c->listeners;
    l->link = &c->listeners;
    if (l->next)
        l->next->link = &l->next;
    c->listeners = l;
    pthread_mutex_unlock(&web->channels.mutex);

    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, send_more, l, leave);
    if (!r)
        leave(l);
    return r;
}

/* A line of its own in the stream, whatever is in it. */
static char *event_of(const char *data)
{
    char *event = pb_sprintf("data: %s\n\n", data);

    for (char *at = event ? event + strlen("data: ") : NULL; at && at[2]; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    return event;
}

static channel *make(channel **place, const char *name)
{
    channel *c = pb_calloc(1, sizeof *c);

    if (c && !(c->name = pb_strdup(name))) {
        pb_free(c);
        return NULL;
    }
    if (c) {
        c->known = true;
        *place = c;
    }
    return c;
}

pb_status pb_web_tell(pb_web *web, const char *name, const char *data, int last, pb_error *error)
{
    PB_NEED(web, "a server");
    PB_NEED(name, "a channel");
    PB_NEED(data, "data");
    char *event = event_of(data);
    if (!event)
        return pb_fail_memory(error, strlen(data), "an event");

    pthread_mutex_lock(&web->channels.mutex);
    channel **place = find(&web->channels, name);
    channel *c = *place ? *place : make(place, name);
    if (c) {
        pb_free(c->event);
        c->event = event;
        c->version++;
        c->ended = last != 0;
        wake_all(c);
    }
    pthread_mutex_unlock(&web->channels.mutex);
    if (!c) {
        pb_free(event);
        return pb_fail_memory(error, sizeof *c, "a channel");
    }
    return PB_OK;
}

void pb_web_forget(pb_web *web, const char *name)
{
    if (!web || !name)
        return;
    pthread_mutex_lock(&web->channels.mutex);
    channel **place = find(&web->channels, name), *c = *place;
    if (c) {
        *place = c->next;
        c->known = false;
        wake_all(c);
        release(c);
    }
    pthread_mutex_unlock(&web->channels.mutex);
}

/* A connection that waits is not watched by the daemon: has the peer closed it? */
static bool has_gone(int socket)
{
    struct pollfd p = {.fd = socket, .events = POLLRDHUP};

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

void pb_channels_tick(pb_web *web)
{
    const double now = pb_seconds();

    pthread_mutex_lock(&web->channels.mutex);
    bool comment = now - web->channels.commented >= web->options.comment;
    if (comment)
        web->channels.commented = now;
    for (channel *c = web->channels.first; c; c = c->next)
        for (listener *l = c->listeners; l; l = l->next) {
            if (!l->waits)
                continue;
            l->comment |= comment;
            l->gone = has_gone(l->socket);
            if (comment || l->gone)
                wake(l);
        }
    pthread_mutex_unlock(&web->channels.mutex);
}

void pb_channels_stop(pb_web *web)
{
    pthread_mutex_lock(&web->channels.mutex);
    web->channels.stopping = true;
    for (channel *c = web->channels.first; c; c = c->next)
        wake_all(c);
    pthread_mutex_unlock(&web->channels.mutex);
}

void pb_channels_clear(pb_web *web)
{
    while (web->channels.first)
        pb_web_forget(web, web->channels.first->name);
}
