#include "explore/scratch.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

pb_status pb_scratch_begin(pb_scratch *s, const char *name, pb_error *error)
{
    *s = (pb_scratch){.folder = g_dir_make_tmp("pullback-XXXXXX", NULL)};
    if (!s->folder)
        return pb_fail(error, PB_IO, "there is no room for temporary files");
    s->path = g_build_filename(s->folder, name, NULL);
    return PB_OK;
}

/* What a message calls by its path is to be called by its name. */
static void shorten(const pb_scratch *s, pb_error *error)
{
    size_t size = strlen(s->folder) + 1;
    char *at;

    while ((at = strstr(error->message, s->folder)) && at[size - 1] == '/')
        memmove(at, at + size, strlen(at + size) + 1);
}

void pb_scratch_end(pb_scratch *s, pb_status status, pb_error *error)
{
    if (s->folder && status != PB_OK && error)
        shorten(s, error);
    if (s->path)
        remove(s->path);
    if (s->folder)
        remove(s->folder);
    g_free(s->path);
    g_free(s->folder);
}
