/* Studies, by the library that the program has for them. */
#include "study/study.h"
#include "vips.h"

/* What is told to Python's progress function: items, not what each of them does. */
typedef struct watch {
    py_run *run;
    pb_study_progress progress;
} watch;

static int show(void *context, const pb_progress *progress)
{
    watch *w = context;
    const pb_progress items = {"study", w->progress.done, w->progress.total, NULL};

    (void)progress;
    return w->run->run.monitor(w->run, &items);
}

static void warn(void *context, const char *text)
{
    const watch *w = context;

    if (w->run->run.warn)
        w->run->run.warn(w->run, text);
}

static pb_status study(pb_study_options *options, const char *settings, watch *w)
{
    pb_run run = w->run->run;
    pb_status status;

    run.monitor = show;
    run.warn = warn;
    run.context = w;
    status = pb_study_settings_read(options, settings, &w->run->error);
    if (status == PB_OK)
        status = pb_study_check(options, &w->run->error);
    return status == PB_OK ? pb_study_run(options, NULL, &run, &w->progress, &w->run->error)
                           : status;
}

PyObject *py_study(PyObject *module, PyObject *arguments)
{
    pb_study_options options = PB_STUDY_DEFAULTS;
    PyObject *path, *dictionary;
    pb_status status;
    int force;
    py_run r;
    watch w = {.run = &r};

    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&pO", PyUnicode_FSConverter, &path, &force, &dictionary))
        return NULL;
    if (py_run_read(&r, dictionary) < 0) {
        Py_DECREF(path);
        return NULL;
    }
    options.force = force;
    PY_RUN(status, &r, study(&options, PyBytes_AsString(path), &w));
    pb_study_options_clear(&options);
    Py_DECREF(path);
    return py_run_sound(&r, status)
               ? Py_BuildValue("(nnd)", (Py_ssize_t)w.progress.total,
                               (Py_ssize_t)w.progress.computed, w.progress.seconds)
               : NULL;
}
