#include "picture/sheet.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "base/legible.h"
#include "base/memory.h"
#include "picture/resize.h"

/* Sizes in pixels of the sheet. */
#define TILE_LEAST 128 /* the shorter side of an enlarged tile */
#define GAP 8
#define MARGIN 16
#define FONT "DejaVu Sans 9"
#define LINE 18 /* height of a line of text */

/* -- channels to colours ----------------------------------------------------------------------- */

/* The three leading principal axes of the channels of all tiles: axes[3 * c], and the mean. */
static pb_status principal_axes(const pb_sheet *s, double *axes, double *mean, pb_error *error)
{
    size_t c = s->c, size = s->h * s->w, count = 0;
    double *covariance = pb_calloc(c * c, sizeof *covariance);
    double *values = pb_calloc(c, sizeof *values);
    pb_status status = PB_OK;

    if (!covariance || !values) {
        status = pb_fail_memory(error, c * c * sizeof *covariance, "principal components");
        goto end;
    }
    memset(mean, 0, c * sizeof *mean);
    for (size_t t = 0; t < s->rows * s->columns; t++) {
        const float *tile = s->tiles[t];
        if (!tile)
            continue;
        count += size;
        for (size_t i = 0; i < c; i++)
            for (size_t p = 0; p < size; p++) {
                mean[i] += (double)tile[i * size + p];
                for (size_t j = 0; j <= i; j++)
                    covariance[i * c + j] +=
                        (double)tile[i * size + p] * (double)tile[j * size + p];
            }
    }
    for (size_t i = 0; i < c; i++)
        mean[i] = s->style == PB_TILE_IMAGE ? mean[i] / (double)count : 0;
    for (size_t i = 0; i < c; i++)
        for (size_t j = 0; j <= i; j++)
            covariance[i * c + j] = covariance[i * c + j] / (double)count - mean[i] * mean[j];
    if (LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'L', (int)c, covariance, (int)c, values)) {
        status = pb_fail(error, PB_NUMERIC, "principal components did not converge");
        goto end;
    }
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < c; i++)
            axes[k * c + i] = k < c ? covariance[i * c + c - 1 - k] : 0;
end:
    pb_free(covariance);
    pb_free(values);
    return status;
}

/* Images of any number of channels as images of 1 or 3: new planes, all tiles after each other. */
static pb_status reduce(const pb_sheet *s, float **planes, size_t *channels, pb_error *error)
{
    size_t size = s->h * s->w, tiles = s->rows * s->columns, c = s->c;
    size_t k = c == 1 ? 1 : 3;
    double *axes = pb_calloc(4 * c + 3, sizeof *axes), *mean = axes ? axes + 3 * c : NULL;
    float *out = pb_calloc(tiles * k * size, sizeof *out);
    pb_status status = PB_OK;

    *planes = out;
    *channels = k;
    if (!axes || !out) {
        pb_free(axes);
        return pb_fail_memory(error, tiles * k * size * sizeof *out, "tiles");
    }
    if (c != k)
        status = principal_axes(s, axes, mean, error);
    for (size_t t = 0; status == PB_OK && t < tiles; t++) {
        const float *in = s->tiles[t];
        float *to = out + t * k * size;
        if (in && c == k)
            memcpy(to, in, c * size * sizeof *to);
        for (size_t j = 0; in && c != k && j < k; j++)
            for (size_t i = 0; i < c; i++)
                for (size_t p = 0; p < size; p++)
                    to[j * size + p] +=
                        (float)(axes[j * c + i] * ((double)in[i * size + p] - mean[i]));
    }
    /* Components of images have no scale of their own. */
    if (status == PB_OK && c != k && s->style == PB_TILE_IMAGE) {
        float largest = 1e-20f;
        for (size_t i = 0; i < tiles * k * size; i++)
            largest = fmaxf(largest, fabsf(out[i]));
        for (size_t i = 0; i < tiles * k * size; i++)
            out[i] /= largest;
    }
    pb_free(axes);
    return status;
}

static unsigned char to_byte(double value)
{
    return (unsigned char)lround(fmin(fmax(value, 0), 255));
}

/* -1 … 1 as blue, white, red. */
static void diverging(float value, unsigned char *rgb)
{
    static const double ends[2][3] = {{33, 102, 172}, {178, 24, 43}};
    double v = fmin(fabs((double)value), 1);
    const double *end = ends[value > 0];

    for (int i = 0; i < 3; i++)
        rgb[i] = to_byte(247 + (end[i] - 247) * v);
}

/* Planes of k channels in [-1, 1] at (x, y) of the pixels. */
static void blit(pb_pixels *p, size_t x, size_t y, size_t k, size_t h, size_t w,
                 const float *planes, pb_tile_style style)
{
    for (size_t r = 0; r < h; r++)
        for (size_t c = 0; c < w; c++) {
            unsigned char *at = p->rgb + ((y + r) * p->width + x + c) * 3;
            const float *v = planes + r * w + c;
            if (k == 1 && style == PB_TILE_DIRECTION)
                diverging(*v, at);
            else
                for (size_t i = 0; i < 3; i++)
                    at[i] = to_byte(127.5 * ((double)v[k == 1 ? 0 : i * h * w] + 1));
        }
}

/* Scales a tile so that its largest magnitude is 1. */
static void saturate(float *tile, size_t count)
{
    float largest = 1e-20f;

    for (size_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(tile[i]));
    for (size_t i = 0; i < count; i++)
        tile[i] /= largest;
}

/* -- text -------------------------------------------------------------------------------------- */

/* Draws a line of text whose left end, middle or right end (align 0, 1, 2) is at x. A system
 * without a font draws none: a sheet without labels is better than no sheet. */
static size_t draw_text(pb_pixels *p, long x, long y, int align, const char *text)
{
    VipsImage *mask = NULL;
    unsigned char *ink;
    size_t count, width = 0;
    char *legible = pb_legible(text), *escaped = g_markup_escape_text(legible ? legible : "", -1);

    if (*escaped && !vips_text(&mask, escaped, "font", FONT, "dpi", 96, NULL) &&
        (ink = vips_image_write_to_memory(mask, &count)) != NULL) {
        long w = mask->Xsize, h = mask->Ysize, left = x - (align == 0 ? 0 : align == 1 ? w / 2 : w);
        long top = y + (LINE - 4 - h); /* stand on the line */
        for (long r = 0; p && r < h; r++)
            for (long c = 0; c < w; c++) {
                long px = left + c, py = top + r;
                unsigned char *at;
                if (px < 0 || py < 0 || (size_t)px >= p->width || (size_t)py >= p->height)
                    continue;
                at = p->rgb + ((size_t)py * p->width + (size_t)px) * 3;
                for (int i = 0; i < 3; i++)
                    at[i] = (unsigned char)(at[i] - at[i] * ink[(r * w + c) * mask->Bands] * 220 /
                                                        255 / 255);
            }
        width = (size_t)w;
        g_free(ink);
    } else
        vips_error_clear();
    if (mask)
        g_object_unref(mask);
    g_free(escaped);
    pb_free(legible);
    return width;
}

static size_t text_width(const char *text)
{
    return draw_text(NULL, 0, 0, 0, text);
}

/* -- layout ------------------------------------------------------------------------------------ */

typedef struct layout {
    size_t tile_w, tile_h;
    size_t left, top; /* of the first tile */
    size_t step_x, step_y;
    size_t lines; /* of the caption */
    size_t width, height;
} layout;

static size_t count_lines(const char *text)
{
    size_t lines = text ? 1 : 0;

    for (; text && *text; text++)
        lines += *text == '\n';
    return lines;
}

static size_t widest_line(const char *text)
{
    size_t widest = 0;

    while (text && *text) {
        char line[512];
        size_t n = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        size_t width = text_width(line);
        widest = width > widest ? width : widest;
        text += n + (text[n] == '\n');
    }
    return widest;
}

static layout lay_out(const pb_sheet *s)
{
    size_t shorter = s->h < s->w ? s->h : s->w;
    size_t factor = (TILE_LEAST + shorter - 1) / shorter, labels = 0, caption;
    layout l = {.tile_w = s->w * factor, .tile_h = s->h * factor};

    for (size_t i = 0; s->row_labels && i < s->rows; i++) {
        size_t width = text_width(s->row_labels[i]);
        labels = width > labels ? width : labels;
    }
    l.left = MARGIN + (labels ? labels + GAP : 0);
    l.top = MARGIN + (s->column_labels ? LINE + 4 : 0);
    l.step_x = l.tile_w + GAP;
    l.step_y = l.tile_h + GAP + (s->tile_labels ? LINE : 0);
    l.lines = count_lines(s->caption);
    l.width = l.left + s->columns * l.step_x - GAP + MARGIN;
    l.height = l.top + s->rows * l.step_y - GAP + (l.lines ? GAP + l.lines * LINE : 0) + MARGIN;
    caption = widest_line(s->caption) + 2 * MARGIN;
    l.width = caption > l.width ? caption : l.width;
    return l;
}

static void draw_labels(const pb_sheet *s, const layout *l, pb_pixels *p)
{
    const char *line = s->caption;
    size_t y = l->height - MARGIN - l->lines * LINE;

    for (size_t i = 0; s->column_labels && i < s->columns; i++)
        draw_text(p, (long)(l->left + i * l->step_x + l->tile_w / 2), (long)l->top - LINE - 4, 1,
                  s->column_labels[i]);
    for (size_t i = 0; s->row_labels && i < s->rows; i++)
        draw_text(p, (long)l->left - GAP, (long)(l->top + i * l->step_y + l->tile_h / 2) - LINE / 2,
                  2, s->row_labels[i]);
    for (size_t i = 0; s->tile_labels && i < s->rows * s->columns; i++)
        if (s->tile_labels[i])
            draw_text(p, (long)(l->left + i % s->columns * l->step_x + l->tile_w / 2),
                      (long)(l->top + i / s->columns * l->step_y + l->tile_h), 1,
                      s->tile_labels[i]);
    for (size_t i = 0; i < l->lines; i++) {
        char text[512];
        size_t n = strcspn(line, "\n");
        snprintf(text, sizeof text, "%.*s", (int)n, line);
        draw_text(p, MARGIN, (long)(y + i * LINE), 0, text);
        line += n + (line[n] == '\n');
    }
}

static void draw_frame(pb_pixels *p, size_t x, size_t y, size_t w, size_t h)
{
    for (size_t ring = 2; ring <= 3; ring++)
        for (size_t r = y - ring; r < y + h + ring; r++)
            for (size_t c = x - ring; c < x + w + ring; c++)
                if (r == y - ring || r == y + h + ring - 1 || c == x - ring ||
                    c == x + w + ring - 1)
                    memset(p->rgb + (r * p->width + c) * 3, 70, 3);
}

static pb_status draw_tiles(const pb_sheet *s, const layout *l, float *planes, size_t k,
                            pb_pixels *p, pb_error *error)
{
    size_t size = k * s->h * s->w;
    float *large = pb_malloc(k * l->tile_h * l->tile_w, sizeof *large);
    pb_status status = PB_OK;

    if (!large)
        return pb_fail_memory(error, k * l->tile_h * l->tile_w * sizeof *large, "a tile");
    for (size_t i = 0; status == PB_OK && i < s->rows * s->columns; i++) {
        size_t x = l->left + i % s->columns * l->step_x, y = l->top + i / s->columns * l->step_y;
        if (!s->tiles[i])
            continue;
        if (s->style == PB_TILE_DIRECTION)
            saturate(planes + i * size, size);
        status = pb_resize(k, s->w, s->h, planes + i * size, l->tile_w, l->tile_h, large, error);
        if (status != PB_OK)
            break;
        blit(p, x, y, k, l->tile_h, l->tile_w, large, s->style);
        if (i % s->columns == s->marked)
            draw_frame(p, x, y, l->tile_w, l->tile_h);
    }
    pb_free(large);
    return status;
}

pb_status pb_sheet_draw(const pb_sheet *sheet, pb_pixels *pixels, pb_error *error)
{
    layout l = lay_out(sheet);
    float *planes = NULL;
    size_t channels;
    pb_status status;

    status = reduce(sheet, &planes, &channels, error);
    if (status == PB_OK)
        status = pb_pixels_new(pixels, l.width, l.height, error);
    if (status == PB_OK)
        status = draw_tiles(sheet, &l, planes, channels, pixels, error);
    if (status == PB_OK)
        draw_labels(sheet, &l, pixels);
    else
        pb_pixels_clear(pixels);
    pb_free(planes);
    return status;
}

pb_status pb_image_draw(const float *image, size_t c, size_t h, size_t w, pb_tile_style style,
                        pb_pixels *pixels, pb_error *error)
{
    const pb_sheet sheet = {
        .rows = 1, .columns = 1, .tiles = &image, .c = c, .h = h, .w = w, .style = style};
    float *planes = NULL;
    size_t channels;
    pb_status status;

    status = reduce(&sheet, &planes, &channels, error);
    if (status == PB_OK)
        status = pb_pixels_new(pixels, w, h, error);
    if (status == PB_OK) {
        if (style == PB_TILE_DIRECTION)
            saturate(planes, channels * h * w);
        blit(pixels, 0, 0, channels, h, w, planes, style);
    }
    pb_free(planes);
    return status;
}
