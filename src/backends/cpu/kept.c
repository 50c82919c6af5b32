#include "backends/cpu/kept.h"

#include "backends/cpu/im2row.h"
#include "backends/cpu/winograd.h"
#include "base/memory.h"

typedef struct pb_cpu_kept {
    const pb_stored *weight;
    pb_cpu_layout layout;
    pthread_mutex_t mutex; /* guards: */
    float *data;           /* NULL: not made yet */
    struct pb_cpu_kept *next;
} kept;

static kept **chain_of(pb_cpu *cpu, const pb_stored *weight)
{
    return &cpu->kept[(uintptr_t)weight / sizeof *weight % PB_CPU_CHAINS];
}

/* The sides of a weight (out, in, k, k); a linear layer's has no k. */
static size_t side(const pb_stored *weight, size_t i)
{
    return i < weight->rank ? weight->shape[i] : 1;
}

size_t pb_cpu_kept_floats(const pb_stored *w, pb_cpu_layout layout)
{
    return layout == PB_CPU_WINOGRAD ? pb_winograd_weight_floats(side(w, 0), side(w, 1))
           : layout == PB_CPU_IM2ROW ? pb_im2row_weight_floats(side(w, 0), side(w, 1), side(w, 2))
                                     : w->count;
}

static pb_status make(float **data, const pb_stored *w, pb_cpu_layout layout, pb_error *error)
{
    switch (layout) {
    case PB_CPU_WINOGRAD:
        return pb_winograd_weights(data, w, side(w, 0), side(w, 1), error);
    case PB_CPU_IM2ROW:
        return pb_im2row_weights(data, w, side(w, 0), side(w, 1), side(w, 2), error);
    case PB_CPU_PLAIN:
        break;
    }
    return pb_stored_load(data, w, error);
}

/* The weight's entry: there already, or added, without its data. NULL: there is no memory. */
static kept *find(pb_cpu *cpu, const pb_stored *weight, pb_cpu_layout layout)
{
    kept **chain = chain_of(cpu, weight), *k;

    pthread_mutex_lock(&cpu->mutex);
    for (k = *chain; k; k = k->next)
        if (k->weight == weight && k->layout == layout)
            break;
    if (!k && (k = pb_calloc(1, sizeof *k)) != NULL) {
        k->weight = weight;
        k->layout = layout;
        k->next = *chain;
        pthread_mutex_init(&k->mutex, NULL);
        *chain = k;
    }
    pthread_mutex_unlock(&cpu->mutex);
    return k;
}

pb_status pb_cpu_keep(const float **out, pb_cpu *cpu, const pb_stored *weight, pb_cpu_layout layout,
                      pb_error *error)
{
    kept *k = find(cpu, weight, layout);
    pb_status status = PB_OK;

    *out = NULL;
    if (!k)
        return pb_fail_memory(error, sizeof *k, weight->name);
    pthread_mutex_lock(&k->mutex);
    if (!k->data) {
        status = make(&k->data, weight, layout, error);
        if (status == PB_OK && layout != PB_CPU_PLAIN)
            cpu->packed_bytes += pb_cpu_kept_floats(weight, layout) * sizeof(float);
    }
    *out = k->data;
    pthread_mutex_unlock(&k->mutex);
    return status;
}

pb_status pb_cpu_plain(const float **out, pb_device *device, const pb_stored *weight,
                       pb_error *error)
{
    *out = NULL;
    return weight ? pb_cpu_keep(out, (pb_cpu *)device, weight, PB_CPU_PLAIN, error) : PB_OK;
}

void pb_cpu_drop_kept(pb_cpu *cpu)
{
    for (size_t i = 0; i < PB_CPU_CHAINS; i++)
        while (cpu->kept[i]) {
            kept *next = cpu->kept[i]->next;
            pthread_mutex_destroy(&cpu->kept[i]->mutex);
            pb_free(cpu->kept[i]->data);
            pb_free(cpu->kept[i]);
            cpu->kept[i] = next;
        }
}
