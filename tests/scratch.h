/* A folder of a test's own, for files to write and read. Every function ends the test when it
 * fails. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

#define SCRATCH_PATH 512

typedef struct scratch {
    char folder[SCRATCH_PATH];
} scratch;

/* A path, for use within one expression: scratch_path(&s, "a").text. */
typedef struct scratch_name {
    char text[2 * SCRATCH_PATH];
} scratch_name;

/* Makes an empty folder, and removes it with all it holds. */
void scratch_open(scratch *s);
void scratch_close(scratch *s);

/* The folder of a test that is listed by SCRATCH_TEST: made before it, removed after it. */
extern scratch here;

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_set_up, scratch_tear_down)
int scratch_set_up(void **state);
int scratch_tear_down(void **state);

scratch_name scratch_path(const scratch *s, const char *name);

/* Writes a file of these bytes. */
void scratch_write(const scratch *s, const char *name, const void *bytes, size_t count);

/* Reads a whole file: the caller frees it with free. A NUL follows the bytes. */
unsigned char *scratch_read(const scratch *s, const char *name, size_t *count);

/* Does a text of a file, up to its first NUL, hold this one? */
bool scratch_holds(const scratch *s, const char *name, const char *text);

/* Copies a folder with all it holds to a new name. */
void scratch_copy(const scratch *s, const char *from, const char *name);

/* Changes a JSON object in a file by another: its values are set, but those that are "-", which
 * are removed. */
void scratch_change(const scratch *s, const char *name, const char *changes);

/* Makes an empty folder. */
void scratch_folder(const scratch *s, const char *name);

/* Is there a file of this name that is not empty? */
int scratch_has(const scratch *s, const char *name);

/* The number of entries in the folder. */
size_t scratch_count(const scratch *s);

#endif
