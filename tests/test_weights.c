/* safetensors: hostile files, sharded sets, and reading that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject.h"
#include "io/weights.h"
#include "scratch.h"

/* -- hostile files --------------------------------------------------------------------------- */

/* Writes a file of a header and `size` zero bytes of data. */
static void write_built(const char *name, const char *header, size_t size)
{
    size_t length = strlen(header);
    unsigned char *bytes = calloc(8 + length + size + 1, 1);

    assert_non_null(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    scratch_write(&here, name, bytes, 8 + length + size);
    free(bytes);
}

static void expect_error(const char *name, pb_status status, const char *piece)
{
    pb_error error = {.message = ""};
    pb_weights *w;
    pb_status found = pb_weights_open(&w, scratch_path(&here, name).text, &error);

    assert_null(w);
    if (found != status || error.status != status || !strstr(error.message, piece) ||
        !strstr(error.message, here.folder))
        fail_msg("expected \"%s\" (status %d), found \"%s\" (status %d)", piece, status,
                 error.message, found);
}

#define T(dtype, shape, offsets)                                                                   \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define A(dtype, shape, offsets) "{\"a\":" T(dtype, shape, offsets) "}"

static const struct hostile {
    const char *header;
    size_t size;
    pb_status status;
    const char *piece;
} hostile[] = {
    /* the header's text */
    {"", 0, PB_FORMAT, "begins with {"},
    {" {}", 0, PB_FORMAT, "begins with {"},
    {"[]", 0, PB_FORMAT, "begins with {"},
    {"{", 0, PB_FORMAT, "header: line 1"},
    {"{}}", 0, PB_FORMAT, "end of file expected"},
    {"{\"\xFF\":1}", 0, PB_FORMAT, "unable to decode byte 0xff"},
    {"{\"a\\u0000\":1}", 0, PB_FORMAT, "NUL"},
    {"{\"a\":1,\"a\":1}", 0, PB_FORMAT, "duplicate object key"},
    {"{\"a\":" T("F32", "[1]", "[0,4]") ",\"\\u0061\":" T("F32", "[1]", "[0,4]") "}", 4, PB_FORMAT,
     "duplicate object key"},
    /* entries */
    {"{\"a\":1}", 0, PB_FORMAT, "tensor \"a\": expected an object, found 1"},
    {"{\"a\":{}}", 0, PB_FORMAT, "dtype: expected a string, found nothing"},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, PB_FORMAT, "shape: expected a list, found nothing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, PB_FORMAT,
     "data_offsets: expected a list of 2"},
    {"{\"a\":{\"dtype\":4,\"shape\":[],\"data_offsets\":[0,4]}}", 4, PB_FORMAT,
     "dtype: expected a string, found 4"},
    {A("F33", "[1]", "[0,4]"), 4, PB_FORMAT, "found \"F33\""},
    {A("f32", "[1]", "[0,4]"), 4, PB_FORMAT, "found \"f32\""},
    {A("F8_E4M3", "[4]", "[0,4]"), 4, PB_UNSUPPORTED, "found F8_E4M3"},
    {A("F8_E5M2", "[4]", "[0,4]"), 4, PB_UNSUPPORTED, "found F8_E5M2"},
    {A("F4", "[8]", "[0,4]"), 4, PB_UNSUPPORTED, "found F4"},
    {A("C64", "[1]", "[0,8]"), 8, PB_UNSUPPORTED, "found C64"},
    {A("F32", "1", "[0,4]"), 4, PB_FORMAT, "shape: expected a list, found 1"},
    {A("F32", "[-1]", "[0,4]"), 4, PB_FORMAT, "non-negative integers, found -1"},
    {A("F32", "[1.0]", "[0,4]"), 4, PB_FORMAT, "non-negative integers, found 1"},
    {A("F32", "[true]", "[0,4]"), 4, PB_FORMAT, "non-negative integers, found true"},
    {A("F32", "[\"1\"]", "[0,4]"), 4, PB_FORMAT, "non-negative integers, found \"1\""},
    {A("F32", "[[1]]", "[0,4]"), 4, PB_FORMAT, "found a list of 1"},
    {A("F32", "[18446744073709551616]", "[0,4]"), 4, PB_FORMAT, "too big integer"},
    {A("F32", "[4294967296,4294967296]", "[0,4]"), 4, PB_FORMAT, "below 2^64"},
    {A("F32", "[4611686018427387904]", "[0,0]"), 0, PB_FORMAT,
     "expected 4611686018427387904 entries of 4 bytes (by shape and dtype), found 0 bytes"},
    {A("F32", "[4611686018427387905]", "[0,4]"), 4, PB_FORMAT, "found 4 bytes"},
    {A("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, PB_UNSUPPORTED, "at most 8 dimensions, found 9"},
    {A("F32", "[2]", "[0,4]"), 4, PB_FORMAT, "expected 2 entries of 4 bytes"},
    {A("F16", "[2]", "[0,8]"), 8, PB_FORMAT, "expected 2 entries of 2 bytes"},
    {A("I64", "[2]", "[0,8]"), 8, PB_FORMAT, "expected 2 entries of 8 bytes"},
    /* offsets */
    {A("F32", "[1]", "[0]"), 4, PB_FORMAT, "expected a list of 2, found a list of 1"},
    {A("F32", "[1]", "[0,4,4]"), 4, PB_FORMAT, "found a list of 3"},
    {A("F32", "[1]", "{}"), 4, PB_FORMAT, "found an object"},
    {A("F32", "[1]", "[0,4.0]"), 4, PB_FORMAT, "non-negative integers, found 4"},
    {A("F32", "[1]", "[-4,0]"), 4, PB_FORMAT, "non-negative integers, found -4"},
    {A("F32", "[1]", "[4,0]"), 4, PB_FORMAT, "within 4 bytes of data, found 4 to 0"},
    {A("F32", "[1]", "[4,8]"), 4, PB_FORMAT, "within 4 bytes of data, found 4 to 8"},
    {A("F32", "[1]", "[0,9223372036854775807]"), 4, PB_FORMAT, "within 4 bytes"},
    {A("F32", "[1]", "[9223372036854775804,9223372036854775807]"), 4, PB_FORMAT, "within 4 bytes"},
    /* the data's cover */
    {A("F32", "[1]", "[4,8]"), 8, PB_FORMAT, "tensor \"a\": expected it to begin at byte 0"},
    {A("F32", "[1]", "[0,4]"), 8, PB_FORMAT, "expected 4 bytes of data, found 8"},
    {"{}", 1, PB_FORMAT, "expected 0 bytes of data, found 1"},
    {A("F32", "[1]", "[0,4]"), 0, PB_FORMAT, "within 0 bytes of data"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F32", "[2]", "[4,12]") "}", 12, PB_FORMAT,
     "tensor \"b\": overlaps tensor \"a\""},
    {"{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F32", "[2]", "[0,8]") "}", 8, PB_FORMAT,
     "overlaps tensor"},
    {"{\"a\":" T("F32", "[3]", "[0,12]") ",\"b\":" T("F32", "[1]", "[4,8]") "}", 12, PB_FORMAT,
     "tensor \"b\": overlaps tensor \"a\""},
    {"{\"a\":" T("F32", "[3]", "[0,12]") ",\"b\":" T("F32", "[0]", "[4,4]") "}", 12, PB_FORMAT,
     "tensor \"b\": overlaps tensor \"a\""},
    {"{\"b\":" T("F32", "[1]", "[8,12]") ",\"a\":" T("F32", "[1]", "[0,4]") "}", 12, PB_FORMAT,
     "tensor \"b\": expected it to begin at byte 4 of the data"},
    /* metadata */
    {"{\"__metadata__\":1}", 0, PB_FORMAT, "__metadata__: expected an object, found 1"},
    {"{\"__metadata__\":{\"k\":1}}", 0, PB_FORMAT,
     "__metadata__: \"k\": expected a string, found 1"},
};

static void test_hostile(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof hostile / sizeof *hostile; k++) {
        write_built("h.safetensors", hostile[k].header, hostile[k].size);
        expect_error("h.safetensors", hostile[k].status, hostile[k].piece);
    }
}

/* Unusual, and sound. */
static void test_lenient(void **state)
{
    static const struct {
        const char *header;
        size_t size, count;
    } files[] = {
        {"{}", 0, 0},
        {"{}      ", 0, 0},
        {"{\"__metadata__\":null}", 0, 0},
        {"{\"b\":" T("F32", "[1]", "[4,8]") ",\"a\":" T("F32", "[1]", "[0,4]") "}", 8, 2},
        {"{\"b\":" T("F32", "[0]", "[4,4]") ",\"a\":" T("F32", "[1]", "[0,4]") "}", 4, 2},
        {"{\"b\":" T("F32", "[0]", "[0,0]") ",\"a\":" T("F32", "[1]", "[0,4]") "}", 4, 2},
        {"{\"\":" T("U8", "[1]", "[0,1]") ",\"a\":" T("F32", "[1]", "[1,5]") "}", 5, 2},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":{}}}", 1, 1},
    };

    (void)state;
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        pb_error error = {.message = ""};
        pb_weights *w;
        write_built("l.safetensors", files[k].header, files[k].size);
        if (pb_weights_open(&w, scratch_path(&here, "l.safetensors").text, &error))
            fail_msg("%s", error.message);
        assert_int_equal(pb_weights_count(w), files[k].count);
        pb_weights_free(w);
    }
}

static void test_hostile_prefix(void **state)
{
    unsigned char huge[16] = {0, 0, 0, 0, 0, 0, 0, 0x10, '{', '}'}; /* 2^60 */
    unsigned char most[16] = {1, 0xE1, 0xF5, 5, 0, 0, 0, 0, '{', '}'};
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";

    (void)state;
    scratch_write(&here, "p", "", 0);
    expect_error("p", PB_FORMAT, "empty");
    scratch_write(&here, "p", "1234567", 7);
    expect_error("p", PB_FORMAT, "found 7 bytes");
    scratch_write(&here, "p", huge, sizeof huge);
    expect_error("p", PB_FORMAT, "found a length of 1152921504606846976");
    memset(huge, 0xFF, 8);
    scratch_write(&here, "p", huge, sizeof huge);
    expect_error("p", PB_FORMAT, "found a length of 18446744073709551615");
    scratch_write(&here, "p", most, sizeof most);
    expect_error("p", PB_FORMAT, "found a length of 100000001");
    most[0] = 0;
    scratch_write(&here, "p", most, sizeof most);
    expect_error("p", PB_FORMAT, "truncated: expected a header of 100000000 bytes, found 8");
    scratch_write(&here, "p", pointer, sizeof pointer - 1);
    expect_error("p", PB_FORMAT, "Git LFS pointer");
    expect_error("none", PB_IO, "cannot open");
    expect_error(".", PB_IO, "found a folder");
}

/* What people take for weights is called by its name; and what a download left of some. */
static void test_mistaken(void **state)
{
    static const struct {
        const char *bytes;
        size_t count;
        const char *message;
    } others[] = {
        {"<!DOCTYPE html><html>", 21, "expected tensors, found a page of a website"},
        {"<html>", 6, "found a page of a website"},
        {"\xFF\xD8\xFF\xE0\0\020JFIF\0", 11, "found a picture (JPEG)"},
        {"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16, "found a picture (PNG)"},
        {"RIFF\1\0\0\0WEBPVP8 ", 16, "found a picture (WebP)"},
        {"GGUF\3\0\0\0\0", 9, "found GGUF"},
        {"\x1F\x8B\b\0\0\0\0\0\0", 9, "unpack it first"},
        {"\xFF\xD8", 2, "expected 8 bytes and a header, found 2 bytes"},
        {"hello, tensors", 14, "expected the length of a header and {, found \"hello, t\""},
        {"\b\0\0\0\0\0\0\0{}", 10, "truncated: expected a header of 8 bytes, found 2"},
        {"PK\3\4 the rest is missing", 24, "found its beginning without its end (a file cut short"},
        {"6\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}1234", 66,
         "within 4 bytes of data, found 0 to 8 (a file cut short"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        scratch_write(&here, "p", others[i].bytes, others[i].count);
        expect_error("p", PB_FORMAT, others[i].message);
    }
}

static void test_deep(void **state)
{
    char *deep = malloc(1000001);

    (void)state;
    assert_non_null(deep);
    memset(deep, '[', 1000000);
    deep[1000000] = '\0';
    memcpy(deep, "{\"a\":", 5);
    write_built("d", deep, 0);
    expect_error("d", PB_FORMAT, "maximum parsing depth");
    free(deep);
}

/* A name longer than any message is cut. */
static void test_long_name(void **state)
{
    char header[6000];

    (void)state;
    snprintf(header, sizeof header, "{\"%05000d\":1}", 0);
    write_built("n", header, 0);
    expect_error("n", PB_FORMAT, "0000...\": expected an object, found 1");
}

/* Every shortening of a good file is refused. */
static void test_truncated(void **state)
{
    unsigned char *bytes;
    size_t n;

    (void)state;
    write_built("t", "{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F16", "[1]", "[8,10]") "}",
                10);
    bytes = scratch_read(&here, "t", &n);
    for (size_t i = 0; i < n; i++) {
        scratch_write(&here, "t", bytes, i);
        expect_error("t", PB_FORMAT, "");
    }
    free(bytes);
}

/* -- sharded sets ----------------------------------------------------------------------------- */

#define INDEX "m.safetensors.index.json"

static void write_shards(void)
{
    write_built("one.safetensors",
                "{\"__metadata__\":{\"which\":\"one\"},\"b\":" T("F32", "[1]", "[0,4]") "}", 4);
    write_built("two.safetensors",
                "{\"a\":" T("F16", "[2]", "[0,4]") ",\"c\":" T("I8", "[1]", "[4,5]") "}", 5);
}

static void write_index(const char *text)
{
    scratch_write(&here, INDEX, text, strlen(text));
}

#define GOOD_INDEX                                                                                 \
    "{\"metadata\":{\"total_size\":9},\"weight_map\":{\"a\":\"two.safetensors\","                  \
    "\"b\":\"one.safetensors\",\"c\":\"two.safetensors\"}}"

static void test_shards(void **state)
{
    pb_weights *w;

    (void)state;
    write_shards();
    write_index(GOOD_INDEX);
    assert_int_equal(pb_weights_open(&w, scratch_path(&here, INDEX).text, NULL), PB_OK);
    assert_int_equal(pb_weights_count(w), 3);
    assert_string_equal(pb_weights_at(w, 0)->name, "a");
    assert_string_equal(pb_weights_at(w, 0)->file, scratch_path(&here, "two.safetensors").text);
    assert_string_equal(pb_weights_at(w, 1)->file, scratch_path(&here, "one.safetensors").text);
    assert_string_equal(pb_weights_metadata(w, "which"), "one");
    pb_weights_free(w);
}

static void test_hostile_index(void **state)
{
    static const struct {
        const char *text;
        pb_status status;
        const char *piece;
    } files[] = {
        {"{", PB_FORMAT, "line 1"},
        {"[]", PB_FORMAT, "expected a JSON object"},
        {"{}", PB_FORMAT, "weight_map: expected an object that names files, found nothing"},
        {"{\"weight_map\":[]}", PB_FORMAT, "found a list of 0"},
        {"{\"weight_map\":{}}", PB_FORMAT, "found an empty one"},
        {"{\"weight_map\":{\"a\":1}}", PB_FORMAT, "\"a\": expected the name of a file"},
        {"{\"weight_map\":{\"a\":\"\"}}", PB_FORMAT, "found \"\""},
        {"{\"weight_map\":{\"a\":\"..\"}}", PB_FORMAT, "in the same folder, found \"..\""},
        {"{\"weight_map\":{\"a\":\".\"}}", PB_FORMAT, "in the same folder, found \".\""},
        {"{\"weight_map\":{\"a\":\"../two.safetensors\"}}", PB_FORMAT, "in the same folder"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", PB_FORMAT, "in the same folder"},
        {"{\"weight_map\":{\"a\":\"x\\\\two.safetensors\"}}", PB_FORMAT, "in the same folder"},
        {"{\"weight_map\":{\"a\":\"x\",\"a\":\"y\"}}", PB_FORMAT, "duplicate"},
        {"{\"weight_map\":{\"a\":\"none.safetensors\"}}", PB_IO, "none.safetensors: cannot open"},
        {"{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\","
         "\"c\":\"two.safetensors\",\"d\":\"two.safetensors\"}}",
         PB_FORMAT, "tensor \"d\": expected in \"two.safetensors\", found nowhere"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\","
         "\"c\":\"two.safetensors\"}}",
         PB_FORMAT, "tensor \"a\": expected in \"one.safetensors\", found in "},
        {"{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\"}}", PB_FORMAT,
         "tensor \"c\": expected in the index"},
        {"{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\","
         "\"c\":\"twin.safetensors\"}}",
         PB_FORMAT, "tensor \"c\": lies also in"},
        {"{\"weight_map\":{\"a\":\"" INDEX "\"}}", PB_FORMAT, INDEX ": not a safetensors file"},
    };

    (void)state;
    write_shards();
    write_built("twin.safetensors", A("F32", "[1]", "[0,4]"), 4);
    write_built("twin.safetensors", "{\"c\":" T("F32", "[1]", "[0,4]") "}", 4);
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        write_index(files[k].text);
        expect_error(INDEX, files[k].status, files[k].piece);
    }
}

/* -- reading ----------------------------------------------------------------------------------- */

/* In pieces, in slow ones, and entries from the middle: the same numbers. */
static void test_read_some(void **state)
{
    enum { COUNT = 70000 }; /* more than one piece of any type */
    static const struct {
        const char *dtype;
        size_t width;
    } types[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}};
    float *whole = calloc(COUNT, sizeof *whole), some[3];
    unsigned char *bytes;
    char header[128];
    pb_weights *w;
    size_t n;

    (void)state;
    assert_non_null(whole);
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        const size_t width = types[k].width;
        pb_stored memory;
        snprintf(header, sizeof header,
                 "{\"a\":{\"dtype\":\"%s\",\"shape\":[%d],"
                 "\"data_offsets\":[0,%zu]}}",
                 types[k].dtype, COUNT, COUNT * width);
        write_built("r", header, COUNT * width);
        bytes = scratch_read(&here, "r", &n);
        for (size_t i = 0; i < COUNT * width; i++)
            bytes[n - 1 - i] = (unsigned char)(i % width == 0 ? 0x40 : i * 7);
        scratch_write(&here, "r", bytes, n);
        assert_int_equal(pb_weights_open(&w, scratch_path(&here, "r").text, NULL), PB_OK);
        assert_int_equal(pb_stored_read(pb_weights_at(w, 0), whole, NULL), PB_OK);
        memory = *pb_weights_at(w, 0);
        memory.data = bytes + n - COUNT * width;
        for (size_t first = 0; first <= COUNT - 3; first += 9999) {
            assert_int_equal(pb_stored_read_some(&memory, first, 3, some, NULL), PB_OK);
            assert_memory_equal(some, whole + first, sizeof some);
            inject_slow_reads(true);
            assert_int_equal(pb_stored_read_some(pb_weights_at(w, 0), first, 3, some, NULL), PB_OK);
            inject_slow_reads(false);
            assert_memory_equal(some, whole + first, sizeof some);
        }
        pb_weights_free(w);
        free(bytes);
    }
    free(whole);
}

static void expect_cut(const pb_weights *w, const char *name, const char *file)
{
    pb_error error = {.message = ""};
    float out[4];

    assert_int_equal(pb_stored_read(pb_weights_find(w, name), out, &error), PB_IO);
    assert_int_equal(error.status, PB_IO);
    if (!strstr(error.message, scratch_path(&here, file).text) ||
        !strstr(error.message, "as when it was opened, found"))
        fail_msg("expected it of %s, found \"%s\"", file, error.message);
}

/* A file that is cut when it has been opened: every type, and of a set only the one file. */
static void test_cut(void **state)
{
    float out[4];
    pb_weights *w;

    (void)state;
    write_built("t",
                "{\"a\":" T("F32", "[1]", "[0,4]") ",\"b\":" T("F16", "[1]", "[4,6]") ",\"c\":" T(
                    "BF16", "[1]", "[6,8]") ",\"d\":" T("F64", "[1]", "[8,16]") "}",
                16);
    assert_int_equal(pb_weights_open(&w, scratch_path(&here, "t").text, NULL), PB_OK);
    assert_int_equal(truncate(scratch_path(&here, "t").text, 10), 0);
    for (size_t i = 0; i < 4; i++)
        expect_cut(w, pb_weights_at(w, i)->name, "t");
    pb_weights_free(w);
    write_shards();
    write_index(GOOD_INDEX);
    assert_int_equal(pb_weights_open(&w, scratch_path(&here, INDEX).text, NULL), PB_OK);
    assert_int_equal(truncate(scratch_path(&here, "two.safetensors").text, 10), 0);
    expect_cut(w, "a", "two.safetensors");
    assert_int_equal(pb_stored_read(pb_weights_find(w, "b"), out, NULL), PB_OK);
    pb_weights_free(w);
}

/* -- injected failures --------------------------------------------------------------------- */

static pb_status read_first(void *context, pb_error *error)
{
    float out[4];

    return pb_stored_read(pb_weights_at(context, 0), out, error);
}

static void test_read_injected(void **state)
{
    pb_weights *w;

    (void)state;
    write_shards();
    assert_int_equal(pb_weights_open(&w, scratch_path(&here, "two.safetensors").text, NULL), PB_OK);
    /* pread and fstat, and no memory at all */
    assert_int_equal(inject_each(INJECT_FILES | INJECT_MEMORY, read_first, NULL, w, false), 2);
    pb_weights_free(w);
}

static pb_status open_set(void *context, pb_error *error)
{
    pb_weights *w;
    pb_status status = pb_weights_open(&w, scratch_path(&here, context).text, error);

    pb_weights_free(w);
    return status;
}

static void test_open_injected(void **state)
{
    static char index[] = INDEX, one[] = "x";
    const unsigned kinds = INJECT_MEMORY | INJECT_FILES;
    unsigned long ours;

    (void)state;
    write_shards();
    write_index(GOOD_INDEX);
    assert_true(inject_each(kinds, open_set, NULL, index, false) >= 16);
    /* With jansson's own: only short strings (see inject.h). */
    write_built("x", "{\"__metadata__\":{},\"a\":" T("F32", "[]", "[0,4]") "}", 4);
    ours = inject_each(kinds, open_set, NULL, one, false);
    inject_json(true);
    assert_true(inject_each(kinds, open_set, NULL, one, false) > ours + 10);
    inject_json(false);
}

static pb_status write_one(void *context, pb_error *error)
{
    const pb_named_tensor tensors[] = {{"a", context}};
    const pb_metadata metadata[] = {{"k", "v"}};

    return pb_safetensors_write(scratch_path(&here, "w").text, 1, tensors, 1, metadata, error);
}

static void check_written(void *context, pb_status status, const char *failed)
{
    size_t n;
    unsigned char *bytes = scratch_read(&here, "w", &n);

    (void)context;
    assert_int_equal(scratch_count(&here), 1);
    assert_int_equal(n == 3, status != PB_OK);
    free(bytes);
    if (!status) {
        pb_weights *w;
        if (failed)
            assert_true(inject_called("rename"));
        assert_int_equal(pb_weights_open(&w, scratch_path(&here, "w").text, NULL), PB_OK);
        assert_int_equal(pb_weights_count(w), 1);
        pb_weights_free(w);
    }
    scratch_write(&here, "w", "old", 3);
}

static void test_write_injected(void **state)
{
    pb_tensor t = PB_TENSOR_EMPTY;
    const size_t shape[] = {2, 2};

    (void)state;
    assert_int_equal(pb_tensor_new(&t, 2, shape, NULL), PB_OK);
    scratch_write(&here, "w", "old", 3);
    assert_true(inject_each(INJECT_MEMORY, write_one, check_written, &t, false) >= 3);
    assert_true(inject_each(INJECT_FILES, write_one, check_written, &t, true) >= 8);
    inject_json(true);
    assert_true(inject_each(INJECT_MEMORY, write_one, check_written, &t, false) >= 20);
    inject_json(false);
    pb_tensor_clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_hostile),
        SCRATCH_TEST(test_lenient),
        SCRATCH_TEST(test_hostile_prefix),
        SCRATCH_TEST(test_mistaken),
        SCRATCH_TEST(test_deep),
        SCRATCH_TEST(test_long_name),
        SCRATCH_TEST(test_truncated),
        SCRATCH_TEST(test_shards),
        SCRATCH_TEST(test_hostile_index),
        SCRATCH_TEST(test_read_some),
        SCRATCH_TEST(test_cut),
        SCRATCH_TEST(test_read_injected),
        SCRATCH_TEST(test_open_injected),
        SCRATCH_TEST(test_write_injected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
