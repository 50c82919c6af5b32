#include <string.h>

#include "base/memory.h"
#include "cli/commands.h"
#include "cli/desk.h"

typedef struct options {
    pb_cli cli;
    const char *text;
    char *out;
} options;

static void tell(const options *o, const pb_text_encoder *encoder, const uint32_t *ids, size_t used,
                 const char *rest)
{
    size_t length = pb_text_encoder_length(encoder);
    json_t *list = json_array(), *pieces = json_array();

    for (size_t i = 0; i < length; i++) {
        const char *piece = pb_text_encoder_piece(encoder, ids[i]);
        json_array_append_new(list, json_integer((json_int_t)ids[i]));
        json_array_append_new(pieces, json_string(piece ? piece : ""));
        if (i < used)
            pb_say(&o->cli, "%3zu  %6u  %s", i, ids[i], piece ? piece : "");
    }
    if (length > used)
        pb_say(&o->cli, "     %zu tokens of padding", length - used);
    if (rest)
        pb_warn(&o->cli, "the prompt is cut to %zu tokens; left out: \"%s\"", length, rest);
    if (o->out)
        pb_say(&o->cli, "%s: the embedding, %zu x %zu", o->out, length,
               pb_text_encoder_width(encoder));
    pb_cli_print(&o->cli, json_pack("{s:s, s:o, s:o, s:i, s:s?}", "prompt", o->text, "ids", list,
                                    "pieces", pieces, "tokens", (int)used, "left_out", rest));
}

static pb_status write_embedding(const options *o, const pb_text_encoder *encoder,
                                 const uint32_t *ids, pb_error *error)
{
    const size_t shape[2] = {pb_text_encoder_length(encoder), pb_text_encoder_width(encoder)};
    pb_tensor embedding = PB_TENSOR_EMPTY;
    pb_status status = pb_tensor_new(&embedding, 2, shape, error);

    if (status == PB_OK)
        status =
            pb_text_encoder_embed(encoder, 1, shape[0], ids, embedding.data, &o->cli.run, error);
    if (status == PB_OK)
        status = pb_npy_write(&embedding, o->out, error);
    pb_tensor_clear(&embedding);
    return status;
}

static pb_status run(const options *o, pb_error *error)
{
    pb_text_encoder *encoder = NULL;
    uint32_t *ids = NULL;
    pb_model *model;
    char *rest = NULL;
    size_t used;
    pb_status status;

    if (o->out)
        PB_TRY(pb_check_output(&o->cli, o->out, error));
    PB_TRY(pb_cli_open_model(&model, &o->cli, error));
    status = pb_text_encoder_open(&encoder, model, error);
    if (status == PB_OK) {
        size_t length = pb_text_encoder_length(encoder);
        ids = pb_malloc(length, sizeof *ids);
        status = ids ? pb_text_encoder_tokens(encoder, o->text, length, ids, &used, &rest, error)
                     : pb_fail_memory(error, length * sizeof *ids, "tokens");
    }
    if (status == PB_OK && o->out)
        status = write_embedding(o, encoder, ids, error);
    if (status == PB_OK)
        tell(o, encoder, ids, used, rest);
    pb_text_free(rest);
    pb_free(ids);
    pb_text_encoder_free(encoder);
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
    options o = {.cli = {.name = "prompt"}};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out,
         "Where to write the embedding (tokens, width)", "OUT.npy"},
        G_OPTION_ENTRY_NULL,
    };
    pb_status status;
    pb_error error;

    status = pb_cli_parse(&o.cli, &help, entries, NULL, &argc, &argv, &error);
    if (status == PB_OK && !o.cli.model)
        status = pb_fail(&error, PB_INVALID, "which model? --model MODEL");
    if (status == PB_OK && argc != 2)
        status = pb_fail(&error, PB_INVALID, "expected one text in quotes, found %d arguments",
                         argc - 1);
    if (status == PB_OK && o.out)
        status = pb_check_out(o.out, PB_OUT_NPY, "embedding.npy", &error);
    if (status != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    o.text = argv[1];
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
