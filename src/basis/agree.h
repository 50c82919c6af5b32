/* Do two bases, or a basis and a model, agree? */
#ifndef PB_BASIS_AGREE_H
#define PB_BASIS_AGREE_H

#include <pullback/basis.h>

#include "base/error.h"

/* pb_bases_compatible; across: of whatever model, prediction and schedule they are. Errors:
 * PB_INVALID. */
pb_status pb_bases_agree(const pb_basis *a, const pb_basis *b, pb_basis_use use, int across,
                         pb_error *error);

/* Do prediction and schedule of a basis agree with those of a model? Errors: PB_INVALID. */
pb_status pb_basis_agrees(const pb_basis *basis, const pb_basis *model, pb_error *error);

#endif
