#include "map/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "map/linearisation.h"

#define MOST_RUNS 1000

/* A pass with what goes in and comes out. */
typedef struct bench {
    pb_executor *executor;
    const pb_stop *stop;
    pb_plan *plan;
    float *in, *out;
    pb_inputs inputs;
    const float *list[PB_INPUTS];
    float *context; /* of the text, for a network that reads one */
    double *steps;  /* seconds per step, of all runs */
    size_t runs;
} bench;

static void clear(bench *b)
{
    if (b->plan)
        pb_plan_time(b->plan, NULL);
    pb_free(b->in);
    pb_free(b->out);
    pb_free(b->context);
    pb_free(b->steps);
}

void pb_measure_fill(size_t count, float *x)
{
    unsigned state = 1;

    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / (float)(1 << 23) - 1.0f;
    }
}

static pb_status make(bench *b, const pb_linearisation *l, pb_pass pass, size_t n, bool bf16,
                      pb_error *error)
{
    const pb_section *s = l->section;
    pb_condition condition = {.timestep = 100, .class_label = 0};
    size_t from = n * pb_shape_size(s->shapes[s->from]);
    size_t to = n * pb_shape_size(s->shapes[l->to.value]);
    size_t in = pass == PB_VJP ? to : pass == PB_JVP ? from : n * pb_shape_size(s->shapes[0]);
    size_t out = pass == PB_VJP ? from : to;

    PB_TRY(pb_executor_plan(&b->plan, b->executor, pass, bf16 ? PB_PLAN_BF16 : PB_PLAN_PLAIN, n,
                            b->stop, error));
    b->in = pb_malloc(in, sizeof *b->in);
    b->out = pb_malloc(out, sizeof *b->out);
    b->steps = pb_calloc(pb_plan_steps(b->plan), sizeof *b->steps);
    if (!b->in || !b->out || !b->steps)
        return pb_fail_memory(error, (in + out) * sizeof(float), "a measurement");
    pb_measure_fill(in, b->in);
    if (l->model->facts.context_width) {
        size_t size = pb_shape_size(s->shapes[PB_INPUT_CONTEXT]);
        b->context = pb_malloc(size, sizeof *b->context);
        if (!b->context)
            return pb_fail_memory(error, size * sizeof *b->context, "a context");
        pb_measure_fill(size, b->context);
        condition.context = b->context;
    }
    pb_inputs_fill(&b->inputs, &condition, b->in);
    for (size_t i = 0; i < PB_INPUTS; i++)
        b->list[i] = b->inputs.feeds[i].data;
    return PB_OK;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

pb_status pb_measure_runs(double *seconds, pb_measured_run run, void *context, double budget,
                          pb_error *error)
{
    double times[MOST_RUNS], all = 0;
    size_t runs = 0;

    PB_TRY(run(context, error));
    while (runs < 3 || (all < budget && runs < MOST_RUNS)) {
        double start = pb_seconds();
        PB_TRY(run(context, error));
        all += times[runs++] = pb_seconds() - start;
    }
    qsort(times, runs, sizeof *times, compare);
    *seconds = times[runs / 2];
    return PB_OK;
}

static int compare_kinds(const void *a, const void *b)
{
    const pb_measured_kind *x = a, *y = b;

    return compare(&y->seconds, &x->seconds);
}

/* The kind of a step, a new one if there is none yet. */
static pb_measured_kind *find_kind(pb_measured *m, const char *name, const char *manner)
{
    pb_measured_kind *kind = m->kind;

    for (size_t i = 0; i < m->kinds; i++, kind++)
        if (!strcmp(kind->name, name) &&
            (manner ? kind->manner && !strcmp(kind->manner, manner) : !kind->manner))
            return kind;
    if (m->kinds == PB_MEASURED_KINDS)
        return kind - 1;
    *kind = (pb_measured_kind){.name = name, .manner = manner};
    m->kinds++;
    return kind;
}

/* Shares of the kinds: each one's part of the seconds of all steps, of the median run. */
static void add_up(pb_measured *m, const bench *b)
{
    double all = 0;

    for (size_t i = 0; i < pb_plan_steps(b->plan); i++)
        all += b->steps[i];
    for (size_t i = 0; i < pb_plan_steps(b->plan); i++) {
        const pb_step *step = pb_plan_step(b->plan, i);
        const pb_kernel *kernel = step->kernel;
        pb_measured_kind *kind =
            find_kind(m, step->op->name, kernel->manner ? kernel->manner(&step->call) : NULL);
        double flops = kernel->flops ? kernel->flops(&step->call) : 0;

        kind->seconds += b->steps[i] / all * m->seconds;
        kind->flops += flops;
        m->flops += flops;
    }
    qsort(m->kind, m->kinds, sizeof *m->kind, compare_kinds);
}

static pb_status run_once(void *context, pb_error *error)
{
    bench *b = context;

    if (b->runs++ == 1) /* the first does not count */
        pb_plan_time(b->plan, b->steps);
    return pb_executor_run(b->executor, b->plan, b->list, &b->out, b->stop, error);
}

pb_status pb_measure_pass(pb_measured *measured, const pb_linearisation *linearisation,
                          pb_pass pass, size_t n, bool bf16, double budget, pb_error *error)
{
    bench b = {.executor = linearisation->executor};
    pb_status status;
    pb_work work;
    pb_stop stop;

    *measured = (pb_measured){.n = n};
    PB_TRY(pb_work_begin(&work, &linearisation->run, "measuring", 0, error));
    stop = pb_work_stop(&work);
    b.stop = &stop;
    status = make(&b, linearisation, pass, n, bf16, error);
    if (status == PB_OK)
        status = pb_measure_runs(&measured->seconds, run_once, &b, budget, error);
    if (status == PB_OK) {
        measured->arena_bytes = pb_plan_arena(b.plan);
        add_up(measured, &b);
    }
    clear(&b);
    pb_work_end(&work);
    return status;
}
