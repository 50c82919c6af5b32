/* The basis at a point: a command's options, its certificate, pictures of it. */
#ifndef PB_CLI_BASIS_AT_H
#define PB_CLI_BASIS_AT_H

#include "cli/desk.h"
#include "studio/basis.h"

typedef struct pb_basis_flags {
    char *from, *to; /* taps; NULL: x, mid */
    int rank;
    double tolerance;
    char *method;    /* NULL: krylov */
    char *precision; /* NULL: fp32 */
    int block;       /* 0: chosen */
    int max_applications;
    gint64 start_seed;
    char *start; /* a basis to start from, or NULL */
    gboolean verify;
    int null_rank;   /* -1: not given */
    gboolean guided; /* the map with classifier-free guidance */
} pb_basis_flags;

#define PB_BASIS_FLAGS ((pb_basis_flags){.rank = 50, .tolerance = 1e-3, .null_rank = -1})

/* Errors: PB_INVALID. */
pb_status pb_basis_check(const pb_cli *cli, const pb_basis_flags *flags, pb_error *error);

/* Checks what --guided needs; masked: is there a mask? Errors: PB_INVALID. */
pb_status pb_guided_check(const pb_basis_flags *flags, const pb_prompts *prompts, int masked,
                          pb_error *error);

/* The session's options; start: still to be read. */
pb_basis_options pb_basis_options_of(const pb_basis_flags *flags);

/* Computes it at the desk's point (pb_basis_find). */
pb_status pb_basis_at(pb_basis_found *found, pb_desk *desk, const pb_basis_flags *flags,
                      pb_error *error);

/* Says in one line how good it is. */
void pb_basis_say(const pb_cli *cli, const pb_basis_found *found);

/* Draws the leading directions into STEM-directions.png, and the spectrum into STEM-spectrum.png
 * (with .csv and .gp). A gnuplot that is missing is a warning. */
pb_status pb_basis_pictures(const pb_cli *cli, const pb_basis_found *found, const char *path,
                            pb_error *error);

#endif
