#include "io/addition.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector.h"
#include "io/json.h"
#include "io/weights_inside.h"

/* -- weights with something added -------------------------------------------------------------- */

static pb_status share_sources(pb_weights *w, size_t count, pb_weights *const *sources,
                               pb_error *error)
{
    w->sources = pb_calloc(count, sizeof *w->sources);
    if (!w->sources)
        return pb_fail_memory(error, count * sizeof *w->sources, "a list of files");
    for (; w->source_count < count; w->source_count++)
        w->sources[w->source_count] = pb_weights_share(sources[w->source_count]);
    return PB_OK;
}

/* The additions one behind the other, those to the same tensor together and in order. */
static void distribute(pb_weights *w, const pb_weights *from, size_t count, const pb_added *added)
{
    pb_addition *next = w->additions;

    for (size_t i = 0; i < count; i++)
        w->tensors[added[i].to - from->tensors].added_count++;
    for (size_t i = 0; i < w->count; i++) {
        w->tensors[i].added = next;
        next += w->tensors[i].added_count;
        w->tensors[i].added_count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        pb_stored *t = &w->tensors[added[i].to - from->tensors];
        w->additions[t->added - w->additions + (ptrdiff_t)t->added_count++] = added[i].addition;
    }
}

pb_status pb_weights_add(pb_weights **out, pb_weights *from, size_t count, const pb_added *added,
                         size_t source_count, pb_weights *const *sources, pb_error *error)
{
    pb_weights *w = pb_calloc(1, sizeof *w);
    pb_status status;

    *out = NULL;
    if (!w)
        return pb_fail_memory(error, sizeof *w, "weights");
    w->owners = 1;
    w->from = pb_weights_share(from);
    w->additions = pb_calloc(count, sizeof *w->additions);
    w->tensors = pb_malloc(from->count, sizeof *w->tensors);
    status =
        w->additions && w->tensors
            ? share_sources(w, source_count, sources, error)
            : pb_fail_memory(error, count * sizeof *w->additions + from->count * sizeof *w->tensors,
                             "a list of tensors");
    if (status != PB_OK) {
        pb_weights_free(w);
        return status;
    }
    w->count = from->count;
    memcpy(w->tensors, from->tensors, from->count * sizeof *w->tensors);
    distribute(w, from, count, added);
    *out = w;
    return PB_OK;
}

/* -- reading ---------------------------------------------------------------------------------- */

/* `count` entries from number `first` on, as a new array. */
static pb_status load(float **out, const pb_stored *t, size_t first, size_t count, pb_error *error)
{
    float *values = pb_malloc(count, sizeof *values);
    pb_status status = values ? pb_stored_read_some(t, first, count, values, error)
                              : pb_fail_memory(error, count * sizeof *values, t->name);

    for (size_t i = 0; status == PB_OK && i < count; i++)
        if (!isfinite(values[i]))
            status = pb_fail(error, PB_FORMAT, "%s: tensor %s: entry %zu is not a finite number",
                             t->file, pb_quote(t->name).text, first + i);
    if (status != PB_OK) {
        pb_free(values);
        values = NULL;
    }
    *out = values;
    return status;
}

/* y += s x */
PB_VECTOR static void add_row(size_t count, float s, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] += s * x[i];
}

/* Columns whose sums stay in registers, and rows that go through them one behind the other while
 * what D has there is near. */
#define BLOCK 64
#define ROWS 16

/* y += scale u D: one row, of `count` columns, BLOCK at most; those of D (rank, count) begin
 * `stride` apart. */
PB_VECTOR static void add_products(size_t rank, const float *restrict u, const float *restrict d,
                                   size_t stride, size_t count, float scale, float *restrict y)
{
    float sum[BLOCK] = {0};

    for (size_t r = 0; count == BLOCK && r < rank; r++)
        for (size_t i = 0; i < BLOCK; i++)
            sum[i] += u[r] * d[r * stride + i];
    for (size_t r = 0; count < BLOCK && r < rank; r++)
        for (size_t i = 0; i < count; i++)
            sum[i] += u[r] * d[r * stride + i];
    for (size_t i = 0; i < count; i++)
        y[i] += scale * sum[i];
}

/* M and D multiplied: (rank, columns) as a new array. */
static pb_status load_between(float **out, const pb_addition *a, size_t rank, size_t columns,
                              pb_error *error)
{
    const size_t inner = a->down->shape[0], positions = a->mid->count / (rank * inner);
    const size_t channels = columns / positions;
    float *mid = NULL, *down = NULL, *both;
    pb_status status;
    size_t count;

    *out = NULL;
    both = pb_mul_overflows(rank, columns, &count) ? NULL : pb_calloc(count, sizeof *both);
    status = both ? load(&mid, a->mid, 0, a->mid->count, error)
                  : pb_fail_memory(error, rank * columns * sizeof *both, a->mid->name);

    if (status == PB_OK)
        status = load(&down, a->down, 0, a->down->count, error);
    for (size_t r = 0; status == PB_OK && r < rank; r++)
        for (size_t b = 0; b < inner; b++)
            for (size_t i = 0; i < channels; i++)
                add_row(positions, down[b * channels + i], mid + (r * inner + b) * positions,
                        both + r * columns + i * positions);
    pb_free(mid);
    pb_free(down);
    if (status != PB_OK) {
        pb_free(both);
        both = NULL;
    }
    *out = both;
    return status;
}

/* Adds to entries first, first + 1 … those that lie in `rows` rows of `columns`, the first of which
 * begins with entry `begin`. */
static void add_rows(const pb_addition *a, const float *up, const float *down, size_t columns,
                     size_t begin, size_t rows, size_t first, size_t count, float *out)
{
    const size_t rank = a->up->count / a->up->shape[0];

    for (size_t c = 0; c < columns; c += BLOCK)
        for (size_t i = 0; i < rows; i++) {
            const size_t row = begin + i * columns,
                         last = c + BLOCK < columns ? c + BLOCK : columns;
            const size_t from = row + c > first ? row + c : first;
            const size_t end = first + count < row + last ? first + count : row + last;
            if (from < end)
                add_products(rank, up + i * rank, down + (from - row), columns, end - from,
                             a->scale, out + (from - first));
        }
}

/* Products of so many numbers are worth several threads. */
#define MANY ((size_t)1 << 20)

static pb_status add_product(const pb_addition *a, size_t columns, size_t first, size_t count,
                             float *out, pb_error *error)
{
    const size_t rank = a->up->count / a->up->shape[0];
    const size_t top = first / columns, rows = (first + count - 1) / columns + 1 - top;
    float *up = NULL, *down = NULL;
    pb_status status = load(&up, a->up, top * rank, rows * rank, error);

    if (status == PB_OK)
        status = a->mid ? load_between(&down, a, rank, columns, error)
                        : load(&down, a->down, 0, a->down->count, error);
    if (status == PB_OK) {
#pragma omp parallel for if (count * rank > MANY)
        for (size_t i = 0; i < rows; i += ROWS)
            add_rows(a, up + i * rank, down, columns, (top + i) * columns,
                     rows - i < ROWS ? rows - i : ROWS, first, count, out);
    }
    pb_free(up);
    pb_free(down);
    return status;
}

static pb_status add_whole(const pb_addition *a, size_t first, size_t count, float *out,
                           pb_error *error)
{
    float *values;

    PB_TRY(load(&values, a->down, first, count, error));
    add_row(count, a->scale, values, out);
    pb_free(values);
    return PB_OK;
}

pb_status pb_additions_apply(const pb_stored *stored, size_t first, size_t count, float *out,
                             pb_error *error)
{
    for (size_t i = 0; i < stored->added_count; i++) {
        const pb_addition *a = &stored->added[i];
        if (a->scale == 0)
            continue;
        PB_TRY(a->up ? add_product(a, stored->count / stored->shape[0], first, count, out, error)
                     : add_whole(a, first, count, out, error));
    }
    return PB_OK;
}
