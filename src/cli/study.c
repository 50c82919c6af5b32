#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/basis_at.h"
#include "cli/commands.h"
#include "cli/where.h"
#include "picture/pixels.h"
#include "study/store/folder.h"
#include "study/study.h"
#include "terminal/manual.h"
#include "terminal/progress.h"

typedef struct options {
    pb_cli cli;
    pb_where where; /* how images are read */
    pb_study_options study;
    char **models;
    int samples, timesteps, rank;
    gboolean guided;
    gint64 seed;
    char *from, *to, *fix, *space, *settings, *prompts;
} options;

/* -- checks -------------------------------------------------------------------------------------
 */

#define DRAWN "is for samples that are drawn, and images are given"

/* What would have no effect. */
static pb_status check_idle(const options *o, pb_error *error)
{
    if (o->settings)
        PB_TRY(
            pb_cli_refuse(&o->cli,
                          "model,samples,seed,timesteps,rank,tol,from,tap,guided,space,fix,"
                          "steps,fit,crop,max-megapixels,direct,latents,class,prompt,edit-prompt,"
                          "negative-prompt,guidance-scale,original-size,crop-coords,target-size,"
                          "schedule,vae,prediction-type,config,lora,costs",
                          "is taken from --settings", error));
    if (o->where.image)
        PB_TRY(pb_cli_refuse(&o->cli, "samples,seed", DRAWN, error));
    return PB_OK;
}

/* Everything from settings.json but the folder, where one is given. */
static pb_status take_settings(options *o, pb_error *error)
{
    const pb_study_options given = o->study;
    pb_study_options *s = &o->study;

    PB_TRY(pb_study_settings_read(s, o->settings, error));
    if (s->kind != given.kind)
        return pb_fail(error, PB_INVALID, "%s: the settings of \"study %s\", not of \"study %s\"",
                       o->settings, pb_study_name(s->kind), pb_study_name(given.kind));
    if (given.folder)
        s->folder = given.folder;
    if (given.catalogue)
        s->catalogue = given.catalogue;
    if (pb_cli_given(&o->cli, "boost"))
        s->boost = given.boost;
    return PB_OK;
}

static pb_status take_options(options *o, int argc, char **argv, pb_error *error)
{
    const pb_prompts *prompts = &o->where.prompts;
    pb_study_options *s = &o->study;

    s->from = o->from ? o->from : (char *)"x";
    s->to = o->to ? o->to : (char *)"mid";
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
    s->prompt = prompts->prompt;
    s->edit_prompt = prompts->edit_prompt;
    s->negative_prompt = prompts->negative_prompt;
    s->sizes = prompts->sizes;
    if (!isnan(prompts->guidance_scale))
        s->guidance_scale = prompts->guidance_scale;
    s->guided = o->guided;
    s->costs = o->cli.costs;
    s->schedule = o->cli.schedule;
    s->vae = o->cli.vae;
    s->prediction_type = o->cli.prediction_type;
    s->config = o->cli.config;
    s->loras = o->cli.lora;
    s->lora_count = o->cli.lora_count;
    s->models = o->models;
    s->model_count = o->models ? g_strv_length(o->models) : 0;
    return pb_guided_check(&(pb_basis_flags){.guided = o->guided, .to = s->to}, prompts, 0, error);
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;
    pb_study_options *s = &o->study;

    if (o->settings && argc > 1)
        return pb_fail(error, PB_INVALID, "--settings names the images too: found %s", argv[1]);
    o->where.image = argc > 1 ? argv[1] : NULL;
    PB_TRY(check_idle(o, error));
    PB_TRY(pb_where_check(&o->cli, &o->where, 0, error));
    s->force = o->cli.force;
    PB_TRY(o->settings ? take_settings(o, error) : take_options(o, argc, argv, error));
    if (s->image_count)
        PB_TRY(pb_cli_refuse(&o->cli, "boost", DRAWN, error));
    if (s->kind == PB_STUDY_PROMPTS && !o->prompts && !s->prompt_count)
        return pb_fail(error, PB_INVALID, "which prompts? --prompts FILE, one per line");
    if (s->model_count == 0)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    if (!s->folder || !*s->folder)
        return pb_fail(error, PB_INVALID, "where to? -o FOLDER");
    return pb_study_check(s, error);
}

/* -- running ------------------------------------------------------------------------------------
 */

typedef struct watch {
    pb_progress_bar bar;
    pb_run run; /* of the command */
    pb_study_progress progress;
} watch;

static int show(void *context, const pb_progress *progress)
{
    watch *w = context;
    const pb_study_progress *p = &w->progress;
    double left =
        p->computed ? p->seconds / (double)p->computed * (double)(p->total - p->done) : NAN;

    if (!p->total) /* it has not begun */
        return w->run.monitor(w->run.context, progress);
    if (p->computed)
        pb_progress_tell(&w->bar, p->seconds + left);
    return pb_progress_show(&w->bar, p->done, p->total, left);
}

static void warn(void *context, const char *text)
{
    const watch *w = context;

    w->run.warn(w->run.context, text);
}

/* What a study leaves in its folder must not be what it reads. */
static pb_status check_outputs(const options *o, pb_error *error)
{
    pb_status status = PB_OK;

    if (access(o->study.folder, F_OK))
        return PB_OK; /* it is made when all that it needs has been found */
    for (const char *const *name = pb_study_outputs; status == PB_OK && *name; name++) {
        char *path = g_build_filename(o->study.folder, *name, NULL);
        if (!o->settings || strcmp(*name, "settings.json"))
            status = pb_check_output(&o->cli, path, error);
        g_free(path);
    }
    return status;
}

static void tell(const options *o, const pb_study_progress *p, pb_status status)
{
    const char *folder = o->study.folder;

    if (p->ignored)
        pb_note(&o->cli, "%s of a model's scheduler is off in steps that must be reversible",
                p->ignored);
    if (status == PB_CANCELLED && p->total)
        pb_say(&o->cli, "%s: %zu of %zu items are done; the same command goes on from here", folder,
               p->done, p->total);
    if (status != PB_OK)
        return;
    pb_say(&o->cli,
           "%s: data.csv, figure.svg, figure.png, report.html%s (%zu of %zu items computed now, in "
           "%.0f s)",
           folder, o->study.image_count ? "" : ", samples.png", p->computed, p->total, p->seconds);
    pb_cli_print(&o->cli,
                 json_pack("{s:s, s:I, s:I, s:f}", "folder", folder, "items", (json_int_t)p->total,
                           "computed", (json_int_t)p->computed, "seconds", p->seconds));
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    watch w = {pb_progress_begin(&o->cli, "study"), pb_progress_run(&o->cli, 0), {0}};
    pb_run run = w.run;
    char *folder;
    pb_status status;

    run.monitor = show;
    run.warn = warn;
    run.context = &w;
    if (o->prompts)
        PB_TRY(pb_study_prompts_read(&o->study, o->prompts, error));
    if (pb_study_check_prompts(&o->study, error) != PB_OK)
        return pb_fail_in(error, PB_INVALID, "%s", o->prompts ? o->prompts : o->settings);
    PB_TRY(check_outputs(o, error));
    PB_TRY(pb_picture_start(o->cli.name, o->cli.threads, error));
    folder = pb_folder_resolve(o->study.folder);
    if (!folder)
        return pb_fail(error, PB_IO, "%s: cannot be resolved", o->study.folder);
    o->study.folder = folder;
    status = pb_study_run(&o->study, NULL, &run, &w.progress, error);
    tell(o, &w.progress, status);
    pb_free(folder);
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
        PB_RANK_ENTRY(o.rank, "Dimensions of the spaces (default: 50)"),
        PB_TOL_ENTRY(o.study.tolerance, "Largest residual of a triplet"),
        PB_FROM_ENTRY(o.from, "tap"),
        {"tap", 0, 0, G_OPTION_ARG_STRING, &o.to, "The tap observed (default: mid)", "TAP"},
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
    int code;

    o.study.kind = kind;
    pb_where_entries(&o.where,
                     PB_WHERE_STEPS | PB_WHERE_IMAGE | PB_WHERE_CLASS | PB_WHERE_TOLD |
                         (kind == PB_STUDY_PROMPTS ? 0 : PB_WHERE_TEXT | PB_WHERE_EDIT_TEXT),
                     where);
    code = pb_cli_command(&o.cli, help, entries, where, argc, argv, check, run);
    pb_study_options_clear(&o.study);
    g_strfreev(o.models);
    return code;
}

/* -- the command ---------------------------------------------------------------------------------
 */

#define USAGE "--model MODEL [IMAGE …] -o FOLDER"

static const struct {
    pb_study_kind kind;
    const char *title;
    pb_help help;
} studies[] = {
    {PB_STUDY_TIMESTEPS,
     "study timesteps",
     {USAGE,
      "How the local basis of a sample changes with t: the frequency content of its directions, "
      "its\n"
      "singular values and effective rank, and the distance of the tangent space at t to that at\n"
      "other t. A study that is interrupted goes on where it was; nothing is computed twice.",
      "Example:\n  pullback study timesteps --model faces32 --samples 10 -o timesteps/"}},
    {PB_STUDY_SAMPLES,
     "study samples",
     {USAGE,
      "How far the tangent spaces of different samples are apart at each t: mean pairwise "
      "geodesic\n"
      "distance with a confidence interval, beside random spaces of the same dimensions.",
      "Example:\n  pullback study samples --model faces32 --samples 20 -o samples/"}},
    {PB_STUDY_MODELS,
     "study models",
     {"--model A --model B … [IMAGE …] -o FOLDER",
      "The effect of a dataset's complexity: for each model the distances of a sample's tangent\n"
      "spaces between timesteps, and between samples at each t, on one figure.",
      "Example:\n  pullback study models --model faces32 --model cifar32 -o models/"}},
    {PB_STUDY_PROMPTS,
     "study prompts",
     {"--model MODEL --prompts FILE [IMAGE …] -o FOLDER",
      "How the prompt moves a sample's tangent space: distances under many prompts against how\n"
      "alike the prompts are, and the prompt's influence over t. The trajectory runs under the\n"
      "empty prompt; the prompt enters the Jacobian only.",
      "Example:\n  pullback study prompts --model stable-diffusion-v1-5 --prompts prompts.txt -o "
      "prompts/"}},
};

int pb_command_study(int argc, char **argv)
{
    static const pb_help help = {
        "WHAT [OPTION…] -o FOLDER",
        "The paper's experiments: each computes the bases it needs, keeps them in a catalogue, and "
        "leaves a folder with data, a figure and a report.",
        "Examples:\n  pullback study timesteps --help\n"
        "  pullback study timesteps --model faces32 --samples 10 -o timesteps/"};
    const pb_manual manual = {"study", &help, NULL, 0};
    const char *name = argc > 1 ? argv[1] : "";
    FILE *stream = !strcmp(name, "--help") || !strcmp(name, "-h") ? stdout : stderr;

    if (!strcmp(name, "status"))
        return pb_command_study_status(argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof studies / sizeof *studies; i++)
        if (!strcmp(name, pb_study_name(studies[i].kind)))
            return run_study(studies[i].kind, studies[i].title, &studies[i].help, argc - 1,
                             argv + 1);
    if (pb_manual_answer(&manual, argc, argv))
        return 0;
    if (stream == stderr && *name)
        pb_print_line(stderr, "pullback study: no study \"%s\"", name);
    pb_manual_print(&manual, stream);
    return stream == stdout ? 0 : PB_EXIT_USAGE;
}
