/* Texts that a careless writer would hand to gnuplot, a shell, XML or SQL as part of a program. */
#ifndef ODD_H
#define ODD_H

#include <stddef.h>

#define ODD_LENGTH 200 /* bytes of a random one */

/* Attempts to run a command that makes a file CANARY, or to end a string, a line or an element;
 * then every byte but NUL between letters, alone, and before a digit; then random ones, the same
 * each time, without "/", "." and NUL. */
enum { ODD_TRIES = 25, ODD_BYTES = 3 * 255, ODD_RANDOM = 200 };
#define ODD_COUNT ((size_t)ODD_TRIES + ODD_BYTES + ODD_RANDOM)

typedef struct odd {
    char text[ODD_LENGTH + 1];
} odd;

odd odd_text(size_t number);

/* Number i of the random ones, a file's name. */
odd odd_name(size_t i);

#endif
