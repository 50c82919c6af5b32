#include "web/inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "io/file.h"

#define THREADS 2
#define TICK_NANOSECONDS 200000000
#define LINGER_NANOSECONDS 2000000 /* while something lingers */
#define MEMORY 32768               /* for the headers of a request */
#define MOST_PEM (1 << 20)

/* -- the socket -------------------------------------------------------------------------------- */

typedef union place {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
} place;

static socklen_t read_address(place *p, const char *address, unsigned port)
{
    *p = (place){.any = {0}};
    if (port > 65535)
        return 0;
    if (inet_pton(AF_INET, address, &p->four.sin_addr) == 1) {
        p->four.sin_family = AF_INET;
        p->four.sin_port = htons((uint16_t)port);
        return sizeof p->four;
    }
    *p = (place){.any = {0}};
    if (inet_pton(AF_INET6, address, &p->six.sin6_addr) != 1)
        return 0;
    p->six.sin6_family = AF_INET6;
    p->six.sin6_port = htons((uint16_t)port);
    return sizeof p->six;
}

static pb_status listen_at(int *listener, unsigned *port, const char *address, pb_error *error)
{
    const int on = 1;
    place p;
    socklen_t size = read_address(&p, address, *port);

    if (!size)
        return pb_fail(
            error, PB_INVALID,
            "%s, port %u: expected the address of an interface, such as 127.0.0.1 or ::1, "
            "and a port of at most 65535",
            address, *port);
    int s = socket(p.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || bind(s, &p.any, size) ||
        listen(s, SOMAXCONN) || getsockname(s, &p.any, &size)) {
        int why = errno;
        if (s >= 0)
            close(s);
        return pb_fail(error, PB_IO, "%s, port %u: %s", address, *port, strerror(why));
    }
    *port = ntohs(p.any.sa_family == AF_INET ? p.four.sin_port : p.six.sin6_port);
    *listener = s;
    return PB_OK;
}

/* -- the daemon -------------------------------------------------------------------------------- */

/* What the daemon says while it starts is the reason of a failure; later it is about one request.
 */
static void hear(void *context, const char *format, va_list arguments)
{
    pb_web *web = context;
    char text[300];

    if (!web->trouble)
        return;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    pb_fail(web->trouble, PB_IO, "%s", text);
}

static size_t as_is(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

static pb_status start_daemon(pb_web *web, int listener, const char *certificate, const char *key,
                              pb_error *error)
{
    pb_error why = {0};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
                                   {MHD_OPTION_END, 0, NULL}};

    if (certificate)
        flags |= MHD_USE_TLS;
    else
        tls[0].option = MHD_OPTION_END;
    web->trouble = &why;
    /* Its own limit is larger, for each of its threads: at that it would let clients wait. */
    web->daemon = MHD_start_daemon(
        flags, 0, pb_peer_accept, web, pb_request_take, web, MHD_OPTION_EXTERNAL_LOGGER, hear, web,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)((web->options.connections + 64) * THREADS),
        MHD_OPTION_CONNECTION_TIMEOUT, web->options.timeout, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, as_is, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, pb_request_begin, web, MHD_OPTION_NOTIFY_COMPLETED,
        pb_request_end, web, MHD_OPTION_NOTIFY_CONNECTION, pb_peer_notify, web, MHD_OPTION_ARRAY,
        tls, MHD_OPTION_END);
    web->trouble = NULL;
    if (!web->daemon)
        return pb_fail_theirs(error, PB_IO, &why, "libmicrohttpd");
    return PB_OK;
}

static pb_status read_pem(pb_bytes *bytes, char **text, const char *path, pb_error *error)
{
    PB_TRY(pb_file_read(bytes, path, MOST_PEM, error));
    *text = pb_sprintf("%.*s", (int)bytes->size, (const char *)bytes->data);
    return *text ? PB_OK : pb_fail_memory(error, bytes->size, path);
}

/* A daemon that does not start has closed the socket that it was given, or not. It is given a copy:
 * is that still what it was? */
static void close_copy(int copy, int listener)
{
    struct stat a, b;

    if (!fstat(copy, &a) && !fstat(listener, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
        close(copy);
}

/* Takes over the listener. */
static pb_status start_listening(pb_web *web, int listener, const char *certificate,
                                 const char *key, pb_error *error)
{
    int copy = fcntl(listener, F_DUPFD_CLOEXEC, 0);
    pb_status status = copy < 0 ? pb_fail_system(error, "the server's socket", NULL)
                                : start_daemon(web, copy, certificate, key, error);

    if (copy >= 0 && status != PB_OK)
        close_copy(copy, listener);
    close(listener);
    return status;
}

/* Takes over the listener. */
static pb_status start_tls(pb_web *web, int listener, const pb_web_options *o, pb_error *error)
{
    pb_bytes bytes[2] = {{0}};
    char *texts[2] = {NULL};
    pb_status status = PB_OK;

    if (o->certificate && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        status = pb_fail(error, PB_IO,
                         "this libmicrohttpd was built without TLS: no certificate can be used");
    if (o->certificate && status == PB_OK)
        status = read_pem(&bytes[0], &texts[0], o->certificate, error);
    if (o->certificate && status == PB_OK)
        status = read_pem(&bytes[1], &texts[1], o->key, error);
    if (status == PB_OK)
        status = start_listening(web, listener, texts[0], texts[1], error);
    else
        close(listener);
    if (status != PB_OK && texts[1])
        pb_fail_in(error, status, "%s, with the key %s", o->certificate, o->key);
    for (int i = 0; i < 2; i++) {
        pb_bytes_clear(&bytes[i]);
        if (texts[i])
            explicit_bzero(texts[i], strlen(texts[i]));
        pb_free(texts[i]);
    }
    return status;
}

/* -- the ticker -------------------------------------------------------------------------------- */

static void *tick(void *context)
{
    pb_web *web = context;
    struct timespec until;
    double next = 0;

    pthread_mutex_lock(&web->mutex);
    while (!web->stopping) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += web->lingers ? LINGER_NANOSECONDS : TICK_NANOSECONDS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&web->wake, &web->mutex, &until);
        if (web->stopping)
            break;
        pthread_mutex_unlock(&web->mutex);
        pb_lingers_tick(web);
        if (pb_seconds() >= next) {
            next = pb_seconds() + TICK_NANOSECONDS / 1e9;
            pb_peers_tick(web);
            pb_channels_tick(web);
        }
        pthread_mutex_lock(&web->mutex);
    }
    pthread_mutex_unlock(&web->mutex);
    return NULL;
}

/* -- the whole --------------------------------------------------------------------------------- */

static pb_status name_it(pb_web *web, const pb_web_options *o, const char *address, unsigned port,
                         pb_error *error)
{
    const char *names[] = {"127.0.0.1", "localhost", "[::1]", address, o->host};
    bool everywhere = !strcmp(address, "0.0.0.0") || !strcmp(address, "::");

    PB_TRY(pb_guard_open(&web->guard, o->certificate != NULL, port, error));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i])
            PB_TRY(pb_guard_name(&web->guard, names[i], error));
    web->url = pb_sprintf("%s://%s/?token=%s", web->guard.scheme,
                          o->host ? web->guard.names[4] : web->guard.names[everywhere ? 0 : 3],
                          web->guard.token);
    return web->url ? PB_OK : pb_fail_memory(error, strlen(address), "an URL");
}

static pb_status start(pb_web *web, const pb_web_options *o, pb_error *error)
{
    const char *address = o->address ? o->address : "127.0.0.1";
    unsigned port = o->port;
    int listener = -1;

    PB_TRY(listen_at(&listener, &port, address, error));
    pb_status status = name_it(web, o, address, port, error);
    if (status == PB_OK)
        status = start_tls(web, listener, o, error);
    else
        close(listener);
    PB_TRY(status);
    if (pthread_create(&web->ticker, NULL, tick, web) != 0)
        return pb_fail(error, PB_MEMORY, "no further thread can be had");
    web->ticking = true;
    return PB_OK;
}

static void prepare(pb_web *web, const pb_web_options *options)
{
    pthread_condattr_t monotonic;

    web->options = *options;
    web->options.connections = pb_room_for(options->connections ? options->connections : 256);
    if (!web->options.timeout)
        web->options.timeout = 20;
    if (!web->options.comment)
        web->options.comment = 15;
    web->channels.commented = pb_seconds();
    pthread_mutex_init(&web->mutex, NULL);
    pthread_mutex_init(&web->peers.mutex, NULL);
    pthread_mutex_init(&web->channels.mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&web->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

pb_status pb_web_start(pb_web **web, const pb_web_options *options, pb_error *error)
{
    PB_OUT(web, "the server");
    PB_NEED(options, "options");
    PB_NEED(options->handle, "a handler");
    if (!options->certificate != !options->key)
        return pb_fail(error, PB_INVALID, "expected a certificate and its key, found one of them");
    if (options->connections > 100000)
        return pb_fail(error, PB_INVALID, "connections: expected at most 100000, found %zu",
                       options->connections);
    pb_web *made = pb_calloc(1, sizeof *made);
    if (!made)
        return pb_fail_memory(error, sizeof *made, "a server");

    prepare(made, options);
    *web = made; /* the handler may need it before this returns */
    pb_status status = start(made, options, error);
    if (status != PB_OK) {
        *web = NULL;
        pb_web_stop(made);
    }
    return status;
}

void pb_web_stop(pb_web *web)
{
    if (!web)
        return;
    pthread_mutex_lock(&web->mutex);
    web->stopping = true;
    pthread_cond_signal(&web->wake);
    pthread_mutex_unlock(&web->mutex);
    if (web->ticking)
        pthread_join(web->ticker, NULL);
    pb_channels_stop(web);
    if (web->daemon)
        MHD_stop_daemon(web->daemon);
    pb_lingers_clear(web);
    pb_channels_clear(web);
    pb_guard_close(&web->guard);
    pthread_cond_destroy(&web->wake);
    pthread_mutex_destroy(&web->channels.mutex);
    pthread_mutex_destroy(&web->peers.mutex);
    pthread_mutex_destroy(&web->mutex);
    pb_free(web->url);
    pb_free(web);
}

const char *pb_web_url(const pb_web *web)
{
    return web->url;
}
