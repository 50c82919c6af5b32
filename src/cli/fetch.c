#include <string.h>

#include "cli/commands.h"
#include "hub/hub.h"
#include "io/json.h"
#include "terminal/cli.h"

typedef struct options {
    pb_cli cli;
    char *repository, *revision; /* g_free */
    char *variant;
    char **include; /* g_strfreev */
    gboolean dry;
} options;

static pb_hub_request request_of(const options *o)
{
    return (pb_hub_request){.repository = o->repository,
                            .revision = o->revision,
                            .variant = o->variant,
                            .include = (const char *const *)o->include};
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;
    const char *at;
    pb_hub_request request;

    if (argc != 2)
        return pb_fail(error, PB_INVALID, "expected one OWNER/NAME, perhaps with @REVISION");
    at = strchr(argv[1], '@');
    o->repository = at ? g_strndup(argv[1], (gsize)(at - argv[1])) : g_strdup(argv[1]);
    o->revision = at ? g_strdup(at + 1) : NULL;
    if (o->include)
        PB_TRY(pb_cli_refuse(cli, "variant", "chooses among weights, and --include names files",
                             error));
    for (size_t i = 0; o->include && o->include[i]; i++)
        if (!*o->include[i])
            return pb_fail(error, PB_INVALID, "--include: expected a pattern, found nothing");
    request = request_of(o);
    return pb_hub_check(&request, error);
}

static json_t *plan_json(const options *o, const pb_hub_plan *plan)
{
    json_t *files = json_array();

    for (size_t i = 0; i < plan->count; i++)
        json_array_append_new(
            files, json_pack("{s:o, s:I, s:s, s:b}", "name", pb_json_name(plan->files[i].name),
                             "bytes", (json_int_t)plan->files[i].size, "hash", plan->files[i].blob,
                             "present", (int)plan->files[i].present));
    return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o}", "repository", o->repository, "revision",
                     o->revision ? o->revision : PB_HUB_MAIN, "commit", plan->commit, "path",
                     pb_json_name(plan->snapshot), "bytes", (json_int_t)plan->bytes,
                     "missing_bytes", (json_int_t)(plan->missing - plan->begun), "files", files);
}

static void list(const pb_cli *cli, const pb_hub_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        pb_say(cli, "%12.3f MB  %s%s", (double)plan->files[i].size / 1e6, plan->files[i].name,
               plan->files[i].present ? "  (is there)" : "");
}

static double megabytes_to_come(const pb_hub_plan *plan)
{
    return (double)(plan->missing - plan->begun) / 1e6;
}

/* Where the model is. */
static void tell_end(const options *o, const pb_hub_plan *plan)
{
    const pb_cli *cli = &o->cli;

    if (plan->missing)
        pb_say(cli, "fetched %.1f MB of %s, commit %s", megabytes_to_come(plan), o->repository,
               plan->commit);
    else
        pb_say(cli, "%s, commit %s: all of it is there, nothing was fetched", o->repository,
               plan->commit);
    if (plan->count == 1 && o->include)
        pb_say(cli, "%s/%s", plan->snapshot, plan->files[0].name);
    else
        pb_say(cli, "%s", plan->snapshot);
}

static pb_status fetch(const options *o, pb_hub *hub, const pb_hub_plan *plan, pb_error *error)
{
    json_t *object = plan_json(o, plan);
    pb_status status;

    pb_say(&o->cli, "%s: %zu file%s, %.1f MB, of which %.1f MB are to come", o->repository,
           plan->count, plan->count == 1 ? "" : "s", (double)plan->bytes / 1e6,
           megabytes_to_come(plan));
    if (o->dry)
        list(&o->cli, plan);
    status = o->dry ? PB_OK : pb_hub_fetch(hub, &o->cli.run, error);
    if (status == PB_OK && !o->dry)
        tell_end(o, plan);
    if (status == PB_OK)
        pb_cli_print(&o->cli, json_incref(object));
    json_decref(object);
    if (status == PB_CANCELLED)
        pb_fail(error, status, "cancelled: what has come is kept, and the next fetch goes on");
    return status;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    const options *o = (const options *)cli;
    const pb_hub_request request = request_of(o);
    pb_hub *hub;
    pb_status status;

    PB_TRY(pb_hub_open(&hub, &request, &cli->run, error));
    status = fetch(o, hub, pb_hub_get_plan(hub), error);
    pb_hub_close(hub);
    return status;
}

int pb_command_fetch(int argc, char **argv)
{
    static const pb_help help = {
        "OWNER/NAME[@REVISION]",
        "Fetches a model from a hub, over the network, into the Hugging Face cache, where --model "
        "OWNER/NAME and Python's libraries find it: the files that the program reads, of the "
        "weights one variant. What was begun is gone on with, what is there is not fetched again, "
        "and a file counts only when its hash is right. No other command goes to the network.\n\n"
        "The environment says the rest, as for Python's huggingface_hub: HF_ENDPOINT, HF_TOKEN (or "
        "the file HF_TOKEN_PATH, or HF_HOME/token), HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE; "
        "https_proxy and the like.",
        "Examples:\n"
        "  pullback fetch google/ddpm-celebahq-256\n"
        "  pullback fetch stabilityai/stable-diffusion-2-1@main --variant fp16 --dry-run"};
    options o = {.cli = {.name = "fetch", .no_model = 1, .idle = "threads,force"}};
    const GOptionEntry entries[] = {
        {"variant", 0, 0, G_OPTION_ARG_STRING, &o.variant,
         "Take weights of this variant, fp16 say, where there are some", "NAME"},
        {"include", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.include,
         "Take the files that fit this pattern, * being any text, and no others; may be given "
         "several times",
         "PATTERN"},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &o.dry, "List files and sizes, and fetch none of them",
         NULL},
        G_OPTION_ENTRY_NULL,
    };
    int status = pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);

    g_strfreev(o.include);
    g_free(o.repository);
    g_free(o.revision);
    return status;
}
