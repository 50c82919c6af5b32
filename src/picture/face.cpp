extern "C" {
#include "picture/face.h"
}

#define DLIB_NO_GUI_SUPPORT
#include <dlib/image_processing/frontal_face_detector.h>
#include <dlib/revision.h>

#include <algorithm>
#include <exception>
#include <vector>

#define TEXT(n) #n
#define NUMBER(n) TEXT(n)

extern "C" const char *pb_face_detector(void)
{
    return "dlib " NUMBER(DLIB_MAJOR_VERSION) "." NUMBER(DLIB_MINOR_VERSION);
}

extern "C" pb_status pb_face_find(pb_face faces[PB_FACES_MOST], size_t *count,
                                  const unsigned char *grey, size_t width, size_t height,
                                  pb_error *error)
{
    *count = 0;
    try {
        static const dlib::frontal_face_detector found = dlib::get_frontal_face_detector();
        dlib::frontal_face_detector detector = found; /* it has room of its own to work in */
        dlib::array2d<unsigned char> pixels((long)height, (long)width);
        std::vector<dlib::rectangle> squares;

        for (size_t y = 0; y < height; y++)
            std::copy_n(grey + y * width, width, &pixels[(long)y][0]);
        squares = detector(pixels);
        for (const dlib::rectangle &square : squares) {
            if (*count == PB_FACES_MOST)
                break;
            faces[(*count)++] = {((double)square.left() + (double)square.right() + 1) / 2,
                                 ((double)square.top() + (double)square.bottom() + 1) / 2,
                                 (double)square.width()};
        }
        return PB_OK;
    } catch (const std::exception &problem) {
        return pb_fail(error, PB_MEMORY, "finding faces: %s", problem.what());
    } catch (...) {
        return pb_fail(error, PB_MEMORY, "finding faces failed");
    }
}
