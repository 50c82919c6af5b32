#include "hub_server.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <nettle/sha1.h>
#include <nettle/version.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/file.h"

#define MOST_FILES 64

typedef struct served {
    char name[256], hash[65];
    unsigned char *bytes;
    size_t size;
    bool lfs;
} served;

static struct {
    served files[MOST_FILES];
    size_t count;
    int sockets[2], ports[2]; /* of the endpoint, of the other host */
    pthread_t threads[2];
    pthread_mutex_t mutex; /* of what follows */
    hub_options options;
    char log[1 << 16]; /* request lines */
    size_t sent, tokens[2], busy;
} hub = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* -- its files --------------------------------------------------------------------------------- */

static void git_hash(served *f)
{
    unsigned char digest[SHA1_DIGEST_SIZE];
    struct sha1_ctx context;
    char header[40];
    int n = snprintf(header, sizeof header, "blob %zu", f->size) + 1;

    sha1_init(&context);
    sha1_update(&context, (size_t)n, (const uint8_t *)header);
    sha1_update(&context, f->size, f->bytes);
#if NETTLE_VERSION_MAJOR >= 4
    sha1_digest(&context, digest);
#else
    sha1_digest(&context, sizeof digest, digest);
#endif
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(f->hash + 2 * i, 3, "%02x", digest[i]);
}

static void add_file(const char *path, const char *name)
{
    served *f = &hub.files[hub.count++];
    size_t n = strlen(name);
    FILE *file = fopen(path, "rb");
    struct stat info;

    assert_true(hub.count < MOST_FILES && n < sizeof f->name && file && stat(path, &info) == 0);
    strcpy(f->name, name);
    f->size = (size_t)info.st_size;
    f->bytes = malloc(f->size + 1);
    assert_non_null(f->bytes);
    assert_int_equal(fread(f->bytes, 1, f->size, file), f->size);
    fclose(file);
    f->lfs = n > 12 && !strcmp(name + n - 12, ".safetensors");
    if (f->lfs)
        pb_sha256(f->bytes, f->size, f->hash);
    else
        git_hash(f);
}

static void add_folder(const char *folder, const char *below)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        char path[1024], name[600];
        struct stat info;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        snprintf(name, sizeof name, "%s%s", below, entry->d_name);
        assert_int_equal(stat(path, &info), 0);
        if (S_ISDIR(info.st_mode)) {
            strcat(name, "/");
            add_folder(path, name);
        } else
            add_file(path, name);
    }
    closedir(directory);
}

static const served *file_named(const char *name, size_t length)
{
    for (size_t i = 0; i < hub.count; i++)
        if (strlen(hub.files[i].name) == length && !strncmp(hub.files[i].name, name, length))
            return &hub.files[i];
    return NULL;
}

static const served *must_have(const char *name)
{
    const served *f = file_named(name, strlen(name));

    assert_non_null(f);
    return f;
}

const char *hub_hash(const char *name)
{
    return must_have(name)->hash;
}

size_t hub_size(const char *name)
{
    return must_have(name)->size;
}

const unsigned char *hub_bytes(const char *name)
{
    return must_have(name)->bytes;
}

/* -- replies ----------------------------------------------------------------------------------- */

/* Who hangs up early is no failure of the hub's. */
static bool send_all(int connection, const void *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        ssize_t n = send(connection, (const char *)bytes + done, count - done, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static void reply(int connection, int status, const char *headers, const char *body)
{
    char text[1024];

    snprintf(text, sizeof text,
             "HTTP/1.1 %d x\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", status, headers,
             strlen(body));
    send_all(connection, text, strlen(text));
    send_all(connection, body, strlen(body));
}

/* The fault of a request, which is used up. */
static hub_fault take_fault(const char *path)
{
    hub_fault none = {.of = NULL}, *f = &hub.options.fault, taken = none;

    pthread_mutex_lock(&hub.mutex);
    if (f->of && f->times > 0 && strstr(path, f->of)) {
        f->times--;
        taken = *f;
    }
    pthread_mutex_unlock(&hub.mutex);
    return taken;
}

static void send_list(int connection)
{
    size_t room = 1 << 16, n;
    char *text = malloc(room);

    n = (size_t)snprintf(text, room, "{\"id\": \"me/net\", \"sha\": \"%s\", \"siblings\": [",
                         HUB_COMMIT);
    for (size_t i = 0; i < hub.count; i++) {
        const served *f = &hub.files[i];
        n += (size_t)snprintf(text + n, room - n, "%s{\"rfilename\": \"%s\", \"size\": %zu, ",
                              i ? ", " : "", f->name, f->size);
        if (f->lfs)
            n += (size_t)snprintf(text + n, room - n,
                                  "\"blobId\": \"%040d\", \"lfs\": {\"sha256\": \"%s\", \"size\": "
                                  "%zu, \"pointerSize\": 130}}",
                                  0, f->hash, f->size);
        else
            n += (size_t)snprintf(text + n, room - n, "\"blobId\": \"%s\"}", f->hash);
    }
    snprintf(text + n, room - n, "]}");
    reply(connection, 200, "", hub.options.list ? hub.options.list : text);
    free(text);
}

static void send_bytes(int connection, const served *f, size_t from, const hub_fault *fault)
{
    const size_t end = fault->cut && fault->cut < f->size ? fault->cut : f->size;

    for (size_t at = from; at < end;) {
        const struct timespec pause = {fault->milliseconds / 1000,
                                       fault->milliseconds % 1000 * 1000000L};
        unsigned char bytes[4096];
        size_t n = end - at < sizeof bytes ? end - at : sizeof bytes;
        memcpy(bytes, f->bytes + at, n);
        if (fault->flipped && at + n == f->size)
            bytes[n - 1] ^= 1;
        if (fault->milliseconds)
            nanosleep(&pause, NULL);
        if (!send_all(connection, bytes, n))
            return;
        at += n;
        pthread_mutex_lock(&hub.mutex);
        hub.sent += n;
        pthread_mutex_unlock(&hub.mutex);
    }
    if (end == f->size && fault->longer > 0)
        send_all(connection, "x", 1);
}

static void send_file(int connection, const served *f, size_t from, const hub_fault *fault)
{
    char text[1024], more[400] = "", length[60] = "";
    const bool part = from > 0 && !hub.options.no_ranges;

    if (!part)
        from = 0;
    if (part)
        snprintf(more, sizeof more, "Content-Range: bytes %zu-%zu/%zu\r\n", from, f->size - 1,
                 f->size);
    if (!fault->unhashed)
        snprintf(more + strlen(more), sizeof more - strlen(more),
                 "X-Repo-Commit: %s\r\nETag: \"%s\"\r\n",
                 fault->commit ? fault->commit : HUB_COMMIT, fault->hash ? fault->hash : f->hash);
    if (!fault->unlengthed)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n",
                 f->size - from + (size_t)fault->longer);
    snprintf(text, sizeof text, "HTTP/1.1 %d OK\r\n%s%sConnection: close\r\n\r\n", part ? 206 : 200,
             more, length);
    if (send_all(connection, text, strlen(text)))
        send_bytes(connection, f, from, fault);
}

/* Sends to the other host, by another name. */
static void send_away(int connection, const served *f, const hub_fault *fault)
{
    char headers[500];

    snprintf(headers, sizeof headers,
             "Location: http://localhost:%d/far/%s\r\nX-Linked-Etag: \"%s\"\r\n"
             "X-Repo-Commit: %s\r\nETag: \"ffffffffffffffffffffffffffffffffffffffff\"\r\n",
             hub.ports[1], f->name, fault->hash ? fault->hash : f->hash, HUB_COMMIT);
    reply(connection, 302, headers, "");
}

/* -- requests ---------------------------------------------------------------------------------- */

typedef struct request {
    char path[600];
    bool token, wrong_token;
    size_t from;
} request;

static void note_request(int which, const char *text, const request *r)
{
    pthread_mutex_lock(&hub.mutex);
    strncat(hub.log, text, sizeof hub.log - strlen(hub.log) - 1);
    if (strlen(hub.log) < sizeof hub.log - 2)
        strcat(hub.log, "\n");
    hub.tokens[which] += r->token || r->wrong_token;
    pthread_mutex_unlock(&hub.mutex);
}

/* Reads a request's head. */
static bool read_request(int connection, int which, request *r)
{
    char text[8192], *range, *token;
    size_t n = 0;

    *r = (request){.path = ""};
    do {
        ssize_t got = recv(connection, text + n, sizeof text - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
    } while (!strstr(text, "\r\n\r\n"));
    sscanf(text, "GET %599s", r->path);
    if (!strncmp(r->path, "http://", 7)) /* as to a proxy */
        memmove(r->path, strchr(r->path + 7, '/'), strlen(strchr(r->path + 7, '/')) + 1);
    token = strstr(text, "\r\nAuthorization: ");
    r->token = token && !strncmp(token + 17, "Bearer " HUB_TOKEN "\r\n", 9 + strlen(HUB_TOKEN));
    r->wrong_token = token && !r->token;
    range = strstr(text, "\r\nRange: bytes=");
    r->from = range ? (size_t)strtoull(range + 15, NULL, 10) : 0;
    text[strcspn(text, "\r\n")] = '\0';
    note_request(which, text, r);
    return true;
}

static void answer(int connection, const request *r)
{
    static const char api[] = "/api/models/me/net/revision/", files[] = "/me/net/resolve/",
                      far[] = "/far/";
    const hub_fault fault = take_fault(r->path);
    const char *name = NULL;
    const served *f;

    if (fault.status) {
        reply(connection, fault.status, fault.headers ? fault.headers : "", "{}");
        return;
    }
    if (!strncmp(r->path, far, strlen(far)))
        name = r->path + strlen(far);
    else if (hub.options.gated && !r->token) {
        reply(connection, 401, "X-Error-Code: GatedRepo\r\n", "");
        return;
    } else if (!strncmp(r->path, api, strlen(api))) {
        if (!strncmp(r->path + strlen(api), "main?", 5) ||
            !strncmp(r->path + strlen(api), "v%2F1?", 6) ||
            !strncmp(r->path + strlen(api), HUB_COMMIT "?", 41))
            send_list(connection);
        else
            reply(connection, 404, "X-Error-Code: RevisionNotFound\r\n", "");
        return;
    } else if (!strncmp(r->path, files, strlen(files)))
        name = strchr(r->path + strlen(files), '/') + 1;
    f = name ? file_named(name, strlen(name)) : NULL;
    if (!f)
        reply(connection, 401, "X-Error-Code: RepoNotFound\r\n", "");
    else if (hub.options.elsewhere && f->lfs && r->path[1] != 'f')
        send_away(connection, f, &fault);
    else
        send_file(connection, f, r->from, &fault);
}

typedef struct job {
    int connection, which;
} job;

static void *serve_one(void *context)
{
    job *j = context;
    request r;

    if (read_request(j->connection, j->which, &r))
        answer(j->connection, &r);
    shutdown(j->connection, SHUT_WR);
    close(j->connection);
    free(j);
    pthread_mutex_lock(&hub.mutex);
    hub.busy--;
    pthread_mutex_unlock(&hub.mutex);
    return NULL;
}

static void *serve(void *context)
{
    const int which = (int)(intptr_t)context;
    int connection;

    while ((connection = accept(hub.sockets[which], NULL, NULL)) >= 0) {
        job *j = malloc(sizeof *j);
        pthread_t thread;
        *j = (job){connection, which};
        pthread_mutex_lock(&hub.mutex);
        hub.busy++;
        pthread_mutex_unlock(&hub.mutex);
        if (pthread_create(&thread, NULL, serve_one, j) == 0)
            pthread_detach(thread);
        else
            serve_one(j);
    }
    return NULL;
}

/* -- for the tests ----------------------------------------------------------------------------- */

static int listen_on(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(s >= 0);
    assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s, 16), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return s;
}

void hub_open(const char *folder)
{
    char endpoint[60];

    hub.count = 0;
    add_folder(folder, "");
    for (int i = 0; i < 2; i++) {
        hub.sockets[i] = listen_on(&hub.ports[i]);
        assert_int_equal(pthread_create(&hub.threads[i], NULL, serve, (void *)(intptr_t)i), 0);
    }
    hub_behave(&(hub_options){.gated = false});
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d/", hub.ports[0]);
    setenv("HF_ENDPOINT", endpoint, 1);
}

/* Connections that somebody has left alone end soon. */
static void wait_idle(void)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    size_t busy;

    do {
        nanosleep(&moment, NULL);
        pthread_mutex_lock(&hub.mutex);
        busy = hub.busy;
        pthread_mutex_unlock(&hub.mutex);
    } while (busy);
}

void hub_close(void)
{
    for (int i = 0; i < 2; i++) {
        shutdown(hub.sockets[i], SHUT_RDWR);
        pthread_join(hub.threads[i], NULL);
        close(hub.sockets[i]);
    }
    wait_idle();
    for (size_t i = 0; i < hub.count; i++)
        free(hub.files[i].bytes);
    hub.count = 0;
}

void hub_behave(const hub_options *options)
{
    wait_idle();
    pthread_mutex_lock(&hub.mutex);
    hub.options = *options;
    hub.log[0] = '\0';
    hub.sent = hub.tokens[0] = hub.tokens[1] = 0;
    pthread_mutex_unlock(&hub.mutex);
}

size_t hub_asked(const char *text)
{
    size_t count = 0;

    pthread_mutex_lock(&hub.mutex);
    for (const char *at = hub.log; (at = strstr(at, text)) != NULL; at++)
        count++;
    pthread_mutex_unlock(&hub.mutex);
    return count;
}

size_t hub_sent(void)
{
    size_t sent;

    pthread_mutex_lock(&hub.mutex);
    sent = hub.sent;
    pthread_mutex_unlock(&hub.mutex);
    return sent;
}

size_t hub_tokens(bool elsewhere)
{
    size_t tokens;

    pthread_mutex_lock(&hub.mutex);
    tokens = hub.tokens[elsewhere];
    pthread_mutex_unlock(&hub.mutex);
    return tokens;
}
