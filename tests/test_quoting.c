/* Text in other languages: each judged by who reads it. gnuplot, sh, an XML parser, jansson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/legible.h"
#include "base/memory.h"
#include "golden.h"
#include "io/json.h"
#include "odd.h"
#include "picture/plot.h"
#include "picture/sheet.h"
#include "scratch.h"
#include "terminal/shell.h"

extern char **environ;

static FILE *begin(const char *name)
{
    FILE *file = fopen(scratch_path(&here, name).text, "wb");

    assert_non_null(file);
    return file;
}

/* Ends the test unless a text file is this one. */
static void expect_file(const char *name, const GString *expected)
{
    size_t count;
    char *found = (char *)scratch_read(&here, name, &count);
    size_t i = 0;

    while (i < count && i < expected->len && found[i] == expected->str[i])
        i++;
    if (count != expected->len || i < count)
        fail_msg("%s: %zu bytes, expected %zu; another from byte %zu on: %.60s", name, count,
                 expected->len, i, found + i);
    free(found);
}

/* -- legible ----------------------------------------------------------------------------------- */

static void test_legible(void **state)
{
    static const char *const pairs[][2] = {
        {"faces32, caf\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x98\x80", NULL}, /* as it is */
        {"", NULL},
        {"a\nb\tc", "a\xef\xbf\xbd"
                    "b\xef\xbf\xbd"
                    "c"},
        {"la\xe9tin", "la\xef\xbf\xbdtin"},
        {"\xc2\x85|\xef\xbf\xbe|\x7f", "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd"},
        {"\xe2\x80", "\xef\xbf\xbd\xef\xbf\xbd"}, /* cut off */
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *text = pb_legible(pairs[i][0]);
        assert_string_equal(text, pairs[i][1] ? pairs[i][1] : pairs[i][0]);
        pb_free(text);
    }
    for (size_t i = 0; i < ODD_COUNT; i++) {
        odd o = odd_text(i);
        char *text = pb_legible(o.text), *again = pb_legible(text);
        pb_error error;
        assert_true(g_utf8_validate(text, -1, NULL));
        assert_string_equal(text, again);
        assert_int_equal(pb_check_utf8(o.text, &error),
                         g_utf8_validate(o.text, -1, NULL) ? PB_OK : PB_INVALID);
        pb_fail(&error, PB_IO, "%s", o.text);
        pb_free(again);
        again = pb_legible(error.message);
        assert_string_equal(error.message, again);
        pb_free(text);
        pb_free(again);
    }
}

/* -- gnuplot ------------------------------------------------------------------------------------
 */

/* What gnuplot reads is what was written, byte for byte, and nothing is run. */
static void test_plot_quote(void **state)
{
    GString *expected = g_string_new(NULL);
    FILE *script = begin("a.gp");

    (void)state;
    fputs("set print \"read\"\n", script);
    for (size_t i = 0; i < ODD_COUNT; i++) {
        odd o = odd_text(i);
        fputs("print ", script);
        pb_plot_quote(script, o.text);
        putc('\n', script);
        g_string_append_printf(expected, "%s\n", o.text);
    }
    assert_int_equal(fclose(script), 0);
    MUST(pb_plot_run(scratch_path(&here, "a.gp").text, NULL, error));
    expect_file("read", expected);
    assert_int_equal(scratch_count(&here), 2); /* no canary */
    g_string_free(expected, TRUE);
}

/* The texts of an SVG, one a line. */
typedef struct reader {
    GString *all;
    int within;
} reader;

static void open_element(GMarkupParseContext *context, const char *name, const char **keys,
                         const char **values, void *data, GError **error)
{
    reader *r = data;

    (void)context, (void)keys, (void)values, (void)error;
    r->within = !strcmp(name, "text");
}

static void close_element(GMarkupParseContext *context, const char *name, void *data,
                          GError **error)
{
    reader *r = data;

    (void)context, (void)error;
    if (!strcmp(name, "text"))
        g_string_append_c(r->all, '\n');
    r->within = 0;
}

static void read_text(GMarkupParseContext *context, const char *text, gsize length, void *data,
                      GError **error)
{
    reader *r = data;

    (void)context, (void)error;
    if (r->within)
        g_string_append_len(r->all, text, (gssize)length);
}

static const GMarkupParser parser = {open_element, close_element, read_text, NULL, NULL};

/* Labels are drawn as they are legible, in an SVG that is well-formed. */
static void test_labels(void **state)
{
    reader r = {g_string_new(NULL), 0};
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &r, NULL);
    GString *expected = g_string_new(NULL);
    FILE *script = begin("a.gp");
    GError *wrong = NULL;
    unsigned char *svg;
    size_t count;

    (void)state;
    fputs("set encoding utf8\nset terminal svg noenhanced\nset output \"a.svg\"\n"
          "unset xtics\nunset ytics\n",
          script);
    for (size_t i = 0; i < ODD_COUNT; i++) {
        odd o = odd_text(i);
        char *label = pb_legible(o.text);
        fprintf(script, "set label %zu ", i + 1);
        pb_plot_quote(script, label);
        fputs(" at 0,0\n", script);
        g_string_append_printf(expected, "%s\n", label);
        pb_free(label);
    }
    fputs("plot 0 title \"key\"\n", script);
    g_string_append(expected, "key\n");
    assert_int_equal(fclose(script), 0);
    MUST(pb_plot_run(scratch_path(&here, "a.gp").text, NULL, error));
    svg = scratch_read(&here, "a.svg", &count);
    if (!g_markup_parse_context_parse(context, (char *)svg, (gssize)count, &wrong) ||
        !g_markup_parse_context_end_parse(context, &wrong))
        fail_msg("%s", wrong->message);
    assert_string_equal(r.all->str, expected->str);
    assert_int_equal(scratch_count(&here), 2);
    free(svg);
    g_markup_parse_context_free(context);
    g_string_free(r.all, TRUE);
    g_string_free(expected, TRUE);
}

/* -- sh -----------------------------------------------------------------------------------------
 */

static void test_shell_name(void **state)
{
    char script[] = "names.sh", shell[] = "sh", *arguments[] = {shell, script, NULL};
    posix_spawn_file_actions_t actions;
    GString *expected = g_string_new(NULL);
    FILE *f = begin(script);
    int status;
    pid_t child;

    (void)state;
    for (size_t i = 0; i < ODD_COUNT; i++) {
        odd o = odd_text(i);
        char *word = pb_shell_name(o.text);
        fprintf(f, "printf '%%s\\n' %s >>read\n", word);
        g_string_append_printf(expected, "%s%s\n", o.text[0] == '-' ? "./" : "", o.text);
        if (pb_shell_is_plain(o.text))
            assert_string_equal(word, o.text);
        g_free(word);
    }
    assert_int_equal(fclose(f), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, here.folder);
    assert_int_equal(posix_spawnp(&child, shell, &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect_file("read", expected);
    assert_int_equal(scratch_count(&here), 2);
    assert_false(pb_shell_is_plain("") || pb_shell_is_plain("-x") || pb_shell_is_plain("a b"));
    g_string_free(expected, TRUE);
}

/* -- JSON ---------------------------------------------------------------------------------------
 */

static void test_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ODD_COUNT; i++) {
        odd o = odd_text(i);
        json_t *object = json_pack("{s:o}", "name", pb_json_name(o.text)), *back;
        char *text = pb_json_ascii(object), *legible = pb_legible(o.text);
        for (const char *c = text; *c; c++)
            assert_true(*c >= ' ');
        back = json_loads(text, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(back, "name")),
                            g_utf8_validate(o.text, -1, NULL) ? o.text : legible);
        json_decref(object);
        json_decref(back);
        pb_free(legible);
        free(text);
    }
}

/* -- pictures -----------------------------------------------------------------------------------
 */

static void draw(pb_pixels *pixels, const char *caption)
{
    static const float tile[16 * 16 * 3];
    const float *tiles[] = {tile};

    MUST(pb_sheet_draw(&(pb_sheet){.rows = 1,
                                   .columns = 1,
                                   .tiles = tiles,
                                   .c = 3,
                                   .h = 16,
                                   .w = 16,
                                   .marked = SIZE_MAX,
                                   .caption = caption},
                       pixels, error));
}

/* What cannot be drawn of a caption does not take the rest away. */
static void test_caption(void **state)
{
    pb_pixels odd_one = PB_PIXELS_EMPTY, plain = PB_PIXELS_EMPTY;

    (void)state;
    draw(&odd_one, "a<b>\x01\xe9 \x1b[2J");
    draw(&plain, "a<b>\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd[2J");
    assert_int_equal(odd_one.height, plain.height);
    assert_int_equal(odd_one.width, plain.width);
    assert_memory_equal(odd_one.rgb, plain.rgb, plain.width * plain.height * 3);
    pb_pixels_clear(&odd_one);
    pb_pixels_clear(&plain);
}

/* The options that libvips takes at the end of a name are none of ours. */
static void test_picture_name(void **state)
{
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_error error;

    (void)state;
    draw(&pixels, "");
    assert_int_equal(
        pb_pixels_write(&pixels, scratch_path(&here, "a.png[compression=9]").text, NULL, &error),
        PB_INVALID);
    assert_int_equal(scratch_count(&here), 0);
    pb_pixels_clear(&pixels);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legible),  SCRATCH_TEST(test_plot_quote),
        SCRATCH_TEST(test_labels),       SCRATCH_TEST(test_shell_name),
        cmocka_unit_test(test_json),     cmocka_unit_test(test_caption),
        SCRATCH_TEST(test_picture_name),
    };

    (void)argc;
    if (pb_picture_start(argv[0], 1, NULL) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
