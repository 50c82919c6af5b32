/* What pipelines are made of, in one table: the roles that model_index.json may name, and the
 * classes that may have them. */
#ifndef PB_MODELS_COMPONENTS_H
#define PB_MODELS_COMPONENTS_H

#include "models/architectures.h"
#include "models/weights_files.h"
#include "text/tokenizer.h"

/* What a component does for a pipeline. */
typedef enum pb_kind {
    PB_KIND_ANY, /* of whatever class: nothing is read of it, or its own config decides */
    PB_KIND_DENOISER,
    PB_KIND_AUTOENCODER,
    PB_KIND_TEXT_ENCODER,
    PB_KIND_TOKENIZER,
} pb_kind;

/* The roles that are read, in the order in which they are hashed: new ones come last. */
typedef enum pb_role {
    PB_ROLE_UNET,
    PB_ROLE_SCHEDULER,
    PB_ROLE_VAE,
    PB_ROLE_TEXT_ENCODER,
    PB_ROLE_TOKENIZER,
    PB_ROLE_TEXT_ENCODER_2,
    PB_ROLE_TOKENIZER_2,
    PB_ROLES
} pb_role;

/* As model_index.json and folders have it, "vae", and what it takes. */
const char *pb_role_name(pb_role role);
pb_kind pb_role_kind(pb_role role);

/* Which role that is; PB_ROLES where it is none that is read, but may be there (*known) or not. */
pb_role pb_role_find(const char *name, bool *known);

#define PB_COMPONENT_FILES 6

/* A class that is read. */
typedef struct pb_component {
    const char *class;
    pb_kind kind;
    pb_family library; /* whose class it is */
    /* What results depend on in its folder, beside weights; NULL ends. */
    const char *files[PB_COMPONENT_FILES + 1];
    pb_architecture *build; /* a network's, or NULL: it has no weights */
    pb_status (*tokenizer)(pb_tokenizer **out, const char *folder, pb_error *error); /* or NULL */
} pb_component;

/* The class of that name and kind; NULL: it is not read. */
const pb_component *pb_component_find(pb_kind kind, const char *class);

/* The classes of a kind, each between `quote`s: "A or B". */
typedef struct pb_class_names {
    char text[400];
} pb_class_names;
pb_class_names pb_component_names(pb_kind kind, const char *quote);

/* Builds a network. *component: what the pipeline says it is, or NULL of a denoiser that is alone;
 * then what its config says, which counts where it says something and must be of the same kind.
 * Takes config over and closes it. Errors: PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_component_build(const pb_component **component, pb_graph **graph,
                             pb_component_facts *facts, pb_config *config,
                             const pb_weights *weights, pb_error *error);

#endif
