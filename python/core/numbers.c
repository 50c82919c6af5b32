/* Numbers from Python, with messages that name what they are for. */
#include <math.h>

#include "core.h"

int py_whole(uint64_t *to, PyObject *value, const char *name, uint64_t most)
{
    PyObject *number = PyNumber_Index(value);
    const int whole = number != NULL;

    *to = whole ? PyLong_AsUnsignedLongLong(number) : 0;
    Py_XDECREF(number);
    if (!PyErr_Occurred() && *to <= most)
        return 0;
    PyErr_Format(whole ? PyExc_ValueError : PyExc_TypeError,
                 "%s: expected a whole number from 0 to %llu, found %R", name,
                 (unsigned long long)most, value);
    return -1;
}

int py_size(size_t *to, PyObject *value, const char *name)
{
    uint64_t found;

    if (py_whole(&found, value, name, PY_SSIZE_T_MAX) < 0)
        return -1;
    *to = (size_t)found;
    return 0;
}

int py_real(double *to, PyObject *value, const char *name)
{
    const double number = PyFloat_AsDouble(value);

    /* A NaN stands for what is not given: nobody who gives one means that. */
    if (!PyErr_Occurred() && !isnan(number)) {
        *to = number;
        return 0;
    }
    PyErr_Format(PyErr_Occurred() ? PyExc_TypeError : PyExc_ValueError,
                 "%s: expected a number, found %R", name, value);
    return -1;
}
