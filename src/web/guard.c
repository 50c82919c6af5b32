#include "web/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/memory.h"

#define COOKIE "pullback"

pb_status pb_guard_open(pb_guard *guard, bool tls, unsigned port, pb_error *error)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[PB_TOKEN_SIZE];

    *guard = (pb_guard){.scheme = tls ? "https" : "http", .port = port};
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return pb_fail_system(error, "getrandom", NULL);
    for (size_t i = 0; i < PB_TOKEN_SIZE; i++)
        guard->token[i] = digits[bytes[i] & 63];
    explicit_bzero(bytes, sizeof bytes);
    return PB_OK;
}

/* The ':' before a port, or NULL. */
static const char *port_of(const char *name)
{
    const char *colon = strrchr(name, ':');

    if (!colon || (name[0] == '[' ? colon[-1] != ']' : strchr(name, ':') != colon))
        return NULL;
    return colon;
}

pb_status pb_guard_name(pb_guard *guard, const char *name, pb_error *error)
{
    bool bare = name[0] != '[' && !port_of(name) && strchr(name, ':');
    char *full =
        port_of(name) ? pb_strdup(name) : pb_sprintf(bare ? "[%s]:%u" : "%s:%u", name, guard->port);

    if (!full)
        return pb_fail_memory(error, strlen(name), "a name of the server");
    guard->names[guard->count++] = full;
    return PB_OK;
}

void pb_guard_close(pb_guard *guard)
{
    for (size_t i = 0; i < guard->count; i++)
        pb_free(guard->names[i]);
    explicit_bzero(guard, sizeof *guard);
}

bool pb_guard_token(const pb_guard *guard, const char *text, size_t size)
{
    unsigned char differ = 0;

    if (size != PB_TOKEN_SIZE)
        return false;
    for (size_t i = 0; i < PB_TOKEN_SIZE; i++)
        differ |= (unsigned char)(guard->token[i] ^ text[i]);
    return *(volatile unsigned char *)&differ == 0;
}

bool pb_guard_cookies(const pb_guard *guard, const char *cookies)
{
    const size_t size = strlen(COOKIE);

    for (const char *at = cookies; at; at = strchr(at, ';')) {
        at += strspn(at, "; \t");
        size_t name = strcspn(at, "=; \t");
        if (at[name] == '=' && !strncmp(at, COOKIE, size)) {
            const char *value = at + name + 1;
            if (pb_guard_token(guard, value, strcspn(value, "; \t")))
                return true;
        }
    }
    return false;
}

char *pb_guard_set_cookie(const pb_guard *guard)
{
    return pb_sprintf(COOKIE "-%u=%s; Path=/; HttpOnly; SameSite=Strict%s", guard->port,
                      guard->token, strcmp(guard->scheme, "https") ? "" : "; Secure");
}

/* "localhost:80" is also "localhost" under http. */
static bool same_name(const pb_guard *guard, const char *name, const char *host)
{
    const char *usual = strcmp(guard->scheme, "http") ? ":443" : ":80";
    size_t size = strlen(name), without = size - strlen(usual);

    if (!strcasecmp(name, host))
        return true;
    return size > strlen(usual) && !strcmp(name + without, usual) && strlen(host) == without &&
           !strncasecmp(name, host, without);
}

bool pb_guard_host(const pb_guard *guard, const char *host)
{
    for (size_t i = 0; host && i < guard->count; i++)
        if (same_name(guard, guard->names[i], host))
            return true;
    return false;
}

bool pb_guard_address(const pb_guard *guard, const char *host, const struct sockaddr *address)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    const bool is_six = address->sa_family == AF_INET6;
    const bool mapped = is_six && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
    const void *bytes = mapped   ? (const void *)&six->sin6_addr.s6_addr[12]
                        : is_six ? (const void *)&six->sin6_addr
                                 : (const void *)&four->sin_addr;
    char text[INET6_ADDRSTRLEN], name[INET6_ADDRSTRLEN + 10];

    if ((!is_six && address->sa_family != AF_INET) ||
        !inet_ntop(is_six && !mapped ? AF_INET6 : AF_INET, bytes, text, sizeof text))
        return false;
    snprintf(name, sizeof name, is_six && !mapped ? "[%s]:%u" : "%s:%u", text, guard->port);
    return same_name(guard, name, host);
}

bool pb_guard_origin(const pb_guard *guard, const char *origin, const char *host)
{
    size_t size = strlen(guard->scheme);

    return !strncasecmp(origin, guard->scheme, size) && !strncmp(origin + size, "://", 3) &&
           !strcasecmp(origin + size + 3, host);
}

bool pb_guard_site(const char *site)
{
    return !strcmp(site, "same-origin") || !strcmp(site, "none");
}
