/* The page of the explorer, as it is part of the program: all files, each as it is in its folder,
 * and nothing in them that the server's Content-Security-Policy forbids, no file and no element
 * that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#include "explore/page.h"
#include "scratch.h"

static const scratch folder = {PB_SOURCE_DIR "/src/explore/page"};

static const pb_page_file *file_of(const char *name, size_t length)
{
    for (size_t i = 0; i < pb_page_file_count; i++)
        if (strlen(pb_page_files[i].name) == length &&
            !strncmp(pb_page_files[i].name, name, length))
            return &pb_page_files[i];
    return NULL;
}

static void test_all_files_are_there(void **state)
{
    size_t count = 0;
    DIR *all = opendir(folder.folder);

    (void)state;
    assert_non_null(all);
    for (const struct dirent *e; (e = readdir(all));)
        count += e->d_name[0] != '.';
    closedir(all);
    assert_int_equal(count, pb_page_file_count);
    assert_non_null(file_of("index.html", strlen("index.html")));
}

static void test_each_has_its_bytes_and_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < pb_page_file_count; i++) {
        const pb_page_file *f = &pb_page_files[i];
        size_t size;
        unsigned char *bytes = scratch_read(&folder, f->name, &size);
        assert_int_equal(size, f->size);
        assert_memory_equal(bytes, f->data, size);
        assert_string_equal(f->type, pb_page_type(f->name));
        free(bytes);
    }
}

static void test_types(void **state)
{
    (void)state;
    assert_string_equal(pb_page_type("a.b.png"), "image/png");
    assert_string_equal(pb_page_type("IMG_1.JPG"), "image/jpeg");
    assert_string_equal(pb_page_type("index.html"), "text/html; charset=utf-8");
    assert_string_equal(pb_page_type("main.js"), "text/javascript; charset=utf-8");
    assert_string_equal(pb_page_type("basis.safetensors"), "application/octet-stream");
    assert_string_equal(pb_page_type("png"), "application/octet-stream");
    assert_string_equal(pb_page_type("a.jsx"), "application/octet-stream");
    assert_string_equal(pb_page_type("a."), "application/octet-stream");
}

/* All that stands between a text and the next quotation mark is to be a file of the page. */
static size_t follow(const pb_page_file *f, const char *before)
{
    size_t size, count = 0;
    char *text = (char *)scratch_read(&folder, f->name, &size);

    for (const char *at = text; (at = strstr(at, before)); count++) {
        at += strlen(before);
        if (!file_of(at, strcspn(at, "\"")))
            fail_msg("%s: there is no file %.40s", f->name, at);
    }
    free(text);
    return count;
}

static void test_what_is_named_is_there(void **state)
{
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < pb_page_file_count; i++)
        count += follow(&pb_page_files[i], "\"/page/") + follow(&pb_page_files[i], "from \"./");
    assert_true(count >= pb_page_file_count - 1);
}

/* Is an element with this id in the page, or made by one of the scripts? */
static int has_element(const char *id, int length)
{
    char in_page[80], in_script[80];

    snprintf(in_page, sizeof in_page, " id=\"%.*s\"", length, id);
    snprintf(in_script, sizeof in_script, "id: \"%.*s\"", length, id);
    if (scratch_holds(&folder, "index.html", in_page))
        return 1;
    for (size_t i = 0; i < pb_page_file_count; i++)
        if (scratch_holds(&folder, pb_page_files[i].name, in_script))
            return 1;
    return 0;
}

static void test_elements_are_there(void **state)
{
    static const char before[] = "$(\"";
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < pb_page_file_count; i++) {
        size_t size;
        char *text = (char *)scratch_read(&folder, pb_page_files[i].name, &size);
        for (const char *at = text; (at = strstr(at, before)); count++) {
            at += strlen(before);
            if (!has_element(at, (int)strcspn(at, "\"")))
                fail_msg("%s: there is no element %.30s", pb_page_files[i].name, at);
        }
        free(text);
    }
    assert_true(count > 50);
}

static void test_nothing_is_inline(void **state)
{
    static const char *const forbidden[] = {"<style",    " style=",     "<script>",
                                            " onclick=", "javascript:", "http://",
                                            "https://",  "innerHTML",   "eval("};

    (void)state;
    for (size_t i = 0; i < pb_page_file_count; i++)
        for (size_t j = 0; j < sizeof forbidden / sizeof *forbidden; j++)
            if (strcmp(pb_page_files[i].type, PB_PAGE_TYPE_svg) &&
                scratch_holds(&folder, pb_page_files[i].name, forbidden[j]))
                fail_msg("%s: %s", pb_page_files[i].name, forbidden[j]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_files_are_there),
        cmocka_unit_test(test_each_has_its_bytes_and_type),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_what_is_named_is_there),
        cmocka_unit_test(test_elements_are_there),
        cmocka_unit_test(test_nothing_is_inline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
