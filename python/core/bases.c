/* Basis files, and what is made of several bases: comparisons, means, transports. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* basis_read(path, named): named: does the basis know its file? */
static PyObject *basis_read(PyObject *module, PyObject *arguments)
{
    pb_basis basis = PB_BASIS_EMPTY;
    PyObject *name;
    pb_status status;
    int named;
    py_run r;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&p", PyUnicode_FSConverter, &name, &named) ||
        py_run_read(&r, NULL) < 0)
        return NULL;
    PY_RUN(status, &r, pb_basis_read(&basis, PyBytes_AsString(name), &r.error));
    Py_DECREF(name);
    if (status == PB_OK && !named) {
        pb_text_free(basis.file);
        basis.file = NULL;
    }
    return status == PB_OK ? py_thing(&py_basis_kind, &basis) : py_run_fail(&r, status);
}

static PyObject *basis_write(PyObject *module, PyObject *arguments)
{
    const pb_basis *basis;
    PyObject *object, *name;
    pb_status status;
    py_run r;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO&", &object, PyUnicode_FSConverter, &name))
        return NULL;
    basis = py_thing_of(object, &py_basis_kind);
    if (!basis || py_run_read(&r, NULL) < 0) {
        Py_DECREF(name);
        return NULL;
    }
    PY_RUN(status, &r, pb_basis_write(basis, PyBytes_AsString(name), &r.error));
    Py_DECREF(name);
    if (status != PB_OK)
        return py_run_fail(&r, status);
    Py_RETURN_NONE;
}

/* A sequence of bases as an array of pointers, to be freed; NULL with an exception. */
static const pb_basis **bases_of(PyObject *sequence, size_t *count)
{
    Py_ssize_t n = PySequence_Size(sequence);
    const pb_basis **bases = n < 0 ? NULL : calloc((size_t)n + 1, sizeof *bases);

    if (n >= 0 && !bases)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; bases && i < n; i++) {
        PyObject *item = PySequence_GetItem(sequence, i);
        bases[i] = item ? py_thing_of(item, &py_basis_kind) : NULL;
        Py_XDECREF(item); /* the sequence has it still */
        if (!bases[i]) {
            free(bases);
            return NULL;
        }
    }
    *count = (size_t)(n < 0 ? 0 : n);
    return bases;
}

static PyObject *compared(const pb_compared *c, size_t count)
{
    static const char *const why[] = {NULL, "other taps", "no directions"};
    const size_t pairs[3] = {count, count, c->k}, four[3] = {count, count, 4};

    if (c->why != PB_COMPARED)
        return PyUnicode_FromString(why[c->why]);
    return Py_BuildValue("{s:n, s:n, s:N, s:N, s:N, s:N}", "n", (Py_ssize_t)c->n, "k",
                         (Py_ssize_t)c->k, "distances",
                         py_array(c->distances, PY_DOUBLE, 3, four, NULL), "angles",
                         py_array(c->angles, PY_DOUBLE, 3, pairs, NULL), "largest",
                         py_fields_dictionary(&c->largest, py_distances_fields), "random",
                         py_fields_dictionary(&c->random, py_distances_fields));
}

/* compare(bases, options, run): (H, X), each a dictionary, or why it was not compared */
static PyObject *compare(PyObject *module, PyObject *arguments)
{
    PyObject *sequence, *dictionary, *run, *found = NULL;
    pb_comparison_options options = PB_COMPARISON_DEFAULTS;
    pb_comparison comparison;
    const pb_basis **bases;
    py_given given = {0};
    pb_status status;
    size_t count;
    py_run r;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOO", &sequence, &dictionary, &run) ||
        py_run_read(&r, run) < 0 ||
        py_fields_read(&options, py_comparison_options_fields, dictionary, &given) < 0 ||
        !(bases = bases_of(sequence, &count)))
        return NULL;
    pb_comparison_init(&comparison);
    PY_RUN(status, &r, pb_bases_compare(&comparison, count, bases, &options, &r.run, &r.error));
    if (py_run_sound(&r, status))
        found =
            Py_BuildValue("(NN)", compared(&comparison.h, count), compared(&comparison.x, count));
    pb_comparison_clear(&comparison);
    free(bases);
    return found;
}

/* mean(bases, matched, in_x, run): (basis, report) */
static PyObject *mean(PyObject *module, PyObject *arguments)
{
    PyObject *sequence, *run, *found = NULL;
    pb_mean_report report = {0};
    pb_basis basis = PB_BASIS_EMPTY;
    const pb_basis **bases;
    int matched, in_x;
    pb_status status;
    size_t count;
    py_run r;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OppO", &sequence, &matched, &in_x, &run) ||
        py_run_read(&r, run) < 0 || !(bases = bases_of(sequence, &count)))
        return NULL;
    PY_RUN(status, &r,
           pb_basis_mean(&basis, &report, count, bases, matched ? PB_MEAN_MATCHED : PB_MEAN_KARCHER,
                         in_x, &r.run, &r.error));
    if (py_run_sound(&r, status))
        found = py_thing_and(&py_basis_kind, &basis,
                             py_fields_dictionary(&report, py_mean_report_fields));
    pb_basis_clear(&basis);
    free(bases);
    return found;
}

/* transport(from, onto, inverse): (v, share) */
static PyObject *transport(PyObject *module, PyObject *arguments)
{
    PyObject *a, *b, *found = NULL;
    const pb_basis *from, *onto;
    pb_tensor v = PB_TENSOR_EMPTY;
    pb_status status;
    double *share;
    size_t count;
    int inverse;
    py_run r;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOp", &a, &b, &inverse) ||
        !(from = py_thing_of(a, &py_basis_kind)) || !(onto = py_thing_of(b, &py_basis_kind)) ||
        py_run_read(&r, NULL) < 0)
        return NULL;
    count = from->u.data ? from->u.shape[0] : 0;
    share = calloc(count + 1, sizeof *share);
    if (!share)
        return PyErr_NoMemory();
    PY_RUN(status, &r,
           pb_transport(from, onto, inverse ? PB_TRANSPORT_INVERSE : PB_TRANSPORT_PROJECTION, NULL,
                        &v, share, &r.error));
    found = status == PB_OK ? Py_BuildValue("(NN)", py_tensor_taken(&v),
                                            py_array(share, PY_DOUBLE, 1, &count, NULL))
                            : py_run_fail(&r, status);
    pb_tensor_clear(&v);
    free(share);
    return found;
}

/* angles(a, b): the principal angles of two spans, each (k, n) */
static PyObject *angles(PyObject *module, PyObject *arguments)
{
    PyObject *a, *b, *found = NULL;
    pb_space spaces[2];
    py_numbers in[2];
    double *theta = NULL;
    pb_error error;
    pb_status status = PB_OK;
    size_t k;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO", &a, &b) || py_numbers_of(&in[0], a, PY_FLOAT) < 0 ||
        py_numbers_of(&in[1], b, PY_FLOAT) < 0)
        return NULL;
    if (in[0].rank != 2 || in[1].rank != 2) {
        PyErr_SetString(PyExc_ValueError, "expected vectors (k, n)");
        return NULL;
    }
    pb_space_init(&spaces[0]);
    pb_space_init(&spaces[1]);
    k = in[0].shape[0] < in[1].shape[0] ? in[0].shape[0] : in[1].shape[0];
    for (int i = 0; status == PB_OK && i < 2; i++)
        status = pb_space_new(&spaces[i], in[i].shape[1], in[i].shape[0], in[i].data, &error);
    if (status == PB_OK && !(theta = calloc(k + 1, sizeof *theta)))
        PyErr_NoMemory();
    if (theta)
        status = pb_space_angles(&spaces[0], &spaces[1], theta, &error);
    if (status != PB_OK)
        py_fail(status, &error);
    else if (theta)
        found = py_array(theta, PY_DOUBLE, 1, &k, NULL);
    free(theta);
    pb_space_clear(&spaces[0]);
    pb_space_clear(&spaces[1]);
    return found;
}

int py_add_bases(PyObject *module)
{
    static PyMethodDef functions[] = {{"basis_read", basis_read, METH_VARARGS, NULL},
                                      {"basis_write", basis_write, METH_VARARGS, NULL},
                                      {"compare", compare, METH_VARARGS, NULL},
                                      {"mean", mean, METH_VARARGS, NULL},
                                      {"transport", transport, METH_VARARGS, NULL},
                                      {"angles", angles, METH_VARARGS, NULL},
                                      {0}};

    return PyModule_AddFunctions(module, functions);
}
