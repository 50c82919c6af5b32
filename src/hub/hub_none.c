/* The hub of a program that was built without libcurl. */
#include "hub/hub.h"

pb_status pb_hub_open(pb_hub **out, const pb_hub_request *request, const pb_run *run,
                      pb_error *error)
{
    (void)run;
    *out = NULL;
    return pb_fail(error, PB_UNSUPPORTED,
                   "%s cannot be fetched: this program was built without libcurl (PB_HUB=OFF)",
                   request->repository);
}

const pb_hub_plan *pb_hub_get_plan(const pb_hub *hub)
{
    (void)hub;
    return NULL;
}

pb_status pb_hub_fetch(pb_hub *hub, const pb_run *run, pb_error *error)
{
    (void)hub;
    (void)run;
    return pb_fail(error, PB_UNSUPPORTED, "this program was built without libcurl (PB_HUB=OFF)");
}

void pb_hub_close(pb_hub *hub)
{
    (void)hub;
}
