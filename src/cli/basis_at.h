/* The basis at a point: options, computation, certificate, files. */
#ifndef PB_CLI_BASIS_AT_H
#define PB_CLI_BASIS_AT_H

#include "cli/point.h"

typedef struct pb_basis_options {
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
    int null_rank;   /* -1: not given: with a mask 50, or a quarter of the image's entries */
    gboolean guided; /* the map with classifier-free guidance */
} pb_basis_options;

#define PB_BASIS_DEFAULTS ((pb_basis_options){.rank = 50, .tolerance = 1e-3, .null_rank = -1})

/* Errors: PB_INVALID. */
pb_status pb_basis_check(const pb_cli *cli, const pb_basis_options *options, pb_error *error);

/* What --tap is where it is not given: x0 with a mask, which has the size of that tap, else NULL.
 */
char *pb_basis_tap(const pb_basis_options *options, const pb_point_options *where);

/* Checks what --guided needs. Errors: PB_INVALID. */
pb_status pb_guided_check(const pb_basis_options *options, const pb_text_options *text,
                          pb_error *error);

/* What the options ask for, but for the files they name. negative: the condition of
 * guided maps, which the request points to. */
pb_basis_request pb_basis_request_of(const pb_session *session, const pb_point *point,
                                     const pb_basis_options *options, pb_condition *negative);

/* A basis with what is only known right after its computation. */
typedef struct pb_basis_found {
    pb_basis basis;
    pb_svd *svd;
    double *verified; /* residuals by applying the operator, or NULL */
} pb_basis_found;

/* Computes the basis at a point; warns if it did not converge. *found must be {0}; it is freed with
 * pb_basis_found_clear, also on failure. */
pb_status pb_basis_at(pb_basis_found *found, const pb_session *session, const pb_point *point,
                      const pb_basis_options *options, pb_error *error);
void pb_basis_found_clear(pb_basis_found *found);

/* Says in one line how good it is. */
void pb_basis_say(const pb_cli *cli, const pb_basis_found *found);

/* The object that --json prints. */
json_t *pb_basis_json(const pb_basis_found *found, const pb_point *point);

/* Checks that they may be written, as pb_check_output does. */
pb_status pb_basis_check_pictures(const pb_cli *cli, const char *path, pb_error *error);

/* Draws the leading directions into STEM-directions.png, and the spectrum into STEM-spectrum.png
 * (with .csv and .gp). A gnuplot that is missing is a warning. */
pb_status pb_basis_pictures(const pb_cli *cli, const pb_basis_found *found, const char *path,
                            pb_error *error);

#endif
