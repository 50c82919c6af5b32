/* Structures of the library from dictionaries and as dictionaries, by tables of their fields. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

void py_given_clear(py_given *given)
{
    for (size_t i = 0; i < given->tensor_count; i++)
        pb_tensor_clear(&given->tensors[i]);
    for (size_t i = 0; i < given->path_count; i++)
        Py_DECREF(given->paths[i]);
    free(given->sizes);
    *given = (py_given){0};
}

/* -- in ---------------------------------------------------------------------------------------- */

/* Text without a NUL, which the object keeps. */
static const char *text_of(PyObject *value, const char *name)
{
    Py_ssize_t length;
    const char *text;

    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s: expected text, found %R", name, value);
        return NULL;
    }
    text = PyUnicode_AsUTF8AndSize(value, &length);
    if (text && strlen(text) != (size_t)length) {
        PyErr_Format(PyExc_ValueError, "%s: expected text without a NUL, found %R", name, value);
        return NULL;
    }
    return text;
}

static int read_name(int *to, const char *const *names, const char *field, PyObject *value)
{
    const char *text = text_of(value, field);

    for (int i = 0; text && names[i]; i++)
        if (!strcmp(names[i], text)) {
            *to = i;
            return 0;
        }
    if (text) {
        PyObject *list = PyUnicode_FromString(names[0]);
        for (size_t i = 1; list && names[i]; i++) {
            PyObject *longer =
                PyUnicode_FromFormat("%U%s%s", list, names[i + 1] ? ", " : " or ", names[i]);
            Py_DECREF(list);
            list = longer;
        }
        if (list)
            PyErr_Format(PyExc_ValueError, "%s: expected %U, found %R", field, list, value);
        Py_XDECREF(list);
    }
    return -1;
}

static int read_path(const char **to, PyObject *value, py_given *given)
{
    PyObject *bytes;

    if (given->path_count == sizeof given->paths / sizeof *given->paths ||
        !PyUnicode_FSConverter(value, &bytes))
        return -1;
    given->paths[given->path_count++] = bytes;
    *to = PyBytes_AsString(bytes);
    return 0;
}

static int read_tensor(const pb_tensor **to, PyObject *value, py_given *given)
{
    pb_tensor *tensor = &given->tensors[given->tensor_count];

    if (given->tensor_count == sizeof given->tensors / sizeof *given->tensors)
        return -1;
    *tensor = (pb_tensor)PB_TENSOR_EMPTY;
    if (py_tensor(tensor, value) < 0)
        return -1;
    given->tensor_count++;
    *to = tensor;
    return 0;
}

static int read_sizes(size_t *to, PyObject *value, Py_ssize_t count, const char *name)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PySequence_GetItem(value, i);
        int sound = item && py_size(&to[i], item, name) == 0;
        Py_XDECREF(item);
        if (!sound)
            return -1;
    }
    return 0;
}

static int read_long(long *to, PyObject *value, const char *name)
{
    *to = PyLong_AsLong(value);
    if (!PyErr_Occurred())
        return 0;
    PyErr_Format(PyErr_ExceptionMatches(PyExc_OverflowError) ? PyExc_ValueError : PyExc_TypeError,
                 "%s: expected a whole number, found %R", name, value);
    return -1;
}

static int read_list(const size_t **to, size_t *length, PyObject *value, const char *name,
                     py_given *given)
{
    Py_ssize_t count = PySequence_Size(value);

    if (count < 0 || given->sizes)
        return -1;
    given->sizes = malloc((size_t)(count ? count : 1) * sizeof *given->sizes);
    if (!given->sizes) {
        PyErr_NoMemory();
        return -1;
    }
    *to = given->sizes;
    *length = (size_t)count;
    return read_sizes(given->sizes, value, count, name);
}

static int read_value(char *structure, const py_field *field, PyObject *value, py_given *given)
{
    void *at = structure + field->offset;

    switch (field->kind) {
    case PY_REAL:
        return py_real(at, value, field->name);
    case PY_SIZE:
        return py_size(at, value, field->name);
    case PY_SEED:
        return py_whole(at, value, field->name, UINT64_MAX);
    case PY_LONG:
        return read_long(at, value, field->name);
    case PY_FLAG:
        *(int *)at = PyObject_IsTrue(value);
        break;
    case PY_NAME:
        return read_name(at, field->more, field->name, value);
    case PY_TEXT:
        *(const char **)at = text_of(value, field->name);
        break;
    case PY_PATH:
        return read_path(at, value, given);
    case PY_TENSOR:
        return read_tensor(at, value, given);
    case PY_NESTED:
        return py_fields_read(at, field->more, value, given);
    case PY_PAIR:
        if (PySequence_Size(value) != 2) {
            PyErr_Format(PyExc_ValueError, "%s: expected two numbers, found %R", field->name,
                         value);
            return -1;
        }
        return read_sizes(at, value, 2, field->name);
    case PY_SIZES:
        return read_list(at, (size_t *)(void *)(structure + field->length), value, field->name,
                         given);
    case PY_BASIS:
        *(const pb_basis **)at = py_thing_of(value, &py_basis_kind);
        break;
    case PY_DOUBLES:
        PyErr_Format(PyExc_TypeError, "%s cannot be given", field->name);
        break;
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int is_known(const py_field *fields, PyObject *name)
{
    for (; fields->name; fields++)
        if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, fields->name) == 0)
            return 1;
    return 0;
}

int py_fields_read(void *structure, const py_field *fields, PyObject *dictionary, py_given *given)
{
    PyObject *name, *value;
    Py_ssize_t at = 0;

    if (dictionary == Py_None)
        return 0;
    while (PyDict_Next(dictionary, &at, &name, &value))
        if (!is_known(fields, name)) {
            PyErr_Format(PyExc_TypeError, "there is no option %R", name);
            return -1;
        }
    for (const py_field *f = fields; f->name; f++) {
        value = PyDict_GetItemString(dictionary, f->name);
        if (value && value != Py_None && read_value(structure, f, value, given) < 0)
            return -1;
    }
    return 0;
}

/* -- out --------------------------------------------------------------------------------------- */

/* Text is UTF-8 whatever the locale is, as it was when it came in. */
static PyObject *text_value(const char *text, int path)
{
    if (!text)
        Py_RETURN_NONE;
    return path ? PyUnicode_DecodeFSDefault(text)
                : PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
}

static PyObject *name_value(const char *const *names, int value)
{
    return PyUnicode_FromString(names[value]);
}

static PyObject *size_value(size_t size)
{
    if (size == SIZE_MAX)
        Py_RETURN_NONE;
    return PyLong_FromSize_t(size);
}

static PyObject *doubles_value(const double *numbers, size_t count, PyObject *owner)
{
    if (!numbers)
        Py_RETURN_NONE;
    return py_array(numbers, PY_DOUBLE, 1, &count, owner);
}

static PyObject *sizes_value(const size_t *sizes, size_t count)
{
    PyObject *list = PyTuple_New((Py_ssize_t)count);

    for (size_t i = 0; list && i < count; i++)
        if (PyTuple_SetItem(list, (Py_ssize_t)i, PyLong_FromSize_t(sizes[i])) < 0)
            Py_CLEAR(list);
    return list;
}

PyObject *py_field_value(const void *structure, const py_field *field, PyObject *owner)
{
    const char *base = structure;
    const void *at = base + field->offset;
    const pb_tensor *tensor = at;

    switch (field->kind) {
    case PY_REAL:
        return PyFloat_FromDouble(*(const double *)at);
    case PY_SIZE:
        return size_value(*(const size_t *)at);
    case PY_SEED:
        return PyLong_FromUnsignedLongLong(*(const uint64_t *)at);
    case PY_LONG:
        return PyLong_FromLong(*(const long *)at);
    case PY_FLAG:
        return PyBool_FromLong(*(const int *)at);
    case PY_NAME:
        return name_value(field->more, *(const int *)at);
    case PY_TEXT:
    case PY_PATH:
        return text_value(*(const char *const *)at, field->kind == PY_PATH);
    case PY_TENSOR:
        if (!tensor->data)
            Py_RETURN_NONE;
        return py_array(tensor->data, PY_FLOAT, tensor->rank, tensor->shape, owner);
    case PY_DOUBLES:
        return doubles_value(*(double *const *)at,
                             *(const size_t *)(const void *)(base + field->length), owner);
    case PY_NESTED:
        return py_fields_dictionary(at, field->more);
    case PY_PAIR:
        return sizes_value(at, 2);
    case PY_SIZES:
        return sizes_value(*(const size_t *const *)at,
                           *(const size_t *)(const void *)(base + field->length));
    case PY_BASIS:
        break;
    }
    Py_RETURN_NONE;
}

PyObject *py_fields_dictionary(const void *structure, const py_field *fields)
{
    PyObject *dictionary = PyDict_New();

    for (; dictionary && fields->name; fields++) {
        PyObject *value = py_field_value(structure, fields, NULL);
        if (!value || PyDict_SetItemString(dictionary, fields->name, value) < 0)
            Py_CLEAR(dictionary);
        Py_XDECREF(value);
    }
    return dictionary;
}
