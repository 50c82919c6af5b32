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
#include <jansson.h>

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

scratch here;

int scratch_set_up(void **state)
{
    (void)state;
    scratch_open(&here);
    return 0;
}

int scratch_tear_down(void **state)
{
    (void)state;
    scratch_close(&here);
    return 0;
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

bool scratch_holds(const scratch *s, const char *name, const char *text)
{
    size_t count;
    char *all = (char *)scratch_read(s, name, &count);
    bool found = strstr(all, text) != NULL;

    free(all);
    return found;
}

void scratch_folder(const scratch *s, const char *name)
{
    assert_int_equal(mkdir(scratch_path(s, name).text, 0777), 0);
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    char buffer[65536];
    size_t n;

    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(buffer, 1, sizeof buffer, in)) > 0)
        assert_int_equal(fwrite(buffer, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    fclose(in);
}

static void copy_all(const char *from, const char *to)
{
    DIR *list = opendir(from);
    struct dirent *entry;

    assert_non_null(list);
    assert_int_equal(mkdir(to, 0777), 0);
    while ((entry = readdir(list))) {
        char source[2 * SCRATCH_PATH], target[3 * SCRATCH_PATH];
        struct stat info;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        assert_int_equal(stat(source, &info), 0);
        (S_ISDIR(info.st_mode) ? copy_all : copy_file)(source, target);
    }
    closedir(list);
}

void scratch_copy(const scratch *s, const char *from, const char *name)
{
    copy_all(from, scratch_path(s, name).text);
}

void scratch_change(const scratch *s, const char *name, const char *changes)
{
    json_t *object = json_load_file(scratch_path(s, name).text, 0, NULL);
    json_t *change = json_loads(changes, 0, NULL), *value;
    const char *key;
    char *text;

    assert_non_null(object);
    assert_non_null(change);
    json_object_foreach(change, key, value)
    {
        if (json_is_string(value) && !strcmp(json_string_value(value), "-"))
            json_object_del(object, key);
        else
            json_object_set(object, key, value);
    }
    text = json_dumps(object, 0);
    scratch_write(s, name, text, strlen(text));
    free(text);
    json_decref(change);
    json_decref(object);
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
