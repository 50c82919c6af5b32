/* Session: a model at work. From a picture, a seed or a noisy image to the point x_t; from there to
 * its local latent basis, to directions of other points carried over, and to edited pictures. It
 * takes and gives arrays, and has the defaults that the program has.
 *
 *     pb_model *model;
 *     pb_session *session;
 *     pb_point point = PB_POINT_EMPTY;
 *     pb_directions found = PB_DIRECTIONS_EMPTY;
 *     pb_edit edit = PB_EDIT_EMPTY;
 *
 *     pb_model_open(&model, "faces64-text", &error);
 *     pb_session_new(&session, model, &error);
 *     pb_point_options where = PB_POINT_DEFAULTS;
 *     where.picture = &picture;                                     // (1,1,64,64) in [-1, 1]
 *     pb_session_point(session, &where, &point, &run, &error);      // x_t
 *     pb_session_directions(session, &point, NULL, &found, &run, &error);
 *     pb_session_edit(session, &point, &found, NULL, &edit, &run, &error);
 *     … pb_edit_picture(&edit, 0, 1) …                                // (1,64,64) in about [-1, 1]
 *
 * What the network sees is called an image: of a latent model a latent, else a picture itself. All
 * functions take options, or NULL for the defaults, and a run (run.h), or NULL. Outputs must be
 * empty (others are PB_INVALID), belong to the caller, and are to be cleared also on failure.
 * What is changed in place, images that move and a point, is on failure as it was: whoever stops a
 * run can ask again. What options point to need not outlive the call.
 *
 * Directions and stages are numbered; directions from 0. A side is a choice of its own, not a sign.
 *
 * A session is used by one thread at a time; several sessions of one model, which must outlive
 * them, may be at work in several threads. It keeps what it has prepared: plans for images of one
 * size, and the embedding of every prompt.
 */
#ifndef PULLBACK_SESSION_H
#define PULLBACK_SESSION_H

#include <math.h>
#include <stdint.h>

#include <pullback/edit.h>
#include <pullback/latent.h>
#include <pullback/map.h>
#include <pullback/run.h>
#include <pullback/text.h>
#include <pullback/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A number that is not given: NaN. */
#define PB_NOT_GIVEN ((double)NAN)

typedef struct pb_session pb_session;

/* Errors: PB_MEMORY. */
PB_API pb_status pb_session_new(pb_session **out, const pb_model *model, pb_error *error);
PB_API void pb_session_free(pb_session *session);

/* -- pictures and images -------------------------------------------------------------------------
 */

/* Pixels for each position of an image, and channels of a picture: 1 and the network's own unless
 * the model is one of latents. Opens the autoencoder there. Errors: those of pb_autoencoder_open.
 */
PB_API pb_status pb_session_pixels(pb_session *session, size_t *factor, size_t *channels,
                                   pb_error *error);

/* The size of an image for so many pixels; 0: what the model was trained at. Errors: PB_INVALID (a
 * size that the network does not take). */
PB_API pb_status pb_session_size(pb_session *session, size_t pixel_height, size_t pixel_width,
                                 size_t *height, size_t *width, pb_error *error);

/* Pictures (n,c,H,W) in [-1, 1] to images (n,c,h,w) and back: by the autoencoder of a latent model,
 * else copies. Errors: PB_INVALID (other channels), those of pb_encode and pb_decode. */
PB_API pb_status pb_session_encode(pb_session *session, const pb_tensor *pictures,
                                   pb_tensor *images, const pb_run *run, pb_error *error);
PB_API pb_status pb_session_decode(pb_session *session, const pb_tensor *images,
                                   pb_tensor *pictures, const pb_run *run, pb_error *error);

/* The middle of a photo as a picture (1,c,H,W) of the model's size and channels: `height` rows of
 * `width` times red, green, blue (8 bits, sRGB), cut to the model's proportions, each pixel the
 * mean of those that it covers; of a model of one channel their luma (Rec. 601). A model of faces
 * knows faces that fill its pictures: give it the square in which the face's square, from brow to
 * chin, has its centre at (face_x, face_y) and the side face_size (pb_model_info.recommended), in
 * units of that square. *picture must be empty. Errors: PB_INVALID (no pixels), PB_UNSUPPORTED (a
 * model of neither 1 nor 3 channels). */
PB_API pb_status pb_picture_of_rgb(pb_session *session, const unsigned char *rgb, size_t height,
                                   size_t width, pb_tensor *picture, pb_error *error);

/* And back: a picture (channels,height,width) as height * width * 3 bytes. Errors: PB_INVALID,
 * PB_UNSUPPORTED (neither 1 nor 3 channels). */
PB_API pb_status pb_rgb_of_picture(const float *picture, size_t channels, size_t height,
                                   size_t width, unsigned char *rgb, pb_error *error);

/* -- what a model is told ------------------------------------------------------------------------
 */

/* What a model as Stable Diffusion XL is told of the pictures it was trained on, besides prompts,
 * in pixels: the height and width of the original, the top and left of what was cut out of it, and
 * the height and width that are asked for. 0, 0: not given; then the size of the picture at work,
 * and nothing was cut. It is the same under all prompts. At most PB_SIZE_MOST. */
typedef struct pb_sizes {
    size_t original[2], crop[2], target[2];
} pb_sizes;

#define PB_SIZE_MOST 65536

/* Trajectories are conditioned on the prompt, with classifier-free guidance against the negative
 * one; Jacobians, and guidance in x-space, on the edit prompt, as in the paper's code. */
typedef struct pb_prompts {
    const char *prompt;          /* NULL: not given; then the empty prompt */
    const char *edit_prompt;     /* NULL: the prompt */
    const char *negative_prompt; /* NULL: the empty prompt, or none where that is something else
                                    (pb_model_info.zeros_for_none) */
    double guidance_scale;       /* 1: none. NaN: not given; then 1 */
    long class_label;            /* of a network with classes; -1: none */
    pb_sizes sizes;              /* of a network that takes pooled embeddings */
} pb_prompts;

#define PB_PROMPTS_DEFAULTS ((pb_prompts){.guidance_scale = PB_NOT_GIVEN, .class_label = -1})

/* All of them given, as copies, for a model that reads text (but for a negative prompt, of which
 * there may be none, and sizes, which pb_session_sizes fills in); none for another. *prompts must
 * be PB_PROMPTS_DEFAULTS; pb_prompts_clear frees what it then holds (and nothing else). Errors:
 * PB_INVALID (prompts or a guidance scale for a model without text, sizes for one that is told
 * none, a class that the model does not take or none where it needs one), PB_MEMORY. */
PB_API pb_status pb_session_prompts(const pb_session *session, const pb_prompts *given,
                                    pb_prompts *prompts, pb_error *error);
/* Fills in what is not given of sizes for images of height x width; of a model that is told none it
 * leaves them. Errors: PB_INVALID, those of pb_autoencoder_open. */
PB_API pb_status pb_session_sizes(pb_session *session, pb_sizes *sizes, size_t height, size_t width,
                                  pb_error *error);

PB_API void pb_prompts_init(pb_prompts *prompts);
PB_API void pb_prompts_clear(pb_prompts *prompts);

typedef enum pb_prompt_use { PB_PROMPT_MAIN, PB_PROMPT_EDIT, PB_PROMPT_NEGATIVE } pb_prompt_use;

/* What the network is conditioned on at a timestep under one of the prompts, which is embedded if
 * it was not before, of images of height x width (for the sizes that are not given). *condition
 * points into the session. Errors: those of embedding, PB_INVALID (prompts or a guidance scale for
 * a model without text). */
PB_API pb_status pb_session_condition(pb_session *session, const pb_prompts *prompts,
                                      pb_prompt_use use, double timestep, size_t height,
                                      size_t width, pb_condition *condition, const pb_run *run,
                                      pb_error *error);

/* Embeds several prompts ahead of their use, in one batch: those that were not before, and equal
 * ones once. whole: one that is too long for the encoder is an error, also if it was embedded, and
 * cut, before; else it is cut, with a warning. Errors: PB_INVALID (a model without text), those of
 * the encoder, after which none of them is kept. */
PB_API pb_status pb_session_embed(pb_session *session, size_t count, const char *const *texts,
                                  int whole, const pb_run *run, pb_error *error);

/* How alike two prompts are: the cosine of their hidden states at their end tokens, -1 to 1.
 * Errors: those of embedding. */
PB_API pb_status pb_session_likeness(pb_session *session, const char *a, const char *b,
                                     double *cosine, const pb_run *run, pb_error *error);

/* The guidance scale at which the program draws images, for pb_session_sample and pb_session_move:
 * no function here takes it by itself, where none is given they guide nothing (1). That of
 * diffusers' pipelines, 7.5 (StableDiffusionPipeline) or 5 of a network that takes pooled
 * embeddings (StableDiffusionXLPipeline). PB_NOT_GIVEN for a model without text, and for NULL. */
PB_API double pb_session_drawing_scale(const pb_session *session);

/* -- moving along noise levels -------------------------------------------------------------------
 */

/* Draws torch.randn of (n,c,height,width), of images. */
PB_API pb_status pb_session_noise(const pb_session *session, size_t n, size_t height, size_t width,
                                  uint64_t seed, pb_tensor *noise, pb_error *error);

/* Stochastic steps downwards. */
typedef struct pb_boost {
    double t;      /* from this fraction of T on, 0 to 1; 0: none */
    uint64_t seed; /* of their noise */
    int own;       /* each image has noise of its own; 0: all have the same */
} pb_boost;

/* Moves images x (n,c,h,w), in place, between points of a grid of so many (diffusion.h). boost may
 * be NULL: none; only its steps clip as the model's scheduler does. task: for the run's progress.
 * Errors: those of pb_ddim, PB_INVALID (prompts or a guidance scale for a model without text, a
 * boost from no fraction of T on). */
PB_API pb_status pb_session_move(pb_session *session, const pb_prompts *prompts, const char *task,
                                 pb_tensor *x, size_t steps, size_t from, size_t to,
                                 const pb_boost *boost, const pb_run *run, pb_error *error);

/* From noise to images, in place, as DDIMScheduler of diffusers spaces its steps. Errors: those of
 * pb_ddim_spaced, PB_INVALID (prompts or a guidance scale for a model without text). */
PB_API pb_status pb_session_sample(pb_session *session, const pb_prompts *prompts, pb_tensor *x,
                                   pb_spacing spacing, size_t steps, const pb_run *run,
                                   pb_error *error);

/* -- the point -----------------------------------------------------------------------------------
 */

/* Where a basis is taken, or an edit begins. */
typedef struct pb_point {
    pb_tensor image;    /* (1,c,h,w): what was inverted; empty: nothing was */
    pb_tensor x;        /* (1,c,h,w): x_t */
    pb_tensor mask;     /* (h,w), 0 to 1: where the edit is wanted; empty: everywhere */
    double t;           /* the fraction of T asked for; NaN: a timestep was */
    double timestep;    /* the network's time */
    size_t steps;       /* of the grid */
    size_t grid;        /* the point of it; SIZE_MAX: none */
    pb_prompts prompts; /* all given, where the model reads text; texts of the point's own */
} pb_point;

#define PB_POINT_EMPTY                                                                             \
    ((pb_point){.t = PB_NOT_GIVEN, .grid = SIZE_MAX, .prompts = PB_PROMPTS_DEFAULTS})

PB_API void pb_point_init(pb_point *point);
/* Makes *to a copy. *to must be empty; pb_point_clear it, also on failure. Errors: PB_MEMORY. */
PB_API pb_status pb_point_copy(pb_point *to, const pb_point *from, pb_error *error);
PB_API void pb_point_clear(pb_point *point);

/* One of picture, image, x and seed says what the point is of. */
typedef struct pb_point_options {
    const pb_tensor *picture; /* (1,C,H,W) or (C,H,W) in [-1, 1] */
    const pb_tensor *image;   /* the same as the network sees it: latents */
    const pb_tensor *x;       /* x_t itself */
    int has_seed;
    uint64_t seed;
    size_t pixel_height, pixel_width; /* of what a seed draws; 0: what the model was trained at */
    size_t steps;                     /* points of the time grid, 2 to T: 100 */
    double t;        /* fraction of T, 0 (the image) to 1 (noise), snapped to the grid; NaN: the
                        model's recommendation, else 0.6, of latents 0.7 */
    double timestep; /* of x, in place of t; NaN: not given */
    int direct;      /* invert up to t only, not to noise and down again */
    const pb_tensor *mask; /* (h,w), of an image's size */
    pb_prompts prompts;
} pb_point_options;

#define PB_POINT_DEFAULTS                                                                          \
    ((pb_point_options){.steps = 100,                                                              \
                        .t = PB_NOT_GIVEN,                                                         \
                        .timestep = PB_NOT_GIVEN,                                                  \
                        .prompts = PB_PROMPTS_DEFAULTS})

PB_API void pb_point_options_init(pb_point_options *options);

/* Is it a mask for images of a size: (height,width), 0 to 1, not black all over? Warns where hardly
 * anything is left to spare. Errors: PB_INVALID. */
PB_API pb_status pb_mask_check(const pb_tensor *mask, size_t height, size_t width,
                               const pb_run *run, pb_error *error);

/* The grid point and the timestep that the options name: t, timestep, steps and grid of *point.
 * Warns where the grid is so coarse that t becomes another. Errors: PB_INVALID (t is 0 there, or
 * no fraction; a timestep beyond T - 1; a grid of more than T points). */
PB_API pb_status pb_session_time(const pb_session *session, const pb_point_options *options,
                                 pb_point *point, const pb_run *run, pb_error *error);

/* Finds x_t: of a picture by DDIM inversion up to noise and down again to t, of a seed from its
 * noise. Errors: PB_INVALID (none or several of picture, image, x and seed; shapes that do not fit;
 * numbers that are not finite; a mask that is black all over, or not within 0 to 1), those of
 * pb_session_time, of pb_session_prompts, of moving and encoding. */
PB_API pb_status pb_session_point(pb_session *session, const pb_point_options *options,
                                  pb_point *point, const pb_run *run, pb_error *error);

/* The point that a basis holds, on a grid of so many steps (0: those of the grid that it says it
 * lies on, or 100), under its own prompts but for those that are given (or NULL), without its mask.
 * Errors: PB_INVALID (a mean; a basis of another model's shapes; another edit prompt or class than
 * the basis's; a grid that cannot be). */
PB_API pb_status pb_session_point_of(pb_session *session, const pb_basis *basis, size_t steps,
                                     const pb_prompts *given, pb_point *point, pb_error *error);

/* Moves a point to another t. Errors: PB_INVALID (it lies off the grid), those of moving. */
PB_API pb_status pb_session_point_to(pb_session *session, pb_point *point, double t,
                                     const pb_run *run, pb_error *error);

/* Is this the point that a basis holds (x to a hundredth), at the same timestep, under the same
 * edit prompt and class, and of the same mask? A point without a mask is that of any, a basis whose
 * prompt is not known (NULL) one of any prompt. An empty x is not. */
PB_API int pb_point_is(const pb_point *point, const pb_basis *basis);

/* -- the basis at a point ------------------------------------------------------------------------
 */

typedef struct pb_basis_options {
    const char *from; /* the tap that varies; NULL: x */
    const char *to;   /* the tap observed; NULL: mid, or with a mask x0 */
    size_t rank;      /* 50 */
    double tolerance; /* 1e-3 */
    pb_svd_method method;
    int bf16;
    size_t block, max_applications;
    uint64_t seed;
    const pb_tensor *start; /* (k,c,h,w) directions to start from, or NULL */
    int guided;             /* the map with classifier-free guidance, to eps or x0 */
    long null_rank;         /* with a mask: leading directions of the rest to keep clear of; -1: 50,
                               as far as the rest has so many and three quarters of all are left */
} pb_basis_options;

#define PB_BASIS_DEFAULTS ((pb_basis_options){.rank = 50, .tolerance = 1e-3, .null_rank = -1})

PB_API void pb_basis_options_init(pb_basis_options *options);

/* Computes the local latent basis at a point; warns if not all of it converged. svd, verified, and
 * what is kept where the run is stopped: as in pb_basis_compute. Errors: those of pb_basis_compute;
 * PB_INVALID (guided, for a model without text or a tap other than eps and x0). */
PB_API pb_status pb_session_basis(pb_session *session, const pb_point *point,
                                  const pb_basis_options *options, pb_basis *basis, pb_svd **svd,
                                  double *verified, const pb_run *run, pb_error *error);

/* -- directions ----------------------------------------------------------------------------------
 */

typedef struct pb_direction_options {
    /* Directions of another point, or of a mean, to be carried here; or the basis of this very
     * point; NULL: the basis is computed. */
    const pb_basis *basis;
    int carry;              /* carry them even if that basis is of this very point */
    const pb_basis *onto;   /* the basis of this point, to carry them to; NULL: it is computed */
    pb_transport_form form; /* of directions in H */
    int project;            /* of a mean of X: project it on the tangent space here */
    const pb_tensor *u;     /* or h-directions (k,C,H,W), of which the pre-images are taken: by the
                               map of the basis here, guided if it is, and under the point's mask */
    double damping;         /* of those, in units of the first singular value: 0.1 */
    size_t needed;          /* so many directions must there be: 1. To edit along number 5: 6 */
    pb_basis_options here;  /* of the basis that is computed here; rank 0: as many as are
                               needed, or carried */
} pb_direction_options;

#define PB_DIRECTION_DEFAULTS                                                                      \
    ((pb_direction_options){                                                                       \
        .damping = 0.1, .needed = 1, .here = {.tolerance = 1e-3, .null_rank = -1}})

PB_API void pb_direction_options_init(pb_direction_options *options);

typedef struct pb_directions {
    pb_tensor v;    /* (k,c,h,w): unit vectors */
    pb_basis basis; /* at the point: computed, or a copy of the one given */
    int own;        /* v is the basis's own */
    double *share; /* (k): the share of each direction, in the space that it was carried through (H,
                      or X), that lies in the span of the basis here: the more, the higher its
                      rank; NULL:
                      not carried */
    pb_solution *solution; /* (k) of pre-images, or NULL */
} pb_directions;

#define PB_DIRECTIONS_EMPTY ((pb_directions){.basis = {.class_label = -1}})

PB_API void pb_directions_init(pb_directions *directions);
PB_API void pb_directions_clear(pb_directions *directions);

/* Finds directions of x to edit along. Where the run is stopped there is no v; what is kept of a
 * basis that was being computed is in directions->basis. Errors: PB_INVALID (a basis that does not
 * go with the model and the point's image, or with the basis here, pb_bases_compatible; directions
 * of another tap than x, also those of `here`; fewer than needed), PB_NUMERIC, those of
 * pb_session_basis and
 * pb_least_squares. */
PB_API pb_status pb_session_directions(pb_session *session, const pb_point *point,
                                       const pb_direction_options *options,
                                       pb_directions *directions, const pb_run *run,
                                       pb_error *error);

/* -- editing -------------------------------------------------------------------------------------
 */

typedef enum pb_edit_mode { PB_EDIT_GUIDANCE, PB_EDIT_STRAIGHT, PB_EDIT_RELINEARISE } pb_edit_mode;
#define PB_EDIT_MODES 3

/* "guidance", "straight", "relinearise" */
PB_API const char *pb_edit_mode_name(pb_edit_mode mode);

typedef enum pb_edit_sides { PB_EDIT_BOTH, PB_EDIT_FORWARDS, PB_EDIT_BACKWARDS } pb_edit_sides;

/* What is not given is the model's recommendation, or else the paper's choice for pixel models or
 * for latents. */
typedef struct pb_edit_options {
    pb_edit_mode mode;
    size_t count;            /* directions; 0: number 0 alone, and `direction` is not read */
    const size_t *direction; /* their numbers among the directions found, from 0 on: of number 5 at
                                least 6 must have been needed (pb_direction_options) */
    const double *weights;   /* of each, -1e6 to 1e6: then all of them are one direction, their
                                weighted   sum at length 1; NULL: each is edited along for itself */
    double strength;     /* 0 to 1, which side is said below: a share of the iterations, rounded to
                            whole ones; NaN: 0.5, or 1 where iterations or length are given */
    pb_edit_sides sides; /* of a negative strength, as the program has it: PB_EDIT_BACKWARDS */
    size_t stages;       /* on each side, at equal intervals, at most as many as iterations: 1 */
    double step, scale;  /* delta and gamma of guidance; NaN */
    size_t iterations;   /* of strength 1, at most 1e9; 0 */
    double length; /* of straight and re-linearised edits, at strength 1; NaN: step times scale
                      times iterations, halved */
    double boost;  /* stochastic steps from this fraction of T down, 0 to 1; NaN */
    uint64_t noise_seed;
    size_t stride; /* grid points that a step down to the pictures goes; 0: 1. More are coarser and
                      faster: for previews */
    const pb_tensor *blend; /* (H,W) of the pictures' size, 0 to 1: where the edit is shown; the
                               reconstruction is elsewhere. NULL: everywhere */
} pb_edit_options;

#define PB_EDIT_DEFAULTS                                                                           \
    ((pb_edit_options){.strength = PB_NOT_GIVEN,                                                   \
                       .sides = PB_EDIT_FORWARDS,                                                  \
                       .stages = 1,                                                                \
                       .step = PB_NOT_GIVEN,                                                       \
                       .scale = PB_NOT_GIVEN,                                                      \
                       .length = PB_NOT_GIVEN,                                                     \
                       .boost = PB_NOT_GIVEN})

PB_API void pb_edit_options_init(pb_edit_options *options);

/* Edits of one point along several directions: what was asked for, and what came of it. */
typedef struct pb_edit {
    pb_edit_mode mode;
    size_t count, *direction;
    size_t numbers; /* in `direction`: count, or more of one direction (count 1) that is a weighted
                       sum, */
    double *weight; /* with these weights (numbers); NULL: there is no sum */
    pb_edit_sides sides;
    size_t stages;
    pb_guidance guidance; /* its iterations are those of this strength */
    size_t full;          /* iterations of strength 1 */
    double length, boost;
    uint64_t noise_seed;
    double timestep;
    size_t steps; /* of the time grid */

    /* Pictures (1 + n,c,H,W): the reconstruction, then for each direction its stages on the one
     * side or, on both, those forwards and those backwards. */
    pb_tensor pictures;
    pb_pace *pace;   /* of each direction and side, in the order of pictures */
    double *outside; /* with a mask: pb_outside of each one's last stage, likewise; else NULL */
    double *share;   /* of re-linearised ones, likewise: pb_relinearise's; else NULL */
    int blended;     /* shown in a part of the pictures only (pb_edit_options.blend) */
} pb_edit;

#define PB_EDIT_EMPTY ((pb_edit){.mode = PB_EDIT_GUIDANCE})

PB_API void pb_edit_init(pb_edit *edit);
PB_API void pb_edit_clear(pb_edit *edit);

/* One direction to one side. */
typedef struct pb_edit_way {
    size_t direction; /* its number */
    int side;         /* 1: forwards, -1: backwards; 0: there is no such way */
} pb_edit_way;

/* Number i of all directions and sides, in the order of pictures, of pace, outside and share. */
PB_API pb_edit_way pb_edit_way_of(const pb_edit *edit, size_t i);

/* The name of the direction in place d: "v3", of a weighted sum "v0:1,3:-0.5" as --direction has
 * it. NULL where there is none, and without memory. The caller frees it with pb_text_free. */
PB_API char *pb_edit_name(const pb_edit *edit, size_t d);

/* Edits the point along directions, and moves all stages down to pictures in one batch: none is
 * finished before all are, so that a run that is stopped leaves no picture to be kept. Warns of
 * each direction whose stages collapse, explode, or change the picture faster than edits do that
 * keep a face. Errors: PB_INVALID (a point off the grid; a strength of less than one iteration, but
 * 0; a direction that is not there; a weighted sum that is zero, or of mode relinearise; mode
 * relinearise of directions that are not the own ones of a
 * basis of this very point, or with a mask), those of pb_guide, pb_relinearise and of moving. */
PB_API pb_status pb_session_edit(pb_session *session, const pb_point *point,
                                 const pb_directions *directions, const pb_edit_options *options,
                                 pb_edit *edit, const pb_run *run, pb_error *error);

/* The picture (c,H,W) at a stage from -stages to stages, 0 the reconstruction, of the direction
 * that is in place d = 0 … count - 1 of the list (which is not its number). Of an edit of one side
 * the stages are those from 1 on, whatever their sign. NULL where there is none. Owned by the edit.
 */
PB_API const float *pb_edit_picture(const pb_edit *edit, size_t d, long stage);

/* The guidance iteration of a stage; 0 of an empty edit, or of NULL. */
PB_API long pb_edit_iteration(const pb_edit *edit, long stage);

/* How far the edit goes, as a share of the full one; backwards negative. NaN of an empty edit, or
 * of NULL. */
PB_API double pb_edit_strength(const pb_edit *edit);

/* What the direction in place d changes of the picture at its last stage, the larger of its sides:
 * the root mean square, of 255. NaN where there is none. */
PB_API double pb_edit_change(const pb_edit *edit, size_t d);

/* The share of its squared change outside the mask, the larger of its sides; NaN without one. */
PB_API double pb_edit_outside(const pb_edit *edit, size_t d);

#ifdef __cplusplus
}
#endif

#endif
