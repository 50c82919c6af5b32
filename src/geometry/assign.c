#include "geometry/assign.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

/* Rows and columns count from 1, 0 stands for none. */
typedef struct assignment {
    size_t k;
    const double *gain;
    double *row, *column; /* potentials */
    double *slack;        /* of each column, over the rows of the tree */
    size_t *owner, *way;  /* a column's row; the column before it on the path */
    bool *used;
} assignment;

/* Grows a tree of tight edges from `row` until it reaches a free column; returns it. */
static size_t grow(assignment *a, size_t row)
{
    size_t at = 0;

    a->owner[0] = row;
    for (size_t j = 0; j <= a->k; j++) {
        a->slack[j] = INFINITY;
        a->used[j] = false;
    }
    do {
        size_t i = a->owner[at], next = 0;
        double least = INFINITY;

        a->used[at] = true;
        for (size_t j = 1; j <= a->k; j++) {
            double cost;
            if (a->used[j])
                continue;
            cost = -a->gain[(i - 1) * a->k + j - 1] - a->row[i] - a->column[j];
            if (cost < a->slack[j]) {
                a->slack[j] = cost;
                a->way[j] = at;
            }
            if (a->slack[j] < least) {
                least = a->slack[j];
                next = j;
            }
        }
        for (size_t j = 0; j <= a->k; j++)
            if (a->used[j]) {
                a->row[a->owner[j]] += least;
                a->column[j] -= least;
            } else
                a->slack[j] -= least;
        at = next;
    } while (a->owner[at] != 0);
    return at;
}

pb_status pb_assign(size_t k, const double *gain, size_t *match, pb_error *error)
{
    for (size_t i = 0; i < k * k; i++)
        if (!isfinite(gain[i])) /* a tree of such edges would never reach a column */
            return pb_fail(error, PB_NUMERIC, "a matching of numbers that are not finite");
    assignment a = {.k = k,
                    .gain = gain,
                    .row = pb_calloc(k + 1, sizeof(double)),
                    .column = pb_calloc(k + 1, sizeof(double)),
                    .slack = pb_calloc(k + 1, sizeof(double)),
                    .owner = pb_calloc(k + 1, sizeof(size_t)),
                    .way = pb_calloc(k + 1, sizeof(size_t)),
                    .used = pb_calloc(k + 1, sizeof(bool))};
    pb_status status = PB_OK;

    if (!a.row || !a.column || !a.slack || !a.owner || !a.way || !a.used)
        status = pb_fail_memory(error, (k + 1) * 6 * sizeof(double), "an assignment");
    for (size_t i = 1; status == PB_OK && i <= k; i++)
        for (size_t at = grow(&a, i); at; at = a.way[at])
            a.owner[at] = a.owner[a.way[at]];
    for (size_t j = 1; status == PB_OK && j <= k; j++)
        match[a.owner[j] - 1] = j - 1;
    pb_free(a.row);
    pb_free(a.column);
    pb_free(a.slack);
    pb_free(a.owner);
    pb_free(a.way);
    pb_free(a.used);
    return status;
}
