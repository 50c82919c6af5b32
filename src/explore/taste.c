#include "explore/taste.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "explore/shelf.h"
#include "picture/photo.h"

/* What the picture is called there. */
#define PICTURE "a picture"
#define BLAME PICTURE ": "

#define SECONDS 60               /* of a processor, */
#define LONGEST 180              /* and by the clock */
#define MEMORY ((rlim_t)6 << 30) /* bytes: what a photo of PB_MEGAPIXELS takes, and libraries */
#define STEP 2000                /* microseconds between two looks at it */

/* -- the process that reads ------------------------------------------------------------------- */

static void limit(int what, rlim_t most)
{
    setrlimit(what, &(struct rlimit){most, most});
}

static pb_status read_all(size_t most, pb_bytes *file, pb_error *error)
{
    GByteArray *all = g_byte_array_new();
    unsigned char part[1 << 16];
    pb_status status;
    GBytes *bytes;
    size_t got;

    while (all->len <= most && (got = fread(part, 1, sizeof part, stdin)))
        g_byte_array_append(all, part, (guint)got);
    bytes = g_byte_array_free_to_bytes(all);
    status = g_bytes_get_size(bytes) <= most
                 ? pb_copy_bytes(bytes, file, error)
                 : pb_fail(error, PB_FORMAT, PICTURE ": more than %zu bytes", most);
    g_bytes_unref(bytes);
    return status;
}

pb_status pb_taste(size_t most, pb_error *error)
{
    const pb_crop crop = {.fit = PB_FIT_STRETCH};
    pb_photo photo = PB_PHOTO_EMPTY;
    pb_bytes file = {NULL, 0};
    pb_status status;

    limit(RLIMIT_CPU, SECONDS);
    limit(RLIMIT_CORE, 0);
#ifndef __SANITIZE_ADDRESS__ /* which takes more than there is */
    limit(RLIMIT_AS, MEMORY);
#endif
    status = read_all(most, &file, error);
    if (status == PB_OK)
        status = pb_photo_take(&photo, &file, PICTURE, &crop, 64, 64, error);
    pb_photo_clear(&photo);
    pb_bytes_clear(&file);
    return status;
}

/* -- the server ------------------------------------------------------------------------------- */

/* All of the picture, as long as it is taken. */
static void send_all(int to, GBytes *picture)
{
    gsize left;
    const char *at = g_bytes_get_data(picture, &left);

    while (left) {
        ssize_t n = write(to, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += n;
        left -= (gsize)n;
    }
}

/* What it says: the beginning of it, and the rest is read, too. */
typedef struct words {
    int from;
    char text[4000];
    size_t size;
} words;

static void listen_to(words *w)
{
    char rest[1000];
    ssize_t n;

    do {
        size_t room = sizeof w->text - 1 - w->size;
        n = read(w->from, room ? w->text + w->size : rest, room ? room : sizeof rest);
        w->size += n > 0 && room ? (size_t)n : 0;
    } while (n > 0);
    w->text[w->size] = '\0';
}

static int is_stopped(const pb_run *run)
{
    return run && run->monitor &&
           run->monitor(run->context, &(pb_progress){.task = "reading the picture"});
}

/* Waits for its end; *status is that of waitpid. 0: it was told to end. */
static int wait_for(GPid child, words *w, const pb_run *run, int *status)
{
    double begun = pb_seconds();
    int stopped = 0;
    pid_t ended;

    while ((ended = waitpid(child, status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        listen_to(w);
        if (!stopped && (is_stopped(run) || pb_seconds() - begun > LONGEST)) {
            kill(child, SIGKILL);
            stopped = 1;
        }
        usleep(STEP);
    }
    listen_to(w);
    if (ended < 0)
        *status = 1 << 8; /* somebody else has waited for it */
    return !stopped;
}

static pb_status judge(int status, char *said, const char *name, pb_error *error)
{
    char *why = strstr(said, BLAME);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return PB_OK;
    why = why ? why + strlen(BLAME) : said;
    why[strcspn(why, "\n")] = '\0';
    return WIFEXITED(status) ? pb_fail(error, PB_FORMAT, "%s: %s", name, why)
                             : pb_fail(error, PB_FORMAT,
                                       "%s: a picture that cannot be read: its reader was ended by "
                                       "signal %d",
                                       name, WTERMSIG(status));
}

pb_status pb_have_tasted(const char *const *argv, GBytes *picture, const char *name,
                         const pb_run *run, pb_error *error)
{
    words w = {.size = 0};
    int in, status, whole;
    GPid child;

    if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
                                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                                  NULL, &child, &in, NULL, &w.from, NULL))
        return pb_fail(error, PB_IO, "%s: no process for reading it can be started", name);
    send_all(in, picture);
    close(in);
    fcntl(w.from, F_SETFL, O_NONBLOCK);
    whole = wait_for(child, &w, run, &status);
    close(w.from);
    g_spawn_close_pid(child);
    if (!whole && is_stopped(run))
        return pb_fail(error, PB_CANCELLED, "stopped");
    return whole ? judge(status, w.text, name, error)
                 : pb_fail(error, PB_FORMAT, "%s: a picture that takes too long to read", name);
}
