#include "cli/models.h"

#include "cli/commands.h"
#include "studio/inventory.h"

static void tell(const pb_cli *cli, const pb_holding *h)
{
    const pb_model_info *info;

    pb_say(cli, "%s", h->name);
    if (!h->model) {
        pb_say(cli, "    %.1f MB, cannot be read: %s", (double)h->bytes / 1e6, h->why.message);
        return;
    }
    info = pb_model_get_info(h->model);
    pb_say(cli, "    %s, %.1f M parameters, %s%zux%zu%s, %.1f MB, %s", info->architecture,
           (double)info->parameters / 1e6, info->latent ? "latents of " : "", info->sample_height,
           info->sample_width, info->context_width ? ", reads text" : "", (double)h->bytes / 1e6,
           info->path);
}

pb_status pb_list_models(const pb_cli *cli, pb_error *error)
{
    GPtrArray *names = pb_model_names();
    json_t *array = json_array();
    pb_status status = PB_OK;

    for (guint i = 0; status == PB_OK && i < names->len; i++) {
        pb_holding h;
        status = pb_holding_open(&h, names->pdata[i], error);
        if (status == PB_OK) {
            json_array_append_new(array, pb_holding_json(&h));
            tell(cli, &h);
        }
        pb_holding_close(&h);
    }
    if (names->len == 0)
        pb_say(cli, "no models: neither in models/ here, nor among those installed, nor in the "
                    "Hugging Face cache");
    g_ptr_array_unref(names);
    if (status == PB_OK)
        pb_cli_print(cli, json_pack("{s:O}", "models", array));
    json_decref(array);
    return status;
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    (void)cli;
    return argc == 1 ? PB_OK
                     : pb_fail(error, PB_INVALID, "%s: expected no more (info tells of one model)",
                               argv[1]);
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    return pb_list_models(cli, error);
}

int pb_command_models(int argc, char **argv)
{
    static const pb_help help = {
        "",
        "Lists the models that --model can find by name: those that came with the program or lie "
        "in models/ here or in the folder of PULLBACK_MODELS, and those in the Hugging Face cache; "
        "with their architecture, what they take on the disk, and, of one that cannot be read, the "
        "reason. A model that is one file is not among them: it is named by its path.",
        "Example:\n  pullback models --json"};
    pb_cli cli = {.name = "models", .no_model = 1, .idle = "threads,force"};

    return pb_cli_command(&cli, &help, NULL, NULL, argc, argv, check, run);
}
