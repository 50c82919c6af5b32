/* NumPy's .npy format: the magic "\x93NUMPY", a version, the length of a header, the header (a
 * Python dictionary as text), the entries.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#include <ctype.h>
#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <pullback/tensor.h>

#include "base/memory.h"
#include "base/shape.h"
#include "io/file.h"
#include "io/json.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6

/* NumPy's own headers have some hundred bytes, and it refuses to read more than 10,000. */
#define HEADER_MOST ((size_t)1 << 20)

/* Bytes of entries that are read at a time. */
#define PIECE ((size_t)65536)

typedef struct header {
    char descr[48];
    bool has_descr, has_order, has_shape;
    bool fortran;
    size_t rank;
    size_t shape[PB_MAX_RANK];
} header;

/* The header's text being read: [p, end). */
typedef struct reader {
    const char *path;
    const char *begin, *p, *end;
    pb_error *error;
} reader;

static pb_status fail_here(const reader *r, const char *expected)
{
    char found[24];
    size_t n = (size_t)(r->end - r->p);

    if (n == 0)
        return pb_fail(r->error, PB_FORMAT, "%s: header: expected %s, found its end", r->path,
                       expected);
    if (n > sizeof found - 1)
        n = sizeof found - 1;
    for (size_t i = 0; i < n; i++)
        found[i] = (r->p[i] >= ' ' && r->p[i] <= '~') ? r->p[i] : '?';
    found[n] = '\0';
    return pb_fail(r->error, PB_FORMAT, "%s: header: byte %zu: expected %s, found \"%s\"", r->path,
                   (size_t)(r->p - r->begin), expected, found);
}

static void skip_space(reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
        r->p++;
}

/* Skips white space, then the character c if it comes next. */
static bool skip(reader *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool skip_word(reader *r, const char *word)
{
    size_t n = strlen(word);

    skip_space(r);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n))
        return false;
    r->p += n;
    return true;
}

/* A string in either quotes, without escapes: none that NumPy writes here needs any. */
static pb_status read_string(reader *r, char *out, size_t size, const char *expected)
{
    const char *begin, *close;

    skip_space(r);
    if (r->p == r->end || (*r->p != '\'' && *r->p != '"'))
        return fail_here(r, expected);
    begin = r->p + 1;
    close = memchr(begin, *r->p, (size_t)(r->end - begin));
    if (!close || (size_t)(close - begin) >= size || memchr(begin, '\\', (size_t)(close - begin)) ||
        memchr(begin, '\0', (size_t)(close - begin)))
        return fail_here(r, expected);
    memcpy(out, begin, (size_t)(close - begin));
    out[close - begin] = '\0';
    r->p = close + 1;
    return PB_OK;
}

static pb_status read_size(reader *r, size_t *out)
{
    size_t value = 0;

    skip_space(r);
    if (r->p == r->end || !isdigit((unsigned char)*r->p))
        return fail_here(r, "a dimension");
    for (; r->p < r->end && isdigit((unsigned char)*r->p); r->p++)
        if (pb_mul_overflows(value, 10, &value) ||
            __builtin_add_overflow(value, (size_t)(*r->p - '0'), &value))
            return pb_fail(r->error, PB_FORMAT, "%s: shape: a dimension of 2^%zu or more", r->path,
                           8 * sizeof value);
    *out = value;
    return PB_OK;
}

static pb_status read_shape(reader *r, header *h)
{
    bool comma = true;

    if (!skip(r, '('))
        return fail_here(r, "a shape in parentheses");
    while (!skip(r, ')')) {
        if (!comma)
            return fail_here(r, "',' or ')'");
        if (h->rank == PB_MAX_RANK)
            return pb_fail(r->error, PB_UNSUPPORTED,
                           "%s: shape: expected at most %d dimensions, found more", r->path,
                           PB_MAX_RANK);
        PB_TRY(read_size(r, &h->shape[h->rank]));
        h->rank++;
        comma = skip(r, ',');
    }
    if (h->rank == 1 && !comma)
        return pb_fail(r->error, PB_FORMAT, "%s: shape: expected a tuple, found a number", r->path);
    return PB_OK;
}

static pb_status read_entry(reader *r, header *h, const char *key)
{
    if (!strcmp(key, "descr") && !h->has_descr) {
        h->has_descr = true;
        skip_space(r);
        if (r->p < r->end && *r->p == '[')
            return pb_fail(r->error, PB_UNSUPPORTED,
                           "%s: dtype: expected '<f4' or '<f8', found a structure", r->path);
        return read_string(r, h->descr, sizeof h->descr, "a dtype in quotes");
    }
    if (!strcmp(key, "fortran_order") && !h->has_order) {
        h->has_order = true;
        h->fortran = skip_word(r, "True");
        return h->fortran || skip_word(r, "False") ? PB_OK : fail_here(r, "True or False");
    }
    if (!strcmp(key, "shape") && !h->has_shape) {
        h->has_shape = true;
        return read_shape(r, h);
    }
    return pb_fail(r->error, PB_FORMAT,
                   "%s: header: expected descr, fortran_order and shape once each, found %s",
                   r->path, pb_quote(key).text);
}

static pb_status read_header(reader *r, header *h)
{
    bool comma = true;

    if (!skip(r, '{'))
        return fail_here(r, "'{'");
    while (!skip(r, '}')) {
        char key[32];
        if (!comma)
            return fail_here(r, "',' or '}'");
        PB_TRY(read_string(r, key, sizeof key, "a key in quotes"));
        if (!skip(r, ':'))
            return fail_here(r, "':'");
        PB_TRY(read_entry(r, h, key));
        comma = skip(r, ',');
    }
    skip_space(r);
    if (r->p != r->end)
        return fail_here(r, "its end");
    if (!h->has_descr || !h->has_order || !h->has_shape)
        return pb_fail(r->error, PB_FORMAT, "%s: header: expected %s, found none", r->path,
                       !h->has_descr   ? "descr"
                       : !h->has_order ? "fortran_order"
                                       : "shape");
    return PB_OK;
}

/* Where the header's text begins, and its length; checks the version. */
static pb_status find_header(const pb_file *file, size_t *begin, size_t *length, pb_error *error)
{
    const size_t size = file->size;
    unsigned char b[MAGIC_SIZE + 6] = {0};

    PB_TRY(pb_file_read_at(file, 0, b, size < sizeof b ? size : sizeof b, error));
    if (size < MAGIC_SIZE + 2 || memcmp(b, MAGIC, MAGIC_SIZE))
        return pb_fail(error, PB_FORMAT, "%s: not a .npy file", file->path);
    if (b[6] < 1 || b[6] > 3 || b[7] != 0)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: expected version 1.0, 2.0 or 3.0 of the .npy format, found %d.%d",
                       file->path, b[6], b[7]);
    *begin = MAGIC_SIZE + 2 + (b[6] == 1 ? 2 : 4);
    if (size < *begin)
        return pb_fail(error, PB_FORMAT, "%s: truncated: expected a header, found %zu bytes",
                       file->path, size);
    *length = b[8] | (size_t)b[9] << 8;
    if (b[6] > 1)
        *length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (*length > size - *begin)
        return pb_fail(error, PB_FORMAT, "%s: truncated: expected a header of %zu bytes, found %zu",
                       file->path, *length, size - *begin);
    if (*length > HEADER_MOST)
        return pb_fail(error, PB_FORMAT, "%s: expected a header of at most %zu bytes, found %zu",
                       file->path, HEADER_MOST, *length);
    return PB_OK;
}

/* Reads the header; the data begins where it ends. */
static pb_status open_array(header *h, const pb_file *file, size_t *data, pb_error *error)
{
    reader r = {.path = file->path, .error = error};
    size_t begin = 0, length = 0;
    pb_status status;
    char *text;

    PB_TRY(find_header(file, &begin, &length, error));
    text = pb_malloc(length, 1);
    if (!text)
        return pb_fail_memory(error, length, file->path);
    status = pb_file_read_at(file, begin, text, length, error);
    r.begin = r.p = text;
    r.end = text + length;
    if (status == PB_OK)
        status = read_header(&r, h);
    pb_free(text);
    *data = begin + length;
    return status;
}

/* Copies entries of 4 or 8 bytes, the first of them number `first`; each must be a finite float32.
 */
static pb_status copy_entries(float *out, size_t first, size_t count, size_t width,
                              const unsigned char *data, const char *path, pb_error *error)
{
    for (size_t i = 0; i < count; i++) {
        double value;

        if (width == 4) {
            uint32_t bits;
            memcpy(&bits, data + 4 * i, sizeof bits);
            bits = le32toh(bits);
            memcpy(&out[i], &bits, sizeof bits);
            value = (double)out[i];
        } else {
            uint64_t bits;
            memcpy(&bits, data + 8 * i, sizeof bits);
            bits = le64toh(bits);
            memcpy(&value, &bits, sizeof value);
            out[i] = (float)value;
        }
        if (!isfinite(out[i]))
            return pb_fail(error, PB_FORMAT, "%s: entry %zu: expected a finite float32, found %g",
                           path, first + i, value);
    }
    return PB_OK;
}

/* Reads the entries, which begin at byte `at`, by the piece. */
static pb_status read_entries(float *out, size_t count, size_t width, const pb_file *file,
                              size_t at, pb_error *error)
{
    const size_t most = PIECE / width;
    unsigned char piece[PIECE];

    for (size_t done = 0; done < count; done += most) {
        size_t n = count - done < most ? count - done : most;
        PB_TRY(pb_file_read_at(file, at + done * width, piece, n * width, error));
        PB_TRY(copy_entries(out + done, done, n, width, piece, file->path, error));
    }
    return PB_OK;
}

static pb_status read_array(pb_tensor *tensor, const pb_file *file, pb_error *error)
{
    const char *path = file->path;
    size_t data = 0, width, bytes, count = 1;
    header h = {.rank = 0};
    pb_status status;

    PB_TRY(open_array(&h, file, &data, error));
    if (!strcmp(h.descr, "<f4"))
        width = 4;
    else if (!strcmp(h.descr, "<f8"))
        width = 8;
    else
        return pb_fail(error, PB_UNSUPPORTED, "%s: dtype: expected '<f4' or '<f8', found %s%s",
                       path, pb_quote(h.descr).text, h.descr[0] == '>' ? " (big-endian)" : "");
    if (h.fortran && h.rank > 1)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: expected C order, found Fortran order (numpy.ascontiguousarray makes "
                       "it C order)",
                       path);
    for (size_t i = 0; i < h.rank; i++)
        if (pb_mul_overflows(count, h.shape[i], &count))
            return pb_fail(error, PB_FORMAT, "%s: shape: expected fewer than 2^%zu entries", path,
                           8 * sizeof count);
    /* Before anything is allocated: the shape is only a claim. */
    if (pb_mul_overflows(count, width, &bytes) || bytes != file->size - data)
        return pb_fail(error, PB_FORMAT,
                       "%s: expected %zu entries of %zu bytes, found %zu bytes of data", path,
                       count, width, file->size - data);
    PB_TRY(pb_tensor_new(tensor, h.rank, h.shape, error));
    status = read_entries(tensor->data, count, width, file, data, error);
    if (status)
        pb_tensor_clear(tensor);
    return status;
}

pb_status pb_npy_read(pb_tensor *tensor, const char *path, pb_error *error)
{
    pb_status status;
    pb_file file;

    PB_NEED(tensor, "a tensor");
    PB_NEED(path, "a path");
    PB_TRY(pb_file_open(&file, path, error));
    status = read_array(tensor, &file, error);
    pb_file_close(&file);
    return status;
}

pb_status pb_npy_write(const pb_tensor *tensor, const char *path, pb_error *error)
{
    /* Room for 8 dimensions of 20 digits, and padding. */
    char text[384];
    size_t n = MAGIC_SIZE + 4, padded;
    pb_output output;
    pb_status status;

    PB_NEED(path, "a path");
    PB_TRY(pb_tensor_check(tensor, path, error));
    memcpy(text, MAGIC "\x01\x00", MAGIC_SIZE + 2);
    n += (size_t)snprintf(text + n, sizeof text - n,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (size_t i = 0; i < tensor->rank; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%zu", i ? ", " : "", tensor->shape[i]);
    n += (size_t)snprintf(text + n, sizeof text - n, "%s), }", tensor->rank == 1 ? "," : "");
    /* Spaces and a newline, so that the data begins at a multiple of 64 bytes. */
    padded = (n + 64) / 64 * 64;
    memset(text + n, ' ', padded - n);
    text[padded - 1] = '\n';
    text[8] = (char)((padded - MAGIC_SIZE - 4) & 0xFF);
    text[9] = (char)((padded - MAGIC_SIZE - 4) >> 8);

    PB_TRY(pb_output_open(&output, path, error));
    status = pb_output_bytes(&output, text, padded, error);
    if (!status)
        status = pb_output_floats(&output, tensor->data, pb_tensor_count(tensor), error);
    if (status) {
        pb_output_abandon(&output);
        return status;
    }
    return pb_output_commit(&output, error);
}
