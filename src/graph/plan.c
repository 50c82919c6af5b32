#include "graph/plan.h"

#include <omp.h>
#include <stdint.h>

#include "base/memory.h"
#include "graph/arena.h"

/* No buffer. */
#define NONE SIZE_MAX

/* What a step of the program is placed by; buffers are numbers in plan->buffers. */
typedef struct placed {
    pb_value node;
    size_t work; /* of the scratch, or NONE */
} placed;

struct pb_plan {
    const pb_section *section;
    size_t n;
    int threads;
    pb_program program;
    placed *placed;    /* per step */
    size_t *buffer_of; /* per value: the buffer of its value, tangent or cotangent, or NONE */
    pb_buffer *buffers;
    size_t buffer_count;
    size_t arena_bytes;
    bool dry;
};

void pb_plan_free(pb_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; plan->program.steps && i < plan->program.count; i++) {
        const pb_step *t = &plan->program.steps[i];
        if (t->kernel->release && t->call.kernel)
            t->kernel->release(t->call.kernel);
    }
    pb_free(plan->program.steps);
    pb_free(plan->placed);
    pb_free(plan->buffer_of);
    pb_free(plan->buffers);
    pb_free(plan);
}

size_t pb_plan_arena(const pb_plan *plan)
{
    return plan->arena_bytes;
}

int pb_plan_threads(const pb_plan *plan)
{
    return plan->threads;
}

const pb_program *pb_plan_program(const pb_plan *plan)
{
    return &plan->program;
}

void pb_plan_time(pb_plan *plan, double *seconds)
{
    plan->program.seconds = seconds;
}

/* Items of a value in this plan. */
static size_t items(const pb_plan *plan, pb_value value)
{
    return plan->section->varies[value] ? plan->n : 1;
}

static size_t value_numbers(const pb_plan *plan, pb_value value)
{
    return items(plan, value) * pb_shape_size(plan->section->shapes[value]);
}

static size_t value_bytes(const pb_plan *plan, pb_value value)
{
    return value_numbers(plan, value) * plan->section->device->backend->number;
}

static size_t add_buffer(pb_plan *plan, size_t bytes, size_t first, size_t last)
{
    plan->buffers[plan->buffer_count] = (pb_buffer){bytes, first, last, 0};
    return plan->buffer_count++;
}

/* The buffer of a value is used in a step. */
static void touch(pb_plan *plan, pb_value value, size_t at)
{
    pb_buffer *buffer = &plan->buffers[plan->buffer_of[value]];

    if (buffer->last < at)
        buffer->last = at;
}

/* Is the value's operation a step of the pass? */
static bool is_step(const pb_plan *plan, pb_value value)
{
    const pb_section *s = plan->section;

    if (plan->program.pass == PB_FORWARD)
        return s->needed[value] && s->graph->nodes[value].op;
    return value != s->from && pb_section_active(s, value);
}

static pb_step make_step(const pb_plan *plan, pb_value value, pb_plan_kind kind)
{
    const pb_section *s = plan->section;
    const pb_node *node = &s->graph->nodes[value];
    pb_step t = {.op = node->op,
                 .kernel = s->kernels[value],
                 .label = node->label,
                 .output = PB_NOWHERE,
                 .work = PB_NOWHERE,
                 .saved = PB_NOWHERE};

    t.call = (pb_call){.params = node->params,
                       .device = s->device,
                       .n = items(plan, value),
                       .dry = plan->dry,
                       .bf16 = kind == PB_PLAN_BF16,
                       .exact = kind == PB_PLAN_SAVING,
                       .packs = pb_section_packs(s, value),
                       .spare = pb_section_spare(s),
                       .threads = plan->threads,
                       .inputs = node->inputs,
                       .out = s->shapes[value]};
    for (size_t k = 0; k < node->inputs; k++) {
        t.inputs[k] = PB_NOWHERE;
        t.call.in[k] = s->shapes[node->input[k]];
    }
    for (size_t k = 0; k < pb_node_reads(node); k++) {
        t.call.active[k] = pb_section_active(s, node->input[k]);
        t.call.shared[k] = !s->varies[node->input[k]];
    }
    if (t.kernel->saved && value != s->from && pb_section_active(s, value) &&
        (kind == PB_PLAN_SAVING || plan->program.pass != PB_FORWARD))
        t.saved = s->saved_at[value];
    return t;
}

static pb_status list_steps(pb_plan *plan, pb_plan_kind kind, pb_error *error)
{
    const pb_section *s = plan->section;
    pb_program *p = &plan->program;

    for (size_t i = 0; i < s->count; i++) {
        pb_value value = (pb_value)(p->pass == PB_VJP ? s->count - 1 - i : i);

        if (!is_step(plan, value))
            continue;
        if ((p->pass == PB_JVP && !s->kernels[value]->jvp) ||
            (p->pass == PB_VJP && !s->kernels[value]->vjp))
            return pb_fail(error, PB_UNSUPPORTED, "%s: the backend \"%s\" has no derivative of it",
                           s->graph->nodes[value].label, s->device->backend->name);
        plan->placed[p->count] = (placed){value, NONE};
        p->steps[p->count++] = make_step(plan, value, kind);
    }
    return PB_OK;
}

/* May the first input and the output of a step share a buffer, as far as shapes go? */
static bool may_share(const pb_plan *plan, size_t step)
{
    pb_value value = plan->placed[step].node, first = plan->section->graph->nodes[value].input[0];

    return plan->program.steps[step].kernel->in_place &&
           value_bytes(plan, first) == value_bytes(plan, value);
}

static bool is_target(const pb_section *s, pb_value value)
{
    for (size_t i = 0; i < s->target_count; i++)
        if (s->targets[i] == value)
            return true;
    return false;
}

/* The step in which each value is last read: forward and jvp. */
static void last_uses(const pb_plan *plan, size_t *last)
{
    for (size_t i = 0; i < plan->program.count; i++) {
        const pb_node *node = &plan->section->graph->nodes[plan->placed[i].node];
        for (size_t k = 0; k < pb_node_reads(node); k++)
            last[node->input[k]] = i;
    }
}

/* Buffers of values (forward) or tangents (jvp). Step i reads and writes at time i + 1: time 0 is
 * before the first step, when the inputs are filled. */
static pb_status place_down(pb_plan *plan, pb_error *error)
{
    const pb_section *s = plan->section;
    size_t *last = pb_calloc(s->count, sizeof *last), end = plan->program.count + 1;

    if (!last)
        return pb_fail_memory(error, s->count * sizeof *last, "a plan");
    last_uses(plan, last);
    if (plan->program.pass == PB_JVP)
        plan->buffer_of[s->from] = add_buffer(plan, value_bytes(plan, s->from), 0, 0);
    else
        for (size_t i = 0; i < s->graph->inputs; i++)
            if (s->needed[i])
                plan->buffer_of[i] = add_buffer(plan, value_bytes(plan, (pb_value)i), 0, 0);
    for (size_t i = 0; i < plan->program.count; i++) {
        pb_value value = plan->placed[i].node;
        const pb_node *node = &s->graph->nodes[value];
        pb_value first = node->input[0];

        for (size_t k = 0; k < pb_node_reads(node); k++)
            if (plan->buffer_of[node->input[k]] != NONE)
                touch(plan, node->input[k], i + 1);
        if (may_share(plan, i) && plan->buffer_of[first] != NONE && last[first] == i &&
            !is_target(s, first))
            plan->buffer_of[value] = plan->buffer_of[first];
        else
            plan->buffer_of[value] = add_buffer(plan, value_bytes(plan, value), i + 1, i + 1);
    }
    for (size_t i = 0; i < s->target_count; i++)
        touch(plan, s->targets[i], end);
    pb_free(last);
    return PB_OK;
}

/* Buffers of cotangents (vjp), and who adds to what is already there. */
static void place_up(pb_plan *plan)
{
    const pb_section *s = plan->section;

    plan->buffer_of[s->targets[0]] = add_buffer(plan, value_bytes(plan, s->targets[0]), 0, 0);
    for (size_t i = 0; i < plan->program.count; i++) {
        pb_call *call = &plan->program.steps[i].call;
        pb_value value = plan->placed[i].node;
        const pb_node *node = &s->graph->nodes[value];

        touch(plan, value, i + 1);
        for (size_t k = 0; k < pb_node_reads(node); k++) {
            pb_value input = node->input[k];
            if (!call->active[k])
                continue;
            call->add[k] = plan->buffer_of[input] != NONE;
            if (call->add[k])
                touch(plan, input, i + 1);
            else if (k == 0 && may_share(plan, i))
                plan->buffer_of[input] = plan->buffer_of[value];
            else
                plan->buffer_of[input] = add_buffer(plan, value_bytes(plan, input), i + 1, i + 1);
        }
    }
    touch(plan, s->from, plan->program.count + 1);
}

static pb_status prepare(pb_plan *plan, const pb_stop *stop, pb_error *error)
{
    for (size_t i = 0; i < plan->program.count; i++) {
        pb_step *t = &plan->program.steps[i];
        size_t bytes;

        PB_TRY(pb_stop_check(stop, error));
        if (t->kernel->prepare) {
            pb_status status = t->kernel->prepare(&t->call, plan->program.pass, error);
            if (status != PB_OK)
                return pb_fail_in(error, status, "%s", t->label);
        }
        bytes = t->kernel->work ? t->kernel->work(&t->call, plan->program.pass) : 0;
        if (bytes)
            plan->placed[i].work = add_buffer(plan, bytes, i + 1, i + 1);
    }
    return PB_OK;
}

static size_t place_of(const pb_plan *plan, size_t buffer)
{
    return buffer == NONE ? PB_NOWHERE : plan->buffers[buffer].offset;
}

/* The places of a step's buffers, once all are placed. */
static void bind_step(const pb_plan *plan, size_t i)
{
    const placed *p = &plan->placed[i];
    const pb_node *node = &plan->section->graph->nodes[p->node];
    pb_step *t = &plan->program.steps[i];

    for (size_t k = 0; k < pb_node_reads(node); k++)
        if (plan->program.pass != PB_VJP || t->call.active[k])
            t->inputs[k] = place_of(plan, plan->buffer_of[node->input[k]]);
    t->output = place_of(plan, plan->buffer_of[p->node]);
    t->work = place_of(plan, p->work);
}

static pb_status build(pb_plan *plan, pb_plan_kind kind, const pb_stop *stop, pb_error *error)
{
    const pb_section *s = plan->section;

    plan->threads = omp_get_max_threads();
    plan->program.steps = pb_calloc(s->count, sizeof *plan->program.steps);
    plan->placed = pb_calloc(s->count, sizeof *plan->placed);
    plan->buffer_of = pb_malloc(s->count, sizeof *plan->buffer_of);
    plan->buffers = pb_calloc(2 * s->count + 1, sizeof *plan->buffers);
    if (!plan->program.steps || !plan->placed || !plan->buffer_of || !plan->buffers)
        return pb_fail_memory(error, s->count * sizeof *plan->program.steps, "a plan");
    for (size_t i = 0; i < s->count; i++)
        plan->buffer_of[i] = NONE;
    PB_TRY(list_steps(plan, kind, error));
    if (plan->program.pass == PB_VJP)
        place_up(plan);
    else
        PB_TRY(place_down(plan, error));
    PB_TRY(prepare(plan, stop, error));
    PB_TRY(pb_arena_place(plan->buffer_count, plan->buffers, &plan->arena_bytes, error));
    for (size_t i = 0; i < plan->program.count; i++)
        bind_step(plan, i);
    return PB_OK;
}

pb_status pb_plan_new(pb_plan **out, const pb_section *section, pb_pass pass, size_t n,
                      pb_plan_kind kind, const pb_stop *stop, pb_error *error)
{
    pb_plan *plan = pb_calloc(1, sizeof *plan);
    pb_status status;

    if (!plan)
        return pb_fail_memory(error, sizeof *plan, "a plan");
    plan->section = section;
    plan->n = n;
    plan->program.pass = pass;
    status = build(plan, kind, stop, error);
    if (status == PB_OK)
        *out = plan;
    else
        pb_plan_free(plan);
    return status;
}

pb_status pb_plan_estimate(size_t *arena, const pb_section *section, pb_pass pass, size_t n,
                           pb_plan_kind kind, pb_error *error)
{
    pb_plan *plan = pb_calloc(1, sizeof *plan);
    pb_status status;

    if (!plan)
        return pb_fail_memory(error, sizeof *plan, "a plan");
    *plan = (pb_plan){.section = section, .n = n, .program = {.pass = pass}, .dry = true};
    status = build(plan, kind, NULL, error);
    *arena = plan->arena_bytes;
    pb_plan_free(plan);
    return status;
}

/* -- running --------------------------------------------------------------------------------- */

static pb_status give(const pb_plan *plan, pb_memory *arena, pb_value value, const float *from,
                      pb_error *error)
{
    pb_device *device = plan->section->device;

    return device->backend->upload(device, arena, place_of(plan, plan->buffer_of[value]), from,
                                   value_numbers(plan, value), error);
}

static pb_status take(const pb_plan *plan, pb_memory *arena, pb_value value, float *to,
                      pb_error *error)
{
    pb_device *device = plan->section->device;

    return device->backend->download(device, to, arena, place_of(plan, plan->buffer_of[value]),
                                     value_numbers(plan, value), error);
}

/* What goes in, and the program: the device may be at work on them yet when it returns. */
static pb_status start(const pb_plan *plan, pb_memory *arena, pb_memory *saved,
                       const float *const *in, const pb_stop *stop, pb_error *error)
{
    const pb_section *s = plan->section;
    pb_pass pass = plan->program.pass;

    if (pass != PB_FORWARD)
        PB_TRY(give(plan, arena, pass == PB_VJP ? s->targets[0] : s->from, in[0], error));
    else
        for (size_t i = 0; i < s->graph->inputs; i++)
            if (s->needed[i])
                PB_TRY(give(plan, arena, (pb_value)i, in[i], error));
    return s->device->backend->run(s->device, &plan->program, arena, saved, stop, error);
}

pb_status pb_plan_run(const pb_plan *plan, pb_memory *arena, pb_memory *saved,
                      const float *const *in, float *const *out, const pb_stop *stop,
                      pb_error *error)
{
    const pb_section *s = plan->section;
    pb_status status = start(plan, arena, saved, in, stop, error), synced;

    synced = s->device->backend->sync(s->device, status == PB_OK ? error : NULL);
    PB_TRY(status);
    PB_TRY(synced);
    if (plan->program.pass == PB_VJP)
        return take(plan, arena, s->from, out[0], error);
    for (size_t i = 0; i < s->target_count; i++)
        PB_TRY(take(plan, arena, s->targets[i], out[i], error));
    return PB_OK;
}
