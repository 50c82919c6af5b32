#include "web/inside.h"

#include <sys/resource.h>

#define OTHERS 128 /* files that the rest of the program has open, and what the daemon needs */

size_t pb_room_for(size_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted + OTHERS)
        return wanted;
    const struct rlimit more = {
        .rlim_cur = limit.rlim_max < wanted + OTHERS ? limit.rlim_max : wanted + OTHERS,
        .rlim_max = limit.rlim_max,
    };
    if (!setrlimit(RLIMIT_NOFILE, &more))
        limit.rlim_cur = more.rlim_cur;
    if (limit.rlim_cur >= wanted + OTHERS)
        return wanted;
    size_t room = limit.rlim_cur > 2 * OTHERS ? limit.rlim_cur - OTHERS : limit.rlim_cur / 2;
    return room ? room : 1;
}
