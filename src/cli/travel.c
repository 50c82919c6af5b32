#include "cli/travel.h"

#include <math.h>
#include <stdlib.h>

pb_status pb_travel_check(pb_travel_options *o, pb_error *error)
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

size_t pb_travel_last(const pb_travel_options *o)
{
    size_t last = 0;

    for (size_t i = 0; i < o->count; i++)
        if (o->directions[i] > last)
            last = o->directions[i];
    return last;
}

double pb_travel_strength(const pb_travel_options *o, const pb_cli *cli)
{
    if (!isnan(o->strength))
        return o->strength;
    return o->iterations || pb_cli_given(cli, "edit-length") ? 1 : 0.5;
}

static double choose(double given, double recommended, double otherwise)
{
    return !isnan(given) ? given : !isnan(recommended) ? recommended : otherwise;
}

pb_status pb_travel_strip(pb_strip *strip, const pb_travel_options *o, const pb_session *s,
                          const pb_point *point, int steps, pb_error *error)
{
    const pb_recommended *r = &s->info->recommended;
    int latent = pb_session_is_latent(s);
    const char *edit = s->prompts.text[PB_EDIT_PROMPT];
    size_t otherwise = latent && edit && *edit ? 64 : 16;
    size_t full = o->iterations ? (size_t)o->iterations : r->iterations ? r->iterations : otherwise;
    double strength = fabs(pb_travel_strength(o, s->cli));
    size_t N = (size_t)lround(strength * (double)full);

    if (strength > 0 && N == 0)
        return pb_fail(error, PB_INVALID,
                       "--strength %g: less than one of %zu iterations: expected %.2g or more (or "
                       "0, the reconstruction)",
                       o->strength, full, 0.5 / (double)full);
    if (pb_cli_given(s->cli, "stages") && (size_t)o->stages > N)
        return pb_fail(
            error, PB_INVALID,
            "--stages %d: an edit of strength %g has %zu iterations: expected at most as many",
            o->stages, strength, N);
    *strip = (pb_strip){
        .guidance = {.step = choose(o->step, r->step, 1),
                     .scale = choose(o->scale, r->scale, latent ? 1 : 0.1),
                     .iterations = N},
        .full = full,
        .mask = point->mask.data ? &point->mask : NULL,
        .stages = (size_t)o->stages < N ? (size_t)o->stages : N,
        .boost = choose(o->boost, r->boost, latent ? 0 : 0.2),
        .noise_seed = (uint64_t)o->noise_seed,
        .steps = (size_t)steps,
        .grid = point->grid,
        .timestep = point->timestep,
        .area = point->has_photo ? &point->photo.area : NULL,
        .count = o->count,
        .direction = o->directions,
    };
    return pb_point_on_grid(point, steps, error);
}
