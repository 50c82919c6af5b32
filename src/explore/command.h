/* The command line that makes what the page shows. */
#ifndef PB_EXPLORE_COMMAND_H
#define PB_EXPLORE_COMMAND_H

#include <jansson.h>

#include "picture/photo.h"

#define PB_COMMAND_DIRECTIONS 64

/* "pullback edit holiday.jpg --model …" of the settings, with weights of so many directions; photo:
 * its name; area: the part of it that the model sees, or NULL, there is no photo; g_free. */
char *pb_command_of(const json_t *wishes, const char *photo, const pb_area *area, double t,
                    size_t count, const size_t *number, const double *weight, double strength);

#endif
