/* How many threads this process may keep busy. */
#ifndef PB_BASE_THREADS_H
#define PB_BASE_THREADS_H

#include <stdbool.h>

/* The number of processors the scheduler allows this process (its affinity), or what its control
 * group's quota of processor time comes to, rounded up, where that is less. At least 1. Never
 * fails: what the system does not tell sets no limit. */
unsigned pb_threads_available(void);

/* Can so many threads more be had at once? libgomp ends the process where it cannot have what it
 * asks for. */
bool pb_threads_can_have(unsigned threads);

/* The smallest quota of processor time, in processors, of this process's control group and those
 * above it (version 2: cpu.max; version 1: cpu.cfs_quota_us / cpu.cfs_period_us); 0 where there
 * is none. root goes before /proc and every mount point: "" is the system's own. */
double pb_cgroup_processors(const char *root);

#endif
