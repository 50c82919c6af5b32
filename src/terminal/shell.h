/* Words of a command that is shown to be copied, or offered to be completed: a shell reads them. */
#ifndef PB_TERMINAL_SHELL_H
#define PB_TERMINAL_SHELL_H

#include <stdbool.h>

/* Does every shell take it for one word that is nothing but itself, and we for no option? */
bool pb_shell_is_plain(const char *word);

/* A file's name, of any bytes, as sh reads it back: quoted where it has to be; g_free. */
char *pb_shell_name(const char *name);

#endif
