/* The program's table of commands: what `pullback` lists, runs, documents and completes. */
#ifndef PB_TERMINAL_COMMAND_H
#define PB_TERMINAL_COMMAND_H

#include <stddef.h>

/* A command, or (with a space in its name: "study samples") a part of one, which the same function
 * runs. argv begins with the words of the name; it returns the exit status. */
typedef struct pb_command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} pb_command;

/* All of them, as the program has them (cli/commands.c); the last one's name is NULL. */
extern const pb_command pb_commands[];

/* By its name; NULL: none. */
const pb_command *pb_command_named(const char *name);

/* The next part of a command ("study"; "": of the program, its commands), the first at *at = 0 and
 * on; NULL past the last. *word: what it is called there. */
const pb_command *pb_command_part(const char *name, size_t *at, const char **word);

/* help, which is one of them. */
int pb_command_help(int argc, char **argv);

#endif
