/* Finds the folder of a model by its name, or the file that is one. */
#ifndef PB_MODELS_FIND_H
#define PB_MODELS_FIND_H

#include "base/error.h"

/* The folder, or the file, that a model's name stands for, as pb_model_open says: *folder is pb_free's. *unused: other
 * folders that the name could have meant, "A, B", or NULL; pb_free's.
 * Errors: PB_INVALID, PB_IO (no such model: names that are like it), PB_MEMORY. */
pb_status pb_model_find(char **folder, char **unused, const char *name, pb_error *error);

/* Calls visit for the name of every model that could be given: those in folders of models, and
 * owner/name of those in the Hugging Face cache. In no order; one name may come twice. */
typedef void (*pb_model_visit)(void *context, const char *name);
void pb_models_visit(pb_model_visit visit, void *context);

#endif
