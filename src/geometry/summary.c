/* What a whole spectrum comes to in one number. */
#include <math.h>

#include <pullback/svd.h>

double pb_effective_rank(size_t count, const double *sigma)
{
    double square = 0, fourth = 0;

    for (size_t i = 0; sigma && i < count; i++) {
        double s = sigma[i];
        square += s * s;
        fourth += s * s * s * s;
    }
    return fourth > 0 ? square * square / fourth : 0;
}

double pb_largest_residual(size_t count, const double *residual)
{
    double most = 0;

    for (size_t i = 0; residual && i < count; i++)
        most = fmax(most, residual[i]);
    return most;
}
