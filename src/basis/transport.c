#include <pullback/transport.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"

static double dot(size_t n, const float *a, const float *b)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* out = sum_i weight_i (from_i . direction) to_i, of length 1; returns |from^T direction| /
 * |direction|, or 0 where nothing is left. out may be the direction. */
static double carry(size_t k, size_t from_size, const float *from, size_t to_size, const float *to,
                    const double *inverse, const float *direction, float *out, double *weights)
{
    double kept = 0, norm = 0, whole = sqrt(dot(from_size, direction, direction));

    for (size_t i = 0; i < k; i++) {
        double c = dot(from_size, from + i * from_size, direction);
        kept += c * c;
        weights[i] = c * (inverse ? inverse[i] : 1);
        norm += weights[i] * weights[i];
    }
    if (!(norm > 0) || !(whole > 0))
        return 0;
    for (size_t l = 0; l < to_size; l++) {
        double sum = 0;
        for (size_t i = 0; i < k; i++)
            sum += weights[i] * (double)to[i * to_size + l];
        out[l] = (float)sum;
    }
    norm = sqrt(dot(to_size, out, out)); /* the v_i may be orthonormal to rounding only */
    for (size_t l = 0; l < to_size; l++)
        out[l] = (float)((double)out[l] / norm);
    return sqrt(kept) / whole;
}

/* Carries `count` vectors from the span of `from` (k,…) to that of `to` (k,…). */
static pb_status carry_all(const pb_tensor *from, const pb_tensor *to, const double *inverse,
                           size_t count, const float *in, float *out, double *share,
                           pb_error *error)
{
    size_t k = to->shape[0], from_size = pb_item_size(from), to_size = pb_item_size(to);
    double *weights = pb_malloc(k, sizeof *weights);

    if (!weights)
        return pb_fail_memory(error, k * sizeof *weights, "a transport");
    for (size_t j = 0; j < count; j++) {
        double kept = carry(k, from_size, from->data, to_size, to->data, inverse,
                            in + j * from_size, out + j * to_size, weights);
        if (share)
            share[j] = kept;
        if (!(kept > 0)) {
            pb_free(weights);
            return pb_fail(error, PB_NUMERIC, "nothing of direction %zu survives", j);
        }
    }
    pb_free(weights);
    return PB_OK;
}

/* 1 / s_i; pb_free. */
static pb_status invert(double **inverse, const pb_tensor *s, pb_error *error)
{
    size_t k = s->shape[0];

    *inverse = pb_malloc(k, sizeof **inverse);
    if (!*inverse)
        return pb_fail_memory(error, k * sizeof **inverse, "a transport");
    for (size_t i = 0; i < k; i++) {
        (*inverse)[i] = 1 / (double)s->data[i];
        if (!isfinite((*inverse)[i]))
            return pb_fail(error, PB_NUMERIC,
                           "singular value %zu is 0: the pseudo-inverse needs all", i);
    }
    return PB_OK;
}

/* Do the target's u, v and s go together, and the directions with its u? */
static pb_status check(const pb_basis *onto, pb_transport_form form, const pb_tensor *u,
                       pb_error *error)
{
    const size_t any[4] = {0};
    size_t like[4];

    if (form != PB_TRANSPORT_PROJECTION && form != PB_TRANSPORT_INVERSE)
        return pb_fail(error, PB_INVALID, "transport form %d is not known", (int)form);
    PB_TRY(pb_shape_check(&onto->u, 4, any, "the u of the basis carried to", error));
    memcpy(like, any, sizeof like);
    like[0] = onto->u.shape[0];
    PB_TRY(pb_shape_check(&onto->v, 4, like, "the v of the basis carried to", error));
    if (form == PB_TRANSPORT_INVERSE)
        PB_TRY(pb_shape_check(&onto->s, 1, like, "the s of the basis carried to", error));
    memcpy(like, onto->u.shape, sizeof like);
    like[0] = 0;
    return pb_shape_check(u, 4, like, "the directions that are carried", error);
}

pb_status pb_transport(const pb_basis *from, const pb_basis *onto, pb_transport_form form,
                       const pb_tensor *u, pb_tensor *v, double *share, pb_error *error)
{
    double *inverse = NULL;
    pb_status status = PB_OK;
    size_t shape[4];

    PB_NEED(onto, "a basis");
    PB_NEED(v, "a tensor for v");
    if (from)
        PB_TRY(pb_bases_compatible(from, onto, PB_FOR_TRANSPORT, error));
    if (from && !u)
        u = &from->u;
    PB_TRY(check(onto, form, u, error));
    memcpy(shape, onto->v.shape, sizeof shape);
    shape[0] = u->shape[0];
    if (form == PB_TRANSPORT_INVERSE)
        status = invert(&inverse, &onto->s, error);
    if (status == PB_OK)
        status = pb_tensor_new(v, 4, shape, error);
    if (status == PB_OK) {
        status =
            carry_all(&onto->u, &onto->v, inverse, u->shape[0], u->data, v->data, share, error);
        if (status != PB_OK)
            pb_tensor_clear(v);
    }
    pb_free(inverse);
    return status;
}

pb_status pb_project(const pb_basis *from, const pb_basis *onto, pb_tensor *v, double *share,
                     pb_error *error)
{
    size_t like[4] = {0};

    PB_NEED(onto, "a basis");
    if (from)
        PB_TRY(pb_bases_compatible(from, onto, PB_FOR_EDITING, error));
    PB_TRY(pb_shape_check(&onto->v, 4, like, "the v of the basis projected on", error));
    memcpy(like + 1, onto->v.shape + 1, 3 * sizeof *like);
    PB_TRY(pb_shape_check(v, 4, like, "the directions that are projected", error));
    return carry_all(&onto->v, &onto->v, NULL, v->shape[0], v->data, v->data, share, error);
}
