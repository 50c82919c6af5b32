#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "backends/cpu/window.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/desk.h"
#include "map/linearisation.h"
#include "map/measure.h"
#include "studio/convolutions.h"
#include "terminal/progress.h"

#define MOST_BLOCKS 16

typedef struct options {
    pb_cli cli;
    const char *tap, *from;
    char *x, *blocks_text, *tune, *precision;
    double timestep, seconds, tolerance;
    int rank, height, width;
    size_t blocks[MOST_BLOCKS], block_count;
} options;

/* What is measured, and where. */
typedef struct bench {
    const options *o;
    pb_desk desk;
    pb_tensor x;
    pb_linearisation *l;
    double linearise_seconds;
    double ceiling; /* operations per second: the higher of both: */
    double direct, gemm;
    pb_measured forward, jvp[MOST_BLOCKS], vjp[MOST_BLOCKS];
    bool bf16;
    pb_svd *svd; /* NULL: not measured */
} bench;

/* -- options --------------------------------------------------------------------------------- */

static pb_status parse_blocks(options *o, pb_error *error)
{
    const char *text = o->blocks_text ? o->blocks_text : "1,2,4,8,16,32";
    char **words = g_strsplit(text, ",", MOST_BLOCKS + 1);
    pb_status status = PB_OK;

    for (size_t i = 0; words[i] && status == PB_OK; i++) {
        guint64 width;
        if (i < MOST_BLOCKS && g_ascii_string_to_unsigned(words[i], 10, 1, 1024, &width, NULL))
            o->blocks[o->block_count++] = (size_t)width;
        else
            status = pb_fail(error, PB_INVALID,
                             "--blocks %s: expected up to %d widths, 1 to 1024, such as 1,8,16",
                             text, MOST_BLOCKS);
    }
    g_strfreev(words);
    return status;
}

static pb_status check(options *o, int argc, char **argv, pb_error *error)
{
    if (argc == 2 && !o->cli.model)
        o->cli.model = argv[1];
    else if (argc != 1)
        return pb_fail(error, PB_INVALID, "expected one model");
    if (!o->cli.model)
        return pb_fail(error, PB_INVALID, "which model? pullback bench MODEL");
    pb_check_precision(&o->cli, o->precision);
    if (o->tune)
        PB_TRY(pb_cli_refuse(&o->cli, "rank,tol,precision",
                             "is of measurements that --tune leaves out", error));
    return parse_blocks(o, error);
}

/* -- measuring ------------------------------------------------------------------------------- */

/* The point: --x, or noise. */
static pb_status find_point(bench *b, pb_error *error)
{
    const options *o = b->o;
    const pb_model_info *info = b->desk.studio.info;

    if (o->x)
        return pb_read_images(&b->x, &b->desk.studio, o->x, 1, error);
    return pb_session_noise(b->desk.studio.session, 1,
                            o->height ? (size_t)o->height : info->sample_height,
                            o->width ? (size_t)o->width : info->sample_width, 0, &b->x, error);
}

/* Linearises twice: the first time packs weights. */
static pb_status linearise(bench *b, pb_error *error)
{
    const options *o = b->o;
    pb_map_options map = {.from = o->from, .to = o->tap};

    PB_TRY(pb_session_condition(b->desk.studio.session, NULL, PB_PROMPT_EDIT, o->timestep,
                                &map.condition, &b->desk.cli->run, error));
    for (int i = 0; i < 2; i++) {
        double start = pb_seconds();
        pb_linearisation_free(b->l);
        b->l = NULL;
        PB_TRY(pb_linearise(&b->l, b->desk.studio.model, &map, &b->x, &b->desk.cli->run, error));
        b->linearise_seconds = pb_seconds() - start;
    }
    return PB_OK;
}

/* The best rates of direct convolutions, and of the matrix products that 1 x 1 ones are. */
static pb_status find_ceiling(bench *b, size_t n, pb_error *error)
{
    double budget = b->o->seconds / 20;
    pb_status status = PB_OK;
    pb_cost *costs;
    size_t count;

    PB_TRY(pb_list_convolutions(&costs, &count, b->l, n, error));
    for (size_t i = 0; i < count && status == PB_OK; i++) {
        pb_cost *cost = &costs[i];
        double flops = pb_convolution_flops(&cost->shape);
        status = pb_measure_convolution(cost, PB_DIRECT, b->l, false, budget, error);
        b->direct = fmax(b->direct, flops / cost->seconds[PB_DIRECT]);
        if (status == PB_OK && cost->shape.kernel == 1) {
            status = pb_measure_convolution(cost, PB_IM2ROW, b->l, false, budget, error);
            b->gemm = fmax(b->gemm, flops / cost->seconds[PB_IM2ROW]);
        }
    }
    b->ceiling = fmax(b->direct, b->gemm);
    pb_free(costs);
    return status;
}

static pb_status find_basis(bench *b, pb_error *error)
{
    const pb_svd_options svd = {.rank = (size_t)b->o->rank, .tolerance = b->o->tolerance};
    const pb_run *run = &b->o->cli.run;
    const pb_operator *op = pb_linearisation_engine(b->l, false);

    if (svd.rank > op->rows || svd.rank > op->cols)
        return pb_fail(error, PB_INVALID, "--rank %zu: the map from %zu to %zu numbers has less",
                       svd.rank, op->cols, op->rows);
    if (b->bf16)
        return pb_svd_refined(&b->svd, pb_linearisation_engine(b->l, true), op, &svd, run, error);
    return pb_svd_compute(&b->svd, op, &svd, run, error);
}

static pb_status measure(bench *b, pb_error *error)
{
    const options *o = b->o;
    pb_progress_bar bar = pb_progress_begin(&o->cli, "measuring");
    size_t done = 0, all = 2 * o->block_count + 2;
    pb_map_memory memory;

    PB_TRY(linearise(b, error));
    pb_linearisation_memory(b->l, &memory);
    PB_TRY(find_ceiling(b, memory.block, error));
    PB_TRY(pb_measure_pass(&b->forward, b->l, PB_FORWARD, 1, false, o->seconds, error));
    done = 2;
    for (size_t i = 0; i < o->block_count; i++)
        for (pb_pass pass = PB_JVP; pass <= PB_VJP; pass++) {
            if (pb_progress_step(&bar, done++, all))
                return pb_fail(error, PB_CANCELLED, "cancelled");
            PB_TRY(pb_measure_pass(pass == PB_JVP ? &b->jvp[i] : &b->vjp[i], b->l, pass,
                                   o->blocks[i], b->bf16, o->seconds, error));
        }
    pb_progress_end();
    return o->rank ? find_basis(b, error) : PB_OK;
}

/* -- telling --------------------------------------------------------------------------------- */

static size_t peak_bytes(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss * 1024;
}

/* The last block width measured that is no wider than the preferred one. */
static size_t preferred(const bench *b)
{
    size_t wanted = pb_linearisation_engine(b->l, false)->block_preferred, at = 0;

    for (size_t i = 0; i < b->o->block_count; i++)
        if (b->o->blocks[i] <= wanted && b->o->blocks[i] >= b->o->blocks[at])
            at = i;
    return at;
}

static json_t *passes_json(const bench *b, const pb_measured *passes)
{
    json_t *list = json_array();

    for (size_t i = 0; i < b->o->block_count; i++) {
        const pb_measured *m = &passes[i];
        json_array_append_new(
            list, json_pack("{s:i, s:f, s:f, s:f, s:I}", "block", (int)m->n, "seconds_per_vector",
                            m->seconds / (double)m->n, "gflops", m->flops / m->seconds * 1e-9,
                            "ratio_to_ceiling", m->flops / m->seconds / b->ceiling, "arena_bytes",
                            (json_int_t)m->arena_bytes));
    }
    return list;
}

static char *kind_name(const pb_measured_kind *kind)
{
    return g_strdup_printf("%s%s%s", kind->name, kind->manner ? " " : "",
                           kind->manner ? kind->manner : "");
}

static json_t *shares_json(const pb_measured *m)
{
    json_t *object = json_object();

    for (size_t i = 0; i < m->kinds; i++) {
        char *name = kind_name(&m->kind[i]);
        json_object_set_new(object, name, json_real(m->kind[i].seconds / m->seconds));
        g_free(name);
    }
    return object;
}

static json_t *basis_json(const bench *b)
{
    const pb_svd *svd = b->svd;

    if (!svd)
        return json_null();
    return json_pack("{s:i, s:f, s:i, s:i, s:i, s:i, s:f, s:f, s:f}", "rank", (int)svd->rank, "tol",
                     b->o->tolerance, "converged", (int)svd->converged, "applications",
                     (int)svd->applications, "applications_fp32",
                     (int)(svd->applications - svd->applications_fast), "block", (int)svd->block,
                     "seconds", svd->seconds, "outside_seconds",
                     svd->seconds - svd->seconds_operator, "residual_max",
                     pb_largest_residual(svd->rank, svd->residual));
}

static void print_json(const bench *b)
{
    size_t at = preferred(b);
    pb_map_memory memory;

    pb_linearisation_memory(b->l, &memory);
    pb_cli_print(
        &b->o->cli,
        json_pack("{s:s, s:s, s:s, s:f, s:[i,i], s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:o, s:o, "
                  "s:{s:o, s:o, s:o}, s:o, s:{s:I, s:I, s:I, s:I}, s:I}",
                  "model", b->desk.studio.info->path, "from", b->o->from, "tap", b->o->tap,
                  "timestep", b->o->timestep, "size", (int)b->x.shape[2], (int)b->x.shape[3],
                  "precision", b->bf16 ? "bf16" : "fp32", "threads", omp_get_max_threads(),
                  "ceiling_gflops", b->ceiling * 1e-9, "direct_gflops", b->direct * 1e-9,
                  "gemm_gflops", b->gemm * 1e-9, "forward_seconds", b->forward.seconds,
                  "linearise_seconds", b->linearise_seconds, "jvp", passes_json(b, b->jvp), "vjp",
                  passes_json(b, b->vjp), "shares", "forward", shares_json(&b->forward), "jvp",
                  shares_json(&b->jvp[at]), "vjp", shares_json(&b->vjp[at]), "basis", basis_json(b),
                  "memory", "saved_bytes", (json_int_t)memory.saved_bytes, "arena_bytes",
                  (json_int_t)memory.arena_bytes, "packed_bytes", (json_int_t)memory.packed_bytes,
                  "block", (json_int_t)memory.block, "peak_bytes", (json_int_t)peak_bytes()));
}

static void say_passes(const bench *b, const char *name, const pb_measured *passes)
{
    for (size_t i = 0; i < b->o->block_count; i++) {
        const pb_measured *m = &passes[i];
        pb_say(&b->o->cli, "%-12s %5zu %15.3f %12.0f %12.2f", name, m->n,
               m->seconds / (double)m->n * 1e3, m->flops / m->seconds * 1e-9,
               m->flops / m->seconds / b->ceiling);
    }
}

static void say_shares(const bench *b, const char *name, const pb_measured *m)
{
    pb_say(&b->o->cli, "%s, block %zu:", name, m->n);
    for (size_t i = 0; i < m->kinds; i++) {
        char *kind = kind_name(&m->kind[i]);
        pb_say(&b->o->cli, "  %-20s %5.1f %%", kind, 100 * m->kind[i].seconds / m->seconds);
        g_free(kind);
    }
}

static void print_text(const bench *b)
{
    const pb_cli *cli = &b->o->cli;
    size_t at = preferred(b);

    pb_say(cli, "%s, %s to %s at timestep %g, %zux%zu pixels, %s, %d threads",
           b->desk.studio.info->path, b->o->from, b->o->tap, b->o->timestep, b->x.shape[2],
           b->x.shape[3], b->bf16 ? "bf16" : "fp32", omp_get_max_threads());
    pb_say(cli,
           "ceiling      %.0f GFLOP/s: the best direct convolution %.0f, matrix product %.0f, over "
           "this map's shapes",
           b->ceiling * 1e-9, b->direct * 1e-9, b->gemm * 1e-9);
    pb_say(cli, "forward      %.2f ms (one point, up to %s)", b->forward.seconds * 1e3, b->o->tap);
    pb_say(cli, "linearise    %.2f ms", b->linearise_seconds * 1e3);
    pb_say(cli, "             block   ms per vector      GFLOP/s   to ceiling");
    say_passes(b, "jvp", b->jvp);
    say_passes(b, "vjp", b->vjp);
    pb_say(cli, "GFLOP/s count each convolution as the direct one; shares of the time:");
    say_shares(b, "jvp", &b->jvp[at]);
    say_shares(b, "vjp", &b->vjp[at]);
    if (b->svd)
        pb_say(
            cli,
            "basis        rank %zu: %zu applications (%zu in fp32) in %.2f s, %.2f s of it outside "
            "the operator; largest residual %.1e",
            b->svd->rank, b->svd->applications, b->svd->applications - b->svd->applications_fast,
            b->svd->seconds, b->svd->seconds - b->svd->seconds_operator,
            pb_largest_residual(b->svd->rank, b->svd->residual));
    pb_say(cli, "peak memory  %.0f MB", (double)peak_bytes() / 1e6);
}

/* -- tuning ---------------------------------------------------------------------------------- */

/* The costs of every algorithm for every block width. */
static pb_status tune(bench *b, pb_error *error)
{
    const options *o = b->o;
    pb_progress_bar bar = pb_progress_begin(&o->cli, "tuning");
    pb_costs all = {0};
    pb_status status = linearise(b, error);
    char *machine;

    for (size_t i = 0; i < o->block_count && status == PB_OK; i++) {
        pb_cost *costs = NULL, *bigger;
        size_t count;
        status = pb_list_convolutions(&costs, &count, b->l, o->blocks[i], error);
        for (size_t j = 0; status == PB_OK && j < count; j++) {
            for (pb_algorithm a = 0; a < PB_ALGORITHMS && status == PB_OK; a++)
                if (pb_algorithm_computes(a, &costs[j].shape))
                    status =
                        pb_measure_convolution(&costs[j], a, b->l, true, o->seconds / 20, error);
            if (status == PB_OK &&
                pb_progress_step(&bar, i * count + j + 1, o->block_count * count))
                status = pb_fail(error, PB_CANCELLED, "cancelled");
        }
        bigger = status == PB_OK ? realloc(all.costs, (all.count + count) * sizeof *bigger) : NULL;
        if (bigger) {
            memcpy(bigger + all.count, costs, count * sizeof *costs);
            all.costs = bigger;
            all.count += count;
        } else if (status == PB_OK)
            status = pb_fail_memory(error, (all.count + count) * sizeof *bigger, "costs");
        pb_free(costs);
    }
    pb_progress_end();
    machine = g_strdup_printf("%d threads", omp_get_max_threads());
    if (status == PB_OK)
        status = pb_costs_write(&all, machine, o->tune, error);
    if (status == PB_OK) {
        pb_say(&o->cli, "%s: the costs of %zu convolutions; use it with --costs %s", o->tune,
               all.count, o->tune);
        pb_cli_print(&o->cli, json_pack("{s:s, s:i}", "out", o->tune, "costs", (int)all.count));
    }
    g_free(machine);
    free(all.costs);
    return status;
}

/* -- the command ----------------------------------------------------------------------------- */

static pb_status run(options *o, pb_error *error)
{
    bench b = {.o = o, .x = PB_TENSOR_EMPTY, .bf16 = o->precision && !strcmp(o->precision, "bf16")};
    pb_status status = o->tune ? pb_check_output(&o->cli, o->tune, error) : PB_OK;

    if (status == PB_OK)
        status = pb_desk_open(&b.desk, &o->cli, error);
    if (status == PB_OK)
        status = find_point(&b, error);
    if (status == PB_OK)
        status = (o->tune ? tune : measure)(&b, error);
    if (status == PB_OK && !o->tune)
        (o->cli.json ? print_json : print_text)(&b);
    pb_svd_free(b.svd);
    pb_linearisation_free(b.l);
    pb_tensor_clear(&b.x);
    pb_desk_close(&b.desk);
    return status;
}

int pb_command_bench(int argc, char **argv)
{
    static const pb_help help = {
        "MODEL",
        "Measures this machine on a model: the rate of its best direct convolution, the passes of\n"
        "one map at several block widths, and a whole basis. With --tune it measures the\n"
        "algorithms of every convolution instead, and writes a table for --costs.",
        "Example:\n  pullback bench faces32 --tap mid\n"
        "  pullback bench faces32 --tune costs.json"};
    options o = {.cli = {.name = "bench"},
                 .tap = "mid",
                 .from = "x",
                 .timestep = 600,
                 .seconds = 1,
                 .rank = 50,
                 .tolerance = 1e-3};
    char *tap = NULL, *from = NULL;
    const GOptionEntry entries[] = {
        {"tap", 0, 0, G_OPTION_ARG_STRING, &tap,
         "The tap observed: down.i, mid, up.i, out, eps or x0 (default: mid)", "TAP"},
        {"from", 0, 0, G_OPTION_ARG_STRING, &from, "The tap that varies (default: x)", "TAP"},
        {"x", 0, 0, G_OPTION_ARG_FILENAME, &o.x, "The point (default: noise)", "x.npy"},
        {"timestep", 0, 0, G_OPTION_ARG_DOUBLE, &o.timestep,
         "The network's own time (default: 600)", "T"},
        {"height", 0, 0, G_OPTION_ARG_INT, &o.height,
         "Height of the noise, in positions of the network (default: the model's)", "H"},
        {"width", 0, 0, G_OPTION_ARG_INT, &o.width, "Width of the noise, likewise", "W"},
        {"blocks", 0, 0, G_OPTION_ARG_STRING, &o.blocks_text,
         "How many vectors at a time: the numbers to measure (default: 1,2,4,8,16,32)", "LIST"},
        {"rank", 'k', 0, G_OPTION_ARG_INT, &o.rank,
         "Directions of the basis that is measured; 0: none (default: 50)", "K"},
        {"tol", 0, 0, G_OPTION_ARG_DOUBLE, &o.tolerance,
         "Largest residual of the basis (default: 1e-3)", "R"},
        {"precision", 0, 0, G_OPTION_ARG_STRING, &o.precision,
         "Of the linear passes: fp32, or bf16 with a refinement in fp32 (default: fp32)", "P"},
        {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &o.seconds,
         "How long to measure each pass; a convolution alone gets a twentieth (default: 1)", "S"},
        {"tune", 0, 0, G_OPTION_ARG_FILENAME, &o.tune,
         "Measure every algorithm of convolution instead, and write the table of their costs there",
         "FILE"},
        G_OPTION_ENTRY_NULL,
    };
    pb_error error;

    if (pb_cli_parse(&o.cli, &help, entries, NULL, &argc, &argv, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    o.tap = tap ? tap : o.tap;
    o.from = from ? from : o.from;
    if (check(&o, argc, argv, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
