/* Distances of many spaces. */
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "base/run.h"
#include "base/shape.h"
#include "geometry/space.h"

typedef struct pairs {
    size_t count, k;
    const pb_space *spaces;
    pb_distances *distances;
    double *angles;
} pairs;

static pb_status check(size_t count, const pb_space *spaces, pb_error *error)
{
    if (count == 0)
        return pb_fail(error, PB_INVALID, "pairs of no spaces");
    PB_NEED(spaces, "spaces");
    for (size_t i = 0; i < count; i++) {
        PB_TRY(pb_space_check(&spaces[i], error));
        if (spaces[i].n != spaces->n || spaces[i].k != spaces->k)
            return pb_fail(error, PB_INVALID,
                           "space %zu of dimension %zu of R^%zu, the first of %zu of R^%zu", i,
                           spaces[i].k, spaces[i].n, spaces->k, spaces->n);
    }
    return pb_count_check(count, count, spaces->k, "pairs of spaces", error);
}

/* One pair, into both of its places. */
static pb_status measure(const pairs *p, size_t a, size_t b, pb_error *error)
{
    size_t k = p->k, to = a * p->count + b, back = b * p->count + a;
    double *angles = pb_malloc(k, sizeof *angles);
    pb_status status = angles ? PB_OK : pb_fail_memory(error, k * sizeof *angles, "angles");

    if (status == PB_OK)
        status = pb_space_angles(&p->spaces[a], &p->spaces[b], angles, error);
    if (status == PB_OK && p->distances)
        p->distances[to] = p->distances[back] = pb_distances_of(k, angles);
    if (status == PB_OK && p->angles) {
        memcpy(p->angles + to * k, angles, k * sizeof *angles);
        memcpy(p->angles + back * k, angles, k * sizeof *angles);
    }
    pb_free(angles);
    return status;
}

/* Space a and those behind it, a thread each: the matrices of one pair are so small that threads
 * within it mostly wait for each other. */
static pb_status measure_from(const pairs *p, size_t a, pb_error *error)
{
    size_t k = p->k, own = a * p->count + a;
    atomic_flag told = ATOMIC_FLAG_INIT; /* the first failure is everybody's */
    pb_status status = PB_OK;

    if (p->distances)
        p->distances[own] = (pb_distances){0, 0, 0, 0};
    for (size_t i = 0; p->angles && i < k; i++)
        p->angles[own * k + i] = 0;
#pragma omp parallel for schedule(dynamic) if (p->count - a > 2)
    for (size_t b = a + 1; b < p->count; b++) {
        pb_error wrong;
        pb_status found = measure(p, a, b, &wrong);

        if (found != PB_OK && !atomic_flag_test_and_set(&told)) {
            status = found;
            if (error)
                *error = wrong;
        }
    }
    return status;
}

pb_status pb_space_pairs(size_t count, const pb_space *spaces, pb_distances *distances,
                         double *angles, const pb_run *run, pb_error *error)
{
    pairs p = {.count = count, .spaces = spaces, .distances = distances, .angles = angles};
    pb_status status = PB_OK;
    pb_work work;

    PB_TRY(check(count, spaces, error));
    p.k = spaces->k;
    PB_TRY(pb_work_begin(&work, run, "distances", count, error));
    for (size_t a = 0; status == PB_OK && a < count; a++) {
        status = measure_from(&p, a, error);
        if (status == PB_OK)
            status = pb_work_step(&work, a + 1, error);
    }
    pb_work_end(&work);
    return status;
}
