#include <math.h>

#include "cli/commands.h"
#include "cli/where.h"

typedef struct options {
    pb_cli cli;
    pb_where where;
    char *out;
} options;

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    if (argc != 2)
        return pb_fail(error, PB_INVALID, "expected one image, found %d", argc - 1);
    o->where.image = argv[1];
    PB_TRY(pb_where_check(&o->cli, &o->where, 0, error));
    if (isnan(o->where.t))
        o->where.t = 1;
    PB_TRY(pb_model_for(&o->cli, o->where.image, error));
    return pb_check_out(o->out, PB_OUT_NOISY | PB_OUT_NPY | PB_OUT_PICTURE, "xt.safetensors",
                        error);
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    const pb_point *point;
    pb_desk desk;
    pb_status status;

    PB_TRY(pb_check_output(&o->cli, o->out, error));
    status = pb_desk_open(&desk, &o->cli, error);
    point = &desk.point;
    if (status == PB_OK)
        status = pb_where_find(&desk, &o->where, error);
    if (status == PB_OK)
        status = pb_has_ending(o->out, ".safetensors")
                     ? pb_write_noisy(point, &desk.studio, o->out, error)
                     : pb_write_images(&point->x, &desk.studio, o->out, NULL, &o->cli.run, error);
    if (status == PB_OK) {
        pb_say(&o->cli, "%s: %s at t = %g (timestep %g, grid point %zu of %d)", o->out,
               o->where.image, point->t, point->timestep, point->grid, o->where.steps);
        pb_cli_print(&o->cli, json_pack("{s:s, s:f, s:f, s:i, s:i}", "out", o->out, "t", point->t,
                                        "timestep", point->timestep, "grid_point", (int)point->grid,
                                        "steps", o->where.steps));
    }
    pb_desk_close(&desk);
    return status;
}

int pb_command_invert(int argc, char **argv)
{
    static const pb_help help = {
        "--model MODEL IMAGE -o OUT",
        "Finds the noise that an image comes from: DDIM steps upwards to t = 1, and for a lower t\n"
        "down again to it. IMAGE is a picture in any format, or a .npy of one in [-1, 1]. OUT is "
        "a\n"
        ".safetensors, which knows its noise level and which sample, basis and edit take as --x; "
        "a\n"
        ".npy, which does not; or a picture.",
        "Examples:\n"
        "  pullback invert --model faces32 examples/portrait.png --crop 93,60,104,104 --t 0.6 "
        "-o xt.safetensors\n"
        "  pullback sample --model faces32 --x xt.safetensors -o back.png"};
    options o = {.cli = {.name = "invert"}, .where = PB_WHERE_DEFAULTS};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out,
         "Where to write: x.safetensors, x.npy, or a picture of the noise", "OUT"},
        {"t", 't', 0, G_OPTION_ARG_DOUBLE, &o.where.t,
         "Noise level: a fraction from 0 (the image) to 1 (pure noise), snapped to the time grid "
         "(default: 1)",
         "T"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry where[PB_WHERE_ENTRIES];

    pb_where_entries(&o.where,
                     PB_WHERE_STEPS | PB_WHERE_IMAGE | PB_WHERE_CLASS | PB_WHERE_TEXT |
                         PB_WHERE_TOLD | PB_WHERE_SIZE,
                     where);
    return pb_cli_command(&o.cli, &help, entries, where, argc, argv, check, run);
}
