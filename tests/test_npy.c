/* .npy files: NumPy's own, ours, and hostile ones. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pullback/tensor.h>

#include "inject.h"
#include "scratch.h"

#define GOLDEN PB_SOURCE_DIR "/tests/golden/io/"

/* Files written by NumPy: arange(6).reshape(2, 3) / 7 in float32. */
static void test_numpy(void **state)
{
    static const char *const paths[] = {GOLDEN "f4.npy", GOLDEN "version2.npy",
                                        GOLDEN "version3.npy"};
    pb_tensor t = PB_TENSOR_EMPTY;

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(pb_npy_read(&t, paths[k], NULL), PB_OK);
        assert_int_equal(t.rank, 2);
        assert_int_equal(t.shape[0], 2);
        assert_int_equal(t.shape[1], 3);
        for (int i = 0; i < 6; i++)
            assert_true(t.data[i] == (float)i / 7.0f);
        pb_tensor_clear(&t);
    }
    /* The first two columns, times 3, in float64. */
    assert_int_equal(pb_npy_read(&t, GOLDEN "f8.npy", NULL), PB_OK);
    assert_int_equal(t.rank, 2);
    assert_int_equal(t.shape[1], 2);
    assert_true(t.data[3] == (float)((double)(4.0f / 7.0f) * 3));
    pb_tensor_clear(&t);
    assert_int_equal(pb_npy_read(&t, GOLDEN "scalar.npy", NULL), PB_OK);
    assert_int_equal(t.rank, 0);
    assert_true(t.data[0] == 2.5f);
    pb_tensor_clear(&t);
}

static void test_round_trip(void **state)
{
    static const size_t shapes[][PB_MAX_RANK] = {
        {0}, {5}, {3, 4}, {2, 0, 3}, {1, 2, 1, 2, 1, 2, 1, 2}, {1, 1, 1, 1, 1, 1, 1, 100000}};
    static const size_t ranks[] = {0, 1, 2, 3, 8, 8};

    (void)state;
    for (size_t k = 0; k < sizeof ranks / sizeof *ranks; k++) {
        pb_tensor a = PB_TENSOR_EMPTY, b = PB_TENSOR_EMPTY;
        unsigned char *bytes;
        size_t n, count;

        assert_int_equal(pb_tensor_new(&a, ranks[k], shapes[k], NULL), PB_OK);
        count = pb_tensor_count(&a);
        for (size_t i = 0; i < count; i++)
            a.data[i] = (float)i * -0.37f;
        if (count > 2) {
            a.data[0] = FLT_TRUE_MIN;
            a.data[1] = -0.0f;
            a.data[2] = FLT_MAX;
        }
        assert_int_equal(pb_npy_write(&a, scratch_path(&here, "a.npy").text, NULL), PB_OK);
        bytes = scratch_read(&here, "a.npy", &n);
        assert_int_equal((n - 4 * count) % 64, 0); /* NumPy aligns the data so */
        assert_int_equal(bytes[n - 4 * count - 1], '\n');
        free(bytes);
        assert_int_equal(pb_npy_read(&b, scratch_path(&here, "a.npy").text, NULL), PB_OK);
        assert_int_equal(b.rank, ranks[k]);
        for (size_t i = 0; i < b.rank; i++)
            assert_int_equal(b.shape[i], a.shape[i]);
        assert_memory_equal(a.data, b.data, 4 * count);
        pb_tensor_clear(&a);
        pb_tensor_clear(&b);
    }
}

/* Writes a file of a header, as version says, and data; reads it. */
static pb_status read_built(pb_tensor *t, int version, const char *header, const void *data,
                            size_t size, pb_error *error)
{
    unsigned char bytes[1024] = "\x93NUMPY";
    size_t length = strlen(header), n = 8;

    bytes[6] = (unsigned char)version;
    for (int i = 0; i < (version == 1 ? 2 : 4); i++)
        bytes[n++] = (unsigned char)(length >> 8 * i);
    memcpy(bytes + n, header, length);
    memcpy(bytes + n + length, data, size);
    scratch_write(&here, "built.npy", bytes, n + length + size);
    return pb_npy_read(t, scratch_path(&here, "built.npy").text, error);
}

/* Spellings of the header that mean the same. */
static void test_spellings(void **state)
{
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n",
        "{'shape':(2,),'fortran_order':False,'descr':'<f4'}",
        " { \"descr\" : \"<f4\" , \"fortran_order\" : False , \"shape\" : ( 2 , ) } \n",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }",
    };
    const float values[] = {1, 2};

    (void)state;
    for (size_t k = 0; k < sizeof headers / sizeof *headers; k++) {
        pb_tensor t = PB_TENSOR_EMPTY;
        pb_error error = {.message = ""};
        if (read_built(&t, 1 + (int)k % 3, headers[k], values, sizeof values, &error))
            fail_msg("%s", error.message);
        assert_int_equal(t.rank, 1);
        assert_int_equal(t.shape[0], 2);
        assert_true(t.data[1] == 2);
        pb_tensor_clear(&t);
    }
}

#define HEADER(descr, shape) "{'descr': " descr ", 'fortran_order': False, 'shape': " shape ", }\n"

static const struct hostile {
    const char *header;
    size_t size; /* zero bytes of data */
    pb_status status;
    const char *piece;
} hostile[] = {
    {"", 0, PB_FORMAT, "expected '{', found its end"},
    {"[1]", 0, PB_FORMAT, "expected '{'"},
    {"{", 0, PB_FORMAT, "expected a key"},
    {"{'descr", 0, PB_FORMAT, "expected a key"},
    {"{'descr'", 0, PB_FORMAT, "expected ':'"},
    {"{'descr':", 0, PB_FORMAT, "expected a dtype in quotes, found its end"},
    {"{'descr': '<f4'", 0, PB_FORMAT, "',' or '}'"},
    {"{'descr': '<f4' 'shape': (1,)}", 0, PB_FORMAT, "',' or '}'"},
    {"{'descr': '<f4', 'shape': (1,)}", 4, PB_FORMAT, "expected fortran_order"},
    {"{'descr': '<f4', 'fortran_order': False}", 4, PB_FORMAT, "expected shape"},
    {"{'shape': (1,), 'fortran_order': False}", 4, PB_FORMAT, "expected descr"},
    {"{'descr': '<f4', 'descr': '<f4'}", 4, PB_FORMAT, "once each, found \"descr\""},
    {"{'colour': 'red'}", 4, PB_FORMAT, "found \"colour\""},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 4, PB_FORMAT, "True or False"},
    {HEADER("'<f4'", "(1,)") "x", 4, PB_FORMAT, "expected its end"},
    {HEADER("'<f4'", "1"), 4, PB_FORMAT, "shape in parentheses"},
    {HEADER("'<f4'", "(1)"), 4, PB_FORMAT, "a tuple"},
    {HEADER("'<f4'", "(1 2)"), 4, PB_FORMAT, "',' or ')'"},
    {HEADER("'<f4'", "(-1,)"), 4, PB_FORMAT, "a dimension"},
    {HEADER("'<f4'", "(1.5,)"), 4, PB_FORMAT, "',' or ')'"},
    {HEADER("'<f4'", "(18446744073709551616,)"), 4, PB_FORMAT, "2^64"},
    {HEADER("'<f4'", "(99999999999999999999999999,)"), 4, PB_FORMAT, "2^64"},
    {HEADER("'<f4'", "(4294967296,4294967296)"), 4, PB_FORMAT, "fewer than 2^64"},
    {HEADER("'<f4'", "(4611686018427387905,)"), 4, PB_FORMAT, "found 4 bytes of data"},
    {HEADER("'<f4'", "(1000000000000,)"), 4, PB_FORMAT, "expected 1000000000000 entries"},
    {HEADER("'<f4'", "(1,1,1,1,1,1,1,1,1)"), 4, PB_UNSUPPORTED, "at most 8 dimensions"},
    {HEADER("'<f4'", "(2,)"), 4, PB_FORMAT, "expected 2 entries of 4 bytes, found 4 bytes"},
    {HEADER("'<f4'", "(2,)"), 9, PB_FORMAT, "found 9 bytes"},
    {HEADER("'<f8'", "(2,)"), 8, PB_FORMAT, "expected 2 entries of 8 bytes"},
    {HEADER("'>f4'", "(1,)"), 4, PB_UNSUPPORTED, "\">f4\" (big-endian)"},
    {HEADER("'>f8'", "(1,)"), 8, PB_UNSUPPORTED, "\">f8\" (big-endian)"},
    {HEADER("'<f2'", "(1,)"), 2, PB_UNSUPPORTED, "\"<f2\""},
    {HEADER("'<i8'", "(1,)"), 8, PB_UNSUPPORTED, "\"<i8\""},
    {HEADER("'|O'", "(1,)"), 8, PB_UNSUPPORTED, "\"|O\""},
    {HEADER("''", "(1,)"), 8, PB_UNSUPPORTED, "found \"\""},
    {HEADER("[('a', '<f4')]", "(1,)"), 4, PB_UNSUPPORTED, "a structure"},
    {HEADER("'<f4\\''", "(1,)"), 4, PB_FORMAT, "a dtype in quotes"},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (1,2)}", 8, PB_UNSUPPORTED, "Fortran order"},
};

static void expect_error(pb_tensor *t, pb_status status, pb_status expected, const pb_error *error,
                         const char *piece)
{
    assert_null(t->data);
    if (status != expected || !strstr(error->message, piece))
        fail_msg("expected \"%s\" (status %d), found \"%s\" (status %d)", piece, expected,
                 status ? error->message : "", status);
}

static void test_hostile(void **state)
{
    static const char zeros[64];

    (void)state;
    for (size_t k = 0; k < sizeof hostile / sizeof *hostile; k++)
        for (int version = 1; version <= 3; version++) {
            pb_tensor t = PB_TENSOR_EMPTY;
            pb_error error = {.message = ""};
            pb_status status =
                read_built(&t, version, hostile[k].header, zeros, hostile[k].size, &error);
            expect_error(&t, status, hostile[k].status, &error, hostile[k].piece);
            assert_non_null(strstr(error.message, "built.npy: "));
        }
}

static void test_hostile_prefix(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        pb_status status;
        const char *piece;
    } files[] = {
        {"\x93NUMP", 5, PB_FORMAT, "not a .npy file"},
        {"PK\x03\x04zip file", 12, PB_FORMAT, "not a .npy file"},
        {"\x93NUMPY\x01\x00", 8, PB_FORMAT, "truncated"},
        {"\x93NUMPY\x02\x00\x01\x00", 10, PB_FORMAT, "truncated"},
        {"\x93NUMPY\x01\x00\xFF\xFF{}", 12, PB_FORMAT, "expected a header of 65535 bytes, found 2"},
        {"\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{}", 14, PB_FORMAT, "4294967295 bytes, found 2"},
        {"\x93NUMPY\x00\x00\x02\x00{}", 12, PB_UNSUPPORTED, "found 0.0"},
        {"\x93NUMPY\x04\x00\x02\x00{}", 12, PB_UNSUPPORTED, "found 4.0"},
        {"\x93NUMPY\x01\x01\x02\x00{}", 12, PB_UNSUPPORTED, "found 1.1"},
    };

    (void)state;
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        pb_tensor t = PB_TENSOR_EMPTY;
        pb_error error = {.message = ""};
        scratch_write(&here, "p.npy", files[k].bytes, files[k].size);
        expect_error(&t, pb_npy_read(&t, scratch_path(&here, "p.npy").text, &error),
                     files[k].status, &error, files[k].piece);
    }
}

/* Every shortening of a good file is refused. */
static void test_truncated(void **state)
{
    pb_tensor t = PB_TENSOR_EMPTY;
    const size_t shape[] = {3};
    unsigned char *bytes;
    size_t n;

    (void)state;
    assert_int_equal(pb_tensor_new(&t, 1, shape, NULL), PB_OK);
    assert_int_equal(pb_npy_write(&t, scratch_path(&here, "t.npy").text, NULL), PB_OK);
    pb_tensor_clear(&t);
    bytes = scratch_read(&here, "t.npy", &n);
    for (size_t i = 0; i < n; i++) {
        scratch_write(&here, "t.npy", bytes, i);
        assert_int_equal(pb_npy_read(&t, scratch_path(&here, "t.npy").text, NULL), PB_FORMAT);
        assert_null(t.data);
    }
    free(bytes);
}

static void test_not_finite(void **state)
{
    static const float floats[] = {1, 2, NAN, 4};
    static const double doubles[] = {1, 1e-300, -1e300};
    pb_tensor t = PB_TENSOR_EMPTY;
    pb_error error = {.message = ""};
    pb_status status;

    (void)state;
    status = read_built(&t, 1, HEADER("'<f4'", "(2,2)"), floats, sizeof floats, &error);
    expect_error(&t, status, PB_FORMAT, &error, "entry 2: expected a finite float32, found nan");
    status = read_built(&t, 1, HEADER("'<f8'", "(3,)"), doubles, sizeof doubles, &error);
    expect_error(&t, status, PB_FORMAT, &error,
                 "entry 2: expected a finite float32, found -1e+300");
}

/* -- injected failures --------------------------------------------------------------------- */

static pb_status read_golden(void *context, pb_error *error)
{
    pb_tensor t = PB_TENSOR_EMPTY;
    pb_status status = pb_npy_read(&t, GOLDEN "f4.npy", error);

    (void)context;
    pb_tensor_clear(&t);
    return status;
}

static pb_status write_one(void *context, pb_error *error)
{
    return pb_npy_write(context, scratch_path(&here, "w.npy").text, error);
}

static void check_written(void *context, pb_status status, const char *failed)
{
    size_t n;
    unsigned char *bytes = scratch_read(&here, "w.npy", &n);

    (void)context;
    assert_int_equal(scratch_count(&here), 1);
    assert_int_equal(n, status ? 3 : 140);
    if (!status && failed)
        assert_true(inject_called("rename"));
    free(bytes);
    scratch_write(&here, "w.npy", "old", 3);
}

static void test_injected(void **state)
{
    pb_tensor t = PB_TENSOR_EMPTY;
    const size_t shape[] = {3};

    (void)state;
    assert_int_equal(pb_tensor_new(&t, 1, shape, NULL), PB_OK);
    assert_true(inject_each(INJECT_MEMORY | INJECT_FILES, read_golden, NULL, NULL, false) >= 4);
    scratch_write(&here, "w.npy", "old", 3);
    assert_true(inject_each(INJECT_MEMORY, write_one, check_written, &t, false) >= 2);
    assert_true(inject_each(INJECT_FILES, write_one, check_written, &t, true) >= 8);
    pb_tensor_clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_numpy),          SCRATCH_TEST(test_round_trip),
        SCRATCH_TEST(test_spellings),      SCRATCH_TEST(test_hostile),
        SCRATCH_TEST(test_hostile_prefix), SCRATCH_TEST(test_truncated),
        SCRATCH_TEST(test_not_finite),     SCRATCH_TEST(test_injected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
