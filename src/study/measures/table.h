/* The numbers of a study, as rows of one table. */
#ifndef PB_STUDY_MEASURES_TABLE_H
#define PB_STUDY_MEASURES_TABLE_H

#include "base/error.h"
#include "study/measures/statistics.h"

typedef struct pb_row {
    const char *model; /* a label; not copied */
    const char *quantity;
    double t, t2; /* fractions of T; NaN: none */
    double index; /* of a singular value, or a frequency; NaN: none */
    pb_estimate estimate;
} pb_row;

typedef struct pb_table {
    pb_row *rows;
    size_t count, room;
} pb_table;

#define PB_TABLE_EMPTY ((pb_table){NULL, 0, 0})

/* Errors: PB_MEMORY. */
pb_status pb_table_add(pb_table *table, pb_row row, pb_error *error);
void pb_table_clear(pb_table *table);

/* Writes "model,quantity,t,t2,index,value,low,high,samples"; what is not is left empty (RFC 4180).
 * Errors: PB_IO, PB_MEMORY. */
pb_status pb_table_write(const pb_table *table, const char *path, pb_error *error);

#endif
