/* The config of the original training code that may lie beside a file: FILE.yaml. */
#ifndef PB_MODELS_ORIGINAL_YAML_H
#define PB_MODELS_ORIGINAL_YAML_H

#include <jansson.h>

#include "base/error.h"

/* Reads what of it decides: "parameterization" ("eps", "v", "x0"), "linear_start", "linear_end",
 * "timesteps", "scale_factor" of model.params, "num_heads" and "num_head_channels" of
 * model.params.unet_config.params; of XL's code these of network_config.params, and for
 * parameterization the class of denoiser_config.params.scaling_config; those that are there, as one
 * object. *settings NULL: there is no such file. path: of the weights. Errors: PB_IO, PB_FORMAT, PB_MEMORY. */
pb_status pb_original_yaml(json_t **settings, const char *path, pb_error *error);

#endif
