/* How fast this machine is on a model: its best convolutions, the passes of one map, a whole basis;
 * and what each algorithm of convolution costs. Runs hear of the tasks "measuring", "basis" and
 * "tuning". */
#ifndef PB_STUDIO_BENCHMARK_H
#define PB_STUDIO_BENCHMARK_H

#include <jansson.h>

#include <pullback/svd.h>

#include "map/measure.h"
#include "studio/studio.h"

#define PB_BENCHMARK_WIDTHS 16

/* What is measured: the map between two taps. */
typedef struct pb_benchmark_options {
    const char *from, *to;
    double timestep;
    int bf16;             /* of the linear passes, and the basis with a refinement in fp32 */
    size_t count;         /* at most PB_BENCHMARK_WIDTHS block widths: how many vectors at a time */
    const size_t *widths; /* the caller's, also of the benchmark's `of` */
    double seconds;       /* for each pass; for a convolution alone a twentieth */
    size_t rank;          /* of the basis; 0: none */
    double tolerance;
} pb_benchmark_options;

typedef struct pb_benchmark {
    pb_benchmark_options of;
    const char *model; /* its path; the model's */
    size_t height, width;
    int threads;
    double direct, gemm; /* operations per second of the best direct convolution, and of the best
                            matrix product that a 1 x 1 one is */
    double ceiling;      /* the higher of both */
    double linearise_seconds;
    pb_measured forward, jvp[PB_BENCHMARK_WIDTHS], vjp[PB_BENCHMARK_WIDTHS];
    size_t preferred; /* the place of the width that the map prefers, or of the next smaller */
    pb_svd *svd;      /* NULL: not measured */
    pb_map_memory memory;
    size_t peak_bytes; /* of the process, until then */
} pb_benchmark;

/* Measures at the point x (1,c,h,w). *benchmark needs no value before; pb_benchmark_clear frees it,
 * also on failure. Errors: PB_INVALID (a rank that the map has not), those of pb_linearise and of
 * measuring. */
pb_status pb_benchmark_measure(pb_benchmark *benchmark, const pb_studio *studio, const pb_tensor *x,
                               const pb_benchmark_options *options, const pb_run *run,
                               pb_error *error);
void pb_benchmark_clear(pb_benchmark *benchmark);

json_t *pb_benchmark_json(const pb_benchmark *benchmark);

/* "conv2d winograd"; g_free. */
char *pb_benchmark_kind(const pb_measured_kind *kind);

/* Measures every algorithm of each of the map's convolutions, for each block width, and writes the
 * table that pb_model_set_costs takes. *count: of its entries. Errors: those of pb_linearise, of
 * measuring and of writing. */
pb_status pb_benchmark_tune(size_t *count, const pb_studio *studio, const pb_tensor *x,
                            const pb_benchmark_options *options, const char *path,
                            const pb_run *run, pb_error *error);

#endif
