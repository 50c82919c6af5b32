/* Basis files that are not on the disk. */
#ifndef PB_EXPLORE_BASIS_FILE_H
#define PB_EXPLORE_BASIS_FILE_H

#include <glib.h>

#include "io/file.h"
#include "studio/studio.h"

/* The bytes of the file that pb_basis_write writes (pb_bytes_clear). Errors: PB_IO, PB_MEMORY. */
pb_status pb_basis_to_bytes(const pb_basis *basis, pb_bytes *bytes, pb_error *error);

/* Reads such bytes, and checks that the basis goes with the model (pb_read_basis_of). */
pb_status pb_basis_of_bytes(pb_basis *basis, const pb_studio *studio, GBytes *bytes,
                            pb_error *error);

#endif
