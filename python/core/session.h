/* What others need of a session (session.c). */
#ifndef PULLBACK_CORE_SESSION_H
#define PULLBACK_CORE_SESSION_H

#include "core.h"

/* 0 where the object is a session that nobody uses, else -1 with an exception. */
int py_session_check(PyObject *object);

/* Linearises the map from -> to at a point, under its edit prompt, without the interpreter's lock.
 * The session is at
 * work meanwhile. The run must stay where it is as long as the linearisation. */
pb_status py_session_linearise(pb_linearisation **out, PyObject *session, const pb_point *point,
                               const char *from, const char *to, py_run *run);

#endif
