/* The list of models that there are. */
#ifndef PB_CLI_MODELS_H
#define PB_CLI_MODELS_H

#include "terminal/cli.h"

/* Tells of all that --model can find by name. Errors: PB_MEMORY. */
pb_status pb_list_models(const pb_cli *cli, pb_error *error);

#endif
