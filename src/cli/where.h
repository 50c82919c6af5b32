/* Options that say of what a command's point is: a photo, an array, a seed, a noisy image; and how
 * they are read. */
#ifndef PB_CLI_WHERE_H
#define PB_CLI_WHERE_H

#include "cli/desk.h"
#include "cli/sizes.h"

/* Begin with PB_WHERE_DEFAULTS. */
typedef struct pb_where {
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
    pb_prompts prompts;
    pb_size_flags sizes;           /* into prompts.sizes */
    int pixel_height, pixel_width; /* of what a seed draws or a photo becomes; 0: the model's own */
    char *mask;                    /* a picture, white where the edit is wanted, or a .npy */
    pb_crop cut;                   /* fit and crop, after pb_where_check */
    double x_timestep;             /* what a .safetensors of --x says of itself; NaN: nothing */
    const pb_basis *fits;          /* directions that the image must go with; NULL: none, */
    const char *fits_by;           /* and their file */
} pb_where;

#define PB_WHERE_DEFAULTS                                                                          \
    ((pb_where){.seed = -1,                                                                        \
                .steps = 100,                                                                      \
                .t = NAN,                                                                          \
                .timestep = NAN,                                                                   \
                .megapixels = PB_MEGAPIXELS,                                                       \
                .class_label = -1,                                                                 \
                .x_timestep = NAN,                                                                 \
                .prompts = PB_PROMPTS_DEFAULTS})

/* Which of those options a command takes. */
enum {
    PB_WHERE_STEPS = 1,
    PB_WHERE_T = 2,
    PB_WHERE_X = 4,
    PB_WHERE_SEED = 8,
    PB_WHERE_PICTURE = 16,  /* how a picture is read: --fit, --crop, --max-megapixels */
    PB_WHERE_INVERT = 2048, /* how it is inverted: --direct, --latents */
    PB_WHERE_IMAGE = PB_WHERE_PICTURE | PB_WHERE_INVERT,
    PB_WHERE_CLASS = 32,
    PB_WHERE_MASK = 64,
    PB_WHERE_PROMPT = 128,    /* --prompt */
    PB_WHERE_GUIDANCE = 1024, /* --negative-prompt, --guidance-scale */
    PB_WHERE_TEXT = PB_WHERE_PROMPT | PB_WHERE_GUIDANCE,
    PB_WHERE_EDIT_TEXT = 256, /* --edit-prompt */
    PB_WHERE_SIZE = 512,      /* --height, --width */
    PB_WHERE_TOLD = 4096,     /* --original-size, --crop-coords, --target-size */
    PB_WHERE_BASIS = 8192     /* none of these, but --basis of its own, which says steps */
};

#define PB_WHERE_ENTRIES 22

/* Fills the table of the options that `kinds` names, for pb_cli_command. */
void pb_where_entries(pb_where *where, unsigned kinds, GOptionEntry entries[PB_WHERE_ENTRIES]);

/* Checks the options after parsing, and takes steps, noise level, class and prompts from a
 * .safetensors of --x where they are not given. guidance: is there a scale also where none is
 * given? Errors: PB_INVALID, those of reading it. */
pb_status pb_where_check(pb_cli *cli, pb_where *where, int guidance, pb_error *error);

/* Is a command's image (or NULL) a picture, not an array? */
int pb_is_photo(const char *image);

/* The model of a command that none is named for: of a photo the bundled one, with a line on stderr.
 * image: a command's, or NULL. Errors: PB_INVALID (no photo). */
pb_status pb_model_for(pb_cli *cli, const char *image, pb_error *error);

/* Reads what the options name into the desk's source, says which part of a photo is taken where a
 * face decides that, and checks that directions fit. */
pb_status pb_where_read(pb_desk *desk, const pb_where *where, pb_error *error);

/* Is the point where the file of --x says that it lies? Errors: PB_INVALID. */
pb_status pb_where_check_time(const pb_where *where, const pb_point *point, pb_error *error);

/* Reads it, and finds x_t, the desk's point. Says so where a .npy's t is assumed. */
pb_status pb_where_find(pb_desk *desk, const pb_where *where, pb_error *error);

#endif
