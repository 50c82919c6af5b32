/* The fields of a structure as string metadata of a safetensors file: one table says what is
 * written and what is read. */
#ifndef PB_IO_FIELDS_H
#define PB_IO_FIELDS_H

#include <stdbool.h>

#include "io/weights.h"

typedef enum pb_field_kind {
    PB_FIELD_TEXT,     /* char *, pb_free's; NULL: not known, and not written */
    PB_FIELD_REAL,     /* double */
    PB_FIELD_FRACTION, /* double, 0 to 1; NaN: not known */
    PB_FIELD_COUNT,    /* size_t; 0 where `least` is more: not known, and not written */
    PB_FIELD_LABEL,    /* long */
    PB_FIELD_FLAG      /* int */
} pb_field_kind;

typedef struct pb_field {
    const char *key;
    pb_field_kind kind;
    size_t at;          /* offsetof the structure */
    bool needed;        /* a file without it is refused; else the structure keeps what it had */
    double least, most; /* of a number that is read; whole ones but for those of PB_FIELD_REAL */
} pb_field;

/* Room for a number as text. */
typedef struct pb_number_text {
    char text[32];
} pb_number_text;

/* What a structure says, as entries[0 … count-1] at most, with as many texts beside them; entries
 * are valid as long as those and the structure. Returns how many there are. */
size_t pb_fields_entries(size_t count, const pb_field *fields, const void *structure,
                         pb_metadata *entries, pb_number_text *texts);

/* Reads what the file's metadata says. Errors: PB_FORMAT (naming path and key), PB_MEMORY. */
pb_status pb_fields_read(size_t count, const pb_field *fields, void *structure,
                         const pb_weights *file, const char *path, pb_error *error);

/* Frees the texts, and makes those of *to, a copy of the structure *from, copies of its texts; on
 * failure some are NULL. Errors: PB_MEMORY. */
void pb_fields_clear(size_t count, const pb_field *fields, void *structure);
pb_status pb_fields_copy(size_t count, const pb_field *fields, void *to, const void *from,
                         pb_error *error);

#endif
