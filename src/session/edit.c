#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "session/session.h"

/* Stages on each side of an edit of both, unless it is said. */
#define STAGES 4

/* More iterations than anybody waits for; numbers of stages and iterations are multiplied. */
#define MOST_ITERATIONS 1000000000

#define MOST_WEIGHT 1e6

/* The stages at which the noisy images of a single picture's edit are judged. */
#define JUDGED 4

/* Pictures in [-1, 1] that come further from the reconstruction than FAR, in edits that once went
 * faster than FAST (root mean square; the rate that of a full edit), are often no longer a face
 * (docs/results.md). */
#define FAR (2 * 25.0 / 255)
#define FAST (2 * 30.0 / 255)

void pb_edit_options_init(pb_edit_options *options)
{
    if (options)
        *options = PB_EDIT_DEFAULTS;
}

void pb_edit_init(pb_edit *edit)
{
    if (edit)
        *edit = PB_EDIT_EMPTY;
}

void pb_edit_clear(pb_edit *e)
{
    if (!e)
        return;
    pb_tensor_clear(&e->pictures);
    pb_free(e->direction);
    pb_free(e->weight);
    pb_free(e->pace);
    pb_free(e->outside);
    pb_free(e->share);
    *e = PB_EDIT_EMPTY;
}

const char *pb_edit_mode_name(pb_edit_mode mode)
{
    static const char *const names[PB_EDIT_MODES] = {"guidance", "straight", "relinearise"};

    return mode < PB_EDIT_MODES ? names[mode] : "unknown";
}

/* -- which is which ------------------------------------------------------------------------------
 */

static size_t sides(const pb_edit *e)
{
    return e->sides == PB_EDIT_BOTH ? 2 : 1;
}

static size_t ways(const pb_edit *e)
{
    return e->count * sides(e);
}

pb_edit_way pb_edit_way_of(const pb_edit *e, size_t i)
{
    if (!e || !e->direction || i >= ways(e))
        return (pb_edit_way){0, 0};
    return (pb_edit_way){
        .direction = e->direction[i / sides(e)],
        .side = e->sides == PB_EDIT_BACKWARDS || (e->sides == PB_EDIT_BOTH && i % 2) ? -1 : 1};
}

char *pb_edit_name(const pb_edit *e, size_t d)
{
    size_t size = 32 * (e ? e->numbers + 1 : 0), at = 0;
    char *name = e && e->direction && d < e->count ? pb_malloc(size, 1) : NULL;

    if (!name)
        return NULL;
    snprintf(name, size, "v%zu", e->direction[d]);
    for (size_t i = 0; e->weight && i < e->numbers; i++)
        at += (size_t)snprintf(name + at, size - at, "%s%zu:%.6g", i ? "," : "v", e->direction[i],
                               e->weight[i]);
    return name;
}

/* Numbers of one picture, or image while there are no pictures yet. */
static size_t size_of(const pb_edit *e)
{
    return pb_item_size(&e->pictures);
}

/* The last stage of number i; without stages the reconstruction. */
static const float *end_of(const pb_edit *e, size_t i)
{
    return e->pictures.data + (i + 1) * e->stages * size_of(e);
}

const float *pb_edit_picture(const pb_edit *e, size_t d, long stage)
{
    size_t index = 0, most = e ? e->stages : 0;

    if (!e || !e->pictures.data || d >= e->count || (size_t)labs(stage) > most ||
        (stage < 0 && e->sides != PB_EDIT_BOTH))
        return NULL;
    if (stage != 0) {
        size_t side = e->sides == PB_EDIT_BOTH && stage < 0, step = (size_t)labs(stage) - 1;
        index = 1 + (d * sides(e) + side) * e->stages + step;
    }
    return e->pictures.data + index * size_of(e);
}

long pb_edit_iteration(const pb_edit *e, long stage)
{
    long N = e ? (long)e->guidance.iterations : 0, stages = e ? (long)e->stages : 0;
    long j = labs(stage), iteration = stages ? (2 * j * N + stages) / (2 * stages) : 0;

    return stage < 0 ? -iteration : iteration;
}

double pb_edit_strength(const pb_edit *e)
{
    double share = e && e->full ? (double)e->guidance.iterations / (double)e->full : NAN;

    return e && e->sides == PB_EDIT_BACKWARDS ? -share : share;
}

double pb_edit_change(const pb_edit *e, size_t d)
{
    double change = 0;

    if (!e || !e->pictures.data || d >= e->count)
        return NAN;
    for (size_t i = d * sides(e); i < (d + 1) * sides(e); i++)
        change = fmax(change, pb_change(size_of(e), e->pictures.data, end_of(e, i)));
    return change * 255 / 2;
}

double pb_edit_outside(const pb_edit *e, size_t d)
{
    double share = 0;

    if (!e || !e->outside || d >= e->count)
        return NAN;
    for (size_t i = d * sides(e); i < (d + 1) * sides(e); i++)
        share = fmax(share, e->outside[i]);
    return share;
}

/* -- settings ------------------------------------------------------------------------------------
 */

static double choose(double given, double recommended, double otherwise)
{
    return !isnan(given) ? given : !isnan(recommended) ? recommended : otherwise;
}

/* Iterations, strength, stages. */
static pb_status settle_length(pb_edit *e, const pb_edit_options *o, size_t full, pb_error *error)
{
    double strength = o->strength;
    size_t N, stages = o->stages ? o->stages : STAGES;

    if (isnan(strength))
        strength = o->iterations || !isnan(o->length) ? 1 : 0.5;
    if (!(strength >= 0 && strength <= 1))
        return pb_fail(error, PB_INVALID,
                       "strength %g: expected 0 to 1 (the side is an option of its own)", strength);
    e->full = full;
    if (e->full > MOST_ITERATIONS)
        return pb_fail(error, PB_INVALID, "%zu iterations: expected at most %d", e->full,
                       MOST_ITERATIONS);
    N = (size_t)lround(strength * (double)e->full);
    if (strength > 0 && N == 0)
        return pb_fail(error, PB_INVALID,
                       "strength %g: less than one of %zu iterations: expected %.2g or more (or 0, "
                       "the reconstruction)",
                       strength, e->full, 0.5 / (double)e->full);
    if (N && o->stages > N)
        return pb_fail(error, PB_INVALID,
                       "stages %zu: an edit of strength %g has %zu iterations: expected at most as "
                       "many",
                       o->stages, strength, N);
    e->guidance.iterations = N;
    e->stages = stages < N ? stages : N;
    e->length = isnan(o->length) ? e->guidance.step * e->guidance.scale * (double)N / 2
                                 : o->length * strength;
    return PB_OK;
}

/* Which, and with weights. */
static pb_status settle_directions(pb_edit *e, const pb_edit_options *o, pb_error *error)
{
    const int summed = o->count && o->weights;
    const size_t numbers = o->count ? o->count : 1;

    if (o->count && !o->direction)
        return pb_fail(error, PB_INVALID,
                       "an edit of %zu directions: expected their numbers, found NULL", o->count);
    e->direction = pb_calloc(numbers, sizeof *e->direction);
    e->weight = summed ? pb_calloc(numbers, sizeof *e->weight) : NULL;
    if (!e->direction || (summed && !e->weight))
        return pb_fail_memory(error, numbers * sizeof *e->direction, "directions");
    e->count = summed ? 1 : numbers;
    e->numbers = numbers;
    if (o->count)
        memcpy(e->direction, o->direction, numbers * sizeof *o->direction);
    for (size_t i = 0; summed && i < numbers; i++) {
        e->weight[i] = o->weights[i];
        if (!(fabs(e->weight[i]) <= MOST_WEIGHT))
            return pb_fail(error, PB_INVALID, "a weight of %g: expected %g to %g", e->weight[i],
                           -MOST_WEIGHT, MOST_WEIGHT);
    }
    return PB_OK;
}

pb_edit_options pb_session_edit_defaults(const pb_session *s, const pb_point *point,
                                         const pb_edit_options *o)
{
    const pb_recommended *r = &s->info->recommended;
    int latent = s->info->latent;
    size_t otherwise = latent && *pb_prompt_of(&point->prompts, PB_PROMPT_EDIT) ? 64 : 16;
    pb_edit_options all = *o;

    all.step = choose(o->step, r->step, 1);
    all.scale = choose(o->scale, r->scale, latent ? 1 : 0.1);
    all.boost = choose(o->boost, r->boost, latent ? 0 : 0.2);
    if (!all.iterations)
        all.iterations = r->iterations ? r->iterations : otherwise;
    return all;
}

static pb_status settle(pb_edit *e, const pb_session *s, const pb_point *point,
                        const pb_edit_options *o, pb_error *error)
{
    const pb_edit_options all = pb_session_edit_defaults(s, point, o);

    if (o->mode >= PB_EDIT_MODES || o->sides > PB_EDIT_BACKWARDS)
        return pb_fail(error, PB_INVALID, "an edit of mode %d, sides %d: there is none",
                       (int)o->mode, (int)o->sides);
    *e = (pb_edit){.mode = o->mode,
                   .sides = o->sides,
                   .guidance = {.step = all.step, .scale = all.scale},
                   .boost = all.boost,
                   .noise_seed = o->noise_seed,
                   .timestep = point->timestep,
                   .steps = point->steps};
    PB_TRY(settle_length(e, o, all.iterations, error));
    PB_TRY(pb_session_boosts(e->boost, error));
    PB_TRY(pb_session_on_grid(point, error));
    return settle_directions(e, o, error);
}

/* -- going ---------------------------------------------------------------------------------------
 */
/* One edit while it is made. */
typedef struct journey {
    const pb_edit_options *asked;
    pb_session *s;
    const pb_point *point;
    const pb_directions *directions;
    pb_edit *e;
    pb_pace_stage *stage; /* room for the stages */
    const pb_run *run;
} journey;

/* The weighted sum, at length 1, to one side. */
static pb_status add_up(const pb_edit *e, const pb_tensor *v, int side, float *to, pb_error *error)
{
    size_t size = pb_item_size(v);
    double squares = 0;

    for (int pass = 0; pass < 2; pass++) {
        double scale = pass ? (double)side / sqrt(squares) : 0;
        if (pass && !(squares > 1e-12))
            return pb_fail(error, PB_INVALID, "directions whose weighted sum is zero");
        for (size_t j = 0; j < size; j++) {
            double sum = 0;
            for (size_t i = 0; i < e->numbers; i++)
                sum += e->weight[i] * (double)v->data[e->direction[i] * size + j];
            if (pass)
                to[j] = (float)(scale * sum);
            else
                squares += sum * sum;
        }
    }
    return PB_OK;
}

/* The unit directions to go along: count times one side or both. *out is the caller's. */
static pb_status signed_directions(const pb_edit *e, const pb_tensor *v, float **out,
                                   pb_error *error)
{
    size_t size = pb_item_size(v);
    float *to = *out = pb_malloc(ways(e) * size, sizeof *to);

    if (!to)
        return pb_fail_memory(error, ways(e) * size * sizeof *to, "directions");
    for (size_t i = 0; i < ways(e); i++, to += size) {
        pb_edit_way way = pb_edit_way_of(e, i);
        if (e->weight)
            PB_TRY(add_up(e, v, way.side, to, error));
        else
            for (size_t j = 0; j < size; j++)
                to[j] = (float)way.side * v->data[way.direction * size + j];
    }
    return PB_OK;
}

/* Every direction and side on its own. */
static pb_status relinearise(const journey *j, const pb_edit *e, float *out, pb_error *error)
{
    const pb_basis *basis = &j->directions->basis;
    const pb_basis_options on_the_way = {.to = basis->to,
                                         .rank = basis->s.shape[0],
                                         .tolerance = basis->tolerance,
                                         .guided = basis->guided,
                                         .null_rank = -1};
    size_t size = pb_tensor_count(&j->point->x);
    pb_asked asked;
    pb_task task;

    PB_TRY(pb_session_ask(j->s, j->point, &on_the_way, &asked, j->run, error));
    for (size_t i = 0; i < ways(e); i++, out += e->stages * size) {
        pb_edit_way way = pb_edit_way_of(e, i);
        PB_TRY(pb_relinearise(j->s->model, &asked.request, basis, way.direction,
                              &(pb_relinearised){way.side * e->length, e->guidance.iterations},
                              e->stages, out, &e->share[i],
                              pb_task_begin(&task, "re-linearising", j->run), error));
    }
    return PB_OK;
}

static pb_status guide(const journey *j, const pb_edit *e, const float *directions, float *out,
                       pb_error *error)
{
    const pb_tensor *x = &j->point->x;
    pb_denoiser *editor;
    pb_status status;
    pb_task task;

    PB_TRY(pb_session_denoiser(j->s, &j->point->prompts, 1, x->shape[2], x->shape[3], &editor,
                               j->run, error));
    status = pb_guide(j->s->schedule, editor, e->timestep, pb_tensor_count(x), x->data, ways(e),
                      directions, &e->guidance, e->stages, out,
                      pb_task_begin(&task, "guiding", j->run), error);
    pb_denoiser_free(editor);
    return status;
}

static pb_status go(const journey *j, const pb_edit *e, float *out, pb_error *error)
{
    const pb_tensor *x = &j->point->x, *v = &j->directions->v;
    float *directions;
    pb_status status;

    if (e->mode == PB_EDIT_RELINEARISE)
        return relinearise(j, e, out, error);
    status = signed_directions(e, v, &directions, error);
    if (status == PB_OK)
        status = e->mode == PB_EDIT_GUIDANCE
                     ? guide(j, e, directions, out, error)
                     : pb_straight(pb_tensor_count(x), x->data, ways(e), directions, e->length,
                                   e->stages, out, error);
    pb_free(directions);
    return status;
}

/* -- what it did ---------------------------------------------------------------------------------
 */

/* Judges the stages of every direction and side as they are now, noisy images or decoded pictures:
 * what was not steady before stays as it was. */
static void judge(const journey *j, const pb_edit *e, const pb_pace_limits *limits)
{
    size_t size = size_of(e), stages = e->stages;

    for (size_t i = 0; i < ways(e); i++) {
        const float *at = e->pictures.data + (1 + i * stages) * size;
        for (size_t k = 0; k < stages; k++, at += size)
            j->stage[k] =
                (pb_pace_stage){.iterate = (size_t)pb_edit_iteration(e, (long)k + 1),
                                .change = pb_change(size, k ? at - size : e->pictures.data, at),
                                .distance = pb_change(size, e->pictures.data, at)};
        if (e->pace[i].kind == PB_PACE_STEADY)
            e->pace[i] = pb_pace_of(stages, j->stage, limits);
    }
}

static void measure_outside(pb_edit *e, const pb_tensor *mask)
{
    const size_t *shape = e->pictures.shape;

    for (size_t i = 0; e->outside && i < ways(e); i++)
        e->outside[i] =
            pb_outside(mask, shape[1], shape[2], shape[3], e->pictures.data, end_of(e, i));
}

/* One line for each direction: of the side that goes wrong first. */
static void warn(const pb_edit *e, const pb_run *run)
{
    for (size_t d = 0; d < e->count; d++) {
        const pb_pace *p = &e->pace[d * sides(e)], *other = p + sides(e) - 1;
        char *direction = pb_edit_name(e, d);
        const char *side, *less = e->mode == PB_EDIT_GUIDANCE ? "scale" : "length";

        if (other->kind != PB_PACE_STEADY && (p->kind == PB_PACE_STEADY || other->to < p->to))
            p = other;
        side = pb_edit_way_of(e, (size_t)(p - e->pace)).side < 0 ? "backwards" : "forwards";
        if (p->kind == PB_PACE_COLLAPSED)
            pb_run_warn(run,
                        "%s %s has come to its end: iterations %zu to %zu change %.2g times as "
                        "much as the first ones: a smaller strength shows as much",
                        direction ? direction : "a direction", side, p->from + 1, p->to, p->share);
        else if (p->kind == PB_PACE_EXPLODED)
            pb_run_warn(run,
                        "%s %s runs away: iterations %zu to %zu change %.2g times as much as the "
                        "first ones: try a smaller strength or edit %s",
                        direction ? direction : "a direction", side, p->from + 1, p->to, p->share,
                        less);
        else if (p->kind == PB_PACE_FAST)
            pb_run_warn(run,
                        "%s %s goes far and fast, iterations %zu to %zu by %.3g of 255 each: "
                        "where the picture is lost, try a smaller strength or edit %s",
                        direction ? direction : "a direction", side, p->from + 1, p->to,
                        p->rate * 255 / 2, less);
        pb_text_free(direction);
    }
}

/* -- all of it -----------------------------------------------------------------------------------
 */

/* Goes all the way, and judges it. One picture shows its end only: it is judged on the way. */
static pb_status travel(const journey *j, pb_error *error)
{
    const pb_tensor *x = &j->point->x;
    pb_edit *e = j->e, fine = *e;
    size_t size = pb_tensor_count(x), n = ways(e);
    pb_status status;

    fine.stages = JUDGED < e->guidance.iterations ? JUDGED : e->guidance.iterations;
    if (e->stages > 1 || fine.stages <= 1) {
        PB_TRY(go(j, e, e->pictures.data + size, error));
        judge(j, e, NULL);
        return PB_OK;
    }
    fine.pictures = PB_TENSOR_EMPTY;
    PB_TRY(pb_tensor_new(&fine.pictures, 2, (size_t[]){1 + n * fine.stages, size}, error));
    memcpy(fine.pictures.data, x->data, size * sizeof *x->data);
    status = go(j, &fine, fine.pictures.data + size, error);
    if (status == PB_OK)
        judge(j, &fine, NULL);
    for (size_t i = 0; status == PB_OK && i < n; i++)
        memcpy(e->pictures.data + (1 + i) * size, end_of(&fine, i), size * sizeof *x->data);
    pb_tensor_clear(&fine.pictures);
    return status;
}

/* A direction is followed from the basis of the point, of the map that is linearised on the way. */
static pb_status check_own(const pb_point *point, const pb_directions *d, pb_error *error)
{
    if (!d->own)
        return pb_fail(error, PB_INVALID,
                       "re-linearised edits need a basis of this very point, not directions that "
                       "were carried over");
    if (!pb_point_is(point, &d->basis))
        return pb_fail(error, PB_INVALID,
                       "re-linearised edits need a basis of this very point, under its prompts: "
                       "that of the directions is another's");
    return PB_OK;
}

static pb_status check(const pb_edit *e, const pb_session *s, const pb_point *point,
                       const pb_directions *d, pb_error *error)
{
    size_t images[4];

    PB_TRY(pb_session_has_image(s, point, error));
    memcpy(images, point->x.shape, sizeof images);
    images[0] = 0;
    PB_TRY(pb_shape_check(&d->v, 4, images, "directions", error));
    for (size_t i = 0; i < e->numbers; i++)
        if (e->direction[i] >= d->v.shape[0])
            return pb_fail(error, PB_INVALID, "direction %zu of 0 to %zu", e->direction[i],
                           d->v.shape[0] - 1);
    if (e->mode == PB_EDIT_RELINEARISE && e->weight)
        return pb_fail(error, PB_INVALID,
                       "re-linearised edits follow one direction, not a weighted sum of several");
    if (e->mode == PB_EDIT_RELINEARISE && point->mask.data)
        return pb_fail(error, PB_INVALID, "re-linearised edits take no mask");
    return e->mode == PB_EDIT_RELINEARISE ? check_own(point, d, error) : PB_OK;
}

/* Room for the results. */
static pb_status prepare(journey *j, pb_error *error)
{
    pb_edit *e = j->e;
    size_t n = ways(e), shape[4];
    int masked = j->point->mask.data != NULL, shared = e->mode == PB_EDIT_RELINEARISE;

    memcpy(shape, j->point->x.shape, sizeof shape);
    shape[0] = 1 + n * e->stages;
    PB_TRY(pb_tensor_new(&e->pictures, 4, shape, error));
    memcpy(e->pictures.data, j->point->x.data, pb_tensor_count(&j->point->x) * sizeof(float));
    if (!e->stages)
        return PB_OK;
    e->pace = pb_calloc(n, sizeof *e->pace);
    e->outside = masked ? pb_calloc(n, sizeof *e->outside) : NULL;
    e->share = shared ? pb_calloc(n, sizeof *e->share) : NULL;
    j->stage = pb_malloc(e->stages > JUDGED ? e->stages : JUDGED, sizeof *j->stage);
    return e->pace && (e->outside || !masked) && (e->share || !shared) && j->stage
               ? PB_OK
               : pb_fail_memory(error, n * sizeof *e->pace, "the pace of edits");
}

/* All pictures as the reconstruction where the edit is not to be shown. */
static pb_status blend(pb_edit *e, const pb_tensor *where, pb_error *error)
{
    const size_t *shape = e->pictures.shape, area = shape[2] * shape[3], size = size_of(e);
    const float *middle = e->pictures.data;

    PB_TRY(pb_mask_check(where, shape[2], shape[3], NULL, error));
    for (size_t i = 1; i < shape[0]; i++)
        for (size_t k = 0; k < size; k++) {
            float *p = &e->pictures.data[i * size + k], m = where->data[k % area];
            *p = m == 1 ? *p : middle[k] + m * (*p - middle[k]);
        }
    e->blended = 1;
    return PB_OK;
}

/* All stages down to pictures. */
static pb_status finish(const journey *j, pb_error *error)
{
    const pb_boost boost = {.t = j->e->boost, .seed = j->e->noise_seed};
    pb_tensor *images = &j->e->pictures, pictures = PB_TENSOR_EMPTY;

    PB_TRY(pb_session_move_by(j->s, &j->point->prompts, "decoding", images, j->e->steps,
                              j->point->grid, 0, j->asked->stride, &boost, j->run, error));
    if (!j->s->info->latent)
        return PB_OK;
    PB_TRY(pb_session_decode(j->s, images, &pictures, j->run, error));
    pb_tensor_clear(images);
    *images = pictures;
    return PB_OK;
}

static pb_status make(journey *j, pb_error *error)
{
    const pb_pace_limits limits = {.rate = FAST / (double)j->e->full, .distance = FAR};

    PB_TRY(check(j->e, j->s, j->point, j->directions, error));
    PB_TRY(prepare(j, error));
    if (j->e->stages)
        PB_TRY(travel(j, error));
    PB_TRY(finish(j, error));
    if (j->asked->blend)
        PB_TRY(blend(j->e, j->asked->blend, error));
    if (j->e->stages) {
        judge(j, j->e, &limits);
        measure_outside(j->e, &j->point->mask);
        warn(j->e, j->run);
    }
    return PB_OK;
}

pb_status pb_session_edit(pb_session *s, const pb_point *point, const pb_directions *directions,
                          const pb_edit_options *o, pb_edit *edit, const pb_run *run,
                          pb_error *error)
{
    const pb_edit_options defaults = PB_EDIT_DEFAULTS;
    journey j = {o ? o : &defaults, s, point, directions, edit, NULL, run};
    pb_status status;

    PB_NEED(s, "a session");
    PB_NEED(point, "a point");
    PB_NEED(directions, "directions");
    PB_NEED(edit, "a place for the edit");
    if (edit->pictures.data || edit->direction)
        return pb_fail(error, PB_INVALID, "a place for the edit: expected an empty one");
    PB_TRY(settle(edit, s, point, j.asked, error));
    status = make(&j, error);
    pb_free(j.stage);
    return status;
}
