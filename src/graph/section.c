#include "graph/section.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

void pb_section_free(pb_section *section)
{
    if (!section)
        return;
    pb_free(section->targets);
    pb_free(section->shapes);
    pb_free(section->needed);
    pb_free(section->varies);
    pb_free(section->kernels);
    pb_free(section->saved_at);
    pb_free(section->reserved_at);
    pb_free(section);
}

static void mark(pb_section *s)
{
    for (size_t i = 0; i < s->target_count; i++)
        s->needed[s->targets[i]] = true;
    for (size_t i = s->count; i-- > 0;)
        for (size_t k = 0; s->needed[i] && k < pb_node_reads(&s->graph->nodes[i]); k++)
            s->needed[s->graph->nodes[i].input[k]] = true;
    s->varies[s->from] = true;
    for (size_t i = (size_t)s->from + 1; i < s->count; i++)
        for (size_t k = 0; k < pb_node_reads(&s->graph->nodes[i]); k++)
            if (s->varies[s->graph->nodes[i].input[k]])
                s->varies[i] = true;
}

/* -- room for weights ------------------------------------------------------------------------ */

static size_t reserved(const pb_section *s, const pb_node *node)
{
    const pb_kernel *kernel = node->op ? s->device->backend->kernels[node->op->kind] : NULL;

    return kernel && kernel->reserved ? kernel->reserved(s->device, node->params) : 0;
}

static void reserve(pb_section *s)
{
    for (size_t i = 0; i < s->graph->count; i++) {
        s->reserved += reserved(s, &s->graph->nodes[i]);
        if (i < s->count)
            s->reserved_at[i] = s->reserved;
    }
}

bool pb_section_packs(const pb_section *section, pb_value value)
{
    return section->reserved_at[value] <= section->memory / 2;
}

size_t pb_section_spare(const pb_section *section)
{
    size_t half = section->memory / 2;

    return section->memory - (section->reserved < half ? section->reserved : half);
}

/* -- operations ------------------------------------------------------------------------------ */

/* One item through the operation of a value. */
static pb_call call_of(const pb_section *s, size_t value)
{
    const pb_node *node = &s->graph->nodes[value];
    pb_call call = {.params = node->params,
                    .device = s->device,
                    .n = 1,
                    .packs = pb_section_packs(s, (pb_value)value),
                    .spare = pb_section_spare(s),
                    .inputs = node->inputs,
                    .out = s->shapes[value]};

    for (size_t k = 0; k < node->inputs; k++)
        call.in[k] = s->shapes[node->input[k]];
    return call;
}

static pb_status find_kernels(pb_section *s, pb_error *error)
{
    for (size_t i = 0; i < s->count; i++) {
        const pb_node *node = &s->graph->nodes[i];
        pb_status status;

        if (!s->needed[i] || !node->op)
            continue;
        status = pb_device_kernel(&s->kernels[i], s->device, node->op, error);
        if (status == PB_OK && s->kernels[i]->supports) {
            const pb_call call = call_of(s, i);
            if (!s->kernels[i]->supports(&call))
                status =
                    pb_fail(error, PB_UNSUPPORTED, "the backend \"%s\" does not compute this %s",
                            s->device->backend->name, node->op->name);
        }
        if (status != PB_OK)
            return pb_fail_in(error, status, "%s", node->label);
    }
    return PB_OK;
}

/* Saved states begin on a cache line. */
static void place_saved(pb_section *s)
{
    for (size_t i = (size_t)s->from + 1; i < s->count; i++) {
        const pb_call call = call_of(s, i);
        size_t bytes;

        if (!pb_section_active(s, (pb_value)i) || !s->kernels[i]->saved)
            continue;
        bytes = s->kernels[i]->saved(&call) * s->device->backend->number;
        s->saved_at[i] = s->saved_bytes;
        s->saved_bytes += (bytes + PB_ALIGNMENT - 1) / PB_ALIGNMENT * PB_ALIGNMENT;
    }
}

size_t pb_section_packed(const pb_section *section, size_t n)
{
    size_t bytes = 0;

    for (size_t i = (size_t)section->from + 1; i < section->count; i++) {
        pb_call call;

        if (!pb_section_active(section, (pb_value)i) || !section->kernels[i]->packed)
            continue;
        call = call_of(section, i);
        call.n = n;
        bytes += section->kernels[i]->packed(&call);
    }
    return bytes;
}

pb_status pb_section_new(pb_section **out, const pb_graph *graph, pb_device *device,
                         const pb_shape *inputs, pb_value from, size_t target_count,
                         const pb_value *targets, pb_error *error)
{
    pb_section *s = pb_calloc(1, sizeof *s);
    pb_value last = from;
    pb_status status;

    if (!s)
        return pb_fail_memory(error, sizeof *s, "a section of a graph");
    for (size_t i = 0; i < target_count; i++)
        last = targets[i] > last ? targets[i] : last;
    *s = (pb_section){.graph = graph, .device = device, .from = from, .target_count = target_count};
    s->count = (size_t)last + 1 > graph->inputs ? (size_t)last + 1 : graph->inputs;
    s->memory = SIZE_MAX;
    s->targets = pb_malloc(target_count, sizeof *targets);
    s->shapes = pb_calloc(s->count, sizeof *s->shapes);
    s->needed = pb_calloc(s->count, sizeof *s->needed);
    s->varies = pb_calloc(s->count, sizeof *s->varies);
    s->kernels = pb_calloc(s->count, sizeof *s->kernels);
    s->saved_at = pb_calloc(s->count, sizeof *s->saved_at);
    s->reserved_at = pb_calloc(s->count, sizeof *s->reserved_at);
    if (!s->targets || !s->shapes || !s->needed || !s->varies || !s->kernels || !s->saved_at ||
        !s->reserved_at) {
        status = pb_fail_memory(error, s->count * sizeof *s->shapes, "a section of a graph");
        goto end;
    }
    memcpy(s->targets, targets, target_count * sizeof *targets);
    memcpy(s->shapes, inputs, graph->inputs * sizeof *inputs);
    status = pb_graph_shapes(graph, (pb_value)s->count - 1, s->shapes, error);
    if (status != PB_OK)
        goto end;
    mark(s);
    reserve(s);
    for (size_t i = 0; i < target_count; i++)
        if (!s->varies[targets[i]]) {
            status = pb_fail(error, PB_INVALID, "%s does not depend on %s",
                             graph->nodes[targets[i]].label, graph->nodes[from].label);
            goto end;
        }
    status = find_kernels(s, error);
    if (status == PB_OK)
        place_saved(s);
end:
    if (status == PB_OK)
        *out = s;
    else
        pb_section_free(s);
    return status;
}
