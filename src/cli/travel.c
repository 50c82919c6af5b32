#include "cli/travel.h"

#include <math.h>
#include <stdlib.h>

pb_status pb_travel_check(pb_travel *o, pb_error *error)
{
    const char *text = o->direction ? o->direction : "0";

    o->count = 0;
    for (const char *at = text; *at;) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;
        int bad = end == at || *at == '-' || *at == '+';

        if (!bad && *end == '-') {
            at = end + 1;
            last = strtoul(at, &end, 10);
            bad = end == at;
        }
        if (bad || (*end && (*end != ',' || !end[1])) || last < first || last > 100000 ||
            last - first >= PB_DIRECTIONS_MOST - o->count)
            return pb_fail(error, PB_INVALID,
                           "--direction %s: expected numbers from 0 on, such as 0 or 0,2 or 0-3, "
                           "at most %d",
                           text, PB_DIRECTIONS_MOST);
        for (; first <= last; first++)
            o->directions[o->count++] = first;
        at = *end ? end + 1 : end;
    }
    return PB_OK;
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
