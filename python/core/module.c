/* The module pullback._core (core.h). */
#include <string.h>

#include "core.h"

PyTypeObject *py_add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    const char *dot = strrchr(spec->name, '.');

    if (!type)
        return NULL;
    Py_INCREF(type); /* the module's own, and ours as long as the process */
    if (PyModule_AddObject(module, dot + 1, type) < 0) {
        Py_DECREF(type);
        Py_DECREF(type);
        return NULL;
    }
    return (PyTypeObject *)type;
}

static PyObject *version(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return PyUnicode_FromString(pb_version());
}

/* randn(seed, count): torch.manual_seed(seed); torch.randn(count) */
static PyObject *randn(PyObject *module, PyObject *arguments)
{
    pb_tensor numbers = PB_TENSOR_EMPTY;
    PyObject *number, *wanted;
    uint64_t seed;
    size_t count;
    pb_status status;
    pb_error error;
    pb_rng *rng;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO", &number, &wanted) ||
        py_whole(&seed, number, "seed", UINT64_MAX) < 0 || py_size(&count, wanted, "count") < 0)
        return NULL;
    status = pb_tensor_new(&numbers, 1, (size_t[]){count}, &error);
    if (status == PB_OK)
        status = pb_rng_new(&rng, seed, &error);
    if (status != PB_OK) {
        pb_tensor_clear(&numbers);
        return py_fail(status, &error);
    }
    pb_randn(rng, numbers.data, count);
    pb_rng_free(rng);
    return py_tensor_taken(&numbers);
}

/* grid(T, steps, fraction): the point of the time grid, and its time */
static PyObject *grid(PyObject *module, PyObject *arguments)
{
    Py_ssize_t T, steps;
    double fraction;
    size_t at;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "nnd", &T, &steps, &fraction))
        return NULL;
    at = pb_grid_nearest((size_t)T, (size_t)steps, fraction);
    return Py_BuildValue("(nd)", (Py_ssize_t)at, pb_grid_time((size_t)T, (size_t)steps, at));
}

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
    static PyMethodDef functions[] = {{"version", version, METH_NOARGS, NULL},
                                      {"randn", randn, METH_VARARGS, NULL},
                                      {"grid", grid, METH_VARARGS, NULL},
                                      {0}};
    static PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT,
                                     .m_name = "pullback._core",
                                     .m_doc = "Pullback's library; see the package pullback.",
                                     .m_size = -1,
                                     .m_methods = functions};
    PyObject *module = PyModule_Create(&definition);

    if (module &&
        (py_add_arrays(module) < 0 || py_add_things(module) < 0 || py_add_model(module) < 0 ||
         py_add_session(module) < 0 || py_add_linear(module) < 0 || py_add_bases(module) < 0))
        Py_CLEAR(module);
    return module;
}
