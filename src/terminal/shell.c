#include "terminal/shell.h"

#include <glib.h>

bool pb_shell_is_plain(const char *word)
{
    const char *c = word;

    while (g_ascii_isalnum(*c) || *c == '/' || *c == '.' || *c == '_' || *c == '-' || *c == '+' ||
           *c == ',')
        c++;
    return c > word && !*c && *word != '-';
}

char *pb_shell_name(const char *name)
{
    char *path = g_strconcat(*name == '-' ? "./" : "", name, NULL), *quoted;

    if (pb_shell_is_plain(path))
        return path;
    quoted = g_shell_quote(path);
    g_free(path);
    return quoted;
}
