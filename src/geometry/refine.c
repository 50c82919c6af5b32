/* A basis by two operators: a fast one that is good to about two digits, and the one wanted.
 *
 * The block Lanczos recurrence of the second operator starts from random combinations of the rough
 * vectors, so that its space holds what the fast operator found from the first steps on; its
 * residuals are the certificate. */
#include <pullback/svd.h>

#include <math.h>

#include "base/clock.h"
#include "base/memory.h"
#include "geometry/solver.h"

/* What a rough basis is computed to: below it the fast operator's own rounding stands. */
#define ROUGH 2e-2

/* Triplets beyond the rank in the starting block. */
#define MORE 2

static pb_status refine(pb_svd **out, const pb_svd *rough, const pb_operator *op,
                        const pb_svd_options *options, const pb_run *run, pb_error *error)
{
    pb_svd_options o = *options;

    o.start = rough->v;
    o.start_count = rough->rank;
    o.start_length = rough->cols;
    return pb_svd_compute(out, op, &o, run, error);
}

pb_status pb_svd_refined(pb_svd **out, const pb_operator *fast, const pb_operator *op,
                         const pb_svd_options *options, const pb_run *run, pb_error *error)
{
    double begin = pb_seconds();
    pb_svd *rough = NULL, *svd = NULL;
    pb_svd_options o;
    pb_status status;

    PB_OUT(out, "the SVD");
    PB_NEED(options, "options");
    PB_TRY(pb_operator_check(fast, error));
    PB_TRY(pb_svd_options_check(options, op, error));
    o = *options;
    if (fast->rows != op->rows || fast->cols != op->cols)
        return pb_fail(error, PB_INVALID, "operators of %zu x %zu and %zu x %zu", fast->rows,
                       fast->cols, op->rows, op->cols);
    o.tolerance = fmax(ROUGH, options->tolerance);
    o.rank = pb_least(options->rank + MORE, pb_least(op->rows, op->cols));
    status = pb_svd_compute(&rough, fast, &o, run, error);
    if (status == PB_OK)
        status = refine(&svd, rough, op, options, run, error);
    if (svd) {
        svd->applications_fast = rough->applications;
        svd->applications += rough->applications;
        svd->steps += rough->steps;
        svd->restarts += rough->restarts;
        svd->seconds_operator += rough->seconds_operator;
        svd->seconds = pb_seconds() - begin;
    }
    if (status == PB_OK || status == PB_CANCELLED)
        *out = svd; /* the rough one is of another operator, and never given */
    pb_svd_free(rough);
    return status;
}
