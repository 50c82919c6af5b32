/* What a study leaves in its folder beside its settings: data.csv, figure.gp, figure.svg,
 * figure.png, samples.png, report.html. */
#ifndef PB_STUDY_REPORT_REPORT_H
#define PB_STUDY_REPORT_REPORT_H

#include "study/executor/workshop.h"
#include "study/measures/table.h"

/* Errors: PB_IO (also when gnuplot is missing or fails: data and script are there then),
 * PB_MEMORY, those of the workshop. */
pb_status pb_report_write(pb_workshop *workshop, const pb_table *table, pb_error *error);

#endif
