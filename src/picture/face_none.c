/* In place of face.cpp where there is no dlib. */
#include "picture/face.h"

const char *pb_face_detector(void)
{
    return NULL;
}

pb_status pb_face_find(pb_face faces[PB_FACES_MOST], size_t *count, const unsigned char *grey,
                       size_t width, size_t height, pb_error *error)
{
    (void)faces, (void)grey, (void)width, (void)height;
    *count = 0;
    return pb_fail(error, PB_UNSUPPORTED, "built without dlib, which finds faces");
}
