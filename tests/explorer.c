#include "explorer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

unsigned char *read_all(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    long end;

    *size = 0;
    if (file && !fseek(file, 0, SEEK_END) && (end = ftell(file)) >= 0 &&
        !fseek(file, 0, SEEK_SET) && (bytes = malloc((size_t)end + 1))) {
        *size = fread(bytes, 1, (size_t)end, file);
        bytes[*size] = '\0';
    }
    if (file)
        fclose(file);
    return bytes;
}

static bool spawn(explorer *e, const char *program)
{
    char *words[] = {(char *)program, "explore", "--model",   PB_SOURCE_DIR "/models/faces32",
                     "--port",        "0",       "--threads", "1",
                     "--json",        NULL};
    posix_spawn_file_actions_t actions;
    int status;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, e->log, O_WRONLY | O_TRUNC, 0600);
    status = posix_spawn(&e->pid, program, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    return status == 0;
}

static bool read_url(explorer *e)
{
    size_t size;
    char *text = (char *)read_all(e->log, &size);
    char *at = text ? strstr(text, "http://127.0.0.1:") : NULL;
    bool found = at && strchr(at, '\n') &&
                 sscanf(at, "http://127.0.0.1:%u/?token=%63s", &e->port, e->token) == 2;

    free(text);
    return found;
}

bool explorer_lives(const explorer *e)
{
    siginfo_t info = {0};

    return !waitid(P_PID, (id_t)e->pid, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid;
}

bool explorer_begin(explorer *e, const char *program)
{
    double end = pb_seconds() + 60;
    int file;

    *e = (explorer){.log = "/tmp/pullback-explorer-XXXXXX"};
    file = mkstemp(e->log);
    if (file < 0)
        return false;
    close(file);
    if (!spawn(e, program)) {
        unlink(e->log);
        return false;
    }
    while (pb_seconds() < end && explorer_lives(e)) {
        if (read_url(e))
            return true;
        usleep(20000);
    }
    kill(e->pid, SIGKILL);
    explorer_end(e);
    return false;
}

int explorer_end(explorer *e)
{
    int status = -1;
    size_t size;

    kill(e->pid, SIGTERM);
    waitpid(e->pid, &status, 0);
    if (status) {
        char *text = (char *)read_all(e->log, &size);
        fprintf(stderr, "status %d of the explorer, which said:\n%s\n", status, text ? text : "");
        free(text);
    }
    unlink(e->log);
    e->pid = 0;
    return status;
}

long explorer_memory(const explorer *e, const char *what)
{
    char path[64], line[200];
    size_t size = strlen(what);
    long found = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)e->pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, what, size) && line[size] == ':')
            found = atol(line + size + 1);
    if (file)
        fclose(file);
    return found;
}

/* -- requests ---------------------------------------------------------------------------------- */

int explorer_connect(const explorer *e)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)e->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (s >= 0 && connect(s, (const struct sockaddr *)&to, sizeof to)) {
        close(s);
        return -1;
    }
    return s;
}

int explorer_head(const explorer *e, char *into, size_t room, const char *method, const char *path,
                  const char *type, size_t size)
{
    char length[64] = "";

    if (size || type)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", size);
    return snprintf(into, room,
                    "%s %s HTTP/1.1\r\nHost: localhost:%u\r\nCookie: pullback=%s\r\n"
                    "Connection: close\r\n%s%s%s%s\r\n",
                    method, path, e->port, e->token, length, type ? "Content-Type: " : "",
                    type ? type : "", type ? "\r\n" : "");
}

/* Is all of an answer there that says how long it is? */
static bool is_whole(const reply *r)
{
    const char *end = strstr(r->bytes, "\r\n\r\n");
    const char *length = strstr(r->bytes, "\r\nContent-Length: ");

    return end && length && length < end &&
           r->size - (size_t)(end + 4 - r->bytes) >= strtoull(length + 18, NULL, 10);
}

static bool add(reply *r, size_t *room, const char *bytes, size_t size)
{
    if (r->size + size + 1 > *room) {
        char *more = realloc(r->bytes, *room = 2 * (r->size + size + 1));
        if (!more)
            return false;
        r->bytes = more;
    }
    memcpy(r->bytes + r->size, bytes, size);
    r->size += size;
    r->bytes[r->size] = '\0';
    return true;
}

/* Sends and reads at once: a server may answer before it has read all. */
static void exchange(int s, const char *bytes, size_t size, double seconds, reply *r)
{
    char got[65536];
    size_t sent = 0, room = 1;

    for (;;) {
        struct pollfd p = {.fd = s, .events = (short)(POLLIN | (sent < size ? POLLOUT : 0))};
        if (poll(&p, 1, (int)(seconds * 1000)) <= 0) {
            r->status = -2;
            return;
        }
        if (p.revents & POLLOUT) {
            ssize_t n = send(s, bytes + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            sent = n < 0 && errno != EAGAIN ? size : sent + (size_t)(n > 0 ? n : 0);
        }
        if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
            ssize_t n = recv(s, got, sizeof got, MSG_DONTWAIT);
            if (n == 0 || (n < 0 && errno != EAGAIN))
                return;
            if (n > 0 && (!add(r, &room, got, (size_t)n) || is_whole(r)))
                return;
        }
    }
}

reply explorer_send(const explorer *e, const void *bytes, size_t size, double seconds)
{
    reply r = {.status = 0, .bytes = calloc(1, 1)};
    int s = explorer_connect(e);
    const char *end;

    if (s < 0)
        r.status = -1;
    else
        exchange(s, bytes, size, seconds, &r);
    if (s >= 0)
        close(s);
    if (!strncmp(r.bytes, "HTTP/1.", 7) && r.size > 9)
        r.status = atoi(r.bytes + 9);
    end = strstr(r.bytes, "\r\n\r\n");
    r.body = end ? end + 4 : r.bytes + r.size;
    return r;
}

void reply_clear(reply *r)
{
    free(r->bytes);
    *r = (reply){.status = 0};
}

reply explorer_ask(const explorer *e, const char *method, const char *path, const char *type,
                   const void *body, size_t size)
{
    char head[4096];
    int n = explorer_head(e, head, sizeof head, method, path, type, size);
    char *all = malloc((size_t)n + size);
    reply r;

    memcpy(all, head, (size_t)n);
    if (size)
        memcpy(all + n, body, size);
    r = explorer_send(e, all, (size_t)n + size, 60);
    free(all);
    return r;
}
