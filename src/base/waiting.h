/* How threads wait for each other at the end of every parallel loop: spinning while this process has
 * its processors to itself, since waking a sleeper takes longer than most loops; asleep while others
 * want the processors too, since a thread that spins then takes them from the very thread it waits
 * for. */
#ifndef PB_BASE_WAITING_H
#define PB_BASE_WAITING_H

/* Looks whether this process has company, and chooses the way of waiting, unless OMP_WAIT_POLICY or
 * GOMP_SPINCOUNT has chosen it. To be called between parallel loops, as often as one likes: it looks
 * only every few hundredths of a second. Any number of threads may call it. */
void pb_waiting_adapt(void);

/* Is the way of waiting now to sleep at once? */
int pb_waiting_sleeps(void);

#endif
