/* The value of a tap, and products with the Jacobian of the map between two taps; also of what is
 * predicted with classifier-free guidance. */
#ifndef PB_STUDIO_EVALUATION_H
#define PB_STUDIO_EVALUATION_H

#include "studio/studio.h"

typedef struct pb_evaluation {
    const char *tap, *from; /* from: of a Jacobian; NULL: x */
    double timestep;
    pb_prompts prompts;
    const pb_tensor *context; /* (tokens, width) in place of a prompt, or NULL */
    const pb_tensor *pooled;  /* (1, width), with it, where the network takes one; or NULL */
    const pb_tensor *block;   /* (c,h,w), or several (k,c,h,w): what is multiplied; NULL: nothing */
    int transpose;            /* by J^T, of cotangents; 0: by J, of tangents */
    const char *x_name, *block_name; /* of x and the block, for messages */
} pb_evaluation;

/* Is the prediction led away from the negative prompt? Taps can be: out, eps, x0. */
int pb_evaluation_is_guided(const pb_prompts *prompts);

/* Computes it at points x (n,c,h,w): the tap's value (n,C,H,W); of a block, J v or J^T u at the one
 * point, as many as were given. *out must be empty. Errors: PB_INVALID (several points, a block of
 * another shape), those of pb_session_condition, pb_evaluate and pb_linearise. */
pb_status pb_evaluation_compute(const pb_evaluation *evaluation, const pb_studio *studio,
                                const pb_tensor *x, pb_tensor *out, const pb_run *run,
                                pb_error *error);

/* Reads such a context, or a pooled embedding, of the width that the model is given. Errors:
 * PB_INVALID, those of reading.
 */
pb_status pb_read_context(pb_tensor *context, const pb_studio *studio, const char *path,
                          pb_error *error);
pb_status pb_read_pooled(pb_tensor *pooled, const pb_studio *studio, const char *path,
                         pb_error *error);

#endif
