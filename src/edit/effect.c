#include <pullback/edit.h>

#include <math.h>

/* A stage is another regime than the first one below and above these shares of its pace. Those
 * of 140 edits of 14 faces stay within 0.48 and 2.4 (docs/results.md). */
#define COLLAPSED 0.1
#define EXPLODED 3.0

double pb_change(size_t n, const float *a, const float *b)
{
    double square = 0;

    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        square += d * d;
    }
    return n ? sqrt(square / (double)n) : 0;
}

double pb_outside(const pb_tensor *mask, size_t c, size_t h, size_t w, const float *a,
                  const float *b)
{
    size_t rows = mask->shape[0], columns = mask->shape[1];
    double outside = 0, all = 0;

    for (size_t i = 0; i < c * h * w; i++) {
        size_t y = i / w % h * rows / h, x = i % w * columns / w;
        double d = (double)a[i] - (double)b[i];
        outside += (1 - (double)mask->data[y * columns + x]) * d * d;
        all += d * d;
    }
    return all > 0 ? outside / all : 0;
}

pb_pace pb_pace_of(size_t stages, const pb_pace_stage *stage, const pb_pace_limits *limits)
{
    pb_pace pace = {.kind = PB_PACE_STEADY};
    double first = 0;

    for (size_t j = 0; j < stages && pace.kind == PB_PACE_STEADY; j++) {
        size_t before = j ? stage[j - 1].iterate : 0;
        double now = stage[j].change / (double)(stage[j].iterate - before);

        if (j == 0)
            first = now;
        pace = (pb_pace){.from = before,
                         .to = stage[j].iterate,
                         .rate = now,
                         .share = first > 0 ? now / first : 1};
        pace.kind = now < COLLAPSED * first  ? PB_PACE_COLLAPSED
                    : now > EXPLODED * first ? PB_PACE_EXPLODED
                    : limits && now > limits->rate && stage[j].distance > limits->distance
                        ? PB_PACE_FAST
                        : PB_PACE_STEADY;
    }
    return pace;
}
