/* Numbers that nobody guesses. */
#ifndef PB_EXPLORE_RANDOM_H
#define PB_EXPLORE_RANDOM_H

/* From 1 to 2^53 - 1, which JavaScript holds. */
unsigned long pb_random_id(void);

#endif
