/* Project files: a tab's work, to go on with on another day. A ZIP archive of project.json (the
 * settings, the sliders and what they were before), the photo's file, the mask and the basis. */
#ifndef PB_EXPLORE_PROJECT_H
#define PB_EXPLORE_PROJECT_H

#include "explore/order.h"
#include "io/file.h"

/* The bytes of such a file, of an order and its basis file (pb_bytes_clear). Errors: PB_MEMORY. */
pb_status pb_project_pack(const pb_order *order, const pb_bytes *basis, pb_bytes *out,
                          pb_error *error);

/* What is in one: wishes (checked), weights, history, photo, mask, carried, basis of an order;
 * pb_order_clear, also on failure. model: of settings that name none. Errors: PB_FORMAT (no
 * project, or a damaged one), PB_INVALID (settings that cannot be), PB_IO, PB_MEMORY. */
pb_status pb_project_unpack(pb_order *order, const void *data, size_t size, const char *model,
                            pb_error *error);

#endif
