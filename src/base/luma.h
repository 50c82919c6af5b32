/* The brightness of a colour. */
#ifndef PB_BASE_LUMA_H
#define PB_BASE_LUMA_H

/* Rec. 601, of red, green and blue on any scale. */
static inline float pb_luma(float r, float g, float b)
{
    return 0.299f * r + 0.587f * g + 0.114f * b;
}

#endif
