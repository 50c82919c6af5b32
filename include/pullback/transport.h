/* Transport: directions of one tangent space carried to another (Park et al. 2023, section 3.3),
 * and what a direction is made of.
 */
#ifndef PULLBACK_TRANSPORT_H
#define PULLBACK_TRANSPORT_H

#include <pullback/basis.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pb_transport_form {
    PB_TRANSPORT_PROJECTION, /* v = sum_i (u_i . u) v_i: the paper's */
    PB_TRANSPORT_INVERSE     /* v = sum_i (u_i . u) / s_i v_i: the pseudo-inverse of J */
} pb_transport_form;

/* Carries directions u (count,C,H,W) of H to the basis `onto`, whose u are (k,C,H,W): each is
 * projected on the span of the u_i and pulled back to X. from: the basis whose directions they are,
 * which must go with `onto` (pb_bases_compatible, PB_FOR_TRANSPORT), or NULL: none is known. u:
 * NULL for all of its u. *v must be empty and gets count unit vectors (count,c,h,w) shaped as those
 * of onto->v; the caller clears it. share (count of them, or NULL): |U^T u| / |u|, the share of a
 * direction that survives. Errors: PB_INVALID (neither from nor u; bases that do not go together,
 * or without u, v or, in the inverse form, s; other shapes), PB_NUMERIC (nothing of a direction
 * survives, or s_i = 0 in the inverse form), PB_MEMORY. */
PB_API pb_status pb_transport(const pb_basis *from, const pb_basis *onto, pb_transport_form form,
                              const pb_tensor *u, pb_tensor *v, double *share, pb_error *error);

/* Projects directions v (count,c,h,w) of X on the span of onto->v (k,c,h,w), in place, and
 * normalises them. from (for PB_FOR_EDITING) and share as above. Errors: PB_INVALID (bases or
 * shapes that do not go together), PB_NUMERIC, PB_MEMORY. */
PB_API pb_status pb_project(const pb_basis *from, const pb_basis *onto, pb_tensor *v, double *share,
                            pb_error *error);

/* The power of an image (c,h,w) by spatial frequency: |DFT|^2 per channel, summed over channels and
 * over all frequencies f = sqrt(fx^2 + fy^2) (cycles per pixel, up to sqrt(1/2)) in each of `bands`
 * equal bands of [0, 1/2], of total 1; what lies beyond 1/2 belongs to the last. power: added to.
 * The result is one direction's share times `weight`. Errors: PB_INVALID, PB_MEMORY. */
PB_API pb_status pb_radial_power(size_t c, size_t h, size_t w, const float *image, double weight,
                                 size_t bands, double *power, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
