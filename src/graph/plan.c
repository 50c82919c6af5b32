#include "graph/plan.h"

#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/waiting.h"
#include "graph/arena.h"

/* No buffer. */
#define NONE SIZE_MAX

/* One operation of the pass. Buffers are numbers in plan->buffers. */
typedef struct step {
    const pb_op *op;
    pb_value node;
    pb_call call;
    size_t work;     /* buffer of the scratch, or NONE */
    size_t saved_at; /* offset in the saved state, or NONE */
} step;

struct pb_plan {
    const pb_section *section;
    pb_pass pass;
    size_t n;
    int threads;
    step *steps;
    size_t step_count;
    size_t *buffer_of; /* per value: the buffer of its value, tangent or cotangent, or NONE */
    pb_buffer *buffers;
    size_t buffer_count;
    size_t arena_bytes;
    bool dry;
    double *seconds; /* per step, or NULL: not measured */
};

void pb_plan_free(pb_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; plan->steps && i < plan->step_count; i++)
        if (plan->steps[i].op->release && plan->steps[i].call.kernel)
            plan->steps[i].op->release(plan->steps[i].call.kernel);
    pb_free(plan->steps);
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

size_t pb_plan_steps(const pb_plan *plan)
{
    return plan->step_count;
}

const pb_op *pb_plan_step(const pb_plan *plan, size_t i, const pb_call **call)
{
    *call = &plan->steps[i].call;
    return plan->steps[i].op;
}

void pb_plan_time(pb_plan *plan, double *seconds)
{
    plan->seconds = seconds;
}

/* Items of a value in this plan. */
static size_t items(const pb_plan *plan, pb_value value)
{
    return plan->section->varies[value] ? plan->n : 1;
}

static size_t value_bytes(const pb_plan *plan, pb_value value)
{
    return items(plan, value) * pb_shape_size(plan->section->shapes[value]) * sizeof(float);
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

    if (plan->pass == PB_FORWARD)
        return s->needed[value] && s->graph->nodes[value].op;
    return value != s->from && pb_section_active(s, value);
}

static void list_steps(pb_plan *plan, pb_plan_kind kind)
{
    const pb_section *s = plan->section;

    for (size_t i = 0; i < s->count; i++) {
        pb_value value = (pb_value)(plan->pass == PB_VJP ? s->count - 1 - i : i);
        const pb_node *node = &s->graph->nodes[value];
        step *t = &plan->steps[plan->step_count];

        if (!is_step(plan, value))
            continue;
        *t = (step){.op = node->op, .node = value, .work = NONE, .saved_at = NONE};
        t->call = (pb_call){.params = node->params,
                            .n = items(plan, value),
                            .dry = plan->dry,
                            .bf16 = kind == PB_PLAN_BF16,
                            .exact = kind == PB_PLAN_SAVING,
                            .packed_limit = s->packed_limit,
                            .threads = plan->threads,
                            .inputs = node->inputs,
                            .out = s->shapes[value]};
        for (size_t k = 0; k < node->inputs; k++)
            t->call.in[k] = s->shapes[node->input[k]];
        for (size_t k = 0; k < pb_node_reads(node); k++) {
            t->call.active[k] = pb_section_active(s, node->input[k]);
            t->call.shared[k] = !s->varies[node->input[k]];
        }
        if (node->op->saved && value != s->from && pb_section_active(s, value) &&
            (kind == PB_PLAN_SAVING || plan->pass != PB_FORWARD))
            t->saved_at = s->saved_at[value];
        plan->step_count++;
    }
}

/* May the first input and the output of a step share a buffer, as far as shapes go? */
static bool may_share(const pb_plan *plan, const step *t)
{
    const pb_node *node = &plan->section->graph->nodes[t->node];

    return t->op->in_place && value_bytes(plan, node->input[0]) == value_bytes(plan, t->node);
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
    for (size_t i = 0; i < plan->step_count; i++) {
        const pb_node *node = &plan->section->graph->nodes[plan->steps[i].node];
        for (size_t k = 0; k < pb_node_reads(node); k++)
            last[node->input[k]] = i;
    }
}

/* Buffers of values (forward) or tangents (jvp). Step i reads and writes at time i + 1: time 0 is
 * before the first step, when the inputs are filled. */
static pb_status place_down(pb_plan *plan, pb_error *error)
{
    const pb_section *s = plan->section;
    size_t *last = pb_calloc(s->count, sizeof *last), end = plan->step_count + 1;

    if (!last)
        return pb_fail_memory(error, s->count * sizeof *last, "a plan");
    last_uses(plan, last);
    if (plan->pass == PB_JVP)
        plan->buffer_of[s->from] = add_buffer(plan, value_bytes(plan, s->from), 0, 0);
    else
        for (size_t i = 0; i < s->graph->inputs; i++)
            if (s->needed[i])
                plan->buffer_of[i] = add_buffer(plan, value_bytes(plan, (pb_value)i), 0, 0);
    for (size_t i = 0; i < plan->step_count; i++) {
        const step *t = &plan->steps[i];
        const pb_node *node = &s->graph->nodes[t->node];
        pb_value first = node->input[0];

        for (size_t k = 0; k < pb_node_reads(node); k++)
            if (plan->buffer_of[node->input[k]] != NONE)
                touch(plan, node->input[k], i + 1);
        if (may_share(plan, t) && plan->buffer_of[first] != NONE && last[first] == i &&
            !is_target(s, first))
            plan->buffer_of[t->node] = plan->buffer_of[first];
        else
            plan->buffer_of[t->node] = add_buffer(plan, value_bytes(plan, t->node), i + 1, i + 1);
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
    for (size_t i = 0; i < plan->step_count; i++) {
        step *t = &plan->steps[i];
        const pb_node *node = &s->graph->nodes[t->node];

        touch(plan, t->node, i + 1);
        for (size_t k = 0; k < pb_node_reads(node); k++) {
            pb_value input = node->input[k];
            if (!t->call.active[k])
                continue;
            t->call.add[k] = plan->buffer_of[input] != NONE;
            if (t->call.add[k])
                touch(plan, input, i + 1);
            else if (k == 0 && may_share(plan, t))
                plan->buffer_of[input] = plan->buffer_of[t->node];
            else
                plan->buffer_of[input] = add_buffer(plan, value_bytes(plan, input), i + 1, i + 1);
        }
    }
    touch(plan, s->from, plan->step_count + 1);
}

static pb_status prepare(pb_plan *plan, const pb_stop *stop, pb_error *error)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        step *t = &plan->steps[i];
        size_t bytes;

        PB_TRY(pb_stop_check(stop, error));
        if (t->op->prepare) {
            pb_status status = t->op->prepare(&t->call, plan->pass, error);
            if (status != PB_OK)
                return pb_fail_in(error, status, "%s", plan->section->graph->nodes[t->node].label);
        }
        bytes = t->op->work ? t->op->work(&t->call, plan->pass) : 0;
        if (bytes)
            t->work = add_buffer(plan, bytes, i + 1, i + 1);
    }
    return PB_OK;
}

static pb_status build(pb_plan *plan, pb_plan_kind kind, const pb_stop *stop, pb_error *error)
{
    const pb_section *s = plan->section;

    plan->threads = omp_get_max_threads();
    plan->steps = pb_calloc(s->count, sizeof *plan->steps);
    plan->buffer_of = pb_malloc(s->count, sizeof *plan->buffer_of);
    plan->buffers = pb_calloc(2 * s->count + 1, sizeof *plan->buffers);
    if (!plan->steps || !plan->buffer_of || !plan->buffers)
        return pb_fail_memory(error, s->count * sizeof *plan->steps, "a plan");
    for (size_t i = 0; i < s->count; i++)
        plan->buffer_of[i] = NONE;
    list_steps(plan, kind);
    if (plan->pass == PB_VJP)
        place_up(plan);
    else
        PB_TRY(place_down(plan, error));
    PB_TRY(prepare(plan, stop, error));
    return pb_arena_place(plan->buffer_count, plan->buffers, &plan->arena_bytes, error);
}

pb_status pb_plan_new(pb_plan **out, const pb_section *section, pb_pass pass, size_t n,
                      pb_plan_kind kind, const pb_stop *stop, pb_error *error)
{
    pb_plan *plan = pb_calloc(1, sizeof *plan);
    pb_status status;

    if (!plan)
        return pb_fail_memory(error, sizeof *plan, "a plan");
    plan->section = section;
    plan->pass = pass;
    plan->n = n;
    status = build(plan, kind, stop, error);
    if (status == PB_OK)
        *out = plan;
    else
        pb_plan_free(plan);
    return status;
}

/* May the packed weights of a vjp's step serve the jvp too? Those of the direct algorithm have a
 * layout for each direction. */
static bool is_shared(const pb_plan *plan, const step *t)
{
    return plan->pass == PB_VJP && t->op->manner &&
           strcmp(t->op->manner(&t->call), "direct") != 0 &&
           strcmp(t->op->manner(&t->call), "im2row") != 0;
}

pb_status pb_plan_estimate(size_t *arena, size_t *packed, const pb_section *section, pb_pass pass,
                           size_t n, pb_error *error)
{
    pb_plan *plan = pb_calloc(1, sizeof *plan);
    pb_status status;

    if (!plan)
        return pb_fail_memory(error, sizeof *plan, "a plan");
    *plan = (pb_plan){.section = section, .pass = pass, .n = n, .dry = true};
    status = build(plan, PB_PLAN_PLAIN, NULL, error);
    for (size_t i = 0; status == PB_OK && i < plan->step_count; i++) {
        const step *t = &plan->steps[i];
        if (t->op->packed && !is_shared(plan, t))
            *packed += t->op->packed(&t->call);
    }
    *arena = plan->arena_bytes;
    pb_plan_free(plan);
    return status;
}

/* -- running --------------------------------------------------------------------------------- */

static float *at(const pb_plan *plan, void *arena, size_t buffer)
{
    return buffer == NONE ? NULL : (float *)((char *)arena + plan->buffers[buffer].offset);
}

/* The buffers of a step, now that the arena is known. */
static pb_call bind(const pb_plan *plan, const step *t, void *arena, float *saved,
                    const pb_stop *stop)
{
    const pb_node *node = &plan->section->graph->nodes[t->node];
    float *own = at(plan, arena, plan->buffer_of[t->node]);
    pb_call call = t->call;

    call.stop = stop;
    for (size_t k = 0; k < pb_node_reads(node); k++) {
        float *input = at(plan, arena, plan->buffer_of[node->input[k]]);
        if (plan->pass == PB_VJP)
            call.dx[k] = call.active[k] ? input : NULL;
        else
            call.x[k] = input;
    }
    if (plan->pass == PB_VJP)
        call.dy = own;
    else
        call.y = own;
    call.work = at(plan, arena, t->work);
    call.saved = t->saved_at == NONE ? NULL : saved + t->saved_at;
    return call;
}

static pb_status run_steps(const pb_plan *plan, void *arena, float *saved, const pb_stop *stop,
                           pb_error *error)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const step *t = &plan->steps[i];
        const pb_call call = bind(plan, t, arena, saved, stop);
        double start = plan->seconds ? pb_seconds() : 0;
        pb_status status;

        PB_TRY(pb_stop_check(stop, error));
        pb_waiting_adapt();
        if (plan->pass == PB_FORWARD)
            status = t->op->forward(&call, error);
        else
            status = plan->pass == PB_JVP ? t->op->jvp(&call, error) : t->op->vjp(&call, error);
        if (status != PB_OK && status != PB_CANCELLED)
            pb_fail_in(error, status, "%s", plan->section->graph->nodes[t->node].label);
        PB_TRY(status);
        if (plan->seconds)
            plan->seconds[i] += pb_seconds() - start;
    }
    return PB_OK;
}

pb_status pb_plan_run(const pb_plan *plan, void *arena, float *saved, const float *const *in,
                      float *const *out, const pb_stop *stop, pb_error *error)
{
    const pb_section *s = plan->section;
    pb_value begin = plan->pass == PB_VJP ? s->targets[0] : s->from;

    if (plan->pass != PB_FORWARD)
        memcpy(at(plan, arena, plan->buffer_of[begin]), in[0], value_bytes(plan, begin));
    else
        for (size_t i = 0; i < s->graph->inputs; i++)
            if (s->needed[i])
                memcpy(at(plan, arena, plan->buffer_of[i]), in[i], value_bytes(plan, (pb_value)i));
    PB_TRY(run_steps(plan, arena, saved, stop, error));
    if (plan->pass == PB_VJP)
        memcpy(out[0], at(plan, arena, plan->buffer_of[s->from]), value_bytes(plan, s->from));
    else
        for (size_t i = 0; i < s->target_count; i++)
            memcpy(out[i], at(plan, arena, plan->buffer_of[s->targets[i]]),
                   value_bytes(plan, s->targets[i]));
    return PB_OK;
}
