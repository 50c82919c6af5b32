/* Where an edit's directions come from: the basis at the point, computed or read; a mean or another
 * point's basis, carried over; h-directions, by their pre-image. */
#ifndef PB_CLI_DIRECTIONS_H
#define PB_CLI_DIRECTIONS_H

#include "cli/basis_at.h"

typedef struct pb_direction_options {
    char *basis;    /* a file to take directions from, or NULL */
    char *u;        /* h-directions: .npy, or the v of a decoder's basis; or NULL */
    double damping; /* of the pre-image, in units of the first singular value */
    char *form;     /* of transports; NULL: projection */
    pb_transport_form form_value;
    gboolean project;            /* project directions of X on the tangent space here */
    pb_basis_options basis_here; /* of the basis computed at the point; rank 0: as needed */
    size_t needed;               /* directions that must be there */
} pb_direction_options;

#define PB_DIRECTION_DEFAULTS                                                                      \
    ((pb_direction_options){.damping = 0.1,                                                        \
                            .basis_here = {.rank = 0, .tolerance = 1e-3, .null_rank = -1}})

typedef struct pb_directions {
    pb_tensor v;          /* (k,c,h,w), unit vectors */
    pb_basis_found found; /* the basis at the point: computed, or as read */
} pb_directions;

/* Finds the point and the directions. A basis file at a point names its own point, unless an image
 * is given that leads there; a mean needs a point. *point and *directions must be zero-filled, and
 * are to be cleared also on failure. */
pb_status pb_directions_find(pb_directions *directions, pb_point *point, pb_session *session,
                             const pb_point_options *where, const pb_direction_options *options,
                             pb_error *error);
void pb_directions_clear(pb_directions *directions);

/* "projection" (NULL) or "pseudo-inverse". */
pb_transport_form pb_transport_form_of(const char *name);

/* Reads a basis file, and checks that it belongs to the session's model and goes with it
 * (pb_basis_compatible, of images of any size). */
pb_status pb_read_basis_of(pb_basis *basis, const pb_session *session, const char *path,
                           pb_error *error);

/* The model's name for a command that has --basis: --model, or else the path in the file. The
 * string is the cli's. Errors: PB_IO, PB_FORMAT. */
pb_status pb_model_of_basis(pb_cli *cli, const char *path, pb_error *error);

/* The point that a basis holds; the session gets its size, if it has none yet, class label and
 * prompts (but for those that `given` names). Errors: PB_INVALID (a session of another size). */
pb_status pb_point_of_basis(pb_point *point, pb_session *session, const pb_basis *basis, int steps,
                            const pb_text_options *given, pb_error *error);

#endif
