/* Settings in words, for a page. */
#ifndef PB_STUDY_REPORT_WORDS_H
#define PB_STUDY_REPORT_WORDS_H

#include <jansson.h>

/* The value of a setting as text (pb_free; NULL: no memory): "none" for what null, -1 or an empty
 * list stand for, "yes" and "no", of a list a line for each item; a path of a file that is there as
 * it is from `folder` on, which is absolute: "../photos/a.jpg". */
char *pb_setting_words(const char *key, const json_t *value, const char *folder);

#endif
