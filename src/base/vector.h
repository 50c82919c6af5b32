/* Innermost loops are compiled for several generations of processors; the loader picks the best
 * one the machine has. Put PB_VECTOR before a static function that holds such a loop and nothing
 * else. (Sanitizers cannot run before their own start-up, when the choice is made.) */
#ifndef PB_BASE_VECTOR_H
#define PB_BASE_VECTOR_H

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&   \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PB_VECTOR                                                                                  \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), noinline))
#else
#define PB_VECTOR
#endif

#endif
