#include "terminal/cli.h"

#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/legible.h"
#include "base/memory.h"
#include "base/threads.h"
#include "io/temporary.h"
#include "models/find.h"
#include "models/locate.h"
#include "models/lora/option.h"
#include "terminal/manual.h"
#include "terminal/options.h"
#include "terminal/progress.h"
#include "terminal/start.h"

/* -- parsing --------------------------------------------------------------------------------- */

/* "512M", "2G", a number of bytes. */
static pb_status parse_memory(const char *text, size_t *bytes, pb_error *error)
{
    char *end;
    double value = g_ascii_strtod(text, &end);

    switch (g_ascii_toupper(*end)) {
    case 'T':
        value *= 1024;
        /* fall through */
    case 'G':
        value *= 1024;
        /* fall through */
    case 'M':
        value *= 1024;
        /* fall through */
    case 'K':
        value *= 1024;
        end++;
        break;
    default:
        break;
    }
    if (end == text || *end || !(value >= 1e6 && value <= 1e15))
        return pb_fail(error, PB_INVALID, "--memory %s: expected a size such as 512M or 2G", text);
    *bytes = (size_t)value;
    return PB_OK;
}

/* As many as there are processors, or fewer where OMP_NUM_THREADS says so. */
static int default_threads(int available)
{
    int asked = getenv("OMP_NUM_THREADS") ? omp_get_max_threads() : available;

    return asked < available ? asked : available;
}

static pb_status settle(pb_cli *cli, pb_error *error)
{
    int available = (int)pb_threads_available();

    if (cli->memory_text)
        PB_TRY(parse_memory(cli->memory_text, &cli->memory, error));
    if (cli->threads == 0)
        cli->threads = default_threads(available);
    else if (cli->threads > available)
        pb_warn(cli,
                "--threads %d: this process may use %d processor%s; more threads than that "
                "wait for each other",
                cli->threads, available, available == 1 ? "" : "s");
    omp_set_num_threads(cli->threads);
    PB_TRY(pb_start_threads(cli->threads, error));
    pb_progress_catch_interrupt();
    cli->run = pb_progress_run(cli, 1);
    return PB_OK;
}

/* Reads the LoRAs, whose files are inputs too. */
static pb_status settle_loras(pb_cli *cli, pb_error *error)
{
    const guint count = cli->lora ? g_strv_length(cli->lora) : 0;

    cli->loras = g_new0(pb_lora, count);
    for (; cli->lora_count < count; cli->lora_count++) {
        PB_TRY(pb_lora_option(&cli->loras[cli->lora_count], cli->lora[cli->lora_count], error));
        g_ptr_array_add(cli->inputs, (char *)cli->loras[cli->lora_count].path);
        g_ptr_array_add(cli->owned, g_strdup(cli->lora[cli->lora_count]));
    }
    return PB_OK;
}

/* JSON holds UTF-8 only, and results repeat names. */
static pb_status check_names(const pb_cli *cli, int argc, char **argv, pb_error *error)
{
    for (guint i = 0; i < cli->owned->len + (guint)argc; i++) {
        const char *name = i < (guint)argc ? argv[i] : cli->owned->pdata[i - (guint)argc];
        if (cli->json && name && !g_utf8_validate(name, -1, NULL))
            return pb_fail(error, PB_INVALID, "--json: %s: expected a name in UTF-8", name);
    }
    return PB_OK;
}

/* Takes the idle ones ("threads,force") out of a table. */
static void drop_idle(GOptionEntry *entries, const char *idle)
{
    char **names = g_strsplit(idle ? idle : "", ",", -1);
    GOptionEntry *kept = entries;

    for (const GOptionEntry *e = entries; e->long_name; e++)
        if (!g_strv_contains((const char *const *)names, e->long_name))
            *kept++ = *e;
    *kept = (GOptionEntry)G_OPTION_ENTRY_NULL;
    g_strfreev(names);
}

/* Strings last until drop_lists. */
static pb_status parse(pb_cli *cli, const pb_help *help, const GOptionEntry *entries,
                       const GOptionEntry *more, int *argc, char ***argv, pb_error *error)
{
    const GOptionEntry model[] = {
        {"model", 'm', 0, G_OPTION_ARG_FILENAME, &cli->model,
         "The model: a name (pullback models lists those there are), a folder in the diffusers "
         "layout, a file of Stable Diffusion, DDPM or guided-diffusion, or owner/name in the "
         "Hugging Face cache (default, of a photo: faces64-text)",
         "MODEL"},
        {"backend", 0, 0, G_OPTION_ARG_STRING, &cli->backend,
         "What computes: cpu, or reference: plain loops in double precision, to check numbers by, "
         "many times slower (default: cpu)",
         "NAME"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry of_model[] = {
        {"schedule", 0, 0, G_OPTION_ARG_FILENAME, &cli->schedule,
         "The noise schedule of a model that has none with it: ddpm (DDPMScheduler's defaults), or "
         "a scheduler_config.json",
         "HOW"},
        {"vae", 0, 0, G_OPTION_ARG_FILENAME, &cli->vae,
         "The autoencoder to use, in the place of the model's own if it has one: a file, its "
         "folder, or the folder of another model",
         "FILE|FOLDER"},
        {"prediction-type", 0, 0, G_OPTION_ARG_STRING, &cli->prediction_type,
         "What a model that is one file predicts: epsilon, v_prediction or sample (default: what "
         "the file or the settings beside it say, or its family does)",
         "WHAT"},
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &cli->config,
         "A folder with diffusers' configs (unet/config.json …) for a model that is one file, in "
         "the place of what is inferred from its tensors",
         "FOLDER"},
        {"lora", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &cli->lora,
         "A LoRA to add to Stable Diffusion's weights, times a number, which may be negative "
         "(default: 1); may be given several times",
         "FILE[:WEIGHT]"},
        {"memory", 0, 0, G_OPTION_ARG_STRING, &cli->memory_text,
         "Working memory, for activations and for weights as the kernels read them: 512M, 8G … "
         "(default: 2G)",
         "SIZE"},
        {"costs", 0, 0, G_OPTION_ARG_FILENAME, &cli->costs,
         "Choose algorithms of convolution by the table that bench --tune wrote", "FILE"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry common[] = {
        {"threads", 0, 0, G_OPTION_ARG_INT, &cli->threads,
         "Threads of computation (default: all processors this process may use, or what "
         "OMP_NUM_THREADS says if that is fewer)",
         "N"},
        {"force", 0, 0, G_OPTION_ARG_NONE, &cli->force,
         "Write even over a file that is read by the same command, or is the model's, or over "
         "another study",
         NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &cli->json, "Print one JSON object on standard output",
         NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &cli->quiet,
         "Print neither progress nor results, only warnings and errors", NULL},
        G_OPTION_ENTRY_NULL,
    };
    GOptionContext *context = g_option_context_new(NULL);
    char *program = g_strdup_printf("pullback %s", cli->name);
    const GOptionEntry *const tables[] = {entries, more,
                                          cli->no_model || cli->many_models ? NULL : model,
                                          cli->no_model ? NULL : of_model, common};
    const pb_manual manual = {cli->name, help, tables, sizeof tables / sizeof *tables};
    pb_status status;

    drop_idle(of_model, cli->idle);
    drop_idle(common, cli->idle);
    if (pb_manual_answer(&manual, *argc, *argv))
        exit(pb_cli_flush(0));
    g_set_prgname(program);
    cli->owned = g_ptr_array_new_with_free_func(g_free);
    cli->given = g_ptr_array_new();
    cli->inputs = g_ptr_array_new();
    cli->swept = g_ptr_array_new_with_free_func(g_free);
    status = pb_options_parse(cli, context, tables, manual.count, argc, argv, error);
    if (cli->help_asked)
        pb_manual_print(&manual, stdout);
    if (status == PB_OK)
        status = settle(cli, error);
    if (status == PB_OK)
        status = settle_loras(cli, error);
    if (status == PB_OK)
        status = check_names(cli, *argc, *argv, error);
    g_option_context_free(context);
    g_free(program);
    if (cli->help_asked)
        exit(pb_cli_flush(0));
    return status;
}

/* Notes a name, unless it is there already. */
static void add_name(void *names, const char *name)
{
    if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
        g_ptr_array_add(names, g_strdup(name));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *pb_model_names(void)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    pb_models_visit(add_name, names);
    g_ptr_array_sort(names, by_name);
    return names;
}

int pb_cli_given(const pb_cli *cli, const char *option)
{
    for (guint i = 0; i < cli->given->len; i++)
        if (!strcmp(cli->given->pdata[i], option))
            return 1;
    return 0;
}

pb_status pb_cli_refuse(const pb_cli *cli, const char *options, const char *why, pb_error *error)
{
    char **names = g_strsplit(options, ",", -1);
    pb_status status = PB_OK;

    for (char **name = names; *name && status == PB_OK; name++)
        if (pb_cli_given(cli, *name))
            status = pb_fail(error, PB_INVALID, "--%s would do nothing here: it %s", *name, why);
    g_strfreev(names);
    return status;
}

static void drop_lists(pb_cli *cli)
{
    for (size_t i = 0; i < cli->lora_count; i++)
        pb_free((char *)cli->loras[i].path);
    g_free(cli->loras);
    g_strfreev(cli->lora);
    g_ptr_array_unref(cli->owned);
    g_ptr_array_unref(cli->given);
    g_ptr_array_unref(cli->inputs);
    g_ptr_array_unref(cli->swept);
}

pb_model_options pb_cli_model_options(const pb_cli *cli)
{
    return (pb_model_options){.schedule = cli->schedule,
                              .backend = cli->backend,
                              .vae = cli->vae,
                              .prediction_type = cli->prediction_type,
                              .config = cli->config,
                              .loras = cli->loras,
                              .lora_count = cli->lora_count};
}

/* -- messages -------------------------------------------------------------------------------- */

int pb_cli_flush(int status)
{
    int lost = ferror(stdout); /* before: the reason is gone */

    if ((fflush(stdout) || lost) && status == 0) {
        fprintf(stderr, "pullback: standard output: cannot write: %s\n",
                lost ? "some of it is lost" : strerror(errno));
        return PB_EXIT_FAILED;
    }
    return status;
}

/* One line, in which nothing is left that a terminal would obey. */
static void print_line(FILE *stream, const char *format, va_list arguments)
{
    char *text = g_strdup_vprintf(format, arguments), *legible = pb_legible(text);

    fprintf(stream, "%s\n", legible ? legible : "out of memory");
    pb_free(legible);
    g_free(text);
}

void pb_print_line(FILE *stream, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(stream, format, arguments);
    va_end(arguments);
}

void pb_say(const pb_cli *cli, const char *format, ...)
{
    FILE *stream = cli->json ? stderr : stdout;
    va_list arguments;

    pb_progress_end();
    if (cli->quiet)
        return;
    va_start(arguments, format);
    print_line(stream, format, arguments);
    va_end(arguments);
    fflush(stream);
}

/* "pullback NAME: KINDTEXT" on stderr. */
static void tell(const pb_cli *cli, const char *kind, const char *format, va_list arguments)
{
    pb_progress_end();
    fprintf(stderr, "pullback %s: %s", cli->name, kind);
    print_line(stderr, format, arguments);
}

void pb_note(const pb_cli *cli, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (!cli->quiet)
        tell(cli, "", format, arguments);
    va_end(arguments);
}

void pb_warn(const pb_cli *cli, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tell(cli, "warning: ", format, arguments);
    va_end(arguments);
}

void pb_cli_print(const pb_cli *cli, json_t *object)
{
    if (cli->json) {
        pb_progress_end();
        json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        putchar('\n');
    }
    json_decref(object);
}

/* -- a command ------------------------------------------------------------------------------- */

/* Reports what was wrong with it; of PB_MEMORY it is not the usage. */
static int end_usage(pb_cli *cli, const pb_error *error)
{
    int usage = error->status != PB_MEMORY;

    fprintf(stderr, "pullback %s: %s\n", cli->name, error->message);
    if (usage)
        fprintf(stderr, "(pullback %s --help shows the options)\n", cli->name);
    drop_lists(cli);
    return usage ? PB_EXIT_USAGE : PB_EXIT_FAILED;
}

static int end(pb_cli *cli, pb_status status, const pb_error *error)
{
    pb_progress_end();
    if (status != PB_OK)
        fprintf(stderr, "pullback %s: %s\n", cli->name, error->message);
    drop_lists(cli);
    return status == PB_OK ? 0 : PB_EXIT_FAILED;
}

int pb_cli_command(pb_cli *cli, const pb_help *help, const GOptionEntry *entries,
                   const GOptionEntry *more, int argc, char **argv, pb_cli_check check,
                   pb_cli_run run)
{
    pb_error error;

    if (parse(cli, help, entries, more, &argc, &argv, &error) != PB_OK ||
        check(cli, argc, argv, &error) != PB_OK)
        return end_usage(cli, &error);
    return end(cli, run(cli, &error), &error);
}

/* -- paths ----------------------------------------------------------------------------------- */

void pb_check_precision(const pb_cli *cli, const char *precision)
{
    if (!precision || strcmp(precision, "bf16") || pb_bf16_is_native(cli->backend))
        return;
    if (cli->backend && strcmp(cli->backend, "cpu"))
        pb_warn(cli, "--precision bf16: the backend \"%s\" does not multiply bfloat16 numbers",
                cli->backend);
    else
        pb_warn(cli, "this processor does not multiply bfloat16 numbers: they are rounded so and "
                     "computed in fp32, which is not faster");
}

pb_status pb_check_out(const char *out, unsigned kinds, const char *hint, pb_error *error)
{
    static const struct {
        unsigned kind;
        const char *ending;
    } known[] = {
        {PB_OUT_NPY, ".npy"},      {PB_OUT_BASIS | PB_OUT_NOISY, ".safetensors"},
        {PB_OUT_PICTURE, ".png"},  {PB_OUT_PICTURE, ".jpg"},
        {PB_OUT_PICTURE, ".jpeg"}, {PB_OUT_PICTURE, ".webp"},
        {PB_OUT_PICTURE, ".tif"},  {PB_OUT_PICTURE, ".tiff"},
        {PB_OUT_PICTURE, ".gif"},
    };
    static const struct {
        unsigned kind;
        const char *expected;
    } words[] = {
        {PB_OUT_NOISY, "a name in .safetensors (which keeps its noise level)"},
        {PB_OUT_BASIS, "a name in .safetensors"},
        {PB_OUT_NPY, "a name in .npy"},
        {PB_OUT_PICTURE, "a picture's, which ends in its format: .png, .jpg, .webp, .tif"},
    };
    char expected[300] = "";

    if (!out || !*out)
        return pb_fail(error, PB_INVALID, "where to? -o %s", hint);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].kind & kinds && pb_has_ending(out, known[i].ending))
            return PB_OK;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].kind & kinds) {
            size_t n = strlen(expected);
            snprintf(expected + n, sizeof expected - n, "%s%s", n ? ", or " : "",
                     words[i].expected);
        }
    return pb_fail(error, PB_INVALID, "-o %s: expected %s", out, expected);
}

static int is_same(const char *path, const struct stat *file)
{
    struct stat info;

    return path && stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_dev == file->st_dev &&
           info.st_ino == file->st_ino;
}

/* Is it one of the files that weights (NULL: none) lie in? Of an index any file that its name
 * begins like. */
static int is_weights(const char *weights, const char *path, const struct stat *file)
{
    char *of_index, *of_path, *index, *name;
    struct stat a, b;
    int found = is_same(weights, file);

    if (!weights || found)
        return found;
    of_index = g_path_get_dirname(weights), of_path = g_path_get_dirname(path);
    index = g_path_get_basename(weights), name = g_path_get_basename(path);
    if (g_str_has_suffix(index, ".json") &&
        (g_str_has_suffix(name, ".safetensors") || g_str_has_suffix(name, ".bin")) &&
        stat(of_index, &a) == 0 && stat(of_path, &b) == 0 && a.st_dev == b.st_dev &&
        a.st_ino == b.st_ino)
        found = !strncmp(index, name, strcspn(index, "."));
    g_free(of_index);
    g_free(of_path);
    g_free(index);
    g_free(name);
    return found;
}

/* Is it a file of the command's model? */
static int is_of_model(const pb_cli *cli, const char *path, const struct stat *file)
{
    const pb_model_options options = pb_cli_model_options(cli);
    pb_model_files f;
    int found = 0;

    if (!cli->model || pb_model_locate(&f, cli->model, &options, NULL) != PB_OK)
        return 0;
    found = is_same(f.folder, file) || is_same(f.index, file) || is_same(f.recommended, file);
    for (size_t i = 0; !found && i < PB_ROLES; i++) {
        for (size_t j = 0; !found && j < f.parts[i].count; j++)
            found = is_same(f.parts[i].files[j], file);
        found = found || is_weights(f.parts[i].weights, path, file);
    }
    pb_model_files_clear(&f);
    return found;
}

/* Is this a file that an option or an argument names as something to read, or the model's? */
static int is_input(const pb_cli *cli, const char *path, const struct stat *output)
{
    for (guint i = 0; i < cli->inputs->len; i++)
        if (is_same(cli->inputs->pdata[i], output))
            return 1;
    return is_of_model(cli, path, output);
}

/* Does the command read something of the names that temporary files have? */
static int reads_temporary(const pb_cli *cli)
{
    for (guint i = 0; i < cli->inputs->len; i++)
        if (strstr(cli->inputs->pdata[i], PB_TEMPORARY_PREFIX))
            return 1;
    return 0;
}

/* Removes, once, what killed runs left in the folder that an output will appear in: the folder of
 * the file itself, where the path is a link. */
static void sweep_beside(const pb_cli *cli, const char *path)
{
    char *real = realpath(path, NULL), *folder = g_path_get_dirname(real ? real : path);

    if (reads_temporary(cli) ||
        g_ptr_array_find_with_equal_func(cli->swept, folder, g_str_equal, NULL))
        g_free(folder);
    else {
        pb_temporary_sweep(folder);
        g_ptr_array_add(cli->swept, folder);
    }
    free(real);
}

pb_status pb_check_output(const pb_cli *cli, const char *path, pb_error *error)
{
    char *folder = g_path_get_dirname(path);
    struct stat info;
    pb_status status = PB_OK;

    if (stat(folder, &info) || !S_ISDIR(info.st_mode))
        status = pb_fail(error, PB_IO, "%s: there is no folder %s", path, folder);
    else if (access(folder, W_OK))
        status = pb_fail(error, PB_IO, "%s: the folder %s: %s: -o names another place", path,
                         folder, strerror(errno));
    else if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        status = pb_fail(error, PB_IO, "%s: is a folder", path);
    else if (access(path, W_OK) && errno != ENOENT)
        status = pb_fail_system(error, path, NULL);
    else if (!cli->force && stat(path, &info) == 0 && is_input(cli, path, &info))
        status = pb_fail(error, PB_INVALID,
                         "%s is read by this command, and would be overwritten: another name, or "
                         "--force",
                         path);
    if (status == PB_OK)
        sweep_beside(cli, path);
    g_free(folder);
    return status;
}

pb_status pb_check_outputs(const pb_cli *cli, char **paths, pb_error *error)
{
    pb_status status = PB_OK;

    for (char **path = paths; status == PB_OK && *path; path++)
        status = pb_check_output(cli, *path, error);
    g_strfreev(paths);
    return status;
}

pb_status pb_make_folder(const char *path, pb_error *error)
{
    if (g_mkdir_with_parents(path, 0777))
        return pb_fail_system(error, path, NULL);
    if (access(path, W_OK))
        return pb_fail_system(error, path, NULL);
    pb_temporary_sweep(path);
    return PB_OK;
}
