/* Photos, as the program reads them. */
#include <string.h>

#include "picture/photo.h"
#include "vips.h"

/* Of what a photo is made: a path or pixels; the other is NULL. */
typedef struct source {
    PyObject *path;
    py_numbers pixels;
} source;

static int source_of(source *s, PyObject *object)
{
    *s = (source){NULL, {0}};
    if (!PyObject_HasAttrString(object, "__array_interface__"))
        return PyUnicode_FSConverter(object, &s->path) ? 0 : -1;
    if (py_numbers_of(&s->pixels, object, PY_BYTE) < 0)
        return -1;
    if (s->pixels.rank == 3 && s->pixels.shape[2] == 3)
        return 0;
    PyErr_SetString(PyExc_ValueError, "expected pixels (height, width, 3)");
    return -1;
}

static pb_status open_photo(pb_photo *photo, const source *s, const pb_crop *crop, size_t width,
                            size_t height, pb_error *error)
{
    pb_pixels pixels = PB_PIXELS_EMPTY;

    *photo = PB_PHOTO_EMPTY;
    if (s->path)
        return pb_photo_read(photo, PyBytes_AsString(s->path), crop, width, height, error);
    PB_TRY(pb_pixels_new(&pixels, s->pixels.shape[1], s->pixels.shape[0], error));
    memcpy(pixels.rgb, s->pixels.data, s->pixels.count);
    return pb_photo_of_pixels(photo, &pixels, "the picture", crop, width, height, error);
}

PyObject *py_photo(PyObject *module, PyObject *arguments)
{
    pb_crop crop = {.kind = PB_CROP_FIT};
    PyObject *object, *area;
    Py_ssize_t channels, size[2], corners[4];
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_status status;
    pb_photo photo;
    pb_error error;
    const char *fit;
    source s;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOsnnn", &object, &area, &fit, &channels, &size[0], &size[1]))
        return NULL;
    if (pb_fit_of(&crop.fit, fit) < 0)
        return PyErr_Format(PyExc_ValueError, "fit: expected crop, pad or stretch, found %s", fit);
    if (area != Py_None) {
        if (!PyArg_ParseTuple(area, "nnnn;crop: expected (x, y, width, height)", &corners[0],
                              &corners[1], &corners[2], &corners[3]))
            return NULL;
        if (corners[2] < 1 || corners[3] < 1)
            return PyErr_Format(PyExc_ValueError, "a crop of %zd x %zd pixels", corners[2],
                                corners[3]);
        crop.kind = PB_CROP_AREA;
        crop.area =
            (pb_area){(long)corners[0], (long)corners[1], (size_t)corners[2], (size_t)corners[3]};
    }
    if (source_of(&s, object) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS;
    status = open_photo(&photo, &s, &crop, (size_t)size[1], (size_t)size[0], &error);
    if (status == PB_OK)
        status = pb_photo_tensor(&photo, (size_t)channels, (size_t)size[1], (size_t)size[0],
                                 &picture, &error);
    pb_photo_clear(&photo);
    Py_END_ALLOW_THREADS;
    Py_XDECREF(s.path);
    return status == PB_OK ? py_tensor_taken(&picture) : py_fail(status, &error);
}
