#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "terminal/cli.h"
#include "terminal/command.h"
#include "terminal/help.h"
#include "terminal/shell.h"
#include "terminal/start.h"

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const pb_command *command = strchr(name, ' ') ? NULL : pb_command_named(name);
    int status;

    pb_start();
    signal(SIGXFSZ, SIG_IGN); /* a file at the limit of `ulimit -f` is then an error of its write */
    setlocale(LC_CTYPE, "C.UTF-8"); /* or GLib would replace what is not ASCII in its messages */
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
        pb_help_print(stdout);
        return pb_cli_flush(0);
    }
    if (!strcmp(name, "--version")) {
        printf("pullback %s\n", pb_version());
        return pb_cli_flush(0);
    }
    if (pb_help_answer(argc, argv, &status))
        return pb_cli_flush(status);
    if (command)
        return pb_cli_flush(command->run(argc - 1, argv + 1));
    if (*name && access(name, F_OK) == 0) {
        char *word = pb_shell_name(name);
        pb_print_line(stderr, "pullback: %s is no command: did you mean \"pullback edit %s\"?",
                      name, word);
        g_free(word);
    } else if (*name)
        pb_print_line(stderr, "pullback: no command \"%s\"%s", name, pb_help_likely(name).text);
    if (*name)
        fprintf(stderr, "(pullback --help lists the commands)\n");
    else
        pb_help_print(stderr);
    return PB_EXIT_USAGE;
}
