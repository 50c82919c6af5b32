#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/point.h"
#include "io/json.h"

#define SCALE 7.5 /* of guidance, unless it is given */

typedef struct options {
    pb_cli cli;
    pb_point_options point;
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

static pb_status choose_count(size_t *count, const options *o, pb_session *s, pb_error *error)
{
    size_t factor = 1, channels;

    *count = (size_t)o->count;
    if (o->count)
        return PB_OK;
    if (s->info->has_autoencoder)
        PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    else if (s->info->latent)
        factor = 8; /* as nearly all autoencoders have it */
    *count = factor * MAX(s->height, s->width) < LARGE ? MANY : 1;
    return PB_OK;
}

/* The grid point that the images of --x are moved down from; all of the grid for drawn noise. */
static pb_status find_start(size_t *from, const options *o, const pb_session *s, pb_error *error)
{
    pb_point point = {0};
    pb_point_options where = o->point;

    *from = (size_t)o->point.steps - 1;
    if (!o->point.x)
        return PB_OK;
    if (isnan(where.t) && isnan(where.timestep)) {
        pb_note(&o->cli, "%s does not say its noise level: taken for t = 1 (--t says another)",
                where.x);
        return PB_OK;
    }
    PB_TRY(pb_point_time(&point, s, &where, error));
    PB_TRY(pb_point_on_grid(&point, o->point.steps, error));
    if (o->spacing_value >= 0 && point.grid != *from)
        return pb_fail(error, PB_INVALID,
                       "--spacing %s begins at t = 1, %s is at t = %.2g: --spacing paper goes on "
                       "from there",
                       o->spacing, where.x,
                       point.timestep / (double)pb_schedule_length(s->schedule));
    *from = point.grid;
    return PB_OK;
}

static pb_status check(options *o, int argc, pb_error *error)
{
    if (argc > 1)
        return pb_fail(error, PB_INVALID, "unexpected argument: images are drawn, not read");
    o->point.text.otherwise = SCALE;
    PB_TRY(pb_point_check(&o->cli, &o->point, error));
    if (!o->point.x && o->point.seed < 0)
        o->point.seed = 0;
    if (!o->point.x && !isnan(o->point.t))
        return pb_fail(error, PB_INVALID, "--t goes with --x: drawn noise is at t = 1");
    if (o->point.x && pb_cli_given(&o->cli, "number"))
        return pb_fail(error, PB_INVALID, "-n is for drawn images: --x has its own");
    if (o->boost == 0)
        PB_TRY(pb_cli_refuse(&o->cli, "noise-seed", "goes with --boost", error));
    if (o->noise_seed < 0)
        o->noise_seed = MAX(o->point.seed, 0);
    PB_TRY(read_spacing(o, error));
    if (!o->cli.model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    return pb_check_out(o->out, PB_OUT_NPY | PB_OUT_PICTURE, "grid.png or -o out.npy", error);
}

/* x_T: drawn, or read as any number of images. */
static pb_status read_noise(pb_tensor *x, pb_session *session, const options *o, pb_error *error)
{
    size_t height, width, count;

    if (!o->point.x) {
        PB_TRY(pb_session_choose_size(session, (size_t)o->point.pixel_height,
                                      (size_t)o->point.pixel_width, &height, &width, error));
        PB_TRY(pb_session_size(session, height, width, error));
        PB_TRY(choose_count(&count, o, session, error));
        return pb_draw_noise(x, session, count, (uint64_t)o->point.seed, error);
    }
    PB_TRY(pb_read_images(x, session, o->point.x, SIZE_MAX, error));
    return pb_session_size(session, x->shape[2], x->shape[3], error);
}

/* How the images came to be. */
static json_t *describe(const options *o, const pb_session *session, size_t count)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:i, s:s, s:f, s:I}", "pullback", pb_version(),
                               "model", session->info->path, "images", (int)count, "steps",
                               o->point.steps, "spacing", o->spacing ? o->spacing : "paper",
                               "boost", o->boost, "noise_seed", (json_int_t)o->noise_seed);

    if (o->point.x)
        json_object_set_new(object, "x", pb_json_name(o->point.x));
    else
        json_object_set_new(object, "seed", json_integer((json_int_t)o->point.seed));
    if (session->class_label >= 0)
        json_object_set_new(object, "class", json_integer(session->class_label));
    pb_prompts_describe(&session->prompts, object);
    return object;
}

static pb_status write_samples(const options *o, pb_session *session, const pb_tensor *x,
                               pb_error *error)
{
    json_t *settings = describe(o, session, x->shape[0]);
    char *text = pb_json_ascii(settings);
    pb_status status = pb_write_images(x, session, o->out, text, error);

    if (status == PB_OK) {
        pb_say(&o->cli, "%s: %zu images, %d steps", o->out, x->shape[0], o->point.steps);
        json_object_set_new(settings, "out", json_string(o->out));
        pb_cli_print(&o->cli, json_incref(settings));
    }
    json_decref(settings);
    free(text);
    return status;
}

static pb_status run(const options *o, pb_error *error)
{
    const pb_boost boost = {.t = o->boost, .seed = (uint64_t)o->noise_seed, .own = 1};
    size_t S = (size_t)o->point.steps, from = S - 1;
    pb_session session;
    pb_tensor x = PB_TENSOR_EMPTY;
    pb_status status;

    PB_TRY(pb_check_output(&o->cli, o->out, error));
    status = pb_session_open(&session, &o->cli, o->point.class_label, &o->point.text, error);
    if (status == PB_OK)
        status = read_noise(&x, &session, o, error);
    if (status == PB_OK)
        status = find_start(&from, o, &session, error);
    if (status == PB_OK)
        status = o->spacing_value >= 0
                     ? pb_session_sample(&session, &x, (pb_spacing)o->spacing_value, S, error)
                     : pb_session_move(&session, "sampling", &x, from, 0, S, &boost, error);
    if (status == PB_OK)
        status = write_samples(o, &session, &x, error);
    pb_tensor_clear(&x);
    pb_session_close(&session);
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
    options o = {.cli = {.name = "sample"}, .point = PB_POINT_DEFAULTS, .noise_seed = -1};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out,
         "Where to write: a picture, .png say, or a .npy", "OUT"},
        {"number", 'n', 0, G_OPTION_ARG_INT, &o.count,
         "How many images (default: 16; 1 of 256 pixels and more)", "N"},
        {"t", 't', 0, G_OPTION_ARG_DOUBLE, &o.point.t,
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
    GOptionEntry where[PB_POINT_ENTRIES];
    pb_error error;

    pb_point_entries(&o.point,
                     PB_POINT_SEED | PB_POINT_X | PB_POINT_STEPS | PB_POINT_CLASS | PB_POINT_TEXT |
                         PB_POINT_SIZE,
                     where);
    if (pb_cli_parse(&o.cli, &help, entries, where, &argc, &argv, &error) != PB_OK ||
        check(&o, argc, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
