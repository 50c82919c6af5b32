/* Images drawn from noise, along the paper's grid or as DDIMScheduler of diffusers spaces its
 * steps. */
#ifndef PB_STUDIO_DRAWING_H
#define PB_STUDIO_DRAWING_H

#include <jansson.h>

#include "studio/studio.h"

#define PB_SPACING_PAPER (-1) /* beside those of pb_spacing */

typedef struct pb_drawing {
    size_t count;                     /* images; 0: 16, of 256 pixels and more 1 */
    size_t pixel_height, pixel_width; /* 0: what the model was trained at */
    uint64_t seed;                    /* of the noise */
    const char *x; /* where the noise was read from; NULL: it is drawn, and all above counts */
    size_t steps;
    int spacing;
    double boost; /* with the paper's: stochastic steps from this fraction of T on; 0: none */
    uint64_t noise_seed;
} pb_drawing;

/* "paper", "leading", "trailing", "linspace"; NULL beyond those. */
const char *pb_drawing_spacing_name(int spacing);

/* Draws the noise. *x must be empty. Errors: those of pb_session_size, pb_session_noise. */
pb_status pb_draw_noise(const pb_drawing *drawing, const pb_studio *studio, pb_tensor *x,
                        pb_error *error);

/* Is any of its steps deterministic, and does therefore not clip? from: of its grid. */
int pb_drawing_reverses(const pb_drawing *drawing, const pb_studio *studio, size_t from);

/* Moves noise x (n,c,h,w) down to images, in place; from: the point of the paper's grid that it
 * lies at. Errors: those of pb_session_move and pb_session_sample. */
pb_status pb_draw_images(const pb_drawing *drawing, const pb_studio *studio,
                         const pb_prompts *prompts, size_t from, pb_tensor *x, const pb_run *run,
                         pb_error *error);

/* How so many images came to be. */
json_t *pb_drawing_json(const pb_drawing *drawing, const pb_studio *studio,
                        const pb_prompts *prompts, size_t images);

#endif
