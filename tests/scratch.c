#include "scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void scratch_open(scratch *s)
{
    const char *folder = getenv("TMPDIR");

    snprintf(s->folder, sizeof s->folder, "%s/pullback-test-XXXXXX", folder ? folder : "/tmp");
    assert_non_null(mkdtemp(s->folder));
}

static void remove_all(const char *folder)
{
    DIR *list = opendir(folder);
    struct dirent *entry;

    assert_non_null(list);
    while ((entry = readdir(list))) {
        char path[2 * SCRATCH_PATH];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (unlink(path))
            remove_all(path);
    }
    closedir(list);
    assert_int_equal(rmdir(folder), 0);
}

void scratch_close(scratch *s)
{
    remove_all(s->folder);
}

scratch_name scratch_path(const scratch *s, const char *name)
{
    scratch_name path;

    snprintf(path.text, sizeof path.text, "%s/%s", s->folder, name);
    return path;
}

void scratch_write(const scratch *s, const char *name, const void *bytes, size_t count)
{
    FILE *file = fopen(scratch_path(s, name).text, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

unsigned char *scratch_read(const scratch *s, const char *name, size_t *count)
{
    FILE *file = fopen(scratch_path(s, name).text, "rb");
    unsigned char *bytes;
    long size;

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    bytes = malloc((size_t)size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    bytes[size] = '\0';
    fclose(file);
    *count = (size_t)size;
    return bytes;
}

int scratch_has(const scratch *s, const char *name)
{
    struct stat info;

    return stat(scratch_path(s, name).text, &info) == 0 && info.st_size > 0;
}

size_t scratch_count(const scratch *s)
{
    DIR *list = opendir(s->folder);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(list);
    while ((entry = readdir(list)))
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(list);
    return count;
}
