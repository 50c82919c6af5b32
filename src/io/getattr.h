/* getattr in pickles. Python has it there for a member of an enumeration (since 3.12, enum.py:
 * pickle_by_enum_name) and, before protocol 4, for a class in a class: getattr(CLASS, "NAME").
 * Elsewhere it serves to reach what must not be named. */
#ifndef PB_IO_GETATTR_H
#define PB_IO_GETATTR_H

#include "io/pickled.h"

bool pb_is_getattr(const pb_pickled *value);

/* May it be called with these arguments? A class, which is named or is itself such an attribute of
 * a class, its name beginning with a capital as those of modules and functions do not; and a name
 * that is neither private nor that of a module by which harm is done. */
bool pb_is_getattr_harmless(const pb_pickled *arguments);

/* May this be called? Of what getattr has found, a class alone. */
bool pb_is_found_callable(const pb_pickled *callee);

#endif
