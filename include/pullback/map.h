/* Maps: the part of a network between two taps, evaluated, or linearised at a point.
 *
 * pb_evaluator computes taps of many points (sampling, inversion, guidance).
 * pb_linearisation is the Jacobian of one map at one point, as a linear operator.
 * Each owns its memory and is used by one thread at a time; several may live at once. Heights and
 * widths are those of images as the network sees them: of a latent model, of latents.
 *
 * A prompt becomes a condition by text.h (or by pb_session_condition, in one call):
 *
 *     pb_text_encoder_tokens(text, "a face", length, ids, NULL, NULL, &error);
 *     pb_text_encoder_embed(text, 1, length, ids, embedding.data, NULL, NULL, &error);
 *     pb_input context = {"context", &embedding};
 *     pb_condition condition = {.class_label = -1, .count = 1, .inputs = &context};
 *     pb_denoiser_new(&denoiser, evaluator, &condition, &of_the_empty_prompt, 7.5, &error);
 */
#ifndef PULLBACK_MAP_H
#define PULLBACK_MAP_H

#include <pullback/model.h>
#include <pullback/operator.h>
#include <pullback/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor that a network is conditioned on, by the name of its input: "context", the text's
 * embedding (tokens, width), width being pb_model_info.context_width; (1, tokens, width) is the
 * same, and no other shape is one: of several prompts each is a condition. A network that takes
 * pooled embeddings has two more: "pooled" (1, width), width being pb_model_info.pooled_width, and
 * "time_ids" (1, 6), in pixels height and width of the original, top and left of the crop, height
 * and width asked for; maps begin at the first of them, too, not at the second, which is not
 * differentiated. All numbers are finite. Both are the caller's. */
typedef struct pb_input {
    const char *name;
    const pb_tensor *value;
} pb_input;

/* What a network is conditioned on besides x. */
typedef struct pb_condition {
    double timestep;  /* the network's own time, 0 … T-1; may be real */
    long class_label; /* -1: none */
    size_t count;     /* tensors: one for each of the network's other inputs */
    const pb_input *inputs;
} pb_condition;

#define PB_CONDITION_DEFAULTS ((pb_condition){.timestep = 0, .class_label = -1})
PB_API void pb_condition_init(pb_condition *condition);

/* -- evaluation ------------------------------------------------------------------------------ */

typedef struct pb_evaluator pb_evaluator;

/* An evaluator of a model at one image size. Plans are made on first use and kept; batches are
 * chunked to the memory of the run, which it copies.
 * Errors: PB_INVALID (size), PB_MEMORY. The model must outlive it. */
PB_API pb_status pb_evaluator_new(pb_evaluator **out, const pb_model *model, size_t height,
                                  size_t width, const pb_run *run, pb_error *error);
PB_API void pb_evaluator_free(pb_evaluator *evaluator);

/* Evaluates `count` taps at n points x (n,c,h,w) of `size` = c h w floats, all under one condition
 * and the evaluator's run.
 * out[i] gets n times the shape of taps[i] (pb_model_tap_shape), NCHW.
 * "eps" and "x0" read alpha-bar at floor(timestep). Nothing is done where n or count is 0.
 * Errors: PB_INVALID (also points or tensors of another size or with numbers that are not finite,
 * more than 64 taps), PB_MEMORY, PB_CANCELLED, PB_IO (weights are still to be read), PB_INTERNAL.
 * What a network makes of finite points is not looked through. */
PB_API pb_status pb_evaluate(pb_evaluator *evaluator, const pb_condition *condition, size_t n,
                             size_t size, const float *x, size_t count, const char *const *taps,
                             float *const *out, pb_error *error);

/* The network as a denoiser of diffusion.h under the class label and the tensors of a condition,
 * which it copies; its timestep is not used. At a time t the network is evaluated at floor(t),
 * where alpha-bar is read too: it was trained at whole timesteps, and diffusers evaluates it there.
 * (pb_evaluate and pb_linearise take any real timestep as it is.)
 * negative: NULL, or classifier-free guidance (Ho & Salimans 2021) away from it: out(N) + scale
 * (out(P) - out(N)), N and P the network under the two conditions; for eps it is the same
 * combination. scale = 1 is P alone, at half the cost.
 * It works under the run of whoever asks it. The evaluator must outlive it; one may serve several,
 * one at a time. The caller frees it by pb_denoiser_free. Errors: PB_INVALID (a condition that the
 * network does not take, a scale that is not finite), PB_MEMORY. */
PB_API pb_status pb_denoiser_new(pb_denoiser **out, pb_evaluator *evaluator,
                                 const pb_condition *positive, const pb_condition *negative,
                                 double scale, pb_error *error);

/* -- linearisation --------------------------------------------------------------------------- */

typedef struct pb_linearisation pb_linearisation;

typedef struct pb_map_options {
    const char *from; /* the tap that varies: "x" */
    const char *to;   /* the tap observed: "mid" */
    pb_condition condition;
} pb_map_options;

#define PB_MAP_DEFAULTS                                                                            \
    ((pb_map_options){.from = "x", .to = "mid", .condition = {.timestep = 0, .class_label = -1}})
PB_API void pb_map_options_init(pb_map_options *options);

/* Linearises the map from -> to at one image x, (c,h,w) or (1,c,h,w): runs the primal once and
 * keeps what each operation's derivative needs. What does not depend on `from` stays at its value.
 * `from` may also be a tensor of the condition, by its name.
 * The run is copied: its memory is for the saved state, packed weights and a block of tangents
 * together, and its operators work under it, too.
 * Errors: PB_INVALID (an image of other channels or of a size the network does not take, several
 * images, tensors of another shape or with numbers that are not finite, no such taps),
 * PB_UNSUPPORTED (an operation on the way has no derivative, as from = "timestep"), PB_NUMERIC (the
 * network's value at the point is not finite, as where the point is not), PB_MEMORY, PB_CANCELLED,
 * PB_IO, PB_INTERNAL. The model must outlive it.
 */
PB_API pb_status pb_linearise(pb_linearisation **out, const pb_model *model,
                              const pb_map_options *options, const pb_tensor *x, const pb_run *run,
                              pb_error *error);
PB_API void pb_linearisation_free(pb_linearisation *linearisation);

/* The Jacobian: cols = size of `from`, rows = size of `to`, vectors in C, H, W order.
 * Valid as long as the linearisation, and of NULL, NULL. Wide blocks are chunked to the memory. It
 * stops with PB_MEMORY, PB_CANCELLED, PB_IO or PB_INTERNAL. Vectors are not looked through for what
 * is not finite: a NaN among them is one in what comes out. */
PB_API const pb_operator *pb_linearisation_operator(const pb_linearisation *linearisation);

/* The same Jacobian with every convolution's products in bfloat16 and sums in float32: for a rough
 * basis that pb_svd_refined makes exact. For random v and for leading singular vectors J v is off
 * by less than 2 % of its norm, J^T u likewise (0.03 to 1.4 % on the networks of the tests; each
 * convolution adds its own rounding). Faster only where what computes multiplies such numbers:
 * pb_bf16_is_native() of the backend, by its name (pb_model_options.backend), is then 1; elsewhere
 * "cpu" rounds and computes in float32, and "reference" does not round. */
PB_API const pb_operator *pb_linearisation_operator_bf16(const pb_linearisation *linearisation);
PB_API int pb_bf16_is_native(const char *backend);

/* Shapes (C, H, W) of the two taps. */
PB_API void pb_linearisation_shapes(const pb_linearisation *linearisation, size_t from[3],
                                    size_t to[3]);

/* Bytes of saved state, of the arena for blocks of the preferred width, and that width. */
typedef struct pb_map_memory {
    size_t saved_bytes;
    size_t arena_bytes;
    size_t packed_bytes; /* weights in the layouts the kernels read, those of the model's other runs
                            too: all together at most the largest memory of a run */
    size_t block;
} pb_map_memory;
PB_API void pb_linearisation_memory(const pb_linearisation *linearisation, pb_map_memory *memory);

/* The most that it will be, under a run of so much memory, for images of a size: the block is the
 * widest with which all of it fits, or 1. Whatever the model was used for before, it is the same.
 * Not in it: the scratch of the library that convolves and what it pads weights with, weights of
 * other runs and those of the operator in bfloat16. Tensors may be left out. Errors: as
 * pb_linearise. */
PB_API pb_status pb_map_estimate(pb_map_memory *memory, const pb_model *model,
                                 const pb_map_options *options, size_t height, size_t width,
                                 const pb_run *run, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
