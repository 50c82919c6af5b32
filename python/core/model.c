/* pullback._core.Model: a model that is open. */
#include <stdlib.h>

#include "core.h"

typedef struct model {
    PyObject_HEAD pb_model *model;
} model;

static PyTypeObject *model_type;

pb_model *py_model_of(PyObject *object)
{
    if (Py_TYPE(object) == model_type)
        return ((model *)object)->model;
    PyErr_Format(PyExc_TypeError, "expected a model, found %R", object);
    return NULL;
}

static void model_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    pb_model_free(((model *)self)->model);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* A list of (path, weight) as LoRAs, which *paths keeps; 0, or -1 with an exception. */
static int read_loras(pb_model_options *options, PyObject *list, pb_lora **loras, PyObject **paths)
{
    Py_ssize_t count = PySequence_Size(list);

    *paths = PyList_New(0);
    *loras = count < 0 ? NULL : calloc((size_t)count + 1, sizeof **loras);
    if (count >= 0 && *paths && !*loras)
        PyErr_NoMemory();
    if (!*paths || !*loras)
        return -1;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *pair = PySequence_GetItem(list, i), *path = NULL;
        int sound =
            pair &&
            PyArg_ParseTuple(pair, "O&d", PyUnicode_FSConverter, &path, &(*loras)[i].weight) &&
            PyList_Append(*paths, path) == 0;
        if (sound)
            (*loras)[i].path = PyBytes_AsString(path);
        Py_XDECREF(path);
        Py_XDECREF(pair);
        if (!sound)
            return -1;
    }
    options->loras = *loras;
    options->lora_count = (size_t)count;
    return 0;
}

/* open(name, options, loras) */
static PyObject *open_model(PyObject *self, PyObject *arguments)
{
    PyObject *name, *dictionary, *list, *paths = NULL;
    pb_model_options options;
    pb_lora *loras = NULL;
    py_given given = {0};
    py_run run;
    pb_status status;
    model *m = NULL;

    (void)self;
    pb_model_options_init(&options);
    if (py_run_read(&run, NULL) < 0 ||
        !PyArg_ParseTuple(arguments, "O&OO", PyUnicode_FSConverter, &name, &dictionary, &list))
        return NULL;
    if (py_fields_read(&options, py_model_options_fields, dictionary, &given) == 0 &&
        read_loras(&options, list, &loras, &paths) == 0 && (m = PyObject_New(model, model_type))) {
        m->model = NULL;
        PY_RUN(status, &run,
               pb_model_open_with(&m->model, PyBytes_AsString(name), &options, &run.error));
        if (status != PB_OK) {
            Py_CLEAR(m);
            py_run_fail(&run, status);
        }
    }
    py_given_clear(&given);
    Py_XDECREF(paths);
    free(loras);
    Py_DECREF(name);
    return (PyObject *)m;
}

static PyObject *model_info(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return py_fields_dictionary(pb_model_get_info(((model *)self)->model), py_info_fields);
}

static PyObject *model_taps(PyObject *self, PyObject *nothing)
{
    const pb_model *m = ((model *)self)->model;
    PyObject *list = PyList_New(0);
    const char *tap;

    (void)nothing;
    for (size_t i = 0; list && (tap = pb_model_tap(m, i)); i++) {
        PyObject *name = PyUnicode_FromString(tap);
        if (!name || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *model_components(PyObject *self, PyObject *nothing)
{
    const pb_model *m = ((model *)self)->model;
    PyObject *parts = PyDict_New();
    const char *role, *class;

    (void)nothing;
    for (size_t i = 0; parts && (role = pb_model_component(m, i, &class)); i++) {
        PyObject *name = Py_BuildValue("z", class);
        if (!name || PyDict_SetItemString(parts, role, name) < 0)
            Py_CLEAR(parts);
        Py_XDECREF(name);
    }
    return parts;
}

static PyObject *model_tap_shape(PyObject *self, PyObject *arguments)
{
    const pb_model *m = ((model *)self)->model;
    const char *tap;
    Py_ssize_t height, width;
    size_t shape[3];
    pb_error error;
    pb_status status;

    if (!PyArg_ParseTuple(arguments, "snn", &tap, &height, &width))
        return NULL;
    status = pb_model_tap_shape(m, tap, (size_t)height, (size_t)width, shape, &error);
    return status == PB_OK ? Py_BuildValue("(nnn)", (Py_ssize_t)shape[0], (Py_ssize_t)shape[1],
                                           (Py_ssize_t)shape[2])
                           : py_fail(status, &error);
}

static PyObject *model_hash(PyObject *self, PyObject *dictionary)
{
    char hash[65];
    pb_status status;
    py_run run;

    if (py_run_read(&run, dictionary) < 0)
        return NULL;
    PY_RUN(status, &run, pb_model_hash(((model *)self)->model, hash, &run.run, &run.error));
    return py_run_sound(&run, status) ? PyUnicode_FromString(hash) : NULL;
}

/* (T, what it predicts, kind, hash, alpha-bar of all timesteps) */
static PyObject *model_schedule(PyObject *self, PyObject *nothing)
{
    const pb_schedule *s = pb_model_schedule(((model *)self)->model);
    const size_t T = pb_schedule_length(s);
    double *values = PyMem_Malloc(T * sizeof *values);
    PyObject *array, *all;

    (void)nothing;
    if (!values)
        return PyErr_NoMemory();
    for (size_t i = 0; i < T; i++)
        values[i] = pb_alpha_bar(s, i);
    array = py_array(values, PY_DOUBLE, 1, &T, NULL);
    PyMem_Free(values);
    all = array ? Py_BuildValue("(nsssN)", (Py_ssize_t)T,
                                pb_prediction_name(pb_schedule_prediction(s)), pb_schedule_kind(s),
                                pb_schedule_hash(s), array)
                : NULL;
    return all;
}

int py_add_model(PyObject *module)
{
    static PyMethodDef methods[] = {{"info", model_info, METH_NOARGS, NULL},
                                    {"taps", model_taps, METH_NOARGS, NULL},
                                    {"components", model_components, METH_NOARGS, NULL},
                                    {"tap_shape", model_tap_shape, METH_VARARGS, NULL},
                                    {"hash", model_hash, METH_O, NULL},
                                    {"schedule", model_schedule, METH_NOARGS, NULL},
                                    {0}};
    static PyType_Slot slots[] = {{Py_tp_dealloc, model_free}, {Py_tp_methods, methods}, {0, NULL}};
    static PyType_Spec spec = {.name = "pullback._core.Model",
                               .basicsize = sizeof(model),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                               .slots = slots};
    static PyMethodDef functions[] = {{"open", open_model, METH_VARARGS, NULL}, {0}};

    model_type = py_add_type(module, &spec);
    return model_type && PyModule_AddFunctions(module, functions) == 0 ? 0 : -1;
}
