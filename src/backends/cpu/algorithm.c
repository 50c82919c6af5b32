#include "backends/cpu/algorithm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/im2row.h"
#include "backends/cpu/winograd.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"

#define FORMAT "pullback costs 1"
#define MOST_BYTES ((size_t)16 << 20)

static const char *const names[PB_ALGORITHMS] = {"direct", "winograd", "im2row"};
static const char *const directions[] = {"forward", "transpose"};

const char *pb_algorithm_name(pb_algorithm algorithm)
{
    return names[algorithm];
}

bool pb_algorithm_computes(pb_algorithm algorithm, const pb_convolution_shape *shape)
{
    return algorithm != PB_WINOGRAD || pb_winograd_computes(shape);
}

/* -- choosing -------------------------------------------------------------------------------- */

static bool same_but_for_sizes(const pb_convolution_shape *a, const pb_convolution_shape *b)
{
    return a->in_c == b->in_c && a->out_c == b->out_c && a->kernel == b->kernel &&
           a->stride == b->stride && a->top == b->top && a->left == b->left &&
           a->bottom == b->bottom && a->right == b->right;
}

static bool same_but_for_items(const pb_convolution_shape *a, const pb_convolution_shape *b)
{
    return a->in_h == b->in_h && a->in_w == b->in_w && a->out_h == b->out_h &&
           a->out_w == b->out_w && same_but_for_sizes(a, b);
}

static pb_algorithm cheapest(const pb_cost *cost)
{
    pb_algorithm best = PB_DIRECT;

    for (pb_algorithm i = 0; i < PB_ALGORITHMS; i++)
        if (cost->seconds[i] < cost->seconds[best])
            best = i;
    return best;
}

pb_algorithm pb_algorithm_choose(const pb_costs *costs, const pb_convolution_shape *shape,
                                 pb_direction direction)
{
    const pb_cost *nearest = NULL;
    double least = INFINITY;

    for (size_t i = 0; costs && i < costs->count; i++) {
        const pb_cost *cost = &costs->costs[i];
        double distance = fabs(log((double)cost->shape.n / (double)shape->n));
        if (cost->direction == direction && same_but_for_items(&cost->shape, shape) &&
            distance < least) {
            nearest = cost;
            least = distance;
        }
    }
    if (nearest)
        return cheapest(nearest);
    if (pb_winograd_computes(shape) && pb_winograd_suits(shape, direction))
        return PB_WINOGRAD;
    return pb_im2row_suits(shape, direction) ? PB_IM2ROW : PB_DIRECT;
}

/* The rules speak of least sizes only: what suits any suits the largest. */
bool pb_algorithm_may_suit(const pb_costs *costs, pb_algorithm algorithm,
                           const pb_convolution_shape *shape)
{
    pb_convolution_shape large = *shape;

    large.n = large.in_h = large.in_w = large.out_h = large.out_w = 1 << 10;
    for (pb_direction d = PB_CONVOLVE; d <= PB_CONVOLVE_TRANSPOSE; d++)
        if (pb_algorithm_choose(NULL, &large, d) == algorithm)
            return true;
    for (size_t i = 0; costs && i < costs->count; i++)
        if (same_but_for_sizes(&costs->costs[i].shape, shape) &&
            cheapest(&costs->costs[i]) == algorithm)
            return true;
    return false;
}

/* -- files ----------------------------------------------------------------------------------- */

void pb_costs_free(pb_costs *costs)
{
    if (!costs)
        return;
    pb_free(costs->costs);
    pb_free(costs);
}

/* The numbers of a shape, by name. */
#define SHAPE_NUMBERS(X)                                                                           \
    X(n)                                                                                           \
    X(in_h)                                                                                        \
    X(in_w) X(in_c) X(out_h) X(out_w) X(out_c) X(kernel) X(stride) X(top) X(left) X(bottom) X(right)

static pb_status read_size(size_t *out, const json_t *entry, const char *key, size_t i,
                           const char *path, pb_error *error)
{
    const json_t *value = json_object_get(entry, key);
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || number > 1 << 28)
        return pb_fail(error, PB_FORMAT, "%s: costs[%zu].%s: expected a whole number, found %s",
                       path, i, key, pb_json_found(value).text);
    *out = (size_t)number;
    return PB_OK;
}

static pb_status read_seconds(pb_cost *cost, const json_t *entry, size_t i, const char *path,
                              pb_error *error)
{
    for (pb_algorithm a = 0; a < PB_ALGORITHMS; a++) {
        const json_t *value = json_object_get(entry, names[a]);
        double seconds = value ? json_number_value(value) : INFINITY;
        if (value && !(json_is_number(value) && seconds > 0))
            return pb_fail(error, PB_FORMAT, "%s: costs[%zu].%s: expected seconds, found %s", path,
                           i, names[a], pb_json_found(value).text);
        cost->seconds[a] = pb_algorithm_computes(a, &cost->shape) ? seconds : INFINITY;
    }
    return PB_OK;
}

static pb_status read_cost(pb_cost *cost, const json_t *entry, size_t i, const char *path,
                           pb_error *error)
{
    const json_t *direction = json_object_get(entry, "direction");
    const char *text = json_string_value(direction);

    if (!json_is_object(entry))
        return pb_fail(error, PB_FORMAT, "%s: costs[%zu]: expected an object, found %s", path, i,
                       pb_json_found(entry).text);
    if (!text || (strcmp(text, directions[0]) && strcmp(text, directions[1])))
        return pb_fail(error, PB_FORMAT,
                       "%s: costs[%zu].direction: expected \"%s\" or \"%s\", found %s", path, i,
                       directions[0], directions[1], pb_json_found(direction).text);
    cost->direction = strcmp(text, directions[0]) ? PB_CONVOLVE_TRANSPOSE : PB_CONVOLVE;
#define READ(NAME) PB_TRY(read_size(&cost->shape.NAME, entry, #NAME, i, path, error));
    SHAPE_NUMBERS(READ)
#undef READ
    if (cost->shape.n == 0)
        return pb_fail(error, PB_FORMAT, "%s: costs[%zu].n: expected at least 1, found 0", path, i);
    return read_seconds(cost, entry, i, path, error);
}

static pb_status read_all(pb_costs *costs, const json_t *root, const char *path, pb_error *error)
{
    const json_t *format = json_object_get(root, "format"), *list = json_object_get(root, "costs");
    const char *text = json_string_value(format);

    if (!text || strcmp(text, FORMAT))
        return pb_fail(error, PB_FORMAT, "%s: format: expected \"%s\", found %s", path, FORMAT,
                       pb_json_found(format).text);
    if (!json_is_array(list))
        return pb_fail(error, PB_FORMAT, "%s: costs: expected a list, found %s", path,
                       pb_json_found(list).text);
    costs->costs = pb_calloc(json_array_size(list), sizeof *costs->costs);
    if (!costs->costs)
        return pb_fail_memory(error, json_array_size(list) * sizeof *costs->costs, path);
    for (; costs->count < json_array_size(list); costs->count++)
        PB_TRY(read_cost(&costs->costs[costs->count], json_array_get(list, costs->count),
                         costs->count, path, error));
    return PB_OK;
}

pb_status pb_costs_read(pb_costs **out, const char *path, pb_error *error)
{
    pb_costs *costs = pb_calloc(1, sizeof *costs);
    json_t *root = NULL;
    pb_status status;

    if (!costs)
        return pb_fail_memory(error, sizeof *costs, path);
    status = pb_json_read(&root, path, MOST_BYTES, 0, error);
    if (status == PB_OK)
        status = read_all(costs, root, path, error);
    json_decref(root);
    if (status == PB_OK)
        *out = costs;
    else
        pb_costs_free(costs);
    return status;
}

static json_t *cost_json(const pb_cost *cost)
{
    json_t *entry = json_object();

    json_object_set_new(entry, "direction", json_string(directions[cost->direction]));
#define WRITE(NAME) json_object_set_new(entry, #NAME, json_integer((json_int_t)cost->shape.NAME));
    SHAPE_NUMBERS(WRITE)
#undef WRITE
    for (pb_algorithm a = 0; a < PB_ALGORITHMS; a++)
        if (isfinite(cost->seconds[a]))
            json_object_set_new(entry, names[a], json_real(cost->seconds[a]));
    return entry;
}

pb_status pb_costs_write(const pb_costs *costs, const char *machine, const char *path,
                         pb_error *error)
{
    json_t *list = json_array(), *root;
    pb_status status;
    char *text;

    for (size_t i = 0; i < costs->count; i++)
        json_array_append_new(list, cost_json(&costs->costs[i]));
    root = json_pack("{s:s, s:s, s:o}", "format", FORMAT, "machine", machine, "costs", list);
    text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(4)) : NULL;
    json_decref(root);
    if (!text)
        return pb_fail_memory(error, costs->count * sizeof *costs->costs, path);
    status = pb_file_write(path, text, strlen(text), error);
    free(text);
    return status;
}
