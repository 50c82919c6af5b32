/* The functions of the module pullback._vips: what reads pictures or draws them, with libvips. It
 * is an extension of its own, so that without libvips all else works. */
#ifndef PULLBACK_CORE_VIPS_H
#define PULLBACK_CORE_VIPS_H

#include "core.h"

/* study(settings, force, run): the path of a settings.json that names the folder; (items, computed,
 * seconds) */
PyObject *py_study(PyObject *module, PyObject *arguments);

/* photo(source, area, fit, channels, height, width): source is a path, or pixels (H,W,3) of bytes;
 * area (x,y,width,height) or None; the picture (1,channels,height,width) that the program makes of
 * it */
PyObject *py_photo(PyObject *module, PyObject *arguments);

#endif
