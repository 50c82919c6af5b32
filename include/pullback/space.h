/* Spaces: the span of a few vectors of R^n (a tangent space, in H or in X) as a point of the
 * Grassmannian; principal angles, distances, means.
 *
 * Vectors come as floats, one after the other, as in a basis file; everything here is computed in
 * double precision. The order of entries does not matter as long as it is the same for all.
 */
#ifndef PULLBACK_SPACE_H
#define PULLBACK_SPACE_H

#include <stdint.h>

#include <pullback/run.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pb_space {
    size_t n, k;
    double *q; /* k orthonormal vectors of n numbers, one after the other */
} pb_space;

#define PB_SPACE_EMPTY ((pb_space){0, 0, NULL})
PB_API void pb_space_init(pb_space *space);

/* The span of k vectors of n floats, by Householder QR. *space must be empty; pb_space_clear frees
 * it. Errors: PB_INVALID (k outside 1 … n), PB_NUMERIC (the vectors depend on each other, or are
 * not finite), PB_MEMORY. */
PB_API pb_status pb_space_new(pb_space *space, size_t n, size_t k, const float *vectors,
                              pb_error *error);
PB_API void pb_space_clear(pb_space *space);

/* -- angles and distances ---------------------------------------------------------------------- */

/* The principal angles 0 <= theta_1 <= … <= pi/2 of two spaces of R^n, min(a->k, b->k) of them:
 * from the cosines, and from the sines where the cosine is above 1/sqrt 2 (Bjorck & Golub 1973).
 * Errors: PB_INVALID (an empty space, another n), PB_MEMORY, PB_NUMERIC. */
PB_API pb_status pb_space_angles(const pb_space *a, const pb_space *b, double *angles,
                                 pb_error *error);

/* Distances by principal angles (Edelman, Arias & Smith 1998, section 4.3). */
typedef struct pb_distances {
    double geodesic;   /* sqrt(sum theta^2), radians: the paper's */
    double chordal;    /* sqrt(sum sin^2 theta) */
    double procrustes; /* 2 sqrt(sum sin^2(theta/2)) */
    double projection; /* sin theta_k */
} pb_distances;

PB_API pb_distances pb_distances_of(size_t k, const double *angles);

/* What they are for k right angles: pi/2 sqrt k, sqrt k, sqrt(2k), 1. */
PB_API pb_distances pb_distances_largest(size_t k);

/* Each of a divided by that of b. */
PB_API pb_distances pb_distances_ratio(pb_distances a, pb_distances b);

/* All pairs of `count` spaces of equal n and k: distances (count x count) and angles (count x count
 * x k), both the same for a pair either way round, 0 of a space with itself; either may be NULL.
 * Errors: PB_INVALID (no spaces, empty ones, of different n or k), PB_MEMORY, PB_NUMERIC,
 * PB_CANCELLED. */
PB_API pb_status pb_space_pairs(size_t count, const pb_space *spaces, pb_distances *distances,
                                double *angles, const pb_run *run, pb_error *error);

/* The mean distances of two random spaces of dimension k of R^n (uniform on the Grassmannian), over
 * `draws` pairs, 1 … 1,000,000; their cost does not depend on n (Bartlett's decomposition of the
 * part outside). Errors: PB_INVALID (k outside 1 … n, or other draws), PB_MEMORY, PB_NUMERIC,
 * PB_CANCELLED. */
PB_API pb_status pb_distances_random(pb_distances *mean, size_t n, size_t k, size_t draws,
                                     uint64_t seed, const pb_run *run, pb_error *error);

/* -- means ------------------------------------------------------------------------------------- */

typedef struct pb_mean_report {
    double spread;        /* root mean square of the geodesic distances to the mean, radians */
    double angle_largest; /* of all spaces to the mean, radians */
    int chordal;          /* 1: some angle is above pi/4, where a Karcher mean need not be unique:
                             the chordal mean was kept */
    size_t iterations;
} pb_mean_report;

/* The Karcher (Frechet) mean of `count` spaces of equal n and k: the minimiser of the sum of
 * squared geodesic distances, by gradient descent from the chordal mean (the leading eigenvectors
 * of the sum of projectors). The run hears of the spaces, in every round of the descent anew. *mean
 * must be empty. Errors: PB_INVALID (no spaces, empty ones, of different n or k), PB_MEMORY,
 * PB_NUMERIC, PB_CANCELLED. */
PB_API pb_status pb_mean_space(pb_space *mean, pb_mean_report *report, size_t count,
                               const pb_space *spaces, const pb_run *run, pb_error *error);

/* Directions within a space that match those of `count` samples best: sample s has k unit vectors
 * of n floats at vectors[s], n and k those of the space. They are matched to the directions with
 * signs (a permutation each: Hungarian algorithm), and the directions turned to fit (orthogonal
 * Procrustes), until the matching stays. out: k orthonormal vectors of n floats, by falling
 * agreement. agreement (k): the mean of |cos| with the matched directions of the samples. Errors:
 * PB_INVALID, PB_MEMORY, PB_NUMERIC, PB_CANCELLED. */
PB_API pb_status pb_mean_directions(const pb_space *mean, size_t n, size_t k, size_t count,
                                    const float *const *vectors, float *out, double *agreement,
                                    const pb_run *run, pb_error *error);

/* The mean of individual directions of `count` samples of k unit vectors of n floats: they are
 * matched with signs to the running mean (beginning with the first sample's), averaged, normalised,
 * until the matching stays. match: count * k entries, the vector of sample s that belongs to mean
 * i at [s * k + i], and sign likewise, +1 or -1; so that others (u with v) can be averaged alike
 * by pb_average_directions. agreement (k): the mean of |cos|. Errors: PB_INVALID (none of
 * them, no samples), PB_MEMORY, PB_NUMERIC (vectors that are not finite), PB_CANCELLED. */
PB_API pb_status pb_match_directions(size_t n, size_t k, size_t count, const float *const *vectors,
                                     size_t *match, int *sign, double *agreement, const pb_run *run,
                                     pb_error *error);

/* out_i = the normalised mean over s of sign * vectors[s][match], k vectors of n floats.
 * Errors: PB_INVALID (none of them, a match beyond k, another sign), PB_MEMORY. */
PB_API pb_status pb_average_directions(size_t n, size_t k, size_t count,
                                       const float *const *vectors, const size_t *match,
                                       const int *sign, float *out, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
