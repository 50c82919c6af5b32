/* What is to be done for a tab, as it was when it was asked for. */
#ifndef PB_EXPLORE_ORDER_H
#define PB_EXPLORE_ORDER_H

#include <glib.h>
#include <jansson.h>

#include "explore/shelf.h"

/* A file that somebody gave, or that was made for a tab. */
typedef struct pb_given {
    GBytes *bytes;        /* NULL: there is none */
    char *name;           /* "holiday.jpg"; or NULL */
    unsigned long number; /* another one has another */
} pb_given;

typedef struct pb_order {
    unsigned long tab;
    const char *kind;    /* of the job; static */
    pb_shelf *shelf;     /* where pictures are put */
    json_t *wishes;      /* explore/wishes.h */
    pb_given photo;      /* a picture's file */
    pb_given mask;       /* likewise */
    pb_given carried;    /* a basis file whose directions are carried over; the name of its photo */
    pb_given basis;      /* a basis file of a project: it is taken where it is that of the point */
    json_t *weights;     /* of an edit */
    json_t *history;     /* of a project */
    char *what, *format; /* of an export */
} pb_order;

/* References to what another holds; pb_given_clear. */
pb_given pb_given_ref(const pb_given *given);
void pb_given_clear(pb_given *given);

/* Another one takes its place: the bytes (a reference of its own, or NULL) and the name. */
void pb_given_set(pb_given *given, GBytes *bytes, const char *name);

void pb_order_clear(pb_order *order);

/* What it is of: the photo's name, or "seed-7". g_free. */
char *pb_order_title(const pb_order *order);

/* "holiday-edited.png": a name beside the photo's. g_free. */
char *pb_order_name(const pb_order *order, const char *what, const char *ending);

/* The names under which a command line reads what belongs to the photo: of its mask, and of the
 * basis that is carried. g_free. */
char *pb_order_mask_name(const pb_order *order);
char *pb_order_carried_name(const pb_order *order);

#endif
