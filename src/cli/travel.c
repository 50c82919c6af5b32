#include "cli/travel.h"

#include <math.h>
#include <stdlib.h>

#include <glib.h>

/* One item of the list: a number, first-last, or number:weight. Where it ends, or NULL. */
static const char *read_item(pb_travel *o, const char *at)
{
    char *end;
    unsigned long first = strtoul(at, &end, 10), last = first;
    double weight = NAN;

    if (end == at || *at == '-' || *at == '+')
        return NULL;
    if (*end == '-') {
        at = end + 1;
        last = strtoul(at, &end, 10);
    } else if (*end == ':') {
        at = end + 1;
        weight = g_ascii_strtod(at, &end);
    }
    if (end == at || last < first || last > 100000 ||
        last - first >= PB_DIRECTIONS_MOST - o->count || (!isnan(weight) && !isfinite(weight)))
        return NULL;
    if (o->count && isnan(weight) == o->weighted)
        return NULL;
    o->weighted = !isnan(weight);
    for (; first <= last; first++) {
        o->weights[o->count] = weight;
        o->directions[o->count++] = first;
    }
    return end;
}

pb_status pb_travel_check(pb_travel *o, pb_error *error)
{
    const char *text = o->direction ? o->direction : "0", *at = text;

    o->count = 0;
    o->weighted = 0;
    do {
        at = read_item(o, at);
        if (!at || (*at && (*at != ',' || !at[1])))
            return pb_fail(error, PB_INVALID,
                           "--direction %s: expected numbers from 0 on, such as 0 or 0,2 or 0-3, "
                           "or each with its weight, 0:1,3:-0.5, at most %d",
                           text, PB_DIRECTIONS_MOST);
    } while (*at++);
    return PB_OK;
}

size_t pb_travel_ways(const pb_travel *o)
{
    return o->weighted ? 1 : o->count;
}

size_t pb_travel_last(const pb_travel *o)
{
    size_t last = 0;

    for (size_t i = 0; i < o->count; i++)
        if (o->directions[i] > last)
            last = o->directions[i];
    return last;
}

pb_edit_options pb_travel_options(const pb_travel *o)
{
    return (pb_edit_options){.count = o->count,
                             .direction = o->directions,
                             .weights = o->weighted ? o->weights : NULL,
                             .strength = fabs(o->strength),
                             .sides = PB_EDIT_BOTH,
                             .stages = (size_t)o->stages,
                             .step = o->step,
                             .scale = o->scale,
                             .iterations = (size_t)o->iterations,
                             .length = o->length,
                             .boost = o->boost,
                             .noise_seed = (uint64_t)o->noise_seed};
}
