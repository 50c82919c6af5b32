/* Which of a repository's files the program reads. */
#ifndef PB_HUB_CHOICE_H
#define PB_HUB_CHOICE_H

#include "hub/listing.h"

/* Adds to `chosen` (zeros; to be cleared in any case) those of `all` that a request is for: what
 * fits its patterns; or of a pipeline the configs, tokenizer's files, and one of the weights of
 * each component, as they are chosen in a folder (models/weights_files.h), in so many files as its
 * index says; of a network alone the same of it. Reads model_index.json and indices over the
 * network. Errors: PB_IO (nothing fits, nothing to choose by), PB_UNSUPPORTED (a pipeline that is
 * not read; weights that are not), PB_FORMAT, those of pb_http_get. */
pb_status pb_hub_choose(pb_hub_listing *chosen, const pb_hub_listing *all, pb_http *http,
                        const pb_hub_request *request, pb_error *error);

#endif
