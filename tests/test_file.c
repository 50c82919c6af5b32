/* Files: reading, whole outputs, digests; and what becomes of them when the system refuses. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject.h"
#include "io/file.h"
#include "scratch.h"

/* -- reading ------------------------------------------------------------------------------- */

static void expect_error(const pb_error *error, pb_status status, const char *path,
                         const char *piece)
{
    assert_int_equal(error->status, status);
    assert_non_null(strstr(error->message, path));
    if (!strstr(error->message, piece))
        fail_msg("expected \"%s\" in \"%s\"", piece, error->message);
}

/* In whatever way. */
static void expect_refused(const char *path, pb_status status, const char *piece)
{
    pb_bytes bytes;
    pb_error error;
    pb_file file;

    assert_int_equal(pb_file_read(&bytes, path, SIZE_MAX, &error), status);
    expect_error(&error, status, path, piece);
    assert_null(bytes.data);
    pb_bytes_clear(&bytes);
    assert_int_equal(pb_file_open(&file, path, &error), status);
    expect_error(&error, status, path, piece);
    assert_null(file.path);
    pb_file_close(&file);
}

static void test_read(void **state)
{
    const scratch_name path = scratch_path(&here, "a");
    pb_bytes bytes;
    pb_error error;

    (void)state;
    scratch_write(&here, "a", "hello", 5);
    for (int slow = 0; slow < 2; slow++) {
        inject_slow_reads(slow);
        assert_int_equal(pb_file_read(&bytes, path.text, 5, NULL), PB_OK);
        inject_slow_reads(false);
        assert_int_equal(bytes.size, 5);
        assert_string_equal((char *)bytes.data, "hello"); /* a NUL follows */
        pb_bytes_clear(&bytes);
        assert_null(bytes.data);
        pb_bytes_clear(&bytes);
    }
    assert_int_equal(pb_file_read(&bytes, path.text, 4, &error), PB_FORMAT);
    expect_error(&error, PB_FORMAT, path.text, "expected at most 4 bytes, found 5");
    assert_null(bytes.data);
}

static void test_read_at(void **state)
{
    const scratch_name path = scratch_path(&here, "a");
    char out[5] = "";
    pb_error error;
    pb_file file;

    (void)state;
    scratch_write(&here, "a", "hello", 5);
    assert_int_equal(pb_file_open(&file, path.text, NULL), PB_OK);
    assert_int_equal(file.size, 5);
    for (int slow = 0; slow < 2; slow++) {
        inject_slow_reads(slow);
        assert_int_equal(pb_file_read_at(&file, 1, out, 3, NULL), PB_OK);
        inject_slow_reads(false);
        assert_string_equal(out, "ell");
        memset(out, 0, sizeof out);
    }
    assert_int_equal(pb_file_read_at(&file, 5, out, 0, NULL), PB_OK);
    assert_int_equal(pb_file_read_at(&file, 3, out, 3, &error), PB_IO);
    expect_error(&error, PB_IO, path.text, "expected 3 bytes from byte 3 on, found 2");
    pb_file_close(&file);
    pb_file_close(&file);
}

static void test_read_refuses(void **state)
{
    struct rlimit limit, none;

    (void)state;
    scratch_write(&here, "empty", "", 0);
    assert_int_equal(mkfifo(scratch_path(&here, "fifo").text, 0600), 0);
    expect_refused(scratch_path(&here, "none").text, PB_IO, strerror(ENOENT));
    expect_refused(here.folder, PB_IO, "found a folder");
    expect_refused(scratch_path(&here, "fifo").text, PB_IO, "expected a regular file");
    expect_refused("/dev/null", PB_IO, "expected a regular file");
    expect_refused(scratch_path(&here, "empty").text, PB_FORMAT, "empty");
    /* All the files that the system lets it open are open. */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    expect_refused(scratch_path(&here, "empty").text, PB_IO, strerror(EMFILE));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Opens a file that was last written to long ago. */
static void open_old(pb_file *file, const char *path)
{
    static const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    scratch_write(&here, "a", "hello", 5);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    assert_int_equal(pb_file_open(file, path, NULL), PB_OK);
}

/* Written to since it was opened: shorter, longer, other bytes. */
static void test_read_changed(void **state)
{
    static const struct {
        const char *text, *piece;
    } cases[] = {
        {"hel", "expected 5 bytes, as when it was opened, found 3"},
        {"", "expected 5 bytes, as when it was opened, found 0"},
        {"hello there", "expected 5 bytes, as when it was opened, found 11"},
        {"HELLO", "expected the 5 bytes of when it was opened, found others"},
    };
    const scratch_name path = scratch_path(&here, "a");
    char out[5];
    pb_error error;
    pb_file file;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_old(&file, path.text);
        scratch_write(&here, "a", cases[i].text, strlen(cases[i].text));
        for (size_t at = 0; at < 5; at += 4) { /* what is still there, too */
            assert_int_equal(pb_file_read_at(&file, at, out, 1, &error), PB_IO);
            expect_error(&error, PB_IO, path.text, cases[i].piece);
        }
        pb_file_close(&file);
    }
}

/* Its name goes to another file, or to none: it is still the one that was opened. */
static void test_read_replaced(void **state)
{
    const scratch_name path = scratch_path(&here, "a");
    char out[6] = "";
    pb_file file;

    (void)state;
    open_old(&file, path.text);
    assert_int_equal(pb_file_write(path.text, "new", 3, NULL), PB_OK);
    assert_int_equal(pb_file_read_at(&file, 0, out, 5, NULL), PB_OK);
    assert_string_equal(out, "hello");
    assert_int_equal(unlink(path.text), 0);
    assert_int_equal(pb_file_read_at(&file, 0, out, 5, NULL), PB_OK);
    pb_file_close(&file);
}

/* Cut between opening and reading, or between two pieces. */
static void test_read_cut(void **state)
{
    static const char bytes[100000] = {1};
    const scratch_name name = scratch_path(&here, "a");
    const char *path = name.text;
    char digest[65];
    pb_bytes whole;
    pb_error error;

    (void)state;
    scratch_write(&here, "a", bytes, sizeof bytes);
    inject_cut(path, 70000, 1);
    assert_int_equal(pb_file_read(&whole, path, SIZE_MAX, &error), PB_IO);
    expect_error(&error, PB_IO, path, "expected 100000 bytes, as when it was opened, found 70000");
    assert_null(whole.data);
    scratch_write(&here, "a", bytes, sizeof bytes);
    inject_cut(path, 80000, 3);
    assert_int_equal(pb_file_sha256(1, &path, NULL, digest, NULL, &error), PB_IO);
    expect_error(&error, PB_IO, path, "expected 100000 bytes, as when it was opened, found 80000");
}

/* -- whole outputs ------------------------------------------------------------------------- */

static void expect_content(const char *name, const char *text)
{
    size_t n;
    unsigned char *bytes = scratch_read(&here, name, &n);

    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, n);
    free(bytes);
}

static void test_output(void **state)
{
    pb_output out;
    struct stat info;
    const mode_t mask = umask(027);

    (void)state;
    scratch_write(&here, "a", "old", 3);
    assert_int_equal(pb_output_open(&out, scratch_path(&here, "a").text, NULL), PB_OK);
    assert_int_equal(pb_output_bytes(&out, "new", 3, NULL), PB_OK);
    assert_int_equal(fflush(out.stream), 0);
    expect_content("a", "old");
    assert_int_equal(scratch_count(&here), 2);
    assert_int_equal(pb_output_commit(&out, NULL), PB_OK);
    expect_content("a", "new");
    assert_int_equal(scratch_count(&here), 1);
    assert_int_equal(stat(scratch_path(&here, "a").text, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    pb_output_abandon(&out);
    expect_content("a", "new");
    umask(mask);
}

static void test_output_abandoned(void **state)
{
    pb_output out;

    (void)state;
    assert_int_equal(pb_output_open(&out, scratch_path(&here, "b").text, NULL), PB_OK);
    assert_int_equal(pb_output_bytes(&out, "new", 3, NULL), PB_OK);
    pb_output_abandon(&out);
    assert_int_equal(scratch_count(&here), 0);
    pb_output_abandon(&out);
}

static void test_output_through_link(void **state)
{
    pb_output out;
    struct stat info;

    (void)state;
    scratch_write(&here, "a", "old", 3);
    assert_int_equal(symlink("a", scratch_path(&here, "link").text), 0);
    assert_int_equal(pb_output_open(&out, scratch_path(&here, "link").text, NULL), PB_OK);
    assert_int_equal(pb_output_bytes(&out, "new", 3, NULL), PB_OK);
    assert_int_equal(pb_output_commit(&out, NULL), PB_OK);
    expect_content("a", "new");
    assert_int_equal(lstat(scratch_path(&here, "link").text, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void test_output_in_this_folder(void **state)
{
    char before[4096];
    pb_output out;

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(here.folder), 0);
    assert_int_equal(pb_output_open(&out, "plain", NULL), PB_OK);
    assert_int_equal(pb_output_bytes(&out, "new", 3, NULL), PB_OK);
    assert_int_equal(pb_output_commit(&out, NULL), PB_OK);
    assert_int_equal(chdir(before), 0);
    expect_content("plain", "new");
}

static void expect_output_error(const char *path, const char *piece)
{
    pb_output out;
    pb_error error;

    assert_int_equal(pb_output_open(&out, path, &error), PB_IO);
    assert_non_null(strstr(error.message, path));
    if (!strstr(error.message, piece))
        fail_msg("expected \"%s\" in \"%s\"", piece, error.message);
    pb_output_abandon(&out);
}

static void test_output_refuses(void **state)
{
    (void)state;
    scratch_write(&here, "a", "old", 3);
    expect_output_error(scratch_path(&here, "none/b").text, strerror(ENOENT));
    expect_output_error(scratch_path(&here, "a/b").text, strerror(ENOTDIR));
    expect_output_error(here.folder, "found a folder");
    expect_output_error(scratch_path(&here, "b/").text, "a file's name is missing");
    expect_output_error("/dev/null", "expected a regular file");
    expect_output_error("", "a file's name is missing");
    assert_int_equal(scratch_count(&here), 1);
}

/* A full disk: every byte is lost, and only flushing says so. */
static void test_output_full(void **state)
{
    FILE *full = fopen("/dev/full", "wb");
    pb_output out;
    pb_error error;

    (void)state;
    if (!full)
        skip();
    scratch_write(&here, "a", "old", 3);
    assert_int_equal(pb_output_open(&out, scratch_path(&here, "a").text, NULL), PB_OK);
    fclose(out.stream);
    out.stream = full;
    assert_int_equal(pb_output_bytes(&out, "new", 3, NULL), PB_OK);
    assert_int_equal(pb_output_commit(&out, &error), PB_IO);
    assert_non_null(strstr(error.message, strerror(ENOSPC)));
    expect_content("a", "old");
    assert_int_equal(scratch_count(&here), 1);
}

static void test_output_floats(void **state)
{
    const float values[] = {1, -2};
    const unsigned char expected[] = {0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0};
    unsigned char *bytes;
    pb_output out;
    size_t n;

    (void)state;
    assert_int_equal(pb_output_open(&out, scratch_path(&here, "a").text, NULL), PB_OK);
    assert_int_equal(pb_output_floats(&out, values, 2, NULL), PB_OK);
    assert_int_equal(pb_output_floats(&out, NULL, 0, NULL), PB_OK);
    assert_int_equal(pb_output_commit(&out, NULL), PB_OK);
    bytes = scratch_read(&here, "a", &n);
    assert_int_equal(n, sizeof expected);
    assert_memory_equal(bytes, expected, n);
    free(bytes);
}

static pb_status sha256(const char *path, char digest[65], pb_error *error)
{
    return pb_file_sha256(1, &path, NULL, digest, NULL, error);
}

/* The examples of FIPS 180-4, and a million letters. */
static void test_sha256(void **state)
{
    char *million = malloc(1000000);
    char digest[65];
    pb_error error;

    (void)state;
    assert_non_null(million);
    memset(million, 'a', 1000000);
    scratch_write(&here, "empty", "", 0);
    scratch_write(&here, "abc", "abc", 3);
    scratch_write(&here, "million", million, 1000000);
    free(million);
    assert_int_equal(sha256(scratch_path(&here, "empty").text, digest, NULL), PB_OK);
    assert_string_equal(digest, "e3b0c44298fc1c149afbf4c8996fb924"
                                "27ae41e4649b934ca495991b7852b855");
    assert_int_equal(sha256(scratch_path(&here, "abc").text, digest, NULL), PB_OK);
    assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223"
                                "b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(sha256(scratch_path(&here, "million").text, digest, NULL), PB_OK);
    assert_string_equal(digest, "cdc76e5c9914fb9281a1c7e284d73e67"
                                "f1809a48a497200e046d39ccc7112cd0");
    assert_int_equal(sha256(here.folder, digest, &error), PB_IO);
}

/* -- injected failures --------------------------------------------------------------------- */

static pb_status replace(void *context, pb_error *error)
{
    pb_output out;
    pb_status status;

    (void)context;
    status = pb_output_open(&out, scratch_path(&here, "a").text, error);
    if (!status)
        status = pb_output_bytes(&out, "new", 3, error);
    if (!status)
        return pb_output_commit(&out, error);
    pb_output_abandon(&out);
    return status;
}

/* Old or new, nothing between and nothing beside. */
static void check_replaced(void *context, pb_status status, const char *failed)
{
    unsigned *tolerated = context;

    assert_int_equal(scratch_count(&here), 1);
    expect_content("a", status ? "old" : "new");
    if (!status && failed) {
        /* Only the folder's sync, after the renaming, may fail without harm. */
        assert_true(inject_called("rename"));
        ++*tolerated;
    }
    scratch_write(&here, "a", "old", 3);
}

static void test_output_injected(void **state)
{
    unsigned tolerated = 0;

    (void)state;
    scratch_write(&here, "a", "old", 3);
    assert_true(inject_each(INJECT_FILES, replace, check_replaced, &tolerated, true) >= 10);
    assert_int_equal(tolerated, 2); /* open and fsync of the folder */
    assert_true(inject_each(INJECT_MEMORY, replace, check_replaced, &tolerated, false) >= 2);
}

static pb_status read_whole(void *context, pb_error *error)
{
    pb_bytes bytes;
    pb_status status = pb_file_read(&bytes, scratch_path(&here, "a").text, SIZE_MAX, error);

    (void)context;
    pb_bytes_clear(&bytes);
    return status;
}

static pb_status digest_file(void *context, pb_error *error)
{
    char digest[65];

    (void)context;
    return sha256(scratch_path(&here, "a").text, digest, error);
}

static void test_reading_injected(void **state)
{
    (void)state;
    scratch_write(&here, "a", "old", 3);
    assert_int_equal(inject_each(INJECT_FILES | INJECT_MEMORY, read_whole, NULL, NULL, false), 5);
    assert_true(inject_each(INJECT_FILES | INJECT_MEMORY, digest_file, NULL, NULL, false) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_read),
        SCRATCH_TEST(test_read_at),
        SCRATCH_TEST(test_read_refuses),
        SCRATCH_TEST(test_read_changed),
        SCRATCH_TEST(test_read_replaced),
        SCRATCH_TEST(test_read_cut),
        SCRATCH_TEST(test_output),
        SCRATCH_TEST(test_output_abandoned),
        SCRATCH_TEST(test_output_through_link),
        SCRATCH_TEST(test_output_in_this_folder),
        SCRATCH_TEST(test_output_refuses),
        SCRATCH_TEST(test_output_full),
        SCRATCH_TEST(test_output_floats),
        SCRATCH_TEST(test_sha256),
        SCRATCH_TEST(test_output_injected),
        SCRATCH_TEST(test_reading_injected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
