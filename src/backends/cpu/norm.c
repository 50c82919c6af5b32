#include "backends/cpu/norm.h"

#include "base/memory.h"

pb_status pb_cpu_norm_prepare(pb_call *call, const pb_stored *gamma, const pb_stored *beta,
                              pb_error *error)
{
    pb_cpu_norm *norm;
    pb_status status;

    if (call->dry)
        return PB_OK;
    norm = pb_calloc(1, sizeof *norm);
    if (!norm)
        return pb_fail_memory(error, sizeof *norm, gamma->name);
    status = pb_cpu_plain(&norm->gamma, call->device, gamma, error);
    if (status == PB_OK)
        status = pb_cpu_plain(&norm->beta, call->device, beta, error);
    if (status == PB_OK)
        call->kernel = norm;
    else
        pb_free(norm);
    return status;
}
