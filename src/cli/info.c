#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/desk.h"
#include "io/json.h"
#include "terminal/cli.h"

typedef struct options {
    pb_cli cli;
    gboolean hash;
} options;

/* The size that shapes and memory are told for: the one the network was trained at, or if its
 * config names one that it does not take, the next that it does. */
static size_t usual(const pb_model_info *info, size_t size)
{
    size_t multiple = info->size_multiple;

    size = size < info->size_least ? info->size_least : size;
    return (size + multiple - 1) / multiple * multiple;
}

static json_t *shapes_json(const pb_model *model, const pb_model_info *info)
{
    size_t height = usual(info, info->sample_height), width = usual(info, info->sample_width);
    json_t *taps = json_object();
    const char *tap;
    size_t s[3];

    for (size_t i = 0; (tap = pb_model_tap(model, i)) != NULL; i++)
        if (pb_model_tap_shape(model, tap, height, width, s, NULL) == PB_OK)
            json_object_set_new(taps, tap, json_pack("[iii]", (int)s[0], (int)s[1], (int)s[2]));
    return taps;
}

static const char *prediction_name(const pb_schedule *schedule)
{
    static const char *const names[] = {"epsilon", "v_prediction", "sample", "velocity"};

    return names[pb_schedule_prediction(schedule)];
}

/* A number that may be absent. */
static json_t *optional(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

/* What the basis of x -> mid needs, at the usual size. */
typedef struct needs {
    pb_map_memory map;
    size_t vectors; /* bytes of a basis of RANK triplets at work */
    size_t all;
} needs;

#define RANK 50

static pb_status find_needs(needs *n, const pb_cli *cli, const pb_model *model, pb_error *error)
{
    const pb_model_info *info = pb_model_get_info(model);
    size_t height = usual(info, info->sample_height), width = usual(info, info->sample_width);
    pb_map_options map = PB_MAP_DEFAULTS;
    const pb_run run = {.memory = cli->memory};
    size_t from[3], to[3];

    map.condition.class_label = info->class_conditional ? 0 : -1;
    PB_TRY(pb_map_estimate(&n->map, model, &map, height, width, &run, error));
    PB_TRY(pb_model_tap_shape(model, "x", height, width, from, error));
    PB_TRY(pb_model_tap_shape(model, "mid", height, width, to, error));
    n->vectors = pb_svd_memory(to[0] * to[1] * to[2], from[0] * from[1] * from[2], RANK, 0);
    n->all = n->map.saved_bytes + n->map.packed_bytes + n->map.arena_bytes + n->vectors +
             info->weight_bytes;
    return PB_OK;
}

static json_t *needs_json(const needs *n)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "saved_bytes",
                     (json_int_t)n->map.saved_bytes, "packed_bytes",
                     (json_int_t)n->map.packed_bytes, "arena_bytes", (json_int_t)n->map.arena_bytes,
                     "block", (json_int_t)n->map.block, "vector_bytes", (json_int_t)n->vectors,
                     "total_bytes", (json_int_t)n->all);
}

/* What steps that are never reversed do to the image predicted. */
static json_t *clip_json(const pb_clip *clip)
{
    switch (clip->kind) {
    case PB_CLIP_RANGE:
        return json_pack("{s:f}", "clip_sample_range", clip->range);
    case PB_CLIP_QUANTILE:
        return json_pack("{s:f, s:f}", "dynamic_thresholding_ratio", clip->ratio,
                         "sample_max_value", clip->most);
    case PB_CLIP_NONE:
        break;
    }
    return json_null();
}

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

/* Which parts this network needs and its folder has not. */
static size_t missing_parts(const char *missing[3], const pb_model_info *info)
{
    size_t count = 0;

    if (info->latent && !info->has_autoencoder)
        missing[count++] = "vae";
    if (info->context_width && !info->has_tokenizer)
        missing[count++] = "tokenizer";
    if (info->context_width && !info->has_text_encoder)
        missing[count++] = "text_encoder";
    return count;
}

/* Which sizes there are, where a position is `factor` pixels. */
static const char *sizes_text(char text[64], const pb_model_info *info, size_t factor)
{
    size_t multiple = factor * info->size_multiple, least = factor * info->size_least;
    size_t length = multiple > 1 ? (size_t)snprintf(text, 64, "multiples of %zu", multiple)
                                 : (size_t)snprintf(text, 64, "any");

    if (least > multiple)
        snprintf(text + length, 64 - length, " from %zu on", least);
    return text;
}

/* Of a latent model, what the positions are in pixels, where the autoencoder can be opened. */
static void print_latents(const pb_cli *cli, const pb_model *model)
{
    const pb_model_info *info = pb_model_get_info(model);
    pb_autoencoder *autoencoder;
    char sizes[64];
    size_t f;

    if (!info->has_autoencoder || pb_autoencoder_open(&autoencoder, model, NULL) != PB_OK) {
        pb_say(cli, "              latents: pictures go through an autoencoder");
        return;
    }
    f = pb_autoencoder_get_info(autoencoder).factor;
    pb_say(cli, "              latents of pictures of %zux%zu pixels; sizes: %s",
           info->sample_height * f, info->sample_width * f, sizes_text(sizes, info, f));
    pb_autoencoder_free(autoencoder);
}

static void print_json(const pb_cli *cli, const pb_model *model, const needs *n, const char *hash)
{
    const pb_model_info *info = pb_model_get_info(model);
    const pb_schedule *schedule = pb_model_schedule(model);
    const pb_recommended *r = &info->recommended;
    const char *missing[3];
    size_t absent = missing_parts(missing, info);
    json_t *parts = json_array();

    for (size_t i = 0; i < absent; i++)
        json_array_append_new(parts, json_string(missing[i]));
    pb_cli_print(
        cli,
        json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:[i,i], s:i, s:i, s:b, s:i, s:i, s:b, "
            "s:i, s:i, s:s, s:f, s:f, s:s?, s:o, s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:s?, s:b, s:i, "
            "s:i, s:b, s:o, s:s?, s:o}",
            "model", info->path, "architecture", info->architecture, "scheduler", info->scheduler,
            "weights", info->weights, "dtype", info->dtype, "parameters",
            (json_int_t)info->parameters, "weight_bytes", (json_int_t)info->weight_bytes,
            "sample_size", (int)info->sample_height, (int)info->sample_width, "in_channels",
            (int)info->in_channels, "out_channels", (int)info->out_channels, "learned_variance",
            info->learned_variance, "size_multiple", (int)info->size_multiple, "size_least",
            (int)info->size_least, "class_conditional", info->class_conditional, "classes",
            (int)info->classes, "num_train_timesteps", (int)pb_schedule_length(schedule),
            "prediction_type", prediction_name(schedule), "alpha_bar_first",
            pb_alpha_bar(schedule, 0), "alpha_bar_last",
            pb_alpha_bar(schedule, pb_schedule_length(schedule) - 1), "switched_off", info->ignored,
            "taps", shapes_json(model, info), "recommended", "t", optional(r->t), "edit_step",
            optional(r->step), "edit_scale", optional(r->scale), "edit_iterations",
            r->iterations ? json_integer((json_int_t)r->iterations) : json_null(), "boost",
            optional(r->boost), "memory", needs_json(n), "hash", hash, "latent", info->latent,
            "context_width", (int)info->context_width, "steps_offset", (int)info->steps_offset,
            "set_alpha_to_one", info->set_alpha_to_one, "missing", parts, "unused", info->unused,
            "clip", clip_json(&info->clip)));
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

static void print_text(const pb_cli *cli, const pb_model *model, const needs *n, const char *hash)
{
    const pb_model_info *info = pb_model_get_info(model);
    const pb_schedule *schedule = pb_model_schedule(model);
    const pb_recommended *r = &info->recommended;
    size_t height = usual(info, info->sample_height), width = usual(info, info->sample_width);
    size_t T = pb_schedule_length(schedule), s[3], absent;
    const char *tap, *missing[3];
    char sizes[64];

    pb_say(cli, "model         %s", info->path);
    pb_say(cli, "architecture  %s, %.2f M parameters", info->architecture,
           (double)info->parameters / 1e6);
    pb_say(cli, "weights       %s, %s, %.1f MB", info->weights, info->dtype,
           (double)info->weight_bytes / 1e6);
    pb_say(cli, "images        %zu channels, trained at %zux%zu; sizes: %s", info->in_channels,
           info->sample_height, info->sample_width, sizes_text(sizes, info, 1));
    if (height != info->sample_height || width != info->sample_width)
        pb_say(cli, "              %zux%zu is none of these: what follows is for %zux%zu",
               info->sample_height, info->sample_width, height, width);
    if (info->learned_variance)
        pb_say(cli, "output        twice as many channels (learned variance): the first half is "
                    "used");
    if (info->latent)
        print_latents(cli, model);
    if (info->context_width)
        pb_say(cli, "text          embeddings of %zu numbers for each token (--prompt)",
               info->context_width);
    absent = missing_parts(missing, info);
    for (size_t i = 0; i < absent; i++)
        pb_say(cli, "missing       %s/: %s", missing[i],
               strcmp(missing[i], "vae") ? "prompts cannot be read" : "pictures cannot be used");
    if (info->class_conditional && info->classes)
        pb_say(cli, "classes       0 to %zu (--class)", info->classes - 1);
    else if (info->class_conditional)
        pb_say(cli, "classes       any number (--class)");
    pb_say(cli, "schedule      %s, %zu timesteps, %s prediction, alpha-bar %.6f to %.6f",
           info->scheduler, T, prediction_name(schedule), pb_alpha_bar(schedule, 0),
           pb_alpha_bar(schedule, T - 1));
    print_clip(cli, &info->clip);
    print_recommended(cli, r);
    pb_say(cli,
           "memory        %.0f MB for a basis of rank %d, x to mid: weights %.0f and %.0f as the "
           "kernels",
           (double)n->all / 1e6, RANK, (double)info->weight_bytes / 1e6,
           (double)n->map.packed_bytes / 1e6);
    pb_say(cli,
           "              read them, saved state %.0f, a block of %zu tangents %.0f, vectors %.0f",
           (double)n->map.saved_bytes / 1e6, n->map.block, (double)n->map.arena_bytes / 1e6,
           (double)n->vectors / 1e6);
    if (info->unused)
        pb_say(cli, "not read      %s", info->unused);
    if (hash)
        pb_say(cli, "hash          %s", hash);
    pb_say(cli, "taps          name     channels x height x width");
    for (size_t i = 0; (tap = pb_model_tap(model, i)) != NULL; i++)
        if (pb_model_tap_shape(model, tap, height, width, s, NULL) == PB_OK)
            pb_say(cli, "              %-8s %zu x %zu x %zu", tap, s[0], s[1], s[2]);
    pb_say(cli, "              eps, x0  as out: the noise and the clean image predicted");
}

static pb_status run(const options *o, pb_error *error)
{
    char digest[65];
    pb_model *model;
    pb_status status;
    needs n;

    PB_TRY(pb_cli_open_model(&model, &o->cli, error));
    status = find_needs(&n, &o->cli, model, error);
    if (status == PB_OK && o->hash)
        status = pb_model_hash(model, digest, error);
    if (status == PB_OK)
        (o->cli.json ? print_json : print_text)(&o->cli, model, &n, o->hash ? digest : NULL);
    pb_model_free(model);
    return status;
}

/* The models there are: what has a model's name and cannot be read says so itself. */
static pb_status list(const pb_cli *cli)
{
    GPtrArray *names = pb_model_names();
    json_t *array = json_array();

    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        const pb_model_info *info;
        pb_model *model;
        pb_error why;

        json_array_append_new(array, pb_json_name(name));
        if (pb_model_open(&model, name, &why) != PB_OK) {
            pb_say(cli, "%s", name);
            pb_say(cli, "    %s", why.message);
            continue;
        }
        info = pb_model_get_info(model);
        pb_say(cli, "%s", name);
        pb_say(cli, "    %s, %.1f M parameters, %s%zux%zu%s, %s", info->architecture,
               (double)info->parameters / 1e6, info->latent ? "latents of " : "",
               info->sample_height, info->sample_width, info->context_width ? ", reads text" : "",
               info->path);
        pb_model_free(model);
    }
    if (names->len == 0)
        pb_say(cli, "no models: neither in models/ here nor among those installed");
    g_ptr_array_unref(names);
    pb_cli_print(cli, json_pack("{s:o}", "models", array));
    return PB_OK;
}

int pb_command_info(int argc, char **argv)
{
    static const pb_help help = {
        "[MODEL]",
        "Prints what a model is: its architecture and size, the sizes of images it takes, whether "
        "it reads text, its noise schedule, recommended settings, the memory that a basis needs, "
        "and the taps that --tap and --from may name. Without MODEL: the models there are.",
        "Examples:\n  pullback info\n  pullback info faces32"};
    options o = {.cli = {.name = "info"}};
    const GOptionEntry entries[] = {
        {"hash", 0, 0, G_OPTION_ARG_NONE, &o.hash,
         "Also the SHA-256 of its configs and weights, by which files know their model", NULL},
        G_OPTION_ENTRY_NULL,
    };
    pb_error error;

    if (pb_cli_parse(&o.cli, &help, entries, NULL, &argc, &argv, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    if (argc == 1 && !o.cli.model)
        return pb_cli_end(&o.cli, list(&o.cli), &error);
    if (argc == 2 && !o.cli.model)
        o.cli.model = argv[1];
    else if (argc != 1) {
        pb_fail(&error, PB_INVALID, "expected one model");
        return pb_cli_usage(&o.cli, &error);
    }
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
