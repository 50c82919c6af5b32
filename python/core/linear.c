/* Linear operators: a network's Jacobian, pullback._core.Linearisation; and the library's solvers
 * on anybody's operator, whose products are functions in Python. */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "session.h"

/* -- a network's Jacobian ---------------------------------------------------------------------- */

typedef struct linearisation {
    PyObject_HEAD PyObject *session; /* its model stays open as long as this */
    pb_linearisation *l;
    py_run *run; /* which the library keeps: its monitor hears of every product */
    int busy;
} linearisation;

static PyTypeObject *linearisation_type;

static void linearisation_free(PyObject *self)
{
    linearisation *l = (linearisation *)self;
    PyTypeObject *type = Py_TYPE(self);

    pb_linearisation_free(l->l);
    free(l->run);
    Py_XDECREF(l->session);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* linearise(session, point, from, to, run) */
static PyObject *linearise(PyObject *module, PyObject *arguments)
{
    PyObject *session, *at, *dictionary;
    const char *from, *to;
    const pb_point *point;
    linearisation *l;
    pb_status status;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOssO", &session, &at, &from, &to, &dictionary) ||
        !(point = py_thing_of(at, &py_point_kind)) || py_session_check(session) < 0)
        return NULL;
    l = PyObject_New(linearisation, linearisation_type);
    if (!l)
        return NULL;
    Py_INCREF(session);
    l->session = session;
    l->l = NULL;
    l->busy = 0;
    l->run = malloc(sizeof *l->run);
    if (!l->run) {
        Py_DECREF(l);
        return PyErr_NoMemory();
    }
    if (py_run_read(l->run, dictionary) < 0) {
        Py_DECREF(l);
        return NULL;
    }
    status = py_session_linearise(&l->l, session, point, from, to, l->run);
    l->run->progress = NULL; /* they were the caller's */
    l->run->warn = NULL;
    if (py_run_sound(l->run, status))
        return (PyObject *)l;
    Py_DECREF(l);
    return NULL;
}

/* apply(x, transposed): x (k, cols), of which J makes (k, rows); or the other way round. */
static PyObject *linearisation_apply(PyObject *self, PyObject *arguments)
{
    linearisation *l = (linearisation *)self;
    const pb_operator *op = pb_linearisation_operator(l->l);
    pb_tensor y = PB_TENSOR_EMPTY;
    PyObject *array, *found = NULL;
    size_t in, shape[2];
    pb_status status;
    int transposed;
    py_numbers x;

    if (!PyArg_ParseTuple(arguments, "Op", &array, &transposed) ||
        py_numbers_of(&x, array, PY_FLOAT) < 0)
        return NULL;
    in = transposed ? op->rows : op->cols;
    if (x.rank != 2 || x.shape[1] != in)
        return PyErr_Format(PyExc_ValueError, "expected vectors (k, %zd)", (Py_ssize_t)in);
    if (l->busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this linearisation is at work: it serves one call at a time");
        return NULL;
    }
    shape[0] = x.shape[0];
    shape[1] = transposed ? op->cols : op->rows;
    status = pb_tensor_new(&y, 2, shape, &l->run->error);
    if (status != PB_OK)
        return py_fail(status, &l->run->error);
    l->busy = 1;
    if (shape[0])
        PY_RUN(status, l->run,
               (transposed ? op->apply_transpose : op->apply)(op->context, shape[0], x.data, in,
                                                              y.data, shape[1], &l->run->error));
    l->busy = 0;
    if (py_run_sound(l->run, status))
        found = py_tensor_taken(&y);
    pb_tensor_clear(&y);
    return found;
}

/* (rows, cols, block, shape of `from`, shape of `to`, memory) */
static PyObject *linearisation_facts(PyObject *self, PyObject *nothing)
{
    const pb_linearisation *l = ((linearisation *)self)->l;
    const pb_operator *op = pb_linearisation_operator(l);
    size_t from[3], to[3];
    pb_map_memory memory;
    PyObject *bytes;

    (void)nothing;
    pb_linearisation_shapes(l, from, to);
    pb_linearisation_memory(l, &memory);
    bytes = py_fields_dictionary(&memory, py_memory_fields);
    return bytes ? Py_BuildValue("(nnn(nnn)(nnn)N)", (Py_ssize_t)op->rows, (Py_ssize_t)op->cols,
                                 (Py_ssize_t)op->block_preferred, (Py_ssize_t)from[0],
                                 (Py_ssize_t)from[1], (Py_ssize_t)from[2], (Py_ssize_t)to[0],
                                 (Py_ssize_t)to[1], (Py_ssize_t)to[2], bytes)
                 : NULL;
}

/* -- anybody's operator ------------------------------------------------------------------------ */

/* Functions of an array (k, cols) that give one (k, rows), and the other way round. */
typedef struct foreign {
    PyObject *apply[2];
    size_t length[2]; /* of what goes in */
    py_run *run;
} foreign;

/* Vectors side by side as one array; a copy, which whoever is called may keep. */
static PyObject *gather(size_t k, size_t n, const float *x, size_t ld)
{
    pb_tensor block = PB_TENSOR_EMPTY;
    const size_t shape[2] = {k, n};
    pb_error error;

    if (pb_tensor_new(&block, 2, shape, &error) != PB_OK)
        return py_fail(error.status, &error);
    for (size_t j = 0; j < k; j++)
        memcpy(block.data + j * n, x + j * ld, n * sizeof *x);
    return py_tensor_taken(&block);
}

static int scatter(PyObject *array, size_t k, size_t n, float *y, size_t ld)
{
    py_numbers numbers;

    if (py_numbers_of(&numbers, array, PY_FLOAT) < 0)
        return -1;
    if (numbers.rank != 2 || numbers.shape[0] != k || numbers.shape[1] != n) {
        PyErr_Format(PyExc_ValueError,
                     "the operator gave an array of another shape than (%zd, %zd)", (Py_ssize_t)k,
                     (Py_ssize_t)n);
        return -1;
    }
    for (size_t j = 0; j < k; j++)
        memcpy(y + j * ld, (const float *)numbers.data + j * n, n * sizeof *y);
    return 0;
}

static pb_status call_out(const foreign *f, int transposed, size_t k, const float *x, size_t ldx,
                          float *y, size_t ldy, pb_error *error)
{
    PyObject *in, *out = NULL;
    int sound = 0;

    if (f->run->type)
        return PB_CANCELLED;
    py_run_lock(f->run);
    in = gather(k, f->length[transposed], x, ldx);
    if (in)
        out = PyObject_CallFunctionObjArgs(f->apply[transposed], in, NULL);
    if (out)
        sound = scatter(out, k, f->length[!transposed], y, ldy) == 0;
    if (!sound)
        py_run_keep(f->run);
    Py_XDECREF(in);
    Py_XDECREF(out);
    py_run_unlock(f->run);
    if (sound)
        return PB_OK;
    PyOS_snprintf(error->message, sizeof error->message, "the operator failed");
    return PB_INTERNAL;
}

static pb_status apply(void *context, size_t k, const float *x, size_t ldx, float *y, size_t ldy,
                       pb_error *error)
{
    return call_out(context, 0, k, x, ldx, y, ldy, error);
}

static pb_status apply_transpose(void *context, size_t k, const float *x, size_t ldx, float *y,
                                 size_t ldy, pb_error *error)
{
    return call_out(context, 1, k, x, ldx, y, ldy, error);
}

/* What a solver works on: ours where it is a network's, else by functions. */
typedef struct target {
    pb_operator op;
    foreign foreign;
    linearisation *own;
} target;

/* operator: a Linearisation, or (rows, cols, apply, apply_transpose, block). */
static int target_read(target *t, PyObject *object, py_run *run)
{
    Py_ssize_t rows, cols, block;

    memset(t, 0, sizeof *t);
    if (Py_TYPE(object) == linearisation_type) {
        t->own = (linearisation *)object;
        if (t->own->busy) {
            PyErr_SetString(PyExc_RuntimeError, "this linearisation is at work");
            return -1;
        }
        t->own->busy = 1;
        t->own->run->within = run;
        t->op = *pb_linearisation_operator(t->own->l);
        return 0;
    }
    if (!PyArg_ParseTuple(object, "nnOOn", &rows, &cols, &t->foreign.apply[0], &t->foreign.apply[1],
                          &block))
        return -1;
    t->foreign.length[0] = (size_t)cols;
    t->foreign.length[1] = (size_t)rows;
    t->foreign.run = run;
    t->op = (pb_operator){.rows = (size_t)rows,
                          .cols = (size_t)cols,
                          .block_preferred = (size_t)block,
                          .context = &t->foreign,
                          .apply = apply,
                          .apply_transpose = apply_transpose};
    return 0;
}

static void target_end(target *t)
{
    if (!t->own)
        return;
    t->own->run->within = NULL;
    t->own->busy = 0;
}

PyObject *py_svd_facts(const pb_svd *svd, const double *verified)
{
    PyObject *facts = py_fields_dictionary(svd, py_svd_fields), *measured;

    measured = verified ? py_array(verified, PY_DOUBLE, 1, &svd->rank, NULL)
                        : (Py_INCREF(Py_None), Py_None);
    if (facts && (!measured || PyDict_SetItemString(facts, "verified", measured) < 0))
        Py_CLEAR(facts);
    Py_XDECREF(measured);
    return facts;
}

/* (u, s, v, residual, angle_bound, facts) */
static PyObject *svd_found(const pb_svd *svd, const double *verified)
{
    const size_t k = svd->rank, u[2] = {k, svd->rows}, v[2] = {k, svd->cols};

    return Py_BuildValue(
        "(NNNNNN)", py_array(svd->u, PY_FLOAT, 2, u, NULL),
        py_array(svd->sigma, PY_DOUBLE, 1, &k, NULL), py_array(svd->v, PY_FLOAT, 2, v, NULL),
        py_array(svd->residual, PY_DOUBLE, 1, &k, NULL),
        py_array(svd->angle_bound, PY_DOUBLE, 1, &k, NULL), py_svd_facts(svd, verified));
}

/* svd(operator, options, start or None, verify, run) */
static PyObject *svd(PyObject *module, PyObject *arguments)
{
    PyObject *object, *dictionary, *start, *run, *found = NULL;
    pb_svd_options options = PB_SVD_DEFAULTS;
    double *verified = NULL;
    py_given given = {0};
    py_numbers from = {0};
    pb_svd *result = NULL;
    pb_status status = PB_OK;
    int verify;
    py_run r;
    target t;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOpO", &object, &dictionary, &start, &verify, &run) ||
        py_run_read(&r, run) < 0 ||
        py_fields_read(&options, py_svd_options_fields, dictionary, &given) < 0 ||
        (start != Py_None && py_numbers_of(&from, start, PY_FLOAT) < 0))
        return NULL;
    if (start != Py_None && from.rank != 2) {
        PyErr_Format(PyExc_ValueError,
                     "start: expected vectors (m, cols), found an array of %zd dimensions",
                     (Py_ssize_t)from.rank);
        return NULL;
    }
    if (target_read(&t, object, &r) < 0)
        return NULL;
    if (start != Py_None) {
        options.start = from.data;
        options.start_count = from.shape[0];
        options.start_length = from.shape[1];
    }
    PY_RUN(status, &r, pb_svd_compute(&result, &t.op, &options, &r.run, &r.error));
    if (status == PB_OK && verify) {
        verified = calloc(result->rank + 1, sizeof *verified);
        if (verified)
            PY_RUN(status, &r, pb_svd_verify(result, &t.op, verified, &r.run, &r.error));
    }
    if (status == PB_OK && verify && !verified)
        PyErr_NoMemory();
    else if (py_run_sound(&r, status))
        found = svd_found(result, verified);
    target_end(&t);
    free(verified);
    pb_svd_free(result);
    py_given_clear(&given);
    return found;
}

/* least_squares(operator, b, damping, tolerance, most, run): (x, facts) */
static PyObject *least_squares(PyObject *module, PyObject *arguments)
{
    PyObject *object, *b, *run, *found = NULL;
    double damping, tolerance;
    pb_tensor x = PB_TENSOR_EMPTY;
    pb_solution solution;
    PyObject *number;
    pb_status status;
    size_t most;
    py_numbers in;
    py_run r;
    target t;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOddOO", &object, &b, &damping, &tolerance, &number, &run) ||
        py_size(&most, number, "max_iterations") < 0 || py_run_read(&r, run) < 0 ||
        py_numbers_of(&in, b, PY_FLOAT) < 0 || target_read(&t, object, &r) < 0)
        return NULL;
    status = pb_tensor_new(&x, 1, &t.op.cols, &r.error);
    if (status == PB_OK)
        PY_RUN(status, &r,
               pb_least_squares(&solution, t.op.cols, x.data, &t.op, in.count, in.data, damping,
                                tolerance, most, &r.run, &r.error));
    if (py_run_sound(&r, status))
        found = Py_BuildValue("(N{s:n, s:d, s:d, s:d})", py_tensor_taken(&x), "iterations",
                              (Py_ssize_t)solution.iterations, "residual", solution.residual,
                              "norm", solution.norm, "optimality", solution.optimality);
    pb_tensor_clear(&x);
    target_end(&t);
    return found;
}

int py_add_linear(PyObject *module)
{
    static PyMethodDef methods[] = {{"apply", linearisation_apply, METH_VARARGS, NULL},
                                    {"facts", linearisation_facts, METH_NOARGS, NULL},
                                    {0}};
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, linearisation_free}, {Py_tp_methods, methods}, {0, NULL}};
    static PyType_Spec spec = {.name = "pullback._core.Linearisation",
                               .basicsize = sizeof(linearisation),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                               .slots = slots};
    static PyMethodDef functions[] = {{"linearise", linearise, METH_VARARGS, NULL},
                                      {"svd", svd, METH_VARARGS, NULL},
                                      {"least_squares", least_squares, METH_VARARGS, NULL},
                                      {0}};

    linearisation_type = py_add_type(module, &spec);
    return linearisation_type && PyModule_AddFunctions(module, functions) == 0 ? 0 : -1;
}
