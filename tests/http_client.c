#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

int http_connect_to(const char *address, unsigned port)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    const struct timeval most = {.tv_sec = 5};
    const int is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
    int s = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
        abort();
    if (s >= 0 && connect(s, is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six,
                          is_four ? sizeof four : sizeof six)) {
        close(s);
        return -1;
    }
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    return s;
}

int http_connect(unsigned port)
{
    int s = http_connect_to("127.0.0.1", port);

    if (s < 0)
        abort();
    return s;
}

void http_send(int socket, const char *text)
{
    size_t left = strlen(text);

    while (left) {
        ssize_t n = send(socket, text, left, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text += n;
        left -= (size_t)n;
    }
}

bool http_read(int socket, char *into, size_t room, const char *until)
{
    size_t at = 0;

    for (into[0] = '\0'; at + 1 < room && !(until && strstr(into, until));) {
        ssize_t n = recv(socket, into + at, room - at - 1, 0);
        if (n < 0 && errno == EAGAIN)
            fail_msg("no answer, and no end, after five seconds: \"%s\"", into);
        if (n <= 0)
            break;
        at += (size_t)n;
        into[at] = '\0';
    }
    return until && strstr(into, until);
}

int http_ask(unsigned port, const char *text, char *into, size_t room)
{
    int s = http_connect(port);

    http_send(s, text);
    http_read(s, into, room, NULL);
    close(s);
    return strncmp(into, "HTTP/1.1 ", 9) ? 0 : atoi(into + 9);
}
