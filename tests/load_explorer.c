/* The explorer under load: many connections of which half say nothing, and many requests while it
 * computes. Exit status 1 where a valid request is not answered as it should be, or where the
 * program does not end in order.
 *
 *     load_explorer PROGRAM [CONNECTIONS [REQUESTS [CLIENTS]]]    (1000 10000 50) */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "explorer.h"

static explorer server;
static unsigned long failures;

static void fail(const char *what, const reply *r)
{
    if (failures++ < 5)
        fprintf(stderr, "%s: %d: %.300s\n", what, r->status, r->bytes);
}

/* The number behind a name in an answer's JSON; 0: there is none. */
static long long number(const reply *r, const char *name)
{
    char text[40];

    snprintf(text, sizeof text, "\"%s\":", name);
    const char *at = strstr(r->body, text);
    return at ? atoll(at + strlen(text)) : 0;
}

/* -- connections ------------------------------------------------------------------------------- */

enum { CLOSED, OPEN, ANSWERED };

/* What has come of a connection: an answer, its end, or nothing yet. */
static int look(int s)
{
    char got[4096];
    ssize_t n = recv(s, got, sizeof got - 1, MSG_DONTWAIT);

    if (n <= 0)
        return n < 0 && errno == EAGAIN ? OPEN : CLOSED;
    got[n] = '\0';
    while (recv(s, got + 12, sizeof got - 12, MSG_DONTWAIT) > 0)
        ;
    return strncmp(got, "HTTP/1.1 200", 12) ? CLOSED : ANSWERED;
}

static void tell(const char *what, const int *count)
{
    printf("  %-34s %6d answered %6d open %6d closed\n", what, count[ANSWERED], count[OPEN],
           count[CLOSED]);
}

/* Sends a request on every second of them that is open, and counts what comes of each. */
static int round_of(int *s, int count, const char *request, const char *what)
{
    int asked[3] = {0}, silent[3] = {0};
    double end;

    for (int i = 0; i < count; i += 2)
        if (s[i] >= 0)
            send(s[i], request, strlen(request), MSG_NOSIGNAL | MSG_DONTWAIT);
    usleep(200000);
    end = pb_seconds() + 60;
    for (int i = 0; i < count; i++) {
        int state = s[i] < 0 ? CLOSED : look(s[i]);
        while (i % 2 == 0 && state == OPEN && pb_seconds() < end) {
            usleep(5000);
            state = look(s[i]);
        }
        (i % 2 ? silent : asked)[state]++;
        if (state == CLOSED && s[i] >= 0) {
            close(s[i]);
            s[i] = -1;
        }
    }
    printf("%s\n", what);
    tell("those that ask", asked);
    tell("those that say nothing", silent);
    if (asked[OPEN])
        failures++;
    return asked[ANSWERED];
}

static void connections(int count)
{
    const struct rlimit files = {(rlim_t)count + 200, (rlim_t)count + 200};
    struct rlimit now;
    char request[1000];
    double began;
    int *s = malloc((size_t)count * sizeof *s), first, second;
    reply r;

    if (getrlimit(RLIMIT_NOFILE, &now) || now.rlim_cur < files.rlim_cur)
        setrlimit(RLIMIT_NOFILE, &files);
    explorer_head(&server, request, sizeof request, "GET", "/api/models", NULL, 0);
    char *close_line = strstr(request, "Connection: close\r\n");
    memmove(close_line, close_line + 19, strlen(close_line + 19) + 1);
    for (int i = 0; i < count; i++)
        s[i] = explorer_connect(&server);
    printf("%d connections at once, every second one asks:\n", count);
    first = round_of(s, count, request, " at first");
    second = round_of(s, count, request, " once more, on those that are still there");
    if (first == 0 || second != first)
        failures++;
    for (int i = 0; i < count; i++)
        if (s[i] >= 0)
            close(s[i]);
    free(s);
    began = pb_seconds();
    do { /* their places become free at once */
        r = explorer_ask(&server, "GET", "/api/models", NULL, NULL, 0);
        first = r.status;
        reply_clear(&r);
    } while (first != 200 && pb_seconds() - began < 60);
    printf(" when they have gone: the next one is answered after %.1f s\n", pb_seconds() - began);
    failures += first != 200;
}

/* -- requests ---------------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    long left, done;
    double *seconds; /* of each */
    char tab[64], job[64], file[100];
} work = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *client(void *context)
{
    const char *const paths[] = {"/api/models",   work.tab,  work.job, "/",
                                 "/page/main.js", work.file, work.tab, work.job};

    (void)context;
    for (;;) {
        pthread_mutex_lock(&work.lock);
        long n = work.left > 0 ? work.left-- : 0;
        pthread_mutex_unlock(&work.lock);
        if (!n)
            return NULL;
        double began = pb_seconds();
        reply r = explorer_ask(&server, "GET", paths[n % 8], NULL, NULL, 0);
        double spent = pb_seconds() - began;
        pthread_mutex_lock(&work.lock);
        if (r.status != 200)
            fail(paths[n % 8], &r);
        work.seconds[work.done++] = spent;
        pthread_mutex_unlock(&work.lock);
        reply_clear(&r);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* POSTs, and takes what it needs of the answer. */
static long long post(const char *path, const char *body, int status, const char *name)
{
    reply r = explorer_ask(&server, "POST", path, "application/json", body, strlen(body));
    long long found = number(&r, name);

    if (r.status != status)
        fail(path, &r);
    reply_clear(&r);
    return found;
}

/* A tab whose photo has been looked at, with a long job at work. */
static void begin_work(void)
{
    char path[100];
    long long tab = post("/api/tabs", "{}", 201, "tab");
    const char *at = NULL;
    reply r;

    snprintf(work.tab, sizeof work.tab, "/api/tabs/%lld", tab);
    for (int i = 0; i < 600 && !at; i++) {
        usleep(100000);
        r = explorer_ask(&server, "GET", work.tab, NULL, NULL, 0);
        at = strstr(r.body, "\"/api/files/");
        if (at)
            snprintf(work.file, sizeof work.file, "%.*s", (int)strcspn(at + 1, "\""), at + 1);
        reply_clear(&r);
    }
    snprintf(path, sizeof path, "%s/settings", work.tab);
    post(path, "{\"rank\": 64, \"steps\": 100}", 200, "tab");
    snprintf(path, sizeof path, "%s/find", work.tab);
    snprintf(work.job, sizeof work.job, "/api/jobs/%lld", post(path, "{}", 202, "job"));
    for (int i = 0, runs = 0; i < 600 && !runs; i++) {
        usleep(100000);
        r = explorer_ask(&server, "GET", work.job, NULL, NULL, 0);
        runs = !strstr(r.body, "\"state\":\"waiting\"");
        reply_clear(&r);
    }
}

static void requests(long count, int clients)
{
    pthread_t threads[200];
    double began;
    reply r;

    begin_work();
    work.left = count;
    work.seconds = malloc((size_t)count * sizeof *work.seconds);
    began = pb_seconds();
    for (int i = 0; i < clients; i++)
        pthread_create(&threads[i], NULL, client, NULL);
    for (int i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    double spent = pb_seconds() - began;
    qsort(work.seconds, (size_t)work.done, sizeof *work.seconds, by_size);
    r = explorer_ask(&server, "GET", work.job, NULL, NULL, 0);
    const char *state = strstr(r.body, "\"state\":\"");
    printf("%ld requests from %d clients while it finds directions (the job is then: %.*s):\n",
           count, clients, state ? (int)strcspn(state + 9, "\"") : 0, state ? state + 9 : "");
    if (!state || (strncmp(state + 9, "running", 7) && strncmp(state + 9, "done", 4)))
        fail("the job that was to run meanwhile", &r);
    reply_clear(&r);
    printf(
        "  %.0f a second; half of them within %.1f ms, 99 %% within %.1f ms, the slowest %.1f ms\n",
        (double)count / spent, work.seconds[count / 2] * 1e3, work.seconds[count * 99 / 100] * 1e3,
        work.seconds[count - 1] * 1e3);
    free(work.seconds);
}

static void memory(const char *when)
{
    printf("memory %-24s %8.1f MiB, at most %8.1f MiB\n", when,
           (double)explorer_memory(&server, "VmRSS") / 1024,
           (double)explorer_memory(&server, "VmHWM") / 1024);
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[2]) : 1000, clients = argc > 4 ? atoi(argv[4]) : 50;
    long asked = argc > 3 ? atol(argv[3]) : 10000;

    if (argc < 2 || argc > 5 || count < 1 || asked < 1 || clients < 1 || clients > 200) {
        fprintf(stderr, "usage: load_explorer PROGRAM [CONNECTIONS [REQUESTS [CLIENTS]]]\n");
        return 2;
    }
    if (!explorer_begin(&server, argv[1])) {
        fprintf(stderr, "%s: no explorer\n", argv[1]);
        return 2;
    }
    memory("at the start");
    connections(count);
    memory("after the connections");
    requests(asked, clients);
    memory("after the requests");
    failures += explorer_end(&server) != 0;
    printf("%lu failed\n", failures);
    return failures != 0;
}
