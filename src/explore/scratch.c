#include "explore/scratch.h"

#include <glib.h>
#include <stdio.h>

pb_status pb_scratch_begin(pb_scratch *s, const char *name, pb_error *error)
{
    *s = (pb_scratch){.folder = g_dir_make_tmp("pullback-XXXXXX", NULL)};
    if (!s->folder)
        return pb_fail(error, PB_IO, "there is no room for temporary files");
    s->path = g_build_filename(s->folder, name, NULL);
    return PB_OK;
}

void pb_scratch_end(pb_scratch *s)
{
    if (s->path)
        remove(s->path);
    if (s->folder)
        remove(s->folder);
    g_free(s->path);
    g_free(s->folder);
}
