/* What pickles do harm by: modules of Python that no file of tensors has a use for. */
#ifndef PB_IO_HARMFUL_H
#define PB_IO_HARMFUL_H

#include <stdbool.h>
#include <stddef.h>

/* Does "module.name", whose module is so many bytes long, name a module that runs programs or code,
 * loads modules, opens files or goes to the network; a function among Python's own that is no type
 * of values; or one of those by way of another module ("torch.hub.os.system", "torch" being the
 * module)? */
bool pb_is_harmful(const char *global, size_t module);

/* Is this, so many bytes long, the name of such a module? */
bool pb_is_harmful_module(const char *name, size_t count);

#endif
