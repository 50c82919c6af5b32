/* Pictures as rows of pixels. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* rgb_of(picture): a picture (channels,height,width) as bytes (height,width,3) */
static PyObject *rgb_of(PyObject *module, PyObject *array)
{
    py_numbers n;
    pb_error error;
    pb_status status;
    PyObject *found;
    unsigned char *rgb;
    size_t shape[3];

    (void)module;
    if (py_numbers_of(&n, array, PY_FLOAT) < 0)
        return NULL;
    if (n.rank != 3) {
        PyErr_SetString(PyExc_ValueError, "expected a picture (channels, height, width)");
        return NULL;
    }
    memcpy(shape, (size_t[]){n.shape[1], n.shape[2], 3}, sizeof shape);
    rgb = malloc(n.shape[1] * n.shape[2] * 3 + 1);
    if (!rgb)
        return PyErr_NoMemory();
    status = pb_rgb_of_picture(n.data, n.shape[0], n.shape[1], n.shape[2], rgb, &error);
    found = status == PB_OK ? py_array(rgb, PY_BYTE, 3, shape, NULL) : py_fail(status, &error);
    free(rgb);
    return found;
}

int py_add_rgb(PyObject *module)
{
    static PyMethodDef functions[] = {{"rgb_of", rgb_of, METH_O, NULL}, {0}};

    return PyModule_AddFunctions(module, functions);
}
