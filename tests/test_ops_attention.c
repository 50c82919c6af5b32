/* Attention through the harness, at sizes that exercise its tiles. */
#include <math.h>

#include "base/memory.h"
#include "must.h"
#include "op_harness.h"

typedef struct attention_data {
    pb_shape q, kv;
    size_t heads;
    bool causal;
} attention_data;

static void attention_reference(const void *data, const pb_shape *in, pb_shape out,
                                const double *const *x, double *y)
{
    const attention_data *a = data;
    size_t heads = a->heads, c = out.c, d = c / heads;
    size_t n = in[0].h * in[0].w, m = in[1].h * in[1].w;
    double *p = pb_malloc(m, sizeof *p);

    assert_non_null(p);
    for (size_t h = 0; h < heads; h++)
        for (size_t r = 0; r < n; r++) {
            double top = -INFINITY, sum = 0;
            for (size_t s = 0; s < m; s++) {
                if (a->causal && s > r) {
                    p[s] = -INFINITY;
                    continue;
                }
                p[s] = 0;
                for (size_t i = h * d; i < (h + 1) * d; i++)
                    p[s] += x[0][r * c + i] * x[1][s * c + i] / sqrt((double)d);
                top = fmax(top, p[s]);
            }
            for (size_t s = 0; s < m; s++)
                sum += p[s] = exp(p[s] - top);
            for (size_t i = h * d; i < (h + 1) * d; i++) {
                y[r * c + i] = 0;
                for (size_t s = 0; s < m; s++)
                    y[r * c + i] += p[s] / sum * x[2][s * c + i];
            }
        }
    pb_free(p);
}

static void test_attention(void **state)
{
    static const attention_data cases[] = {
        {{8, 8, 16}, {8, 8, 16}, 1, false},
        {{10, 9, 24}, {10, 9, 24}, 3, false},  /* a tile that is not full */
        {{5, 5, 16}, {1, 77, 16}, 2, false},   /* cross-attention */
        {{33, 33, 4}, {1, 1000, 4}, 1, false}, /* too large for P to be kept */
        {{77, 1, 16}, {77, 1, 16}, 2, true},   /* text */
        {{1030, 1, 4}, {1030, 1, 4}, 1, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_case c = {.name = "attention",
                     .op = &pb_attention,
                     .inputs = 3,
                     .in = {cases[i].q, cases[i].kv, cases[i].kv},
                     .reference = attention_reference,
                     .data = &cases[i],
                     .params = &(pb_attention_params){cases[i].heads, cases[i].causal}};
        if (cases[i].kv.h * cases[i].kv.w < 1000)
            check_op(&c);
        else /* sizes at which the backend "cpu" works differently */
            check_op_on(&c, "cpu");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
