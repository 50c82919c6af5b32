#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cli/commands.h"
#include "terminal/cli.h"

typedef struct options {
    pb_cli cli;
    char **files;
    size_t count;
    char *kind, *space;
    char *out;
} options;

static pb_status check(options *o, int argc, char **argv, pb_error *error)
{
    o->files = argv + 1;
    o->count = (size_t)argc - 1;
    if (o->count < 2)
        return pb_fail(error, PB_INVALID, "expected at least two basis files");
    return pb_check_out(o->out, PB_OUT_BASIS, "mean.safetensors", error);
}

static pb_status read_all(const options *o, pb_basis *bases, pb_error *error)
{
    for (size_t i = 0; i < o->count; i++) {
        PB_TRY(pb_basis_read(&bases[i], o->files[i], error));
        if (fabs(bases[i].timestep - bases[0].timestep) > 1e-3)
            pb_warn(&o->cli, "%s is at timestep %g, %s at %g", o->files[i], bases[i].timestep,
                    o->files[0], bases[0].timestep);
    }
    return PB_OK;
}

static void tell(const options *o, const pb_basis *mean, const pb_mean_report *report, int karcher)
{
    size_t k = mean->s.shape[0];
    json_t *agreement = json_array(), *object;

    for (size_t i = 0; i < k; i++)
        json_array_append_new(agreement, json_real((double)mean->agreement.data[i]));
    object = json_pack("{s:s, s:s, s:s, s:I, s:I, s:o}", "out", o->out, "kind", mean->method,
                       "space", mean->space, "samples", (json_int_t)mean->samples, "rank",
                       (json_int_t)k, "agreement", agreement);
    if (karcher) {
        if (report->chordal)
            pb_warn(&o->cli,
                    "the largest angle to the mean is %.3f, above pi/4: a Karcher mean need not be "
                    "unique, the chordal mean is kept",
                    report->angle_largest);
        pb_say(&o->cli,
               "%s mean of %zu spaces: spread %.4g rad (root mean square geodesic distance), "
               "largest angle %.4g rad, %zu iterations",
               report->chordal ? "chordal" : "Karcher", mean->samples, report->spread,
               report->angle_largest, report->iterations);
        json_object_set_new(object, "spread", json_real(report->spread));
        json_object_set_new(object, "angle_largest", json_real(report->angle_largest));
        json_object_set_new(object, "chordal", json_boolean(report->chordal));
    }
    pb_say(&o->cli, "%s: %zu directions, agreement with the samples' own %.3f to %.3f", o->out, k,
           (double)mean->agreement.data[0], (double)mean->agreement.data[k - 1]);
    pb_cli_print(&o->cli, object);
}

static pb_status run(const options *o, pb_error *error)
{
    pb_basis *bases = pb_calloc(o->count, sizeof *bases), mean = PB_BASIS_EMPTY;
    const pb_basis **list = pb_calloc(o->count, sizeof *list);
    int karcher = !o->kind || !strcmp(o->kind, "karcher");
    pb_mean_report report = {0};
    pb_status status;

    for (size_t i = 0; bases && list && i < o->count; i++) {
        bases[i] = PB_BASIS_EMPTY;
        list[i] = &bases[i];
    }
    status = bases && list ? pb_check_output(&o->cli, o->out, error)
                           : pb_fail_memory(error, o->count * sizeof *bases, "bases");
    if (status == PB_OK)
        status = read_all(o, bases, error);
    if (status == PB_OK)
        status = pb_basis_mean(&mean, &report, o->count, list,
                               karcher ? PB_MEAN_KARCHER : PB_MEAN_MATCHED,
                               o->space && !strcmp(o->space, "X"), &o->cli.run, error);
    if (status == PB_OK)
        status = pb_basis_write(&mean, o->out, error);
    if (status == PB_OK)
        tell(o, &mean, &report, karcher);
    for (size_t i = 0; bases && i < o->count; i++)
        pb_basis_clear(&bases[i]);
    pb_basis_clear(&mean);
    pb_free(bases);
    pb_free(list);
    return status;
}

int pb_command_mean(int argc, char **argv)
{
    static const pb_help help = {
        "A.safetensors B.safetensors … -o mean.safetensors",
        "Global directions: the mean of the tangent spaces of several samples (Karcher mean on "
        "the\n"
        "Grassmannian, with the directions in it that match the samples' own best), or of their\n"
        "individual directions matched with signs. edit --basis takes the result for any image.",
        "Example:\n  pullback mean a.safetensors b.safetensors c.safetensors -o mean.safetensors\n"
        "  pullback edit --basis mean.safetensors portrait.jpg -o strip.png"};
    options o = {.cli = {.name = "mean", .no_model = 1}};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Where to write: NAME.safetensors", "OUT"},
        {"kind", 0, 0, G_OPTION_ARG_STRING, &o.kind,
         "karcher (of the spaces) or matched (of directions) (default: karcher)", "KIND"},
        {"space", 0, 0, G_OPTION_ARG_STRING, &o.space,
         "H (u; edit carries it to an image's x) or X (v) (default: H)", "SPACE"},
        G_OPTION_ENTRY_NULL,
    };
    pb_error error;

    if (pb_cli_parse(&o.cli, &help, entries, NULL, &argc, &argv, &error) != PB_OK ||
        check(&o, argc, argv, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
