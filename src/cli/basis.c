#include "cli/basis_at.h"
#include "cli/commands.h"
#include "cli/where.h"
#include "studio/strip.h"

typedef struct options {
    pb_cli cli;
    pb_where where;
    pb_basis_flags basis;
    gboolean no_pictures;
    char *out;
} options;

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    if (argc > 2)
        return pb_fail(error, PB_INVALID, "expected one image, found %d", argc - 1);
    o->where.image = argc == 2 ? argv[1] : NULL;
    PB_TRY(pb_where_check(&o->cli, &o->where, 0, error));
    PB_TRY(pb_basis_check(&o->cli, &o->basis, error));
    PB_TRY(pb_guided_check(&o->basis, &o->where.prompts, o->where.mask != NULL, error));
    if (!o->where.image && !o->where.x && o->where.seed < 0)
        return pb_fail(error, PB_INVALID, "where? an image, --x F or --seed S");
    PB_TRY(pb_model_for(&o->cli, o->where.image, error));
    return pb_check_out(o->out, PB_OUT_BASIS, "basis.safetensors", error);
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    pb_basis_found found = PB_BASIS_FOUND_EMPTY;
    pb_desk desk;
    pb_status status;

    PB_TRY(pb_check_output(&o->cli, o->out, error));
    if (!o->no_pictures)
        PB_TRY(pb_check_outputs(&o->cli, pb_basis_picture_names(o->out), error));
    status = pb_desk_open(&desk, &o->cli, error);
    if (status == PB_OK)
        status = pb_where_find(&desk, &o->where, error);
    if (status == PB_OK)
        status = pb_basis_at(&found, &desk, &o->basis, error);
    if (status == PB_OK)
        status = pb_basis_write(&found.basis, o->out, error);
    if (status == PB_OK) {
        pb_basis_say(&o->cli, &found);
        pb_say(&o->cli, "%s: the basis", o->out);
    }
    if (status == PB_OK && !o->no_pictures)
        status = pb_basis_pictures(&o->cli, &found, o->out, error);
    if (status == PB_OK) {
        json_t *object = pb_basis_json(&found);
        pb_prompts_describe(&desk.point.prompts, object);
        json_object_set_new(object, "out", json_string(o->out));
        pb_cli_print(&o->cli, object);
    }
    pb_basis_found_clear(&found);
    pb_desk_close(&desk);
    return status;
}

int pb_command_basis(int argc, char **argv)
{
    static const pb_help help = {
        "--model MODEL (IMAGE | --x F | --seed S) -o basis.safetensors",
        "Computes the local latent basis: the directions of the noisy image x_t that a place "
        "inside "
        "the network (a tap) responds to most. They are the leading singular triplets of the "
        "Jacobian of the map from one tap to another, each with its residual, a certificate of its "
        "exactness. Writes a safetensors file, which edit, transport, compare and mean take; "
        "beside "
        "it, unless --no-pictures, a picture of the leading directions and a plot of the singular "
        "values, with its data and its gnuplot script.",
        "Example:\n  pullback basis --model faces32 portrait.jpg --t 0.6 --rank 50 "
        "-o basis.safetensors"};
    options o = {.cli = {.name = "basis"}, .where = PB_WHERE_DEFAULTS, .basis = PB_BASIS_FLAGS};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out,
         "Where to write: NAME.safetensors; pictures and the singular values go beside it, "
         "NAME-directions.png, NAME-spectrum.png, .csv and .gp, a gnuplot script that draws "
         "spectrum.png where it is run",
         "OUT"},
        PB_TIMESTEP_ENTRY(o.where.timestep, " of --x, in place of --t"),
        PB_FROM_ENTRY(o.basis.from, "tap"),
        PB_TAP_ENTRY(o.basis.to, "tap", "mid; x0 with --mask"),
        PB_RANK_ENTRY(o.basis.rank, "How many directions to compute (default: 50)"),
        PB_TOL_ENTRY(o.basis.tolerance, PB_TOL_OF_BASIS),
        {"method", 0, 0, G_OPTION_ARG_STRING, &o.basis.method,
         "How: krylov, or subspace, which is the paper's and slower (default: krylov)", "NAME"},
        PB_PRECISION_ENTRY(o.basis.precision, "Jacobian"),
        {"block", 0, 0, G_OPTION_ARG_INT, &o.basis.block,
         "How many vectors go through the network at a time (default: chosen for the map)", "B"},
        {"max-applications", 0, 0, G_OPTION_ARG_INT, &o.basis.max_applications,
         "Stop after so many applications of the Jacobian, converged or not (default: a generous "
         "limit)",
         "N"},
        {"start-seed", 0, 0, G_OPTION_ARG_INT64, &o.basis.start_seed,
         "Seed of the random starting block (default: 0)", "N"},
        {"start", 0, 0, G_OPTION_ARG_FILENAME, &o.basis.start,
         "Start from the directions of this basis, of a neighbouring point say", "F.safetensors"},
        {"verify", 0, 0, G_OPTION_ARG_NONE, &o.basis.verify,
         "Measure the residuals again, by applying the Jacobian", NULL},
        PB_NULL_RANK_ENTRY(o.basis.null_rank),
        PB_GUIDED_ENTRY(o.basis.guided, "the map with classifier-free guidance, (1-w) J_N + w J_P"),
        {"no-pictures", 0, 0, G_OPTION_ARG_NONE, &o.no_pictures,
         "Write the basis only, without what goes beside it", NULL},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry where[PB_WHERE_ENTRIES];

    pb_where_entries(&o.where,
                     PB_WHERE_T | PB_WHERE_STEPS | PB_WHERE_X | PB_WHERE_SEED | PB_WHERE_IMAGE |
                         PB_WHERE_CLASS | PB_WHERE_MASK | PB_WHERE_TEXT | PB_WHERE_TOLD |
                         PB_WHERE_EDIT_TEXT | PB_WHERE_SIZE,
                     where);
    return pb_cli_command(&o.cli, &help, entries, where, argc, argv, check, run);
}
