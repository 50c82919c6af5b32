/* Diffusion: noise schedules, the time grid, deterministic DDIM in both directions, stochastic
 * steps, and random numbers that agree with PyTorch's.
 *
 * Nothing here knows a network: a pb_denoiser is any function whose output stands for the noise, as
 * the schedule's prediction says.
 * Tensors are flat float arrays of n images of `size` floats each, in N, C, H, W order.
 */
#ifndef PULLBACK_DIFFUSION_H
#define PULLBACK_DIFFUSION_H

#include <stdint.h>

#include <pullback/run.h>
#include <pullback/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- noise schedule ---------------------------------------------------------------------- */

typedef enum pb_betas {
    PB_BETAS_LINEAR,
    PB_BETAS_SCALED_LINEAR,
    PB_BETAS_SQUAREDCOS_CAP_V2,
    PB_BETAS_TRAINED
} pb_betas;

/* What a network's output stands for, at x = a x0 + s eps: */
typedef enum pb_prediction {
    PB_PREDICTION_EPSILON,
    PB_PREDICTION_V, /* a eps - s x0, where a^2 + s^2 = 1 */
    PB_PREDICTION_SAMPLE,
    PB_PREDICTION_VELOCITY /* eps - x0, where a + s = 1: dx/ds of a rectified flow */
} pb_prediction;

/* A path from images to noise, x_t = a(t) x0 + s(t) eps, over the network's own times 0 … T-1, and
 * what the network predicts along it. Immutable: may be shared by threads. */
typedef struct pb_schedule pb_schedule;

typedef struct pb_schedule_options {
    pb_betas betas;
    size_t length; /* T = num_train_timesteps: 2 … 100000 */
    double beta_start, beta_end;
    const float *trained_betas; /* T of them, for PB_BETAS_TRAINED only */
    pb_prediction prediction;
    int zero_snr; /* rescale_betas_zero_snr: shifted and scaled such that alpha-bar ends at 0 (Lin
                     et al. 2024, algorithm 1). Not with PB_PREDICTION_EPSILON: pure noise says
                     nothing of x0
                   */
} pb_schedule_options;

#define PB_SCHEDULE_DEFAULTS                                                                       \
    ((pb_schedule_options){.length = 1000, .beta_start = 1e-4, .beta_end = 2e-2})
PB_API void pb_schedule_options_init(pb_schedule_options *options);

/* alpha-bar is computed as diffusers does: betas and alphas in float32, the product accumulated in
 * double and rounded to float32 at each step.
 * Errors: PB_INVALID (a length or betas outside their ranges, betas outside (0, 1), with zero_snr
 * betas so small at the end that it is flat), PB_UNSUPPORTED
 * (zero_snr with PB_PREDICTION_EPSILON), PB_MEMORY. */
PB_API pb_status pb_schedule_new(pb_schedule **out, const pb_schedule_options *options,
                                 pb_error *error);

/* A rectified flow (Liu et al. 2022): a = 1 - t/(T-1), s = t/(T-1), at any real t; the network
 * predicts the velocity. length: T, 2 … 100000; 1001 where the network's time goes up to 1000.
 * Errors: PB_INVALID, PB_MEMORY. */
PB_API pb_status pb_schedule_new_flow(pb_schedule **out, size_t length, pb_error *error);

PB_API void pb_schedule_free(pb_schedule *schedule);

/* T: of a discrete schedule num_train_timesteps. */
PB_API size_t pb_schedule_length(const pb_schedule *schedule);
PB_API pb_prediction pb_schedule_prediction(const pb_schedule *schedule);

/* "epsilon", "v_prediction", "sample", "velocity"; NULL for what is none. */
PB_API const char *pb_prediction_name(pb_prediction prediction);

/* Where the path comes from: "linear", "scaled_linear", "squaredcos_cap_v2", "trained", "flow". */
PB_API const char *pb_schedule_kind(const pb_schedule *schedule);

/* SHA-256 over a^2 and s^2 at all whole times as float32, 64 hexadecimal digits: that of two
 * schedules is the same where their paths are, whatever they come from. Owned by the schedule. */
PB_API const char *pb_schedule_hash(const pb_schedule *schedule);

/* alpha-bar = a^2 at timestep t = 0 … T-1 (clamped); 0 at T-1 with zero_snr. */
PB_API double pb_alpha_bar(const pb_schedule *schedule, size_t t);

/* A point of the path. */
typedef struct pb_path_point {
    double a, s;
    double signal, noise; /* a^2, s^2: alpha-bar as it was computed, and 1 - alpha-bar */
} pb_path_point;

/* The point at time t, clamped to 0 … T-1. Of a discrete schedule, which knows whole timesteps
 * only, at floor(t). */
PB_API pb_path_point pb_path_at(const pb_schedule *schedule, double t);

/* The time at which a network is to be evaluated for that point: floor(t), of a flow t. */
PB_API double pb_path_time(const pb_schedule *schedule, double t);

/* eps and x0hat are each *x times x + *out times the network's raw output:
 * epsilon:      eps = out,                 x0 = (x - s out)/a
 * v-prediction: eps = s x + a out,         x0 = a x - s out
 * sample:       eps = (x - a out)/s,       x0 = out
 * velocity:     eps = x + a out,           x0 = x - s out */
PB_API void pb_path_eps(const pb_schedule *schedule, const pb_path_point *at, double *x,
                        double *out);
PB_API void pb_path_x0(const pb_schedule *schedule, const pb_path_point *at, double *x,
                       double *out);

/* -- time grid: t_i = i (T-1)/(S-1), i = 0 … S-1 ------------------------------------------- */

/* The real-valued time t_i that the network's embedding gets. S >= 2 (0 below), i < S. */
PB_API double pb_grid_time(size_t T, size_t S, size_t i);

/* floor(i (T-1)/(S-1)) in integers: where alpha-bar is read. */
PB_API size_t pb_grid_index(size_t T, size_t S, size_t i);

/* The grid point nearest fraction * T, ties upward, clamped to the grid. (0 where S or T are
 * below 2.)
 */
PB_API size_t pb_grid_nearest(size_t T, size_t S, double fraction);

/* The grid point whose time this is, to 1e-3; SIZE_MAX where it is none. */
PB_API size_t pb_grid_of(size_t T, size_t S, double time);

/* -- timesteps of diffusers ------------------------------------------------------------------ */

/* How DDIMScheduler of diffusers spaces its timesteps. */
typedef enum pb_spacing { PB_SPACING_LEADING, PB_SPACING_TRAILING, PB_SPACING_LINSPACE } pb_spacing;

/* Timestep number i = 0 … S-1 of S, from the noisiest on: what DDIMScheduler.set_timesteps gives,
 * to the last bit of what it rounds. steps_offset: of leading spacing, whose timesteps may then be
 * T or more. (diffusers itself has S + 1 of trailing spacing for some S, 61 of T = 1000 say, the
 * last of them -1: these are the first S.) 0 unless 1 <= S <= T and i < S. */
PB_API size_t pb_spaced_time(size_t T, size_t S, pb_spacing spacing, size_t steps_offset, size_t i);

/* -- random numbers ------------------------------------------------------------------------ */

typedef struct pb_rng pb_rng;

/* The generator of torch.manual_seed(seed) on a CPU (MT19937). Errors: PB_MEMORY. */
PB_API pb_status pb_rng_new(pb_rng **out, uint64_t seed, pb_error *error);
PB_API void pb_rng_free(pb_rng *rng);

/* The next torch.randn of count entries, to 2e-6: consecutive calls continue the stream as
 * consecutive torch.randn calls do. */
PB_API void pb_randn(pb_rng *rng, float *out, size_t count);

/* -- DDIM ------------------------------------------------------------------------------------ */

/* Whatever predicts noise: anybody's own function, or a network (pb_denoiser_new in map.h). */
typedef struct pb_denoiser {
    void *context;
    size_t size; /* floats per image */

    /* Gives the raw output for n images at the network's time t: noise, v, image or velocity, as
     * pb_schedule_prediction says (pb_path_eps makes noise of it). x and out hold n * size
     * floats and do not overlap. run: of whoever asks, never NULL; what takes long asks its monitor
     * now and then. Returns PB_OK or fails with a message in *error, which is never NULL;
     * PB_CANCELLED stops quietly. */
    pb_status (*predict)(void *context, size_t n, const float *x, double t, float *out,
                         const pb_run *run, pb_error *error);

    void (*release)(void *context); /* what pb_denoiser_free calls; NULL: nothing is to be freed */
} pb_denoiser;

PB_API void pb_denoiser_free(pb_denoiser *denoiser);

/* What a scheduler does to the image that a step predicts, x0hat, before it goes on: to clip it to
 * [-range, range], or to threshold each image dynamically (Saharia et al. 2022, section 2.3): clip
 * it to [-s, s] and divide it by s, the quantile `ratio` of its |x0hat| (linear between two
 * entries), but at least 1, and at most `most`. eps stays as it was predicted, as in
 * DDIMScheduler.step of diffusers. Such a step can neither be reversed nor differentiated. */
typedef enum pb_clip_kind { PB_CLIP_NONE, PB_CLIP_RANGE, PB_CLIP_QUANTILE } pb_clip_kind;

typedef struct pb_clip {
    pb_clip_kind kind;
    double range;       /* clip_sample_range: more than 0 */
    double ratio, most; /* dynamic_thresholding_ratio: 0 … 1; sample_max_value: more than 0 */
} pb_clip;

typedef struct pb_ddim_options {
    size_t steps; /* S: points of the grid */
    /* Stochastic steps (eta = 1) while descending from the grid point `boost` or below, none in the
     * step that ends at t_0. SIZE_MAX: none. */
    size_t boost;
    uint64_t noise_seed; /* of their noise */
    /* 0: one z per step shared by all images, from the stream of noise_seed: edits of one image
     * stay comparable. Else image i has a stream of its own, of the seed 2^31 + 2^16 i +
     * noise_seed: samples differ, and do not depend on how many there are. (Without 2^31 the first
     * z would be x_T again where that is drawn from the same seed. Seeds have 32 bits: streams
     * repeat after 2^16 images.) */
    int own_noise;
    pb_clip clip; /* in descending from `boost` or below, to t_0 and all: nobody goes back there. No
                     other step clips */
    size_t stride; /* grid points that a step goes, the last one as many as are left; 0: 1. More is
                      coarser and faster: for previews */
} pb_ddim_options;

#define PB_DDIM_DEFAULTS ((pb_ddim_options){.steps = 100, .boost = SIZE_MAX})
PB_API void pb_ddim_options_init(pb_ddim_options *options);

/* Moves n images x of `size` floats (in place; size: the denoiser's) from grid point `from` to grid
 * point `to`: downwards samples, upwards inverts, by x' = a' x0hat + s' eps at the time being left
 * (Song et al. 2021, eq. 12; of a flow that is Euler's step). |to - from| / stride evaluations. On
 * failure x holds the last whole step. Errors: PB_INVALID (also images of another size than the
 * denoiser's, an unknown clipping), PB_MEMORY, PB_CANCELLED, PB_NUMERIC (a NaN or infinity
 * appeared), the denoiser's. */
PB_API pb_status pb_ddim(const pb_schedule *schedule, const pb_denoiser *denoiser, size_t n,
                         size_t size, float *x, size_t from, size_t to,
                         const pb_ddim_options *options, const pb_run *run, pb_error *error);

typedef struct pb_spaced_options {
    pb_spacing spacing;
    size_t steps;         /* S: evaluations */
    size_t steps_offset;  /* of leading spacing: pb_model_info.steps_offset */
    int set_alpha_to_one; /* the last step ends at alpha-bar = 1, else at that of timestep 0 */
    pb_clip clip;         /* of every step: pb_model_info.clip */
} pb_spaced_options;

/* Those of diffusers' pipelines: 50 steps of leading spacing. */
#define PB_SPACED_DEFAULTS ((pb_spaced_options){.spacing = PB_SPACING_LEADING, .steps = 50})
PB_API void pb_spaced_options_init(pb_spaced_options *options);

/* Samples n images x of `size` floats (in place; size: the denoiser's) from noise as DDIMScheduler
 * of diffusers does (eta = 0): S steps from t = pb_spaced_time to t - T/S. Errors: as pb_ddim. */
PB_API pb_status pb_ddim_spaced(const pb_schedule *schedule, const pb_denoiser *denoiser, size_t n,
                                size_t size, float *x, const pb_spaced_options *options,
                                const pb_run *run, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
