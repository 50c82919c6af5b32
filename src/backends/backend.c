#include "backends/backend.h"

#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "base/likeness.h"

static const pb_backend *const backends[] = {&pb_cpu_backend, &pb_reference_backend};

#define COUNT (sizeof backends / sizeof *backends)

const char *pb_backend_name(size_t i)
{
    return i < COUNT ? backends[i]->name : NULL;
}

pb_status pb_backend_find(const pb_backend **out, const char *name, pb_error *error)
{
    pb_likeness likeness = pb_likeness_to(name ? name : backends[0]->name);

    for (size_t i = 0; i < COUNT; i++) {
        if (!strcmp(likeness.name, backends[i]->name)) {
            *out = backends[i];
            return PB_OK;
        }
        pb_likeness_add(&likeness, backends[i]->name);
    }
    return pb_fail(error, PB_INVALID, "no backend \"%s\"%s", name,
                   pb_likeness_hint(&likeness).text);
}

void pb_device_close(pb_device *device)
{
    if (device)
        device->backend->close(device);
}

pb_status pb_device_kernel(const pb_kernel **out, const pb_device *device, const pb_op *op,
                           pb_error *error)
{
    *out = device->backend->kernels[op->kind];
    return *out ? PB_OK
                : pb_fail(error, PB_UNSUPPORTED, "the backend \"%s\" does not compute %s",
                          device->backend->name, op->name);
}
