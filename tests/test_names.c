/* Names of any bytes: of models, outputs, folders. None runs anything, and each works or is refused
 * before the work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden.h"
#include "odd.h"
#include "picture/pixels.h"
#include "picture/plot.h"
#include "program.h"
#include "scratch.h"

#define FACES PB_SOURCE_DIR "/models/faces32"
#define FASHION PB_SOURCE_DIR "/models/fashion32"

/* A model under another name. */
static void name_model(const char *model, const char *name)
{
    assert_int_equal(symlink(model, scratch_path(&here, name).text), 0);
}

/* -- the plot of a basis ------------------------------------------------------------------------
 */

#define NEWLINE "n\nsystem \"touch CANARY\" #"

/* Runs basis, and expects five files beside `before` others, the plot among them; nothing else, and
 * no warning. Whoever runs the script again gets the same picture. */
static void expect_plot(const char *model, const char *stem, size_t before)
{
    char *out = g_strconcat(stem, ".safetensors", NULL);
    const char *const words[] = {"basis", "-q", "-m", model, "--seed", "1", "--steps",
                                 "8",     "-k", "2",  "-o",  out,      NULL};
    char *png = g_strconcat(stem, "-spectrum.png", NULL);
    char *script = g_strconcat(stem, "-spectrum.gp", NULL);
    size_t m, n;
    unsigned char *first, *again;

    expect(program_of(here.folder, words), 0, NULL);
    assert_true(scratch_has(&here, out) && scratch_has(&here, png));
    if (scratch_count(&here) != before + 5)
        fail_msg("%s, %s: %zu files", model, stem, scratch_count(&here));
    MUST(pb_plot_run(scratch_path(&here, script).text, NULL, error));
    assert_int_equal(scratch_count(&here), before + 6);
    first = scratch_read(&here, png, &m);
    again = scratch_read(&here, "spectrum.png", &n);
    assert_true(m == n && !memcmp(first, again, n));
    assert_int_equal(unlink(scratch_path(&here, "spectrum.png").text), 0);
    free(first);
    free(again);
    g_free(out);
    g_free(png);
    g_free(script);
}

static void test_basis_model(void **state)
{
    (void)state;
    name_model(FACES, "z`touch CANARY`");
    expect_plot("./z`touch CANARY`", "b", 1);
    name_model(FACES, NEWLINE);
    expect_plot("./" NEWLINE, "c", 7);
}

static void test_basis_out(void **state)
{
    static const char *const stems[] = {"`touch CANARY`", NEWLINE, "<touch CANARY",
                                        "|touch CANARY"};
    odd name = odd_name(0);

    (void)state;
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++)
        expect_plot(FACES, stems[i], 5 * i);
    expect_plot(FACES, name.text, 5 * (sizeof stems / sizeof *stems)); /* not in UTF-8 */
}

/* -- names that results hold --------------------------------------------------------------------
 */

#define LATIN "la\xe9tin"

static void expect_refused(int status, const char *const *words)
{
    size_t before = scratch_count(&here);

    expect(program_of(here.folder, words), status, "expected a name in UTF-8");
    if (scratch_count(&here) != before)
        fail_msg("%s: something is left", words[0]);
}

static void test_not_utf8(void **state)
{
    (void)state;
    name_model(FACES, LATIN);
    expect_refused(1, (const char *const[]){"basis", "-m", "./" LATIN, "--seed", "1", "-o",
                                            "b.safetensors", NULL});
    expect_refused(1, (const char *const[]){"sample", "-m", "./" LATIN, "-o", "s.png", NULL});
    expect_refused(1, (const char *const[]){"study", "samples", "-m", "./" LATIN, "-o", "s", NULL});
    expect_refused(1,
                   (const char *const[]){"study", "samples", "-m", FACES, "-o", "s" LATIN, NULL});
    expect_refused(1, (const char *const[]){"study", "samples", "-m", FACES, "-o", "s",
                                            "--catalogue", LATIN ".sqlite", NULL});
    expect_refused(1, (const char *const[]){"study", "samples", "-m", FACES, "-o", "s",
                                            LATIN ".png", "b.png", NULL});
    expect_refused(
        1, (const char *const[]){"compare", LATIN ".safetensors", "b", "-o", "t.csv", NULL});
    expect_refused(1, (const char *const[]){"info", "./" LATIN, NULL});
    expect_refused(2, (const char *const[]){"info", "--json", "./" LATIN, NULL});
}

/* Results as JSON repeat the name; the picture's text has it in ASCII, as PNG wants it. */
static void test_json(void **state)
{
    static const char *const names[] = {"caf\xc3\xa9", NEWLINE, "a\"b\\c`d`", "\x01\x7f\xc2\x85"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *model = g_strconcat("./", names[i], NULL), *out = g_strconcat(names[i], ".png", NULL);
        const char *const words[] = {"sample", "--json",  "-m", model, "--seed", "1", "-n",
                                     "1",      "--steps", "2",  "-o",  out,      NULL};
        json_t *object, *kept;
        char *text;

        name_model(FACES, names[i]);
        object = object_of(program_of(here.folder, words));
        assert_string_equal(json_string_value(json_object_get(object, "out")), out);
        assert_string_equal(json_string_value(json_object_get(object, "model")), model);
        MUST(pb_png_settings(&text, scratch_path(&here, out).text, error));
        assert_true(text && g_str_is_ascii(text));
        kept = json_loads(text, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(kept, "model")), model);
        json_decref(object);
        json_decref(kept);
        free(text);
        g_free(model);
        g_free(out);
    }
    assert_int_equal(scratch_count(&here), 2 * (sizeof names / sizeof *names));
}

/* -- studies ------------------------------------------------------------------------------------
 */

#define ODD_LABEL "a, \"b\" \\c;\n`touch CANARY`<b>&'d'"
#define LEGIBLE "a, \"b\" \\c;\xef\xbf\xbd`touch CANARY`<b>&'d'"

/* Reads a field of RFC 4180; *end: what ended it. */
static const char *read_field(const char *at, GString *field, char *end)
{
    g_string_truncate(field, 0);
    if (*at == '"') {
        for (at++; *at && (*at != '"' || at[1] == '"'); at++) {
            at += *at == '"';
            g_string_append_c(field, *at);
        }
        assert_int_equal(*at++, '"');
    } else
        for (; *at && *at != ',' && *at != '\n'; at++) {
            assert_int_not_equal(*at, '"');
            g_string_append_c(field, *at);
        }
    assert_true(*at == ',' || *at == '\n');
    *end = *at;
    return at + 1;
}

/* Nine fields in every row, the first of them one of two names; there are as many rows of each. */
static void expect_table(const char *file, const char *const names[2])
{
    GString *field = g_string_new(NULL);
    size_t count, rows[2] = {0, 0}, fields = 0;
    char *all = (char *)scratch_read(&here, file, &count), end;

    for (const char *at = strchr(all, '\n') + 1; *at;) {
        at = read_field(at, field, &end);
        if (fields == 0) {
            size_t i = !strcmp(field->str, names[1]);
            assert_string_equal(field->str, names[i]);
            rows[i]++;
        }
        fields = end == '\n' ? 0 : fields + 1;
        assert_int_equal(end == '\n', fields == 0 || fields == 9);
        assert_true(fields < 9);
    }
    assert_true(rows[0] > 0);
    assert_int_equal(rows[0], rows[1]);
    free(all);
    g_string_free(field, TRUE);
}

/* A figure, a table and a page of two models that have the same name, and what a name. */
static void test_study(void **state)
{
    const char *const words[] = {
        "study", "models", "-q",      "-m",          "A/" ODD_LABEL,       "-m", "B/" ODD_LABEL,
        "-n",    "2",      "--steps", "8",           "--timesteps",        "2",  "-k",
        "2",     "-o",     "s",       "--catalogue", "file:c?mode=memory", NULL};
    const char *const names[] = {LEGIBLE, LEGIBLE " (2)"};
    json_t *settings;
    unsigned char *text;
    size_t count;

    (void)state;
    scratch_folder(&here, "A");
    scratch_folder(&here, "B");
    name_model(FACES, "A/" ODD_LABEL);
    name_model(FASHION, "B/" ODD_LABEL);
    expect(program_of(here.folder, words), 0, NULL);
    assert_true(scratch_has(&here, "file:c?mode=memory")); /* a file, to SQLite too */
    /* The study, two models, the catalogue with its lock and items. */
    assert_int_equal(scratch_count(&here), 6);
    expect_table("s/data.csv", names);
    assert_true(scratch_holds(&here, "s/figure.svg", "`touch CANARY`&lt;b>&amp;'d' (2)</text>"));
    assert_false(scratch_holds(&here, "s/figure.svg", "<b>"));
    assert_false(scratch_holds(&here, "s/figure.gp", "CANARY`"));
    assert_false(scratch_holds(&here, "s/report.html", "<b>"));
    assert_true(scratch_holds(&here, "s/report.html", "`touch CANARY`&lt;b&gt;&amp;'d' (2)</td>"));
    text = scratch_read(&here, "s/settings.json", &count);
    settings = json_loads((char *)text, 0, NULL);
    assert_string_equal(json_string_value(json_array_get(json_object_get(settings, "models"), 0)),
                        "A/" ODD_LABEL);
    json_decref(settings);
    free(text);
}

/* -- shells -------------------------------------------------------------------------------------
 */

/* Nothing that a terminal would obey comes out, of C0, C1, or bytes that are no UTF-8. */
static void expect_harmless(const char *text)
{
    if (strchr(text, '\033') || strstr(text, "\xc2\x9b") || !g_utf8_validate(text, -1, NULL))
        fail_msg("a terminal would obey \"%s\"", text);
}

static void test_terminal(void **state)
{
    static const char *const names[] = {"\033[31mred",
                                        "b\xc2\x9b"
                                        "31m",
                                        "c\x9b"
                                        "31m"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *png = g_strconcat(names[i], ".png", NULL);
        const char *const words[][12] = {
            {"info", "-m", names[i], NULL},
            {"sample", "-m", FACES, "-n", "1", "--seed", "1", "-s", "2", "-o", png, NULL},
            {names[i], NULL},
            {"help", names[i], NULL},
            {"study", names[i], NULL},
            {"basis", names[i], "-m", FACES, "-o", "b.safetensors", NULL},
            {png, NULL},
        };
        for (size_t j = 0; j < sizeof words / sizeof *words; j++) {
            const outcome *o = program_of(here.folder, words[j]);
            expect_harmless(o->out);
            expect_harmless(o->error);
        }
        g_free(png);
    }
}

static void test_shell(void **state)
{
    const char *const edit[] = {"`touch CANARY` x.png", NULL};
    const outcome *o;

    (void)state;
    scratch_write(&here, "`touch CANARY` x.png", "x", 1);
    expect(program_of(here.folder, edit), 2, "\"pullback edit '`touch CANARY` x.png'\"?");
    scratch_folder(&here, "models");
    name_model(FACES, "models/plain");
    name_model(FACES, "models/z`touch CANARY`");
    name_model(FACES, "models/z;touch CANARY");
    name_model(FACES, "models/z\nz");
    o = program(here.folder, "--complete basis --model=");
    expect(o, 0, NULL);
    assert_non_null(strstr(o->out, "plain\t"));
    assert_null(strchr(o->out, 'z'));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_basis_model), SCRATCH_TEST(test_basis_out), SCRATCH_TEST(test_not_utf8),
        SCRATCH_TEST(test_json),        SCRATCH_TEST(test_study),     SCRATCH_TEST(test_shell),
        SCRATCH_TEST(test_terminal),
    };

    (void)argc;
    if (pb_picture_start(argv[0], 1, NULL) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
