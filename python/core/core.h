/* The module pullback._core: the library's functions on Python's objects. It is thin: names,
 * defaults and documentation are those of the modules written in Python, which alone call it.
 *
 * Written for CPython's limited API of 3.10, so that one binary serves every later Python. Arrays
 * go in and out by numpy's __array_interface__, since the limited API has no buffers before 3.11.
 */
#ifndef PULLBACK_CORE_H
#define PULLBACK_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#include <pullback/pullback.h>

/* -- arrays (arrays.c) ------------------------------------------------------------------------- */

typedef enum py_entry { PY_FLOAT, PY_DOUBLE, PY_BYTE } py_entry;

/* An object with __array_interface__ over numbers that `owner` keeps where they are, and that
 * nobody may write to; or, where owner is NULL, over a copy of its own. A new reference, or NULL.
 */
PyObject *py_array(const void *data, py_entry entry, size_t rank, const size_t *shape,
                   PyObject *owner);

/* Over a tensor's numbers, which it takes over: *tensor is empty then, also on failure. Of an empty
 * one None. */
PyObject *py_tensor_taken(pb_tensor *tensor);

/* An empty *tensor gets a copy of a C-contiguous float32 array of at most PB_MAX_RANK dimensions.
 * 0, or -1 with an exception. */
int py_tensor(pb_tensor *tensor, PyObject *array);

/* Where the numbers of such an array lie, of any type; shape has room for PB_MAX_RANK. */
typedef struct py_numbers {
    void *data;
    size_t rank, shape[PB_MAX_RANK], count;
} py_numbers;
int py_numbers_of(py_numbers *numbers, PyObject *array, py_entry entry);

/* -- numbers (numbers.c) -------------------------------------------------------------------------
 */

/* A whole number from 0 to `most`, of whatever type is one (int, numpy's); `name` is what an error
 * calls it. 0, or -1 with an exception. */
int py_whole(uint64_t *to, PyObject *value, const char *name, uint64_t most);
int py_size(size_t *to, PyObject *value, const char *name);

/* A number that is no NaN, likewise. */
int py_real(double *to, PyObject *value, const char *name);

/* -- structures and dictionaries (fields.c) ---------------------------------------------------- */

typedef enum py_kind {
    PY_REAL,    /* double */
    PY_SIZE,    /* size_t; out: SIZE_MAX is None */
    PY_SEED,    /* uint64_t */
    PY_LONG,    /* long */
    PY_FLAG,    /* int */
    PY_NAME,    /* an enumeration: the values' names are in `more` */
    PY_TEXT,    /* const char *, in: UTF-8 */
    PY_PATH,    /* const char *, in: as file names are */
    PY_TENSOR,  /* const pb_tensor *, in; pb_tensor, out */
    PY_DOUBLES, /* double *, out: as many as the size_t at `length` says */
    PY_NESTED,  /* a structure: its fields are in `more` */
    PY_PAIR,    /* size_t[2] */
    PY_SIZES,   /* const size_t *, their number at `length` */
    PY_BASIS,   /* const pb_basis *, in */
} py_kind;

typedef struct py_field {
    const char *name; /* NULL ends a table */
    py_kind kind;
    size_t offset;
    const void *more;
    size_t length; /* offset of a count */
} py_field;

/* What the fields of a structure point to, while it is used. */
typedef struct py_given {
    pb_tensor tensors[8];
    size_t tensor_count;
    size_t *sizes;
    PyObject *paths[8];
    size_t path_count;
} py_given;
void py_given_clear(py_given *given);

/* Sets the fields that a dictionary names; None is not given. 0, or -1 with an exception, also for
 * a name that there is not. The dictionary must outlive what was set. */
int py_fields_read(void *structure, const py_field *fields, PyObject *dictionary, py_given *given);

/* A field as an object; its numbers belong to `owner`. */
PyObject *py_field_value(const void *structure, const py_field *field, PyObject *owner);

/* All of them as a dictionary. */
PyObject *py_fields_dictionary(const void *structure, const py_field *fields);

/* -- runs (run.c) ------------------------------------------------------------------------------ */

/* How a call is done: its memory and threads, who hears of it, and the state of the interpreter,
 * which others use while it runs. */
typedef struct py_run {
    pb_run run;
    pb_error error;
    PyObject *progress, *warn; /* borrowed, or NULL */
    PyThreadState *state;
    struct py_run
        *within; /* that this is a part of just now, or NULL: it answers, and has the lock */
    PyObject *type, *value, *traceback; /* an exception that stopped it */
    double asked;
} py_run;

/* From a dictionary or None: memory, threads, progress (a function of task, done, total and an
 * object of what an SVD has, which may return True to stop), warn (a function of a text). It must
 * stay where it is. 0, or -1 with an exception. */
int py_run_read(py_run *run, PyObject *dictionary);

/* Everything between the two is done without the interpreter's lock. */
void py_run_begin(py_run *run);
void py_run_end(py_run *run);

/* Did a run end well? Else 0 with the exception that it stands for. */
int py_run_sound(py_run *run, pb_status status);

/* NULL with the exception that a status other than PB_OK stands for. */
PyObject *py_run_fail(py_run *run, pb_status status);
PyObject *py_fail(pb_status status, const pb_error *error);

/* status = expression, without the lock. */
#define PY_RUN(status, r, expression)                                                              \
    do {                                                                                           \
        py_run_begin(r);                                                                           \
        (status) = (expression);                                                                   \
        py_run_end(r);                                                                             \
    } while (0)

/* The interpreter's lock, from within a run (a callback of ours): taken, and given back. */
void py_run_lock(py_run *run);
void py_run_unlock(py_run *run);

/* Keeps an exception that is set, to be raised when the run has ended. */
void py_run_keep(py_run *run);

/* -- things (things.c) ------------------------------------------------------------------------- */

/* A structure of the library as an object whose attributes are its fields. */
typedef struct py_thing_kind {
    const char *name;
    size_t size;
    const py_field *fields;
    void (*clear)(void *structure);
} py_thing_kind;

extern const py_thing_kind py_point_kind, py_basis_kind, py_directions_kind, py_edit_kind;

/* Takes over what the structure holds, and leaves it empty. */
PyObject *py_thing(const py_thing_kind *kind, void *structure);

/* (that, facts): takes over the facts, too. NULL with an exception, also where facts is NULL. */
PyObject *py_thing_and(const py_thing_kind *kind, void *structure, PyObject *facts);

/* The structure in such an object, or NULL with an exception. */
void *py_thing_of(PyObject *object, const py_thing_kind *kind);

/* -- fields that several files name (tables.c) ------------------------------------------------- */

extern const py_field py_prompts_fields[], py_info_fields[], py_model_options_fields[],
    py_point_options_fields[], py_basis_options_fields[], py_direction_options_fields[],
    py_edit_options_fields[], py_svd_options_fields[], py_svd_fields[], py_boost_fields[],
    py_comparison_options_fields[], py_distances_fields[], py_memory_fields[],
    py_mean_report_fields[];

/* What is known of an SVD's computation, as a dictionary; verified (or NULL): its rank residuals.
 */
PyObject *py_svd_facts(const pb_svd *svd, const double *verified);

/* -- the parts of the module, added to it: 0, or -1 with an exception -------------------------- */

int py_add_arrays(PyObject *module);
int py_add_things(PyObject *module);
int py_add_model(PyObject *module);
int py_add_session(PyObject *module);
int py_add_linear(PyObject *module);
int py_add_bases(PyObject *module);
int py_add_rgb(PyObject *module);

/* A type of the module, added to it; NULL with an exception (type.c). */
PyTypeObject *py_add_type(PyObject *module, PyType_Spec *spec);

/* What model.c and session.c share. */
pb_model *py_model_of(PyObject *object);

#endif
