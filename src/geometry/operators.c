/* Operators made of others: with weighted rows, on a complement, and sums. */
#include <pullback/operator.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "geometry/solver.h"

#define LARGEST ((size_t)1 << 28) /* rows or columns */

typedef struct made {
    pb_operator op; /* first: a pb_operator * is a made * */
    const pb_operator *of;
    float *weights; /* of rows, or NULL */
    float *vectors; /* `count` orthonormal ones, or NULL */
    size_t count;
    const pb_operator *with; /* of a sum: the other, or NULL */
    float scale, with_scale;
    float *room; /* a block of vectors */
    size_t width;
} made;

pb_status pb_operator_multiply(const pb_operator *op, int transpose, size_t k, const float *x,
                               size_t ldx, float *y, size_t ldy, pb_error *error)
{
    pb_error why = {.status = PB_OK};
    pb_status status =
        (transpose ? op->apply_transpose : op->apply)(op->context, k, x, ldx, y, ldy, &why);
    char what[80];

    if (status == PB_OK)
        return PB_OK;
    snprintf(what, sizeof what, "an operator of %zu x %zu", op->rows, op->cols);
    return pb_fail_theirs(error, status, &why, what);
}

/* y_j -= N N^T y_j */
static void project_out(const made *m, size_t k, float *y, size_t ldy)
{
    size_t n = m->of->cols;

    for (size_t j = 0; j < k; j++)
        for (size_t i = 0; i < m->count; i++) {
            const float *v = m->vectors + i * n;
            float *to = y + j * ldy;
            double product = 0;
            for (size_t l = 0; l < n; l++)
                product += (double)v[l] * (double)to[l];
            for (size_t l = 0; l < n; l++)
                to[l] -= (float)(product * (double)v[l]);
        }
}

static pb_status apply_block(made *m, size_t k, const float *x, size_t ldx, float *y, size_t ldy,
                             pb_error *error)
{
    size_t n = m->of->cols;

    if (m->vectors) {
        for (size_t j = 0; j < k; j++)
            memcpy(m->room + j * n, x + j * ldx, n * sizeof *x);
        project_out(m, k, m->room, n);
        x = m->room;
        ldx = n;
    }
    PB_TRY(pb_operator_multiply(m->of, 0, k, x, ldx, y, ldy, error));
    for (size_t j = 0; m->weights && j < k; j++)
        for (size_t i = 0; i < m->of->rows; i++)
            y[j * ldy + i] *= m->weights[i];
    return PB_OK;
}

static pb_status transpose_block(made *m, size_t k, const float *x, size_t ldx, float *y,
                                 size_t ldy, pb_error *error)
{
    size_t rows = m->of->rows;

    if (m->weights) {
        for (size_t j = 0; j < k; j++)
            for (size_t i = 0; i < rows; i++)
                m->room[j * rows + i] = m->weights[i] * x[j * ldx + i];
        x = m->room;
        ldx = rows;
    }
    PB_TRY(pb_operator_multiply(m->of, 1, k, x, ldx, y, ldy, error));
    if (m->vectors)
        project_out(m, k, y, ldy);
    return PB_OK;
}

/* The blocks of a sum, either way: y <- scale y + with_scale (the other's). */
static pb_status sum_block(made *m, int transpose, size_t k, const float *x, size_t ldx, float *y,
                           size_t ldy, pb_error *error)
{
    size_t length = transpose ? m->of->cols : m->of->rows;

    PB_TRY(pb_operator_multiply(m->of, transpose, k, x, ldx, y, ldy, error));
    PB_TRY(pb_operator_multiply(m->with, transpose, k, x, ldx, m->room, length, error));
    for (size_t j = 0; j < k; j++)
        for (size_t i = 0; i < length; i++)
            y[j * ldy + i] = m->scale * y[j * ldy + i] + m->with_scale * m->room[j * length + i];
    return PB_OK;
}

static pb_status multiply(made *m, int transpose, size_t k, const float *x, size_t ldx, float *y,
                          size_t ldy, pb_error *error)
{
    for (size_t done = 0; done < k; done += m->width) {
        size_t width = k - done < m->width ? k - done : m->width;
        const float *from = x + done * ldx;
        float *to = y + done * ldy;

        if (m->with)
            PB_TRY(sum_block(m, transpose, width, from, ldx, to, ldy, error));
        else
            PB_TRY(
                (transpose ? transpose_block : apply_block)(m, width, from, ldx, to, ldy, error));
    }
    return PB_OK;
}

static pb_status apply(void *context, size_t k, const float *x, size_t ldx, float *y, size_t ldy,
                       pb_error *error)
{
    return multiply(context, 0, k, x, ldx, y, ldy, error);
}

static pb_status apply_transpose(void *context, size_t k, const float *x, size_t ldx, float *y,
                                 size_t ldy, pb_error *error)
{
    return multiply(context, 1, k, x, ldx, y, ldy, error);
}

static float *copy(const float *from, size_t count)
{
    float *to = pb_malloc(count, sizeof *to);

    if (to)
        memcpy(to, from, count * sizeof *to);
    return to;
}

static pb_status make(pb_operator **out, const pb_operator *op, const float *weights, size_t count,
                      const float *vectors, pb_error *error)
{
    size_t longest = op->rows > op->cols ? op->rows : op->cols;
    made *m = pb_calloc(1, sizeof *m);

    if (!m)
        return pb_fail_memory(error, sizeof *m, "an operator");
    *m = (made){.op = *op, .of = op, .count = count};
    m->op.context = m;
    m->op.apply = apply;
    m->op.apply_transpose = apply_transpose;
    m->width = pb_least(op->block_preferred ? op->block_preferred : 8, longest);
    if (op->block_max && m->width > op->block_max)
        m->width = op->block_max;
    m->room = pb_malloc(m->width * longest, sizeof *m->room);
    m->weights = weights ? copy(weights, op->rows) : NULL;
    m->vectors = vectors ? copy(vectors, count * op->cols) : NULL;
    if (m->room && (m->weights || !weights) && (m->vectors || !vectors)) {
        *out = &m->op;
        return PB_OK;
    }
    pb_operator_free(&m->op);
    return pb_fail_memory(error, count * longest * sizeof(float), "an operator");
}

/* Has an operator what is needed of it? */
pb_status pb_operator_check(const pb_operator *op, pb_error *error)
{
    PB_NEED(op, "an operator");
    if (op->rows == 0 || op->cols == 0 || !op->apply || !op->apply_transpose)
        return pb_fail(error, PB_INVALID, "an operator of %zu x %zu%s", op->rows, op->cols,
                       op->apply && op->apply_transpose ? "" : " that cannot be applied");
    if (op->rows > LARGEST || op->cols > LARGEST)
        return pb_fail(error, PB_INVALID, "an operator of %zu x %zu is too large", op->rows,
                       op->cols);
    return PB_OK;
}

pb_status pb_operator_weigh(pb_operator **out, const pb_operator *op, size_t rows,
                            const float *weights, pb_error *error)
{
    PB_OUT(out, "the operator");
    PB_TRY(pb_operator_check(op, error));
    PB_NEED(weights, "weights");
    if (rows != op->rows)
        return pb_fail(error, PB_INVALID, "%zu weights for an operator of %zu x %zu", rows,
                       op->rows, op->cols);
    return make(out, op, weights, 0, NULL, error);
}

pb_status pb_operator_deflate(pb_operator **out, const pb_operator *op, size_t count, size_t cols,
                              const float *vectors, pb_error *error)
{
    PB_OUT(out, "the operator");
    PB_TRY(pb_operator_check(op, error));
    PB_NEED(vectors, "vectors");
    if (cols != op->cols || count > cols)
        return pb_fail(error, PB_INVALID, "%zu vectors of %zu for an operator of %zu x %zu", count,
                       cols, op->rows, op->cols);
    return make(out, op, NULL, count, vectors, error);
}

pb_status pb_operator_sum(pb_operator **out, double scale, const pb_operator *op,
                          double other_scale, const pb_operator *other, pb_error *error)
{
    made *m;

    PB_OUT(out, "the operator");
    PB_TRY(pb_operator_check(op, error));
    PB_TRY(pb_operator_check(other, error));
    if (!isfinite(scale) || !isfinite(other_scale))
        return pb_fail(error, PB_INVALID, "the sum of operators times %g and %g", scale,
                       other_scale);
    if (op->rows != other->rows || op->cols != other->cols)
        return pb_fail(error, PB_INVALID, "the sum of a %zu x %zu and a %zu x %zu operator",
                       op->rows, op->cols, other->rows, other->cols);
    PB_TRY(make(out, op, NULL, 0, NULL, error));
    m = (made *)*out;
    m->with = other;
    m->scale = (float)scale;
    m->with_scale = (float)other_scale;
    if (other->block_max && m->width > other->block_max)
        m->width = other->block_max;
    return PB_OK;
}

void pb_operator_free(pb_operator *op)
{
    made *m = (made *)op;

    if (!m)
        return;
    pb_free(m->weights);
    pb_free(m->vectors);
    pb_free(m->room);
    pb_free(m);
}
