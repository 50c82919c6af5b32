#include <string.h>

#include "cli/basis_at.h"
#include "cli/commands.h"
#include "studio/benchmark.h"

typedef struct options {
    pb_cli cli;
    pb_benchmark_options how;
    char *tap, *from, *x, *blocks, *tune, *precision;
    int rank, height, width;
    size_t widths[PB_BENCHMARK_WIDTHS];
} options;

static pb_status parse_blocks(options *o, pb_error *error)
{
    const char *text = o->blocks ? o->blocks : "1,2,4,8,16,32";
    char **words = g_strsplit(text, ",", PB_BENCHMARK_WIDTHS + 1);
    pb_status status = PB_OK;

    for (size_t i = 0; words[i] && status == PB_OK; i++) {
        guint64 width;
        if (i < PB_BENCHMARK_WIDTHS &&
            g_ascii_string_to_unsigned(words[i], 10, 1, 1024, &width, NULL))
            o->widths[o->how.count++] = (size_t)width;
        else
            status = pb_fail(error, PB_INVALID,
                             "--blocks %s: expected up to %d widths, 1 to 1024, such as 1,8,16",
                             text, PB_BENCHMARK_WIDTHS);
    }
    g_strfreev(words);
    return status;
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    if (argc == 2 && !o->cli.model)
        o->cli.model = argv[1];
    else if (argc != 1)
        return pb_fail(error, PB_INVALID, "expected one model");
    if (!o->cli.model)
        return pb_fail(error, PB_INVALID, "which model? pullback bench MODEL");
    pb_check_precision(&o->cli, o->precision);
    if (o->tune)
        PB_TRY(pb_cli_refuse(&o->cli, "rank,tol,precision,costs",
                             "is of measurements that --tune leaves out", error));
    else
        PB_TRY(pb_cli_refuse(&o->cli, "force", "goes with --tune", error));
    if (o->x)
        PB_TRY(pb_cli_refuse(&o->cli, "height,width", "is of noise, and --x has its own", error));
    o->how.from = o->from ? o->from : "x";
    o->how.to = o->tap ? o->tap : "mid";
    o->how.rank = (size_t)o->rank;
    o->how.bf16 = o->precision && !strcmp(o->precision, "bf16");
    o->how.widths = o->widths;
    return parse_blocks(o, error);
}

/* The point: --x, or noise. */
static pb_status find_point(pb_tensor *x, const options *o, const pb_studio *s, pb_error *error)
{
    if (o->x)
        return pb_read_images(x, s, o->x, 1, error);
    return pb_session_noise(s->session, 1, o->height ? (size_t)o->height : s->info->sample_height,
                            o->width ? (size_t)o->width : s->info->sample_width, 0, x, error);
}

/* Has the map so many directions? Asked before anything is measured. Taps that are none are left to
 * whoever looks for them. */
static pb_status check_rank(const options *o, const pb_studio *s, const pb_tensor *x,
                            pb_error *error)
{
    size_t from[3], to[3], rows, cols, h = x->shape[2], w = x->shape[3];

    if (o->tune || pb_model_tap_shape(s->model, o->how.from, h, w, from, NULL) != PB_OK ||
        pb_model_tap_shape(s->model, o->how.to, h, w, to, NULL) != PB_OK)
        return PB_OK;
    cols = from[0] * from[1] * from[2];
    rows = to[0] * to[1] * to[2];
    return o->how.rank <= rows && o->how.rank <= cols
               ? PB_OK
               : pb_fail(error, PB_INVALID, "--rank %zu: the map from %zu to %zu numbers has less",
                         o->how.rank, cols, rows);
}

static void say_passes(const pb_cli *cli, const pb_benchmark *b, const char *name,
                       const pb_measured *passes)
{
    for (size_t i = 0; i < b->of.count; i++) {
        const pb_measured *m = &passes[i];
        pb_say(cli, "%-12s %5zu %15.3f %12.0f %12.2f", name, m->n, m->seconds / (double)m->n * 1e3,
               m->flops / m->seconds * 1e-9, m->flops / m->seconds / b->ceiling);
    }
}

static void say_shares(const pb_cli *cli, const char *name, const pb_measured *m)
{
    pb_say(cli, "%s, block %zu:", name, m->n);
    for (size_t i = 0; i < m->kinds; i++) {
        char *kind = pb_benchmark_kind(&m->kind[i]);
        pb_say(cli, "  %-20s %5.1f %%", kind, 100 * m->kind[i].seconds / m->seconds);
        g_free(kind);
    }
}

static void tell(const pb_cli *cli, const pb_benchmark *b)
{
    size_t at = b->preferred;

    pb_say(cli, "%s, %s to %s at timestep %g, %zux%zu pixels, %s, %d threads", b->model, b->of.from,
           b->of.to, b->of.timestep, b->height, b->width, b->of.bf16 ? "bf16" : "fp32", b->threads);
    pb_say(cli,
           "ceiling      %.0f GFLOP/s: the best direct convolution %.0f, matrix product %.0f, over "
           "this map's shapes",
           b->ceiling * 1e-9, b->direct * 1e-9, b->gemm * 1e-9);
    pb_say(cli, "forward      %.2f ms (one point, up to %s)", b->forward.seconds * 1e3, b->of.to);
    pb_say(cli, "linearise    %.2f ms", b->linearise_seconds * 1e3);
    pb_say(cli, "             block   ms per vector      GFLOP/s   to ceiling");
    say_passes(cli, b, "jvp", b->jvp);
    say_passes(cli, b, "vjp", b->vjp);
    pb_say(cli, "GFLOP/s count each convolution as the direct one; shares of the time:");
    say_shares(cli, "jvp", &b->jvp[at]);
    say_shares(cli, "vjp", &b->vjp[at]);
    if (b->svd)
        pb_say(
            cli,
            "basis        rank %zu: %zu applications (%zu in fp32) in %.2f s, %.2f s of it outside "
            "the operator; largest residual %.1e",
            b->svd->rank, b->svd->applications, b->svd->applications - b->svd->applications_fast,
            b->svd->seconds, b->svd->seconds - b->svd->seconds_operator,
            pb_largest_residual(b->svd->rank, b->svd->residual));
    pb_say(cli, "peak memory  %.0f MB", (double)b->peak_bytes / 1e6);
}

static pb_status tune(options *o, const pb_studio *s, const pb_tensor *x, pb_error *error)
{
    size_t count;

    PB_TRY(pb_benchmark_tune(&count, s, x, &o->how, o->tune, &o->cli.run, error));
    pb_say(&o->cli, "%s: the costs of %zu convolutions; use it with --costs %s", o->tune, count,
           o->tune);
    pb_cli_print(&o->cli, json_pack("{s:s, s:i}", "out", o->tune, "costs", (int)count));
    return PB_OK;
}

static pb_status measure(options *o, const pb_studio *s, const pb_tensor *x, pb_error *error)
{
    pb_benchmark found;
    pb_status status = pb_benchmark_measure(&found, s, x, &o->how, &o->cli.run, error);

    if (status == PB_OK && o->cli.json)
        pb_cli_print(&o->cli, pb_benchmark_json(&found));
    else if (status == PB_OK)
        tell(&o->cli, &found);
    pb_benchmark_clear(&found);
    return status;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    pb_tensor x = PB_TENSOR_EMPTY;
    pb_status status;
    pb_desk desk;

    if (o->tune)
        PB_TRY(pb_check_output(&o->cli, o->tune, error));
    status = pb_desk_open(&desk, &o->cli, error);
    if (status == PB_OK)
        status = find_point(&x, o, &desk.studio, error);
    if (status == PB_OK)
        status = check_rank(o, &desk.studio, &x, error);
    if (status == PB_OK)
        status = (o->tune ? tune : measure)(o, &desk.studio, &x, error);
    pb_tensor_clear(&x);
    pb_desk_close(&desk);
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
                 .how = {.timestep = 600, .seconds = 1, .tolerance = 1e-3},
                 .rank = 50};
    const GOptionEntry entries[] = {
        PB_TAP_ENTRY(o.tap, "tap", "mid"),
        PB_FROM_ENTRY(o.from, "tap"),
        {"x", 0, 0, G_OPTION_ARG_FILENAME, &o.x, "The point (default: noise)", "x.npy"},
        PB_TIMESTEP_ENTRY(o.how.timestep, " (default: 600)"),
        {"height", 0, 0, G_OPTION_ARG_INT, &o.height,
         "Height of the noise, in positions of the network (default: the model's)", "H"},
        {"width", 0, 0, G_OPTION_ARG_INT, &o.width, "Width of the noise, likewise", "W"},
        {"blocks", 0, 0, G_OPTION_ARG_STRING, &o.blocks,
         "How many vectors at a time: the numbers to measure (default: 1,2,4,8,16,32)", "LIST"},
        PB_RANK_ENTRY(o.rank, "Directions of the basis that is measured; 0: none (default: 50)"),
        PB_TOL_ENTRY(o.how.tolerance, "Largest residual of the basis"),
        PB_PRECISION_ENTRY(o.precision, "linear passes"),
        {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &o.how.seconds,
         "How long to measure each pass; a convolution alone gets a twentieth (default: 1)", "S"},
        {"tune", 0, 0, G_OPTION_ARG_FILENAME, &o.tune,
         "Measure every algorithm of convolution instead, and write the table of their costs there",
         "FILE"},
        G_OPTION_ENTRY_NULL,
    };

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);
}
