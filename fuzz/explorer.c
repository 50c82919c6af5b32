/* Asks the explorer whatever comes: requests made by the description of its API, with what is wrong
 * in ids, bodies, headers and in how they are sent, from several threads at once. The same seed
 * makes the same requests, as far as answers are the same.
 *
 *     fuzz-explorer PROGRAM [SECONDS [SEED]]
 *
 * It is a finding, and exit status 1, where the program ends, hangs, answers a 5xx (but 501 and 505
 * to methods and versions of HTTP that there are not), answers a request without the token or from
 * another site by anything but a 4xx, a proper one by a status that is not described, or does not
 * end in order (as with leaks, under sanitizers). The last requests of each thread are then left in
 * /tmp/fuzz-explorer-*. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "explorer.h"
#include "requests.h"

#define THREADS 4
#define HANG_SECONDS 30

typedef struct worker {
    pthread_t thread;
    unsigned long number;
    requests *made;
    unsigned long asked, by_status[600], unanswered, partial;
    request last[4];
    size_t at;
} worker;

static explorer server;
static double until;
static pthread_mutex_t findings_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long findings;

/* Leaves what the worker sent last. */
static void found(worker *w, const char *what, const reply *r)
{
    pthread_mutex_lock(&findings_lock);
    findings++;
    if (findings <= 20) {
        const request *q = &w->last[w->at % 4];
        fprintf(stderr, "found: %s: status %d of %s\n%.600s\n-- answered:\n%.400s\n--\n", what,
                r->status, q->what, q->size ? (const char *)q->bytes : "", r->bytes);
        for (size_t i = 0; i < 4; i++) {
            char path[100];
            snprintf(path, sizeof path, "/tmp/fuzz-explorer-%lu-%lu-%zu", findings, w->number, i);
            FILE *file = fopen(path, "wb");
            if (file && w->last[i].size)
                fwrite(w->last[i].bytes, 1, w->last[i].size, file);
            if (file)
                fclose(file);
        }
    }
    pthread_mutex_unlock(&findings_lock);
}

/* Sends a part of it, and closes, or only says that no more comes. */
static void send_part(const request *q)
{
    int s = explorer_connect(&server);
    char got[4096];

    if (s < 0)
        return;
    send(s, q->bytes, q->size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (q->how == HALF_CLOSED) {
        shutdown(s, SHUT_WR);
        recv(s, got, sizeof got, MSG_DONTWAIT);
    }
    close(s);
}

static void judge(worker *w, const request *q, const reply *r)
{
    int status = r->status;

    if (status > 0 && status < 600)
        w->by_status[status]++;
    else
        w->unanswered++;
    if (status == -1)
        found(w, "nobody listens", r);
    else if (status == -2 && q->how == WHOLE && !q->patience)
        found(w, "no answer in time", r);
    else if (status >= 500 && !(q->how == ODD && (status == 501 || status == 505)))
        found(w, "an error of the server's", r);
    else if (!q->allowed && status > 0 && status / 100 != 4 && !(q->how == ODD && status > 500))
        found(w, "not refused", r);
    else if (q->how == WHOLE && q->allowed && status >= 0 &&
             !requests_described(w->made, q, status))
        found(w, "a status that is not described", r);
}

/* Follows the job of an answer for some seconds, so that others than cancelled ones are seen. */
static void wait_for(worker *w, const reply *begun)
{
    const char *at = strstr(begun->body, "\"job\":");
    const double end = pb_seconds() + 10;
    char path[64];
    bool on = at != NULL;

    snprintf(path, sizeof path, "/api/jobs/%lld", at ? atoll(at + 6) : 0);
    while (on && pb_seconds() < end && pb_seconds() < until) {
        usleep(50000);
        reply r = explorer_ask(&server, "GET", path, NULL, NULL, 0);
        on = r.status == 200 && (strstr(r.body, "\"waiting\"") || strstr(r.body, "\"running\""));
        requests_ended(w->made, &r);
        reply_clear(&r);
    }
}

/* POSTs to a tab of one's own, and waits for the job; what it made is learned. */
static void step(worker *w, const char *path, const char *body)
{
    reply r = explorer_ask(&server, "POST", path, "application/json", body, strlen(body));

    if (r.status == 202)
        wait_for(w, &r);
    else if (r.status >= 500)
        found(w, "an error of the server's", &r);
    reply_clear(&r);
}

/* A tab that the others do not know, so that its jobs come to their ends. */
static void whole_way(worker *w)
{
    static const char *const whats[] = {"photo", "strip",     "animation",
                                        "basis", "direction", "project"};
    static const char *const rests[] = {"settings", "find", "edit", "export"};
    char path[100], bodies[4][200];
    reply r = explorer_ask(&server, "POST", "/api/tabs", "application/json", "{}", 2);
    const char *at = strstr(r.body, "\"tab\":");
    long long tab = at ? atoll(at + 6) : 0;

    reply_clear(&r);
    snprintf(bodies[0], sizeof bodies[0], "{\"rank\": %lu, \"steps\": %lu}", 1 + w->asked % 3,
             2 + w->asked % 7);
    snprintf(bodies[1], sizeof bodies[1], "{}");
    snprintf(bodies[2], sizeof bodies[2], "{\"weights\": {\"0\": %.3f}}",
             (double)(w->asked % 2001) / 1000 - 1);
    snprintf(bodies[3], sizeof bodies[3], "{\"what\": \"%s\", \"weights\": {\"0\": 1}}",
             whats[w->asked / 100 % 6]);
    for (int i = 0; i < 4 && tab; i++) {
        snprintf(path, sizeof path, "/api/tabs/%lld/%s", tab, rests[i]);
        step(w, path, bodies[i]);
    }
}

static void *work(void *context)
{
    worker *w = context;

    while (pb_seconds() < until && explorer_lives(&server)) {
        request *q = &w->last[++w->at % 4];
        request_clear(q);
        requests_next(w->made, &server, q);
        w->asked++;
        if (w->asked % 100 == w->number * 20)
            whole_way(w);
        if (q->how == CUT || q->how == HALF_CLOSED) {
            send_part(q);
            w->partial++;
            continue;
        }
        reply r =
            explorer_send(&server, q->bytes, q->size, q->patience ? q->patience : HANG_SECONDS);
        judge(w, q, &r);
        requests_learn(w->made, q, &r);
        if (r.status == 202 && w->asked % 4 == 0)
            wait_for(w, &r);
        reply_clear(&r);
    }
    return NULL;
}

static void tell(const worker *workers, const requests *made, double seconds, const long memory[2])
{
    unsigned long asked = 0, partial = 0, unanswered = 0;

    for (int i = 0; i < THREADS; i++) {
        asked += workers[i].asked;
        partial += workers[i].partial;
        unanswered += workers[i].unanswered;
    }
    printf("%lu requests in %.0f s, %lu of them sent in part, %lu closed without an answer\n",
           asked, seconds, partial, unanswered);
    for (int status = 100; status < 600; status++) {
        unsigned long n = 0;
        for (int i = 0; i < THREADS; i++)
            n += workers[i].by_status[status];
        if (n)
            printf("  %d %8lu\n", status, n);
    }
    requests_tell(made);
    printf("memory: %ld MiB at the start, %ld MiB at the end\n", memory[0] / 1024,
           memory[1] / 1024);
}

int main(int argc, char **argv)
{
    static worker workers[THREADS];
    double seconds = argc > 2 ? atof(argv[2]) : 60, began;
    unsigned long seed = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
    requests_shared *shared;
    long memory[2];

    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: fuzz-explorer PROGRAM [SECONDS [SEED]]\n");
        return 2;
    }
    if (!explorer_begin(&server, argv[1]) || !(shared = requests_begin(&server))) {
        fprintf(stderr, "%s: no explorer\n", argv[1]);
        return 2;
    }
    memory[0] = explorer_memory(&server, "VmRSS");
    began = pb_seconds();
    until = began + seconds;
    for (unsigned long i = 0; i < THREADS; i++) {
        workers[i].number = i;
        workers[i].made = requests_new(shared, seed * THREADS + i);
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    memory[1] = explorer_memory(&server, "VmRSS");
    if (!explorer_lives(&server))
        found(&workers[0], "the program has ended", &(reply){.bytes = (char *)""});
    tell(workers, workers[0].made, pb_seconds() - began, memory);
    if (explorer_end(&server) != 0)
        findings++;
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < 4; j++)
            request_clear(&workers[i].last[j]);
        requests_free(workers[i].made);
    }
    requests_end(shared);
    printf("%lu found (seed %lu)\n", findings, seed);
    return findings != 0;
}
