#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/where.h"
#include "picture/pixels.h"
#include "terminal/cli.h"
#include "terminal/progress.h"
#ifdef PB_HAS_EXPLORE
#include "explore/explorer.h"
#include "explore/taste.h"
#endif

#define PORT 7860

typedef struct options {
    pb_cli cli;
    const char *photo;
    char *listen, *host, *certificate, *key;
    int port;
    gboolean open, taste;
} options;

/* A name as it stands in a URL: "pictures.example", "pictures.example:8443". */
static int is_host(const char *name)
{
    const char *colon = strrchr(name, ':');
    size_t size = colon ? (size_t)(colon - name) : strlen(name);

    return size && size < 254 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
               size &&
           (!colon || (colon[1] && strlen(colon + 1) <= 5 &&
                       strspn(colon + 1, "0123456789") == strlen(colon + 1)));
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    if (argc > 2)
        return pb_fail(error, PB_INVALID, "expected one photo, found %d", argc - 1);
    o->photo = argc == 2 ? argv[1] : NULL;
    if (o->port < 0 || o->port > 65535)
        return pb_fail(error, PB_INVALID, "--port %d: expected 0 (any) to 65535", o->port);
    if (o->host && !is_host(o->host))
        return pb_fail(error, PB_INVALID,
                       "--host %s: expected a name, such as pictures.example or "
                       "pictures.example:8443",
                       o->host);
    if (!o->certificate != !o->key)
        return pb_fail(error, PB_INVALID, "--certificate and --key go together");
    return PB_OK;
}

#ifdef PB_HAS_EXPLORE
static const char *address_of(const options *o)
{
    return o->listen ? o->listen : "127.0.0.1";
}

static int is_own(const char *address)
{
    return g_str_has_prefix(address, "127.") || !strcmp(address, "::1");
}

/* What everybody should know who lets others in. */
static void warn(const options *o)
{
    if (is_own(address_of(o)))
        return;
    pb_warn(&o->cli,
            "OTHER MACHINES CAN REACH THIS at %s: whoever has the URL uses this machine and sees "
            "the photos that are opened here",
            address_of(o));
    if (!o->certificate)
        pb_warn(&o->cli, "nothing is encrypted: who can listen on the network sees photos, and the "
                         "token; --certificate and --key encrypt");
    if (!o->host)
        pb_note(&o->cli, "others reach it by this machine's address, as 192.0.2.7 instead of "
                         "127.0.0.1 in the URL; to be reached by a name it needs --host");
}

static void tell(const options *o, const char *url)
{
    pb_say(&o->cli, "%s", url);
    pb_note(&o->cli, "open it in a browser; Ctrl-C ends");
    warn(o);
    if (o->open) {
        char *argv[] = {(char *)"xdg-open", (char *)url, NULL};
        if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL))
            pb_warn(&o->cli, "no browser can be opened (xdg-open is missing)");
    }
}

/* The server: it ends when it is told to. */
static pb_status serve(pb_cli *cli, pb_error *error)
{
    static const char *const taster[] = {"/proc/self/exe", "explore", "--taste", NULL};
    options *o = (options *)cli;
    GPtrArray *names = pb_model_names();
    const pb_explorer_options how = {.web = {.address = address_of(o),
                                             .port = (unsigned)o->port,
                                             .host = o->host,
                                             .certificate = o->certificate,
                                             .key = o->key},
                                     .model = cli->model ? cli->model : PB_BUNDLED_MODEL,
                                     .models = names,
                                     .photo = o->photo,
                                     .taster = taster,
                                     .memory = cli->run.memory,
                                     .threads = cli->run.threads};
    pb_explorer *explorer = NULL;
    pb_status status = pb_picture_start(cli->name, cli->threads, error);

    signal(SIGPIPE, SIG_IGN); /* of a reader of pictures that has ended */
    if (cli->model && !g_ptr_array_find_with_equal_func(names, cli->model, g_str_equal, NULL))
        g_ptr_array_add(names, g_strdup(cli->model));
    if (status == PB_OK)
        status = pb_explorer_begin(&explorer, &how, error);
    if (status == PB_OK)
        tell(o, pb_explorer_url(explorer));
    pb_cli_flush(0);
    while (status == PB_OK && !pb_progress_interrupted())
        usleep(100000);
    pb_explorer_end(explorer);
    g_ptr_array_unref(names);
    return status;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    if (!((options *)cli)->taste)
        return serve(cli, error);
    PB_TRY(pb_picture_start(cli->name, 1, error));
    return pb_taste(PB_EXPLORER_PICTURE, error);
}
#else
static pb_status run(pb_cli *cli, pb_error *error)
{
    (void)cli;
    return pb_fail(error, PB_UNSUPPORTED, "built without the explorer (libmicrohttpd is missing)");
}
#endif

int pb_command_explore(int argc, char **argv)
{
    static const pb_help help = {
        "[PHOTO]",
        "Opens a page for the browser on which a photo's directions are found, tried with sliders, "
        "combined, and taken home in full size, with the command that makes the picture again. It "
        "prints the URL: whoever has it, and nobody else, can use the page. Without a PHOTO it "
        "begins with the bundled portrait; others are dropped on the page. Ctrl-C ends it.",
        "Examples:\n"
        "  pullback explore photo.jpg\n"
        "  pullback explore --model faces32 --port 0\n"
        "  pullback explore --listen 0.0.0.0    # for a phone in the same network, too: on it, the\n"
        "                                       # URL with this machine's address in it"};
    options o = {.cli = {.name = "explore", .idle = "force"}, .port = PORT};
    const GOptionEntry entries[] = {
        {"port", 0, 0, G_OPTION_ARG_INT, &o.port,
         "Where it is served; 0: any that is free (default: 7860)", "N"},
        {"listen", 0, 0, G_OPTION_ARG_STRING, &o.listen,
         "Serve other machines, too, at this address of this one (default: 127.0.0.1, this machine "
         "alone)",
         "ADDRESS"},
        {"host", 0, 0, G_OPTION_ARG_STRING, &o.host,
         "A name by which it is reached, too, with its port where that is another, as behind a "
         "proxy; requests to other names than its own are refused",
         "NAME"},
        {"certificate", 0, 0, G_OPTION_ARG_FILENAME, &o.certificate,
         "Encrypt, with this certificate (PEM)", "F"},
        {"key", 0, 0, G_OPTION_ARG_FILENAME, &o.key, "The certificate's key (PEM)", "F"},
        {"taste", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &o.taste, NULL, NULL},
        {"open", 0, 0, G_OPTION_ARG_NONE, &o.open, "Open it in the browser", NULL},
        G_OPTION_ENTRY_NULL,
    };

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);
}
