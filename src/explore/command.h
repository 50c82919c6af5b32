/* The command line that makes what the page shows. */
#ifndef PB_EXPLORE_COMMAND_H
#define PB_EXPLORE_COMMAND_H

#include "explore/stages.h"

/* "pullback edit holiday.jpg --model …" of the edit that was made last; it names the photo, and
 * the mask and the basis that belong to it as pb_order_mask_name and pb_order_carried_name do.
 * g_free. */
char *pb_command_of(const pb_stages *stages, const pb_order *order);

#endif
