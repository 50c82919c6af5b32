#include "tiff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST_TAGS 20

enum { SHORT = 3, LONG = 4, UNDEFINED = 7 };

typedef struct buffer {
    unsigned char *bytes;
    size_t count;
} buffer;

/* Appends at an even offset, which is returned. */
static uint32_t append(buffer *b, const void *bytes, size_t count)
{
    size_t at = (b->count + 1) & ~(size_t)1;

    b->bytes = realloc(b->bytes, at + count);
    assert_non_null(b->bytes);
    memset(b->bytes + b->count, 0, at - b->count);
    memcpy(b->bytes + at, bytes, count);
    b->count = at + count;
    return (uint32_t)at;
}

typedef struct directory {
    unsigned char bytes[2 + 12 * MOST_TAGS + 4];
    uint16_t count;
} directory;

/* Tags come in ascending order. */
static void add(directory *d, buffer *b, uint16_t tag, uint16_t type, size_t count,
                const void *values)
{
    size_t size = count * (type == SHORT ? 2 : type == LONG ? 4 : 1);
    unsigned char *entry = d->bytes + 2 + 12 * d->count++;
    uint32_t n = (uint32_t)count, at;

    assert_true(d->count <= MOST_TAGS);
    memcpy(entry, &tag, 2);
    memcpy(entry + 2, &type, 2);
    memcpy(entry + 4, &n, 4);
    if (size <= 4) {
        memcpy(entry + 8, values, size);
        return;
    }
    at = append(b, values, size);
    memcpy(entry + 8, &at, 4);
}

static void add_number(directory *d, buffer *b, uint16_t tag, size_t value)
{
    uint32_t number = (uint32_t)value;

    add(d, b, tag, LONG, 1, &number);
}

/* The same short for each of several bands. */
static void add_shorts(directory *d, buffer *b, uint16_t tag, size_t count, size_t value)
{
    uint16_t values[32];

    assert_true(count <= 32);
    for (size_t i = 0; i < count; i++)
        values[i] = (uint16_t)value;
    add(d, b, tag, SHORT, count, values);
}

/* Appends a page, whose offset belongs at `link`; returns where the next one's does. */
static size_t add_page(buffer *b, const tiff *t, size_t link)
{
    size_t bytes = (t->width * t->bands * t->bits + 7) / 8 * t->height;
    uint32_t pixels = append(b, t->pixels, bytes), at;
    directory d = {{0}, 0};

    add_number(&d, b, 256, t->width);
    add_number(&d, b, 257, t->height);
    add_shorts(&d, b, 258, t->bands, t->bits);
    add_shorts(&d, b, 259, 1, 1);
    add_shorts(&d, b, 262, 1, (size_t)t->photometric);
    add_number(&d, b, 273, pixels);
    if (t->orientation)
        add_shorts(&d, b, 274, 1, (size_t)t->orientation);
    add_shorts(&d, b, 277, 1, t->bands);
    add_number(&d, b, 278, t->height);
    add_number(&d, b, 279, bytes);
    if (t->palette)
        add(&d, b, 320, SHORT, (size_t)3 << t->bits, t->palette);
    if (t->extra)
        add_shorts(&d, b, 338, t->extra, (size_t)t->meaning);
    add_shorts(&d, b, 339, t->bands, t->format ? (size_t)t->format : TIFF_UINT);
    if (t->profile)
        add(&d, b, 34675, UNDEFINED, t->profile_size, t->profile);
    memcpy(d.bytes, &d.count, 2);
    at = append(b, d.bytes, 2 + 12 * (size_t)d.count + 4);
    memcpy(b->bytes + link, &at, 4);
    return at + 2 + 12 * (size_t)d.count;
}

unsigned char *tiff_bytes(const tiff *t, size_t *count)
{
    const uint16_t one = 1;
    const char *order = *(const unsigned char *)&one ? "II*\0" : "MM\0*";
    unsigned char header[8] = {0}; /* the last four: where the first page's directory is */
    buffer b = {NULL, 0};
    size_t link = 4;

    memcpy(header, order, 4);
    append(&b, header, sizeof header);
    for (; t; t = t->next)
        link = add_page(&b, t, link);
    *count = b.count;
    return b.bytes;
}
