#include "web/inside.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

#define MOST_PATH 1024
#define MOST_URI 8192
#define MOST_OVER (64 << 20) /* so much more of a chunked body that is too large is read */

typedef struct exchange {
    char *path;
    char *query; /* of it NULs have made names and values, one after the other */
    size_t count;
    int status; /* of what is wrong with the request line; 0 */
    bool begun, over;
    unsigned char *body;
    size_t size, room, most, beyond;
    char type[128];
} exchange;

static int digit_of(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10
                                        : -1;
}

/* Decodes %41 in place, and + where it is told; false: what is no such text, or would hold a NUL.
 */
static bool decode(char *text, bool plus)
{
    char *to = text;

    for (const char *at = text; *at; at++) {
        if (*at != '%') {
            *to++ = (char)(plus && *at == '+' ? ' ' : *at);
            continue;
        }
        int high = digit_of(at[1]), low = high < 0 ? -1 : digit_of(at[2]);
        if (low < 0 || high * 16 + low == 0)
            return false;
        *to++ = (char)(high * 16 + low);
        at += 2;
    }
    *to = '\0';
    return true;
}

/* "a=b&c" becomes "a\0b\0c\0\0", each decoded; the place of each is kept, what is shorter is
 * followed by its NUL and then by rubbish: so they are moved together. */
static bool split_query(exchange *x)
{
    char *to = x->query, *rest = NULL;
    char *copy = pb_strdup(x->query);
    bool right = copy != NULL;

    for (char *part = right ? strtok_r(copy, "&", &rest) : NULL; part && right;
         part = strtok_r(NULL, "&", &rest)) {
        char *value = strchr(part, '=');
        if (value)
            *value++ = '\0';
        else
            value = part + strlen(part);
        right = decode(part, true) && (!*value || decode(value, true));
        if (right) {
            to = stpcpy(to, part) + 1;
            to = stpcpy(to, value) + 1;
            x->count++;
        }
    }
    pb_free(copy);
    return right;
}

/* What is wrong with what is asked for, as a status; else 0. */
static int split(exchange *x, const char *uri)
{
    size_t size = strlen(uri), path = strcspn(uri, "?");

    if (size > MOST_URI || path > MOST_PATH)
        return 414;
    if (uri[0] != '/')
        return 400;
    for (const char *at = uri; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 127)
            return 400;
    x->path = pb_calloc(path + 1, 1);
    /* Room for a NUL after each name that has no value. */
    x->query = pb_calloc(2 * (size - path) + 2, 1);
    if (!x->path || !x->query)
        return 500;
    memcpy(x->path, uri, path);
    strcpy(x->query, uri + path + (uri[path] == '?'));
    return decode(x->path, false) && split_query(x) ? 0 : 400;
}

void pb_request_free(void *request)
{
    exchange *x = request;

    if (!x)
        return;
    pb_free(x->path);
    pb_free(x->query);
    pb_free(x->body);
    pb_free(x);
}

void *pb_request_begin(void *web, const char *uri, struct MHD_Connection *connection)
{
    exchange *x = pb_calloc(1, sizeof *x);

    pb_peer_begins(web, connection, x);
    if (x)
        x->status = split(x, uri);
    /* The daemon's own parameters are not needed, and of very many it (0.9.75) crashes: it is left
     * none. The text is in its buffer of this connection. */
    char *query = strchr(uri, '?');
    if (query)
        query[1] = '\0';
    return x;
}

void pb_request_end(void *web, struct MHD_Connection *connection, void **context,
                    enum MHD_RequestTerminationCode code)
{
    (void)code;
    pb_peer_done(web, connection);
    pb_request_free(*context);
    *context = NULL;
}

/* The value of the n-th parameter of that name. */
static const char *query_of(const exchange *x, const char *name, size_t n)
{
    const char *at = x->query;

    for (size_t i = 0; i < x->count; i++) {
        const char *value = at + strlen(at) + 1;
        if (!strcmp(at, name) && n-- == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

const char *pb_web_query(const pb_web_request *request, const char *name)
{
    return request && name ? query_of(request->inside, name, 0) : NULL;
}

/* -- who asks ---------------------------------------------------------------------------------- */

typedef struct headers {
    const pb_guard *guard;
    const char *host, *origin, *site, *length, *coding, *type;
    bool twice, token;
} headers;

static enum MHD_Result read_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    headers *h = context;
    const struct {
        const char *name, **place;
    } all[] = {{"Host", &h->host},           {"Origin", &h->origin},
               {"Sec-Fetch-Site", &h->site}, {"Content-Length", &h->length},
               {"Content-Type", &h->type},   {"Transfer-Encoding", &h->coding}};

    (void)kind;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcasecmp(name, all[i].name)) {
            h->twice |= *all[i].place != NULL;
            *all[i].place = value ? value : "";
        }
    if (!strcasecmp(name, "Cookie") && value)
        h->token |= pb_guard_cookies(h->guard, value);
    return MHD_YES;
}

static bool is_get(const char *method)
{
    return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

static bool has_method(const char *method)
{
    return is_get(method) || !strcmp(method, "POST") || !strcmp(method, "PUT") ||
           !strcmp(method, "DELETE");
}

/* What is wrong with the request itself: a status and a word about it, or 0. */
static int malformed(const exchange *x, const headers *h, const char *method, const char **text)
{
    *text = "This is no proper request.\n";
    if (x->status)
        return x->status;
    if (!has_method(method)) {
        *text = "There is no such method here.\n";
        return 405;
    }
    if (!h->host || h->twice || (h->length && h->coding) ||
        (h->coding && strcasecmp(h->coding, "chunked") != 0))
        return 400;
    if (h->length && strspn(h->length, "0123456789") != strlen(h->length))
        return 400;
    return 0;
}

/* Is the Host the address at which it was reached? One that listens everywhere has many. */
static bool is_reached(const headers *h, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;

    return info && !getsockname(info->connect_fd, (struct sockaddr *)&address, &size) &&
           pb_guard_address(h->guard, h->host, (const struct sockaddr *)&address);
}

/* May this be asked, but for the token? What forbids it, or NULL. */
static const char *forbidden(const headers *h, struct MHD_Connection *connection)
{
    const pb_guard *guard = h->guard;

    if (!pb_guard_host(guard, h->host) && !is_reached(h, connection))
        return "This server does not go by that name.\n";
    if (h->origin && !pb_guard_origin(guard, h->origin, h->host))
        return "Another site may not ask here.\n";
    if (h->site && !pb_guard_site(h->site))
        return "Another site may not ask here; open the URL yourself.\n";
    return NULL;
}

static enum MHD_Result welcome(pb_web *web, struct MHD_Connection *connection)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    char *cookie = pb_guard_set_cookie(&web->guard);
    enum MHD_Result result = MHD_NO;

    if (r && cookie) {
        pb_answer_headers(r, false);
        MHD_add_response_header(r, "Location", "/");
        MHD_add_response_header(r, "Set-Cookie", cookie);
        result = MHD_queue_response(connection, 303, r);
    }
    if (r)
        MHD_destroy_response(r);
    pb_free(cookie);
    return result;
}

/* -- what is asked ----------------------------------------------------------------------------- */

static void read_type(exchange *x, const char *type)
{
    size_t size = type ? strcspn(type, "; \t") : 0;

    for (size_t i = 0; i < size && i + 1 < sizeof x->type; i++)
        x->type[i] = (char)tolower((unsigned char)type[i]);
}

/* The handler knows no HEAD: the daemon leaves out the body. */
static const char *method_of(const char *method)
{
    return is_get(method) ? "GET" : method;
}

static enum MHD_Result too_large(struct MHD_Connection *connection, bool unread)
{
    return pb_answer_text(connection, 413, "This is too large.\n", NULL, unread);
}

/* The headers are there: shall the rest be read? If not, it is answered. */
static enum MHD_Result begin(pb_web *web, struct MHD_Connection *connection, exchange *x,
                             const char *method)
{
    headers h = {.guard = &web->guard};
    const char *text;

    x->begun = true;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, read_header, &h);
    const bool body = h.coding || (h.length && strspn(h.length, "0") != strlen(h.length));
    if (body)
        pb_peer_unread(connection, true);
    int status = malformed(x, &h, method, &text);
    if (status)
        return pb_answer_text(connection, status, text,
                              status == 405 ? "GET, HEAD, POST, PUT, DELETE" : NULL, body);
    text = forbidden(&h, connection);
    if (text)
        return pb_answer_text(connection, 403, text, NULL, body);
    const char *token = query_of(x, "token", 0);
    if (is_get(method) && !strcmp(x->path, "/") && token) {
        if (!body && !query_of(x, "token", 1) && pb_guard_token(&web->guard, token, strlen(token)))
            return welcome(web, connection);
        h.token = false;
    }
    if (!h.token)
        return pb_answer_text(connection, 403,
                              "Pullback answers whoever has its token: open the whole URL that it "
                              "printed when it started.\n",
                              NULL, body);
    read_type(x, h.type);
    x->most =
        web->options.most ? web->options.most(web->options.context, method_of(method), x->path) : 0;
    errno = 0;
    if (h.length && (strtoull(h.length, NULL, 10) > x->most || errno))
        return too_large(connection, body);
    pb_peer_unread(connection, false);
    return MHD_YES;
}

/* More of the body. A chunked one that is too large is told so at its end, unless it has none. */
static enum MHD_Result collect(exchange *x, const char *bytes, size_t *size)
{
    size_t more = *size;

    *size = 0;
    x->over |= more > x->most - x->size;
    if (x->over) {
        x->beyond += more;
        return x->beyond < MOST_OVER ? MHD_YES : MHD_NO;
    }
    if (x->size + more + 1 > x->room) {
        size_t room = 2 * (x->size + more) + 1;
        unsigned char *body = pb_malloc(room, 1);
        if (!body)
            return MHD_NO;
        if (x->size)
            memcpy(body, x->body, x->size);
        pb_free(x->body);
        x->body = body;
        x->room = room;
    }
    memcpy(x->body + x->size, bytes, more);
    x->size += more;
    x->body[x->size] = '\0';
    return MHD_YES;
}

static enum MHD_Result finish(pb_web *web, struct MHD_Connection *connection, exchange *x,
                              const char *method)
{
    static const unsigned char none[1] = "";
    pb_web_answer answer = PB_WEB_ANSWER_EMPTY;
    const pb_web_request request = {.method = method_of(method),
                                    .path = x->path,
                                    .type = x->type,
                                    .body = x->body ? x->body : none,
                                    .size = x->size,
                                    .inside = x};

    pb_peer_asked(web, connection);
    if (x->over)
        return too_large(connection, false);
    web->options.handle(web->options.context, &request, &answer);
    return pb_answer_send(web, connection, &answer);
}

enum MHD_Result pb_request_take(void *context, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *size, void **state)
{
    exchange *x = *state;

    (void)url;
    (void)version;
    if (!x)
        return MHD_NO;
    if (!x->begun)
        return begin(context, connection, x, method);
    if (*size)
        return collect(x, upload, size);
    return finish(context, connection, x, method);
}
