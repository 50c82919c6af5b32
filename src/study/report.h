/* What a study leaves in its folder beside its settings: data.csv, figure.gp, figure.svg,
 * figure.png, samples.png, report.html. */
#ifndef PB_STUDY_REPORT_H
#define PB_STUDY_REPORT_H

#include "study/plan.h"
#include "study/table.h"

/* Errors: PB_IO (also when gnuplot is missing or fails: data and script are there then),
 * PB_MEMORY. */
pb_status pb_report_write(const pb_study_plan *plan, const pb_table *table, pb_error *error);

#endif
