/* A handful of colours, files of them, and what must be read of those. Every function ends the
 * test when it fails. */
#ifndef COLOURS_H
#define COLOURS_H

#include <stdbool.h>
#include <stddef.h>

#include "picture/photo.h"
#include "scratch.h"
#include "tiff.h"

#define COLOURS 8

/* sRGB and how opaque, 0 to 1. Where they are to be grey, it is their green. */
extern const double colours[COLOURS][4];

/* sRGB's curve: to linear light and, after cutting off what is out of range, back. */
double linear(double value);
double encoded(double value);

/* Reads a file of the scratch folder, or of an absolute path. */
pb_photo photo_of(const scratch *s, const char *name);

/* The file holds these pixels (0 to 1), to a tolerance in 255ths. */
void expect_pixels(const scratch *s, const char *name, double (*expected)[3], size_t count,
                   double tolerance);

/* The file holds the colours: grey or not, laid over white or opaque. */
void expect_colours(const scratch *s, const char *name, bool grey, bool transparent,
                    double tolerance);

/* The file is not read; the message names it, and says this. */
void expect_refusal(const scratch *s, const char *name, pb_status status, const char *message);

void write_tiff(const scratch *s, const char *name, const tiff *t);

/* Appends a number of 0 to 1: in all of the range of an unsigned integer of 8 to 32 bits, or as a
 * float. */
void put(unsigned char **at, double value, size_t bits, int format);

/* A page of the colours, its pixels in a buffer of COLOURS * 16 bytes: integers, or floats in
 * linear light. meaning: of the fourth band (of TIFF's), or -1 for opaque ones. */
tiff page_of(unsigned char *pixels, bool grey, size_t bits, int format, int meaning);

#endif
