/* Normalisations through the harness, at sizes that exercise their strips and chunks. */
#include <math.h>

#include "must.h"
#include "op_harness.h"
#include "op_parts.h"

/* -- group_norm ------------------------------------------------------------------------------ */

typedef struct norm_data {
    size_t groups;
    double eps;
    pb_activation activation;
    weight *gamma, *beta;
    bool modulated;
} norm_data;

static void norm_reference(const void *data, const pb_shape *in, pb_shape out,
                           const double *const *x, double *y)
{
    const norm_data *d = data;
    size_t c = out.c, rows = out.h * out.w, group = c / d->groups;

    (void)in;
    for (size_t g = 0; g < c; g += group) {
        double mean = 0, variance = 0, m = (double)(rows * group);
        for (size_t r = 0; r < rows; r++)
            for (size_t i = g; i < g + group; i++)
                mean += x[0][r * c + i] / m;
        for (size_t r = 0; r < rows; r++)
            for (size_t i = g; i < g + group; i++)
                variance += (x[0][r * c + i] - mean) * (x[0][r * c + i] - mean) / m;
        for (size_t r = 0; r < rows; r++)
            for (size_t i = g; i < g + group; i++) {
                double z = (x[0][r * c + i] - mean) / sqrt(variance + d->eps);
                z = (double)d->gamma->data[i] * z + (double)d->beta->data[i];
                if (d->modulated)
                    z = z * (1 + x[1][i]) + x[1][c + i];
                y[r * c + i] = activated(d->activation, z);
            }
    }
}

static void test_group_norm(void **state)
{
    static const struct {
        pb_shape in;
        size_t groups;
        pb_activation activation;
        bool modulated;
    } cases[] = {
        {{5, 7, 32}, 8, PB_ACT_SILU, false},
        {{72, 72, 8}, 4, PB_ACT_SILU, false}, /* several chunks of positions */
        {{4, 4, 96}, 32, PB_ACT_SILU, true},  /* groups of 3: strips of 63 channels */
        {{4, 4, 200}, 2, PB_ACT_SILU, false}, /* groups wider than a strip */
        {{3, 3, 160}, 1, PB_ACT_MISH, true},
        {{4, 4, 30}, 10, PB_ACT_GELU, false},
        {{4, 4, 64}, 32, PB_ACT_NONE, false},
    };
    static weight gamma, beta;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t channels = cases[i].in.c;
        norm_data data = {cases[i].groups, 1e-5,  cases[i].activation,
                          &gamma,          &beta, cases[i].modulated};
        op_case c = {.name = "group_norm",
                     .op = &pb_group_norm,
                     .inputs = cases[i].modulated ? 2 : 1,
                     .in = {cases[i].in, {1, 1, 2 * channels}},
                     .constant = {false, true},
                     .reference = norm_reference,
                     .data = &data,
                     .params =
                         &(pb_group_norm_params){channels, data.groups, data.eps, data.activation,
                                                 &gamma.stored, &beta.stored}};

        make_weight(&gamma, 1, &channels, 0.3, 1, 3);
        make_weight(&beta, 1, &channels, 0.3, 0, 4);
        check_op(&c);
    }
}

/* A mean far from zero must not spoil the variance. */
static void test_group_norm_offset(void **state)
{
    static weight gamma, beta;
    const size_t channels = 8, rows = 64;
    norm_data data = {2, 1e-5, PB_ACT_NONE, &gamma, &beta, false};
    op_case c = {.name = "group_norm",
                 .op = &pb_group_norm,
                 .params = &(pb_group_norm_params){channels, 2, 1e-5, PB_ACT_NONE, &gamma.stored,
                                                   &beta.stored},
                 .inputs = 1,
                 .in = {{8, 8, 8}}};
    float x[8 * 64], y[8 * 64];
    double in[8 * 64], expected[8 * 64];
    const double *ins[1] = {in};
    (void)state;
    make_weight(&gamma, 1, &channels, 0, 1, 3);
    make_weight(&beta, 1, &channels, 0, 0, 4);
    fill_random(x, channels * rows, 9);
    for (size_t i = 0; i < channels * rows; i++)
        in[i] = (double)(x[i] += 1000);
    norm_reference(&data, c.in, c.in[0], ins, expected);
    MUST(forward_op(&c, &(const float *){x}, y, error));
    for (size_t i = 0; i < channels * rows; i++)
        assert_true(fabs((double)y[i] - expected[i]) < 1e-5);
}

/* -- layer_norm ------------------------------------------------------------------------------- */

typedef struct layer_norm_data {
    weight gamma, beta;
} layer_norm_data;

static void layer_norm_reference(const void *data, const pb_shape *in, pb_shape out,
                                 const double *const *x, double *y)
{
    const layer_norm_data *d = data;
    size_t c = out.c;

    (void)in;
    for (size_t r = 0; r < out.h * out.w; r++) {
        double mean = 0, squares = 0;
        for (size_t i = 0; i < c; i++)
            mean += x[0][r * c + i] / (double)c;
        for (size_t i = 0; i < c; i++)
            squares += pow(x[0][r * c + i] - mean, 2) / (double)c;
        for (size_t i = 0; i < c; i++)
            y[r * c + i] =
                (x[0][r * c + i] - mean) / sqrt(squares + 1e-5) * (double)d->gamma.data[i] +
                (double)d->beta.data[i];
    }
}

static void test_layer_norm(void **state)
{
    static layer_norm_data data;
    static const pb_shape shapes[] = {{7, 5, 24}, {1, 1, 3}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        op_case c = {.name = "layer_norm",
                     .op = &pb_layer_norm,
                     .inputs = 1,
                     .in = {shapes[i]},
                     .reference = layer_norm_reference,
                     .data = &data,
                     .params = &(pb_layer_norm_params){shapes[i].c, 1e-5, &data.gamma.stored,
                                                       &data.beta.stored}};
        make_weight(&data.gamma, 1, &shapes[i].c, 0.5, 1, 7);
        make_weight(&data.beta, 1, &shapes[i].c, 1, 0, 8);
        check_op(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group_norm),
        cmocka_unit_test(test_group_norm_offset),
        cmocka_unit_test(test_layer_norm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
