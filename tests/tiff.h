/* Uncompressed TIFF files with whatever pixels a test wants read, written by hand: what they hold
 * owes nothing to the library that reads them. */
#ifndef TIFF_H
#define TIFF_H

#include <stddef.h>
#include <stdint.h>

/* Values of the tags PhotometricInterpretation, SampleFormat, ExtraSamples. */
enum { TIFF_MIN_IS_WHITE, TIFF_MIN_IS_BLACK, TIFF_RGB, TIFF_PALETTE, TIFF_CMYK = 5, TIFF_LAB = 8 };
enum { TIFF_UINT = 1, TIFF_INT, TIFF_FLOAT };
enum { TIFF_UNSPECIFIED, TIFF_PREMULTIPLIED, TIFF_TRANSPARENT };

typedef struct tiff {
    size_t width, height, bands, bits;
    int photometric, format; /* format 0: TIFF_UINT */
    size_t extra;            /* bands that are not colours, the last ones */
    int meaning;             /* of each of those */
    int orientation;         /* 0: no tag */
    const void *pixels;      /* rows of pixels of bands, each row from a new byte on */
    const uint16_t *palette; /* reds, greens, blues; 1 << bits of each */
    const void *profile;
    size_t profile_size;
    const struct tiff *next; /* the following page */
} tiff;

/* The file's bytes, in this machine's order; the caller frees them with free. */
unsigned char *tiff_bytes(const tiff *t, size_t *count);

#endif
