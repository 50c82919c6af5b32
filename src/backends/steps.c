#include "backends/steps.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/waiting.h"

pb_memory *pb_steps_alloc(pb_device *device, size_t bytes)
{
    (void)device;
    return pb_malloc(bytes, 1);
}

void pb_steps_free(pb_device *device, pb_memory *memory)
{
    (void)device;
    pb_free(memory);
}

pb_status pb_steps_sync(pb_device *device, pb_error *error)
{
    (void)device, (void)error;
    return PB_OK;
}

/* The call of a step, with its buffers. */
static pb_call bind(const pb_step *s, pb_pass pass, pb_memory *arena, pb_memory *saved,
                    const pb_stop *stop)
{
    pb_call call = s->call;

    call.stop = stop;
    for (size_t k = 0; k < call.inputs; k++) {
        void *input = pb_steps_at(arena, s->inputs[k]);
        if (pass == PB_VJP)
            call.dx[k] = input;
        else
            call.x[k] = input;
    }
    if (pass == PB_VJP)
        call.dy = pb_steps_at(arena, s->output);
    else
        call.y = pb_steps_at(arena, s->output);
    call.work = pb_steps_at(arena, s->work);
    call.saved = pb_steps_at(saved, s->saved);
    return call;
}

pb_status pb_steps_run(pb_device *device, const pb_program *program, pb_memory *arena,
                       pb_memory *saved, const pb_stop *stop, pb_error *error)
{
    pb_pass pass = program->pass;

    (void)device;
    for (size_t i = 0; i < program->count; i++) {
        const pb_step *s = &program->steps[i];
        const pb_kernel *k = s->kernel;
        const pb_call call = bind(s, pass, arena, saved, stop);
        double start = program->seconds ? pb_seconds() : 0;
        pb_status status;

        PB_TRY(pb_stop_check(stop, error));
        pb_waiting_adapt();
        status = (pass == PB_FORWARD ? k->forward : pass == PB_JVP ? k->jvp : k->vjp)(&call, error);
        if (status != PB_OK && status != PB_CANCELLED)
            pb_fail_in(error, status, "%s", s->label);
        PB_TRY(status);
        if (program->seconds)
            program->seconds[i] += pb_seconds() - start;
    }
    return PB_OK;
}
