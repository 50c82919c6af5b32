#include "diffusion/denoiser.h"

#include "base/shape.h"

pb_status pb_denoiser_check(const pb_denoiser *denoiser, size_t size, pb_error *error)
{
    PB_NEED(denoiser, "a denoiser");
    PB_NEED(denoiser->predict, "a denoiser's function");
    if (denoiser->size == 0)
        return pb_fail(error, PB_INVALID, "a denoiser for images of nothing");
    PB_TRY(pb_count_check(denoiser->size, 1, 1, "a denoiser's images", error));
    return pb_size_check(size, denoiser->size, "images", error);
}

pb_status pb_denoiser_predict(const pb_denoiser *denoiser, size_t n, const float *x, double t,
                              float *out, const pb_run *run, pb_error *error)
{
    pb_error why = {.status = PB_OK};
    pb_status status = denoiser->predict(denoiser->context, n, x, t, out, run, &why);

    return status == PB_OK ? PB_OK : pb_fail_theirs(error, status, &why, "a denoiser");
}
