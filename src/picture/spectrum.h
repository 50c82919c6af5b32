/* The plot of a basis's spectrum, by gnuplot; its data and its script stay beside the picture. */
#ifndef PB_PICTURE_SPECTRUM_H
#define PB_PICTURE_SPECTRUM_H

#include <stddef.h>

#include "base/error.h"

typedef struct pb_spectrum {
    size_t count;
    const double *sigma, *residual, *angle_bound; /* count each; residual relative to sigma[0] */
    double tolerance;
    const char *title; /* of any bytes: shown as far as it is legible */
} pb_spectrum;

/* Writes STEM.csv, STEM.gp and, by gnuplot, STEM.png. Whoever runs STEM.gp again gets spectrum.png:
 * no name stands in it. Errors: PB_IO (also when gnuplot is missing or fails: the first two are
 * there then), PB_MEMORY. */
pb_status pb_spectrum_plot(const pb_spectrum *spectrum, const char *stem, pb_error *error);

#endif
