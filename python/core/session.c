/* pullback._core.Session: a model at work, for one thread at a time. */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "session.h"

typedef struct session {
    PyObject_HEAD PyObject *model;
    pb_session *session;
    int busy; /* in another call */
} session;

/* One call of a session: its options, and what comes of it. */
typedef struct call {
    session *s;
    py_run run;
    py_given given;
} call;

static int call_begin(call *c, PyObject *self, PyObject *run)
{
    memset(c, 0, sizeof *c);
    c->s = (session *)self;
    if (py_run_read(&c->run, run) < 0)
        return -1;
    if (c->s->busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this session is at work: it serves one call at a time");
        return -1;
    }
    c->s->busy = 1;
    return 0;
}

static void call_end(call *c)
{
    py_given_clear(&c->given);
    c->s->busy = 0;
}

/* -- making it --------------------------------------------------------------------------------- */

static PyTypeObject *session_type;

static void session_free(PyObject *self)
{
    session *s = (session *)self;
    PyTypeObject *type = Py_TYPE(self);

    pb_session_free(s->session);
    Py_XDECREF(s->model);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *new_session(PyObject *module, PyObject *model)
{
    pb_model *m = py_model_of(model);
    session *s = m ? PyObject_New(session, session_type) : NULL;
    pb_error error;
    pb_status status;

    (void)module;
    if (!s)
        return NULL;
    Py_INCREF(model);
    s->model = model;
    s->session = NULL;
    s->busy = 0;
    status = pb_session_new(&s->session, m, &error);
    if (status == PB_OK)
        return (PyObject *)s;
    Py_DECREF(s);
    return py_fail(status, &error);
}

/* -- pictures and images ----------------------------------------------------------------------- */

static PyObject *session_drawing_scale(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return PyFloat_FromDouble(pb_session_drawing_scale(((session *)self)->session));
}

static PyObject *session_size(PyObject *self, PyObject *arguments)
{
    PyObject *pixels[2];
    size_t pixel_height, pixel_width, height, width;
    pb_error error;
    pb_status status;

    if (!PyArg_ParseTuple(arguments, "OO", &pixels[0], &pixels[1]) ||
        py_size(&pixel_height, pixels[0], "height") < 0 ||
        py_size(&pixel_width, pixels[1], "width") < 0)
        return NULL;
    status = pb_session_size(((session *)self)->session, pixel_height, pixel_width, &height, &width,
                             &error);
    return status == PB_OK ? Py_BuildValue("(nn)", (Py_ssize_t)height, (Py_ssize_t)width)
                           : py_fail(status, &error);
}

/* pixels(): (pixels for each position of an image, channels of a picture) */
static PyObject *session_pixels(PyObject *self, PyObject *nothing)
{
    size_t factor, channels;
    pb_error error;
    pb_status status = pb_session_pixels(((session *)self)->session, &factor, &channels, &error);

    (void)nothing;
    return status == PB_OK ? Py_BuildValue("(nn)", (Py_ssize_t)factor, (Py_ssize_t)channels)
                           : py_fail(status, &error);
}

typedef pb_status coder(pb_session *, const pb_tensor *, pb_tensor *, const pb_run *, pb_error *);

static PyObject *code(PyObject *self, PyObject *arguments, coder *how)
{
    PyObject *array, *run;
    pb_tensor in = PB_TENSOR_EMPTY, out = PB_TENSOR_EMPTY;
    PyObject *found = NULL;
    pb_status status;
    call c;

    if (!PyArg_ParseTuple(arguments, "OO", &array, &run) || call_begin(&c, self, run) < 0)
        return NULL;
    if (py_tensor(&in, array) == 0) {
        PY_RUN(status, &c.run, how(c.s->session, &in, &out, &c.run.run, &c.run.error));
        if (py_run_sound(&c.run, status))
            found = py_tensor_taken(&out);
    }
    pb_tensor_clear(&in);
    pb_tensor_clear(&out);
    call_end(&c);
    return found;
}

static PyObject *session_encode(PyObject *self, PyObject *arguments)
{
    return code(self, arguments, pb_session_encode);
}

static PyObject *session_decode(PyObject *self, PyObject *arguments)
{
    return code(self, arguments, pb_session_decode);
}

/* of_rgb(pixels): bytes (height,width,3) */
static PyObject *session_of_rgb(PyObject *self, PyObject *array)
{
    pb_tensor picture = PB_TENSOR_EMPTY;
    py_numbers n;
    pb_error error;
    pb_status status;

    if (py_numbers_of(&n, array, PY_BYTE) < 0)
        return NULL;
    if (n.rank != 3 || n.shape[2] != 3) {
        PyErr_SetString(PyExc_ValueError, "expected pixels (height, width, 3)");
        return NULL;
    }
    status = pb_picture_of_rgb(((session *)self)->session, n.data, n.shape[0], n.shape[1], &picture,
                               &error);
    return status == PB_OK ? py_tensor_taken(&picture) : py_fail(status, &error);
}

/* -- what a model is told ---------------------------------------------------------------------- */

static PyObject *inputs_of(const pb_condition *condition)
{
    PyObject *inputs = PyDict_New();

    for (size_t i = 0; inputs && i < condition->count; i++) {
        const pb_tensor *t = condition->inputs[i].value;
        PyObject *array = py_array(t->data, PY_FLOAT, t->rank, t->shape, NULL);
        if (!array || PyDict_SetItemString(inputs, condition->inputs[i].name, array) < 0)
            Py_CLEAR(inputs);
        Py_XDECREF(array);
    }
    return inputs;
}

/* embed(prompts, height, width, run): the tensors of the condition by their names. */
static PyObject *session_embed(PyObject *self, PyObject *arguments)
{
    PyObject *given, *run, *found = NULL;
    pb_prompts prompts = PB_PROMPTS_DEFAULTS, whole = PB_PROMPTS_DEFAULTS;
    Py_ssize_t height, width;
    pb_condition condition;
    pb_status status;
    call c;

    if (!PyArg_ParseTuple(arguments, "OnnO", &given, &height, &width, &run) ||
        call_begin(&c, self, run) < 0)
        return NULL;
    if (py_fields_read(&prompts, py_prompts_fields, given, &c.given) == 0) {
        status = pb_session_prompts(c.s->session, &prompts, &whole, &c.run.error);
        if (status == PB_OK)
            PY_RUN(status, &c.run,
                   pb_session_condition(c.s->session, &whole, PB_PROMPT_MAIN, 0, (size_t)height,
                                        (size_t)width, &condition, &c.run.run, &c.run.error));
        if (py_run_sound(&c.run, status))
            found = inputs_of(&condition);
        pb_prompts_clear(&whole);
    }
    call_end(&c);
    return found;
}

/* -- moving ------------------------------------------------------------------------------------ */

static PyObject *session_noise(PyObject *self, PyObject *arguments)
{
    PyObject *images, *number;
    Py_ssize_t height, width;
    uint64_t seed;
    size_t n;
    pb_tensor noise = PB_TENSOR_EMPTY;
    pb_error error;
    pb_status status;

    if (!PyArg_ParseTuple(arguments, "OnnO", &images, &height, &width, &number) ||
        py_size(&n, images, "n") < 0 || py_whole(&seed, number, "seed", UINT64_MAX) < 0)
        return NULL;
    status = pb_session_noise(((session *)self)->session, n, (size_t)height, (size_t)width, seed,
                              &noise, &error);
    return status == PB_OK ? py_tensor_taken(&noise) : py_fail(status, &error);
}

typedef struct movement {
    pb_prompts prompts, whole;
    pb_tensor x;
    pb_boost boost;
} movement;

static int movement_read(movement *m, call *c, PyObject *prompts, PyObject *x, PyObject *boost)
{
    pb_status status;

    *m = (movement){.prompts = PB_PROMPTS_DEFAULTS, .whole = PB_PROMPTS_DEFAULTS};
    if (py_fields_read(&m->prompts, py_prompts_fields, prompts, &c->given) < 0 ||
        py_fields_read(&m->boost, py_boost_fields, boost, &c->given) < 0 || py_tensor(&m->x, x) < 0)
        return -1;
    status = pb_session_prompts(c->s->session, &m->prompts, &m->whole, &c->run.error);
    if (status != PB_OK)
        py_fail(status, &c->run.error);
    return status == PB_OK ? 0 : -1;
}

static PyObject *movement_end(movement *m, call *c, int sound, pb_status status)
{
    PyObject *found = NULL;

    if (sound && py_run_sound(&c->run, status))
        found = py_tensor_taken(&m->x);
    pb_prompts_clear(&m->whole);
    pb_tensor_clear(&m->x);
    call_end(c);
    return found;
}

/* move(x, prompts, steps, from, to, boost, run) */
static PyObject *session_move(PyObject *self, PyObject *arguments)
{
    PyObject *x, *prompts, *number, *boost, *run;
    Py_ssize_t from, to;
    size_t steps;
    pb_status status = PB_OK;
    movement m;
    int sound;
    call c;

    if (!PyArg_ParseTuple(arguments, "OOOnnOO", &x, &prompts, &number, &from, &to, &boost, &run) ||
        py_size(&steps, number, "steps") < 0 || call_begin(&c, self, run) < 0)
        return NULL;
    sound = movement_read(&m, &c, prompts, x, boost) == 0;
    if (sound)
        PY_RUN(status, &c.run,
               pb_session_move(c.s->session, &m.whole, from < to ? "inverting" : "sampling", &m.x,
                               steps, (size_t)from, (size_t)to, boost == Py_None ? NULL : &m.boost,
                               &c.run.run, &c.run.error));
    return movement_end(&m, &c, sound, status);
}

/* sample(x, prompts, steps, spacing, run) */
static PyObject *session_sample(PyObject *self, PyObject *arguments)
{
    PyObject *x, *prompts, *number, *run;
    size_t steps;
    int spacing;
    pb_status status = PB_OK;
    movement m;
    int sound;
    call c;

    if (!PyArg_ParseTuple(arguments, "OOOiO", &x, &prompts, &number, &spacing, &run) ||
        py_size(&steps, number, "steps") < 0 || call_begin(&c, self, run) < 0)
        return NULL;
    sound = movement_read(&m, &c, prompts, x, Py_None) == 0;
    if (sound)
        PY_RUN(status, &c.run,
               pb_session_sample(c.s->session, &m.whole, &m.x, (pb_spacing)spacing, steps,
                                 &c.run.run, &c.run.error));
    return movement_end(&m, &c, sound, status);
}

/* -- points, bases, directions, edits ---------------------------------------------------------- */

/* point(options, run) */
static PyObject *session_point(PyObject *self, PyObject *arguments)
{
    PyObject *dictionary, *run, *found = NULL;
    pb_point_options options = PB_POINT_DEFAULTS;
    pb_point point = PB_POINT_EMPTY;
    pb_status status;
    call c;

    if (!PyArg_ParseTuple(arguments, "OO", &dictionary, &run) || call_begin(&c, self, run) < 0)
        return NULL;
    if (py_fields_read(&options, py_point_options_fields, dictionary, &c.given) == 0) {
        PY_RUN(status, &c.run,
               pb_session_point(c.s->session, &options, &point, &c.run.run, &c.run.error));
        if (py_run_sound(&c.run, status))
            found = py_thing(&py_point_kind, &point);
    }
    pb_point_clear(&point);
    call_end(&c);
    return found;
}

/* point_of(basis, steps, prompts, run) */
static PyObject *session_point_of(PyObject *self, PyObject *arguments)
{
    PyObject *basis, *number, *dictionary, *run, *found = NULL;
    pb_prompts prompts = PB_PROMPTS_DEFAULTS;
    pb_point point = PB_POINT_EMPTY;
    size_t steps;
    const pb_basis *b;
    pb_status status;
    call c;

    if (!PyArg_ParseTuple(arguments, "OOOO", &basis, &number, &dictionary, &run) ||
        py_size(&steps, number, "steps") < 0 || !(b = py_thing_of(basis, &py_basis_kind)) ||
        call_begin(&c, self, run) < 0)
        return NULL;
    if (py_fields_read(&prompts, py_prompts_fields, dictionary, &c.given) == 0) {
        PY_RUN(status, &c.run,
               pb_session_point_of(c.s->session, b, steps, &prompts, &point, &c.run.error));
        found = status == PB_OK ? py_thing(&py_point_kind, &point) : py_run_fail(&c.run, status);
    }
    pb_point_clear(&point);
    call_end(&c);
    return found;
}

/* point_to(point, t, run): the same at another t, on its grid */
static PyObject *session_point_to(PyObject *self, PyObject *arguments)
{
    PyObject *at, *number, *run, *found = NULL;
    pb_point moved = PB_POINT_EMPTY;
    const pb_point *point;
    pb_status status;
    double t;
    call c;

    if (!PyArg_ParseTuple(arguments, "OOO", &at, &number, &run) || py_real(&t, number, "t") < 0 ||
        !(point = py_thing_of(at, &py_point_kind)) || call_begin(&c, self, run) < 0)
        return NULL;
    moved.steps = point->steps;
    moved.grid = point->grid;
    moved.timestep = point->timestep;
    status = pb_session_prompts(c.s->session, &point->prompts, &moved.prompts, &c.run.error);
    if (status == PB_OK)
        status = pb_tensor_copy(&moved.x, &point->x, &c.run.error);
    if (status == PB_OK && point->image.data)
        status = pb_tensor_copy(&moved.image, &point->image, &c.run.error);
    if (status == PB_OK && point->mask.data)
        status = pb_tensor_copy(&moved.mask, &point->mask, &c.run.error);
    if (status == PB_OK)
        PY_RUN(status, &c.run,
               pb_session_point_to(c.s->session, &moved, t, &c.run.run, &c.run.error));
    if (py_run_sound(&c.run, status))
        found = py_thing(&py_point_kind, &moved);
    pb_point_clear(&moved);
    call_end(&c);
    return found;
}

/* basis(point, options, verify, run): (basis, what is known of its SVD) */
static PyObject *session_basis(PyObject *self, PyObject *arguments)
{
    PyObject *at, *dictionary, *run, *found = NULL;
    pb_basis_options options = PB_BASIS_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;
    const pb_point *point;
    double *verified = NULL;
    pb_svd *svd = NULL;
    pb_status status;
    int verify;
    call c;

    if (!PyArg_ParseTuple(arguments, "OOpO", &at, &dictionary, &verify, &run) ||
        !(point = py_thing_of(at, &py_point_kind)) || call_begin(&c, self, run) < 0)
        return NULL;
    if (py_fields_read(&options, py_basis_options_fields, dictionary, &c.given) == 0) {
        /* The library may fill all of it, and looks at the rank later. */
        if (verify && (options.rank > PTRDIFF_MAX / sizeof *verified ||
                       !(verified = calloc(options.rank + 1, sizeof *verified)))) {
            call_end(&c);
            return PyErr_NoMemory();
        }
        PY_RUN(status, &c.run,
               pb_session_basis(c.s->session, point, &options, &basis, &svd, verified, &c.run.run,
                                &c.run.error));
        if (py_run_sound(&c.run, status))
            found = py_thing_and(&py_basis_kind, &basis, py_svd_facts(svd, verified));
    }
    free(verified);
    pb_svd_free(svd);
    pb_basis_clear(&basis);
    call_end(&c);
    return found;
}

/* directions(point, options, run): (directions, the basis at the point) */
static PyObject *session_directions(PyObject *self, PyObject *arguments)
{
    PyObject *at, *dictionary, *run, *found = NULL;
    pb_direction_options options = PB_DIRECTION_DEFAULTS;
    pb_directions directions = PB_DIRECTIONS_EMPTY;
    const pb_point *point;
    pb_status status;
    call c;

    if (!PyArg_ParseTuple(arguments, "OOO", &at, &dictionary, &run) ||
        !(point = py_thing_of(at, &py_point_kind)) || call_begin(&c, self, run) < 0)
        return NULL;
    if (py_fields_read(&options, py_direction_options_fields, dictionary, &c.given) == 0) {
        PY_RUN(status, &c.run,
               pb_session_directions(c.s->session, point, &options, &directions, &c.run.run,
                                     &c.run.error));
        if (py_run_sound(&c.run, status))
            found = py_thing(&py_directions_kind, &directions);
    }
    pb_directions_clear(&directions);
    call_end(&c);
    return found;
}

/* Where each stage of each direction stands in an edit's pictures, and what came of it. */
static PyObject *edit_facts(const pb_edit *e)
{
    PyObject *change = PyList_New(0), *outside = PyList_New(0);

    for (size_t d = 0; change && outside && d < e->count; d++) {
        PyObject *a = PyFloat_FromDouble(pb_edit_change(e, d));
        PyObject *b = PyFloat_FromDouble(pb_edit_outside(e, d));
        if (!a || !b || PyList_Append(change, a) < 0 || PyList_Append(outside, b) < 0)
            Py_CLEAR(change);
        Py_XDECREF(a);
        Py_XDECREF(b);
    }
    if (change && outside)
        return Py_BuildValue("{s:d, s:N, s:N}", "strength", pb_edit_strength(e), "change", change,
                             "outside", outside);
    Py_XDECREF(change);
    Py_XDECREF(outside);
    return NULL;
}

/* edit(point, directions, options, run): (edit, facts) */
static PyObject *session_edit(PyObject *self, PyObject *arguments)
{
    PyObject *at, *along, *dictionary, *run, *found = NULL;
    pb_edit_options options = PB_EDIT_DEFAULTS;
    pb_edit edit = PB_EDIT_EMPTY;
    const pb_directions *directions;
    const pb_point *point;
    pb_status status;
    call c;

    if (!PyArg_ParseTuple(arguments, "OOOO", &at, &along, &dictionary, &run) ||
        !(point = py_thing_of(at, &py_point_kind)) ||
        !(directions = py_thing_of(along, &py_directions_kind)) || call_begin(&c, self, run) < 0)
        return NULL;
    if (py_fields_read(&options, py_edit_options_fields, dictionary, &c.given) == 0) {
        PY_RUN(status, &c.run,
               pb_session_edit(c.s->session, point, directions, &options, &edit, &c.run.run,
                               &c.run.error));
        if (py_run_sound(&c.run, status))
            found = py_thing_and(&py_edit_kind, &edit, edit_facts(&edit));
    }
    pb_edit_clear(&edit);
    call_end(&c);
    return found;
}

/* The basis that directions were found with, which is taken out of them. */
static PyObject *basis_of(PyObject *module, PyObject *object)
{
    pb_directions *directions = py_thing_of(object, &py_directions_kind);

    (void)module;
    if (!directions)
        return NULL;
    if (!directions->basis.s.data)
        Py_RETURN_NONE;
    return py_thing(&py_basis_kind, &directions->basis);
}

/* point_is(point, basis) */
static PyObject *point_is(PyObject *module, PyObject *arguments)
{
    PyObject *at, *of;
    const pb_point *point;
    const pb_basis *basis;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO", &at, &of) ||
        !(point = py_thing_of(at, &py_point_kind)) || !(basis = py_thing_of(of, &py_basis_kind)))
        return NULL;
    return PyBool_FromLong(pb_point_is(point, basis));
}

pb_status py_session_linearise(pb_linearisation **out, PyObject *self, const pb_point *point,
                               const char *from, const char *to, py_run *run)
{
    session *s = (session *)self;
    const pb_model *model = py_model_of(s->model);
    pb_map_options options = PB_MAP_DEFAULTS;
    pb_status status;

    options.from = from;
    options.to = to;
    s->busy = 1;
    py_run_begin(run);
    status = pb_session_condition(s->session, &point->prompts, PB_PROMPT_EDIT, point->timestep,
                                  point->x.shape[2], point->x.shape[3], &options.condition,
                                  &run->run, &run->error);
    if (status == PB_OK)
        status = pb_linearise(out, model, &options, &point->x, &run->run, &run->error);
    py_run_end(run);
    s->busy = 0;
    return status;
}

int py_session_check(PyObject *object)
{
    if (Py_TYPE(object) == session_type && !((session *)object)->busy)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "expected a session that is not at work");
    return -1;
}

int py_add_session(PyObject *module)
{
    static PyMethodDef methods[] = {{"drawing_scale", session_drawing_scale, METH_NOARGS, NULL},
                                    {"size", session_size, METH_VARARGS, NULL},
                                    {"pixels", session_pixels, METH_NOARGS, NULL},
                                    {"encode", session_encode, METH_VARARGS, NULL},
                                    {"decode", session_decode, METH_VARARGS, NULL},
                                    {"of_rgb", session_of_rgb, METH_O, NULL},
                                    {"embed", session_embed, METH_VARARGS, NULL},
                                    {"noise", session_noise, METH_VARARGS, NULL},
                                    {"move", session_move, METH_VARARGS, NULL},
                                    {"sample", session_sample, METH_VARARGS, NULL},
                                    {"point", session_point, METH_VARARGS, NULL},
                                    {"point_of", session_point_of, METH_VARARGS, NULL},
                                    {"point_to", session_point_to, METH_VARARGS, NULL},
                                    {"basis", session_basis, METH_VARARGS, NULL},
                                    {"directions", session_directions, METH_VARARGS, NULL},
                                    {"edit", session_edit, METH_VARARGS, NULL},
                                    {0}};
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, session_free}, {Py_tp_methods, methods}, {0, NULL}};
    static PyType_Spec spec = {.name = "pullback._core.Session",
                               .basicsize = sizeof(session),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                               .slots = slots};
    static PyMethodDef functions[] = {{"session", new_session, METH_O, NULL},
                                      {"basis_of", basis_of, METH_O, NULL},
                                      {"point_is", point_is, METH_VARARGS, NULL},
                                      {0}};

    session_type = py_add_type(module, &spec);
    return session_type && PyModule_AddFunctions(module, functions) == 0 ? 0 : -1;
}
