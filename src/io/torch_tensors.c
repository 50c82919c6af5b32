#include "io/torch_tensors.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"

#define DEPTH_MOST 8                 /* of dicts in dicts, and of calls around a tensor */
#define STEPS_MOST ((size_t)1 << 20) /* entries looked at: a dict may be in itself, many times */

static const struct dtype {
    const char *storage; /* the type of storages of it, or NULL */
    const char *name;
    const char *dtype_name;
    pb_dtype dtype;
    size_t size;
} dtypes[] = {
    {"torch.FloatStorage", "torch.float32", "F32", PB_F32, 4},
    {"torch.HalfStorage", "torch.float16", "F16", PB_F16, 2},
    {"torch.BFloat16Storage", "torch.bfloat16", "BF16", PB_BF16, 2},
    {"torch.DoubleStorage", "torch.float64", "F64", PB_F64, 8},
    {"torch.LongStorage", "torch.int64", "I64", PB_INTEGER, 8},
    {"torch.IntStorage", "torch.int32", "I32", PB_INTEGER, 4},
    {"torch.ShortStorage", "torch.int16", "I16", PB_INTEGER, 2},
    {"torch.CharStorage", "torch.int8", "I8", PB_INTEGER, 1},
    {"torch.ByteStorage", "torch.uint8", "U8", PB_INTEGER, 1},
    {"torch.BoolStorage", "torch.bool", "BOOL", PB_INTEGER, 1},
    {NULL, "torch.uint16", "U16", PB_INTEGER, 2},
    {NULL, "torch.uint32", "U32", PB_INTEGER, 4},
    {NULL, "torch.uint64", "U64", PB_INTEGER, 8},
};

/* What is gone through. */
typedef struct walk {
    const char *path;
    pb_torch_tensors *tensors;
    bool strict;         /* what is no tensor and not known is an error; */
    const char *unknown; /* or the first such, for a message */
    size_t steps;
} walk;

/* Fails with "FILE: tensor "NAME": …". */
#define FAIL_TENSOR(status, format, ...)                                                           \
    pb_fail(error, status, "%s: tensor %s: " format, w->path, pb_quote(t->name).text, __VA_ARGS__)

/* -- a tensor ---------------------------------------------------------------------------------- */

static bool get_size(const pb_pickled *value, size_t *out)
{
    if (value->kind != PB_PICKLED_INTEGER || value->integer < 0 ||
        (uintmax_t)value->integer > SIZE_MAX)
        return false;
    *out = (size_t)value->integer;
    return true;
}

/* The dtype of a storage's type, or by its own name. */
static pb_status find_dtype(const walk *w, const pb_torch_tensor *t, const struct dtype **out,
                            const pb_pickled *value, pb_error *error)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if ((dtypes[i].storage && pb_pickled_is(value, dtypes[i].storage)) ||
            pb_pickled_is(value, dtypes[i].name)) {
            *out = &dtypes[i];
            return PB_OK;
        }
    return FAIL_TENSOR(PB_UNSUPPORTED,
                       "expected numbers of torch.float64, float32, float16, bfloat16 or integers, "
                       "found %.80s",
                       pb_pickled_word(value));
}

static bool is_untyped(const pb_pickled *type)
{
    return pb_pickled_is(type, "torch.storage.UntypedStorage") ||
           pb_pickled_is(type, "torch.UntypedStorage");
}

/* ("storage", type, key, device, entries); own: the tensor's dtype where it has its own, or NULL.
 */
static pb_status read_storage(const walk *w, pb_torch_tensor *t, const pb_pickled *value,
                              const pb_pickled *own, const struct dtype **dtype, pb_error *error)
{
    const pb_pickled *id = value->kind == PB_PICKLED_PERSISTENT ? value->argument : NULL;
    const struct dtype *of_storage;
    size_t entries;

    if (!id || id->kind != PB_PICKLED_TUPLE || id->count < 5 ||
        id->items[0]->kind != PB_PICKLED_TEXT || strcmp(id->items[0]->text, "storage") ||
        id->items[2]->kind != PB_PICKLED_TEXT || !get_size(id->items[4], &entries))
        return FAIL_TENSOR(PB_FORMAT, "expected a storage, found %.80s", pb_pickled_word(value));
    t->storage = id->items[2]->text;
    t->storage_bytes = entries;
    if (!is_untyped(id->items[1])) {
        PB_TRY(find_dtype(w, t, &of_storage, id->items[1], error));
        if (pb_mul_overflows(entries, of_storage->size, &t->storage_bytes))
            return FAIL_TENSOR(PB_FORMAT, "expected a storage, found one of %zu entries", entries);
        *dtype = of_storage;
    }
    if (own)
        return find_dtype(w, t, dtype, own, error);
    if (is_untyped(id->items[1]))
        return FAIL_TENSOR(PB_FORMAT, "expected a storage of a type, found %.80s",
                           id->items[1]->text);
    return PB_OK;
}

/* Shape and strides, and whether all of it lies in the storage. */
static pb_status read_shape(const walk *w, pb_torch_tensor *t, const pb_pickled *shape,
                            const pb_pickled *strides, size_t first, const struct dtype *dtype,
                            pb_error *error)
{
    pb_stored *stored = &t->stored;
    size_t last = first, whole = 1, step;
    bool follow = true, fits;

    if (shape->kind != PB_PICKLED_TUPLE || strides->kind != PB_PICKLED_TUPLE ||
        shape->count != strides->count)
        return FAIL_TENSOR(PB_FORMAT, "expected a shape and as many strides, found %s and %s",
                           pb_pickled_word(shape), pb_pickled_word(strides));
    if (shape->count > PB_MAX_RANK)
        return FAIL_TENSOR(PB_UNSUPPORTED, "shape: expected at most %d dimensions, found %zu",
                           PB_MAX_RANK, shape->count);
    stored->rank = shape->count;
    stored->count = 1;
    for (size_t d = 0; d < stored->rank; d++) {
        if (!get_size(shape->items[d], &stored->shape[d]) ||
            !get_size(strides->items[d], &t->layout.stride[d]))
            return FAIL_TENSOR(PB_FORMAT, "dimension %zu: expected no negative number", d);
        if (pb_mul_overflows(stored->count, stored->shape[d], &stored->count))
            return FAIL_TENSOR(PB_FORMAT, "shape: expected a number of entries below 2^%zu",
                               8 * sizeof(size_t));
    }
    fits = !pb_mul_overflows(stored->count, dtype->size, &stored->bytes);
    for (size_t d = stored->rank; stored->count && d-- > 0;) {
        fits = fits && !pb_mul_overflows(stored->shape[d] - 1, t->layout.stride[d], &step) &&
               !__builtin_add_overflow(last, step, &last);
        follow = follow && (stored->shape[d] == 1 || t->layout.stride[d] == whole);
        whole *= stored->shape[d];
    }
    if (!fits || (stored->count && last >= t->storage_bytes / dtype->size))
        return FAIL_TENSOR(PB_FORMAT,
                           "expected entries within a storage of %zu bytes, found some "
                           "beyond",
                           t->storage_bytes);
    if (!follow) {
        t->layout.rank = stored->rank;
        memcpy(t->layout.shape, stored->shape, sizeof stored->shape);
    }
    stored->offset = stored->count ? first * dtype->size : 0;
    return PB_OK;
}

/* By the arguments of _rebuild_tensor_v2: storage, first entry, shape, strides, whether it has a
 * gradient, hooks, what else is to be known; of _v3 the dtype and that. */
static pb_status read_tensor(const walk *w, pb_torch_tensor *t, const pb_pickled *arguments,
                             bool has_dtype, pb_error *error)
{
    const size_t more = has_dtype ? 7 : 6;
    const struct dtype *dtype = NULL;
    size_t first;

    if (arguments->kind != PB_PICKLED_TUPLE || arguments->count < (has_dtype ? 7 : 4) ||
        !get_size(arguments->items[1], &first))
        return FAIL_TENSOR(PB_FORMAT, "expected a storage, a place in it and a shape, found %s",
                           pb_pickled_word(arguments));
    if (arguments->count > more && arguments->items[more]->kind == PB_PICKLED_DICT &&
        arguments->items[more]->count)
        return FAIL_TENSOR(PB_UNSUPPORTED, "%s",
                           "expected its numbers as they are, found them to "
                           "be negated or conjugated");
    PB_TRY(read_storage(w, t, arguments->items[0], has_dtype ? arguments->items[6] : NULL, &dtype,
                        error));
    t->stored.dtype = dtype->dtype;
    t->stored.dtype_name = dtype->dtype_name;
    return read_shape(w, t, arguments->items[2], arguments->items[3], first, dtype, error);
}

/* -- calls ------------------------------------------------------------------------------------- */

typedef enum maker {
    NOT_OURS,
    TENSOR,      /* _rebuild_tensor_v2 and before */
    TENSOR_TYPE, /* … with a dtype */
    PARAMETER,   /* of a tensor, the first argument */
    ALIKE        /* of a function, a class and the function's arguments */
} maker;

static maker find_maker(const pb_pickled *callee)
{
    static const struct {
        const char *name;
        maker maker;
    } calls[] = {
        {"torch._utils._rebuild_tensor_v2", TENSOR},
        {"torch._utils._rebuild_tensor", TENSOR},
        {"torch._utils._rebuild_tensor_v3", TENSOR_TYPE},
        {"torch._utils._rebuild_parameter", PARAMETER},
        {"torch._utils._rebuild_parameter_with_state", PARAMETER},
        {"torch._tensor._rebuild_from_type_v2", ALIKE},
    };

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (pb_pickled_is(callee, calls[i].name))
            return calls[i].maker;
    return NOT_OURS;
}

/* Classes whose objects are what their function returned. */
static bool is_tensor_class(const pb_pickled *class)
{
    static const char *const names[] = {"torch.Tensor", "torch._tensor.Tensor",
                                        "torch.nn.parameter.Parameter",
                                        "torch.nn.parameter.Buffer"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (pb_pickled_is(class, names[i]))
            return true;
    return false;
}

static pb_status read_call(const walk *w, pb_torch_tensor *t, const pb_pickled *callee,
                           const pb_pickled *arguments, size_t depth, pb_error *error);

/* A tensor, by the call that makes it. */
static pb_status read_value(const walk *w, pb_torch_tensor *t, const pb_pickled *value,
                            size_t depth, pb_error *error)
{
    if (value->kind != PB_PICKLED_CALL || value->altered)
        return FAIL_TENSOR(PB_UNSUPPORTED, "expected a tensor, found %.80s%s",
                           pb_pickled_word(value), value->altered ? ", altered" : "");
    return read_call(w, t, value->callee, value->argument, depth, error);
}

static pb_status read_call(const walk *w, pb_torch_tensor *t, const pb_pickled *callee,
                           const pb_pickled *arguments, size_t depth, pb_error *error)
{
    const maker call = find_maker(callee);
    const size_t count = arguments->kind == PB_PICKLED_TUPLE ? arguments->count : 0;

    if (depth > DEPTH_MOST)
        return FAIL_TENSOR(PB_FORMAT, "expected a tensor, found calls in more than %d others",
                           DEPTH_MOST);
    if (call == TENSOR || call == TENSOR_TYPE)
        return read_tensor(w, t, arguments, call == TENSOR_TYPE, error);
    if (call == PARAMETER && count)
        return read_value(w, t, arguments->items[0], depth + 1, error);
    if (call == ALIKE && count >= 3 && is_tensor_class(arguments->items[1]))
        return read_call(w, t, arguments->items[0], arguments->items[2], depth + 1, error);
    if (call == ALIKE && count >= 3)
        callee = arguments->items[1];
    return FAIL_TENSOR(PB_UNSUPPORTED, "expected a tensor, found %.80s, which is not known here",
                       pb_pickled_word(callee));
}

/* -- dicts ------------------------------------------------------------------------------------- */

static bool is_dict(const pb_pickled *value)
{
    if (value->kind == PB_PICKLED_DICT)
        return true;
    return value->kind == PB_PICKLED_CALL && value->argument->kind == PB_PICKLED_TUPLE &&
           (pb_pickled_is(value->callee, "collections.defaultdict") ||
            (pb_pickled_is(value->callee, "collections.OrderedDict") &&
             value->argument->count == 0));
}

/* Would PyTorch make a tensor of it, by functions that are known here or not? */
static bool is_tensor(const pb_pickled *value)
{
    static const char *const prefixes[] = {"torch._utils._rebuild", "torch._tensor._rebuild"};
    const pb_pickled *callee = value->kind == PB_PICKLED_CALL ? value->callee : NULL;

    for (size_t i = 0; callee && callee->kind == PB_PICKLED_GLOBAL && i < 2; i++)
        if (!strncmp(callee->text, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

/* Adds a tensor to the list, whose name is taken over. */
static pb_status add(walk *w, char *name, const pb_pickled *value, pb_error *error)
{
    pb_torch_tensors *all = w->tensors;
    pb_torch_tensor *t;

    if (all->count == all->room) {
        void *grown = pb_grow(all->list, all->count, &all->room, sizeof *all->list);
        if (!grown) {
            pb_free(name);
            return pb_fail_memory(error, 2 * all->count * sizeof *all->list, w->path);
        }
        all->list = grown;
    }
    t = &all->list[all->count++];
    *t = (pb_torch_tensor){.name = name};
    return read_value(w, t, value, 0, error);
}

static pb_status gather(walk *w, const pb_pickled *dict, const char *prefix, size_t depth,
                        pb_error *error);

static pb_status gather_entry(walk *w, const char *key, const pb_pickled *value, const char *prefix,
                              size_t depth, pb_error *error)
{
    const bool is_unknown = value->kind == PB_PICKLED_CALL && !is_dict(value);
    pb_status status;
    char *name;

    if (!is_tensor(value) && !(is_dict(value) && depth < DEPTH_MOST)) {
        if (is_unknown && w->strict)
            return pb_fail(error, PB_UNSUPPORTED,
                           "%s: tensor %s: expected a tensor, found %.80s, which is not known here",
                           w->path, pb_quote(key).text, pb_pickled_word(value));
        if (is_unknown && !w->unknown)
            w->unknown = pb_pickled_word(value);
        return PB_OK;
    }
    name = prefix ? pb_sprintf("%s.%s", prefix, key) : pb_strdup(key);
    if (!name)
        return pb_fail_memory(error, strlen(key), "a name");
    if (is_tensor(value))
        return add(w, name, value, error);
    status = gather(w, value, name, depth + 1, error);
    pb_free(name);
    return status;
}

static pb_status gather(walk *w, const pb_pickled *dict, const char *prefix, size_t depth,
                        pb_error *error)
{
    for (size_t i = 0; i < dict->count / 2; i++) {
        const pb_pickled *key = dict->items[2 * i];
        if (++w->steps > STEPS_MOST)
            return pb_fail(error, PB_UNSUPPORTED, "%s: expected at most %zu entries of dicts",
                           w->path, STEPS_MOST);
        if (key->kind == PB_PICKLED_TEXT)
            PB_TRY(gather_entry(w, key->text, dict->items[2 * i + 1], prefix, depth, error));
    }
    return PB_OK;
}

/* Is it a list with dicts in it? */
static bool is_list(const pb_pickled *value)
{
    for (size_t i = 0;
         i < value->count && (value->kind == PB_PICKLED_LIST || value->kind == PB_PICKLED_TUPLE);
         i++)
        if (is_dict(value->items[i]))
            return true;
    return false;
}

static pb_status gather_list(walk *w, const pb_pickled *list, pb_error *error)
{
    char number[32];

    for (size_t i = 0; i < list->count; i++) {
        snprintf(number, sizeof number, "%zu", i);
        if (is_dict(list->items[i]))
            PB_TRY(gather(w, list->items[i], number, 1, error));
    }
    return PB_OK;
}

pb_status pb_torch_gather(pb_torch_tensors *tensors, const char *path, const pb_pickled *value,
                          pb_error *error)
{
    walk w = {.path = path, .tensors = tensors};
    const pb_pickled *inner = is_dict(value) ? pb_pickled_find(value, "state_dict") : NULL;
    const char *of = inner ? "state_dict: " : "";

    if (inner) {
        w.strict = true;
        value = inner;
    }
    if (!is_dict(value) && !is_list(value))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: %sexpected a dict of tensors, found %.80s (a model's state_dict() is "
                       "what to save)",
                       path, of, pb_pickled_word(value));
    PB_TRY(is_dict(value) ? gather(&w, value, NULL, 0, error) : gather_list(&w, value, error));
    if (tensors->count == 0)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: %sexpected a dict of tensors, found no tensor%s%.80s", path, of,
                       w.unknown ? ", but " : "", w.unknown ? w.unknown : "");
    return PB_OK;
}

void pb_torch_clear(pb_torch_tensors *tensors)
{
    for (size_t i = 0; i < tensors->count; i++)
        pb_free(tensors->list[i].name);
    pb_free(tensors->list);
    *tensors = (pb_torch_tensors){0};
}
