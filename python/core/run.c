/* How a call is done: without the interpreter's lock, but for a moment twenty times a second, in
 * which signals are looked at (Ctrl-C) and progress is told. */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "core.h"

#define INTERVAL 0.05 /* seconds between two looks */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void py_run_lock(py_run *r)
{
    PyEval_RestoreThread(r->state);
}

void py_run_unlock(py_run *r)
{
    r->state = PyEval_SaveThread();
}

void py_run_keep(py_run *r)
{
    if (!r->type)
        PyErr_Fetch(&r->type, &r->value, &r->traceback);
    else
        PyErr_Clear();
}

/* None, or (applications, converged, rank, largest residual). */
static PyObject *svd_progress(const pb_svd_progress *svd)
{
    if (!svd)
        Py_RETURN_NONE;
    return Py_BuildValue("(nnnd)", (Py_ssize_t)svd->applications, (Py_ssize_t)svd->converged,
                         (Py_ssize_t)svd->rank, svd->residual_max);
}

/* p: or NULL, where there is nothing to tell. */
static int tell(py_run *r, const pb_progress *p)
{
    PyObject *answer;
    int stop;

    if (PyErr_CheckSignals() < 0)
        return 1;
    if (!r->progress || !p)
        return 0;
    answer = PyObject_CallFunction(r->progress, "snnN", p->task, (Py_ssize_t)p->done,
                                   (Py_ssize_t)p->total, svd_progress(p->svd));
    stop = answer ? PyObject_IsTrue(answer) : 1;
    Py_XDECREF(answer);
    return stop != 0;
}

static int monitor(void *context, const pb_progress *progress)
{
    py_run *r = context, *top = r->within ? r->within : r;
    double at = now();
    int stop;

    if (top->type)
        return 1;
    if (at - r->asked < INTERVAL && !(progress->total && progress->done == progress->total))
        return 0;
    r->asked = at; /* a part's own: it does not keep the whole from telling */
    py_run_lock(top);
    stop = tell(top, top == r ? progress : NULL);
    if (PyErr_Occurred())
        py_run_keep(top);
    py_run_unlock(top);
    return stop;
}

static void warn(void *context, const char *text)
{
    py_run *r = context;
    PyObject *answer;

    if (r->within)
        r = r->within;
    if (!r->warn) /* a linearisation's, whose maker has gone */
        return;
    py_run_lock(r);
    answer = PyObject_CallFunction(r->warn, "s", text);
    if (!answer)
        py_run_keep(r);
    Py_XDECREF(answer);
    py_run_unlock(r);
}

int py_run_read(py_run *r, PyObject *dictionary)
{
    PyObject *value;
    uint64_t number;

    memset(r, 0, sizeof *r);
    pb_run_init(&r->run);
    r->run.monitor = monitor;
    r->run.context = r;
    if (!dictionary || dictionary == Py_None)
        return 0;
    if ((value = PyDict_GetItemString(dictionary, "memory")) && value != Py_None &&
        py_size(&r->run.memory, value, "memory") < 0)
        return -1;
    if ((value = PyDict_GetItemString(dictionary, "threads")) && value != Py_None) {
        if (py_whole(&number, value, "threads", INT_MAX) < 0)
            return -1;
        r->run.threads = (int)number;
    }
    if ((value = PyDict_GetItemString(dictionary, "progress")) && value != Py_None)
        r->progress = value;
    if ((value = PyDict_GetItemString(dictionary, "warn")) && value != Py_None)
        r->warn = value;
    if (r->warn)
        r->run.warn = warn;
    return 0;
}

void py_run_begin(py_run *r)
{
    r->asked = now();
    py_run_unlock(r);
}

void py_run_end(py_run *r)
{
    py_run_lock(r);
}

PyObject *py_fail(pb_status status, const pb_error *error)
{
    PyObject *errors = PyImport_ImportModule("pullback._errors");
    PyObject *exception =
        errors ? PyObject_CallMethod(errors, "of", "is", (int)status, error->message) : NULL;

    if (exception)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    Py_XDECREF(errors);
    return NULL;
}

PyObject *py_run_fail(py_run *r, pb_status status)
{
    if (!r->type)
        return py_fail(status, &r->error);
    PyErr_Restore(r->type, r->value, r->traceback);
    r->type = NULL;
    return NULL;
}

int py_run_sound(py_run *r, pb_status status)
{
    if (status == PB_OK && !r->type)
        return 1;
    py_run_fail(r, status);
    return 0;
}
