#include "cli/desk.h"

#include <math.h>
#include <string.h>

#include "base/legible.h"
#include "picture/pixels.h"
#include "studio/loras.h"

/* Tensors of a LoRA that have no effect, but of info, which lists them. */
static void warn_unmatched(const pb_cli *cli, const pb_lora_info *info)
{
    char *text = strcmp(cli->name, "info") ? pb_lora_unmatched(info) : NULL;

    if (text)
        pb_warn(cli, "%s", text);
    g_free(text);
}

pb_status pb_cli_open_model(pb_model **model, const pb_cli *cli, pb_error *error)
{
    const pb_model_options options = pb_cli_model_options(cli);
    pb_status status;

    PB_TRY(pb_model_open_with(model, cli->model, &options, error));
    status = pb_check_utf8(pb_model_get_info(*model)->path, error);
    if (status == PB_OK)
        status = pb_check_model(*model, cli->expected_hash, cli->expected_by, cli->expected_model,
                                cli->expected_loras, error);
    for (size_t i = 0; status == PB_OK && pb_model_lora(*model, i); i++)
        warn_unmatched(cli, pb_model_lora(*model, i));
    if (status != PB_OK) {
        pb_model_free(*model);
        *model = NULL;
    }
    return status;
}

pb_status pb_desk_open(pb_desk *d, pb_cli *cli, pb_error *error)
{
    pb_model *model;

    *d = (pb_desk){.cli = cli, .source = PB_SOURCE_EMPTY, .point = PB_POINT_EMPTY};
    if (!cli->model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    PB_TRY(pb_picture_start(cli->name, cli->threads, error));
    PB_TRY(pb_cli_open_model(&model, cli, error));
    PB_TRY(pb_studio_open(&d->studio, cli->model, model, error));
    return cli->costs ? pb_model_set_costs(model, cli->costs, error) : PB_OK;
}

void pb_desk_close(pb_desk *d)
{
    pb_point_clear(&d->point);
    pb_source_clear(&d->source);
    pb_studio_close(&d->studio);
    *d = (pb_desk){0};
}

void pb_desk_tell_unclipped(pb_desk *d)
{
    if (d->told || !d->studio.info->ignored)
        return;
    pb_note(d->cli, "%s of the model's scheduler is off in steps that must be reversible",
            d->studio.info->ignored);
    d->told = 1;
}

pb_status pb_model_of_basis(pb_cli *cli, const char *path, pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    char *name;

    if (cli->model)
        return PB_OK;
    PB_TRY(pb_basis_read(&basis, path, error));
    name = g_strdup(basis.model);
    g_ptr_array_add(cli->owned, name);
    cli->model = name;
    pb_basis_clear(&basis);
    return PB_OK;
}

pb_status pb_prompts_check(const pb_prompts *p, int guidance, pb_error *error)
{
    return p->negative_prompt && isnan(p->guidance_scale) && !guidance
               ? pb_fail(error, PB_INVALID,
                         "--negative-prompt acts where there is guidance: --guidance-scale W")
               : PB_OK;
}
