#include "picture/framing.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "picture/resize.h"

/* The longer side, in pixels, at which faces are looked for: first, and where none was found. */
static const double first_side = 1000, second_side = 2500;

#define ENLARGED_MOST 4.0

/* The share of the shorter side by which the photo is continued, for faces that fill it. */
#define MARGIN 0.1

/* The detector's squares lie on a coarse grid, and their sizes are steps of 6/5. What it finds at
 * several sizes within one step is finer on average. */
#define SIZES 6
#define FINE_SIDE 96.0
#define STEP 1.2

/* -- looking ---------------------------------------------------------------------------------- */

/* The brightness of a region, of which what lies beyond the photo is its border continued. */
static float *luma(const pb_pixels *photo, const pb_area *region)
{
    float *plane = pb_malloc(region->width * region->height, sizeof *plane), *to = plane;
    long right = (long)photo->width - 1, bottom = (long)photo->height - 1;

    for (size_t y = 0; plane && y < region->height; y++)
        for (size_t x = 0; x < region->width; x++) {
            long px = region->x + (long)x, py = region->y + (long)y;
            size_t column = (size_t)(px < 0 ? 0 : px > right ? right : px);
            size_t row = (size_t)(py < 0 ? 0 : py > bottom ? bottom : py);
            const unsigned char *rgb = photo->rgb + (row * photo->width + column) * 3;
            *to++ = pb_luma(rgb[0], rgb[1], rgb[2]);
        }
    return plane;
}

/* The faces of a region that is looked at enlarged so many times, in the photo's pixels. */
static pb_status look(pb_face faces[PB_FACES_MOST], size_t *count, const pb_pixels *photo,
                      const pb_area *region, double enlarged, pb_error *error)
{
    size_t width = (size_t)fmax(1, round((double)region->width * enlarged));
    size_t height = (size_t)fmax(1, round((double)region->height * enlarged));
    double across = (double)region->width / (double)width;
    double down = (double)region->height / (double)height;
    float *plane = luma(photo, region), *small = pb_malloc(width * height, sizeof *small);
    unsigned char *grey = pb_malloc(width * height, 1);
    pb_status status;

    if (!plane || !small || !grey)
        status = pb_fail_memory(error, region->width * region->height * sizeof *plane, "a photo");
    else
        status = pb_resize(1, region->width, region->height, plane, width, height, small, error);
    for (size_t i = 0; status == PB_OK && i < width * height; i++)
        grey[i] = (unsigned char)lroundf(fminf(fmaxf(small[i], 0.0f), 255.0f));
    if (status == PB_OK)
        status = pb_face_find(faces, count, grey, width, height, error);
    for (size_t i = 0; status == PB_OK && i < *count; i++) {
        faces[i].x = (double)region->x + faces[i].x * across;
        faces[i].y = (double)region->y + faces[i].y * down;
        faces[i].size *= across;
    }
    pb_free(plane);
    pb_free(small);
    pb_free(grey);
    return status;
}

/* Looks at a face once more, at several sizes, and takes what they say on average. *times: at how
 * many of them it is seen again. */
static pb_status refine(pb_face *face, size_t *times, const pb_pixels *photo, pb_error *error)
{
    const pb_area around = {lround(face->x - face->size), lround(face->y - face->size),
                            (size_t)lround(2 * face->size), (size_t)lround(2 * face->size)};
    pb_face sum = {0, 0, 0};

    *times = 0;
    for (int i = 0; i < SIZES; i++) {
        double side = FINE_SIDE * pow(STEP, (double)i / SIZES);
        pb_face found[PB_FACES_MOST];
        size_t count;
        PB_TRY(look(found, &count, photo, &around, side / face->size, error));
        for (size_t j = 0; j < count; j++) {
            const pb_face *f = &found[j];
            if (hypot(f->x - face->x, f->y - face->y) > face->size / 2 ||
                fabs(log(f->size / face->size)) > log(1.5))
                continue;
            sum = (pb_face){sum.x + f->x, sum.y + f->y, sum.size + f->size};
            ++*times;
            break;
        }
    }
    if (*times)
        *face =
            (pb_face){sum.x / (double)*times, sum.y / (double)*times, sum.size / (double)*times};
    return PB_OK;
}

static int by_size(const void *a, const void *b)
{
    double left = ((const pb_face *)a)->size, right = ((const pb_face *)b)->size;

    return (left < right) - (left > right);
}

/* -- framing ---------------------------------------------------------------------------------- */

/* begin … begin + length moved into 0 … whole. */
static long within(double begin, size_t length, size_t whole)
{
    return lround(fmin(fmax(begin, 0), (double)(whole - length)));
}

static pb_area frame(const pb_face *face, const pb_pixels *photo, const pb_face *where,
                     size_t width, size_t height)
{
    double side = face->size / where->size, shorter = (double)(width < height ? width : height);
    double w = side * (double)width / shorter, h = side * (double)height / shorter;
    double fits = fmin(1, fmin((double)photo->width / w, (double)photo->height / h));
    pb_area area = {.width = (size_t)fmax(1, floor(w * fits)),
                    .height = (size_t)fmax(1, floor(h * fits))};

    /* The centre of the picture, seen from the face. */
    double x = face->x - (where->x - 0.5) * side, y = face->y - (where->y - 0.5) * side;

    area.x = within(x - (double)area.width / 2, area.width, photo->width);
    area.y = within(y - (double)area.height / 2, area.height, photo->height);
    return area;
}

pb_status pb_frame_faces(pb_area areas[PB_FRAMES_MOST], size_t *count, const pb_pixels *photo,
                         const pb_face *where, size_t width, size_t height, pb_error *error)
{
    size_t shorter = photo->width < photo->height ? photo->width : photo->height;
    size_t margin = (size_t)lround(MARGIN * (double)shorter);
    const pb_area whole = {-(long)margin, -(long)margin, photo->width + 2 * margin,
                           photo->height + 2 * margin};
    double longer = (double)(whole.width > whole.height ? whole.width : whole.height);
    double first = fmin(ENLARGED_MOST, first_side / longer);
    double second = fmin(ENLARGED_MOST, second_side / longer);
    pb_face faces[PB_FACES_MOST];
    size_t found, kept = 0;

    *count = 0;
    PB_TRY(look(faces, &found, photo, &whole, first, error));
    if (found == 0 && second > first)
        PB_TRY(look(faces, &found, photo, &whole, second, error));
    /* A face is seen at all sizes or all but one; what only looks like one, at half of them. */
    for (size_t i = 0; i < found && kept < PB_FRAMES_MOST; i++) {
        size_t times;
        PB_TRY(refine(&faces[i], &times, photo, error));
        if (times > SIZES * 2 / 3)
            faces[kept++] = faces[i];
    }
    if (found && !kept)
        kept = 1;
    qsort(faces, kept, sizeof *faces, by_size);
    for (; *count < kept; ++*count)
        areas[*count] = frame(&faces[*count], photo, where, width, height);
    return PB_OK;
}
