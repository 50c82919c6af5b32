/* Groups of tests in a browser: each returns how many failed. */
#ifndef TEST_BROWSER_H
#define TEST_BROWSER_H

int browser_photo(void);  /* photos in, and the frame on them */
int browser_find(void);   /* settings, and directions found */
int browser_edit(void);   /* sliders, comparison, steps */
int browser_mask(void);   /* a part of the picture */
int browser_export(void); /* files, commands, other photos */
int browser_access(void); /* keys alone, phones, the dark */

/* No tests: how long somebody waits, as a table. */
int browser_times(void);

#endif
