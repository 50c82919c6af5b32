#include "ops/convolver.h"

#include "base/memory.h"

pb_status pb_convolver_new(pb_convolver **out, pb_error *error)
{
    pb_convolver *c = pb_calloc(1, sizeof *c);
    pb_status status;

    if (!c)
        return pb_fail_memory(error, sizeof *c, "an engine");
    status = pb_onednn_new(&c->dnn, error);
    if (status == PB_OK)
        *out = c;
    else
        pb_free(c);
    return status;
}

void pb_convolver_free(pb_convolver *c)
{
    if (!c)
        return;
    pb_onednn_free(c->dnn);
    pb_costs_free(c->costs);
    pb_free(c);
}

size_t pb_convolver_packed_bytes(pb_convolver *c)
{
    return c->packed_bytes + pb_onednn_packed_bytes(c->dnn);
}
