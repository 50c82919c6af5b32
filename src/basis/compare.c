#include <pullback/compare.h>

#include <string.h>

#include "base/memory.h"
#include "base/run.h"
#include "base/shape.h"
#include "basis/agree.h"

void pb_comparison_options_init(pb_comparison_options *options)
{
    if (options)
        *options = PB_COMPARISON_DEFAULTS;
}

void pb_comparison_init(pb_comparison *comparison)
{
    if (comparison)
        *comparison = PB_COMPARISON_EMPTY;
}

void pb_comparison_clear(pb_comparison *c)
{
    if (!c)
        return;
    pb_free(c->h.distances);
    pb_free(c->h.angles);
    pb_free(c->x.distances);
    pb_free(c->x.angles);
    *c = PB_COMPARISON_EMPTY;
}

/* What is compared, on one side. */
typedef struct side {
    size_t count;
    const pb_basis *const *bases;
    const pb_comparison_options *options;
    int in_x;
    pb_work *work;     /* its steps are the bases */
    const pb_run *run; /* the caller's */
} side;

static const pb_tensor *vectors_of(const side *s, size_t i)
{
    return s->in_x ? &s->bases[i]->v : &s->bases[i]->u;
}

static const char *tap_of(const side *s, size_t i)
{
    return s->in_x ? s->bases[i]->from : s->bases[i]->to;
}

static pb_incomparable find_why(const side *s)
{
    for (size_t i = 1; i < s->count; i++)
        if (strcmp(tap_of(s, i), tap_of(s, 0)))
            return PB_OTHER_TAPS;
    for (size_t i = 0; i < s->count; i++)
        if (!vectors_of(s, i)->data)
            return PB_NO_DIRECTIONS;
    return PB_COMPARED;
}

/* Do all go together, and have as many directions as are asked for? *k: how many are compared. */
static pb_status check_side(const side *s, size_t *k, pb_error *error)
{
    const pb_basis_use use = s->in_x ? PB_FOR_COMPARING_X : PB_FOR_COMPARING_H;
    size_t rank = s->options->rank;

    *k = rank;
    for (size_t i = 0; i < s->count; i++) {
        const pb_basis *b = s->bases[i];
        const pb_tensor *t = vectors_of(s, i);
        PB_TRY(pb_shape_check(t, 4, (size_t[4]){0}, "a basis's directions", error));
        for (size_t j = 0; j < i; j++)
            PB_TRY(pb_bases_agree(s->bases[j], b, use, s->options->across_models, error));
        if (rank > t->shape[0])
            return pb_fail(error, PB_INVALID, "rank %zu: %s has %zu directions", rank,
                           b->file ? b->file : "a basis", t->shape[0]);
        if (rank == 0 && (i == 0 || t->shape[0] < *k))
            *k = t->shape[0];
    }
    return PB_OK;
}

/* Distances of the spans of each basis's leading directions, all room is there. */
static pb_status measure(pb_compared *c, const side *s, pb_space *spaces, pb_error *error)
{
    for (size_t i = 0; i < s->count; i++) {
        PB_TRY(pb_space_new(&spaces[i], c->n, c->k, vectors_of(s, i)->data, error));
        PB_TRY(pb_work_step(s->work, i + 1, error));
    }
    PB_TRY(pb_space_pairs(s->count, spaces, c->distances, c->angles, s->run, error));
    c->largest = pb_distances_largest(c->k);
    return pb_distances_random(&c->random, c->n, c->k, s->options->draws, s->options->seed, s->run,
                               error);
}

static pb_status compare_side(pb_compared *c, const side *s, pb_error *error)
{
    size_t pairs = s->count * s->count;
    pb_space *spaces;
    pb_status status;

    c->why = find_why(s);
    if (c->why != PB_COMPARED)
        return PB_OK;
    PB_TRY(check_side(s, &c->k, error));
    c->n = pb_item_size(vectors_of(s, 0));
    PB_TRY(pb_count_check(s->count, s->count, c->k, "a comparison of bases", error));
    spaces = pb_calloc(s->count, sizeof *spaces);
    c->distances = pb_calloc(pairs, sizeof *c->distances);
    c->angles = pb_calloc(pairs * c->k, sizeof *c->angles);
    status = spaces && c->distances && c->angles
                 ? measure(c, s, spaces, error)
                 : pb_fail_memory(error, pairs * c->k * sizeof *c->angles, "a comparison");
    for (size_t i = 0; spaces && i < s->count; i++)
        pb_space_clear(&spaces[i]);
    pb_free(spaces);
    return status;
}

static pb_status check(size_t count, const pb_basis *const *bases, pb_error *error)
{
    PB_TRY(pb_count_check(count, 1, 1, "a comparison of bases", error));
    if (count < 2 || !bases)
        return pb_fail(error, PB_INVALID, "a comparison of %zu bases: expected two or more",
                       bases ? count : 0);
    for (size_t i = 0; i < count; i++) {
        PB_NEED(bases[i], "every basis");
        PB_NEED(bases[i]->from, "a basis's tap that varies");
        PB_NEED(bases[i]->to, "a basis's tap observed");
    }
    return PB_OK;
}

static pb_status compare(pb_comparison *c, const side *in_h, pb_error *error)
{
    side in_x = *in_h;

    in_x.in_x = 1;
    c->count = in_h->count;
    PB_TRY(compare_side(&c->h, in_h, error));
    PB_TRY(compare_side(&c->x, &in_x, error));
    return c->h.why == PB_COMPARED || c->x.why == PB_COMPARED
               ? PB_OK
               : pb_fail(error, PB_INVALID,
                         "nothing to compare: no space, H or X, in which all bases have directions "
                         "at one tap");
}

pb_status pb_bases_compare(pb_comparison *comparison, size_t count, const pb_basis *const *bases,
                           const pb_comparison_options *options, const pb_run *run, pb_error *error)
{
    const pb_comparison_options defaults = PB_COMPARISON_DEFAULTS;
    pb_status status;
    pb_work work;

    PB_NEED(comparison, "a place for the comparison");
    PB_TRY(check(count, bases, error));
    PB_TRY(pb_work_begin(&work, run, "comparing", count, error));
    status = compare(comparison,
                     &(side){count, bases, options ? options : &defaults, 0, &work, run}, error);
    pb_work_end(&work);
    if (status != PB_OK)
        pb_comparison_clear(comparison);
    return status;
}
