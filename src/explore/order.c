#include "explore/order.h"

#include <string.h>

#include "explore/wishes.h"

pb_given pb_given_ref(const pb_given *g)
{
    return (pb_given){.bytes = g->bytes ? g_bytes_ref(g->bytes) : NULL,
                      .name = g_strdup(g->name),
                      .number = g->number};
}

void pb_given_clear(pb_given *g)
{
    if (g->bytes)
        g_bytes_unref(g->bytes);
    g_free(g->name);
    *g = (pb_given){.number = g->number};
}

void pb_given_set(pb_given *g, GBytes *bytes, const char *name)
{
    pb_given_clear(g);
    g->bytes = bytes ? g_bytes_ref(bytes) : NULL;
    g->name = g_strdup(name);
    g->number++;
}

void pb_order_clear(pb_order *o)
{
    json_decref(o->wishes);
    json_decref(o->weights);
    json_decref(o->history);
    pb_given_clear(&o->photo);
    pb_given_clear(&o->mask);
    pb_given_clear(&o->carried);
    pb_given_clear(&o->basis);
    g_free(o->what);
    g_free(o->format);
}

char *pb_order_title(const pb_order *o)
{
    if (!strcmp(pb_wish_text(o->wishes, "source"), "seed"))
        return g_strdup_printf("seed-%.0f", pb_wish_number(o->wishes, "seed"));
    return g_strdup(o->photo.name ? o->photo.name : "picture");
}

/* "holiday-mask.png" of "holiday.jpg". */
static char *beside(const char *title, const char *what, const char *ending)
{
    const char *dot = strrchr(title, '.');

    return g_strdup_printf("%.*s-%s%s", (int)(dot ? dot - title : (long)strlen(title)), title, what,
                           ending);
}

char *pb_order_name(const pb_order *o, const char *what, const char *ending)
{
    char *title = pb_order_title(o), *name = beside(title, what, ending);

    g_free(title);
    return name;
}

char *pb_order_mask_name(const pb_order *o)
{
    return pb_order_name(o, "mask", ".png");
}

char *pb_order_carried_name(const pb_order *o)
{
    return beside(o->carried.name ? o->carried.name : "picture", "directions", ".safetensors");
}
