/* bfloat16: the upper half of a float32, rounded to nearest even. */
#ifndef PB_CPU_BFLOAT_H
#define PB_CPU_BFLOAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Has the processor instructions that multiply such numbers? */
bool pb_bfloat_native(void);

/* Rounds count floats: into halves, or into floats of that precision. In parallel. */
void pb_bfloat_pack(size_t count, const float *x, uint16_t *out);
void pb_bfloat_round(size_t count, const float *x, float *out);

#endif
