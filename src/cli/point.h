/* The point x_t at which a basis is taken or an edit begins: of an image, of a seed, or given. */
#ifndef PB_CLI_POINT_H
#define PB_CLI_POINT_H

#include "cli/session.h"

/* Options that say where the point is. Begin with PB_POINT_DEFAULTS. */
typedef struct pb_point_options {
    const char *image; /* a picture or a .npy; NULL: none */
    char *x;           /* a .npy or .safetensors with the point itself */
    gint64 seed;       /* -1: none */
    int steps;         /* points of the time grid */
    double t;          /* fraction of T; NaN: not given */
    double timestep;   /* the network's time; NaN: not given */
    gboolean direct;   /* stop the inversion at t */
    gboolean latents;  /* the image's .npy holds latents, not a picture */
    char *fit;
    char *crop;        /* as given: auto, none, X,Y,W,H; or NULL */
    double megapixels; /* the largest photo or mask that is read */
    int class_label;   /* -1: none */
    pb_text_options text;
    int pixel_height, pixel_width; /* of what a seed draws or a photo becomes; 0: the model's own */
    char *mask;                    /* a picture, white where the edit is wanted, or a .npy */
    pb_crop cut;                   /* fit and crop, after pb_point_check */
    double x_timestep, x_t;        /* what a .safetensors of --x says of itself; NaN: nothing */
} pb_point_options;

#define PB_POINT_DEFAULTS                                                                          \
    ((pb_point_options){.seed = -1,                                                                \
                        .steps = 100,                                                              \
                        .t = NAN,                                                                  \
                        .timestep = NAN,                                                           \
                        .megapixels = PB_MEGAPIXELS,                                               \
                        .class_label = -1,                                                         \
                        .x_timestep = NAN,                                                         \
                        .x_t = NAN,                                                                \
                        .text = PB_TEXT_DEFAULTS})

/* Which of those options a command takes. */
enum {
    PB_POINT_STEPS = 1,
    PB_POINT_T = 2,
    PB_POINT_X = 4,
    PB_POINT_SEED = 8,
    PB_POINT_PICTURE = 16,  /* how a picture is read: --fit, --crop, --max-megapixels */
    PB_POINT_INVERT = 2048, /* how it is inverted: --direct, --latents */
    PB_POINT_IMAGE = PB_POINT_PICTURE | PB_POINT_INVERT,
    PB_POINT_CLASS = 32,
    PB_POINT_MASK = 64,
    PB_POINT_PROMPT = 128,    /* --prompt */
    PB_POINT_GUIDANCE = 1024, /* --negative-prompt, --guidance-scale */
    PB_POINT_TEXT = PB_POINT_PROMPT | PB_POINT_GUIDANCE,
    PB_POINT_EDIT_TEXT = 256, /* --edit-prompt */
    PB_POINT_SIZE = 512       /* --height, --width */
};

#define PB_POINT_ENTRIES 19

/* Fills the table of the options that `kinds` names, for pb_cli_parse. */
void pb_point_entries(pb_point_options *options, unsigned kinds,
                      GOptionEntry entries[PB_POINT_ENTRIES]);

/* Checks the options after parsing, and takes steps, noise level, class and prompts from a
 * .safetensors of --x where they are not given. Errors: PB_INVALID, those of reading it. */
pb_status pb_point_check(pb_cli *cli, pb_point_options *options, pb_error *error);

typedef struct pb_point {
    pb_photo photo; /* empty unless the image was a picture */
    int has_photo;
    pb_tensor image; /* (1,c,h,w), what the network sees of the image; empty unless there is one */
    pb_tensor x;     /* (1,c,h,w), x_t */
    size_t grid;     /* the grid point; SIZE_MAX where --timestep is off the grid */
    pb_tensor mask;  /* (h,w), 0 to 1; empty: none */
    double t;        /* the fraction asked for, NaN with --timestep */
    double timestep; /* the network's time */
} pb_point;

/* Is a command's image (or NULL) a picture, not an array? */
int pb_is_photo(const char *image);

/* The model of a command that none is named for: of a photo the bundled one, with a line on stderr.
 * image: a command's, or NULL. Errors: PB_INVALID (no photo). */
pb_status pb_model_for(pb_cli *cli, const char *image, pb_error *error);

/* Reads the image, says which part of a photo it takes where a face decides that, and makes the
 * session's evaluator of its size. *point must be zero-filled; pb_point_clear frees it, also on
 * failure. */
pb_status pb_point_read_image(pb_point *point, pb_session *session, const pb_point_options *options,
                              pb_error *error);

/* The grid point and the timestep that the options name, or the file of --x; t falls back to the
 * model's recommendation, then to 0.6, of latents 0.7. Says so where a .npy's is assumed, and where
 * the grid is so coarse that t becomes another. Errors: PB_INVALID (t is 0 there, or not what the
 * file says). */
pb_status pb_point_time(pb_point *point, const pb_session *session, const pb_point_options *options,
                        pb_error *error);

/* Checks that the point is one of a grid of so many. Errors: PB_INVALID. */
pb_status pb_point_on_grid(const pb_point *point, int steps, pb_error *error);

/* Finds x_t. */
pb_status pb_point_find(pb_point *point, pb_session *session, const pb_point_options *options,
                        pb_error *error);
void pb_point_clear(pb_point *point);

/* Draws torch.randn of (n, c, h, w) for the session's size. *tensor must be empty. */
pb_status pb_draw_noise(pb_tensor *tensor, const pb_session *session, size_t n, uint64_t seed,
                        pb_error *error);

#endif
