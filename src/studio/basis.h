/* A basis as it is shown: its leading directions, its spectrum, its certificate. */
#ifndef PB_STUDIO_BASIS_H
#define PB_STUDIO_BASIS_H

#include <jansson.h>

#include "studio/studio.h"

/* Draws the leading directions, with their singular values, into a picture. Errors: those of
 * writing. */
pb_status pb_basis_draw(const pb_basis *basis, const double *sigma, const char *path,
                        pb_error *error);

/* Plots the singular values into STEM.png, with .csv and .gp (picture/spectrum.h). */
pb_status pb_basis_plot(const pb_basis *basis, const pb_svd *svd, const char *stem,
                        pb_error *error);

/* What is known of it right after its computation, as an object. verified: pb_basis_compute's, or
 * NULL. */
json_t *pb_basis_json(const pb_basis *basis, const pb_svd *svd, const double *verified);

#endif
