/* Basis: the local latent basis at a point, and the file it is kept in.
 *
 * A basis file is a safetensors file with `u` (k,C,H,W), `s` (k), `v` (k,c,h,w),
 * `residual` (k), `angle_bound` (k), `x` (c,h,w), and string metadata; Python reads it with
 * safetensors.
 */
#ifndef PULLBACK_BASIS_H
#define PULLBACK_BASIS_H

#include <pullback/map.h>
#include <pullback/svd.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pb_basis {
    pb_tensor u;           /* (k,C,H,W): left singular vectors, at the tap observed */
    pb_tensor s;           /* (k): singular values, descending */
    pb_tensor v;           /* (k,c,h,w): right singular vectors, at the tap that varies */
    pb_tensor residual;    /* (k) */
    pb_tensor angle_bound; /* (k), radians */
    pb_tensor x;           /* (c,h,w): the point, an image of the network's input */
    char *model;           /* as it was named */
    char *model_hash;      /* pb_model_hash, or "" */
    char *from, *to;       /* taps */
    double timestep;       /* the network's time */
    double t;              /* the fraction asked for; NaN when a timestep was */
    long class_label;      /* -1: none */
    double tolerance;
    char *method;     /* "krylov", "subspace" */
    char *prompt;     /* "" where there is no text */
    size_t converged; /* leading triplets with residual <= tolerance */
    size_t applications;
} pb_basis;

#define PB_BASIS_EMPTY ((pb_basis){.class_label = -1})

/* Makes a basis from an SVD of the linearisation made with `map` at x, (c,h,w) or (1,c,h,w):
 * copies all, converted to C,H,W. t is NaN, the model unnamed. *basis must be empty;
 * pb_basis_clear frees it. Errors: PB_MEMORY. */
PB_API pb_status pb_basis_from_svd(pb_basis *basis, const pb_svd *svd, const pb_map_options *map,
                                   const pb_svd_options *options,
                                   const pb_linearisation *linearisation, const pb_tensor *x,
                                   pb_error *error);

/* Names the model, with its pb_model_hash or "". Errors: PB_MEMORY. */
PB_API pb_status pb_basis_set_model(pb_basis *basis, const char *name, const char *hash,
                                    pb_error *error);

PB_API void pb_basis_clear(pb_basis *basis);

/* Writes the file whole or not at all. Errors: PB_IO, PB_MEMORY. */
PB_API pb_status pb_basis_write(const pb_basis *basis, const char *path, pb_error *error);

/* Reads and checks a basis file. *basis must be empty. Errors: PB_IO, PB_FORMAT, PB_MEMORY. */
PB_API pb_status pb_basis_read(pb_basis *basis, const char *path, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
