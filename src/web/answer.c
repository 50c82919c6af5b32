#include "web/inside.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"

void pb_answer_headers(struct MHD_Response *response, bool kept)
{
    static const char *const always[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
         "connect-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "same-origin"},
        {"X-Frame-Options", "DENY"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
    };

    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        MHD_add_response_header(response, always[i][0], always[i][1]);
    MHD_add_response_header(response, "Cache-Control", kept ? "private, no-cache" : "no-store");
}

static enum MHD_Result send_off(struct MHD_Connection *connection, int status,
                                struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);

    MHD_destroy_response(response);
    return result;
}

enum MHD_Result pb_answer_text(struct MHD_Connection *connection, int status, const char *text,
                               const char *allow, bool close)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                             MHD_RESPMEM_MUST_COPY);

    if (!r)
        return MHD_NO;
    pb_answer_headers(r, false);
    MHD_add_response_header(r, "Content-Type", "text/plain; charset=utf-8");
    if (allow)
        MHD_add_response_header(r, "Allow", allow);
    if (close)
        MHD_add_response_header(r, "Connection", "close");
    return send_off(connection, status, r);
}

static bool plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._", c));
}

/* RFC 6266: the name for old browsers without what could be misread, and all of it. */
static void add_download(struct MHD_Response *response, const char *name)
{
    size_t size = strlen(name);
    char *simple = pb_calloc(size + 1, 1), *full = pb_calloc(3 * size + 1, 1);

    for (size_t i = 0, at = 0; simple && full && i < size; i++) {
        unsigned char c = (unsigned char)name[i];
        simple[i] = (char)(plain(c) || c == ' ' ? c : '_');
        at += (size_t)sprintf(full + at, plain(c) ? "%c" : "%%%02X", c);
    }
    char *value = simple && full
                      ? pb_sprintf("attachment; filename=\"%s\"; filename*=UTF-8''%s", simple, full)
                      : NULL;
    MHD_add_response_header(response, "Content-Disposition", value ? value : "attachment");
    pb_free(value);
    pb_free(simple);
    pb_free(full);
}

/* What a browser has already needs not be sent again: the tag is made of the bytes. */
static bool add_tag(struct MHD_Response *response, struct MHD_Connection *connection,
                    const void *bytes, size_t size)
{
    const char *has = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
    char digest[65], tag[32 + 3];

    pb_sha256(bytes, size, digest);
    snprintf(tag, sizeof tag, "\"%.32s\"", digest);
    MHD_add_response_header(response, "ETag", tag);
    return has && strstr(has, tag);
}

static enum MHD_Result send_events(pb_web *web, struct MHD_Connection *connection,
                                   const char *channel)
{
    struct MHD_Response *r = pb_channel_listen(web, channel, connection);

    if (!r)
        return pb_answer_text(connection, 404, "There are no such events.\n", NULL, false);
    pb_answer_headers(r, false);
    MHD_add_response_header(r, "Content-Type", "text/event-stream");
    return send_off(connection, 200, r);
}

static enum MHD_Result send_body(struct MHD_Connection *connection, pb_web_answer *a)
{
    const void *bytes = a->body ? a->body : a->fixed;
    struct MHD_Response *r =
        a->body ? MHD_create_response_from_buffer_with_free_callback(a->size, a->body, pb_free)
                : MHD_create_response_from_buffer(bytes ? a->size : 0, (void *)(uintptr_t)bytes,
                                                  MHD_RESPMEM_PERSISTENT);
    int status = a->status;

    if (!r)
        return MHD_NO;
    a->body = NULL;
    pb_answer_headers(r, a->kept && bytes);
    if (a->type && bytes)
        MHD_add_response_header(r, "Content-Type", a->type);
    if (a->download)
        add_download(r, a->download);
    if (a->kept && bytes && status == 200 && add_tag(r, connection, bytes, a->size))
        status = 304;
    return send_off(connection, status, r);
}

enum MHD_Result pb_answer_send(pb_web *web, struct MHD_Connection *connection,
                               pb_web_answer *answer)
{
    enum MHD_Result result = answer->channel ? send_events(web, connection, answer->channel)
                                             : send_body(connection, answer);

    pb_free(answer->body);
    pb_free(answer->download);
    pb_free(answer->channel);
    return result;
}
