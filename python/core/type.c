/* Types of a module. */
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
