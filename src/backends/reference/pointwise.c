/* Operations on one entry after the other. */
#include <math.h>

#include "backends/reference/item.h"

/* -- activations ------------------------------------------------------------------------------- */

double pb_reference_activation(pb_activation kind, double x, double *slope)
{
    double s, e, t;

    switch (kind) {
    case PB_ACT_SILU:
    case PB_ACT_QUICK_GELU:
        t = kind == PB_ACT_SILU ? 1 : 1.702;
        s = 1 / (1 + exp(-t * x));
        *slope = s + t * x * s * (1 - s);
        return x * s;
    case PB_ACT_MISH:
        t = tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)));
        *slope = t + x * (1 - t * t) / (1 + exp(-x));
        return x * t;
    case PB_ACT_GELU:
        s = erfc(-x / sqrt(2)) / 2;
        e = exp(-x * x / 2) / sqrt(2 * acos(-1));
        *slope = s + x * e;
        return x * s;
    case PB_ACT_RELU:
        *slope = x > 0;
        return x > 0 ? x : 0;
    case PB_ACT_NONE:
        break;
    }
    *slope = 1;
    return x;
}

static double act(const pb_reference_item *it, size_t i, double *slope)
{
    return pb_reference_activation(((const pb_activate_params *)it->params)->activation,
                                   it->at[0][i], slope);
}

static pb_status activate_value(const pb_reference_item *it, pb_error *error)
{
    double slope;

    (void)error;
    for (size_t i = 0; i < pb_shape_size(it->out); i++)
        it->y[i] = act(it, i, &slope);
    return PB_OK;
}

static void activate_tangent(const pb_reference_item *it)
{
    double slope;

    for (size_t i = 0; i < pb_shape_size(it->out); i++) {
        act(it, i, &slope);
        it->y[i] = slope * it->x[0][i];
    }
}

static void activate_cotangent(const pb_reference_item *it)
{
    double slope;

    for (size_t i = 0; i < pb_shape_size(it->out); i++) {
        act(it, i, &slope);
        it->dx[0][i] += slope * it->dy[i];
    }
}

static const pb_reference_op activate = {
    .forward = activate_value, .jvp = activate_tangent, .vjp = activate_cotangent};
PB_REFERENCE_KERNEL(activate, pb_reference_saved);

/* -- a gate: y = a gelu(b) --------------------------------------------------------------------- */

/* Of entry i of the output: where a is, b being out.c behind it; a, gelu(b) and gelu'(b). */
static size_t gate_at(const pb_reference_item *it, size_t i, double *a, double *gelu, double *slope)
{
    size_t at = i / it->out.c * it->in[0].c + i % it->out.c;

    *a = it->at[0][at];
    *gelu = pb_reference_activation(PB_ACT_GELU, it->at[0][at + it->out.c], slope);
    return at;
}

static pb_status gate_value(const pb_reference_item *it, pb_error *error)
{
    double a, gelu, slope;

    (void)error;
    for (size_t i = 0; i < pb_shape_size(it->out); i++) {
        gate_at(it, i, &a, &gelu, &slope);
        it->y[i] = a * gelu;
    }
    return PB_OK;
}

static void gate_tangent(const pb_reference_item *it)
{
    double a, gelu, slope;

    for (size_t i = 0; i < pb_shape_size(it->out); i++) {
        size_t at = gate_at(it, i, &a, &gelu, &slope);
        it->y[i] = gelu * it->x[0][at] + a * slope * it->x[0][at + it->out.c];
    }
}

static void gate_cotangent(const pb_reference_item *it)
{
    double a, gelu, slope;

    for (size_t i = 0; i < pb_shape_size(it->out); i++) {
        size_t at = gate_at(it, i, &a, &gelu, &slope);
        it->dx[0][at] += gelu * it->dy[i];
        it->dx[0][at + it->out.c] += a * slope * it->dy[i];
    }
}

static const pb_reference_op gate = {
    .forward = gate_value, .jvp = gate_tangent, .vjp = gate_cotangent};
PB_REFERENCE_KERNEL(gate, pb_reference_saved);

/* -- sums: y = scale (x_0 + x_1) + shift; x_1 may be one vector for all positions ----------------
 */

static void sum(const pb_reference_item *it, double scale, const double *const *x)
{
    for (size_t k = 0; k < it->inputs; k++)
        for (size_t i = 0; x[k] && i < pb_shape_size(it->out); i++)
            it->y[i] += scale * x[k][i % pb_shape_size(it->in[k])];
}

static void sum_cotangent(const pb_reference_item *it, double scale)
{
    for (size_t k = 0; k < it->inputs; k++)
        for (size_t i = 0; it->dx[k] && i < pb_shape_size(it->out); i++)
            it->dx[k][i % pb_shape_size(it->in[k])] += scale * it->dy[i];
}

static void begin(const pb_reference_item *it, double value)
{
    for (size_t i = 0; i < pb_shape_size(it->out); i++)
        it->y[i] = value;
}

static pb_status add_value(const pb_reference_item *it, pb_error *error)
{
    (void)error;
    begin(it, 0);
    sum(it, ((const pb_add_params *)it->params)->scale, it->at);
    return PB_OK;
}

static void add_tangent(const pb_reference_item *it)
{
    sum(it, ((const pb_add_params *)it->params)->scale, it->x);
}

static void add_cotangent(const pb_reference_item *it)
{
    sum_cotangent(it, ((const pb_add_params *)it->params)->scale);
}

static const pb_reference_op add = {
    .linear = true, .forward = add_value, .jvp = add_tangent, .vjp = add_cotangent};
PB_REFERENCE_KERNEL(add, NULL);

static pb_status affine_value(const pb_reference_item *it, pb_error *error)
{
    const pb_affine_params *p = it->params;

    (void)error;
    begin(it, p->shift);
    sum(it, p->scale, it->at);
    return PB_OK;
}

static void affine_tangent(const pb_reference_item *it)
{
    sum(it, ((const pb_affine_params *)it->params)->scale, it->x);
}

static void affine_cotangent(const pb_reference_item *it)
{
    sum_cotangent(it, ((const pb_affine_params *)it->params)->scale);
}

static const pb_reference_op affine = {
    .linear = true, .forward = affine_value, .jvp = affine_tangent, .vjp = affine_cotangent};
PB_REFERENCE_KERNEL(affine, NULL);

static void plain_tangent(const pb_reference_item *it)
{
    sum(it, 1, it->x);
}

static void plain_cotangent(const pb_reference_item *it)
{
    sum_cotangent(it, 1);
}

static pb_status add_vector_value(const pb_reference_item *it, pb_error *error)
{
    (void)error;
    begin(it, 0);
    sum(it, 1, it->at);
    return PB_OK;
}

static const pb_reference_op add_vector = {
    .linear = true, .forward = add_vector_value, .jvp = plain_tangent, .vjp = plain_cotangent};
PB_REFERENCE_KERNEL(add_vector, NULL);

static void table_weights(const void *params, const pb_stored *list[2])
{
    list[0] = ((const pb_table_params *)params)->table;
}

static pb_status add_table_value(const pb_reference_item *it, pb_error *error)
{
    (void)error;
    for (size_t i = 0; i < pb_shape_size(it->out); i++)
        it->y[i] = it->at[0][i] + (double)it->weight[0][i];
    return PB_OK;
}

static const pb_reference_op add_table = {.linear = true,
                                          .weights = table_weights,
                                          .forward = add_table_value,
                                          .jvp = plain_tangent,
                                          .vjp = plain_cotangent};
PB_REFERENCE_KERNEL(add_table, NULL);
