/* Which version of the library this is: of the headers as macros, of the library that a program
 * runs with as functions. The parts are numbers, to be compared:
 *
 *     #if PB_VERSION_NUMBER >= 10203          // 1.2.3
 */
#ifndef PULLBACK_VERSION_H
#define PULLBACK_VERSION_H

#include <pullback/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PB_VERSION_MAJOR 0
#define PB_VERSION_MINOR 1
#define PB_VERSION_PATCH 0

#define PB_VERSION_NUMBER (PB_VERSION_MAJOR * 10000 + PB_VERSION_MINOR * 100 + PB_VERSION_PATCH)

#define PB_VERSION_TEXT_OF(text) #text
#define PB_VERSION_JOIN(major, minor, patch)                                                       \
    PB_VERSION_TEXT_OF(major) "." PB_VERSION_TEXT_OF(minor) "." PB_VERSION_TEXT_OF(patch)

/* "0.1.0" */
#define PB_VERSION_STRING PB_VERSION_JOIN(PB_VERSION_MAJOR, PB_VERSION_MINOR, PB_VERSION_PATCH)

/* PB_VERSION_STRING and PB_VERSION_NUMBER of the library. */
PB_API const char *pb_version(void);
PB_API int pb_version_number(void);

#ifdef __cplusplus
}
#endif

#endif
