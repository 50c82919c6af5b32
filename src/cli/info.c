#include <math.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/desk.h"
#include "cli/models.h"
#include "studio/facts.h"
#include "studio/loras.h"
#include "terminal/cli.h"

typedef struct options {
    pb_cli cli;
    gboolean hash;
} options;

static void print_clip(const pb_cli *cli, const pb_clip *clip)
{
    if (clip->kind == PB_CLIP_RANGE)
        pb_say(cli, "clip_sample   to [-%g, %g] in the steps of --spacing and --boost; off in all",
               clip->range, clip->range);
    else if (clip->kind == PB_CLIP_QUANTILE)
        pb_say(cli,
               "thresholding  at quantile %g, at most %g, in the steps of --spacing and --boost; "
               "off in all",
               clip->ratio, clip->most);
    if (clip->kind != PB_CLIP_NONE)
        pb_say(cli, "              others, which must be reversible, and in derivatives");
}

static void print_images(const pb_cli *cli, const pb_model_info *info)
{
    char *sizes = pb_facts_sizes(info, 1);

    pb_say(cli, "images        %zu channels, trained at %zux%zu; sizes: %s", info->in_channels,
           info->sample_height, info->sample_width, sizes);
    g_free(sizes);
}

/* Of a latent model, what the positions are in pixels, where that is known. */
static void print_latents(const pb_cli *cli, const pb_model *model)
{
    const pb_model_info *info = pb_model_get_info(model);
    pb_error why = {.message = ""};
    size_t f = pb_facts_factor(model, &why);
    char *sizes = pb_facts_sizes(info, f);

    if (f)
        pb_say(cli, "              latents of pictures of %zux%zu pixels; sizes: %s",
               info->sample_height * f, info->sample_width * f, sizes);
    else
        pb_say(cli, "              latents: pictures go through an autoencoder%s%s",
               *why.message ? ", which cannot be used: " : "", why.message);
    g_free(sizes);
}

/* What there is beside the network and its schedule, which have lines of their own. */
static void print_components(const pb_cli *cli, const pb_model *model)
{
    GString *text = g_string_new(NULL);
    const char *role, *class;

    for (size_t i = 2; (role = pb_model_component(model, i, &class)) != NULL; i++)
        g_string_append_printf(text, "%s%s %s", text->len ? ", " : "", role, class);
    if (text->len)
        pb_say(cli, "components    %s", text->str);
    g_string_free(text, TRUE);
}

/* The settings that pullback.json has, as options. */
static void print_recommended(const pb_cli *cli, const pb_recommended *r)
{
    const struct {
        const char *option;
        double value;
    } all[] = {{"t", r->t},
               {"edit-step", r->step},
               {"edit-scale", r->scale},
               {"edit-iterations", r->iterations ? (double)r->iterations : NAN},
               {"boost", r->boost}};
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!isnan(all[i].value))
            g_string_append_printf(text, "%s--%s %g", text->len ? " " : "", all[i].option,
                                   all[i].value);
    if (text->len)
        pb_say(cli, "recommended   %s", text->str);
    g_string_free(text, TRUE);
}

/* Of a model that is one file: line by line. */
static void print_inferred(const pb_cli *cli, const char *inferred)
{
    char **lines = g_strsplit(inferred ? inferred : "", "\n", -1);

    for (size_t i = 0; lines[i]; i++)
        pb_say(cli, "%s%s", i ? "              " : "inferred      ", lines[i]);
    g_strfreev(lines);
}

/* What LoRAs add to, and what of them fits nothing: line by line. */
static void print_loras(const pb_cli *cli, const pb_model *model)
{
    const pb_lora_info *info;

    for (size_t i = 0; (info = pb_model_lora(model, i)) != NULL; i++) {
        char *words = pb_lora_words(info);
        pb_say(cli, "%s%s", i ? "              " : "LoRAs         ", words);
        for (size_t k = 0; k < info->unmatched_count; k++)
            pb_say(cli, "              fits nothing: %s", info->unmatched[k]);
        g_free(words);
    }
}

static void tell(const pb_cli *cli, const pb_model *model, const pb_facts *f, const char *hash)
{
    const pb_model_info *info = pb_model_get_info(model);
    const pb_schedule *schedule = pb_model_schedule(model);
    const pb_recommended *r = &info->recommended;
    size_t T = pb_schedule_length(schedule), s[3];
    const char *tap;

    pb_say(cli, "model         %s", info->path);
    pb_say(cli, "architecture  %s, %.2f M parameters", info->architecture,
           (double)info->parameters / 1e6);
    pb_say(cli, "weights       %s, %s, %.1f MB", info->weights, info->dtype,
           (double)info->weight_bytes / 1e6);
    print_images(cli, info);
    if (f->height != info->sample_height || f->width != info->sample_width)
        pb_say(cli, "              %zux%zu is none of these: what follows is for %zux%zu",
               info->sample_height, info->sample_width, f->height, f->width);
    if (info->learned_variance)
        pb_say(cli, "output        twice as many channels (learned variance): the first half is "
                    "used");
    if (info->latent)
        print_latents(cli, model);
    if (info->context_width)
        pb_say(cli, "text          embeddings of %zu numbers for each token (--prompt)",
               info->context_width);
    if (info->pooled_width)
        pb_say(cli,
               "              and %zu for all of them, with sizes in pixels (--original-size, "
               "--crop-coords, --target-size)",
               info->pooled_width);
    print_components(cli, model);
    for (size_t i = 0; i < f->missing_count; i++)
        pb_say(cli, "missing       %s/: %s", f->missing[i],
               strcmp(f->missing[i], "vae") ? "prompts cannot be read" : "pictures cannot be used");
    if (info->class_conditional && info->classes)
        pb_say(cli, "classes       0 to %zu (--class)", info->classes - 1);
    else if (info->class_conditional)
        pb_say(cli, "classes       any number (--class)");
    pb_say(cli, "schedule      %s, %zu timesteps, %s prediction, alpha-bar %.6f to %.6f",
           info->scheduler, T, pb_prediction_name(pb_schedule_prediction(schedule)),
           pb_alpha_bar(schedule, 0), pb_alpha_bar(schedule, T - 1));
    print_clip(cli, &info->clip);
    print_recommended(cli, r);
    pb_say(cli,
           "memory        %.0f MB for a basis of rank %d, x to mid: weights %.0f and %.0f as the "
           "kernels",
           (double)f->all / 1e6, PB_FACTS_RANK, (double)info->weight_bytes / 1e6,
           (double)f->map.packed_bytes / 1e6);
    pb_say(cli,
           "              read them, saved state %.0f, a block of %zu tangents %.0f, vectors %.0f",
           (double)f->map.saved_bytes / 1e6, f->map.block, (double)f->map.arena_bytes / 1e6,
           (double)f->vectors / 1e6);
    print_inferred(cli, info->inferred);
    print_loras(cli, model);
    if (info->unused)
        pb_say(cli, "not read      %s", info->unused);
    if (hash)
        pb_say(cli, "hash          %s", hash);
    pb_say(cli, "taps          name     channels x height x width");
    for (size_t i = 0; (tap = pb_model_tap(model, i)) != NULL; i++)
        if (pb_model_tap_shape(model, tap, f->height, f->width, s, NULL) == PB_OK)
            pb_say(cli, "              %-8s %zu x %zu x %zu", tap, s[0], s[1], s[2]);
    pb_say(cli, "              eps, x0  as out: the noise and the clean image predicted");
}

static pb_status tell_model(const options *o, pb_error *error)
{
    char digest[65];
    pb_model *model;
    pb_status status;
    const pb_run run = {.memory = o->cli.memory};
    pb_facts f;

    PB_TRY(pb_cli_open_model(&model, &o->cli, error));
    status = pb_facts_find(&f, model, &run, error);
    if (status == PB_OK && o->hash)
        status = pb_model_hash(model, digest, NULL, error);
    if (status == PB_OK && !o->cli.json)
        tell(&o->cli, model, &f, o->hash ? digest : NULL);
    else if (status == PB_OK)
        pb_cli_print(&o->cli, pb_facts_json(model, &f, o->hash ? digest : NULL));
    pb_model_free(model);
    return status;
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    if (argc == 2 && !cli->model)
        cli->model = argv[1];
    else if (argc != 1)
        return pb_fail(error, PB_INVALID, "expected one model");
    if (!cli->model)
        return pb_cli_refuse(cli,
                             "hash,backend,schedule,vae,lora,prediction-type,config,memory,threads",
                             "is of one model: info MODEL", error);
    return PB_OK;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    if (cli->model)
        return tell_model((const options *)cli, error);
    return pb_list_models(cli, error);
}

int pb_command_info(int argc, char **argv)
{
    static const pb_help help = {
        "[MODEL]",
        "Prints what a model is: its architecture and size, the sizes of images it takes, whether "
        "it reads text, its noise schedule, recommended settings, the memory that a basis needs, "
        "and the taps that --tap and --from may name. Without MODEL: the models there are, as "
        "models lists them.",
        "Examples:\n  pullback info\n  pullback info faces32"};
    options o = {.cli = {.name = "info", .idle = "costs,force"}};
    const GOptionEntry entries[] = {
        {"hash", 0, 0, G_OPTION_ARG_NONE, &o.hash,
         "Also the SHA-256 of its configs and weights, by which files know their model", NULL},
        G_OPTION_ENTRY_NULL,
    };

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);
}
