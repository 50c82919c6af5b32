/* The module pullback._vips. */
#include "vips.h"

#include "picture/pixels.h"

PyMODINIT_FUNC PyInit__vips(void);
PyMODINIT_FUNC PyInit__vips(void)
{
    static PyMethodDef functions[] = {
        {"study", py_study, METH_VARARGS, NULL}, {"photo", py_photo, METH_VARARGS, NULL}, {0}};
    static PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT,
                                     .m_name = "pullback._vips",
                                     .m_doc = "What Pullback does with libvips.",
                                     .m_size = -1,
                                     .m_methods = functions};
    PyObject *module;
    pb_error error;

    if (pb_picture_start("pullback", 0, &error) != PB_OK)
        return py_fail(error.status, &error);
    module = PyModule_Create(&definition);
    if (module && py_add_arrays(module) < 0)
        Py_CLEAR(module);
    return module;
}
