/* safetensors: files of the reference implementation, and ours. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/weights.h"
#include "scratch.h"

#define GOLDEN PB_SOURCE_DIR "/tests/golden/io/"

static void expect_values(const pb_weights *w, const char *name, const char *dtype_name,
                          const float *expected, size_t count)
{
    const pb_stored *t = pb_weights_find(w, name);
    float out[8];

    assert_non_null(t);
    assert_string_equal(t->name, name);
    assert_string_equal(t->dtype_name, dtype_name);
    assert_string_equal(t->file, GOLDEN "mixed.safetensors");
    assert_int_equal(t->count, count);
    assert_int_equal(pb_stored_read(t, out, NULL), PB_OK);
    assert_memory_equal(out, expected, count * sizeof *out);
}

/* Written by the Python package, with the values torch converts the tensors to. */
static void test_reference(void **state)
{
    static const float f64[] = {0x1.555556p-2f, -INFINITY, 0, INFINITY, 0, -0.0f};
    static const float f16[] = {0x1.554p-2f, -65504, 0x1p-24f, 0x1.ff8p-15f, -INFINITY, 0x1.5p-17f};
    static const float bf16[] = {0x1.56p-2f, -0x1.c4p+127f, 0x1p-133f};
    static const float f32[] = {0x1.555556p-2f, 0x1.16c2p-133f};
    static const float scalar[] = {2.5f};
    const pb_stored *t;
    pb_weights *w;

    (void)state;
    assert_int_equal(pb_weights_open(&w, GOLDEN "mixed.safetensors", NULL), PB_OK);
    assert_int_equal(pb_weights_count(w), 8);
    for (size_t i = 1; i < 8; i++)
        assert_true(strcmp(pb_weights_at(w, i - 1)->name, pb_weights_at(w, i)->name) < 0);
    expect_values(w, "f64", "F64", f64, 6);
    expect_values(w, "f16", "F16", f16, 6);
    expect_values(w, "bf16", "BF16", bf16, 3);
    expect_values(w, "f32", "F32", f32, 2);
    expect_values(w, "scalar", "F32", scalar, 1);
    expect_values(w, "empty", "F32", NULL, 0);
    t = pb_weights_find(w, "f16");
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->shape[1], 3);
    t = pb_weights_find(w, "i64");
    assert_int_equal(t->dtype, PB_INTEGER);
    assert_int_equal(t->bytes, 24);
    assert_int_equal(pb_weights_find(w, "flag")->dtype, PB_INTEGER);
    assert_null(pb_weights_find(w, "f"));
    assert_null(pb_weights_find(w, "__metadata__"));
    assert_string_equal(pb_weights_metadata(w, "format"), "pt");
    assert_string_equal(pb_weights_metadata(w, "note"), "na\xC3\xAFve \xE2\x9C\x93");
    assert_null(pb_weights_metadata(w, "absent"));
    pb_weights_free(w);
    pb_weights_free(NULL);
}

/* All 65536 numbers of 16 bits, at an odd address, against ldexp. */
static void test_every_half(void **state)
{
    unsigned char *bytes = malloc(2 * 65536 + 1);
    float *out = malloc(65536 * sizeof *out);
    pb_stored t = {.count = 65536, .dtype = PB_F16};

    (void)state;
    assert_non_null(bytes);
    assert_non_null(out);
    t.data = bytes + 1;
    for (size_t i = 0; i < 65536; i++) {
        bytes[1 + 2 * i] = (unsigned char)(i & 0xFF);
        bytes[2 + 2 * i] = (unsigned char)(i >> 8);
    }
    assert_int_equal(pb_stored_read(&t, out, NULL), PB_OK);
    for (int i = 0; i < 65536; i++) {
        int exponent = i >> 10 & 31, fraction = i & 1023;
        double value = exponent == 0   ? ldexp(fraction, -24)
                       : exponent < 31 ? ldexp(1024 + fraction, exponent - 25)
                       : fraction == 0 ? (double)INFINITY
                                       : (double)NAN;
        if (isnan(value))
            assert_true(isnan(out[i]));
        else
            assert_true((double)out[i] == copysign(value, i & 0x8000 ? -1 : 1));
        assert_int_equal(!!signbit(out[i]), i >> 15);
    }
    t.dtype = PB_BF16;
    assert_int_equal(pb_stored_read(&t, out, NULL), PB_OK);
    for (int i = 0; i < 65536; i++) {
        int exponent = i >> 7 & 255, fraction = i & 127;
        double value = exponent == 0    ? ldexp(fraction, -133)
                       : exponent < 255 ? ldexp(128 + fraction, exponent - 134)
                       : fraction == 0  ? (double)INFINITY
                                        : (double)NAN;
        if (isnan(value))
            assert_true(isnan(out[i]));
        else
            assert_true((double)out[i] == copysign(value, i & 0x8000 ? -1 : 1));
        assert_int_equal(!!signbit(out[i]), i >> 15);
    }
    free(bytes);
    free(out);
}

static void test_round_trip(void **state)
{
    const size_t shape[] = {2, 3}, none[] = {0, 3};
    pb_tensor a = PB_TENSOR_EMPTY, b = PB_TENSOR_EMPTY, c = PB_TENSOR_EMPTY;
    const pb_metadata metadata[] = {{"prompt", "a \"cat\"\n\xE2\x9C\x93"}, {"t", "0.6"}};
    unsigned char *bytes;
    pb_weights *w;
    float out[6];
    size_t n;

    (void)state;
    assert_int_equal(pb_tensor_new(&a, 2, shape, NULL), PB_OK);
    assert_int_equal(pb_tensor_new(&b, 0, NULL, NULL), PB_OK);
    assert_int_equal(pb_tensor_new(&c, 2, none, NULL), PB_OK);
    for (int i = 0; i < 6; i++)
        a.data[i] = (float)i / -3;
    b.data[0] = INFINITY;
    for (size_t m = 0; m <= 2; m++) {
        const pb_named_tensor named[] = {{"z", &a}, {"caf\xC3\xA9", &b}, {"empty", &c}};
        assert_int_equal(pb_safetensors_write(scratch_path(&here, "a.safetensors").text, 3, named,
                                              m, metadata, NULL),
                         PB_OK);
        bytes = scratch_read(&here, "a.safetensors", &n);
        assert_int_equal((n - 28) % 8, 0); /* the data is aligned */
        free(bytes);
        assert_int_equal(pb_weights_open(&w, scratch_path(&here, "a.safetensors").text, NULL),
                         PB_OK);
        assert_int_equal(pb_weights_count(w), 3);
        assert_int_equal(pb_stored_read(pb_weights_find(w, "z"), out, NULL), PB_OK);
        assert_memory_equal(out, a.data, sizeof out);
        assert_int_equal(pb_weights_find(w, "z")->rank, 2);
        assert_int_equal(pb_weights_find(w, "z")->shape[1], 3);
        assert_int_equal(pb_stored_read(pb_weights_find(w, "caf\xC3\xA9"), out, NULL), PB_OK);
        assert_true(isinf(out[0]));
        assert_int_equal(pb_weights_find(w, "empty")->count, 0);
        if (m > 0)
            assert_string_equal(pb_weights_metadata(w, "prompt"), metadata[0].value);
        else
            assert_null(pb_weights_metadata(w, "prompt"));
        pb_weights_free(w);
    }
    /* Nothing at all is a file, too. */
    assert_int_equal(
        pb_safetensors_write(scratch_path(&here, "b.safetensors").text, 0, NULL, 0, NULL, NULL),
        PB_OK);
    assert_int_equal(pb_weights_open(&w, scratch_path(&here, "b.safetensors").text, NULL), PB_OK);
    assert_int_equal(pb_weights_count(w), 0);
    assert_null(pb_weights_find(w, "x"));
    pb_weights_free(w);
    pb_tensor_clear(&a);
    pb_tensor_clear(&b);
    pb_tensor_clear(&c);
}

static void expect_write_error(const pb_named_tensor *tensors, size_t count,
                               const pb_metadata *metadata, size_t metadata_count,
                               const char *piece)
{
    pb_error error = {.message = ""};

    assert_int_equal(pb_safetensors_write(scratch_path(&here, "w").text, count, tensors,
                                          metadata_count, metadata, &error),
                     PB_INVALID);
    if (!strstr(error.message, piece))
        fail_msg("expected \"%s\" in \"%s\"", piece, error.message);
    assert_int_equal(scratch_count(&here), 0);
}

static void test_write_refuses(void **state)
{
    pb_tensor t = PB_TENSOR_EMPTY;
    const pb_metadata not_utf8[] = {{"prompt", "caf\xE9"}}, twice[] = {{"a", "b"}, {"a", "c"}};

    (void)state;
    assert_int_equal(pb_tensor_new(&t, 0, NULL, NULL), PB_OK);
    {
        const pb_named_tensor same[] = {{"a", &t}, {"a", &t}}, bad[] = {{"\xFF", &t}},
                              reserved[] = {{"__metadata__", &t}};
        expect_write_error(same, 2, NULL, 0, "tensor \"a\": expected once");
        expect_write_error(bad, 1, NULL, 0, "tensor: expected text in UTF-8");
        expect_write_error(reserved, 1, NULL, 0, "__metadata__");
        expect_write_error(same, 1, not_utf8, 1, "metadata: expected text in UTF-8");
        expect_write_error(same, 1, twice, 2, "metadata \"a\": expected once");
    }
    pb_tensor_clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_reference),
        SCRATCH_TEST(test_every_half),
        SCRATCH_TEST(test_round_trip),
        SCRATCH_TEST(test_write_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
