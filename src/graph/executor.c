#include "graph/executor.h"

#include <omp.h>
#include <string.h>

#include "base/memory.h"
#include "base/order.h"

/* Plans kept: widths of blocks and a few remainders, in both directions and precisions. */
#define KEPT 16

/* Tangents that go through the network together: wide enough for the kernels to run at their best
 * rate, narrow enough for activations to stay near the processor. */
#define PREFERRED_BLOCK 8

typedef struct prepared {
    pb_plan *plan;
    pb_pass pass;
    pb_plan_kind kind;
    size_t n;
    size_t used; /* when it was last used */
} prepared;

struct pb_executor {
    pb_section *section;
    prepared kept[KEPT];
    size_t clock;
    pb_memory *arena; /* for any plan so far */
    size_t arena_bytes;
    float *staging;   /* of what is reordered on its way in or out */
    size_t staged;    /* floats */
    pb_memory *saved; /* NULL: not linearised */
    size_t block;
};

pb_status pb_executor_new(pb_executor **out, pb_section *section, size_t memory, pb_error *error)
{
    size_t inputs = section->graph->inputs;
    pb_executor *e = pb_calloc(1, sizeof *e);
    pb_status status = PB_OK;

    if (!e)
        status = pb_fail_memory(error, sizeof *e, "running a network");
    else if (inputs > PB_GRAPH_INPUTS)
        status = pb_fail(error, PB_INTERNAL, "a graph of %zu inputs", inputs);
    if (status != PB_OK) {
        pb_section_free(section);
        pb_free(e);
        return status;
    }
    *e = (pb_executor){.section = section};
    section->memory = memory;
    *out = e;
    return PB_OK;
}

/* Memory of the device. */
static pb_memory *get(const pb_executor *e, size_t bytes)
{
    return e->section->device->backend->alloc(e->section->device, bytes);
}

static void drop(const pb_executor *e, pb_memory **memory)
{
    if (*memory)
        e->section->device->backend->free(e->section->device, *memory);
    *memory = NULL;
}

void pb_executor_free(pb_executor *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < KEPT; i++)
        pb_plan_free(e->kept[i].plan);
    drop(e, &e->arena);
    drop(e, &e->saved);
    pb_section_free(e->section);
    pb_free(e->staging);
    pb_free(e);
}

const pb_section *pb_executor_section(const pb_executor *e)
{
    return e->section;
}

size_t pb_executor_block(const pb_executor *e)
{
    return e->block;
}

size_t pb_executor_arena(const pb_executor *e)
{
    return e->arena_bytes;
}

static size_t item_size(const pb_executor *e, pb_value value)
{
    return pb_shape_size(e->section->shapes[value]);
}

/* -- plans ----------------------------------------------------------------------------------- */

static pb_status grow_arena(pb_executor *e, size_t bytes, pb_error *error)
{
    if (bytes <= e->arena_bytes)
        return PB_OK;
    drop(e, &e->arena);
    e->arena_bytes = 0;
    e->arena = get(e, bytes);
    if (!e->arena)
        return pb_fail_memory(error, bytes, "running a network");
    e->arena_bytes = bytes;
    return PB_OK;
}

/* The first `floats` of the staging. */
static pb_status stage(float **out, pb_executor *e, size_t floats, pb_error *error)
{
    *out = NULL;
    if (floats > e->staged) {
        pb_free(e->staging);
        e->staged = 0;
        e->staging = pb_malloc(floats, sizeof *e->staging);
        if (!e->staging)
            return pb_fail_memory(error, floats * sizeof *e->staging, "what a network reads");
        e->staged = floats;
    }
    *out = e->staging;
    return PB_OK;
}

pb_status pb_executor_plan(pb_plan **out, pb_executor *e, pb_pass pass, pb_plan_kind kind, size_t n,
                           const pb_stop *stop, pb_error *error)
{
    prepared *oldest = &e->kept[0];
    pb_plan *plan;

    for (size_t i = 0; i < KEPT; i++) {
        prepared *p = &e->kept[i];
        if (p->plan && p->pass == pass && p->kind == kind && p->n == n &&
            pb_plan_threads(p->plan) == omp_get_max_threads()) {
            p->used = ++e->clock;
            *out = p->plan;
            return PB_OK;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    PB_TRY(pb_plan_new(&plan, e->section, pass, n, kind, stop, error));
    pb_plan_free(oldest->plan);
    *oldest = (prepared){plan, pass, kind, n, ++e->clock};
    *out = plan;
    return PB_OK;
}

pb_status pb_executor_run(pb_executor *e, const pb_plan *plan, const float *const *in,
                          float *const *out, const pb_stop *stop, pb_error *error)
{
    PB_TRY(grow_arena(e, pb_plan_arena(plan), error));
    return pb_plan_run(plan, e->arena, e->saved, in, out, stop, error);
}

/* -- forward --------------------------------------------------------------------------------- */

/* The most points that fit into the memory: a plan for one says what a point costs. */
static pb_status batch_limit(size_t *limit, pb_executor *e, const pb_stop *stop, pb_error *error)
{
    pb_plan *one;
    size_t each;

    PB_TRY(pb_executor_plan(&one, e, PB_FORWARD, PB_PLAN_PLAIN, 1, stop, error));
    each = pb_plan_arena(one);
    *limit = each && e->section->memory / each > 1 ? e->section->memory / each : 1;
    return PB_OK;
}

/* Items of an input among n points. */
static size_t items(const pb_executor *e, size_t input, size_t n)
{
    return (pb_value)input == e->section->from ? n : 1;
}

/* Floats that n points take while they are reordered. */
static size_t staged_size(const pb_executor *e, size_t n, const pb_feed *feeds, bool chw)
{
    const pb_section *s = e->section;
    size_t size = 0;

    for (size_t i = 0; i < s->graph->inputs; i++)
        if (feeds[i].chw)
            size += items(e, i, n) * item_size(e, (pb_value)i);
    for (size_t i = 0; chw && i < s->target_count; i++)
        size += n * item_size(e, s->targets[i]);
    return size;
}

/* The inputs as a plan reads them, for n points from number `done` on; returns what is left of the
 * staging. */
static float *take_in(const pb_executor *e, size_t n, const pb_feed *feeds, size_t done,
                      float *staging, const float **in)
{
    for (size_t i = 0; i < e->section->graph->inputs; i++) {
        pb_shape shape = e->section->shapes[i];
        size_t count = items(e, i, n), size = pb_shape_size(shape);
        const float *data = feeds[i].data;
        if (data && (pb_value)i == e->section->from)
            data += done * size;
        in[i] = data;
        if (!feeds[i].chw || !data)
            continue;
        pb_to_hwc(staging, data, count, shape.c, shape.h, shape.w);
        in[i] = staging;
        staging += count * size;
    }
    return staging;
}

/* n points, from number `done` on, through one plan. */
static pb_status run_batch(pb_executor *e, const pb_plan *plan, size_t n, const pb_feed *feeds,
                           bool chw, size_t done, float *const *out, float **places,
                           const pb_stop *stop, pb_error *error)
{
    const pb_section *s = e->section;
    const float *in[PB_GRAPH_INPUTS];
    float *staging;

    PB_TRY(stage(&staging, e, staged_size(e, n, feeds, chw), error));
    staging = take_in(e, n, feeds, done, staging, in);
    for (size_t i = 0; i < s->target_count; i++) {
        size_t size = item_size(e, s->targets[i]);
        places[i] = chw ? staging : out[i] + done * size;
        staging += chw ? n * size : 0;
    }
    PB_TRY(pb_executor_run(e, plan, in, places, stop, error));
    for (size_t i = 0; chw && i < s->target_count; i++) {
        pb_shape shape = s->shapes[s->targets[i]];
        pb_to_chw(out[i] + done * pb_shape_size(shape), places[i], n, shape.c, shape.h, shape.w);
    }
    return PB_OK;
}

pb_status pb_executor_forward(pb_executor *e, size_t n, const pb_feed *feeds, bool chw,
                              float *const *out, const pb_stop *stop, pb_error *error)
{
    float **places = pb_malloc(e->section->target_count, sizeof *places);
    pb_status status;
    size_t limit;

    if (!places)
        return pb_fail_memory(error, e->section->target_count * sizeof *places, "targets");
    status = batch_limit(&limit, e, stop, error);
    for (size_t done = 0; status == PB_OK && done < n; done += limit) {
        size_t batch = n - done < limit ? n - done : limit;
        pb_plan *plan;
        status = pb_executor_plan(&plan, e, PB_FORWARD, PB_PLAN_PLAIN, batch, stop, error);
        if (status == PB_OK)
            status = run_batch(e, plan, batch, feeds, chw, done, out, places, stop, error);
    }
    pb_free(places);
    return status;
}

/* -- linear passes --------------------------------------------------------------------------- */

/* Adds what passes of one vector more need. */
static pb_status widen(pb_executor_needs *needs, const pb_executor *e, pb_error *error)
{
    const pb_section *s = e->section;
    size_t down, up;

    needs->block++;
    needs->packed_bytes = pb_section_packed(s, needs->block);
    PB_TRY(pb_plan_estimate(&down, s, PB_JVP, needs->block, PB_PLAN_PLAIN, error));
    PB_TRY(pb_plan_estimate(&up, s, PB_VJP, needs->block, PB_PLAN_PLAIN, error));
    up = up > down ? up : down;
    needs->arena_bytes = up > needs->arena_bytes ? up : needs->arena_bytes;
    return PB_OK;
}

pb_status pb_executor_estimate(pb_executor_needs *needs, const pb_executor *e, pb_error *error)
{
    const pb_section *s = e->section;
    pb_executor_needs wider = {.saved_bytes = s->saved_bytes};

    PB_TRY(pb_plan_estimate(&wider.arena_bytes, s, PB_FORWARD, 1, PB_PLAN_SAVING, error));
    do {
        *needs = wider;
        if (needs->block == PREFERRED_BLOCK)
            break;
        PB_TRY(widen(&wider, e, error));
    } while (wider.block == 1 ||
             wider.saved_bytes + wider.packed_bytes + wider.arena_bytes <= s->memory);
    return PB_OK;
}

pb_status pb_executor_linearise(pb_executor *e, const pb_feed *feeds, float *value,
                                const pb_stop *stop, pb_error *error)
{
    size_t bytes = e->section->saved_bytes;
    pb_executor_needs needs;
    pb_status status;
    pb_plan *plan; /* of use for this point only */
    float *place;

    if (!e->saved)
        e->saved = get(e, bytes);
    if (!e->saved)
        return pb_fail_memory(error, bytes, "the state of a linearisation");
    PB_TRY(pb_executor_estimate(&needs, e, error));
    e->block = needs.block;
    PB_TRY(pb_plan_new(&plan, e->section, PB_FORWARD, 1, PB_PLAN_SAVING, stop, error));
    status = run_batch(e, plan, 1, feeds, false, 0, &value, &place, stop, error);
    pb_plan_free(plan);
    return status;
}

/* One block of k vectors; what has gaps is put together in the staging. */
static pb_status apply_block(pb_executor *e, pb_pass pass, pb_plan_kind kind, size_t k,
                             const float *x, size_t ldx, float *y, size_t ldy, const pb_stop *stop,
                             pb_error *error)
{
    size_t first = item_size(e, e->section->from), last = item_size(e, e->section->targets[0]);
    size_t in = pass == PB_JVP ? first : last, out = pass == PB_JVP ? last : first;
    float *from, *to;
    pb_plan *plan;

    PB_TRY(pb_executor_plan(&plan, e, pass, kind, k, stop, error));
    PB_TRY(stage(&from, e, (ldx == in ? 0 : k * in) + (ldy == out ? 0 : k * out), error));
    to = ldy == out ? y : from + (ldx == in ? 0 : k * in);
    for (size_t j = 0; ldx != in && j < k; j++)
        memcpy(from + j * in, x + j * ldx, in * sizeof *x);
    PB_TRY(pb_executor_run(e, plan, &(const float *){ldx == in ? x : from}, &to, stop, error));
    for (size_t j = 0; to != y && j < k; j++)
        memcpy(y + j * ldy, to + j * out, out * sizeof *y);
    return PB_OK;
}

pb_status pb_executor_apply(pb_executor *e, pb_pass pass, pb_plan_kind kind, size_t k,
                            const float *x, size_t ldx, float *y, size_t ldy, const pb_stop *stop,
                            pb_error *error)
{
    for (size_t done = 0; done < k; done += e->block) {
        size_t width = k - done < e->block ? k - done : e->block;
        PB_TRY(apply_block(e, pass, kind, width, x + done * ldx, ldx, y + done * ldy, ldy, stop,
                           error));
    }
    return PB_OK;
}
