/* Is a basis whole? */
#ifndef PB_BASIS_CHECK_H
#define PB_BASIS_CHECK_H

#include <pullback/basis.h>

/* Checks that the parts of a basis, or of a mean, go together and hold what they can hold: shapes;
 * directions no more than they have entries, of length 1 to a hundredth (so that a file rounded to
 * bfloat16 passes); singular values not negative, of a point's basis falling; the ranges of
 * residuals, angles, agreements, the mask and the numbers beside them. The message begins with the
 * item. Errors: PB_INVALID. */
pb_status pb_basis_check_parts(const pb_basis *basis, pb_error *error);

#endif
