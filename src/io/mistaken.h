/* What is taken for a file of weights and is none. */
#ifndef PB_IO_MISTAKEN_H
#define PB_IO_MISTAKEN_H

#include <stddef.h>

/* A word about what a file is that begins so, as "a picture (JPEG)", and what to do about it, or
 * NULL where it is nothing known. Among them are what a download leaves in the place of weights: a
 * pointer of Git LFS, a page of a website. */
const char *pb_mistaken(const unsigned char *first, size_t count);

#endif
