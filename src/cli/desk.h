/* What a command works at: the model of --model, in a studio, under its run, and there a point. */
#ifndef PB_CLI_DESK_H
#define PB_CLI_DESK_H

#include "studio/source.h"
#include "terminal/cli.h"

typedef struct pb_desk {
    pb_cli *cli;
    pb_studio studio;
    pb_source source; /* what was read, */
    pb_point point;   /* and x_t: pb_where_find */
    int told;         /* that steps do not clip */
} pb_desk;

/* Opens the model of --model and --schedule. Errors: as pb_model_open_with; PB_INVALID (its path,
 * which results hold, is not in UTF-8; not the model expected); *model is then NULL. */
pb_status pb_cli_open_model(pb_model **model, const pb_cli *cli, pb_error *error);

/* Opens --model and starts libvips. It is to be closed also on failure. Errors: PB_INVALID (no
 * --model), the model's. */
pb_status pb_desk_open(pb_desk *desk, pb_cli *cli, pb_error *error);
void pb_desk_close(pb_desk *desk);

/* Says, once, that the model's scheduler clips, and steps that must be reversible do not. */
void pb_desk_tell_unclipped(pb_desk *desk);

/* The model's name for a command that has --basis: --model, or else the path in the file. The
 * string is the cli's. Errors: PB_IO, PB_FORMAT. */
pb_status pb_model_of_basis(pb_cli *cli, const char *path, pb_error *error);

/* Refuses a negative prompt that would do nothing; guidance: is there a scale also where none is
 * given? Errors: PB_INVALID. */
pb_status pb_prompts_check(const pb_prompts *prompts, int guidance, pb_error *error);

#endif
