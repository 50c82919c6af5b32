#include <math.h>
#include <string.h>

#include "cli/commands.h"
#include "studio/comparison.h"
#include "terminal/cli.h"

typedef struct options {
    pb_cli cli;
    char **files;
    size_t count;
    char *kind, *space;
    char *out;
} options;

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    o->files = argv + 1;
    o->count = (size_t)argc - 1;
    if (o->count < 2)
        return pb_fail(error, PB_INVALID, "expected at least two basis files");
    return pb_check_out(o->out, PB_OUT_BASIS, "mean.safetensors", error);
}

static void tell_timesteps(const options *o, const pb_basis *bases)
{
    for (size_t i = 1; i < o->count; i++)
        if (fabs(bases[i].timestep - bases[0].timestep) > 1e-3)
            pb_warn(&o->cli, "%s is at timestep %g, %s at %g", o->files[i], bases[i].timestep,
                    o->files[0], bases[0].timestep);
}

static void tell(const options *o, const pb_basis *mean, const pb_mean_report *report)
{
    size_t k = mean->s.shape[0];

    if (report && report->chordal)
        pb_warn(&o->cli,
                "the largest angle to the mean is %.3f, above pi/4: a Karcher mean need not be "
                "unique, the chordal mean is kept",
                report->angle_largest);
    if (report)
        pb_say(&o->cli,
               "%s mean of %zu spaces: spread %.4g rad (root mean square geodesic distance), "
               "largest angle %.4g rad, %zu iterations",
               report->chordal ? "chordal" : "Karcher", mean->samples, report->spread,
               report->angle_largest, report->iterations);
    pb_say(&o->cli, "%s: %zu directions, agreement with the samples' own %.3f to %.3f", o->out, k,
           (double)mean->agreement.data[0], (double)mean->agreement.data[k - 1]);
    pb_cli_print(&o->cli, pb_mean_json(mean, report, o->out));
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    const options *o = (const options *)cli;
    int karcher = !o->kind || !strcmp(o->kind, "karcher");
    pb_basis mean = PB_BASIS_EMPTY;
    pb_bases bases = PB_BASES_EMPTY;
    pb_mean_report report = {0};
    pb_status status = pb_check_output(&o->cli, o->out, error);

    if (status == PB_OK)
        status = pb_bases_read(&bases, o->count, (const char *const *)o->files, error);
    if (status == PB_OK) {
        tell_timesteps(o, bases.all);
        status = pb_basis_mean(&mean, &report, o->count, bases.list,
                               karcher ? PB_MEAN_KARCHER : PB_MEAN_MATCHED,
                               o->space && !strcmp(o->space, "X"), &o->cli.run, error);
    }
    if (status == PB_OK)
        status = pb_basis_write(&mean, o->out, error);
    if (status == PB_OK)
        tell(o, &mean, karcher ? &report : NULL);
    pb_bases_clear(&bases);
    pb_basis_clear(&mean);
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

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);
}
