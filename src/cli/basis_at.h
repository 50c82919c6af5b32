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

/* Entries of option tables that say which map it is of, and how it is computed; what commands say
 * of it differently is given. */
/* clang-format off */
#define PB_FROM_ENTRY(from, what) \
    {"from", 0, 0, G_OPTION_ARG_STRING, &(from), "The " what " that varies (default: x)", "TAP"}
#define PB_TAP_ENTRY(to, what, usual) \
    {"tap", 0, 0, G_OPTION_ARG_STRING, &(to), \
     "The " what " observed: down.i, mid, up.i, out, eps or x0 (default: " usual ")", "TAP"}
#define PB_TIMESTEP_ENTRY(timestep, rest) \
    {"timestep", 0, 0, G_OPTION_ARG_DOUBLE, &(timestep), "The network's own time" rest, "T"}
#define PB_GUIDED_ENTRY(guided, what) \
    {"guided", 0, 0, G_OPTION_ARG_NONE, &(guided), "With --tap eps or x0: " what, NULL}
#define PB_NULL_RANK_ENTRY(rank) \
    {"null-rank", 0, 0, G_OPTION_ARG_INT, &(rank), \
     "With --mask: keep to the complement of this many leading directions of the rest (default: 50)", "R"}
#define PB_RANK_ENTRY(rank, text) {"rank", 'k', 0, G_OPTION_ARG_INT, &(rank), text, "K"}
#define PB_TOL_ENTRY(tolerance, text) \
    {"tol", 0, 0, G_OPTION_ARG_DOUBLE, &(tolerance), text " (default: 1e-3)", "R"}
#define PB_TOL_OF_BASIS "How exactly: the largest residual, relative to the first singular value"
#define PB_PRECISION_ENTRY(precision, what) \
    {"precision", 0, 0, G_OPTION_ARG_STRING, &(precision), \
     "Of the " what ": fp32, or bf16 with a refinement in fp32 (default: fp32)", "P"}
/* clang-format on */

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
