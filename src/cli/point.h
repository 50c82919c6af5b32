/* The point x_t at which a basis is taken or an edit begins: of an image, of a seed, or given. */
#ifndef PB_CLI_POINT_H
#define PB_CLI_POINT_H

#include "cli/session.h"

/* Options that say where the point is. Begin with PB_POINT_DEFAULTS. */
typedef struct pb_point_options {
    const char *image; /* a picture or a .npy; NULL: none */
    char *x;           /* a .npy with the point itself */
    gint64 seed;       /* -1: none */
    int steps;         /* points of the time grid */
    double t;          /* fraction of T; NaN: not given */
    double timestep;   /* the network's time; NaN: not given */
    gboolean direct;   /* stop the inversion at t */
    char *fit;
    char *crop;      /* as given; not NULL: crop_value holds */
    int class_label; /* -1: none */
    pb_fit fit_value;
    pb_area crop_value;
} pb_point_options;

#define PB_POINT_DEFAULTS                                                                          \
    ((pb_point_options){.seed = -1, .steps = 100, .t = NAN, .timestep = NAN, .class_label = -1})

/* The entries of those options for a command's table. */
#define PB_POINT_STEPS(o)                                                                          \
    {                                                                                              \
        "steps", 's', 0, G_OPTION_ARG_INT, &(o).steps, "Points of the time grid (default: 100)",   \
            "S"                                                                                    \
    }
#define PB_POINT_T(o)                                                                              \
    {                                                                                              \
        "t", 't', 0, G_OPTION_ARG_DOUBLE, &(o).t,                                                  \
            "Noise level as a fraction of T, 0 to 1, snapped to the grid (default: the model's, "  \
            "or 0.6)",                                                                             \
            "T"                                                                                    \
    }
#define PB_POINT_X(o)                                                                              \
    {                                                                                              \
        "x", 0, 0, G_OPTION_ARG_FILENAME, &(o).x, "The noisy image itself, as .npy", "F.npy"       \
    }
#define PB_POINT_SEED(o)                                                                           \
    {                                                                                              \
        "seed", 0, 0, G_OPTION_ARG_INT64, &(o).seed,                                               \
            "Begin with the noise of torch.manual_seed(N); torch.randn(…)", "N"                    \
    }
#define PB_POINT_CLASS(o)                                                                          \
    {                                                                                              \
        "class", 0, 0, G_OPTION_ARG_INT, &(o).class_label,                                         \
            "Class label, for a network that has them", "C"                                        \
    }
#define PB_POINT_IMAGE(o)                                                                          \
    {"fit",    0,                                                                                  \
     0,        G_OPTION_ARG_STRING,                                                                \
     &(o).fit, "How a photo meets the network's size: crop, pad or stretch (default: crop)",       \
     "HOW"},                                                                                       \
        {"crop",    0,                                                                             \
         0,         G_OPTION_ARG_STRING,                                                           \
         &(o).crop, "The part of the photo to use, in its pixels",                                 \
         "X,Y,W,H"},                                                                               \
    {                                                                                              \
        "direct", 0, 0, G_OPTION_ARG_NONE, &(o).direct,                                            \
            "Stop the inversion at t (fewer steps, nearly the same point)", NULL                   \
    }

/* Checks the options after parsing. Errors: PB_INVALID. */
pb_status pb_point_check(pb_point_options *options, pb_error *error);

typedef struct pb_point {
    pb_photo photo; /* empty unless the image was a picture */
    int has_photo;
    pb_tensor image; /* (1,c,h,w), what the network sees of the image; empty unless there is one */
    pb_tensor x;     /* (1,c,h,w), x_t */
    size_t grid;     /* the grid point; SIZE_MAX where --timestep is off the grid */
    double t;        /* the fraction asked for, NaN with --timestep */
    double timestep; /* the network's time */
} pb_point;

/* Reads the image, and makes the session's evaluator of its size. *point must be zero-filled;
 * pb_point_clear frees it, also on failure. */
pb_status pb_point_read_image(pb_point *point, pb_session *session, const pb_point_options *options,
                              pb_error *error);

/* Finds x_t. t falls back to the model's recommendation, then to 0.6. */
pb_status pb_point_find(pb_point *point, pb_session *session, const pb_point_options *options,
                        pb_error *error);
void pb_point_clear(pb_point *point);

/* Draws torch.randn of (n, c, h, w) for the session's size. *tensor must be empty. */
pb_status pb_draw_noise(pb_tensor *tensor, const pb_session *session, size_t n, uint64_t seed,
                        pb_error *error);

#endif
