#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "catalogue/catalogue.h"
#include "cli/basis_at.h"
#include "cli/commands.h"
#include "cli/where.h"
#include "io/file.h"
#include "io/json.h"
#include "picture/pixels.h"
#include "study/study.h"
#include "terminal/manual.h"
#include "terminal/progress.h"

#define MAX_PROMPTS 4096            /* every pair of them is compared */
#define MAX_TEXT ((size_t)16 << 20) /* bytes of settings, or of prompts */

typedef struct options {
    pb_cli cli;
    pb_where where; /* how images are read */
    pb_study_options study;
    char **models;
    int samples, timesteps, rank;
    gboolean guided;
    gint64 seed;
    char *fix, *space, *settings, *prompts;
    GPtrArray *lines; /* of --prompts */
    json_t *stored;   /* of --settings */
} options;

/* -- checks -------------------------------------------------------------------------------------
 */

/* Everything from settings.json but the folder, where one is given. */
static pb_status apply_settings(options *o, pb_error *error)
{
    pb_study_kind kind = o->study.kind;
    char *folder = o->study.folder, *catalogue = o->study.catalogue;
    double boost = o->study.boost;

    PB_TRY(pb_json_read(&o->stored, o->settings, MAX_TEXT, 0, error));
    PB_TRY(pb_study_options_of(&o->study, o->stored, o->settings, error));
    if (o->study.kind != kind)
        return pb_fail(error, PB_INVALID, "%s: the settings of \"study %s\", not of \"study %s\"",
                       o->settings, pb_study_name(o->study.kind), pb_study_name(kind));
    if (folder)
        o->study.folder = folder;
    if (catalogue)
        o->study.catalogue = catalogue;
    if (pb_cli_given(&o->cli, "boost"))
        o->study.boost = boost;
    o->study.force = o->cli.force;
    return PB_OK;
}

#define DRAWN "is for samples that are drawn, and images are given"

/* What would have no effect. */
static pb_status check_idle(const options *o, pb_error *error)
{
    if (o->settings)
        PB_TRY(
            pb_cli_refuse(&o->cli,
                          "model,samples,seed,timesteps,rank,tol,from,tap,guided,space,fix,"
                          "steps,fit,crop,max-megapixels,direct,latents,class,prompt,edit-prompt,"
                          "negative-prompt,guidance-scale,schedule,costs",
                          "is taken from --settings", error));
    if (o->where.image)
        PB_TRY(pb_cli_refuse(&o->cli, "samples,seed", DRAWN, error));
    return PB_OK;
}

/* The prompts of a text file: its lines, but for empty ones. They are the study's, as those of its
 * settings would be. */
static pb_status read_prompts(options *o, pb_error *error)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of byte order, as some editors begin UTF-8 */
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    pb_status status;
    pb_bytes text;
    char *line;

    o->lines = lines;
    PB_TRY(pb_file_read(&text, o->prompts, MAX_TEXT, error));
    line = (char *)text.data;
    status = g_utf8_validate(line, (gssize)text.size, NULL)
                 ? PB_OK
                 : pb_fail(error, PB_FORMAT,
                           "%s: expected UTF-8 text without NUL characters, one prompt per line",
                           o->prompts);
    if (g_str_has_prefix(line, mark))
        line += strlen(mark);
    for (; status == PB_OK && *line; line += *line != '\0') {
        size_t length = strcspn(line, "\n");
        char *prompt = g_strstrip(g_strndup(line, length));
        if (*prompt)
            g_ptr_array_add(lines, prompt);
        else
            g_free(prompt);
        line += length;
    }
    pb_bytes_clear(&text);
    PB_TRY(status);
    if (lines->len > MAX_PROMPTS)
        return pb_fail(error, PB_INVALID, "%s: %u prompts: expected at most %d", o->prompts,
                       lines->len, MAX_PROMPTS);
    pb_free(o->study.prompts);
    o->study.prompt_count = lines->len;
    o->study.prompts = pb_malloc(lines->len + 1, sizeof *o->study.prompts);
    if (!o->study.prompts)
        return pb_fail_memory(error, lines->len * sizeof *o->study.prompts, "prompts");
    if (lines->len)
        memcpy(o->study.prompts, lines->pdata, lines->len * sizeof *o->study.prompts);
    return PB_OK;
}

static pb_status check(options *o, int argc, char **argv, pb_error *error)
{
    pb_study_options *s = &o->study;
    size_t samples;

    if (o->settings && argc > 1)
        return pb_fail(error, PB_INVALID, "--settings names the images too: found %s", argv[1]);
    o->where.image = argc > 1 ? argv[1] : NULL;
    PB_TRY(check_idle(o, error));
    PB_TRY(pb_where_check(&o->cli, &o->where, 0, error));
    s->image_count = (size_t)argc - 1;
    s->images = argv + 1;
    s->samples = s->image_count ? s->image_count : (size_t)o->samples;
    s->seed = (uint64_t)o->seed;
    s->timesteps = (size_t)o->timesteps;
    s->rank = (size_t)o->rank;
    s->steps = (size_t)o->where.steps;
    s->fix = !o->fix ? PB_FIX_NOTHING : *o->fix == 'x' ? PB_FIX_X : PB_FIX_T;
    s->in_x = o->space && *o->space == 'X';
    s->direct = o->where.direct;
    s->latents = o->where.latents;
    s->crop = o->where.cut;
    s->class_label = o->where.class_label;
    s->prompt = (char *)o->where.prompts.prompt;
    s->edit_prompt = (char *)o->where.prompts.edit_prompt;
    s->negative_prompt = (char *)o->where.prompts.negative_prompt;
    if (!isnan(o->where.prompts.guidance_scale))
        s->guidance_scale = o->where.prompts.guidance_scale;
    s->guided = o->guided;
    PB_TRY(pb_guided_check(&(pb_basis_flags){.guided = o->guided, .to = s->to}, &o->where.prompts,
                           0, error));
    if (s->guided && s->guidance_scale == 1)
        return pb_fail(error, PB_INVALID, "--guided: --guidance-scale 1 guides nothing");
    s->force = o->cli.force;
    s->costs = o->cli.costs;
    s->schedule = o->cli.schedule;
    s->models = o->models;
    s->model_count = o->models ? g_strv_length(o->models) : 0;
    if (o->settings)
        PB_TRY(apply_settings(o, error));
    samples = s->image_count ? s->image_count : s->samples;
    if (s->image_count)
        PB_TRY(pb_cli_refuse(&o->cli, "boost", DRAWN, error));
    if (s->kind == PB_STUDY_PROMPTS && !o->prompts && !s->prompt_count)
        return pb_fail(error, PB_INVALID, "which prompts? --prompts FILE, one per line");
    if (s->model_count == 0)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    if (s->model_count > 1 && s->kind != PB_STUDY_MODELS)
        return pb_fail(error, PB_INVALID, "one --model, or \"study models\" to compare several");
    if (s->model_count == 1 && s->kind == PB_STUDY_MODELS)
        return pb_fail(
            error, PB_INVALID,
            "one model has nothing to be compared with: give --model for each of several "
            "(\"study timesteps\" and \"study samples\" are of one)");
    if (samples < 2 && (s->kind == PB_STUDY_SAMPLES || s->kind == PB_STUDY_MODELS))
        return pb_fail(error, PB_INVALID, "one sample has no distance: expected at least two");
    if (s->timesteps < 2 && (s->kind == PB_STUDY_TIMESTEPS || s->kind == PB_STUDY_MODELS))
        return pb_fail(error, PB_INVALID, "--timesteps 1: expected at least two");
    if (s->timesteps >= s->steps)
        return pb_fail(error, PB_INVALID,
                       "%zu timesteps of a grid of %zu points: expected fewer, or more --steps",
                       s->timesteps, s->steps);
    return s->folder && *s->folder ? PB_OK : pb_fail(error, PB_INVALID, "where to? -o FOLDER");
}

/* -- running ------------------------------------------------------------------------------------
 */

typedef struct watch {
    pb_progress_bar bar;
    const pb_cli *cli;
} watch;

static int show(void *context, const pb_study_progress *p)
{
    watch *w = context;
    double left =
        p->computed ? p->seconds / (double)p->computed * (double)(p->total - p->done) : NAN;

    if (p->computed)
        pb_progress_tell(&w->bar, p->seconds + left);
    return pb_progress_show(&w->bar, p->done, p->total, left);
}

/* What a study leaves in its folder must not be what it reads. */
static pb_status check_outputs(const options *o, pb_error *error)
{
    static const char *const names[] = {"data.csv",      "figure.svg", "figure.png", "report.html",
                                        "settings.json", "figure.gp",  "samples.png"};
    pb_status status = PB_OK;

    if (access(o->study.folder, F_OK))
        return PB_OK; /* it is made when all that it needs has been found */
    for (size_t i = 0; status == PB_OK && i < sizeof names / sizeof *names; i++) {
        char *path = g_build_filename(o->study.folder, names[i], NULL);
        if (!o->settings || strcmp(names[i], "settings.json"))
            status = pb_check_output(&o->cli, path, error);
        g_free(path);
    }
    return status;
}

/* The absolute path of a folder that need not be there yet; NULL: it can be nowhere. free. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL), *above, *name, *bare, *joined = NULL;

    if (real || errno != ENOENT)
        return real;
    bare = g_strdup(path);
    while (strlen(bare) > 1 && g_str_has_suffix(bare, "/"))
        bare[strlen(bare) - 1] = '\0';
    name = g_path_get_dirname(bare);
    above = resolve(name);
    g_free(name);
    name = g_path_get_basename(bare);
    if (above)
        joined = g_build_filename(above, name, NULL);
    real = joined ? strdup(joined) : NULL;
    g_free(name);
    g_free(bare);
    g_free(joined);
    free(above);
    return real;
}

static pb_status run(options *o, pb_error *error)
{
    watch w = {pb_progress_begin(&o->cli, "study"), &o->cli};
    const pb_study_monitor monitor = {&w, show, pb_progress_run(&o->cli, 0)};
    pb_study_progress progress = {0};
    char *folder;
    pb_status status;

    if (o->prompts)
        PB_TRY(read_prompts(o, error));
    if (o->study.kind == PB_STUDY_PROMPTS && o->study.prompt_count < 2)
        return pb_fail(error, PB_INVALID, "%s: one prompt has no distance: expected at least two",
                       o->prompts ? o->prompts : o->settings);
    PB_TRY(check_outputs(o, error));
    PB_TRY(pb_picture_start(o->cli.name, o->cli.threads, error));
    folder = resolve(o->study.folder);
    if (!folder)
        return pb_fail(error, PB_IO, "%s: cannot be resolved", o->study.folder);
    o->study.folder = folder;
    status = pb_study_run(&o->study, &monitor, &progress, error);
    if (progress.ignored)
        pb_note(&o->cli, "%s of a model's scheduler is off in steps that must be reversible",
                progress.ignored);
    if (status == PB_CANCELLED && progress.total)
        pb_say(&o->cli, "%s: %zu of %zu items are done; the same command goes on from here", folder,
               progress.done, progress.total);
    if (status == PB_OK) {
        pb_say(&o->cli,
               "%s: data.csv, figure.svg, figure.png, report.html%s (%zu of %zu items computed "
               "now, in %.0f s)",
               folder, o->study.image_count ? "" : ", samples.png", progress.computed,
               progress.total, progress.seconds);
        pb_cli_print(&o->cli,
                     json_pack("{s:s, s:I, s:I, s:f}", "folder", folder, "items",
                               (json_int_t)progress.total, "computed",
                               (json_int_t)progress.computed, "seconds", progress.seconds));
    }
    free(folder);
    return status;
}

/* -- one study ----------------------------------------------------------------------------------
 */

static int run_study(pb_study_kind kind, const char *name, const pb_help *help, int argc,
                     char **argv)
{
    options o = {.cli = {.name = name, .many_models = 1},
                 .where = PB_WHERE_DEFAULTS,
                 .study = PB_STUDY_DEFAULTS,
                 .samples = kind == PB_STUDY_PROMPTS ? 3 : 10,
                 .timesteps = kind == PB_STUDY_PROMPTS ? 10 : 20,
                 .rank = 50};
    char *from = NULL, *to = NULL;
    const GOptionEntry entries[] = {
        {"model", 'm', 0, G_OPTION_ARG_FILENAME_ARRAY, &o.models,
         kind == PB_STUDY_MODELS ? "A model; give the option once for each" : "The model", "MODEL"},
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.study.folder, "The folder to leave all in",
         "FOLDER"},
        {"samples", 'n', 0, G_OPTION_ARG_INT, &o.samples,
         kind == PB_STUDY_PROMPTS ? "Samples to draw where no images are given (default: 3)"
                                  : "Samples to draw where no images are given (default: 10)",
         "N"},
        {"seed", 0, 0, G_OPTION_ARG_INT64, &o.seed,
         "The first sample's seed; the others follow (default: 0)", "N"},
        {"boost", 0, 0, G_OPTION_ARG_DOUBLE, &o.study.boost,
         "Pictures of drawn samples, for the report: from their x_T by steps that are stochastic "
         "from this fraction of T on (default: 1, all; 0: none). Bases are taken at the x_t of "
         "deterministic steps from the same x_T, whatever this is",
         "T"},
        {"timesteps", 0, 0, G_OPTION_ARG_INT, &o.timesteps,
         kind == PB_STUDY_PROMPTS ? "Timesteps P: t = 1/P, 2/P … 1 (default: 10)"
                                  : "Timesteps P: t = 1/P, 2/P … 1 (default: 20)",
         "P"},
        {"rank", 'k', 0, G_OPTION_ARG_INT, &o.rank, "Dimensions of the spaces (default: 50)", "K"},
        {"tol", 0, 0, G_OPTION_ARG_DOUBLE, &o.study.tolerance,
         "Largest residual of a triplet (default: 1e-3)", "R"},
        {"from", 0, 0, G_OPTION_ARG_STRING, &from, "The tap that varies (default: x)", "TAP"},
        {"tap", 0, 0, G_OPTION_ARG_STRING, &to, "The tap observed (default: mid)", "TAP"},
        {"guided", 0, kind == PB_STUDY_PROMPTS ? G_OPTION_FLAG_HIDDEN : 0, G_OPTION_ARG_NONE,
         &o.guided, "With --tap eps or x0: the map with classifier-free guidance", NULL},
        {"space", 0, 0, G_OPTION_ARG_STRING, &o.space,
         "Distances in H (the span of u) or X (of v) (default: H)", "SPACE"},
        {"catalogue", 0, 0, G_OPTION_ARG_FILENAME, &o.study.catalogue,
         "Where bases are kept; studies and processes may share one (default: "
         "FOLDER/catalogue.sqlite)",
         "FILE"},
        {"settings", 0, 0, G_OPTION_ARG_FILENAME, &o.settings,
         "Take all settings from a study's settings.json", "FILE"},
        kind == PB_STUDY_PROMPTS
            ? (GOptionEntry){"prompts", 0, 0, G_OPTION_ARG_FILENAME, &o.prompts,
                             "A text file of prompts, one per line", "FILE"}
            : (GOptionEntry){kind == PB_STUDY_TIMESTEPS ? "fix" : NULL, 0, 0, G_OPTION_ARG_STRING,
                             &o.fix,
                             "Ablations: x, all bases at x_T; or t, the network at T for all",
                             "WHAT"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry where[PB_WHERE_ENTRIES];
    pb_error error;
    int code;

    o.study.kind = kind;
    pb_where_entries(&o.where,
                     PB_WHERE_STEPS | PB_WHERE_IMAGE | PB_WHERE_CLASS |
                         (kind == PB_STUDY_PROMPTS ? 0 : PB_WHERE_TEXT | PB_WHERE_EDIT_TEXT),
                     where);
    if (pb_cli_parse(&o.cli, help, entries, where, &argc, &argv, &error) != PB_OK)
        code = pb_cli_usage(&o.cli, &error);
    else {
        o.study.from = from ? from : (char *)"x";
        o.study.to = to ? to : (char *)"mid";
        code = check(&o, argc, argv, &error) != PB_OK ? pb_cli_usage(&o.cli, &error)
                                                      : pb_cli_end(&o.cli, run(&o, &error), &error);
    }
    if (o.stored)
        pb_study_options_clear(&o.study);
    else
        pb_free(o.study.prompts);
    if (o.lines)
        g_ptr_array_unref(o.lines);
    json_decref(o.stored);
    g_strfreev(o.models);
    return code;
}

/* -- status -------------------------------------------------------------------------------------
 */

typedef struct listing {
    const pb_cli *cli;
    json_t *studies;
} listing;

static void list_study(void *context, const char *study, const pb_study_status *s)
{
    listing *l = context;
    size_t left = s->wanted - s->done, workers = s->running ? s->running : 1;
    double seconds = left ? s->seconds * (double)left / (double)workers : 0;
    json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:I}", "study", study, "items",
                               (json_int_t)s->wanted, "done", (json_int_t)s->done, "running",
                               (json_int_t)s->running, "left", (json_int_t)(left - s->running));

    if (!isnan(seconds))
        json_object_set_new(object, "seconds_left", json_real(seconds));
    json_array_append_new(l->studies, object);
    if (isnan(seconds))
        pb_say(l->cli, "%s: none of %zu items done, %zu running", study, s->wanted, s->running);
    else if (left == 0)
        pb_say(l->cli, "%s: all %zu items done", study, s->wanted);
    else
        pb_say(l->cli,
               "%s: %zu of %zu items done, %zu running, %zu left; about %.0f s at %.2f s each",
               study, s->done, s->wanted, s->running, left - s->running, seconds, s->seconds);
}

/* The catalogue of the study in a folder, and the folder as the catalogue knows it. */
static pb_status find_catalogue(const char *folder, char **path, char **study, pb_error *error)
{
    char *settings = g_build_filename(folder, "settings.json", NULL);
    pb_study_options o = PB_STUDY_DEFAULTS;
    json_t *stored = NULL;
    pb_status status;

    if (access(settings, F_OK))
        status = pb_fail(error, PB_IO,
                         "%s: no study has been begun there: there is no settings.json", folder);
    else
        status = pb_json_read(&stored, settings, MAX_TEXT, 0, error);
    if (status == PB_OK)
        status = pb_study_options_of(&o, stored, settings, error);
    if (status == PB_OK) {
        *path = pb_study_catalogue(&o);
        *study = pb_strdup(o.folder);
    }
    pb_study_options_clear(&o);
    json_decref(stored);
    g_free(settings);
    return status;
}

static pb_status show_status(const pb_cli *cli, const char *folder, const char *catalogue,
                             pb_error *error)
{
    listing l = {cli, json_array()};
    pb_catalogue *c = NULL;
    char *path = NULL, *study = NULL;
    pb_status status = PB_OK;

    if (folder)
        status = find_catalogue(folder, &path, &study, error);
    else
        path = pb_strdup(catalogue);
    if (status == PB_OK && (!path || access(path, R_OK)))
        status = pb_fail(error, PB_IO, "%s: no catalogue there", path ? path : "");
    if (status == PB_OK)
        status = pb_catalogue_open(&c, path, error);
    if (status == PB_OK)
        status = pb_catalogue_visit(c, study, list_study, &l, error);
    pb_catalogue_close(c);
    if (status == PB_OK && json_array_size(l.studies) == 0)
        pb_say(cli,
               folder ? "%s: nothing is planned: it ended before it began; the same command "
                        "begins it"
                      : "%s: no studies",
               folder ? folder : catalogue);
    if (status == PB_OK)
        pb_cli_print(cli, json_pack("{s:O}", "studies", l.studies));
    json_decref(l.studies);
    pb_free(study);
    pb_free(path);
    return status;
}

static int run_status(int argc, char **argv)
{
    static const pb_help help = {
        "[FOLDER]",
        "How far a study is: items (bases, and pictures of drawn samples)\n"
        "done, running in some process, and left, with an estimate.",
        "Example:\n  pullback study status results/"};
    pb_cli cli = {.name = "study status", .no_model = 1};
    char *catalogue = NULL;
    const GOptionEntry entries[] = {
        {"catalogue", 0, 0, G_OPTION_ARG_FILENAME, &catalogue,
         "All studies of a catalogue, instead of the one of a folder", "FILE"},
        G_OPTION_ENTRY_NULL,
    };
    pb_error error;

    if (pb_cli_parse(&cli, &help, entries, NULL, &argc, &argv, &error) != PB_OK)
        return pb_cli_usage(&cli, &error);
    if (argc > 2 || (argc == 2) == (catalogue != NULL)) {
        pb_fail(&error, PB_INVALID, "expected a study's FOLDER, or --catalogue FILE");
        return pb_cli_usage(&cli, &error);
    }
    return pb_cli_end(&cli, show_status(&cli, argc == 2 ? argv[1] : NULL, catalogue, &error),
                      &error);
}

/* -- the command ---------------------------------------------------------------------------------
 */

#define USAGE "--model MODEL [IMAGE …] -o FOLDER"

static const pb_help helps[] = {
    {USAGE,
     "How the local basis of a sample changes with t: the frequency content of its directions, "
     "its\n"
     "singular values and effective rank, and the distance of the tangent space at t to that at\n"
     "other t. A study that is interrupted goes on where it was; nothing is computed twice.",
     "Example:\n  pullback study timesteps --model faces32 --samples 10 -o timesteps/"},
    {USAGE,
     "How far the tangent spaces of different samples are apart at each t: mean pairwise geodesic\n"
     "distance with a confidence interval, beside random spaces of the same dimensions.",
     "Example:\n  pullback study samples --model faces32 --samples 20 -o samples/"},
    {"--model A --model B … [IMAGE …] -o FOLDER",
     "The effect of a dataset's complexity: for each model the distances of a sample's tangent\n"
     "spaces between timesteps, and between samples at each t, on one figure.",
     "Example:\n  pullback study models --model faces32 --model cifar32 -o models/"},
    {"--model MODEL --prompts FILE [IMAGE …] -o FOLDER",
     "How the prompt moves a sample's tangent space: distances under many prompts against how\n"
     "alike the prompts are, and the prompt's influence over t. The trajectory runs under the\n"
     "empty prompt; the prompt enters the Jacobian only.",
     "Example:\n  pullback study prompts --model stable-diffusion-v1-5 --prompts prompts.txt -o "
     "prompts/"},
};

int pb_command_study(int argc, char **argv)
{
    static const pb_help help = {
        "WHAT [OPTION…] -o FOLDER",
        "The paper's experiments: each computes the bases it needs, keeps them in a catalogue, and "
        "leaves a folder with data, a figure and a report.",
        "Examples:\n  pullback study timesteps --help\n"
        "  pullback study timesteps --model faces32 --samples 10 -o timesteps/"};
    static const char *const titles[] = {"study timesteps", "study samples", "study models",
                                         "study prompts"};
    const pb_manual manual = {"study", &help, NULL, 0};
    const char *name = argc > 1 ? argv[1] : "";
    FILE *stream = !strcmp(name, "--help") || !strcmp(name, "-h") ? stdout : stderr;

    if (!strcmp(name, "status"))
        return run_status(argc - 1, argv + 1);
    for (pb_study_kind kind = PB_STUDY_TIMESTEPS; kind <= PB_STUDY_PROMPTS; kind++)
        if (!strcmp(name, pb_study_name(kind)))
            return run_study(kind, titles[kind], &helps[kind], argc - 1, argv + 1);
    if (pb_manual_answer(&manual, argc, argv))
        return 0;
    if (stream == stderr && *name)
        pb_print_line(stderr, "pullback study: no study \"%s\"", name);
    pb_manual_print(&manual, stream);
    return stream == stdout ? 0 : PB_EXIT_USAGE;
}
