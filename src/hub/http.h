/* Files by HTTP: asked for again after what passes (a cut connection, a server that is busy), and
 * followed to where they are said to be. */
#ifndef PB_HUB_HTTP_H
#define PB_HUB_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/run.h"
#include "hub/settings.h"

/* What a server says before it sends anything. Texts that are too long are cut. */
typedef struct pb_reply {
    long code;       /* 200, 404 … */
    bool ours;       /* it is of the endpoint itself */
    bool has_length; /* length: bytes that follow */
    bool has_start;  /* start: the first of them, of a part of a file */
    bool has_wait;   /* it says when to ask again */
    size_t length, start;
    char hash[72];     /* of the file as the hub knows it: "" or what its ETag is */
    char commit[72];   /* that it is a file of, or "" */
    char trouble[40];  /* "GatedRepo", or "" */
    char message[200]; /* in words, or "" */
} pb_reply;

/* Who takes a file's bytes. */
typedef struct pb_sink {
    /* Those that are there already: it is asked for the others. */
    size_t (*have)(void *context);
    /* A reply that is no refusal: of a redirection too, after which there is another. One of code
     * 206 is of the part that was asked for, 200 of all bytes from the first on. */
    pb_status (*begin)(void *context, const pb_reply *reply, pb_error *error);
    pb_status (*take)(void *context, const void *bytes, size_t count, pb_error *error);
    bool (*is_whole)(void *context);
    void *context;
} pb_sink;

typedef struct pb_http {
    CURL *curl;
    pb_hub_settings settings;
    struct pb_work *work;              /* asked whether to go on; waiting is warned of */
    const char *repository, *revision; /* for messages */
    bool answered;                     /* by some server, so that there is a network */
    char why[CURL_ERROR_SIZE];         /* the last request failed */
} pb_http;

/* *http: zero-filled, and to be closed in any case. Errors: those of pb_hub_settings_read;
 * PB_INTERNAL. */
pb_status pb_http_open(pb_http *http, pb_error *error);
void pb_http_close(pb_http *http);

/* Gets a file. what: what messages call it. Errors: PB_IO (the network; a refusal, in words),
 * PB_CANCELLED, those of the sink. */
pb_status pb_http_get(pb_http *http, const char *what, const char *url, const pb_sink *sink,
                      pb_error *error);

/* "ENDPOINT/BEFORE/REPOSITORY/KIND/REVISION/PATH", each as it stands in an address; before, path:
 * or NULL. pb_free; NULL: no memory. */
char *pb_http_url(const pb_http *http, const char *before, const char *kind, const char *revision,
                  const char *path);

#endif
