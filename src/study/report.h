/* The folder a study leaves: data.csv, figure.gp, figure.svg, figure.png, report.html,
 * settings.json. */
#ifndef PB_STUDY_REPORT_H
#define PB_STUDY_REPORT_H

#include "study/plan.h"
#include "study/table.h"

/* Errors: PB_IO (also when gnuplot is missing or fails: data and script are there then),
 * PB_MEMORY. */
pb_status pb_report_write(const pb_study_plan *plan, const pb_table *table, pb_error *error);

/* Writes settings.json alone. Errors: PB_IO. */
pb_status pb_report_settings(const pb_study_options *options, pb_error *error);

#endif
