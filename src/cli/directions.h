/* Where an edit's directions come from: the basis at the point, computed or read; a mean, carried
 * over; h-directions, by their pre-image. */
#ifndef PB_CLI_DIRECTIONS_H
#define PB_CLI_DIRECTIONS_H

#include "cli/basis_at.h"
#include "cli/where.h"

/* Directions of the basis to which others are carried, at least. */
#define PB_CARRY_RANK 20

typedef struct pb_direction_flags {
    char *basis;         /* a file to take directions from, or NULL */
    char *u;             /* h-directions: .npy, or the v of a decoder's basis; or NULL */
    double damping;      /* of the pre-image, in units of the first singular value */
    char *form;          /* of transports; NULL: projection */
    gboolean project;    /* project directions of X on the tangent space here */
    gboolean carry;      /* directions of another point's basis are carried over to the image */
    pb_basis_flags here; /* of the basis computed at the point; rank 0: as needed */
    size_t needed;       /* directions that must be there */
} pb_direction_flags;

#define PB_DIRECTION_FLAGS                                                                         \
    ((pb_direction_flags){.damping = 0.1, .here = {.rank = 0, .tolerance = 1e-3, .null_rank = -1}})

/* Finds the desk's point and the directions, and tells of them. A basis file at a point names its
 * own point, unless an image is given that leads there; a mean needs a point. *directions must be
 * empty, and is to be cleared also on failure. */
pb_status pb_directions_find(pb_directions *directions, pb_desk *desk, const pb_where *where,
                             const pb_direction_flags *flags, pb_error *error);

/* "projection" (NULL) or "pseudo-inverse". */
pb_transport_form pb_transport_form_of(const char *name);

#endif
