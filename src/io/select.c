/* Weights under other names: what one file calls by the names of its makers has in a selection
 * those that the networks here go by. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"
#include "io/weights_inside.h"

/* How far number n of entries in order lies in each dimension. */
static void split(const pb_layout *l, size_t n, size_t *steps)
{
    for (size_t d = l->rank; d-- > 0; n /= l->shape[d])
        steps[d] = n % l->shape[d];
}

static size_t join(const pb_layout *l, const size_t *steps)
{
    size_t at = 0;

    for (size_t d = 0; d < l->rank; d++)
        at += steps[d] * l->stride[d];
    return at;
}

/* A layout of entries that have one themselves: where they lie in the end. Each step of the upper
 * one must be a step of the lower one too, which it is while no dimension there is left. */
static bool compose(pb_layout *upper, size_t *first, const pb_layout *lower)
{
    size_t reached[PB_MAX_RANK], steps[PB_MAX_RANK], way;

    split(lower, *first, reached);
    *first = join(lower, reached);
    for (size_t d = 0; d < upper->rank; d++) {
        split(lower, upper->stride[d], steps);
        upper->stride[d] = join(lower, steps);
        for (size_t k = 0; upper->shape[d] && k < lower->rank; k++)
            if (pb_mul_overflows(upper->shape[d] - 1, steps[k], &way) ||
                way > SIZE_MAX - reached[k] || (reached[k] += way) >= lower->shape[k])
                return false;
    }
    return true;
}

static void set_in_order(pb_layout *l, size_t rank, const size_t *shape)
{
    size_t stride = 1;

    l->rank = rank;
    for (size_t d = rank; d-- > 0; stride *= shape[d]) {
        l->shape[d] = shape[d];
        l->stride[d] = stride;
    }
}

/* One of them. Its name is the selection's already. */
static pb_status fill(pb_stored *t, pb_layout *layout, const char *name, const pb_selected *s,
                      pb_error *error)
{
    const size_t width = s->stored->count ? s->stored->bytes / s->stored->count : 0;
    size_t first = s->first;

    *t = *s->stored;
    t->name = name;
    if (s->rank == 0)
        return PB_OK;
    t->rank = s->rank;
    memcpy(t->shape, s->shape, sizeof t->shape);
    t->count = 1;
    for (size_t i = 0; i < t->rank; i++)
        t->count *= t->shape[i];
    t->bytes = t->count * width;
    *layout = s->layout;
    if (t->layout && t->count) {
        if (!layout->rank)
            set_in_order(layout, s->rank, s->shape);
        if (!compose(layout, &first, t->layout))
            return pb_fail(
                error, PB_UNSUPPORTED,
                "%s: tensor %s: its entries do not follow each other in the file, and it "
                "is needed in another shape, as %s: expected it made contiguous() before "
                "it was saved",
                t->file, pb_quote(s->stored->name).text, pb_quote(name).text);
    }
    t->layout = layout->rank ? layout : NULL;
    t->offset += first * width;
    if (t->data)
        t->data = (const char *)t->data + first * width;
    return PB_OK;
}

pb_status pb_weights_select(pb_weights **out, pb_weights *from, size_t count, pb_selected *selected,
                            pb_error *error)
{
    pb_weights *w = pb_calloc(1, sizeof *w);
    pb_status status = PB_OK;

    *out = NULL;
    if (w) {
        w->owners = 1;
        w->from = pb_weights_share(from);
        w->names = pb_calloc(count, sizeof *w->names);
        w->layouts = pb_calloc(count, sizeof *w->layouts);
        w->tensors = pb_calloc(count, sizeof *w->tensors);
    }
    if (!w || !w->names || !w->layouts || !w->tensors)
        status = pb_fail_memory(error, count * (sizeof *w->tensors + sizeof *w->layouts),
                                "a list of tensors");
    for (size_t i = 0; i < count; i++) {
        if (status != PB_OK) {
            pb_free(selected[i].name);
            continue;
        }
        w->names[i] = selected[i].name;
        w->count = i + 1;
        status = fill(&w->tensors[i], &w->layouts[i], w->names[i], &selected[i], error);
    }
    if (status == PB_OK)
        status = pb_weights_sort(w, error);
    if (status == PB_OK)
        *out = w;
    else
        pb_weights_free(w);
    return status;
}
