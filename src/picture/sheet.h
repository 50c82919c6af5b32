/* Sheets: labelled grids of small images on white. Strips, grids of samples and pictures of
 * directions are all sheets. */
#ifndef PB_PICTURE_SHEET_H
#define PB_PICTURE_SHEET_H

#include "picture/pixels.h"

typedef enum pb_tile_style {
    PB_TILE_IMAGE,    /* [-1, 1] is black to white */
    PB_TILE_DIRECTION /* each tile on its own: 0 is neutral, the largest magnitude saturates */
} pb_tile_style;

typedef struct pb_sheet {
    size_t rows, columns;
    const float *const *tiles; /* rows * columns images (c, h, w); NULL leaves a gap */
    size_t c, h, w;
    pb_tile_style style;
    const char *const *row_labels;    /* rows of them, or NULL */
    const char *const *column_labels; /* columns of them above the first row, or NULL */
    const char *const *tile_labels;   /* rows * columns of them below each tile, or NULL */
    size_t marked;                    /* a column drawn with a frame; SIZE_MAX: none */
    const char *caption;              /* below all; "\n" begins a new line; or NULL */
} pb_sheet;

/* Draws a sheet; images of one channel are grey (directions: blue to red), of three RGB; of any
 * other number their first three principal components, common to all tiles.
 * *pixels must be empty. Errors: PB_MEMORY. */
pb_status pb_sheet_draw(const pb_sheet *sheet, pb_pixels *pixels, pb_error *error);

/* One image at its own size, without labels. */
pb_status pb_image_draw(const float *image, size_t c, size_t h, size_t w, pb_tile_style style,
                        pb_pixels *pixels, pb_error *error);

#endif
