/* Pickles: values as Python keeps them (its pickle module, protocols 2 to 5), as far as a file of
 * tensors has them.
 *
 * A pickle is a program for a machine with a stack. It is only read here: nothing is imported,
 * called or executed. Where it would call a function of Python, the value is a note of that call,
 * and what is no part of a tensor stays such a note. Nevertheless what names a module that serves
 * to do harm (os, subprocess, builtins.eval …) is refused, wherever in the file: nobody saves
 * tensors with it, and whoever has such a file should hear of it. Of getattr only what Python
 * itself writes is not (io/getattr.h). */
#ifndef PB_IO_PICKLE_H
#define PB_IO_PICKLE_H

#include "base/error.h"
#include "io/pickled.h"

/* The most bytes of a pickle, those that its values take in memory, and how many of them may lie on
 * the stack or be remembered: beyond, it is refused. */
#define PB_PICKLE_MOST ((size_t)64 << 20)
#define PB_PICKLE_MEMORY ((size_t)256 << 20)
#define PB_PICKLE_VALUES ((size_t)1 << 21)

typedef struct pb_pickle pb_pickle;

/* Reads a pickle of so many bytes; path is for messages. The caller frees *out; its values live as
 * long, those bytes need not. Errors: PB_FORMAT, PB_UNSUPPORTED (a module by which harm is done, an
 * opcode that files of tensors have no use for), PB_MEMORY. */
pb_status pb_pickle_read(pb_pickle **out, const char *path, const unsigned char *bytes, size_t size,
                         pb_error *error);
void pb_pickle_free(pb_pickle *pickle);

/* What was pickled. */
const pb_pickled *pb_pickle_value(const pb_pickle *pickle);

#endif
