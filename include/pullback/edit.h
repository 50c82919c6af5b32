/* Editing: x-space guidance (Park et al. 2023, section 3.4),
 *
 *     x <- x + gamma [eps(x + delta v) - eps(x)],   N times, all at one timestep,
 *
 * the straight step x + s v, and steps along v that linearise anew and carry v over.
 *
 * Images are flat float arrays in N, C, H, W order, as in diffusion.h.
 */
#ifndef PULLBACK_EDIT_H
#define PULLBACK_EDIT_H

#include <pullback/basis.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pb_guidance {
    double step;       /* delta */
    double scale;      /* gamma */
    size_t iterations; /* N */
} pb_guidance;

/* Guides from x (size floats, the denoiser's size) along `count` unit directions v (count * size
 * floats; a sign is part of the direction), and keeps `stages` iterates of each at equal intervals
 * (stage j = 1 … stages is the iterate round(j N / stages)). out: count * stages * size floats,
 * direction major. t: the network's time, 0 … T-1. All directions advance as one batch. schedule:
 * what the denoiser's output stands for. Errors: PB_INVALID (also an x of another size than the
 * denoiser's, and directions that are not unit vectors), PB_MEMORY, PB_CANCELLED, PB_NUMERIC, the
 * denoiser's. */
PB_API pb_status pb_guide(const pb_schedule *schedule, const pb_denoiser *denoiser, double t,
                          size_t size, const float *x, size_t count, const float *v,
                          const pb_guidance *guidance, size_t stages, float *out, const pb_run *run,
                          pb_error *error);

/* The straight step: stage j = 1 … stages of direction i is x + (j / stages) length v_i. v: count
 * unit vectors of size floats; out: count * stages * size floats, direction major. Errors:
 * PB_INVALID (none of them, a length that is not finite, directions that are not unit vectors),
 * PB_NUMERIC (a step beyond the range of float). */
PB_API pb_status pb_straight(size_t size, const float *x, size_t count, const float *v,
                             double length, size_t stages, float *out, pb_error *error);

typedef struct pb_relinearised {
    double length; /* of the whole path; negative: against the direction */
    size_t steps;  /* bases computed on the way */
} pb_relinearised;

/* Follows a direction: after each of `steps` steps of length/steps the basis is computed anew there
 * (as `request` says; it starts from the one before), and the direction carried to it by parallel
 * transport, with its u. basis: that of the point where it begins, of the model and of the map that
 * the request asks for, under the same prompts too, which are not compared: a request has their
 * embeddings; `direction`: one of its vectors.
 * out: `stages` images at equal intervals, as pb_guide's. share (or NULL): the product of the
 * shares of the direction that survived the transports. Errors: PB_INVALID (also a basis of another
 * map, mask, null rank, guidance, timestep or size), pb_basis_compute's. */
PB_API pb_status pb_relinearise(const pb_model *model, const pb_basis_request *request,
                                const pb_basis *basis, size_t direction,
                                const pb_relinearised *path, size_t stages, float *out,
                                double *share, const pb_run *run, pb_error *error);

/* -- what an edit did ---------------------------------------------------------------------------
 */

/* The root mean square of a - b, of n entries. NaN where a or b is NULL. */
PB_API double pb_change(size_t n, const float *a, const float *b);

/* The share of the squared change |a - b|^2 of two pictures (c,h,w) that lies outside a mask (H,W):
 * each entry counts 1 - m, m the mask's weight at the position it falls on. 0 where a = b; NaN
 * where the mask has not two dimensions, or anything is NULL. */
PB_API double pb_outside(const pb_tensor *mask, size_t c, size_t h, size_t w, const float *a,
                         const float *b);

typedef enum pb_pace_kind {
    PB_PACE_STEADY,
    PB_PACE_COLLAPSED, /* below a tenth of the first stage's */
    PB_PACE_EXPLODED,  /* above three times the first stage's */
    PB_PACE_FAST       /* beyond the limits given */
} pb_pace_kind;

/* A stage as it came out. */
typedef struct pb_pace_stage {
    size_t iterate;  /* where it ends; they rise, the first one above 0 */
    double change;   /* pb_change from the stage before */
    double distance; /* pb_change from where the edit began */
} pb_pace_stage;

/* An edit is too fast that comes further than the one once a stage was faster than the other. */
typedef struct pb_pace_limits {
    double rate; /* change per iteration */
    double distance;
} pb_pace_limits;

/* How an edit goes on in the first stage where it is not steady (of one that is too fast, in the
 * fastest stage until then), or in the last one. */
typedef struct pb_pace {
    pb_pace_kind kind;
    size_t from, to; /* the stage: from this iterate on up to that */
    double rate;     /* change per iteration there */
    double share;    /* of the first stage's; 1 where that one is 0 */
} pb_pace;

/* Judges an edit by its stages. limits: NULL for none. No stages at all, or NULL, are steady. */
PB_API pb_pace pb_pace_of(size_t stages, const pb_pace_stage *stage, const pb_pace_limits *limits);

#ifdef __cplusplus
}
#endif

#endif
