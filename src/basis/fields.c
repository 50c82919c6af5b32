#include "basis/fields.h"

#include "io/noisy.h"

#define AT(field) offsetof(pb_basis, field)

/* Files of version 0.1.0 need not have what is not needed here. */
const pb_field pb_basis_fields[PB_BASIS_FIELDS] = {
    PB_NOISY_FIELDS(pb_basis, true),
    {"version", PB_FIELD_TEXT, AT(version), false, 0, 0},
    {"from", PB_FIELD_TEXT, AT(from), true, 0, 0},
    {"tap", PB_FIELD_TEXT, AT(to), true, 0, 0},
    {"tol", PB_FIELD_REAL, AT(tolerance), true, 0, 1},
    {"method", PB_FIELD_TEXT, AT(method), true, 0, 0},
    {"prompt", PB_FIELD_TEXT, AT(prompt), true, 0, 0},
    {"guided", PB_FIELD_FLAG, AT(guided), false, 0, 1},
    {"converged", PB_FIELD_COUNT, AT(converged), true, 0, 1e9},
    {"applications", PB_FIELD_COUNT, AT(applications), true, 0, 1e15},
    {"null_rank", PB_FIELD_COUNT, AT(null_rank), false, 0, 1e9},
    {"samples", PB_FIELD_COUNT, AT(samples), false, 0, 1e9},
    {"space", PB_FIELD_TEXT, AT(space), false, 0, 0},
};
