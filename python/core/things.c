/* Structures that the library fills in, as objects: an attribute is a field, whose numbers lie in
 * the structure and are kept by it. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

typedef struct thing {
    PyObject_HEAD const py_thing_kind *kind;
    void *structure;
} thing;

static PyTypeObject *thing_type;

PyObject *py_thing(const py_thing_kind *kind, void *structure)
{
    thing *t = PyObject_New(thing, thing_type);

    if (t) {
        t->kind = kind;
        t->structure = malloc(kind->size);
        if (t->structure) {
            memcpy(t->structure, structure, kind->size);
            memset(structure, 0, kind->size);
            return (PyObject *)t;
        }
        Py_DECREF(t);
        PyErr_NoMemory();
    }
    kind->clear(structure);
    return NULL;
}

PyObject *py_thing_and(const py_thing_kind *kind, void *structure, PyObject *facts)
{
    PyObject *made = facts ? py_thing(kind, structure) : NULL;

    if (made)
        return Py_BuildValue("(NN)", made, facts);
    Py_XDECREF(facts);
    return NULL;
}

void *py_thing_of(PyObject *object, const py_thing_kind *kind)
{
    const int is_thing = Py_TYPE(object) == thing_type;

    if (is_thing && ((thing *)object)->kind == kind)
        return ((thing *)object)->structure;
    if (is_thing)
        PyErr_Format(PyExc_TypeError, "expected a %s, found a %s", kind->name,
                     ((thing *)object)->kind->name);
    else
        PyErr_Format(PyExc_TypeError, "expected a %s, found %R", kind->name, object);
    return NULL;
}

static void thing_free(PyObject *self)
{
    thing *t = (thing *)self;
    PyTypeObject *type = Py_TYPE(self);

    if (t->structure)
        t->kind->clear(t->structure);
    free(t->structure);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *thing_attribute(PyObject *self, PyObject *name)
{
    const thing *t = (const thing *)self;

    for (const py_field *f = t->kind->fields; f->name; f++)
        if (PyUnicode_CompareWithASCIIString(name, f->name) == 0)
            return py_field_value(t->structure, f, self);
    return PyObject_GenericGetAttr(self, name);
}

int py_add_things(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, thing_free}, {Py_tp_getattro, thing_attribute}, {0, NULL}};
    static PyType_Spec spec = {.name = "pullback._core.Thing",
                               .basicsize = sizeof(thing),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                               .slots = slots};

    thing_type = py_add_type(module, &spec);
    return thing_type ? 0 : -1;
}
