#include "study/study.h"

#include "study/folder.h"
#include "study/measure.h"
#include "study/report.h"
#include "study/run.h"

static pb_status measure(const pb_study_plan *plan, pb_table *table, pb_error *error)
{
    pb_study_kind kind = plan->options->kind;

    for (size_t m = 0; m < plan->options->model_count; m++) {
        if (kind == PB_STUDY_PROMPTS)
            PB_TRY(pb_measure_prompts(plan, m, table, error));
        if (kind == PB_STUDY_TIMESTEPS)
            PB_TRY(pb_measure_spectra(plan, m, table, error));
        if (kind == PB_STUDY_TIMESTEPS || kind == PB_STUDY_MODELS)
            PB_TRY(pb_measure_timesteps(plan, m, table, error));
        if (kind == PB_STUDY_SAMPLES || kind == PB_STUDY_MODELS)
            PB_TRY(pb_measure_samples(plan, m, table, error));
        PB_TRY(pb_measure_baseline(plan, m, table, error));
    }
    return PB_OK;
}

pb_status pb_study_run(const pb_study_options *options, const pb_study_monitor *monitor,
                       pb_study_progress *progress, pb_error *error)
{
    pb_table table = PB_TABLE_EMPTY;
    pb_study_plan plan = {0};
    pb_status status;

    PB_TRY(pb_study_settings_check(options, error));
    PB_TRY(pb_folder_check(options, error));
    status = pb_study_plan_open(&plan, options, &monitor->run, error);
    if (status == PB_OK)
        status = pb_folder_settings(options, error);
    if (status == PB_OK)
        status = pb_study_compute(&plan, monitor, progress, error);
    if (status == PB_OK)
        status = measure(&plan, &table, error);
    if (status == PB_OK)
        status = pb_report_write(&plan, &table, error);
    pb_table_clear(&table);
    pb_study_plan_close(&plan);
    return status;
}
