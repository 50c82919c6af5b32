/* What a basis says of itself besides its arrays, as its file's metadata. */
#ifndef PB_BASIS_FIELDS_H
#define PB_BASIS_FIELDS_H

#include <pullback/basis.h>

#include "io/fields.h"

#define PB_BASIS_FIELDS 26

extern const pb_field pb_basis_fields[PB_BASIS_FIELDS];

#endif
