/* Small files that take long, whatever the number of their pixels. */
#ifndef PB_PICTURE_EXCESS_H
#define PB_PICTURE_EXCESS_H

#include "base/error.h"
#include "io/file.h"

/* Refuses, before a loader sees them, files in which libvips bounds neither time nor memory:
 *
 *     PNG   compressed texts and profiles that together unpack to more than 32 MB: two megabytes
 *           of file are two gigabytes of text, which is unpacked several times
 *     JPEG  more than 100 scans: one of a few hundred bytes goes through all of the picture
 *
 * Other files, and damaged ones, pass: their loaders will tell. Errors: PB_FORMAT, PB_MEMORY. */
pb_status pb_check_excess(const pb_bytes *file, const char *path, pb_error *error);

#endif
