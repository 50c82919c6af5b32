#include "torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "io/file.h"
#include "must.h"

static void put_text(FILE *out, const char *text)
{
    const unsigned n = (unsigned)strlen(text);

    fprintf(out, "X%c%c%c%c%s", n & 255, n >> 8 & 255, n >> 16 & 255, n >> 24, text);
}

static void put_number(FILE *out, size_t n)
{
    fputs("\x8A\x08", out);
    for (int i = 0; i < 8; i++)
        fputc((int)(n >> 8 * i & 255), out);
}

/* A call of _rebuild_tensor_v2. */
static void put_tensor(FILE *out, const pb_stored *t, const char *key)
{
    static const char *const types[][2] = {{"F32", "Float"},     {"F16", "Half"}, {"F64", "Double"},
                                           {"BF16", "BFloat16"}, {"I64", "Long"}, {"I32", "Int"}};
    const char *type = NULL;
    size_t stride = 1;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i][0], t->dtype_name))
            type = types[i][1];
    assert_non_null(type);
    fputs("ctorch._utils\n_rebuild_tensor_v2\n((", out);
    put_text(out, "storage");
    fprintf(out, "ctorch\n%sStorage\n", type);
    put_text(out, key);
    put_text(out, "cpu");
    put_number(out, t->count);
    fputs("tQ", out);
    put_number(out, 0);
    fputc('(', out);
    for (size_t i = 0; i < t->rank; i++)
        put_number(out, t->shape[i]);
    fputs("t(", out);
    for (size_t i = 0; i < t->rank; i++) {
        stride = 1;
        for (size_t k = i + 1; k < t->rank; k++)
            stride *= t->shape[k];
        put_number(out, stride);
    }
    fputs("t\x89}tR", out);
}

/* The bytes are libzip's then. */
static void put_member(zip_t *zip, const char *name, void *bytes, size_t count)
{
    zip_source_t *from = zip_source_buffer(zip, bytes, count, 1);
    zip_int64_t i;

    assert_non_null(from);
    i = zip_file_add(zip, name, from, 0);
    assert_true(i >= 0);
    assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)i, ZIP_CM_STORE, 0), 0);
}

/* The tensors as entries of a dict; their storages are called BEFORE and a number. */
static void put_entries(FILE *out, const pb_weights *weights, size_t first, size_t count,
                        const char *before)
{
    char name[80];

    for (size_t i = first; i < first + count; i++) {
        const pb_stored *t = pb_weights_at(weights, i);
        snprintf(name, sizeof name, "%s%zu", before, i);
        put_text(out, t->name);
        put_tensor(out, t, name);
    }
}

static void put_storages(zip_t *zip, const pb_weights *weights, size_t first, size_t count,
                         const char *before)
{
    char name[80];

    for (size_t i = first; i < first + count; i++) {
        const pb_stored *t = pb_weights_at(weights, i);
        void *bytes = malloc(t->bytes + 1);
        assert_non_null(bytes);
        MUST(pb_file_read_at(t->source, t->offset, bytes, t->bytes, error));
        snprintf(name, sizeof name, "archive/data/%s%zu", before, i);
        put_member(zip, name, bytes, t->bytes);
    }
}

void write_torch(const char *path, const pb_weights *weights, size_t first, size_t count,
                 const char *under)
{
    int why = 0;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &why);
    char *pickle = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&pickle, &size);

    assert_non_null(zip);
    assert_non_null(out);
    fputs("\x80\x02}(", out);
    if (under) {
        put_text(out, "global_step");
        put_number(out, 470000);
        put_text(out, under);
        fputs("}(", out);
    }
    put_entries(out, weights, first, count, "");
    fputs(under ? "uu." : "u.", out);
    assert_int_equal(fclose(out), 0);
    put_member(zip, "archive/data.pkl", pickle, size);
    put_storages(zip, weights, first, count, "");
    assert_int_equal(zip_close(zip), 0);
}

void write_torch_list(const char *path, size_t count, pb_weights *const items[])
{
    int why = 0;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &why);
    char *pickle = NULL, before[32];
    size_t size = 0;
    FILE *out = open_memstream(&pickle, &size);

    assert_non_null(zip);
    assert_non_null(out);
    fputs("\x80\x02](", out);
    for (size_t i = 0; i < count; i++) {
        snprintf(before, sizeof before, "%zu-", i);
        if (items[i]) {
            fputs("}(", out);
            put_entries(out, items[i], 0, pb_weights_count(items[i]), before);
            fputc('u', out);
        } else
            put_number(out, i);
    }
    fputs("e.", out);
    assert_int_equal(fclose(out), 0);
    put_member(zip, "archive/data.pkl", pickle, size);
    for (size_t i = 0; i < count; i++) {
        snprintf(before, sizeof before, "%zu-", i);
        if (items[i])
            put_storages(zip, items[i], 0, pb_weights_count(items[i]), before);
    }
    assert_int_equal(zip_close(zip), 0);
}
