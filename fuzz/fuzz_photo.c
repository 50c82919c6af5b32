/* Any bytes as a photograph: refused with a message, or pixels that are cut, outlined and pasted
 * into a file as the program does it, which is read again. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "feed.h"
#include "picture/original.h"

#define SIDE 8 /* of what the network sees */

static char folder[] = "/tmp/pullback-fuzz-XXXXXX";
static char path[sizeof folder + 16];

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

static void start(void)
{
    /* What is cached would be read of another input; threads make no two runs alike. */
    HOLD(pb_picture_start("fuzz_photo", 1, NULL) == PB_OK);
    HOLD(mkdtemp(folder));
    atexit(remove_folder);
}

static void check_seen(const pb_photo *photo)
{
    const size_t pixels = photo->pixels.width * photo->pixels.height;
    pb_tensor seen = PB_TENSOR_EMPTY;
    pb_pixels outline = PB_PIXELS_EMPTY;

    HOLD(pixels > 0 && pixels <= 65536 && photo->pixels.rgb);
    HOLD(photo->area.width > 0 && photo->area.height > 0);
    for (size_t channels = 1; channels <= 3; channels += 2) {
        HOLD(pb_photo_tensor(photo, channels, SIDE, SIDE, &seen, NULL) == PB_OK);
        for (size_t i = 0; i < channels * SIDE * SIDE; i++)
            HOLD(seen.data[i] >= -1 && seen.data[i] <= 1);
        pb_tensor_clear(&seen);
    }
    HOLD(pb_photo_outline(photo, 2 * SIDE, &outline, NULL) == PB_OK);
    HOLD(outline.width <= 2 * SIDE && outline.height <= 2 * SIDE);
    pb_pixels_clear(&outline);
}

/* With all it says of itself, in a format that the input chooses. */
static void paste(const pb_photo *photo, unsigned choice)
{
    static const char *const endings[] = {"png", "jpg", "tif", "webp"};
    const size_t shape[3] = {3, photo->area.height, photo->area.width};
    pb_photo again = PB_PHOTO_EMPTY;
    pb_tensor change = PB_TENSOR_EMPTY;
    pb_error error = {.message = ""};
    char *lost = NULL;
    pb_status status;

    snprintf(path, sizeof path, "%s/p.%s", folder, endings[choice % 4]);
    HOLD(pb_tensor_new(&change, 3, shape, NULL) == PB_OK);
    for (size_t i = 0; i < pb_tensor_count(&change); i++)
        change.data[i] = (float)(i % 64);
    status = pb_original_write(photo, &change, path, NULL, PB_QUALITY, &lost, &error);
    pb_tensor_clear(&change);
    g_free(lost);
    if (status != PB_OK) { /* a picture longer than WebP's may be, say */
        HOLD(error.message[0]);
        return;
    }
    HOLD(pb_photo_read(&again, path, &(pb_crop){.kind = PB_CROP_FIT}, SIDE, SIDE, &error) == PB_OK);
    HOLD(again.pixels.width == photo->pixels.width && again.pixels.height == photo->pixels.height);
    pb_photo_clear(&again);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned choice = size ? data[size / 2] : 0;
    const pb_crop crop = {
        .fit = (pb_fit)(choice % 3),
        .ground = choice & 4 ? PB_ON_BLACK : PB_ON_WHITE,
        .megapixels = 0.065536, /* mutations of small pictures; what is larger costs time only */
    };
    pb_photo photo = PB_PHOTO_EMPTY;
    pb_error error = {.message = ""};
    pb_status status;

    if (!*path) {
        start();
        snprintf(path, sizeof path, "%s/p", folder);
    }
    status = pb_photo_read(&photo, feed(data, size), &crop, SIDE, SIDE, &error);
    if (status == PB_OK) {
        check_seen(&photo);
        paste(&photo, choice >> 3);
    } else {
        HOLD(status == PB_FORMAT || status == PB_UNSUPPORTED);
        HOLD(error.status == status && error.message[0]);
        HOLD(!photo.pixels.rgb && !photo.file.data);
    }
    pb_photo_clear(&photo);
    return 0;
}
