/* Photos of any size as pictures of any size: means of the pixels that there are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "at_work.h"
#include "base/memory.h"
#include "session/session.h"

/* How much of a pixel lies between two positions, all in units of 1/unit of a pixel. */
static long overlap(long pixel, long unit, long begin, long end)
{
    long first = pixel * unit > begin ? pixel * unit : begin;
    long last = (pixel + 1) * unit < end ? (pixel + 1) * unit : end;

    return last > first ? last - first : 0;
}

/* The mean of a grey photo over position (i, j) of a picture (h,w), in whole numbers: the side that
 * decides is cut into pieces of 1 / 2h or 1 / 2w of a pixel. */
static double mean_at(const unsigned char *photo, const long size[2], const long picture[2],
                      const long at[2])
{
    long across = size[0] * picture[1], down = size[1] * picture[0], begin[2], end[2];
    int short_side = across > down; /* the width */
    long unit = 2 * picture[short_side], step = 2 * size[short_side], sum = 0, all = 0;

    for (int k = 0; k < 2; k++) {
        begin[k] = (k == short_side ? 0 : labs(across - down)) + at[k] * step;
        end[k] = begin[k] + step;
    }
    for (long y = begin[0] / unit; y * unit < end[0]; y++)
        for (long x = begin[1] / unit; x * unit < end[1]; x++) {
            long share = overlap(y, unit, begin[0], end[0]) * overlap(x, unit, begin[1], end[1]);
            sum += share * photo[3 * (y * size[1] + x)];
            all += share;
        }
    return (double)sum / (double)all / 127.5 - 1;
}

/* A photo of a size becomes a picture of a size, and nothing beside it is read. */
static void check_photo(pb_session *s, pb_model_info *info, long height, long width)
{
    const long size[2] = {height, width};
    const long picture[2] = {(long)info->sample_height, (long)info->sample_width};
    unsigned char *photo = pb_malloc((size_t)(height * width), 3);
    pb_tensor found = PB_TENSOR_EMPTY;

    assert_non_null(photo);
    for (long i = 0; i < height * width; i++)
        memset(photo + 3 * i, (int)(i * i % 251), 3);
    MUST(pb_picture_of_rgb(s, photo, (size_t)height, (size_t)width, &found, error));
    for (long i = 0; i < picture[0] * picture[1]; i++) {
        const long at[2] = {i / picture[1], i % picture[1]};
        double expected = mean_at(photo, size, picture, at);
        if (!(fabs((double)found.data[i] - expected) < 1e-5))
            fail_msg("%ld x %ld to %ld x %ld: number %ld is %g: expected %g", height, width,
                     picture[0], picture[1], i, (double)found.data[i], expected);
    }
    pb_tensor_clear(&found);
    pb_free(photo);
}

/* Pictures of one channel of every width, of two rows and of two columns, so that it is quick; and
 * square ones. */
static void test_photo_sizes(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 5, 7, 12, 28, 32, 48, 64};
    studio d = open_studio(PIXEL);
    pb_model_info info = *d.session->info;

    (void)state;
    d.session->info = &info;
    info.in_channels = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (long n = 1; n <= 300; n++) {
            long other = (2 * n + (long)sizes[i] - 1) / (long)sizes[i];
            info.sample_height = 2;
            info.sample_width = sizes[i];
            check_photo(d.session, &info, other, n);
            check_photo(d.session, &info, other + 1, n);
            info.sample_height = sizes[i];
            info.sample_width = 2;
            check_photo(d.session, &info, n, other);
            check_photo(d.session, &info, n, other + 1);
        }
    info.sample_height = info.sample_width = 28;
    for (long n = 1; n <= 300; n += n < 100 ? 1 : 20)
        check_photo(d.session, &info, n, n);
    close_studio(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_photo_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
