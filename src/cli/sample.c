#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/where.h"
#include "io/json.h"
#include "studio/strip.h"

typedef struct options {
    pb_cli cli;
    pb_where where;
    int count; /* 0: not given */
    double boost;
    char *spacing;     /* NULL: "paper" */
    int spacing_value; /* -1: paper, else a pb_spacing */
    gint64 noise_seed; /* -1: not given */
    char *out;
} options;

static pb_status read_spacing(options *o, pb_error *error)
{
    static const char *const names[] = {"leading", "trailing", "linspace"};

    o->spacing_value = -1;
    if (!o->spacing || !strcmp(o->spacing, "paper"))
        return PB_OK;
    for (int i = 0; i < 3; i++)
        if (!strcmp(o->spacing, names[i]))
            o->spacing_value = i;
    if (o->boost > 0)
        return pb_fail(error, PB_INVALID, "--boost goes with --spacing paper");
    return PB_OK;
}

/* How many images there are to draw unless it is said: fewer of large ones. */
#define MANY 16
#define LARGE 256 /* pixels to a side */

static pb_status choose_count(size_t *count, const options *o, const pb_desk *s, size_t height,
                              size_t width, pb_error *error)
{
    size_t factor = 1, channels;

    *count = (size_t)o->count;
    if (o->count)
        return PB_OK;
    if (s->studio.info->has_autoencoder)
        PB_TRY(pb_session_pixels(s->studio.session, &factor, &channels, error));
    else if (s->studio.info->latent)
        factor = 8; /* as nearly all autoencoders have it */
    *count = factor * MAX(height, width) < LARGE ? MANY : 1;
    return PB_OK;
}

/* The grid point that the images of --x are moved down from; all of the grid for drawn noise. */
static pb_status find_start(size_t *from, const options *o, const pb_desk *s, pb_error *error)
{
    const pb_where *where = &o->where;
    const pb_point_options when = {
        .t = where->t, .timestep = where->timestep, .steps = (size_t)where->steps};
    pb_point point = PB_POINT_EMPTY;

    *from = (size_t)where->steps - 1;
    if (!where->x)
        return PB_OK;
    if (isnan(where->t) && isnan(where->timestep)) {
        pb_note(&o->cli, "%s does not say its noise level: taken for t = 1 (--t says another)",
                where->x);
        return PB_OK;
    }
    PB_TRY(pb_session_time(s->studio.session, &when, &point, &s->cli->run, error));
    PB_TRY(pb_where_check_time(where, &point, error));
    if (o->spacing_value >= 0 && point.grid != *from)
        return pb_fail(error, PB_INVALID,
                       "--spacing %s begins at t = 1, %s is at t = %.2g: --spacing paper goes on "
                       "from there",
                       o->spacing, where->x,
                       point.timestep / (double)pb_schedule_length(s->studio.schedule));
    *from = point.grid;
    return PB_OK;
}

static pb_status check(options *o, int argc, pb_error *error)
{
    if (argc > 1)
        return pb_fail(error, PB_INVALID, "unexpected argument: images are drawn, not read");
    PB_TRY(pb_where_check(&o->cli, &o->where, 1, error));
    if (!o->where.x && o->where.seed < 0)
        o->where.seed = 0;
    if (!o->where.x && !isnan(o->where.t))
        return pb_fail(error, PB_INVALID, "--t goes with --x: drawn noise is at t = 1");
    if (o->where.x && pb_cli_given(&o->cli, "number"))
        return pb_fail(error, PB_INVALID, "-n is for drawn images: --x has its own");
    if (o->boost == 0)
        PB_TRY(pb_cli_refuse(&o->cli, "noise-seed", "goes with --boost", error));
    if (o->noise_seed < 0)
        o->noise_seed = MAX(o->where.seed, 0);
    PB_TRY(read_spacing(o, error));
    if (!o->cli.model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    return pb_check_out(o->out, PB_OUT_NPY | PB_OUT_PICTURE, "grid.png or -o out.npy", error);
}

/* x_T: drawn, or read as any number of images. */
static pb_status read_noise(pb_tensor *x, pb_desk *d, const options *o, pb_error *error)
{
    size_t height, width, count;

    if (!o->where.x) {
        PB_TRY(pb_session_size(d->studio.session, (size_t)o->where.pixel_height,
                               (size_t)o->where.pixel_width, &height, &width, error));
        PB_TRY(choose_count(&count, o, d, height, width, error));
        return pb_session_noise(d->studio.session, count, height, width, (uint64_t)o->where.seed, x,
                                error);
    }
    return pb_read_images(x, &d->studio, o->where.x, SIZE_MAX, error);
}

/* How the images came to be. */
static json_t *describe(const options *o, const pb_desk *d, const pb_prompts *prompts, size_t count)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:i, s:s, s:f, s:I}", "pullback", pb_version(),
                               "model", d->studio.info->path, "images", (int)count, "steps",
                               o->where.steps, "spacing", o->spacing ? o->spacing : "paper",
                               "boost", o->boost, "noise_seed", (json_int_t)o->noise_seed);

    if (o->where.x)
        json_object_set_new(object, "x", pb_json_name(o->where.x));
    else
        json_object_set_new(object, "seed", json_integer((json_int_t)o->where.seed));
    if (prompts->class_label >= 0)
        json_object_set_new(object, "class", json_integer(prompts->class_label));
    pb_prompts_describe(prompts, object);
    return object;
}

static pb_status write_samples(const options *o, pb_desk *d, const pb_prompts *prompts,
                               const pb_tensor *x, pb_error *error)
{
    json_t *settings = describe(o, d, prompts, x->shape[0]);
    char *text = pb_json_ascii(settings);
    pb_status status = pb_write_images(x, &d->studio, o->out, text, &d->cli->run, error);

    if (status == PB_OK) {
        pb_say(&o->cli, "%s: %zu images, %d steps", o->out, x->shape[0], o->where.steps);
        json_object_set_new(settings, "out", json_string(o->out));
        pb_cli_print(&o->cli, json_incref(settings));
    }
    json_decref(settings);
    free(text);
    return status;
}

/* The grid point from which steps are stochastic, and clip; below 0 where none are. */
static long boosted(const options *o, const pb_desk *d)
{
    size_t T = pb_schedule_length(d->studio.schedule);

    return o->boost > 0 ? (long)pb_grid_nearest(T, (size_t)o->where.steps, o->boost) : -1;
}

/* Draws, under prompts that are all given. */
static pb_status draw(options *o, pb_desk *d, pb_prompts *prompts, pb_tensor *x, pb_error *error)
{
    const pb_boost boost = {.t = o->boost, .seed = (uint64_t)o->noise_seed, .own = 1};
    size_t S = (size_t)o->where.steps, from;
    pb_prompts given = o->where.prompts;
    pb_run *run = &o->cli.run;

    if (isnan(given.guidance_scale) && d->studio.info->context_width)
        given.guidance_scale = PB_DRAWING_SCALE;
    PB_TRY(pb_session_prompts(d->studio.session, &given, prompts, error));
    PB_TRY(read_noise(x, d, o, error));
    PB_TRY(find_start(&from, o, d, error));
    if (o->spacing_value >= 0)
        PB_TRY(pb_session_sample(d->studio.session, prompts, x, (pb_spacing)o->spacing_value, S,
                                 run, error));
    else {
        if ((long)from > boosted(o, d))
            pb_desk_tell_unclipped(d);
        PB_TRY(pb_session_move(d->studio.session, prompts, "sampling", x, S, from, 0, &boost, run,
                               error));
    }
    return write_samples(o, d, prompts, x, error);
}

static pb_status run(options *o, pb_error *error)
{
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
        {"boost", 0, 0, G_OPTION_ARG_DOUBLE, &o.boost,
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
    pb_error error;

    pb_where_entries(&o.where,
                     PB_WHERE_SEED | PB_WHERE_X | PB_WHERE_STEPS | PB_WHERE_CLASS | PB_WHERE_TEXT |
                         PB_WHERE_SIZE,
                     where);
    if (pb_cli_parse(&o.cli, &help, entries, where, &argc, &argv, &error) != PB_OK ||
        check(&o, argc, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
