#include "picture/excess.h"

#include <gio/gio.h>
#include <string.h>

#include "base/bytes.h"

#define MOST_TEXT ((size_t)32000000)
#define MOST_SCANS 100

/* -- PNG -------------------------------------------------------------------------------------- */

/* Unpacks zlib's data to nowhere: adds what they unpack to, as far as they do and up to a little
 * more than the most. */
static void unpack(size_t *total, const unsigned char *data, size_t size)
{
    GConverter *z = G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
    GConverterResult result = G_CONVERTER_CONVERTED;
    char nowhere[65536];

    while (result == G_CONVERTER_CONVERTED && *total <= MOST_TEXT) {
        gsize taken = 0, made = 0;
        result = g_converter_convert(z, data, size, nowhere, sizeof nowhere,
                                     G_CONVERTER_INPUT_AT_END, &taken, &made, NULL);
        if (result != G_CONVERTER_CONVERTED && result != G_CONVERTER_FINISHED)
            break;
        data += taken;
        size -= taken;
        *total += made;
    }
    g_object_unref(z);
}

/* Where the text after `count` strings that end in NUL begins, or the end. */
static size_t after_strings(const unsigned char *data, size_t size, size_t at, int count)
{
    for (; count > 0 && at < size; at++)
        count -= data[at] == '\0';
    return at;
}

/* The compressed part of a chunk: where it begins, or its end where it has none. */
static size_t packed_at(const unsigned char *chunk, size_t size, const char *type)
{
    size_t at = after_strings(chunk, size, 0, 1);

    if (!memcmp(type, "zTXt", 4) || !memcmp(type, "iCCP", 4)) /* keyword, method */
        return MIN(at + 1, size);
    if (!memcmp(type, "iTXt", 4) && at < size && chunk[at]) /* is it, method, two more strings */
        return after_strings(chunk, size, MIN(at + 2, size), 2);
    return size;
}

static pb_status check_png(const pb_bytes *file, const char *path, pb_error *error)
{
    size_t total = 0, length;

    for (size_t at = 8; file->size - at >= 12; at += length + 12) { /* length, type, data, CRC */
        const unsigned char *chunk = file->data + at + 8;
        size_t from;
        length = pb_big_endian(file->data + at, 4);
        if (length > file->size - at - 12)
            break;
        from = packed_at(chunk, length, (const char *)chunk - 4);
        if (from < length)
            unpack(&total, chunk + from, length - from);
        if (total > MOST_TEXT)
            return pb_fail(error, PB_FORMAT,
                           "%s: its compressed texts unpack to more than %zu MB, found at byte %zu",
                           path, MOST_TEXT / 1000000, at);
    }
    return PB_OK;
}

/* -- JPEG ------------------------------------------------------------------------------------- */

enum { TEM = 0x01, RST0 = 0xD0, SOI = 0xD8, EOI = 0xD9, SOS = 0xDA };

static int is_alone(int marker)
{
    return marker == TEM || (marker >= RST0 && marker <= SOI);
}

static pb_status check_jpeg(const pb_bytes *file, const char *path, pb_error *error)
{
    const unsigned char *data = file->data;
    size_t scans = 0, at = 2;

    /* What is no marker is a scan's data, or rubbish that is skipped too. */
    while (at + 1 < file->size && !(data[at] == 0xFF && data[at + 1] == EOI)) {
        int marker = data[at] == 0xFF ? data[at + 1] : 0;
        if (marker == 0 || marker == 0xFF || is_alone(marker)) {
            at += marker == 0 || marker == 0xFF ? 1 : 2;
            continue;
        }
        if (marker == SOS && ++scans > MOST_SCANS)
            return pb_fail(error, PB_FORMAT, "%s: expected at most %d scans, found more", path,
                           MOST_SCANS);
        if (at + 4 > file->size)
            break;
        at += 2 + pb_big_endian(data + at + 2, 2);
    }
    return PB_OK;
}

/* -- all -------------------------------------------------------------------------------------- */

pb_status pb_check_excess(const pb_bytes *file, const char *path, pb_error *error)
{
    if (file->size > 8 && !memcmp(file->data, "\x89PNG\r\n\x1a\n", 8))
        return check_png(file, path, error);
    if (file->size > 2 && !memcmp(file->data, "\xff\xd8", 2))
        return check_jpeg(file, path, error);
    return PB_OK;
}
