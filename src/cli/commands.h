/* The table of commands: what `pullback` lists, runs, documents and completes. */
#ifndef PB_CLI_COMMANDS_H
#define PB_CLI_COMMANDS_H

#include <stddef.h>

/* A command, or (with a space in its name: "study samples") a part of one, which the same function
 * runs. argv begins with the words of the name; it returns the exit status. */
typedef struct pb_command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} pb_command;

/* Number i of them; NULL past the last. */
const pb_command *pb_command_at(size_t i);

/* By its name; NULL: none. */
const pb_command *pb_command_named(const char *name);

/* The next part of a command ("study"; "": of the program, its commands), the first at *at = 0 and
 * on; NULL past the last. *word: what it is called there. */
const pb_command *pb_command_part(const char *name, size_t *at, const char **word);

int pb_command_info(int argc, char **argv);
int pb_command_sample(int argc, char **argv);
int pb_command_invert(int argc, char **argv);
int pb_command_basis(int argc, char **argv);
int pb_command_edit(int argc, char **argv);
int pb_command_transport(int argc, char **argv);
int pb_command_compare(int argc, char **argv);
int pb_command_study(int argc, char **argv);
int pb_command_mean(int argc, char **argv);
int pb_command_prompt(int argc, char **argv);
int pb_command_encode(int argc, char **argv);
int pb_command_decode(int argc, char **argv);
int pb_command_eval(int argc, char **argv);
int pb_command_bench(int argc, char **argv);
int pb_command_demo(int argc, char **argv);
int pb_command_help(int argc, char **argv);

#endif
