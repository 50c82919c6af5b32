/* The figure of a study: a gnuplot script that holds its numbers. */
#ifndef PB_STUDY_REPORT_FIGURE_H
#define PB_STUDY_REPORT_FIGURE_H

#include <stdio.h>

#include "study/measures/table.h"
#include "study/plan/plan.h"

/* Writes the script, which draws figure.svg and figure.png. */
void pb_figure_script(FILE *stream, const pb_study_plan *plan, const pb_table *table);

/* What the panels show, as HTML. */
void pb_figure_caption(FILE *stream, const pb_study_plan *plan);

#endif
