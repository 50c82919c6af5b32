#include "hub/http.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <pullback/version.h>

#include "base/clock.h"
#include "base/memory.h"
#include "hub/refusal.h"

#define MOST_HOPS 10    /* redirections */
#define MOST_TRIES 8    /* without a byte more between them: half a minute in all */
#define FIRST_WAIT 0.25 /* seconds before the second try; each time twice as many, */
#define MOST_WAIT 600   /* and as the server asks, up to so many */
#define CONNECTING 30L  /* seconds */
#define STALLED 60L     /* seconds without a byte */

/* -- one request ----------------------------------------------------------------------------- */

typedef struct exchange {
    pb_http *http;
    const char *what;
    const pb_sink *sink;
    pb_reply reply;
    char last[72];    /* a hash of the lesser header */
    pb_status status; /* what has ended it */
    pb_error *error;
} exchange;

static bool is_number(const char *text, size_t *value)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    *value = (size_t)strtoull(text, &end, 10);
    return end != text;
}

/* An entity tag without what is around it, W/"…". */
static void take_tag(char *out, size_t size, const char *value)
{
    const char *quote = strchr(value, '"');
    const char *begin = quote ? quote + 1 : value;

    snprintf(out, size, "%.*s", (int)strcspn(begin, "\""), begin);
}

/* Notes a header of the reply: "name" and its value. */
static void note(exchange *e, const char *name, const char *value)
{
    pb_reply *r = &e->reply;

    if (!strcasecmp(name, "content-length"))
        r->has_length = is_number(value, &r->length);
    else if (!strcasecmp(name, "content-range"))
        r->has_start = !strncasecmp(value, "bytes ", 6) && is_number(value + 6, &r->start);
    else if (!strcasecmp(name, "x-linked-etag"))
        take_tag(r->hash, sizeof r->hash, value);
    else if (!strcasecmp(name, "etag"))
        take_tag(e->last, sizeof e->last, value);
    else if (!strcasecmp(name, "x-repo-commit"))
        snprintf(r->commit, sizeof r->commit, "%s", value);
    else if (!strcasecmp(name, "retry-after"))
        r->has_wait = true;
    else if (!strcasecmp(name, "x-error-code"))
        snprintf(r->trouble, sizeof r->trouble, "%s", value);
    else if (!strcasecmp(name, "x-error-message"))
        snprintf(r->message, sizeof r->message, "%s", value);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    exchange *e = context;
    const bool ours = e->reply.ours;
    const size_t length = size * count;
    char line[1024], *value;

    snprintf(line, sizeof line, "%.*s", (int)(length < 1023 ? length : 1023), bytes);
    line[strcspn(line, "\r\n")] = '\0';
    if (!strncmp(line, "HTTP/", 5)) { /* of another reply, after "100 Continue" say */
        value = strchr(line, ' ');
        e->reply = (pb_reply){.ours = ours, .code = value ? strtol(value, NULL, 10) : 0};
        e->last[0] = '\0';
        return length;
    }
    if (*line) {
        value = strchr(line, ':');
        if (value) {
            *value++ = '\0';
            note(e, line, value + strspn(value, " \t"));
        }
        return length;
    }
    if (!*e->reply.hash && e->reply.code < 300) /* that of a redirection is of itself */
        memcpy(e->reply.hash, e->last, sizeof e->last);
    if (e->reply.code >= 200 && e->reply.code < 400)
        e->status = e->sink->begin(e->sink->context, &e->reply, e->error);
    return e->status == PB_OK ? length : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    exchange *e = context;
    const size_t length = size * count;

    if (e->reply.code < 200 || e->reply.code >= 300)
        return length; /* what a refusal says beside its headers */
    e->status = e->sink->take(e->sink->context, bytes, length, e->error);
    return e->status == PB_OK ? length : 0;
}

/* Asked about once in a second, and whenever something comes. */
static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    exchange *e = context;

    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    if (e->status == PB_OK)
        e->status = pb_work_ask(e->http->work, e->error);
    return e->status != PB_OK;
}

/* The part of an address that says whom it goes to, "https://host:443"; "" where it is none. */
static void read_origin(char *out, size_t size, const char *url)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *parts = curl_url();

    *out = '\0';
    if (parts && !curl_url_set(parts, CURLUPART_URL, url, 0) &&
        !curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) &&
        !curl_url_get(parts, CURLUPART_HOST, &host, 0) &&
        !curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
        snprintf(out, size, "%s://%s:%s", scheme, host, port);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
}

static bool is_ours(const pb_http *http, const char *url)
{
    char a[600], b[600];

    read_origin(a, sizeof a, http->settings.endpoint);
    read_origin(b, sizeof b, url);
    return *a && !strcasecmp(a, b);
}

/* Sets up one request. *headers: to be freed. */
static bool prepare(exchange *e, const char *url, struct curl_slist **headers)
{
    CURL *curl = e->http->curl;
    const size_t have = e->sink->have(e->sink->context);
    char range[40], line[1200];

    curl_easy_reset(curl);
    e->http->why[0] = '\0';
    *headers = NULL;
    if (e->reply.ours && e->http->settings.token) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", e->http->settings.token);
        *headers = curl_slist_append(NULL, line);
        if (!*headers || curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers))
            return false;
    }
    snprintf(range, sizeof range, "%zu-", have);
    /* Redirections are followed here, not there: the token goes to one place only. */
    return !(curl_easy_setopt(curl, CURLOPT_URL, url) ||
             curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") ||
             curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) ||
             curl_easy_setopt(curl, CURLOPT_USERAGENT, "pullback/" PB_VERSION_STRING) ||
             curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) ||
             curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) ||
             curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECTING) ||
             curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) ||
             curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALLED) ||
             curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, e->http->why) ||
             curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) ||
             curl_easy_setopt(curl, CURLOPT_HEADERDATA, e) ||
             curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) ||
             curl_easy_setopt(curl, CURLOPT_WRITEDATA, e) ||
             curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) ||
             curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) ||
             curl_easy_setopt(curl, CURLOPT_XFERINFODATA, e) ||
             (have && curl_easy_setopt(curl, CURLOPT_RANGE, range)));
}

/* -- what comes of it ------------------------------------------------------------------------ */

/* How a try ended: it is done, it may be tried again, or it is not to be. */
typedef enum outcome { DONE, AGAIN, NEVER } outcome;

static bool passes(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static bool is_unreachable(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_COULDNT_RESOLVE_PROXY;
}

static outcome judge_failure(exchange *e, CURLcode code)
{
    const char *why = e->http->why;

    if (e->status != PB_OK)
        return NEVER;
    e->status = pb_fail(e->error, PB_IO, "%s: %s%s", e->what, *why ? why : curl_easy_strerror(code),
                        is_unreachable(code) && !e->http->answered
                            ? " (the hub is asked for over the network: HF_ENDPOINT says which, "
                              "https_proxy by way of whom)"
                            : "");
    return passes(code) && e->http->answered ? AGAIN : NEVER;
}

/* Of a reply that is complete; *url: where to, after a redirection. */
static outcome judge_reply(exchange *e, char **url, double *wait)
{
    const long code = e->reply.code;
    curl_off_t after = 0;
    char *next = NULL;

    e->http->answered = true;
    if (code >= 200 && code < 300) {
        if (e->sink->is_whole(e->sink->context))
            return DONE;
        e->status = pb_fail(e->error, PB_IO, "%s: the connection ended early", e->what);
        return AGAIN;
    }
    curl_easy_getinfo(e->http->curl, CURLINFO_REDIRECT_URL, &next);
    if (code >= 300 && code < 400 && next) {
        const bool weaker = !strncasecmp(*url, "https:", 6) && strncasecmp(next, "https:", 6);
        if (weaker)
            e->status = pb_fail(e->error, PB_IO, "%s: sent from https to %s", e->what, next);
        pb_free(*url);
        *url = pb_strdup(next);
        if (!*url)
            e->status = pb_fail_memory(e->error, strlen(next), "an address");
        return e->status == PB_OK ? DONE : NEVER;
    }
    curl_easy_getinfo(e->http->curl, CURLINFO_RETRY_AFTER, &after);
    if (code == 429 || code == 408 || code >= 500) {
        if (e->reply.has_wait)
            *wait = (double)after;
        e->status =
            pb_fail(e->error, PB_IO, "%s: %s (HTTP %ld)", e->what,
                    code == 429 ? "too many requests" : "the server cannot answer now", code);
        return AGAIN;
    }
    e->status = pb_hub_refused(e->http, e->what, &e->reply, e->error);
    return NEVER;
}

/* One try, through all redirections. *wait: seconds that the server asks to wait, where it does. */
static outcome attempt(pb_http *http, const char *what, const char *address, const pb_sink *sink,
                       double *wait, pb_status *status, pb_error *error)
{
    char *url = pb_strdup(address);
    outcome result = url ? DONE : NEVER;
    bool moved = true;

    *status = url ? PB_OK : pb_fail_memory(error, strlen(address), "an address");
    for (int hop = 0; result == DONE && moved; hop++) {
        exchange e = {.http = http, .what = what, .sink = sink, .error = error};
        struct curl_slist *headers;
        CURLcode code = CURLE_OK;

        if (hop > MOST_HOPS) {
            *status = pb_fail(error, PB_IO, "%s: sent on %d times", what, MOST_HOPS);
            result = NEVER;
            break;
        }
        e.reply.ours = is_ours(http, url);
        if (!prepare(&e, url, &headers)) {
            e.status = pb_fail(error, PB_INTERNAL, "libcurl refuses an option or an address");
            result = NEVER;
        } else {
            code = curl_easy_perform(http->curl);
            result = code ? judge_failure(&e, code) : judge_reply(&e, &url, wait);
        }
        curl_slist_free_all(headers);
        moved = e.reply.code >= 300;
        *status = e.status;
    }
    pb_free(url);
    return result;
}

/* Says why, and waits, unless it is stopped. */
static pb_status pause_for(pb_http *http, double seconds, const pb_error *why, pb_error *error)
{
    const double end = pb_seconds() + seconds;
    char text[sizeof why->message + 40];

    snprintf(text, sizeof text, "%s: again in %g s", why->message, seconds);
    if (http->work->run.warn)
        http->work->run.warn(http->work->run.context, text);
    while (pb_seconds() < end) {
        const struct timespec moment = {.tv_nsec = 50000000};
        PB_TRY(pb_work_ask(http->work, error));
        nanosleep(&moment, NULL);
    }
    return PB_OK;
}

pb_status pb_http_get(pb_http *http, const char *what, const char *url, const pb_sink *sink,
                      pb_error *error)
{
    size_t before = sink->have(sink->context);
    double usual = FIRST_WAIT;

    for (int tries = 1;; tries++) {
        pb_error why = {0};
        pb_status status = PB_OK;
        double wait = NAN;
        outcome result = attempt(http, what, url, sink, &wait, &status, &why);

        if (sink->have(sink->context) > before) { /* it goes on */
            tries = 1;
            usual = FIRST_WAIT;
        }
        before = sink->have(sink->context);
        if (result == DONE)
            return PB_OK;
        if (result == AGAIN && wait > MOST_WAIT)
            return pb_fail(error, PB_IO, "%s: asked to wait %.0f s: try again then", why.message,
                           wait);
        if (result == AGAIN && tries >= MOST_TRIES)
            return pb_fail(error, PB_IO, "%s: given up after %d tries", why.message, MOST_TRIES);
        if (result == NEVER) {
            if (error)
                *error = why;
            return status;
        }
        PB_TRY(pause_for(http, isnan(wait) ? usual : wait, &why, error));
        usual *= 2;
    }
}

/* -- a connection ---------------------------------------------------------------------------- */

pb_status pb_http_open(pb_http *http, pb_error *error)
{
    PB_TRY(pb_hub_settings_read(&http->settings, error));
    http->curl = curl_easy_init();
    return http->curl ? PB_OK : pb_fail(error, PB_INTERNAL, "libcurl cannot begin");
}

void pb_http_close(pb_http *http)
{
    curl_easy_cleanup(http->curl);
    pb_hub_settings_clear(&http->settings);
    *http = (pb_http){0};
}

/* A text as it stands in an address; slash: may there be slashes? */
static char *escape(const char *text, bool slash)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    char *out = pb_malloc(3 * strlen(text) + 1, 1), *at = out;

    for (; out && *text; text++)
        if (strchr(plain, *text) || (slash && *text == '/'))
            *at++ = *text;
        else
            at += sprintf(at, "%%%02X", (unsigned char)*text);
    if (out)
        *at = '\0';
    return out;
}

char *pb_http_url(const pb_http *http, const char *before, const char *kind, const char *revision,
                  const char *path)
{
    char *r = escape(revision, false), *p = escape(path ? path : "", true), *url = NULL;

    if (r && p)
        url = pb_sprintf("%s/%s%s/%s/%s%s%s", http->settings.endpoint, before, http->repository,
                         kind, r, path ? "/" : "", p);
    pb_free(r);
    pb_free(p);
    return url;
}
