#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "basis/check.h"

/* What of a direction's square may lie outside of the basis's span: rounding. */
#define OUTSIDE_MOST 1e-3

/* sum_i c_i x_i of k items. */
static pb_status add_up(pb_tensor *to, const pb_tensor *x, const double *c, pb_error *error)
{
    size_t shape[4], size = pb_item_size(x);

    memcpy(shape, x->shape, sizeof shape);
    shape[0] = 1;
    PB_TRY(pb_tensor_new(to, 4, shape, error));
    for (size_t j = 0; j < size; j++) {
        double sum = 0;
        for (size_t i = 0; i < x->shape[0]; i++)
            sum += c[i] * (double)x->data[i * size + j];
        to->data[j] = (float)sum;
    }
    return PB_OK;
}

static pb_status one(pb_tensor *to, double value, pb_error *error)
{
    PB_TRY(pb_tensor_new(to, 1, (size_t[]){1}, error));
    to->data[0] = (float)value;
    return PB_OK;
}

/* c_i = v_i . v, at length 1. */
static pb_status project(const pb_basis *b, const pb_tensor *v, double *c, pb_error *error)
{
    size_t size = pb_item_size(&b->v), k = b->v.shape[0];
    double squares = 0, all = 0;

    for (size_t j = 0; j < size; j++)
        all += (double)v->data[j] * (double)v->data[j];
    for (size_t i = 0; i < k; i++) {
        c[i] = 0;
        for (size_t j = 0; j < size; j++)
            c[i] += (double)b->v.data[i * size + j] * (double)v->data[j];
        squares += c[i] * c[i];
    }
    if (!(squares >= (1 - OUTSIDE_MOST) * all && squares > 0))
        return pb_fail(error, PB_INVALID,
                       "a direction that is no sum of the basis's: a share of %.3g of it is",
                       all > 0 ? squares / all : 0);
    for (size_t i = 0; i < k; i++)
        c[i] /= sqrt(squares);
    return PB_OK;
}

/* The arrays of the one direction. c: the coefficients, which become those of u. */
static pb_status fill(pb_basis *to, const pb_basis *b, double *c, pb_error *error)
{
    size_t k = b->v.shape[0];
    double s = 0, residual = 0;

    PB_TRY(add_up(&to->v, &b->v, c, error));
    for (size_t i = 0; i < k; i++)
        s += pow(c[i] * (double)b->s.data[i], 2);
    s = sqrt(s);
    if (!(s > 0))
        return pb_fail(error, PB_INVALID, "a direction that changes nothing");
    for (size_t i = 0; i < k; i++)
        residual += pow(c[i] * (pow((double)b->s.data[i], 2) / s - s) / s, 2);
    for (size_t i = 0; i < k; i++)
        c[i] *= (double)b->s.data[i] / s;
    PB_TRY(add_up(&to->u, &b->u, c, error));
    PB_TRY(one(&to->s, s, error));
    PB_TRY(one(&to->residual, sqrt(residual), error));
    PB_TRY(one(&to->angle_bound, k > 1 ? M_PI / 2 : (double)b->angle_bound.data[0], error));
    to->converged = sqrt(residual) <= b->tolerance;
    return PB_OK;
}

pb_status pb_basis_along(pb_basis *to, const pb_basis *b, const pb_tensor *v, pb_error *error)
{
    double *c;
    pb_status status;

    PB_NEED(to, "a place for the basis");
    PB_NEED(b, "a basis");
    if (b->samples || !b->u.data || !b->v.data || !b->s.data)
        return pb_fail(error, PB_INVALID, "a direction of a mean, or of half a basis");
    PB_TRY(pb_shape_check_one(v, 3, b->v.shape + 1, "a direction", error));
    c = pb_calloc(b->v.shape[0], sizeof *c);
    if (!c)
        return pb_fail_memory(error, b->v.shape[0] * sizeof *c, "a direction");
    status = project(b, v, c, error);
    if (status == PB_OK)
        status = pb_basis_copy(to, b, error);
    if (status == PB_OK) {
        pb_tensor_clear(&to->u);
        pb_tensor_clear(&to->s);
        pb_tensor_clear(&to->v);
        pb_tensor_clear(&to->residual);
        pb_tensor_clear(&to->angle_bound);
        status = fill(to, b, c, error);
    }
    pb_free(c);
    return status;
}
