#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/likeness.h"
#include "cli/cli.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"info", "what a model is: architecture, taps, noise schedule", pb_command_info},
    {"sample", "draw images from noise", pb_command_sample},
    {"invert", "the noise that an image comes from", pb_command_invert},
    {"basis", "the local latent basis at an image, with certified residuals", pb_command_basis},
    {"edit", "edit an image along the basis", pb_command_edit},
    {"transport", "carry a direction to another image or timestep, and edit with it",
     pb_command_transport},
    {"compare", "how far tangent spaces are apart", pb_command_compare},
    {"mean", "global directions: the mean of several bases", pb_command_mean},
    {"study", "the paper's experiments: timesteps, samples, models, prompts", pb_command_study},
    {"prompt", "the tokens of a prompt, and its embedding", pb_command_prompt},
    {"encode", "a picture as the latent of a model", pb_command_encode},
    {"decode", "latents as pictures", pb_command_decode},
    {"eval", "evaluate a network, or apply its Jacobian", pb_command_eval},
    {"bench", "how fast this machine is on a model, and where the time goes", pb_command_bench},
    {"demo", "edit the bundled portrait, from photo to photo", pb_command_demo},
};

#define COUNT (sizeof commands / sizeof *commands)

static void print_help(FILE *stream)
{
    fprintf(stream,
            "Usage: pullback COMMAND [OPTION…]\n\n"
            "Riemannian geometry of a diffusion model's latent space, and editing by it.\n\n"
            "Commands:\n");
    for (size_t i = 0; i < COUNT; i++)
        fprintf(stream, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fprintf(stream, "\npullback COMMAND --help shows a command's options and an example.\n"
                    "pullback --version prints the version.\n"
                    "Exit status: 0 done, 1 failed, 2 wrong usage.\n");
}

/* What was printed and cannot be written, to a full disk say, is a failure too. */
static int flush(int status)
{
    int lost = ferror(stdout); /* before: the reason is gone */

    if ((fflush(stdout) || lost) && status == 0) {
        fprintf(stderr, "pullback: standard output: cannot write: %s\n",
                lost ? "some of it is lost" : strerror(errno));
        return PB_EXIT_FAILED;
    }
    return status;
}

/* What a name may have meant. */
static pb_hint likely(const char *name)
{
    pb_likeness likeness = pb_likeness_to(name);

    for (size_t i = 0; i < COUNT; i++)
        pb_likeness_add(&likeness, commands[i].name);
    return pb_likeness_hint(&likeness);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    signal(SIGXFSZ, SIG_IGN); /* a file at the limit of `ulimit -f` is then an error of its write */
    setlocale(LC_CTYPE, "C.UTF-8"); /* or GLib would replace what is not ASCII in its helps */
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        print_help(stdout);
        return flush(0);
    }
    if (!strcmp(name, "--version")) {
        printf("pullback %s\n", pb_version());
        return flush(0);
    }
    for (size_t i = 0; i < COUNT; i++)
        if (!strcmp(name, commands[i].name))
            return flush(commands[i].run(argc - 1, argv + 1));
    if (*name)
        fprintf(stderr, "pullback: no command \"%s\"%s\n", name, likely(name).text);
    print_help(stderr);
    return PB_EXIT_USAGE;
}
