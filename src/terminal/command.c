#include "terminal/command.h"

#include <string.h>

const pb_command *pb_command_named(const char *name)
{
    for (const pb_command *c = pb_commands; c->name; c++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}

const pb_command *pb_command_part(const char *name, size_t *at, const char **word)
{
    size_t length = strlen(name);

    while (pb_commands[*at].name) {
        const pb_command *c = &pb_commands[(*at)++];
        if (length && (strncmp(c->name, name, length) || c->name[length] != ' '))
            continue;
        *word = c->name + (length ? length + 1 : 0);
        if (!strchr(*word, ' '))
            return c;
    }
    return NULL;
}
