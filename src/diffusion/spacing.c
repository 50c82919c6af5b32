/* The timesteps of DDIMScheduler, in the arithmetic of NumPy: its last bit decides where a half is
 * rounded to. np.linspace multiplies by a step that is divided out before; np.arange adds multiples
 * of the difference of its first two entries. No product may be fused with the sum that follows it
 * (CMakeLists.txt). */
#include <pullback/diffusion.h>

#include <math.h>

/* round(np.linspace(0, T - 1, S)[k]) */
static size_t linspace(size_t T, size_t S, size_t k)
{
    double step = (double)(T - 1) / (double)(S - 1);

    if (k + 1 == S) /* set, not multiplied */
        return S > 1 ? T - 1 : 0;
    return (size_t)rint((double)k * step);
}

/* round(np.arange(T, 0, -T/S)[i]) - 1 */
static size_t trailing(double T, double S, size_t i)
{
    double second = T - T / S, difference = second - T;

    return (size_t)rint(T + (double)i * difference) - 1;
}

size_t pb_spaced_time(size_t T, size_t S, pb_spacing spacing, size_t steps_offset, size_t i)
{
    if (S == 0 || S > T || i >= S)
        return 0;
    switch (spacing) {
    case PB_SPACING_LEADING:
        return (S - 1 - i) * (T / S) + steps_offset;
    case PB_SPACING_TRAILING:
        return trailing((double)T, (double)S, i);
    case PB_SPACING_LINSPACE:
        break;
    }
    return linspace(T, S, S - 1 - i);
}
