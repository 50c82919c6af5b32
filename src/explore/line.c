#include "explore/line.h"

#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "explore/random.h"

#define MOST_WAITING 64 /* jobs that have not ended */
#define MOST_KEPT 256   /* jobs that have, and can still be asked for */
#define TELL 0.1        /* seconds between two words of progress */

typedef enum state { WAITING, RUNNING, DONE, FAILED, CANCELLED } state;

typedef struct item {
    unsigned long id;
    pb_job job;
    state state;
    int cancel;
    char task[48];
    size_t done, total;
    double task_began, told;
    char *error;
    json_t *result;
} item;

struct pb_line {
    GMutex lock;
    GCond changed;
    GThread *thread;
    GQueue items; /* of item, in the order in which they came */
    int ending;
    pb_run run;
    pb_line_told *told;
    void *context;
};

static int has_ended(const item *i)
{
    return i->state > RUNNING;
}

static json_t *describe(const item *i)
{
    static const char *const names[] = {"waiting", "running", "done", "failed", "cancelled"};
    double spent = pb_seconds() - i->task_began;
    json_t *left = i->state == RUNNING && i->done && i->total > i->done
                       ? json_real(spent * (double)(i->total - i->done) / (double)i->done)
                       : json_null();

    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:o, s:s?, s:O?}", "job",
                     (json_int_t)i->id, "tab", (json_int_t)i->job.tab, "kind", i->job.kind, "state",
                     names[i->state], "task", i->task, "done", (json_int_t)i->done, "total",
                     (json_int_t)i->total, "left", left, "error", i->error, "result", i->result);
}

/* With the lock: what threads tell is told in the order in which it came to be, the end last. */
static void tell(pb_line *line, const item *i)
{
    json_t *job = describe(i);

    line->told(line->context, i->id, job, has_ended(i));
    json_decref(job);
}

/* With the lock: a job comes to its end. */
static void end(pb_line *line, item *i, state how)
{
    pb_job job = i->job;

    i->state = how;
    i->job.context = NULL;
    tell(line, i);
    g_mutex_unlock(&line->lock);
    job.release(job.context);
    g_mutex_lock(&line->lock);
}

static void forget(pb_line *line, item *i)
{
    g_queue_remove(&line->items, i);
    line->told(line->context, i->id, NULL, 1);
    g_free(i->error);
    json_decref(i->result);
    g_free(i);
}

/* With the lock: the oldest that have ended are forgotten. */
static void tidy(pb_line *line)
{
    GList *at = line->items.head;

    for (guint most = line->items.length; at && most > MOST_KEPT; most--) {
        GList *next = at->next;
        if (has_ended(at->data))
            forget(line, at->data);
        at = next;
    }
}

/* -- the thread ------------------------------------------------------------------------------- */

typedef struct watch {
    pb_line *line;
    item *item;
} watch;

static int monitor(void *context, const pb_progress *progress)
{
    watch *w = context;
    item *i = w->item;
    double now = pb_seconds();
    int stop;

    g_mutex_lock(&w->line->lock);
    if (progress->task && strcmp(progress->task, i->task)) {
        g_strlcpy(i->task, progress->task, sizeof i->task);
        i->task_began = now;
        i->told = 0;
    }
    i->done = progress->done;
    i->total = progress->total;
    stop = i->cancel || w->line->ending;
    if (now - i->told > TELL) {
        i->told = now;
        tell(w->line, i);
    }
    g_mutex_unlock(&w->line->lock);
    return stop;
}

static item *next(pb_line *line)
{
    for (GList *at = line->items.head; at; at = at->next)
        if (((item *)at->data)->state == WAITING)
            return at->data;
    return NULL;
}

/* With the lock. */
static void work(pb_line *line, item *i)
{
    watch w = {line, i};
    pb_run run = line->run;
    pb_error error = {0};
    pb_status status;

    i->state = RUNNING;
    i->task_began = pb_seconds();
    run.monitor = monitor;
    run.context = &w;
    tell(line, i);
    g_mutex_unlock(&line->lock);
    status = i->job.work(i->job.context, &i->result, &run, &error);
    g_mutex_lock(&line->lock);
    if (status != PB_OK && status != PB_CANCELLED)
        i->error = g_utf8_make_valid(error.message, -1);
    end(line, i, status == PB_OK ? DONE : status == PB_CANCELLED ? CANCELLED : FAILED);
}

static gpointer work_all(gpointer data)
{
    pb_line *line = data;

    g_mutex_lock(&line->lock);
    while (!line->ending) {
        item *i = next(line);
        if (i)
            work(line, i);
        else
            g_cond_wait(&line->changed, &line->lock);
        tidy(line);
    }
    g_mutex_unlock(&line->lock);
    return NULL;
}

/* -- from outside ----------------------------------------------------------------------------- */

pb_status pb_line_begin(pb_line **out, const pb_run *run, pb_line_told *told, void *context,
                        pb_error *error)
{
    pb_line *line = g_new0(pb_line, 1);

    g_mutex_init(&line->lock);
    g_cond_init(&line->changed);
    g_queue_init(&line->items);
    line->run = *run;
    line->told = told;
    line->context = context;
    line->thread = g_thread_try_new("line", work_all, line, NULL);
    *out = line;
    if (line->thread)
        return PB_OK;
    pb_line_end(line);
    *out = NULL;
    return pb_fail(error, PB_MEMORY, "a thread for the work cannot be started");
}

static void cancel(pb_line *line, item *i)
{
    i->cancel = 1;
    if (i->state == WAITING)
        end(line, i, CANCELLED);
}

/* With the lock: the first job that has not ended, of a tab (0: any) and a kind (NULL: any), and
 * was not told to. */
static item *find(pb_line *line, unsigned long tab, const char *kind)
{
    for (GList *at = line->items.head; at; at = at->next) {
        item *i = at->data;
        if (!has_ended(i) && !i->cancel && (!tab || i->job.tab == tab) &&
            (!kind || !strcmp(kind, i->job.kind)))
            return i;
    }
    return NULL;
}

static void cancel_all(pb_line *line, unsigned long tab, const char *kind)
{
    for (item *i; (i = find(line, tab, kind));)
        cancel(line, i);
}

void pb_line_stop(pb_line *line)
{
    if (!line)
        return;
    g_mutex_lock(&line->lock);
    line->ending = 1;
    cancel_all(line, 0, NULL);
    g_cond_broadcast(&line->changed);
    g_mutex_unlock(&line->lock);
    if (line->thread)
        g_thread_join(line->thread);
    line->thread = NULL;
}

void pb_line_end(pb_line *line)
{
    if (!line)
        return;
    pb_line_stop(line);
    while (line->items.head)
        forget(line, line->items.head->data);
    g_mutex_clear(&line->lock);
    g_cond_clear(&line->changed);
    g_free(line);
}

unsigned long pb_line_add(pb_line *line, const pb_job *job)
{
    item *i = g_new0(item, 1);
    unsigned long id = 0;
    guint waiting = 0;

    i->job = *job;
    g_mutex_lock(&line->lock);
    if (job->newest)
        cancel_all(line, job->tab, job->kind);
    for (GList *at = line->items.head; at; at = at->next)
        waiting += !has_ended(at->data);
    if (waiting < MOST_WAITING && !line->ending) {
        id = i->id = pb_random_id();
        g_queue_push_tail(&line->items, i);
        tell(line, i);
        tidy(line);
        g_cond_signal(&line->changed);
    }
    g_mutex_unlock(&line->lock);
    if (!id) {
        job->release(job->context);
        g_free(i);
    }
    return id;
}

static item *item_of(pb_line *line, unsigned long id)
{
    for (GList *at = line->items.head; at; at = at->next)
        if (((item *)at->data)->id == id)
            return at->data;
    return NULL;
}

json_t *pb_line_job(pb_line *line, unsigned long id)
{
    json_t *job = NULL;
    item *i;

    g_mutex_lock(&line->lock);
    i = item_of(line, id);
    if (i)
        job = describe(i);
    g_mutex_unlock(&line->lock);
    return job;
}

unsigned long pb_line_of_tab(pb_line *line, unsigned long tab)
{
    unsigned long id;
    item *i;

    g_mutex_lock(&line->lock);
    i = find(line, tab, NULL);
    id = i ? i->id : 0;
    g_mutex_unlock(&line->lock);
    return id;
}

void pb_line_cancel(pb_line *line, unsigned long id)
{
    item *i;

    g_mutex_lock(&line->lock);
    i = item_of(line, id);
    if (i && !has_ended(i))
        cancel(line, i);
    g_mutex_unlock(&line->lock);
}

void pb_line_cancel_tab(pb_line *line, unsigned long tab)
{
    g_mutex_lock(&line->lock);
    cancel_all(line, tab, NULL);
    g_mutex_unlock(&line->lock);
}
