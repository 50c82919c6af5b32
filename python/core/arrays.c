/* Arrays in and out: numpy's __array_interface__, which is a dictionary of an address, a shape and
 * a type, version 3. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

typedef struct array {
    PyObject_HEAD void *data;
    py_entry entry;
    size_t rank, shape[PB_MAX_RANK];
    PyObject *owner;  /* of the data; NULL: it is this one's, */
    pb_tensor tensor; /* a tensor's, or where that is empty to be freed */
} array;

static PyTypeObject *array_type;

static const char *type_of(py_entry entry)
{
    return entry == PY_FLOAT ? "<f4" : entry == PY_DOUBLE ? "<f8" : "|u1";
}

static size_t bytes_of(py_entry entry)
{
    return entry == PY_FLOAT ? sizeof(float) : entry == PY_DOUBLE ? sizeof(double) : 1;
}

static array *new_array(py_entry entry, size_t rank, const size_t *shape)
{
    array *a = PyObject_New(array, array_type);

    if (!a)
        return NULL;
    a->data = NULL;
    a->owner = NULL;
    a->entry = entry;
    a->rank = rank;
    a->tensor = (pb_tensor)PB_TENSOR_EMPTY;
    memcpy(a->shape, shape, rank * sizeof *shape);
    return a;
}

PyObject *py_array(const void *data, py_entry entry, size_t rank, const size_t *shape,
                   PyObject *owner)
{
    array *a = new_array(entry, rank, shape);
    size_t count = 1;

    if (!a)
        return NULL;
    for (size_t i = 0; i < rank; i++)
        count *= shape[i];
    if (owner) {
        Py_INCREF(owner);
        a->owner = owner;
        a->data = (void *)(uintptr_t)data;
        return (PyObject *)a;
    }
    a->data = malloc(count ? count * bytes_of(entry) : 1);
    if (!a->data) {
        Py_DECREF(a);
        return PyErr_NoMemory();
    }
    memcpy(a->data, data, count * bytes_of(entry));
    return (PyObject *)a;
}

PyObject *py_tensor_taken(pb_tensor *tensor)
{
    array *a;

    if (!tensor->data)
        Py_RETURN_NONE;
    a = new_array(PY_FLOAT, tensor->rank, tensor->shape);
    if (a) {
        a->tensor = *tensor;
        a->data = tensor->data;
        *tensor = (pb_tensor)PB_TENSOR_EMPTY;
    }
    pb_tensor_clear(tensor);
    return (PyObject *)a;
}

static void array_free(PyObject *self)
{
    array *a = (array *)self;
    PyTypeObject *type = Py_TYPE(self);

    if (!a->owner && !a->tensor.data)
        free(a->data);
    Py_XDECREF(a->owner);
    pb_tensor_clear(&a->tensor);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *shape_of(const array *a)
{
    PyObject *shape = PyTuple_New((Py_ssize_t)a->rank);

    for (size_t i = 0; shape && i < a->rank; i++) {
        PyObject *n = PyLong_FromSize_t(a->shape[i]);
        if (!n || PyTuple_SetItem(shape, (Py_ssize_t)i, n) < 0)
            Py_CLEAR(shape);
    }
    return shape;
}

static PyObject *array_interface(PyObject *self, void *closure)
{
    const array *a = (const array *)self;
    PyObject *shape = shape_of(a);

    (void)closure;
    return shape ? Py_BuildValue("{s:N, s:s, s:(KO), s:i}", "shape", shape, "typestr",
                                 type_of(a->entry), "data", (unsigned long long)(uintptr_t)a->data,
                                 a->owner ? Py_True : Py_False, "version", 3)
                 : NULL;
}

/* -- in ---------------------------------------------------------------------------------------- */

static int read_shape(py_numbers *n, PyObject *shape)
{
    Py_ssize_t rank = shape && PyTuple_Check(shape) ? PyTuple_Size(shape) : -1;

    if (rank < 0 || rank > PB_MAX_RANK) {
        PyErr_Format(PyExc_ValueError, "expected an array of at most %d dimensions, found %zd",
                     PB_MAX_RANK, rank);
        return -1;
    }
    n->rank = (size_t)rank;
    n->count = 1;
    for (size_t i = 0; i < n->rank; i++) {
        n->shape[i] = PyLong_AsSize_t(PyTuple_GetItem(shape, (Py_ssize_t)i));
        if (PyErr_Occurred())
            return -1;
        n->count *= n->shape[i];
    }
    return 0;
}

static int read_interface(py_numbers *n, PyObject *interface, py_entry entry)
{
    PyObject *type = PyDict_GetItemString(interface, "typestr");
    PyObject *strides = PyDict_GetItemString(interface, "strides");
    PyObject *data = PyDict_GetItemString(interface, "data");

    if (!type || !PyUnicode_Check(type) ||
        PyUnicode_CompareWithASCIIString(type, type_of(entry)) != 0) {
        PyErr_Format(PyExc_TypeError, "expected an array of %s, found %R", type_of(entry),
                     type ? type : Py_None);
        return -1;
    }
    if ((strides && strides != Py_None) || !data || !PyTuple_Check(data)) {
        PyErr_SetString(PyExc_ValueError, "expected a C-contiguous array");
        return -1;
    }
    if (read_shape(n, PyDict_GetItemString(interface, "shape")) < 0)
        return -1;
    n->data = PyLong_AsVoidPtr(PyTuple_GetItem(data, 0));
    return PyErr_Occurred() ? -1 : 0;
}

int py_numbers_of(py_numbers *numbers, PyObject *object, py_entry entry)
{
    PyObject *interface = PyObject_GetAttrString(object, "__array_interface__");
    int status = -1;

    if (interface && PyDict_Check(interface))
        status = read_interface(numbers, interface, entry);
    else if (interface)
        PyErr_SetString(PyExc_TypeError, "expected an array");
    Py_XDECREF(interface);
    return status;
}

int py_tensor(pb_tensor *tensor, PyObject *object)
{
    py_numbers n;
    pb_error error;

    if (py_numbers_of(&n, object, PY_FLOAT) < 0)
        return -1;
    if (pb_tensor_new(tensor, n.rank, n.shape, &error) != PB_OK) {
        py_fail(error.status, &error);
        return -1;
    }
    memcpy(tensor->data, n.data, n.count * sizeof(float));
    return 0;
}

int py_add_arrays(PyObject *module)
{
    static PyGetSetDef attributes[] = {{"__array_interface__", array_interface, NULL, NULL, NULL},
                                       {0}};
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, array_free}, {Py_tp_getset, attributes}, {0, NULL}};
    static PyType_Spec spec = {.name = "pullback._core.Array",
                               .basicsize = sizeof(array),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                               .slots = slots};

    array_type = py_add_type(module, &spec);
    return array_type ? 0 : -1;
}
