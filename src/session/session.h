/* The inside of a pb_session, and what its parts share. */
#ifndef PB_SESSION_SESSION_H
#define PB_SESSION_SESSION_H

#include <pullback/session.h>

#include "base/error.h"
#include "models/facts.h"

/* A prompt that was embedded. */
typedef struct pb_embedding {
    const char *text;
    pb_tensor value;  /* (tokens, width) */
    pb_tensor pooled; /* (1, width), or empty: the model takes none */
    pb_input input;   /* the value as what a network is conditioned on */
    size_t end;       /* the place of its end token */
    char *rest;       /* of its text what the encoder has no room for; NULL: nothing */
} pb_embedding;

/* A prompt with sizes in pixels (pb_sizes), as all that a network is conditioned on. */
typedef struct pb_told {
    const pb_embedding *embedding;
    pb_tensor time_ids; /* (1, PB_SIZES) */
    pb_input inputs[3];
} pb_told;

struct pb_session {
    const pb_model *model;
    const pb_model_info *info;
    const pb_schedule *schedule;
    size_t height, width, memory; /* of the evaluator */
    pb_evaluator *evaluator;      /* NULL until there is need of it, as the next two */
    pb_autoencoder *autoencoder;
    pb_text_encoder *encoder;
    pb_embedding **embeddings; /* of all prompts so far */
    size_t embedding_count, embedding_room;
    pb_embedding *nothing; /* of no prompt at all: zeros; NULL until there is need of it */
    pb_told **told;        /* all so far, of a model that is told sizes */
    size_t told_count, told_room;
};

/* -- images --------------------------------------------------------------------------------------
 */

/* pb_session_move in steps of so many grid points (pb_ddim_options.stride). */
pb_status pb_session_move_by(pb_session *session, const pb_prompts *prompts, const char *task,
                             pb_tensor *x, size_t steps, size_t from, size_t to, size_t stride,
                             const pb_boost *boost, const pb_run *run, pb_error *error);

/* Makes the evaluator that of images of a size, within the run's memory. Errors: those of
 * pb_evaluator_new. */
pb_status pb_session_prepare(pb_session *session, size_t height, size_t width, const pb_run *run,
                             pb_error *error);

/* Is it a place for a result, "images" say: one that is there, and empty? Errors: PB_INVALID. */
pb_status pb_session_place(const pb_tensor *place, const char *what, pb_error *error);

/* Has the point an image (1,c,h,w) of the model's channels? Errors: PB_INVALID. */
pb_status pb_session_has_image(const pb_session *session, const pb_point *point, pb_error *error);

/* Is it a fraction of T from which steps can be stochastic, 0 to 1? Errors: PB_INVALID. */
pb_status pb_session_boosts(double t, pb_error *error);

/* The options of an edit with what the session takes where step, scale, boost and iterations (of
 * strength 1) are left open. */
pb_edit_options pb_session_edit_defaults(const pb_session *session, const pb_point *point,
                                         const pb_edit_options *options);

/* Is the point one of its grid? Errors: PB_INVALID. */
pb_status pb_session_on_grid(const pb_point *point, pb_error *error);

/* -- prompts -------------------------------------------------------------------------------------
 */

/* What a prompt of these is used for; "" where none is given. */
const char *pb_prompt_of(const pb_prompts *prompts, pb_prompt_use use);

/* The negative prompt of these; NULL: there is none, where that is not the empty one. */
const char *pb_session_negative(const pb_session *session, const pb_prompts *prompts);

/* Does the model take such prompts and sizes? Errors: PB_INVALID. */
pb_status pb_session_check_prompts(const pb_session *session, const pb_prompts *given,
                                   pb_error *error);

/* A new embedding of these shapes, all zeros, of no text. pooled: (1, 0) is none. Errors:
 * PB_MEMORY.
 */
pb_status pb_embedding_new(pb_embedding **out, const pb_tensor *value, const pb_tensor *pooled,
                           pb_error *error);
void pb_embedding_free(pb_embedding *embedding);

/* Frees all that was told. */
void pb_session_forget_told(pb_session *session);

/* Takes back all embeddings from number `first` on. */
void pb_session_forget(pb_session *session, size_t first);

/* The embedding of a text that was embedded; owned by the session. */
const pb_embedding *pb_session_embedding(const pb_session *session, const char *text);

/* What predicts on trajectories, or with x-space guidance (under the edit prompt), of images of a
 * size; pb_denoiser_free. Errors: those of embedding, of pb_evaluator_new. */
pb_status pb_session_denoiser(pb_session *session, const pb_prompts *prompts, int editing,
                              size_t height, size_t width, pb_denoiser **denoiser,
                              const pb_run *run, pb_error *error);

/* -- sizes ---------------------------------------------------------------------------------------
 */

#define PB_SIZES PB_TIME_IDS

/* Original size, crop coordinates, target size, as the network is given them. */
void pb_sizes_numbers(const pb_sizes *sizes, float numbers[PB_SIZES]);

/* Are both of each given, or none? Errors: PB_INVALID. */
pb_status pb_sizes_check(const pb_sizes *sizes, pb_error *error);

/* As files keep them, "1024,1024,0,0,1024,1024", and back: 0, or -1: it is none. */
typedef struct pb_sizes_text {
    char text[6 * 24];
} pb_sizes_text;
pb_sizes_text pb_sizes_write(const pb_sizes *sizes);
int pb_sizes_read(pb_sizes *sizes, const char *text);

/* -- the run -------------------------------------------------------------------------------------
 */

/* A run whose progress is of the task named. */
typedef struct pb_task {
    pb_run run; /* to be handed on while the task lives */
    const pb_run *outer;
    const char *name;
} pb_task;

/* outer: NULL for none. The task stays where it is. */
const pb_run *pb_task_begin(pb_task *task, const char *name, const pb_run *outer);

/* Hands a line to run->warn, if there is one. */
void pb_run_warn(const pb_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* -- bases ---------------------------------------------------------------------------------------
 */

/* What the options ask for at a point, and what the request points to. */
typedef struct pb_asked {
    pb_basis_request request;
    pb_condition negative;
} pb_asked;

/* The tap observed at a point: the one given, or mid, or with a mask x0. */
const char *pb_session_to(const pb_point *point, const char *given);

pb_status pb_session_ask(pb_session *session, const pb_point *point,
                         const pb_basis_options *options, pb_asked *asked, const pb_run *run,
                         pb_error *error);

#endif
