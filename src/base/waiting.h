/* How threads wait for each other at the end of every parallel loop: spinning while this process
 * has its processors to itself, since waking a sleeper takes longer than most loops; asleep while
 * others want the processors too, since a thread that spins then takes them from the very thread it
 * waits for. */
#ifndef PB_BASE_WAITING_H
#define PB_BASE_WAITING_H

/* Looks whether this process has company, and chooses the way of waiting, unless OMP_WAIT_POLICY or
 * GOMP_SPINCOUNT has chosen it. To be called between parallel loops, as often as one likes: it
 * looks only every few hundredths of a second. Any number of threads may call it. */
void pb_waiting_adapt(void);

/* Is the way of waiting now to sleep at once? */
int pb_waiting_sleeps(void);

/* What the system has counted of a process over some time: seconds of the clock and of processors,
 * and switches of context. */
typedef struct pb_waiting_counts {
    double time, busy;
    double willing, unwilling;
} pb_waiting_counts;

/* Does it have company, by what was counted while its threads, so many, slept at once or did not?
 */
int pb_waiting_company(const pb_waiting_counts *counts, int sleeps, int threads);

#endif
