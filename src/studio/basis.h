/* A basis as it is found, and as it is shown: its leading directions, its spectrum, its
 * certificate; and what else holds directions. */
#ifndef PB_STUDIO_BASIS_H
#define PB_STUDIO_BASIS_H

#include <jansson.h>

#include "studio/studio.h"

/* A basis with what is only known right after its computation. */
typedef struct pb_basis_found {
    pb_basis basis;
    pb_svd *svd;
    double *verified; /* residuals by applying the operator, or NULL */
} pb_basis_found;

#define PB_BASIS_FOUND_EMPTY ((pb_basis_found){.basis = {.class_label = -1}})

/* Computes it at a point. start: a basis file whose directions it starts from, or NULL; verify:
 * also by applying the operator. *found must be empty; it is freed with pb_basis_found_clear, also
 * on failure. Errors: PB_INVALID (a start of other shapes), those of reading and of
 * pb_session_basis. */
pb_status pb_basis_find(pb_basis_found *found, const pb_studio *studio, const pb_point *point,
                        const pb_basis_options *options, const char *start, int verify,
                        const pb_run *run, pb_error *error);
void pb_basis_found_clear(pb_basis_found *found);

/* Reads directions at a tap: (k,C,H,W) of a .npy, or those of a basis that varies or observes it.
 * Errors: PB_INVALID (other shapes, a basis of other taps), those of pb_read_basis_of. */
pb_status pb_read_directions(pb_tensor *directions, const pb_studio *studio, const char *path,
                             const char *tap, pb_error *error);

/* Height and width in pixels of the pictures that directions at x are of. 0: of images of the size
 * given, or it is not known; then they say nothing. */
int pb_basis_pixels(const pb_basis *basis, const pb_studio *studio, const size_t size[2],
                    size_t pixels[2]);

/* The names of what is drawn beside a basis file: STEM-directions.png, then STEM-spectrum.png, .csv
 * and .gp; g_strfreev. */
char **pb_basis_picture_names(const char *path);

/* Draws the leading directions, with their singular values, into a picture. Errors: those of
 * writing. */
pb_status pb_basis_draw(const pb_basis_found *found, const char *path, pb_error *error);

/* Plots the singular values beside the basis file `path` (picture/spectrum.h). */
pb_status pb_basis_plot(const pb_basis_found *found, const char *path, pb_error *error);

/* What is known of it, as an object. */
json_t *pb_basis_json(const pb_basis_found *found);

#endif
