#include "backends/cpu/kept.h"

#include "backends/cpu/im2row.h"
#include "backends/cpu/winograd.h"
#include "base/memory.h"

typedef struct pb_cpu_kept {
    const pb_stored *weight;
    pb_cpu_layout layout;
    float *data;
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

static pb_status add(const float **out, pb_cpu *cpu, const pb_stored *weight, pb_cpu_layout layout,
                     pb_error *error)
{
    kept *k = pb_calloc(1, sizeof *k), **chain = chain_of(cpu, weight);
    pb_status status;

    if (!k)
        return pb_fail_memory(error, sizeof *k, weight->name);
    status = make(&k->data, weight, layout, error);
    if (status != PB_OK) {
        pb_free(k);
        return status;
    }
    *k = (kept){weight, layout, k->data, *chain};
    *chain = k;
    *out = k->data;
    return PB_OK;
}

pb_status pb_cpu_keep(const float **out, pb_cpu *cpu, const pb_stored *weight, pb_cpu_layout layout,
                      size_t limit, pb_error *error)
{
    size_t bytes = layout == PB_CPU_PLAIN ? 0 : pb_cpu_kept_floats(weight, layout) * sizeof(float);
    pb_status status = PB_OK;
    const kept *k;

    *out = NULL;
    pthread_mutex_lock(&cpu->mutex);
    for (k = *chain_of(cpu, weight); k; k = k->next)
        if (k->weight == weight && k->layout == layout)
            break;
    if (k)
        *out = k->data;
    else if (!bytes || pb_cpu_packed_bytes(cpu) + bytes <= limit) {
        status = add(out, cpu, weight, layout, error);
        if (status == PB_OK)
            cpu->packed_bytes += bytes;
    }
    pthread_mutex_unlock(&cpu->mutex);
    return status;
}

pb_status pb_cpu_plain(const float **out, pb_device *device, const pb_stored *weight,
                       pb_error *error)
{
    *out = NULL;
    return weight ? pb_cpu_keep(out, (pb_cpu *)device, weight, PB_CPU_PLAIN, 0, error) : PB_OK;
}

void pb_cpu_drop_kept(pb_cpu *cpu)
{
    for (size_t i = 0; i < PB_CPU_CHAINS; i++)
        while (cpu->kept[i]) {
            kept *next = cpu->kept[i]->next;
            pb_free(cpu->kept[i]->data);
            pb_free(cpu->kept[i]);
            cpu->kept[i] = next;
        }
}
