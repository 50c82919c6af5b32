#include "map/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/repeat.h"
#include "map/linearisation.h"

/* A pass with what goes in and comes out. */
typedef struct bench {
    pb_executor *executor;
    const pb_stop *stop;
    pb_plan *plan;
    float *in[PB_GRAPH_INPUTS], *out;
    double *steps; /* seconds per step, of all runs */
    size_t runs;
} bench;

static void clear(bench *b)
{
    if (b->plan)
        pb_plan_time(b->plan, NULL);
    for (size_t i = 0; i < PB_GRAPH_INPUTS; i++)
        pb_free(b->in[i]);
    pb_free(b->out);
    pb_free(b->steps);
}

static pb_status make_in(float **in, size_t count, pb_error *error)
{
    *in = pb_malloc(count, sizeof **in);
    if (!*in)
        return pb_fail_memory(error, count * sizeof **in, "a measurement");
    pb_repeat_fill(count, *in);
    return PB_OK;
}

static pb_status make(bench *b, const pb_linearisation *l, pb_pass pass, size_t n, bool bf16,
                      pb_error *error)
{
    const pb_section *s = l->section;
    size_t from = n * pb_shape_size(s->shapes[s->from]);
    size_t to = n * pb_shape_size(s->shapes[l->to.value]), out = pass == PB_VJP ? from : to;

    PB_TRY(pb_executor_plan(&b->plan, b->executor, pass, bf16 ? PB_PLAN_BF16 : PB_PLAN_PLAIN, n,
                            b->stop, error));
    b->out = pb_malloc(out, sizeof *b->out);
    b->steps = pb_calloc(pb_plan_program(b->plan)->count, sizeof *b->steps);
    if (!b->out || !b->steps)
        return pb_fail_memory(error, out * sizeof(float), "a measurement");
    if (pass != PB_FORWARD)
        return make_in(&b->in[0], pass == PB_VJP ? to : from, error);
    for (size_t i = 0; i < s->graph->inputs; i++) {
        const char *name = s->graph->nodes[i].label;
        PB_TRY(make_in(&b->in[i], n * pb_shape_size(s->shapes[i]), error));
        if (!strcmp(name, "timestep") || !strcmp(name, "class"))
            b->in[i][0] = !strcmp(name, "timestep") ? 100 : 0;
    }
    return PB_OK;
}

static int compare_kinds(const void *a, const void *b)
{
    const pb_measured_kind *x = a, *y = b;

    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
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
    const pb_program *program = pb_plan_program(b->plan);
    double all = 0;

    for (size_t i = 0; i < program->count; i++)
        all += b->steps[i];
    for (size_t i = 0; i < program->count; i++) {
        const pb_step *step = &program->steps[i];
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
    return pb_executor_run(b->executor, b->plan, (const float *const *)b->in, &b->out, b->stop,
                           error);
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
        status = pb_repeat(&measured->seconds, run_once, &b, budget, error);
    if (status == PB_OK) {
        measured->arena_bytes = pb_plan_arena(b.plan);
        add_up(measured, &b);
    }
    clear(&b);
    pb_work_end(&work);
    return status;
}

pb_status pb_measured_program(const pb_program **program, const pb_linearisation *linearisation,
                              pb_pass pass, size_t n, pb_error *error)
{
    pb_plan *plan = NULL;
    pb_status status;
    pb_work work;
    pb_stop stop;

    PB_TRY(pb_work_begin(&work, &linearisation->run, "measuring", 0, error));
    stop = pb_work_stop(&work);
    status = pb_executor_plan(&plan, linearisation->executor, pass, PB_PLAN_PLAIN, n, &stop, error);
    pb_work_end(&work);
    if (status == PB_OK)
        *program = pb_plan_program(plan);
    return status;
}
