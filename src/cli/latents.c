/* encode and decode: between pictures and the latents of a model. */
#include "cli/commands.h"
#include "cli/where.h"
#include "io/json.h"

typedef struct options {
    pb_cli cli;
    pb_where where;
    char *out;
    const char *what; /* it takes, */
    unsigned kinds;   /* and what it makes */
} options;

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    if (argc != 2)
        return pb_fail(error, PB_INVALID, "expected one %s, found %d", o->what, argc - 1);
    o->where.image = argv[1];
    PB_TRY(pb_where_check(&o->cli, &o->where, 0, error));
    PB_TRY(pb_model_for(&o->cli, o->where.image, error));
    return pb_check_out(o->out, o->kinds, o->kinds & PB_OUT_PICTURE ? "picture.png" : "latent.npy",
                        error);
}

static pb_status open_latent(pb_desk *s, options *o, pb_error *error)
{
    PB_TRY(pb_check_output(&o->cli, o->out, error));
    PB_TRY(pb_desk_open(s, &o->cli, error));
    if (!s->studio.info->latent)
        return pb_fail(error, PB_INVALID, "%s is no latent model: it works on pictures as they are",
                       s->studio.info->path);
    return PB_OK;
}

static void tell(const options *o, const pb_tensor *t)
{
    pb_say(&o->cli, "%s: %zu x %zu x %zu x %zu", o->out, t->shape[0], t->shape[1], t->shape[2],
           t->shape[3]);
    pb_cli_print(&o->cli,
                 json_pack("{s:s, s:o}", "out", o->out, "shape", pb_json_counts(4, t->shape)));
}

static pb_status encode(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    pb_tensor latents = PB_TENSOR_EMPTY;
    pb_desk d = {0};
    pb_status status = open_latent(&d, o, error);

    if (status == PB_OK)
        status = pb_where_read(&d, &o->where, error);
    if (status == PB_OK)
        status = pb_session_encode(d.studio.session, &d.source.array, &latents, &d.cli->run, error);
    if (status == PB_OK)
        status = pb_npy_write(&latents, o->out, error);
    if (status == PB_OK)
        tell(o, &latents);
    pb_tensor_clear(&latents);
    pb_desk_close(&d);
    return status;
}

static pb_status decode(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    pb_tensor latents = PB_TENSOR_EMPTY, pictures = PB_TENSOR_EMPTY;
    pb_desk d = {0};
    pb_status status = open_latent(&d, o, error);

    if (status == PB_OK)
        status = pb_read_images(&latents, &d.studio, o->where.image, SIZE_MAX, error);
    if (status == PB_OK)
        status = pb_session_decode(d.studio.session, &latents, &pictures, &d.cli->run, error);
    if (status == PB_OK)
        status = pb_write_pictures(&pictures, o->out, NULL, error);
    if (status == PB_OK)
        tell(o, &pictures);
    pb_tensor_clear(&latents);
    pb_tensor_clear(&pictures);
    pb_desk_close(&d);
    return status;
}

int pb_command_encode(int argc, char **argv)
{
    static const pb_help help = {
        "--model MODEL IMAGE -o latent.npy",
        "The latent of a picture: the mean of the autoencoder's distribution, scaled, as the "
        "U-Net\n"
        "sees it. invert, basis and edit do this themselves.",
        "Example:\n  pullback encode --model stable-diffusion-v1-5 portrait.jpg -o latent.npy"};
    options o = {.cli = {.name = "encode"},
                 .where = PB_WHERE_DEFAULTS,
                 .what = "picture",
                 .kinds = PB_OUT_NPY};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Where to write: a .npy of (1,c,h,w)",
         "OUT.npy"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry where[PB_WHERE_ENTRIES];

    pb_where_entries(&o.where, PB_WHERE_PICTURE | PB_WHERE_SIZE, where);
    return pb_cli_command(&o.cli, &help, entries, where, argc, argv, check, encode);
}

int pb_command_decode(int argc, char **argv)
{
    static const pb_help help = {
        "--model MODEL latent.npy -o OUT",
        "The pictures of latents (n,c,h,w), side by side in one file, or as a .npy of values in\n"
        "about [-1, 1].",
        "Example:\n  pullback decode --model stable-diffusion-v1-5 latent.npy -o picture.png"};
    options o = {.cli = {.name = "decode"},
                 .where = PB_WHERE_DEFAULTS,
                 .what = "latent",
                 .kinds = PB_OUT_NPY | PB_OUT_PICTURE};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out,
         "Where to write: a picture, .png say, or a .npy", "OUT"},
        G_OPTION_ENTRY_NULL,
    };

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, decode);
}
