/* One pass of one operation, through a backend's seam: numbers up, a program of one step, numbers
 * down. */
#ifndef OP_CALL_H
#define OP_CALL_H

#include "op_harness.h"

/* -- arrays ------------------------------------------------------------------------------------ */

/* Zeros; of NaNs; of random numbers; a copy: pb_free. */
void *op_allocate(size_t count, size_t size);
float *op_unwritten(size_t count);
float *op_random(size_t count, double scale, unsigned seed);
float *op_copy(const float *x, size_t count);

/* Of items of the input's size. */
size_t op_input_size(const op_case *c, size_t input);

/* -- calls ------------------------------------------------------------------------------------- */

/* A call with its buffers on the host; what is saved stays on the device. */
typedef struct op_call {
    size_t n, inputs;
    pb_shape in[PB_OP_MAX_INPUTS], out;
    bool bf16, exact;
    bool active[PB_OP_MAX_INPUTS], shared[PB_OP_MAX_INPUTS], add[PB_OP_MAX_INPUTS];
    const float *x[PB_OP_MAX_INPUTS];
    float *y;
    const float *dy;
    float *dx[PB_OP_MAX_INPUTS];
    pb_memory *saved;
} op_call;

const pb_kernel *op_kernel(const op_case *c);

/* Of n items, with nothing given yet. */
op_call op_start(const op_case *c, size_t n, pb_shape out);

/* Runs it; op_run fails the test where that fails. */
pb_status op_try(const op_case *c, const op_call *call, pb_pass pass, pb_error *why);
void op_run(const op_case *c, const op_call *call, pb_pass pass);

/* How many numbers it saves for the linear passes. */
size_t op_saved_size(const op_case *c, const op_call *call);

/* Is the input read? The last `unread` ones are not. */
bool op_is_read(const op_case *c, size_t input);

/* May the first input be where the output is? */
bool op_may_share(const op_case *c, pb_shape out);

/* -- memory of the device ---------------------------------------------------------------------- */

/* Room for so many numbers, all of them NaN; NULL may be dropped. */
pb_memory *op_memory(const op_case *c, size_t numbers);
void op_drop(const op_case *c, pb_memory *memory);

void op_download(const op_case *c, const pb_memory *memory, size_t at, float *to, size_t count);

#endif
