#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/point.h"

#define SCALE 7.5 /* of guidance, unless it is given */
#define NO_SEED G_MININT64

typedef struct options {
    pb_cli cli;
    pb_point_options point;
    int count;
    double boost;
    char *spacing;     /* NULL: "paper" */
    int spacing_value; /* -1: paper, else a pb_spacing */
    gint64 noise_seed; /* NO_SEED: not given */
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
    if (o->spacing_value < 0)
        return pb_fail(error, PB_INVALID,
                       "--spacing %s: expected paper, leading, trailing or linspace", o->spacing);
    return o->boost > 0 ? pb_fail(error, PB_INVALID, "--boost goes with --spacing paper") : PB_OK;
}

static pb_status check(options *o, int argc, pb_error *error)
{
    if (argc > 1)
        return pb_fail(error, PB_INVALID, "unexpected argument: images are drawn, not read");
    o->point.text.otherwise = SCALE;
    PB_TRY(pb_point_check(&o->point, error));
    if (!o->point.x && o->point.seed < 0)
        o->point.seed = 0;
    if (o->noise_seed == NO_SEED)
        o->noise_seed = MAX(o->point.seed, 0);
    if (o->noise_seed < 0)
        return pb_fail(error, PB_INVALID, "--noise-seed %ld: expected 0 or more",
                       (long)o->noise_seed);
    PB_TRY(pb_check_range("-n", o->count, 1, 1000000, error));
    PB_TRY(pb_check_range("--boost", o->boost, 0, 1, error));
    PB_TRY(read_spacing(o, error));
    if (!o->cli.model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    return pb_check_out(o->out, PB_OUT_NPY | PB_OUT_PICTURE, "grid.png or -o out.npy", error);
}

/* x_T: drawn, or read as any number of images. */
static pb_status read_noise(pb_tensor *x, pb_session *session, const options *o, pb_error *error)
{
    size_t height, width;

    if (!o->point.x) {
        PB_TRY(pb_session_choose_size(session, (size_t)o->point.pixel_height,
                                      (size_t)o->point.pixel_width, &height, &width, error));
        PB_TRY(pb_session_size(session, height, width, error));
        return pb_draw_noise(x, session, (size_t)o->count, (uint64_t)o->point.seed, error);
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
        json_object_set_new(object, "x", json_string(o->point.x));
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
    char *text = json_dumps(settings, JSON_COMPACT | JSON_REAL_PRECISION(9));
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
    size_t S = (size_t)o->point.steps;
    pb_session session;
    pb_tensor x = PB_TENSOR_EMPTY;
    pb_status status;

    PB_TRY(pb_check_output(o->out, error));
    status = pb_session_open(&session, &o->cli, o->point.class_label, &o->point.text, error);
    if (status == PB_OK)
        status = read_noise(&x, &session, o, error);
    if (status == PB_OK)
        status = o->spacing_value >= 0 ? pb_session_sample(&session, x.shape[0], x.data,
                                                           (pb_spacing)o->spacing_value, S, error)
                                       : pb_session_move(&session, "sampling", x.shape[0], x.data,
                                                         S - 1, 0, S, &boost, error);
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
    options o = {
        .cli = {.name = "sample"}, .point = PB_POINT_DEFAULTS, .count = 16, .noise_seed = NO_SEED};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Where to write", "OUT"},
        {"number", 'n', 0, G_OPTION_ARG_INT, &o.count, "How many images (default: 16)", "N"},
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
         "Seed of their noise (default: as --seed)", "N"},
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
