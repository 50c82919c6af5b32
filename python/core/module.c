/* The module pullback._core (core.h). */
#include "core.h"

static PyObject *version(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return PyUnicode_FromString(pb_version());
}

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
    static PyMethodDef functions[] = {{"version", version, METH_NOARGS, NULL}, {0}};
    static PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT,
                                     .m_name = "pullback._core",
                                     .m_doc = "Pullback's library; see the package pullback.",
                                     .m_size = -1,
                                     .m_methods = functions};
    PyObject *module = PyModule_Create(&definition);

    if (module && (py_add_arrays(module) < 0 || py_add_things(module) < 0 ||
                   py_add_model(module) < 0 || py_add_session(module) < 0 ||
                   py_add_linear(module) < 0 || py_add_bases(module) < 0 || py_add_rgb(module) < 0))
        Py_CLEAR(module);
    return module;
}
