#include "explore/studios.h"

#include <glib.h>
#include <string.h>

typedef struct open_studio {
    pb_studio studio;
    char *name;
} open_studio;

struct pb_studios {
    GQueue open; /* of open_studio, that which was asked for last first */
    size_t most;
};

pb_studios *pb_studios_new(size_t most)
{
    pb_studios *s = g_new0(pb_studios, 1);

    g_queue_init(&s->open);
    s->most = most;
    return s;
}

static void shut(pb_studios *s, GList *link)
{
    open_studio *o = link->data;

    g_queue_delete_link(&s->open, link);
    pb_studio_close(&o->studio);
    g_free(o->name);
    g_free(o);
}

void pb_studios_free(pb_studios *s)
{
    if (!s)
        return;
    while (s->open.head)
        shut(s, s->open.head);
    g_free(s);
}

static pb_status add(pb_studios *s, const char *name, pb_error *error)
{
    pb_model *model;
    open_studio *o;
    pb_status status;

    PB_TRY(pb_model_open(&model, name, error));
    while (s->open.length >= s->most)
        shut(s, s->open.tail);
    o = g_new0(open_studio, 1);
    o->name = g_strdup(name);
    g_queue_push_head(&s->open, o);
    status = pb_studio_open(&o->studio, o->name, model, error);
    if (status != PB_OK)
        shut(s, s->open.head);
    return status;
}

pb_status pb_studios_open(pb_studios *s, const char *name, const pb_studio **studio,
                          pb_error *error)
{
    GList *at = s->open.head;

    while (at && strcmp(((open_studio *)at->data)->name, name))
        at = at->next;
    if (at) {
        g_queue_unlink(&s->open, at);
        g_queue_push_head_link(&s->open, at);
    } else
        PB_TRY(add(s, name, error));
    *studio = &((open_studio *)s->open.head->data)->studio;
    return PB_OK;
}
