/* Embeddings: of a time, of numbers of rows, of positions. */
#include <math.h>
#include <string.h>

#include "must.h"
#include "op_harness.h"
#include "op_parts.h"

static void test_time_embedding(void **state)
{
    const float time = 421.5f;
    float y[7];

    (void)state;
    for (int flip = 0; flip < 2; flip++) {
        const op_case c = {.name = "time_embedding",
                           .op = &pb_time_embedding,
                           .params = &(pb_time_embedding_params){7, flip, 1},
                           .inputs = 1,
                           .in = {{1, 1, 1}}};
        MUST(forward_op(&c, &(const float *){&time}, y, error));
        for (size_t i = 0; i < 3; i++) {
            double angle = (double)time * exp(-log(10000) * (double)i / (3 - 1));
            assert_true(fabs((double)y[flip ? 3 + i : i] - sin(angle)) < 1e-4);
            assert_true(fabs((double)y[flip ? i : 3 + i] - cos(angle)) < 1e-4);
        }
        assert_true(y[6] == 0.0f); /* an odd width is padded */
    }
}

/* Of several numbers, on every backend, each is as it is alone. */
static void test_times(void **state)
{
    const float times[3] = {0, 512, 64};
    const pb_time_embedding_params params = {6, true, 0};
    op_case c = {.name = "time_embedding",
                 .op = &pb_time_embedding,
                 .params = &params,
                 .inputs = 1,
                 .constant = {true},
                 .in = {{1, 1, 3}}};
    float y[18], one[6];

    (void)state;
    MUST(forward_op(&c, &(const float *){times}, y, error));
    c.in[0].c = 1;
    for (size_t i = 0; i < 3; i++) {
        MUST(forward_op(&c, &(const float *){&times[i]}, one, error));
        assert_memory_equal(y + 6 * i, one, sizeof one);
    }
    assert_true(y[0] == 1 && y[3] == 0); /* cosines first */
}

static void test_lookup(void **state)
{
    static weight table;
    const size_t shape[2] = {5, 3};
    float index[2] = {4, 1}, y[6];
    pb_error why = {0};
    const float *x = index;
    const op_case c = {.name = "lookup",
                       .op = &pb_lookup,
                       .params = &(pb_table_params){5, 3, &table.stored},
                       .inputs = 1,
                       .in = {{2, 1, 1}}};

    (void)state;
    make_weight(&table, 2, shape, 1, 0, 5);
    MUST(forward_op(&c, &x, y, error));
    assert_memory_equal(y, table.data + 12, 3 * sizeof *y);
    assert_memory_equal(y + 3, table.data + 3, 3 * sizeof *y);
    index[1] = 5;
    assert_int_equal(forward_op(&c, &x, y, &why), PB_INVALID);
    assert_non_null(strstr(why.message, "w: row 5: expected 0 to 4"));
    index[1] = NAN;
    assert_int_equal(forward_op(&c, &x, y, &why), PB_INVALID);
}

static void add_table_reference(const void *data, const pb_shape *in, pb_shape out,
                                const double *const *x, double *y)
{
    const weight *table = data;

    (void)in;
    for (size_t i = 0; i < pb_shape_size(out); i++)
        y[i] = x[0][i] + (double)table->data[i];
}

static void test_add_table(void **state)
{
    static weight table;
    const size_t shape[2] = {9, 5};
    op_case c = {.name = "add_table",
                 .op = &pb_add_table,
                 .inputs = 1,
                 .in = {{7, 1, 5}},
                 .reference = add_table_reference,
                 .data = &table,
                 .params = &(pb_table_params){9, 5, &table.stored}};

    (void)state;
    make_weight(&table, 2, shape, 1, 0, 6);
    check_op(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_embedding),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_add_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
