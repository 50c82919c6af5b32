#include <math.h>

#include "cli/commands.h"
#include "study/study.h"
#include "terminal/cli.h"

typedef struct options {
    pb_cli cli;
    const char *folder;
    char *catalogue;
} options;

typedef struct listing {
    const pb_cli *cli;
    json_t *studies;
} listing;

static void list_study(void *context, const char *study, const pb_study_status *s)
{
    listing *l = context;
    size_t left = s->wanted - s->done;
    double seconds = pb_study_seconds_left(s);

    json_array_append_new(l->studies, pb_study_status_json(study, s));
    if (isnan(seconds))
        pb_say(l->cli, "%s: none of %zu items done, %zu running", study, s->wanted, s->running);
    else if (left == 0)
        pb_say(l->cli, "%s: all %zu items done", study, s->wanted);
    else
        pb_say(l->cli,
               "%s: %zu of %zu items done, %zu running, %zu left; about %.0f s at %.2f s each",
               study, s->done, s->wanted, s->running, left - s->running, seconds, s->seconds);
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    if (argc > 2 || (argc == 2) == (o->catalogue != NULL))
        return pb_fail(error, PB_INVALID, "expected a study's FOLDER, or --catalogue FILE");
    o->folder = argc == 2 ? argv[1] : NULL;
    return PB_OK;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    const options *o = (const options *)cli;
    listing l = {cli, json_array()};
    pb_status status = pb_study_visit(o->folder, o->catalogue, list_study, &l, error);

    if (status == PB_OK && json_array_size(l.studies) == 0)
        pb_say(cli,
               o->folder ? "%s: nothing is planned: it ended before it began; the same command "
                           "begins it"
                         : "%s: no studies",
               o->folder ? o->folder : o->catalogue);
    if (status == PB_OK)
        pb_cli_print(cli, json_pack("{s:O}", "studies", l.studies));
    json_decref(l.studies);
    return status;
}

int pb_command_study_status(int argc, char **argv)
{
    static const pb_help help = {
        "[FOLDER]",
        "How far a study is: items (bases, and pictures of drawn samples)\n"
        "done, running in some process, and left, with an estimate.",
        "Example:\n  pullback study status results/"};
    options o = {.cli = {.name = "study status", .no_model = 1, .idle = "threads,force"}};
    const GOptionEntry entries[] = {
        {"catalogue", 0, 0, G_OPTION_ARG_FILENAME, &o.catalogue,
         "All studies of a catalogue, instead of the one of a folder", "FILE"},
        G_OPTION_ENTRY_NULL,
    };

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);
}
