/* pb_stored_read: stored numbers as float32: read straight into their place where they are float32
 * already, else by the piece and converted. Plain loops without branches, so that the compiler
 * vectorises them; loads by memcpy, which promises no alignment. */
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "io/addition.h"
#include "io/file.h"
#include "io/json.h"
#include "io/weights.h"

/* Bytes that are read and converted at a time: few enough to stay near the processor. */
#define PIECE ((size_t)65536)

static inline float from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t to_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* IEEE 754 binary16 to binary32, exact. With m the 15 bits below the sign moved into place, a
 * normal number needs its exponent rebiased by 127 - 15 = 112, an infinity or NaN by as much
 * again. A subnormal one is 2^-14 (m / 2^23): that is 2^-14 (1 + m / 2^23) less 2^-14, a
 * subtraction of normal floats without rounding (and right also where the processor flushes
 * subnormal floats to zero). */
static inline float from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t m = (uint32_t)(half & 0x7FFF) << 13;
    uint32_t normal = m + (112u << 23);
    uint32_t special = m + (224u << 23);
    uint32_t subnormal = to_bits(from_bits(m + (113u << 23)) - from_bits(113u << 23));
    uint32_t bits = m >= (31u << 23) ? special : normal;

    bits = m < (1u << 23) ? subnormal : bits;
    return from_bits(sign | bits);
}

static void read_half(size_t n, const unsigned char *from, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, sizeof half);
        out[i] = from_half(le16toh(half));
    }
}

/* bfloat16 is the upper half of a binary32. */
static void read_bfloat(size_t n, const unsigned char *from, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t upper;
        memcpy(&upper, from + 2 * i, sizeof upper);
        out[i] = from_bits((uint32_t)le16toh(upper) << 16);
    }
}

static void read_double(size_t n, const unsigned char *from, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        double value;
        memcpy(&bits, from + 8 * i, sizeof bits);
        bits = le64toh(bits);
        memcpy(&value, &bits, sizeof value);
        out[i] = (float)value;
    }
}

static size_t entry_bytes(pb_dtype dtype)
{
    return dtype == PB_F64 ? 8 : dtype == PB_F32 ? 4 : 2;
}

static void convert(pb_dtype dtype, size_t n, const unsigned char *from, float *out)
{
    switch (dtype) {
    case PB_F64:
        read_double(n, from, out);
        break;
    case PB_F16:
        read_half(n, from, out);
        break;
    case PB_BF16:
        read_bfloat(n, from, out);
        break;
    case PB_F32:
    case PB_INTEGER:
        break;
    }
}

/* `count` bytes of the tensor, as they are stored. */
static pb_status fetch(const pb_stored *stored, size_t at, size_t count, void *out, pb_error *error)
{
    if (!stored->data)
        return pb_file_read_at(stored->source, stored->offset + at, out, count, error);
    memcpy(out, (const unsigned char *)stored->data + at, count);
    return PB_OK;
}

/* Little-endian float32, in place, to this machine's. */
static void order_bytes(size_t n, float *values)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    (void)n, (void)values;
#else
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        values[i] = from_bits(le32toh(bits));
    }
#endif
}

/* `count` entries that follow each other, from number `first` of the file's order on. */
static pb_status read_run(const pb_stored *stored, size_t first, size_t count, float *out,
                          pb_error *error)
{
    const size_t width = entry_bytes(stored->dtype);
    unsigned char piece[PIECE];

    if (stored->dtype == PB_F32) {
        PB_TRY(fetch(stored, first * width, count * width, out, error));
        order_bytes(count, out);
        return PB_OK;
    }
    for (size_t done = 0; done < count; done += PIECE / width) {
        size_t n = count - done < PIECE / width ? count - done : PIECE / width;
        PB_TRY(fetch(stored, (first + done) * width, n * width, piece, error));
        convert(stored->dtype, n, piece, out + done);
    }
    return PB_OK;
}

/* -- entries that do not follow each other ----------------------------------------------------- */

/* Where entry number i lies, in the file's order from the first on. */
static size_t place(const pb_layout *l, size_t i)
{
    size_t at = 0;

    for (size_t d = l->rank; d-- > 0; i /= l->shape[d])
        at += i % l->shape[d] * l->stride[d];
    return at;
}

/* Row by row, where those of the last dimension follow each other. */
static pb_status read_rows(const pb_stored *stored, size_t first, size_t count, float *out,
                           pb_error *error)
{
    const pb_layout *l = stored->layout;
    const size_t row = l->shape[l->rank - 1];

    for (size_t done = 0; done < count;) {
        size_t left = row - (first + done) % row, n = count - done < left ? count - done : left;
        PB_TRY(read_run(stored, place(l, first + done), n, out + done, error));
        done += n;
    }
    return PB_OK;
}

/* All that lies between the first of them and the last is read, and these are taken from it. */
static pb_status read_scattered(const pb_stored *stored, size_t first, size_t count, float *out,
                                pb_error *error)
{
    const pb_layout *l = stored->layout;
    size_t least = SIZE_MAX, most = 0;
    pb_status status;
    float *all;

    for (size_t i = 0; i < count; i++) {
        size_t at = place(l, first + i);
        least = at < least ? at : least;
        most = at > most ? at : most;
    }
    all = pb_malloc(most - least + 1, sizeof *all);
    if (!all)
        return pb_fail_memory(error, (most - least + 1) * sizeof *all, stored->name);
    status = read_run(stored, least, most - least + 1, all, error);
    for (size_t i = 0; status == PB_OK && i < count; i++)
        out[i] = all[place(l, first + i) - least];
    pb_free(all);
    return status;
}

/* -- all -----------------------------------------------------------------------------------------
 */

/* As the file has them. */
static pb_status read_plain(const pb_stored *stored, size_t first, size_t count, float *out,
                            pb_error *error)
{
    const pb_layout *l = stored->layout;

    return !l                            ? read_run(stored, first, count, out, error)
           : l->stride[l->rank - 1] == 1 ? read_rows(stored, first, count, out, error)
                                         : read_scattered(stored, first, count, out, error);
}

pb_status pb_stored_read_some(const pb_stored *stored, size_t first, size_t count, float *out,
                              pb_error *error)
{
    if (stored->dtype == PB_INTEGER || count == 0) /* an empty tensor may have no data at all */
        return PB_OK;
    PB_TRY(read_plain(stored, first, count, out, error));
    return stored->added_count ? pb_additions_apply(stored, first, count, out, error) : PB_OK;
}

pb_status pb_stored_load(float **out, const pb_stored *stored, pb_error *error)
{
    float *values = pb_malloc(stored->count, sizeof *values);
    pb_status status = values ? pb_stored_read(stored, values, error)
                              : pb_fail_memory(error, stored->count * sizeof *values, stored->name);

    if (status != PB_OK) {
        pb_free(values);
        values = NULL;
    }
    *out = values;
    return status;
}

pb_status pb_stored_read(const pb_stored *stored, float *out, pb_error *error)
{
    return pb_stored_read_some(stored, 0, stored->count, out, error);
}

/* A whole number of so many bytes, little-endian, below 2^63. */
static double whole_number(const unsigned char *bytes, size_t width, bool negative)
{
    uint64_t bits = negative && bytes[width - 1] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = width; i-- > 0;)
        bits = bits << 8 | bytes[i];
    return negative ? (double)(int64_t)bits : (double)bits;
}

pb_status pb_stored_number(const pb_stored *stored, double *number, pb_error *error)
{
    unsigned char bytes[8];
    float real;

    if (stored->count != 1 || stored->bytes > sizeof bytes || !strcmp(stored->dtype_name, "BOOL"))
        return pb_fail(error, PB_FORMAT, "%s: tensor %s: expected one number, found %zu of %s",
                       stored->file, pb_quote(stored->name).text, stored->count,
                       stored->dtype_name);
    if (stored->dtype == PB_INTEGER) {
        PB_TRY(fetch(stored, 0, stored->bytes, bytes, error));
        *number = whole_number(bytes, stored->bytes, stored->dtype_name[0] == 'I');
        return PB_OK;
    }
    PB_TRY(pb_stored_read(stored, &real, error));
    *number = (double)real;
    return PB_OK;
}
