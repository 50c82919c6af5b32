#include "cli/commands.h"
#include "cli/desk.h"
#include "studio/tokens.h"

typedef struct options {
    pb_cli cli;
    const char *text;
    char *out, *pooled;
} options;

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    if (!cli->model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    if (argc != 2)
        return pb_fail(error, PB_INVALID, "expected one text in quotes, found %d arguments",
                       argc - 1);
    o->text = argv[1];
    if (!o->out && !o->pooled)
        PB_TRY(pb_cli_refuse(cli, "force", "goes with -o or --pooled", error));
    if (o->pooled)
        PB_TRY(pb_check_out(o->pooled, PB_OUT_NPY, "pooled.npy", error));
    return o->out ? pb_check_out(o->out, PB_OUT_NPY, "embedding.npy", error) : PB_OK;
}

static void tell(const options *o, const pb_tokens *t)
{
    for (size_t i = 0; i < t->used; i++)
        pb_say(&o->cli, "%3zu  %6u  %s", i, t->ids[i], pb_tokens_piece(t, i));
    if (t->length > t->used)
        pb_say(&o->cli, "     %zu tokens of padding", t->length - t->used);
    if (t->rest)
        pb_warn(&o->cli, "the prompt is cut to %zu tokens; left out: \"%s\"", t->length, t->rest);
    if (o->out)
        pb_say(&o->cli, "%s: the embedding, %zu x %zu", o->out, t->length, t->width);
    if (o->pooled)
        pb_say(&o->cli, "%s: the pooled embedding, 1 x %zu", o->pooled, t->pooled);
    pb_cli_print(&o->cli, pb_tokens_json(t, o->text));
}

/* Writes what is asked for of the prompt's embeddings. */
static pb_status write_embeddings(const options *o, const pb_tokens *t, pb_error *error)
{
    pb_tensor embedding = PB_TENSOR_EMPTY, pooled = PB_TENSOR_EMPTY;
    pb_status status;

    if (o->pooled && !t->pooled)
        return pb_fail(error, PB_INVALID, "--pooled: this model takes no pooled embedding");
    status = pb_tokens_embed(t, &embedding, &pooled, &o->cli.run, error);
    if (status == PB_OK && o->out)
        status = pb_npy_write(&embedding, o->out, error);
    if (status == PB_OK && o->pooled)
        status = pb_npy_write(&pooled, o->pooled, error);
    pb_tensor_clear(&embedding);
    pb_tensor_clear(&pooled);
    return status;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    const options *o = (const options *)cli;
    pb_tokens tokens;
    pb_model *model;
    pb_status status;

    if (o->out)
        PB_TRY(pb_check_output(&o->cli, o->out, error));
    if (o->pooled)
        PB_TRY(pb_check_output(&o->cli, o->pooled, error));
    PB_TRY(pb_cli_open_model(&model, &o->cli, error));
    status = pb_tokens_find(&tokens, model, o->text, error);
    if (status == PB_OK && (o->out || o->pooled))
        status = write_embeddings(o, &tokens, error);
    if (status == PB_OK)
        tell(o, &tokens);
    pb_tokens_clear(&tokens);
    pb_model_free(model);
    return status;
}

int pb_command_prompt(int argc, char **argv)
{
    static const pb_help help = {
        "--model MODEL TEXT",
        "The tokens that a model's text encoder reads a prompt as, and with -o its embedding, "
        "what\n"
        "the U-Net is conditioned on. A text that begins with a dash follows after --.",
        "Example:\n  pullback prompt --model stable-diffusion-v1-5 \"a photo of a smiling face\""};
    options o = {.cli = {.name = "prompt", .idle = "costs"}};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out,
         "Where to write the embedding (tokens, width)", "OUT.npy"},
        {"pooled", 0, 0, G_OPTION_ARG_FILENAME, &o.pooled,
         "Where to write the pooled embedding (1, width), which a model as Stable Diffusion XL is "
         "given too",
         "OUT.npy"},
        G_OPTION_ENTRY_NULL,
    };

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);
}
