/* The strings of a basis. */
#ifndef PB_BASIS_TEXT_H
#define PB_BASIS_TEXT_H

#include "base/error.h"

/* Puts a copy of the text (NULL: "") in the place of what was there. Errors: PB_MEMORY. */
pb_status pb_basis_set_text(char **place, const char *text, pb_error *error);

#endif
