/* Which of the files in a folder are a network's weights. */
#ifndef PB_MODELS_WEIGHTS_FILES_H
#define PB_MODELS_WEIGHTS_FILES_H

#include <stddef.h>

#include "base/error.h"

/* Who wrote the folder: what its weights are called, and which of two candidates is read. Those of
 * torch.save (.bin) come after all others of the same variant, and of them a single file before an
 * index. */
typedef enum pb_family {
    PB_DIFFUSERS,   /* diffusion_pytorch_model; an index comes before a single file */
    PB_TRANSFORMERS /* model, pytorch_model.bin; a single file comes before an index */
} pb_family;

/* The weights in a folder, a .safetensors or .bin file or the index of several, as from_pretrained
 * of the family chooses them; of a variant ("fp16") where the folder has that one only. *path is
 * pb_free's. unused (or NULL): a list (pb_list_add), to which the paths of what could have been
 * chosen are added. Errors: PB_IO (none), PB_UNSUPPORTED (under other names only, of
 * several variants), PB_MEMORY. */
pb_status pb_weights_locate(char **path, char **unused, const char *folder, pb_family family,
                            pb_error *error);

/* The same choice among the names of a folder's files, which need not be here; `folder` is what
 * messages call it. variant: "fp16", then that one's, or NULL. *name: one of the names; NULL: there
 * are none of this variant. */
pb_status pb_weights_choose(const char **name, size_t count, const char *const *names,
                            const char *folder, pb_family family, const char *variant,
                            pb_error *error);

/* What to say to somebody who named a folder that is none of diffusers', and meant a file in it:
 * " (a file is given by its path: FOLDER/NAME, one of 3 there)", of those called as weights are the
 * first by its name; "" where there are none. Text short enough for a message. */
typedef struct pb_weights_hint {
    char text[600];
} pb_weights_hint;

pb_weights_hint pb_weights_in(const char *folder);

#endif
