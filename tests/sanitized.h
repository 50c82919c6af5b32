/* Whether memory or threads are watched over. It makes a run ten times as long, and finds what is
 * read or written wrongly, which a few images show as well as many: the values of all of them are
 * looked at without it. */
#ifndef SANITIZED_H
#define SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* How many of what is alike: all, or under a sanitizer some. */
#define OF_MANY(all, some) (SANITIZED ? (some) : (all))

#endif
