/* How far the tangent spaces of several bases are apart, in H (the spans of their u) and in X (of
 * their v).
 */
#ifndef PULLBACK_COMPARE_H
#define PULLBACK_COMPARE_H

#include <pullback/basis.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Begin with PB_COMPARISON_DEFAULTS. */
typedef struct pb_comparison_options {
    size_t rank;       /* leading directions of each; 0: as many as all have */
    int across_models; /* compare even bases of different models: whether it means anything is for
                          whoever asks to know */
    size_t draws;      /* pairs of random spaces: 1 … 1,000,000 */
    uint64_t seed;     /* of theirs */
} pb_comparison_options;

#define PB_COMPARISON_DEFAULTS ((pb_comparison_options){.draws = 100})
PB_API void pb_comparison_options_init(pb_comparison_options *options);

/* Why one of the two sides was not compared. */
typedef enum pb_incomparable {
    PB_COMPARED,
    PB_OTHER_TAPS,   /* the directions are at different taps, and have nothing to do with each other
                      */
    PB_NO_DIRECTIONS /* some have none there: means in the other space */
} pb_incomparable;

/* One side. Where it was not compared only `why` is set. */
typedef struct pb_compared {
    pb_incomparable why;
    size_t n, k;             /* spaces of dimension k of R^n */
    pb_distances *distances; /* (count,count), as of pb_space_pairs */
    double *angles;          /* (count,count,k) */
    pb_distances largest;    /* what distances are for k right angles, */
    pb_distances random;     /* and for random spaces on average */
} pb_compared;

typedef struct pb_comparison {
    size_t count; /* bases */
    pb_compared h, x;
} pb_comparison;

#define PB_COMPARISON_EMPTY ((pb_comparison){.count = 0})
PB_API void pb_comparison_init(pb_comparison *comparison);
PB_API void pb_comparison_clear(pb_comparison *comparison);

/* Compares two or more bases or means, each with each, on every side on which all of them have
 * directions at one tap. *comparison must be empty; pb_comparison_clear frees it. options: or NULL.
 * Errors: PB_INVALID (bases that do not go together on a side that is compared,
 * pb_bases_compatible; fewer directions than rank; no side to compare), PB_NUMERIC (directions that
 * depend on each other), PB_MEMORY, PB_CANCELLED. */
PB_API pb_status pb_bases_compare(pb_comparison *comparison, size_t count,
                                  const pb_basis *const *bases,
                                  const pb_comparison_options *options, const pb_run *run,
                                  pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
