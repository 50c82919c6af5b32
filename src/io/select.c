/* Weights under other names: what one file calls by the names of its makers has in a selection
 * those that the networks here go by. */
#include <string.h>

#include "base/memory.h"
#include "io/weights_inside.h"

/* One of them. Its name is the selection's already. */
static void fill(pb_stored *t, pb_layout *layout, const char *name, const pb_selected *s)
{
    const size_t width = s->stored->count ? s->stored->bytes / s->stored->count : 0;

    *t = *s->stored;
    t->name = name;
    if (s->rank == 0)
        return;
    t->rank = s->rank;
    memcpy(t->shape, s->shape, sizeof t->shape);
    t->count = 1;
    for (size_t i = 0; i < t->rank; i++)
        t->count *= t->shape[i];
    t->bytes = t->count * width;
    t->offset += s->first * width;
    if (t->data)
        t->data = (const char *)t->data + s->first * width;
    if (s->layout.rank) {
        *layout = s->layout;
        t->layout = layout;
    }
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
        fill(&w->tensors[i], &w->layouts[i], w->names[i], &selected[i]);
        w->count = i + 1;
    }
    if (status == PB_OK)
        status = pb_weights_sort(w, error);
    if (status == PB_OK)
        *out = w;
    else
        pb_weights_free(w);
    return status;
}
