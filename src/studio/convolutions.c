#include "studio/convolutions.h"

#include "base/memory.h"
#include "map/measure.h"

pb_status pb_list_convolutions(pb_cost **costs, size_t *count, const pb_linearisation *l, size_t n,
                               pb_error *error)
{
    pb_status status = PB_OK;
    pb_cost *list = NULL;

    *count = 0;
    for (pb_pass pass = PB_JVP; status == PB_OK && pass <= PB_VJP; pass++) {
        const pb_program *program;
        status = pb_measured_program(&program, l, pass, n, error);
        if (status == PB_OK)
            status = pb_cpu_list_convolutions(&list, count, program, error);
    }
    if (status == PB_OK)
        *costs = list;
    else
        pb_free(list);
    return status;
}

pb_status pb_measure_convolution(pb_cost *cost, pb_algorithm algorithm, const pb_linearisation *l,
                                 bool cold, double budget, pb_error *error)
{
    pb_pass pass = cost->direction == PB_CONVOLVE ? PB_JVP : PB_VJP;
    const pb_program *program;

    PB_TRY(pb_measured_program(&program, l, pass, cost->shape.n, error));
    return pb_cpu_measure_convolution(cost, algorithm, program, cold, budget, error);
}
