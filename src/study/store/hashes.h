/* Hashes of models, which take long to compute: a store remembers them by what can be seen of a
 * model's files from outside. */
#ifndef PB_STUDY_STORE_HASHES_H
#define PB_STUDY_STORE_HASHES_H

#include <pullback/model.h>

#include "study/store/store.h"

/* The model's hash, as the store (or NULL) remembers it, or else computed under the run. Errors:
 * the store's, those of pb_model_hash. */
pb_status pb_store_find_hash(pb_store *store, pb_model *model, char hash[65], const pb_run *run,
                             pb_error *error);

pb_status pb_store_keep_hash(pb_store *store, const pb_model *model, const char *hash,
                             pb_error *error);

#endif
