/* Files of torch.save: written by PyTorch (tests/golden/make/torch_files.py), and hostile ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "base/memory.h"
#include "golden.h"
#include "inject.h"
#include "scratch.h"
#include "torch_file.h"

#define FILES GOLDEN "torch/"

/* -- values -------------------------------------------------------------------------------------
 */

static pb_weights *open_file(const char *name)
{
    char path[400];
    pb_weights *w;

    snprintf(path, sizeof path, FILES "%s", name);
    MUST(pb_weights_open(&w, path, error));
    return w;
}

/* The same shape and the same numbers, to the bit, read at once and by pieces? */
static void expect_same(const pb_stored *found, const pb_stored *expected)
{
    float *a, *b, piece[7];

    assert_non_null(found);
    assert_non_null(expected);
    assert_int_equal(found->rank, expected->rank);
    assert_memory_equal(found->shape, expected->shape, found->rank * sizeof *found->shape);
    assert_int_equal(found->count, expected->count);
    assert_int_equal(found->dtype == PB_INTEGER, expected->dtype == PB_INTEGER);
    if (found->dtype == PB_INTEGER) {
        assert_string_equal(found->dtype_name, expected->dtype_name);
        assert_int_equal(found->bytes, expected->bytes);
        return;
    }
    MUST(pb_stored_load(&a, found, error));
    MUST(pb_stored_load(&b, expected, error));
    if (memcmp(a, b, found->count * sizeof *a))
        fail_msg("%s: other numbers", found->name);
    for (size_t i = 0; i < found->count; i += 7) {
        size_t n = found->count - i < 7 ? found->count - i : 7;
        MUST(pb_stored_read_some(found, i, n, piece, error));
        assert_memory_equal(piece, b + i, n * sizeof *piece);
    }
    pb_free(a);
    pb_free(b);
}

static void test_values(void **state)
{
    static const char *const names[] = {"ordered.pt", "protocol2.pt", "protocol4.bin",
                                        "protocol5.pth"};
    static const struct {
        const char *name, *dtype;
    } dtypes[] = {{"f32", "F32"},   {"f16", "F16"},   {"bf16", "BF16"},    {"f64", "F64"},
                  {"int64", "I64"}, {"int32", "I32"}, {"int16", "I16"},    {"int8", "I8"},
                  {"uint8", "U8"},  {"bool", "BOOL"}, {"uint16", "U16"},   {"scalar", "F32"},
                  {"last", "F32"},  {"empty", "F32"}, {"parameter", "F32"}};
    pb_weights *values = open_file("values.safetensors");

    (void)state;
    assert_int_equal(pb_weights_count(values), 25);
    for (size_t i = 0; i < 4; i++) {
        pb_weights *w = open_file(names[i]);
        assert_int_equal(pb_weights_count(w), pb_weights_count(values));
        for (size_t k = 0; k < pb_weights_count(values); k++) {
            const pb_stored *t = pb_weights_at(w, k), *expected = pb_weights_at(values, k);
            assert_string_equal(t->name, expected->name);
            assert_non_null(strstr(t->file, names[i]));
            assert_null(t->data); /* read where it lies */
            expect_same(t, expected);
        }
        for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++)
            assert_string_equal(pb_weights_find(w, dtypes[k].name)->dtype_name, dtypes[k].dtype);
        /* Of one storage, which is there once. */
        assert_int_equal(pb_weights_find(w, "base")->offset,
                         pb_weights_find(w, "transposed")->offset);
        assert_int_equal(pb_weights_find(w, "rows")->offset,
                         pb_weights_find(w, "base")->offset + 6 * sizeof(float));
        assert_null(pb_weights_find(w, "rows")->layout);
        assert_non_null(pb_weights_find(w, "columns")->layout);
        assert_null(pb_weights_metadata(w, "format"));
        pb_weights_free(w);
    }
    pb_weights_free(values);
}

/* Of a checkpoint of Lightning's the state_dict; of others what is in dicts too. */
static void test_names(void **state)
{
    static const char *const few[] = {"base", "f16", "f32", "transposed"};
    pb_weights *values = open_file("values.safetensors"), *w = open_file("lightning.ckpt");
    char name[40];

    (void)state;
    assert_int_equal(pb_weights_count(w), 4);
    for (size_t i = 0; i < 4; i++)
        expect_same(pb_weights_find(w, few[i]), pb_weights_find(values, few[i]));
    pb_weights_free(w);
    w = open_file("nested.pt");
    assert_int_equal(pb_weights_count(w), 5);
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "ema.%s", few[i]);
        expect_same(pb_weights_find(w, name), pb_weights_find(values, few[i]));
    }
    expect_same(pb_weights_find(w, "model.inner.f32"), pb_weights_find(values, "f32"));
    pb_weights_free(w);
    for (int protocol = 2; protocol <= 4; protocol += 2) { /* beside members of enumerations */
        snprintf(name, sizeof name, "enums%d.ckpt", protocol);
        w = open_file(name);
        assert_int_equal(pb_weights_count(w), 1);
        expect_same(pb_weights_find(w, "f32"), pb_weights_find(values, "f32"));
        pb_weights_free(w);
    }
    pb_weights_free(values);
    w = open_file("module.pt");
    assert_non_null(pb_weights_find(w, "weight"));
    assert_non_null(pb_weights_find(w, "bias"));
    pb_weights_free(w);
}

/* Compressed ones are in memory. */
static void test_packed(void **state)
{
    static const float a[] = {0, 1, 2, 3}, b[] = {0, 2, 1, 3};
    pb_weights *w = open_file("packed.pt");
    float out[4];

    (void)state;
    assert_non_null(pb_weights_find(w, "a")->data);
    MUST(pb_stored_read(pb_weights_find(w, "a"), out, error));
    assert_memory_equal(out, a, sizeof a);
    MUST(pb_stored_read(pb_weights_find(w, "b"), out, error));
    assert_memory_equal(out, b, sizeof b);
    pb_weights_free(w);
}

/* A part of a tensor whose entries do not follow each other, under another name. */
static pb_weights *select_one(pb_weights *from, const char *name, size_t rank, const size_t *shape,
                              size_t first, const size_t *stride)
{
    pb_selected s = {.name = pb_strdup("part"),
                     .stored = pb_weights_find(from, name),
                     .rank = rank,
                     .first = first};
    pb_error why = {.message = ""};
    pb_weights *out;

    assert_non_null(s.name);
    assert_non_null(s.stored);
    s.layout.rank = stride ? rank : 0;
    for (size_t i = 0; i < rank; i++) {
        s.shape[i] = s.layout.shape[i] = shape[i];
        if (stride)
            s.layout.stride[i] = stride[i];
    }
    if (pb_weights_select(&out, from, 1, &s, &why) == PB_OK)
        return out;
    assert_null(out);
    assert_int_equal(why.status, PB_UNSUPPORTED);
    assert_non_null(strstr(why.message, "do not follow each other"));
    return NULL;
}

/* Selections of what PyTorch wrote with strides have the values of selections of the same in order.
 */
static void test_selected(void **state)
{
    static const struct {
        const char *name; /* transposed (6,4), last (2,3,4,5), permuted (4,2,5,3) */
        size_t rank, shape[4], first;
        bool strided;
        size_t stride[4];
        bool refused;
    } cases[] = {
        {"transposed", 2, {6, 4}, 0, false, {0}, false},
        {"transposed", 2, {2, 4}, 8, false, {0}, false},
        {"transposed", 1, {4}, 20, false, {0}, false},
        {"transposed", 2, {4, 6}, 0, true, {1, 4}, false},
        {"transposed", 2, {2, 3}, 5, true, {1, 8}, false},
        {"transposed", 4, {3, 2, 1, 4}, 0, false, {0}, false},
        {"transposed", 1, {24}, 0, false, {0}, true},
        {"transposed", 1, {5}, 0, false, {0}, true},
        {"last", 2, {3, 20}, 0, false, {0}, true},
        {"last", 3, {3, 4, 5}, 60, false, {0}, false},
        {"last", 3, {6, 4, 5}, 0, false, {0}, true},
        {"permuted", 4, {4, 2, 5, 3}, 0, false, {0}, false},
        {"permuted", 3, {3, 5, 4}, 15, true, {1, 3, 30}, false},
        {"expanded", 2, {3, 4}, 0, true, {1, 3}, false},
    };
    pb_weights *strided = open_file("ordered.pt"), *plain = open_file("values.safetensors");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t *stride = cases[i].strided ? cases[i].stride : NULL;
        pb_weights *a, *b;

        a = select_one(strided, cases[i].name, cases[i].rank, cases[i].shape, cases[i].first,
                       stride);
        b = select_one(plain, cases[i].name, cases[i].rank, cases[i].shape, cases[i].first, stride);
        assert_int_equal(a == NULL, cases[i].refused);
        if (a)
            expect_same(pb_weights_find(a, "part"), pb_weights_find(b, "part"));
        pb_weights_free(a);
        pb_weights_free(b);
    }
    pb_weights_free(strided);
    pb_weights_free(plain);
}

/* -- what is refused ----------------------------------------------------------------------------
 */

static const struct refused {
    const char *name;
    pb_status status;
    const char *piece;
} refused[] = {
    {"older.pt", PB_UNSUPPORTED,
     "PyTorch's older form, without a zip archive, which is not read: torch.load it in Python, and "
     "torch.save it again"},
    {"bare.pkl", PB_UNSUPPORTED, "a pickle without a zip archive"},
    /* harm */
    {"bad-harm-os.pt", PB_UNSUPPORTED, "names os.system: not a file of tensors"},
    {"bad-harm-posix.pt", PB_UNSUPPORTED, "names posix.system: not a file of tensors"},
    {"bad-harm-eval.pt", PB_UNSUPPORTED, "names builtins.eval: not a file of tensors"},
    {"bad-harm-getattr.pt", PB_UNSUPPORTED, "names __builtin__.getattr: not"},
    {"bad-harm-popen.pt", PB_UNSUPPORTED, "names subprocess.Popen: not"},
    {"bad-harm-callback.pt", PB_UNSUPPORTED, "names os.system: not"},
    {"bad-harm-nested.pt", PB_UNSUPPORTED, "names torch.hub.os.system: not"},
    {"bad-harm-dunder.pt", PB_UNSUPPORTED, "names torch.Tensor.__class__.x: not"},
    /* no tensors */
    {"bad-enum.pt", PB_UNSUPPORTED,
     "tensor \"kind\": expected a tensor, found __builtin__.getattr, which is not known here"},
    {"bad-numpy.pt", PB_UNSUPPORTED,
     "tensor \"b\": expected a tensor, found numpy.core.multiarray._reconstruct, which is not"},
    {"bad-module.pt", PB_UNSUPPORTED, "expected a dict of tensors, found my.net.Net"},
    {"bad-sparse.pt", PB_UNSUPPORTED, "found torch._utils._rebuild_sparse_tensor"},
    {"bad-list.pt", PB_UNSUPPORTED, "expected a dict of tensors, found a list"},
    {"bad-none.pt", PB_UNSUPPORTED, "found no tensor, but my.thing"},
    {"bad-script.pt", PB_UNSUPPORTED, "a program of TorchScript"},
    /* memory */
    {"bad-itself.pt", PB_UNSUPPORTED, "at most 1048576 entries of dicts"},
    {"bad-memo.pt", PB_UNSUPPORTED, "at most 1048576 entries of dicts"},
    {"bad-memo-number.pt", PB_UNSUPPORTED, "values in memory, found number 4294967295"},
    {"bad-deep.pt", PB_UNSUPPORTED, "a stack of at most 2097152 values"},
    {"bad-marks.pt", PB_UNSUPPORTED, "at most 2097152 marks"},
    {"bad-wide.pt", PB_UNSUPPORTED, "values of at most 268435456 bytes in all"},
    {"bad-bomb.pt", PB_UNSUPPORTED, "33554432 bytes, packed into 32617: more than"},
    /* places */
    {"bad-beyond.pt", PB_FORMAT, "tensor \"a\": expected entries within a storage of 16 bytes"},
    {"bad-offset.pt", PB_FORMAT, "within a storage of 16 bytes"},
    {"bad-stride.pt", PB_FORMAT, "within a storage of 16 bytes"},
    {"bad-negative.pt", PB_FORMAT, "expected no negative number"},
    {"bad-overflow.pt", PB_FORMAT, "a number of entries below 2^64"},
    {"bad-last.pt", PB_FORMAT, "within a storage of 16 bytes"},
    {"bad-claims.pt", PB_FORMAT, "a storage of 20 bytes, found \"archive/data/0\" of 16"},
    {"bad-two-sizes.pt", PB_FORMAT, "a storage of 12 bytes, found \"archive/data/0\" of 16"},
    {"bad-absent.pt", PB_FORMAT, "member \"archive/data/1\": expected in the archive"},
    {"bad-float8.pt", PB_UNSUPPORTED, "found torch.Float8_e4m3fnStorage"},
    {"bad-overlap.pt", PB_FORMAT, "overlaps member"},
    /* archives */
    {"bad-big.pt", PB_UNSUPPORTED, "byteorder: expected \"little\", found \"big\""},
    {"bad-absolute.pt", PB_FORMAT, "member \"/etc/passwd\": a name that leads out of its folder"},
    {"bad-parent.pt", PB_FORMAT, "member \"archive/../../x\": a name that leads out"},
    {"bad-twice.pt", PB_FORMAT, "member \"archive/data/0\": expected once, found twice"},
    {"bad-two-folders.pt", PB_FORMAT, "expected one pickle, found \"archive/data.pkl\" and"},
    {"bad-no-folder.pt", PB_FORMAT, "found no data.pkl in a folder of it"},
    {"bad-bzip2.pt", PB_UNSUPPORTED, "found another compression"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        pb_error error = {.message = ""};
        pb_status found;
        char path[400];
        pb_weights *w;

        snprintf(path, sizeof path, FILES "%s", refused[i].name);
        found = pb_weights_open(&w, path, &error);
        assert_null(w);
        if (found != refused[i].status || !strstr(error.message, refused[i].piece) ||
            !strstr(error.message, path))
            fail_msg("%s: expected \"%s\", found %d \"%s\"", refused[i].name, refused[i].piece,
                     found, error.message);
    }
}

/* Reads all there is of bytes that need not be a file of tensors, if they can be opened as one. */
static bool is_read(const unsigned char *bytes, size_t size)
{
    static int file = -1; /* in memory: there are thousands */
    char path[40];
    pb_error why = {.message = ""};
    pb_status status;
    pb_weights *w;
    float *values;

    if (file < 0)
        file = memfd_create("damaged", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(pwrite(file, bytes, size, 0), size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    status = pb_weights_open(&w, path, &why);
    if (status != PB_OK) {
        assert_null(w);
        assert_true(why.message[0] != '\0');
        assert_true(status == PB_FORMAT || status == PB_UNSUPPORTED);
        return false;
    }
    for (size_t i = 0; i < pb_weights_count(w); i++) {
        const pb_stored *t = pb_weights_at(w, i);
        if (t->count > 10000 || t->dtype == PB_INTEGER)
            continue;
        MUST(pb_stored_load(&values, t, error));
        pb_free(values);
    }
    pb_weights_free(w);
    return true;
}

/* A header of safetensors may have a length whose bytes begin like a pickle or like an archive. */
static void test_lengths(void **state)
{
    static const size_t lengths[] = {0x280, 0x380, 0x480, 0x580, 0x34B50, 0x54B50, 0x4034B50};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        static const char header[] =
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
        const size_t size = 8 + lengths[i] + 4;
        unsigned char *bytes = malloc(size);

        assert_non_null(bytes);
        memset(bytes, ' ', size);
        for (int k = 0; k < 8; k++)
            bytes[k] = (unsigned char)(lengths[i] >> 8 * k);
        memcpy(bytes + 8, header, strlen(header));
        if (!is_read(bytes, size))
            fail_msg("a header of %zu bytes", lengths[i]);
        free(bytes);
    }
}

/* A file cut off anywhere is refused; one that is changed anywhere is refused or read. */
static void test_damaged(void **state)
{
    static const char *const names[] = {"module.pt", "packed.pt"};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const scratch files = {FILES};
        size_t size, read = 0;
        unsigned char *bytes = scratch_read(&files, names[k], &size);

        assert_true(is_read(bytes, size));
        for (size_t i = 1; i < size; i++)
            if (is_read(bytes, i))
                fail_msg("%s: %zu of %zu bytes are enough", names[k], i, size);
        for (size_t i = 4; i < size; i++) {
            bytes[i] ^= 0xFF;
            read += is_read(bytes, size);
            bytes[i] ^= 0xFF;
        }
        assert_in_range(read, 1, size - 100); /* numbers, dates */
        free(bytes);
    }
}

static pb_status open_and_read(void *context, pb_error *error)
{
    float out[30];
    pb_weights *w;
    pb_status status = pb_weights_open(&w, context, error);

    if (status == PB_OK)
        status = pb_stored_read(pb_weights_at(w, 0), out, error);
    pb_weights_free(w);
    return status;
}

static void test_injected(void **state)
{
    static char ordered[] = FILES "ordered.pt", packed[] = FILES "packed.pt";

    (void)state;
    assert_true(inject_each(INJECT_MEMORY | INJECT_FILES, open_and_read, NULL, ordered, false) >
                50);
    assert_true(inject_each(INJECT_MEMORY | INJECT_FILES, open_and_read, NULL, packed, false) > 20);
}

/* -- models -------------------------------------------------------------------------------------
 */

/* Puts a .bin in the place of a component's weights, or two of them with an index. */
static void convert(const char *folder, const char *safetensors, const char *stem, bool sharded)
{
    json_t *map = json_object(), *index = json_pack("{s:o}", "weight_map", map);
    char path[300], name[100];
    pb_weights *w;
    size_t count, half;

    snprintf(path, sizeof path, "%s/%s.safetensors", folder, safetensors);
    MUST(pb_weights_open(&w, scratch_path(&here, path).text, error));
    count = pb_weights_count(w);
    half = sharded ? count / 2 : count;
    for (size_t first = 0; first < count; first += half ? half : count) {
        size_t n = count - first < half ? count - first : half;
        snprintf(name, sizeof name, sharded ? "%s-%05zu-of-00009.bin" : "%s.bin", stem, first);
        for (size_t i = first; i < first + n; i++)
            json_object_set_new(map, pb_weights_at(w, i)->name, json_string(name));
        snprintf(path, sizeof path, "%s/%s", folder, name);
        write_torch(scratch_path(&here, path).text, w, first, n, NULL);
    }
    pb_weights_free(w);
    if (sharded) {
        char *text = json_dumps(index, 0);
        assert_non_null(text);
        snprintf(path, sizeof path, "%s/%s.bin.index.json", folder, stem);
        scratch_write(&here, path, text, strlen(text));
        free(text);
    }
    json_decref(index);
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, safetensors);
    assert_int_equal(unlink(scratch_path(&here, path).text), 0);
}

/* What a pipeline computes: its network, an embedding, a latent. */
typedef struct computed {
    size_t count[3];
    float *values[3];
} computed;

static computed compute(const char *path)
{
    static const char *const tap = "eps";
    pb_condition condition = PB_CONDITION_DEFAULTS;
    computed c = {.count = {0}};
    pb_text_encoder *text;
    pb_autoencoder *vae;
    pb_evaluator *e;
    uint32_t ids[77];
    pb_model *model;
    pb_weights *io;

    MUST(pb_model_open(&model, path, error));
    assert_null(pb_model_get_info(model)->unused);
    MUST(pb_weights_open(&io, GOLDEN "sd1-tiny/io.safetensors", error));
    pb_tensor x = golden(io, "x"), image = golden(io, "image");

    MUST(pb_text_encoder_open(&text, model, error));
    c.count[0] = 77 * pb_text_encoder_width(text);
    c.values[0] = pb_malloc(c.count[0], sizeof(float));
    MUST(pb_text_encoder_tokens(text, "a cat", 77, ids, NULL, NULL, error));
    MUST(pb_text_encoder_embed(text, 1, 77, ids, c.values[0], NULL, NULL, error));

    const size_t shape[] = {1, 77, pb_text_encoder_width(text)};
    pb_tensor context = PB_TENSOR_EMPTY;
    MUST(pb_tensor_new(&context, 3, shape, error));
    memcpy(context.data, c.values[0], c.count[0] * sizeof(float));
    const pb_input input = {"context", &context};
    condition.inputs = &input;
    condition.count = 1;
    condition.timestep = golden_timestep(io);
    c.count[1] = pb_tensor_count(&x);
    c.values[1] = pb_malloc(c.count[1], sizeof(float));
    MUST(pb_evaluator_new(&e, model, x.shape[2], x.shape[3], NULL, error));
    MUST(pb_evaluate(e, &condition, 1, c.count[1], x.data, 1, &tap, &c.values[1], error));
    pb_evaluator_free(e);

    MUST(pb_autoencoder_open(&vae, model, error));
    pb_tensor latent = PB_TENSOR_EMPTY;
    MUST(pb_encode(vae, &image, &latent, NULL, error));
    c.count[2] = pb_tensor_count(&latent);
    c.values[2] = pb_malloc(c.count[2], sizeof(float));
    memcpy(c.values[2], latent.data, c.count[2] * sizeof(float));

    pb_tensor_clear(&latent);
    pb_tensor_clear(&context);
    pb_tensor_clear(&image);
    pb_tensor_clear(&x);
    pb_autoencoder_free(vae);
    pb_text_encoder_free(text);
    pb_weights_free(io);
    pb_model_free(model);
    return c;
}

/* A pipeline with .bin in the place of .safetensors, sharded or not, computes the same bits. */
static void test_pipeline(void **state)
{
    computed expected = compute(GOLDEN "sd1-tiny");

    (void)state;
    for (int sharded = 0; sharded < 2; sharded++) {
        const char *model = sharded ? "sharded" : "single";
        char folder[100];
        computed found;

        scratch_copy(&here, GOLDEN "sd1-tiny", model);
        snprintf(folder, sizeof folder, "%s/unet", model);
        convert(folder, "diffusion_pytorch_model", "diffusion_pytorch_model", sharded);
        snprintf(folder, sizeof folder, "%s/vae", model);
        convert(folder, "diffusion_pytorch_model", "diffusion_pytorch_model", sharded);
        snprintf(folder, sizeof folder, "%s/text_encoder", model);
        convert(folder, "model", "pytorch_model", sharded);
        found = compute(scratch_path(&here, model).text);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(found.count[i], expected.count[i]);
            assert_memory_equal(found.values[i], expected.values[i],
                                found.count[i] * sizeof(float));
            pb_free(found.values[i]);
        }
    }
    for (size_t i = 0; i < 3; i++)
        pb_free(expected.values[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_packed),  cmocka_unit_test(test_selected),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_injected),
        SCRATCH_TEST(test_pipeline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
