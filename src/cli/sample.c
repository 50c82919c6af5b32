#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/where.h"
#include "io/json.h"
#include "studio/drawing.h"

typedef struct options {
    pb_cli cli;
    pb_where where;
    int count; /* 0: not given */
    char *spacing;
    gint64 noise_seed; /* -1: not given */
    char *out;
    pb_drawing how; /* after check, but for its boost */
} options;

static pb_status settle(options *o, pb_error *error)
{
    const pb_where *where = &o->where;
    pb_drawing *how = &o->how;
    const char *name;

    how->spacing = PB_SPACING_PAPER;
    for (int i = PB_SPACING_PAPER; o->spacing && (name = pb_drawing_spacing_name(i)); i++)
        if (!strcmp(o->spacing, name))
            how->spacing = i;
    if (how->spacing != PB_SPACING_PAPER && how->boost > 0)
        return pb_fail(error, PB_INVALID, "--boost goes with --spacing paper");
    how->count = (size_t)o->count;
    how->pixel_height = (size_t)where->pixel_height;
    how->pixel_width = (size_t)where->pixel_width;
    how->seed = (uint64_t)where->seed;
    how->x = where->x;
    how->steps = (size_t)where->steps;
    how->noise_seed = (uint64_t)(o->noise_seed < 0 ? MAX(where->seed, 0) : o->noise_seed);
    return PB_OK;
}

/* The grid point that the images of --x are moved down from; all of the grid for drawn noise. */
static pb_status find_start(size_t *from, const options *o, const pb_desk *s, pb_error *error)
{
    const pb_where *where = &o->where;
    const pb_point_options when = {
        .t = where->t, .timestep = where->timestep, .steps = o->how.steps};
    pb_point point = PB_POINT_EMPTY;

    *from = o->how.steps - 1;
    if (!where->x)
        return PB_OK;
    if (isnan(where->t) && isnan(where->timestep)) {
        pb_note(&o->cli, "%s does not say its noise level: taken for t = 1 (--t says another)",
                where->x);
        return PB_OK;
    }
    PB_TRY(pb_session_time(s->studio.session, &when, &point, &s->cli->run, error));
    PB_TRY(pb_where_check_time(where, &point, error));
    if (o->how.spacing != PB_SPACING_PAPER && point.grid != *from)
        return pb_fail(error, PB_INVALID,
                       "--spacing %s begins at t = 1, %s is at t = %.2g: --spacing paper goes on "
                       "from there",
                       o->spacing, where->x,
                       point.timestep / (double)pb_schedule_length(s->studio.schedule));
    *from = point.grid;
    return PB_OK;
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    (void)argv;
    if (argc > 1)
        return pb_fail(error, PB_INVALID, "unexpected argument: images are drawn, not read");
    PB_TRY(pb_where_check(&o->cli, &o->where, 1, error));
    if (!o->where.x && o->where.seed < 0)
        o->where.seed = 0;
    if (!o->where.x && !isnan(o->where.t))
        return pb_fail(error, PB_INVALID, "--t goes with --x: drawn noise is at t = 1");
    if (o->where.x && pb_cli_given(&o->cli, "number"))
        return pb_fail(error, PB_INVALID, "-n is for drawn images: --x has its own");
    if (o->how.boost == 0)
        PB_TRY(pb_cli_refuse(&o->cli, "noise-seed", "goes with --boost", error));
    PB_TRY(settle(o, error));
    if (!o->cli.model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    return pb_check_out(o->out, PB_OUT_NPY | PB_OUT_PICTURE, "grid.png or -o out.npy", error);
}

static pb_status write_samples(const options *o, const pb_studio *s, const pb_prompts *prompts,
                               const pb_tensor *x, pb_error *error)
{
    json_t *settings = pb_drawing_json(&o->how, s, prompts, x->shape[0]);
    char *text = pb_json_ascii(settings);
    pb_status status = pb_write_images(x, s, o->out, text, &o->cli.run, error);

    if (status == PB_OK) {
        pb_say(&o->cli, "%s: %zu images, %d steps", o->out, x->shape[0], o->where.steps);
        json_object_set_new(settings, "out", json_string(o->out));
        pb_cli_print(&o->cli, json_incref(settings));
    }
    json_decref(settings);
    free(text);
    return status;
}

/* Draws, under prompts that are all given. */
static pb_status draw(options *o, pb_desk *d, pb_prompts *prompts, pb_tensor *x, pb_error *error)
{
    const pb_studio *s = &d->studio;
    pb_prompts given = o->where.prompts;
    size_t from;

    if (isnan(given.guidance_scale))
        given.guidance_scale = pb_session_drawing_scale(s->session);
    PB_TRY(pb_session_prompts(s->session, &given, prompts, error));
    PB_TRY(o->where.x ? pb_read_images(x, s, o->where.x, SIZE_MAX, error)
                      : pb_draw_noise(&o->how, s, x, error));
    PB_TRY(pb_session_sizes(s->session, &prompts->sizes, x->shape[2], x->shape[3], error));
    PB_TRY(find_start(&from, o, d, error));
    if (pb_drawing_reverses(&o->how, s, from))
        pb_desk_tell_unclipped(d);
    PB_TRY(pb_draw_images(&o->how, s, prompts, from, x, &o->cli.run, error));
    return write_samples(o, s, prompts, x, error);
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    pb_prompts prompts = PB_PROMPTS_DEFAULTS;
    pb_tensor x = PB_TENSOR_EMPTY;
    pb_desk desk;
    pb_status status;

    PB_TRY(pb_check_output(&o->cli, o->out, error));
    status = pb_desk_open(&desk, &o->cli, error);
    if (status == PB_OK)
        status = draw(o, &desk, &prompts, &x, error);
    pb_prompts_clear(&prompts);
    pb_tensor_clear(&x);
    pb_desk_close(&desk);
    return status;
}

int pb_command_sample(int argc, char **argv)
{
    static const pb_help help = {
        "--model MODEL -o OUT",
        "Draws images: noise x_T, moved down the time grid by deterministic DDIM steps, or by\n"
        "stochastic ones (--boost 1): small models draw far better that way.\n"
        "OUT is a picture in which they stand side by side, or a .npy with what the network sees:\n"
        "their values, or of a latent model their latents, which decode turns into pictures.",
        "Examples:\n  pullback sample --model faces32 --boost 1 --seed 0 -n 16 -o grid.png\n"
        "  pullback sample --model stable-diffusion-v1-5 --prompt \"a smiling face\" -n 4 -o "
        "faces.png"};
    options o = {.cli = {.name = "sample"}, .where = PB_WHERE_DEFAULTS, .noise_seed = -1};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out,
         "Where to write: a picture, .png say, or a .npy", "OUT"},
        {"number", 'n', 0, G_OPTION_ARG_INT, &o.count,
         "How many images (default: 16; 1 of 256 pixels and more)", "N"},
        {"t", 't', 0, G_OPTION_ARG_DOUBLE, &o.where.t,
         "With --x: the noise level it lies at, 0 to 1, snapped to the grid (default: what a "
         ".safetensors says of itself, else 1)",
         "T"},
        {"boost", 0, 0, G_OPTION_ARG_DOUBLE, &o.how.boost,
         "Stochastic steps from this fraction of T on, each image with its own noise (1: all "
         "steps; "
         "default: 0, none)",
         "T"},
        {"spacing", 0, 0, G_OPTION_ARG_STRING, &o.spacing,
         "The timesteps: paper (S points of an even grid), or leading, trailing or linspace as "
         "diffusers' DDIMScheduler has them (S steps) (default: paper)",
         "HOW"},
        {"noise-seed", 0, 0, G_OPTION_ARG_INT64, &o.noise_seed,
         "Seed of the noise of stochastic steps (default: as --seed)", "N"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry where[PB_WHERE_ENTRIES];

    pb_where_entries(&o.where,
                     PB_WHERE_SEED | PB_WHERE_X | PB_WHERE_STEPS | PB_WHERE_CLASS | PB_WHERE_TEXT |
                         PB_WHERE_TOLD | PB_WHERE_SIZE,
                     where);
    return pb_cli_command(&o.cli, &help, entries, where, argc, argv, check, run);
}
