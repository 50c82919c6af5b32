/* Where the files that come with Pullback lie: models/, examples/, tokenizers/. */
#ifndef PB_BASE_PLACES_H
#define PB_BASE_PLACES_H

#include <stddef.h>

#include "base/error.h"

/* Places, in the order in which they are looked at: the working directory; where the running
 * program is CLONE/build/…, its clone; where it is PREFIX/bin/…, PREFIX/share/pullback; where the
 * library is FOLDER/libpullback.so, FOLDER/data (as in a Python package); the installation that it
 * was built for. */
#define PB_PLACES 5

/* The path of `name` ("models/faces32") at place 0 … PB_PLACES-1, whether it is there or not.
 * *path: pb_free's; NULL where that place is unknown. Errors: PB_MEMORY. */
pb_status pb_place(char **path, size_t place, const char *name, pb_error *error);

/* The first place where `name` is: *path, pb_free's. Errors: PB_IO ("looked for …"), PB_MEMORY. */
pb_status pb_place_find(char **path, const char *name, pb_error *error);

#endif
