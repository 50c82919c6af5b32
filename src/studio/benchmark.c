#include "studio/benchmark.h"

#include <glib.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "backends/cpu/window.h"
#include "base/clock.h"
#include "base/memory.h"
#include "map/linearisation.h"
#include "studio/convolutions.h"

/* What is at work: all of it, the map's operators too, is one task to whoever watches. */
typedef struct bench {
    const pb_benchmark_options *o;
    pb_work work;
    pb_run run; /* of its parts */
    pb_linearisation *l;
    double linearise_seconds;
} bench;

/* Linearises twice: the first time packs weights. */
static pb_status linearise(bench *w, const pb_studio *s, const pb_tensor *x, pb_error *error)
{
    pb_map_options map = {.from = w->o->from, .to = w->o->to};

    PB_TRY(pb_session_condition(s->session, NULL, PB_PROMPT_EDIT, w->o->timestep,
                                x->shape[x->rank - 2], x->shape[x->rank - 1], &map.condition,
                                &w->run, error));
    for (int i = 0; i < 2; i++) {
        double start = pb_seconds();
        pb_linearisation_free(w->l);
        w->l = NULL;
        PB_TRY(pb_linearise(&w->l, s->model, &map, x, &w->run, error));
        w->linearise_seconds = pb_seconds() - start;
    }
    return PB_OK;
}

static pb_status begin(bench *w, const char *task, const pb_benchmark_options *o, size_t total,
                       const pb_run *run, pb_error *error)
{
    *w = (bench){.o = o};
    PB_TRY(pb_work_begin(&w->work, run, task, total, error));
    w->run = pb_work_part(&w->work);
    return PB_OK;
}

static void end(bench *w)
{
    pb_linearisation_free(w->l);
    pb_work_end(&w->work);
}

/* -- measuring ------------------------------------------------------------------------------- */

/* The best rates of direct convolutions, and of the matrix products that 1 x 1 ones are. */
static pb_status find_ceiling(pb_benchmark *b, const bench *w, pb_error *error)
{
    double budget = w->o->seconds / 20;
    pb_status status = PB_OK;
    pb_map_memory memory;
    pb_cost *costs;
    size_t count;

    pb_linearisation_memory(w->l, &memory);
    PB_TRY(pb_list_convolutions(&costs, &count, w->l, memory.block, error));
    for (size_t i = 0; i < count && status == PB_OK; i++) {
        pb_cost *cost = &costs[i];
        double flops = pb_convolution_flops(&cost->shape);
        status = pb_measure_convolution(cost, PB_DIRECT, w->l, false, budget, error);
        b->direct = fmax(b->direct, flops / cost->seconds[PB_DIRECT]);
        if (status == PB_OK && cost->shape.kernel == 1) {
            status = pb_measure_convolution(cost, PB_IM2ROW, w->l, false, budget, error);
            b->gemm = fmax(b->gemm, flops / cost->seconds[PB_IM2ROW]);
        }
    }
    b->ceiling = fmax(b->direct, b->gemm);
    pb_free(costs);
    return status;
}

static pb_status find_passes(pb_benchmark *b, bench *w, pb_error *error)
{
    const pb_benchmark_options *o = w->o;
    size_t done = 2;

    PB_TRY(find_ceiling(b, w, error));
    PB_TRY(pb_measure_pass(&b->forward, w->l, PB_FORWARD, 1, false, o->seconds, error));
    for (size_t i = 0; i < o->count; i++)
        for (pb_pass pass = PB_JVP; pass <= PB_VJP; pass++) {
            PB_TRY(pb_work_step(&w->work, done++, error));
            PB_TRY(pb_measure_pass(pass == PB_JVP ? &b->jvp[i] : &b->vjp[i], w->l, pass,
                                   o->widths[i], o->bf16, o->seconds, error));
        }
    return PB_OK;
}

static pb_status find_basis(pb_benchmark *b, bench *w, pb_error *error)
{
    const pb_svd_options svd = {.rank = w->o->rank, .tolerance = w->o->tolerance};
    const pb_operator *op = pb_linearisation_engine(w->l, false);

    if (svd.rank > op->rows || svd.rank > op->cols)
        return pb_fail(error, PB_INVALID, "rank %zu: the map from %zu to %zu numbers has less",
                       svd.rank, op->cols, op->rows);
    w->work.progress = (pb_progress){.task = "basis"};
    if (w->o->bf16)
        return pb_svd_refined(&b->svd, pb_linearisation_engine(w->l, true), op, &svd, &w->run,
                              error);
    return pb_svd_compute(&b->svd, op, &svd, &w->run, error);
}

/* The last block width measured that is no wider than the preferred one. */
static size_t preferred(const pb_benchmark_options *o, const pb_linearisation *l)
{
    size_t wanted = pb_linearisation_engine(l, false)->block_preferred, at = 0;

    for (size_t i = 0; i < o->count; i++)
        if (o->widths[i] <= wanted && o->widths[i] >= o->widths[at])
            at = i;
    return at;
}

static size_t peak_bytes(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss * 1024;
}

pb_status pb_benchmark_measure(pb_benchmark *b, const pb_studio *s, const pb_tensor *x,
                               const pb_benchmark_options *o, const pb_run *run, pb_error *error)
{
    pb_status status;
    bench w;

    *b = (pb_benchmark){
        .of = *o, .model = s->info->path, .height = x->shape[2], .width = x->shape[3]};
    PB_TRY(begin(&w, "measuring", o, 2 * o->count + 2, run, error));
    b->threads = omp_get_max_threads();
    status = linearise(&w, s, x, error);
    b->linearise_seconds = w.linearise_seconds;
    if (status == PB_OK)
        status = find_passes(b, &w, error);
    if (status == PB_OK && o->rank)
        status = find_basis(b, &w, error);
    if (status == PB_OK) {
        b->preferred = preferred(o, w.l);
        pb_linearisation_memory(w.l, &b->memory);
        b->peak_bytes = peak_bytes();
    }
    end(&w);
    return status;
}

void pb_benchmark_clear(pb_benchmark *b)
{
    pb_svd_free(b->svd);
    *b = (pb_benchmark){0};
}

/* -- as an object -------------------------------------------------------------------------------
 */

static json_t *passes_json(const pb_benchmark *b, const pb_measured *passes)
{
    json_t *list = json_array();

    for (size_t i = 0; i < b->of.count; i++) {
        const pb_measured *m = &passes[i];
        json_array_append_new(
            list, json_pack("{s:i, s:f, s:f, s:f, s:I}", "block", (int)m->n, "seconds_per_vector",
                            m->seconds / (double)m->n, "gflops", m->flops / m->seconds * 1e-9,
                            "ratio_to_ceiling", m->flops / m->seconds / b->ceiling, "arena_bytes",
                            (json_int_t)m->arena_bytes));
    }
    return list;
}

char *pb_benchmark_kind(const pb_measured_kind *kind)
{
    return g_strdup_printf("%s%s%s", kind->name, kind->manner ? " " : "",
                           kind->manner ? kind->manner : "");
}

static json_t *shares_json(const pb_measured *m)
{
    json_t *object = json_object();

    for (size_t i = 0; i < m->kinds; i++) {
        char *name = pb_benchmark_kind(&m->kind[i]);
        json_object_set_new(object, name, json_real(m->kind[i].seconds / m->seconds));
        g_free(name);
    }
    return object;
}

static json_t *basis_json(const pb_benchmark *b)
{
    const pb_svd *svd = b->svd;

    if (!svd)
        return json_null();
    return json_pack("{s:i, s:f, s:i, s:i, s:i, s:i, s:f, s:f, s:f}", "rank", (int)svd->rank, "tol",
                     b->of.tolerance, "converged", (int)svd->converged, "applications",
                     (int)svd->applications, "applications_fp32",
                     (int)(svd->applications - svd->applications_fast), "block", (int)svd->block,
                     "seconds", svd->seconds, "outside_seconds",
                     svd->seconds - svd->seconds_operator, "residual_max",
                     pb_largest_residual(svd->rank, svd->residual));
}

json_t *pb_benchmark_json(const pb_benchmark *b)
{
    const pb_map_memory *memory = &b->memory;
    size_t at = b->preferred;

    return json_pack(
        "{s:s, s:s, s:s, s:f, s:[i,i], s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:o, s:o, "
        "s:{s:o, s:o, s:o}, s:o, s:{s:I, s:I, s:I, s:I}, s:I}",
        "model", b->model, "from", b->of.from, "tap", b->of.to, "timestep", b->of.timestep, "size",
        (int)b->height, (int)b->width, "precision", b->of.bf16 ? "bf16" : "fp32", "threads",
        b->threads, "ceiling_gflops", b->ceiling * 1e-9, "direct_gflops", b->direct * 1e-9,
        "gemm_gflops", b->gemm * 1e-9, "forward_seconds", b->forward.seconds, "linearise_seconds",
        b->linearise_seconds, "jvp", passes_json(b, b->jvp), "vjp", passes_json(b, b->vjp),
        "shares", "forward", shares_json(&b->forward), "jvp", shares_json(&b->jvp[at]), "vjp",
        shares_json(&b->vjp[at]), "basis", basis_json(b), "memory", "saved_bytes",
        (json_int_t)memory->saved_bytes, "arena_bytes", (json_int_t)memory->arena_bytes,
        "packed_bytes", (json_int_t)memory->packed_bytes, "block", (json_int_t)memory->block,
        "peak_bytes", (json_int_t)b->peak_bytes);
}

/* -- tuning ---------------------------------------------------------------------------------- */

/* Appends them; realloc's. */
static pb_status append(pb_costs *all, const pb_cost *costs, size_t count, pb_error *error)
{
    pb_cost *bigger = realloc(all->costs, (all->count + count) * sizeof *bigger);

    if (!bigger)
        return pb_fail_memory(error, (all->count + count) * sizeof *bigger, "costs");
    memcpy(bigger + all->count, costs, count * sizeof *costs);
    all->costs = bigger;
    all->count += count;
    return PB_OK;
}

/* All convolutions for one block width, number i. */
static pb_status tune(pb_costs *all, bench *w, size_t i, pb_error *error)
{
    pb_status status = PB_OK;
    pb_cost *costs;
    size_t count;

    PB_TRY(pb_list_convolutions(&costs, &count, w->l, w->o->widths[i], error));
    w->work.progress.total = w->o->count * count;
    for (size_t j = 0; status == PB_OK && j < count; j++) {
        for (pb_algorithm a = 0; a < PB_ALGORITHMS && status == PB_OK; a++)
            if (pb_algorithm_computes(a, &costs[j].shape))
                status =
                    pb_measure_convolution(&costs[j], a, w->l, true, w->o->seconds / 20, error);
        if (status == PB_OK)
            status = pb_work_step(&w->work, i * count + j + 1, error);
    }
    if (status == PB_OK)
        status = append(all, costs, count, error);
    pb_free(costs);
    return status;
}

pb_status pb_benchmark_tune(size_t *count, const pb_studio *s, const pb_tensor *x,
                            const pb_benchmark_options *o, const char *path, const pb_run *run,
                            pb_error *error)
{
    pb_costs all = {0};
    char machine[48];
    pb_status status;
    bench w;

    PB_TRY(begin(&w, "tuning", o, 0, run, error));
    g_snprintf(machine, sizeof machine, "%d threads", omp_get_max_threads());
    status = linearise(&w, s, x, error);
    for (size_t i = 0; i < o->count && status == PB_OK; i++)
        status = tune(&all, &w, i, error);
    if (status == PB_OK)
        status = pb_costs_write(&all, machine, path, error);
    *count = all.count;
    free(all.costs);
    end(&w);
    return status;
}
