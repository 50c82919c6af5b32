#include <pullback/transport.h>

#include <math.h>

#include "base/memory.h"

static size_t entries(const pb_tensor *vectors)
{
    return pb_tensor_count(vectors) / vectors->shape[0];
}

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

static pb_status carry_all(const pb_basis *onto, const pb_tensor *from, const double *inverse,
                           size_t count, const float *in, float *out, double *share,
                           pb_error *error)
{
    size_t k = onto->v.rank ? onto->v.shape[0] : 0, from_size, to_size;
    double *weights;

    if (k == 0 || from->rank == 0)
        return pb_fail(error, PB_INVALID, "this basis has no %s", k ? "u" : "v");
    from_size = entries(from);
    to_size = entries(&onto->v);
    weights = pb_malloc(k, sizeof *weights);
    if (!weights)
        return pb_fail_memory(error, k * sizeof *weights, "a transport");
    for (size_t j = 0; j < count; j++) {
        double kept = carry(k, from_size, from->data, to_size, onto->v.data, inverse,
                            in + j * from_size, out + j * to_size, weights);
        if (share)
            share[j] = kept;
        if (kept == 0) {
            pb_free(weights);
            return pb_fail(error, PB_NUMERIC, "nothing of direction %zu survives", j);
        }
    }
    pb_free(weights);
    return PB_OK;
}

pb_status pb_transport(const pb_basis *onto, pb_transport_form form, size_t count, const float *u,
                       float *v, double *share, pb_error *error)
{
    size_t k = onto->s.rank ? onto->s.shape[0] : 0;
    double *inverse = NULL;
    pb_status status = PB_OK;

    if (form == PB_TRANSPORT_INVERSE) {
        inverse = pb_malloc(k, sizeof *inverse);
        if (!inverse)
            return pb_fail_memory(error, k * sizeof *inverse, "a transport");
        for (size_t i = 0; status == PB_OK && i < k; i++) {
            inverse[i] = 1 / (double)onto->s.data[i];
            if (!isfinite(inverse[i]))
                status = pb_fail(error, PB_NUMERIC,
                                 "singular value %zu is 0: the pseudo-inverse needs all", i);
        }
    }
    if (status == PB_OK)
        status = carry_all(onto, &onto->u, inverse, count, u, v, share, error);
    pb_free(inverse);
    return status;
}

pb_status pb_project(const pb_basis *onto, size_t count, float *v, double *share, pb_error *error)
{
    return carry_all(onto, &onto->v, NULL, count, v, v, share, error);
}
