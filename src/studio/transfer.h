/* A transport that is looked at: all directions of one point carried to another, and both edited
 * along them. */
#ifndef PB_STUDIO_TRANSFER_H
#define PB_STUDIO_TRANSFER_H

#include "studio/strip.h"

typedef struct pb_transfer {
    const pb_basis *source; /* of a point, from x */
    const pb_point *from;   /* that point */
    const pb_basis *target; /* of the other point; NULL: it is computed */
    const pb_point *onto;
    const pb_photo *photo; /* which that is of, or NULL */
    pb_transport_form form;
    pb_directions own, carried; /* after pb_transfer_carry */
    pb_edit edits[2];           /* after pb_transfer_edit: at the source, and at the target */
} pb_transfer;

#define PB_TRANSFER_EMPTY                                                                          \
    ((pb_transfer){.own = PB_DIRECTIONS_EMPTY, .carried = PB_DIRECTIONS_EMPTY})

/* The point of the same image at another t, on the same grid, under prompts that may be others.
 * *onto must be empty, and is to be cleared also on failure. Errors: those of pb_session_prompts
 * and pb_session_point_to. */
pb_status pb_transfer_point(pb_point *onto, const pb_studio *studio, const pb_point *from,
                            const pb_prompts *prompts, double t, const pb_run *run,
                            pb_error *error);

/* Carries all directions of the source. The transfer is to be cleared also on failure. Errors:
 * those of pb_session_directions. */
pb_status pb_transfer_carry(pb_transfer *transfer, const pb_studio *studio, const pb_run *run,
                            pb_error *error);

/* Edits both points so, and draws the source's strips above the target's. Errors: those of
 * pb_session_edit and of drawing. */
pb_status pb_transfer_edit(pb_transfer *transfer, const pb_studio *studio,
                           const pb_edit_options *options, const char *path, const pb_run *run,
                           pb_error *error);
void pb_transfer_clear(pb_transfer *transfer);

/* What survives of each direction that was edited along, and where it was carried to; path: of the
 * strips. */
json_t *pb_transfer_json(const pb_transfer *transfer, const char *path);

#endif
