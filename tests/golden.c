#include "golden.h"

#include <string.h>

#include "base/memory.h"
#include "io/file.h"

pb_tensor golden(const pb_weights *io, const char *format, ...)
{
    pb_tensor tensor = PB_TENSOR_EMPTY;
    const pb_stored *stored;
    va_list arguments;
    char name[64];

    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    stored = pb_weights_find(io, name);
    if (!stored)
        fail_msg("no golden tensor %s", name);
    MUST(pb_tensor_new(&tensor, stored->rank, stored->shape, error));
    MUST(pb_stored_read(stored, tensor.data, error));
    return tensor;
}

json_t *golden_json(const char *format, ...)
{
    char name[256], path[512];
    json_t *json;
    va_list list;

    va_start(list, format);
    vsnprintf(name, sizeof name, format, list);
    va_end(list);
    snprintf(path, sizeof path, GOLDEN "%s", name);
    json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    return json;
}

double golden_timestep(const pb_weights *io)
{
    const pb_stored *t = pb_weights_find(io, "t");
    int64_t integer;
    float real;

    assert_non_null(t);
    if (t->dtype == PB_INTEGER) {
        MUST(pb_file_read_at(t->source, t->offset, &integer, sizeof integer, error));
        return (double)integer;
    }
    MUST(pb_stored_read(t, &real, error));
    return (double)real;
}

void assert_near(const char *what, const float *found, const float *expected, size_t count,
                 double tolerance)
{
    double error = relative_error(found, expected, count);

    if (!(error <= tolerance))
        fail_msg("%s: off by %.3g of the largest entry, %.3g allowed", what, error, tolerance);
    print_message("%s: off by %.2g of the largest entry\n", what, error);
}

pb_tensor apply_to(const pb_linearisation *linearisation, bool transpose, const float *x)
{
    const pb_operator *op = pb_linearisation_operator(linearisation);
    size_t from[3], to[3];
    pb_tensor result = PB_TENSOR_EMPTY;

    pb_linearisation_shapes(linearisation, from, to);
    MUST(pb_tensor_new(&result, 3, transpose ? from : to, error));
    MUST((transpose ? op->apply_transpose : op->apply)(op->context, 1, x,
                                                       transpose ? op->rows : op->cols, result.data,
                                                       transpose ? op->cols : op->rows, error));
    return result;
}
