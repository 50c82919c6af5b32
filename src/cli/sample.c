#include <math.h>
#include <string.h>

#include "cli/point.h"

typedef struct options {
    pb_cli cli;
    pb_point_options point;
    int count;
    double boost;
    gint64 noise_seed;
    char *out;
} options;

static pb_status check(options *o, int argc, pb_error *error)
{
    if (argc > 1)
        return pb_fail(error, PB_INVALID, "unexpected argument: images are drawn, not read");
    PB_TRY(pb_point_check(&o->point, error));
    if (!o->point.x && o->point.seed < 0)
        o->point.seed = 0;
    PB_TRY(pb_check_range("-n", o->count, 1, 1000000, error));
    PB_TRY(pb_check_range("--boost", o->boost, 0, 1, error));
    if (!o->cli.model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    return o->out ? PB_OK : pb_fail(error, PB_INVALID, "where to? -o grid.png or -o out.npy");
}

/* x_T: drawn, or read as any number of images. */
static pb_status read_noise(pb_tensor *x, pb_session *session, const options *o, pb_error *error)
{
    const pb_model_info *info = session->info;

    if (!o->point.x) {
        PB_TRY(pb_session_size(session, info->sample_height, info->sample_width, error));
        return pb_draw_noise(x, session, (size_t)o->count, (uint64_t)o->point.seed, error);
    }
    PB_TRY(pb_read_images(x, session, o->point.x, SIZE_MAX, error));
    return pb_session_size(session, x->shape[2], x->shape[3], error);
}

static pb_status run(const options *o, pb_error *error)
{
    size_t S = (size_t)o->point.steps, boost = SIZE_MAX;
    pb_session session;
    pb_tensor x = PB_TENSOR_EMPTY;
    pb_status status;

    PB_TRY(pb_check_output(o->out, error));
    status = pb_session_open(&session, &o->cli, o->point.class_label, error);
    if (status == PB_OK)
        status = read_noise(&x, &session, o, error);
    if (status == PB_OK && o->boost > 0)
        boost = pb_grid_nearest(pb_schedule_length(session.schedule), S, o->boost);
    if (status == PB_OK)
        status = pb_session_move(&session, "sampling", x.shape[0], x.data, S - 1, 0, S, boost,
                                 (uint64_t)o->noise_seed, error);
    if (status == PB_OK)
        status = pb_write_images(&x, o->out, NULL, error);
    if (status == PB_OK) {
        pb_say(&o->cli, "%s: %zu images, %zu steps", o->out, x.shape[0], S);
        pb_cli_print(&o->cli, json_pack("{s:s, s:i, s:i}", "out", o->out, "images", (int)x.shape[0],
                                        "steps", (int)S));
    }
    pb_tensor_clear(&x);
    pb_session_close(&session);
    return status;
}

int pb_command_sample(int argc, char **argv)
{
    static const pb_help help = {
        "--model MODEL -o OUT",
        "Draws images: noise x_T, moved down the time grid by deterministic DDIM steps.\n"
        "OUT is a picture in which they stand side by side, or a .npy with their values.",
        "Example:\n  pullback sample --model faces32 --seed 0 -n 16 -o grid.png"};
    options o = {.cli = {.name = "sample"}, .point = PB_POINT_DEFAULTS, .count = 16};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Where to write", "OUT"},
        {"number", 'n', 0, G_OPTION_ARG_INT, &o.count, "How many images (default: 16)", "N"},
        {"boost", 0, 0, G_OPTION_ARG_DOUBLE, &o.boost,
         "Stochastic steps from this fraction of T on (default: 0, none)", "T"},
        {"noise-seed", 0, 0, G_OPTION_ARG_INT64, &o.noise_seed, "Seed of their noise (default: 0)",
         "N"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry where[PB_POINT_ENTRIES];
    pb_error error;

    pb_point_entries(&o.point, PB_POINT_SEED | PB_POINT_X | PB_POINT_STEPS | PB_POINT_CLASS, where);
    if (pb_cli_parse(&o.cli, &help, entries, where, &argc, &argv, &error) != PB_OK ||
        check(&o, argc, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
