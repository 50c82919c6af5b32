/* Edits of one point along several directions, decoded together and drawn as strips. */
#ifndef PB_CLI_STRIP_H
#define PB_CLI_STRIP_H

#include "cli/point.h"

typedef enum pb_edit_mode { PB_MODE_GUIDANCE, PB_MODE_STRAIGHT, PB_MODE_RELINEARISE } pb_edit_mode;
#define PB_MODES 3

/* "guidance", "straight", "relinearise" */
const char *pb_mode_name(pb_edit_mode mode);

typedef struct pb_strip {
    /* Settings. */
    pb_edit_mode mode;
    double length; /* of straight and re-linearised paths */
    pb_guidance guidance;
    size_t stages; /* on each side */
    int one_side;  /* -1 or 1: only that side; 0: both */
    double boost;  /* fraction of T; 0: none */
    uint64_t noise_seed;
    size_t steps, grid; /* the time grid, and the point of it where x is */
    double timestep;
    const pb_area *area;             /* of the photo; NULL: there is none */
    size_t count;                    /* directions */
    const size_t *direction;         /* count of them: which v of the basis */
    const char *label;               /* behind the direction's name in a strip, or NULL */
    const pb_basis *basis;           /* where a re-linearised path begins; else not used */
    const pb_basis_request *request; /* of the bases on the way */
    size_t full;           /* iterations of the full edit, of strength 1; 0: those of guidance */
    const pb_tensor *mask; /* (h,w) of the region to change; NULL: none */
    /* Results: the reconstruction, then for each direction its stages on the one side or, with
     * both, + 1 … stages and - 1 … stages. (n,c,h,w) */
    pb_tensor images;
    pb_pace *pace;   /* of each direction and side, in the order of images */
    double *outside; /* with a mask: pb_outside of each one's last stage, in that order */
} pb_strip;

/* Frees the results. */
void pb_strip_clear(pb_strip *strip);

/* Edits the image x (1,c,h,w) along the directions of v (k,c,h,w), moves all stages down to t = 0
 * in one batch, and decodes them where they are latents. Warns of each direction whose stages
 * collapse, explode, or change the picture faster than edits do that keep a face (docs/results.md).
 * Errors: PB_INVALID (x or v of another size than the session's images, a direction that v has
 * not). */
pb_status pb_strip_make(pb_strip *strip, pb_session *session, const pb_tensor *x,
                        const pb_tensor *v, pb_error *error);

/* The image of direction number d at a stage from -stages to stages; 0 is the reconstruction. */
const float *pb_strip_image(const pb_strip *strip, size_t d, long stage);

/* The guidance iteration of a stage, from -N to N. */
long pb_strip_iteration(const pb_strip *strip, long stage);

/* How far the edits go, as a share of the full ones; of one side with its sign. */
double pb_strip_strength(const pb_strip *strip);

/* What direction number d changes of the picture at its last stage, the larger of its sides: the
 * root mean square, of 255. */
double pb_strip_change(const pb_strip *strip, size_t d);

/* The share of its squared change outside the mask, the larger of its sides; of a strip that has
 * `outside`. */
double pb_strip_outside(const pb_strip *strip, size_t d);

/* The settings as a JSON text (free with free()). */
char *pb_strip_settings(const pb_strip *strip, const pb_session *session, const pb_basis *basis);

/* Writes the photo with what the edit `image` changes (picture/blend.h, picture/original.h), and
 * warns of what its format does not hold. */
pb_status pb_strip_paste(const pb_strip *strip, const pb_cli *cli, const float *image,
                         const pb_photo *photo, const char *path, const char *settings, int quality,
                         pb_error *error);

/* Draws strips of equal stages one below the other, one row per direction: the reconstruction in
 * the middle, edits growing to both sides. */
pb_status pb_strip_write(size_t count, const pb_strip *const *strips, const pb_session *session,
                         const pb_basis *basis, const char *path, pb_error *error);

#endif
