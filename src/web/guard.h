/* Who may ask: the token, and the names that the server goes by. It knows no connection. */
#ifndef PB_WEB_GUARD_H
#define PB_WEB_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"

#define PB_TOKEN_SIZE 43 /* 256 bits as base64url */

typedef struct pb_guard {
    char token[PB_TOKEN_SIZE + 1];
    const char *scheme; /* "http" or "https" */
    char *names[5];     /* "127.0.0.1:7860", … as in Host */
    size_t count;
    unsigned port;
} pb_guard;

/* A new token. Errors: PB_IO. */
pb_status pb_guard_open(pb_guard *guard, bool tls, unsigned port, pb_error *error);
/* One more name that the server goes by: a host's, or an address (::1 with or without brackets);
 * with a port of its own (localhost:9000) or the server's. */
pb_status pb_guard_name(pb_guard *guard, const char *name, pb_error *error);
void pb_guard_close(pb_guard *guard);

/* Is it the token? Takes as long for every text of its length. */
bool pb_guard_token(const pb_guard *guard, const char *text, size_t size);
/* Is the token among the cookies of a header ("a=b; pullback-7860=…; pullback=…")? */
bool pb_guard_cookies(const pb_guard *guard, const char *cookies);
/* The header that has a browser keep it. pb_free; NULL: no memory. */
char *pb_guard_set_cookie(const pb_guard *guard);

bool pb_guard_host(const pb_guard *guard, const char *host);
/* Is it this address, with the port? */
bool pb_guard_address(const pb_guard *guard, const char *host, const struct sockaddr *address);
/* Is it the origin of the server as the request calls it (its Host)? */
bool pb_guard_origin(const pb_guard *guard, const char *origin, const char *host);
/* Sec-Fetch-Site: of its own page, or of a user. */
bool pb_guard_site(const char *site);

#endif
