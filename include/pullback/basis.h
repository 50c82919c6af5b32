/* Basis: the local latent basis at a point, global directions, and the file they are kept in.
 *
 * A basis file is a safetensors file with `u` (k,C,H,W), `s` (k), `v` (k,c,h,w),
 * `residual` (k), `angle_bound` (k), `x` (c,h,w), with a mask `mask` (H,W), and string metadata;
 * Python reads it with safetensors. A mean of several bases has `samples` in its metadata,
 * `agreement` (k) instead of residuals, no `x`, and `u` or `v` or both.
 *
 * The metadata are what a pb_basis says of itself besides its arrays, under the names of its fields
 * ("tap" is `to`, "tol" the tolerance), and "format". Files of before lack some: prediction,
 * schedule, schedule_hash, steps and sizes; the first also version, prompts of the trajectory,
 * guidance, null_rank and samples. What is not there is not known, and agrees with anything.
 */
#ifndef PULLBACK_BASIS_H
#define PULLBACK_BASIS_H

#include <pullback/map.h>
#include <pullback/space.h>
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
    char *model;           /* its folder, as found */
    char *model_hash;      /* pb_model_hash, or "": not known */
    char *loras;           /* of the model, pb_model_describe_loras; NULL: none, or not known */
    char *prediction;      /* what the network predicts, pb_prediction_name; NULL: not known */
    char *schedule;        /* pb_schedule_kind of its noise schedule; NULL likewise */
    char *schedule_hash;   /* pb_schedule_hash; NULL likewise */
    char *from, *to;       /* taps */
    double timestep;       /* the network's time */
    double t;              /* the fraction asked for; NaN when a timestep was */
    size_t steps;          /* points of the time grid on which the timestep lies; 0: not known */
    long class_label;      /* -1: none */
    double tolerance;
    char *method;            /* "krylov", "subspace" */
    char *prompt;            /* what the map was conditioned on; "" where there is no text */
    char *trajectory_prompt; /* what led to x; NULL: not known (files of 0.1 that have none) */
    char *negative_prompt; /* likewise; also where there was none (pb_model_info.zeros_for_none) */
    char *sizes;           /* that the network was told, "1024,1024,0,0,1024,1024": height and
                              width of the original, top and left of the crop, height and width
                              asked for; NULL: none, or not known */
    double guidance_scale; /* of the trajectory, and of a guided map; 1: none */
    int guided;            /* is the map one with classifier-free guidance? */
    size_t converged;      /* leading triplets with residual <= tolerance */
    size_t applications;
    pb_tensor mask;      /* (H,W): weights of the tap observed; empty: none */
    size_t null_rank;    /* leading directions of the unmasked region that v is orthogonal to */
    size_t samples;      /* of a mean: how many bases; 0: a basis at a point. In a mean u, v, x,
                            residual and angle_bound may be empty, s are means */
    pb_tensor agreement; /* (k), of a mean: the mean |cos| with the samples' directions */
    char *space;         /* of a mean: "H" or "X", where it was taken; else "" */
    char *version;       /* of the library that computed it; NULL: not known */
    char *file;          /* which it was read from, for messages; NULL: none. Not written */
} pb_basis;

#define PB_BASIS_EMPTY ((pb_basis){.class_label = -1})
PB_API void pb_basis_init(pb_basis *basis);

/* What pb_basis_compute is to do. Begin with PB_BASIS_REQUEST_DEFAULTS. */
typedef struct pb_basis_request {
    pb_map_options map;
    pb_svd_options svd;     /* svd.start is not used: start, below */
    const pb_tensor *start; /* (k,c,h,w) starting vectors, or NULL */
    int bf16;               /* by pb_svd_refined */
    /* Weights 0 … 1 of the positions (H,W) of the observed tap, or NULL. The map is then m . f,
     * whose directions change the weighted region most. */
    const pb_tensor *mask;
    /* With a mask: v is confined to the complement of this many leading right singular vectors N of
     * the rest, (1 - m) . f: the SVD is that of m . J (I - N N^T), and the directions leave the
     * rest alone to first order (after Chen et al. 2024, LOCO-Edit, who project v afterwards). */
    size_t null_rank;
    /* Or NULL: the condition N against which the map is guided (Ho & Salimans 2021), to "eps" or
     * "x0": the SVD is that of (1 - scale) J_N + scale J, J under map.condition. */
    const pb_condition *negative;
    double scale;
} pb_basis_request;

#define PB_BASIS_REQUEST_DEFAULTS                                                                  \
    ((pb_basis_request){.map = PB_MAP_DEFAULTS, .svd = PB_SVD_DEFAULTS})
PB_API void pb_basis_request_init(pb_basis_request *request);

/* The local latent basis at one image x, (c,h,w) or (1,c,h,w): linearises, and computes the leading
 * singular triplets. *basis must be empty; pb_basis_clear frees it; its model and schedule are
 * named and hashed. svd (or NULL): gets the SVD too, of vectors in C, H, W order, pb_svd_free.
 * verified (or NULL): svd.rank residuals measured by applying the operator again. Fewer than
 * svd.rank triplets are there where svd.max_applications ended first; a null space is whole or
 * refused.
 * Where the run is stopped, returns PB_CANCELLED, and *basis and *svd hold the leading triplets
 * that had converged by then, certified as ever (of bf16 by the map itself): basis->converged says
 * how many; where there are none *basis is empty and *svd NULL. Clear and free them as after
 * success. Nothing is evaluated after the stop: verified are NaN, and model_hash is "" unless
 * pb_model_hash was asked before. After any other error *basis is empty.
 * Errors: as pb_linearise and pb_svd_compute; PB_INVALID (an x of other channels than the
 * network's, or of several images; a mask of another size than the tap, null_rank or bf16 where
 * they cannot be; more of null_rank and svd.rank together than the map has columns), PB_NUMERIC
 * (the null space did not converge, or holds a direction of the map).
 */
PB_API pb_status pb_basis_compute(pb_basis *basis, pb_svd **svd, double *verified,
                                  const pb_model *model, const pb_basis_request *request,
                                  const pb_tensor *x, const pb_run *run, pb_error *error);

/* Makes a basis from an SVD of the linearisation's operator, which was made with `map` at x,
 * (c,h,w) or (1,c,h,w): copies all. t is NaN, the model unnamed. *basis must be empty;
 * pb_basis_clear frees it. Errors: PB_INVALID (an SVD or a point of another size than the
 * linearisation's, an SVD of rank 0 or without one of its arrays), PB_MEMORY. */
PB_API pb_status pb_basis_from_svd(pb_basis *basis, const pb_svd *svd, const pb_map_options *map,
                                   const pb_svd_options *options,
                                   const pb_linearisation *linearisation, const pb_tensor *x,
                                   pb_error *error);

/* Names the model, with its pb_model_hash or "". Errors: PB_MEMORY. */
PB_API pb_status pb_basis_set_model(pb_basis *basis, const char *name, const char *hash,
                                    pb_error *error);

/* Says what the network predicts along which noise schedule. Errors: PB_MEMORY. */
PB_API pb_status pb_basis_set_schedule(pb_basis *basis, const pb_schedule *schedule,
                                       pb_error *error);

/* Says under which prompts the map and the trajectory to x were; trajectory, negative: NULL where
 * they are not known. Errors: PB_MEMORY. */
PB_API pb_status pb_basis_set_prompts(pb_basis *basis, const char *prompt, const char *trajectory,
                                      const char *negative, double guidance_scale, int guided,
                                      pb_error *error);

/* Makes *to a copy. *to must be empty; pb_basis_clear frees it, also on failure. Errors:
 * PB_INVALID, PB_MEMORY. */
PB_API pb_status pb_basis_copy(pb_basis *to, const pb_basis *from, pb_error *error);

/* The one direction v, (c,h,w) or (1,c,h,w), a weighted sum of a basis's v, as a basis of its own:
 * v at length 1, s = |J v|, u = J v / s, and as residual |J^T u - s v| / s, which a sum of several
 * singular vectors has however exact each is (its angle bound is then a right angle). *to must be
 * empty; pb_basis_clear frees it, also on failure. Errors: PB_INVALID (a mean; a direction outside
 * of the basis's span, or that changes nothing), PB_MEMORY. */
PB_API pb_status pb_basis_along(pb_basis *to, const pb_basis *basis, const pb_tensor *v,
                                pb_error *error);

PB_API void pb_basis_clear(pb_basis *basis);

typedef enum pb_mean_kind {
    PB_MEAN_KARCHER, /* of the spaces; directions by the rotation that fits the samples' best */
    PB_MEAN_MATCHED  /* of individual directions, matched with signs; u and v together */
} pb_mean_kind;

/* Global directions: the mean of `count` bases at points that go together (pb_bases_compatible,
 * PB_FOR_MEAN_H or _X, of a matched mean both). in_x: taken in X (of
 * v) instead of H (of u). A matched mean holds u and v, a Karcher mean those of its space. report:
 * for a Karcher mean, or NULL. *mean must be empty. Errors: PB_INVALID (bases that do not go
 * together, or without the vectors, the singular values or the taps' names), PB_MEMORY, PB_NUMERIC,
 * PB_CANCELLED. */
PB_API pb_status pb_basis_mean(pb_basis *mean, pb_mean_report *report, size_t count,
                               const pb_basis *const *bases, pb_mean_kind kind, int in_x,
                               const pb_run *run, pb_error *error);

/* Writes the file whole or not at all. Errors: PB_INVALID (a tensor of a shape that cannot be, text
 * that is not UTF-8), PB_IO, PB_MEMORY. */
PB_API pb_status pb_basis_write(const pb_basis *basis, const char *path, pb_error *error);

/* Reads a basis file, and checks that it is whole: the shapes go together, directions have length 1
 * to a hundredth, singular values are not negative, those at a point fall, everything else lies
 * within its range. *basis must be empty. Errors: PB_IO, PB_FORMAT, PB_MEMORY. */
PB_API pb_status pb_basis_read(pb_basis *basis, const char *path, pb_error *error);

/* Does a basis, or a mean, go with a model and its images of height x width? It is checked as
 * pb_basis_read does; its taps are the model's, its directions have their shapes, timestep and
 * class label are such as the model takes, and prediction and schedule, where it knows them, are
 * the model's. height 0: of images of any size; a basis at a point is then checked at its point's.
 * Whether it was computed with this very model its model_hash says. Errors: PB_INVALID, PB_MEMORY.
 */
PB_API pb_status pb_basis_compatible(const pb_basis *basis, const pb_model *model, size_t height,
                                     size_t width, pb_error *error);

/* What two bases are used for together. */
typedef enum pb_basis_use {
    PB_FOR_COMPARING_H, /* the distance of their spaces in H, those of u */
    PB_FOR_COMPARING_X, /* in X, those of v */
    PB_FOR_MEAN_H,      /* their mean, taken in H */
    PB_FOR_MEAN_X,      /* in X */
    PB_FOR_TRANSPORT,   /* directions u of one are carried through H to the other's x */
    PB_FOR_EDITING      /* directions v of one serve at the other's point, projected or not */
} pb_basis_use;
#define PB_BASIS_USES 6

/* Do two bases, or means, go together? Where one thing is made of both, what is listed must agree:
 *
 *                           comparing    a mean     transport  editing
 *                            H    X      H    X
 *   model_hash               =*   =*     =    =         =         =
 *   prediction               =*   =*     =    =         =         =
 *   schedule_hash            =*   =*     =    =         =         =
 *   from                          =      =    =                   =
 *   to                       =           =    =         =
 *   C x H x W of u           =           =              =
 *   c x h x w of v                =           =                   =
 *   how many directions                  =    =
 *   guided                               =    =         =
 *   class_label                          =    =
 *   mask, null_rank                      =    =
 *
 *   * unless pb_comparison_options.across_models
 *
 * The rest may differ: to compare timesteps, prompts, classes, guidance or masks is what some ask
 * for, and a direction is carried from one of them to another. A mean has the timestep and t of its
 * first basis, and prompts, steps and guidance scale where all its bases have the same, those aside
 * that do not know a prompt or steps: else none ("", 0, 1; where nobody knows the trajectory's
 * prompts, NULL), but for the scale of guided maps, which is the first one's. What one of the two
 * does not know (a hash of "", a text of NULL, as in files of before; a mean in H has no v) agrees
 * with anything, but not a mask with none. Whether each is whole is not checked. Errors:
 * PB_INVALID; the message lists all that differs, with both values.
 */
PB_API pb_status pb_bases_compatible(const pb_basis *a, const pb_basis *b, pb_basis_use use,
                                     pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
