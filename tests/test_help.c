/* What the program says of itself: helps and man pages of every command, what its words mean, what
 * shells complete; options that would do nothing; where models are found. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/backend.h"
#include "golden.h"
#include "program.h"
#include "scratch.h"

#define FACES PB_SOURCE_DIR "/models/faces32"
#define DDPM GOLDEN "unet2d-ddpm"

/* The commands that have a page, a line each; the caller's. */
static char *pages(void)
{
    const outcome *o = program(here.folder, "--man-pages");
    char *text;

    expect(o, 0, NULL);
    text = strdup(o->out);
    assert_non_null(text);
    return text;
}

/* Letters of the longest line, of UTF-8. */
static size_t widest(const char *text)
{
    size_t most = 0, now = 0;

    for (; *text; text++) {
        now = *text == '\n' ? 0 : now + ((*text & 0xc0) != 0x80);
        most = now > most ? now : most;
    }
    return most;
}

/* -- helps ------------------------------------------------------------------------------------ */

static void check_help(const char *command)
{
    const outcome *o = program(here.folder, "%s --help", command);
    char *help = strdup(o->out), *end;

    expect(o, 0, NULL);
    assert_non_null(help);
    if (strncmp(help, "Usage: pullback ", 16))
        fail_msg("%s: %s", command, help);
    if (strstr(help, "\nOthers:\n"))
        fail_msg("%s: an option is under no heading: %s", command, help);
    end = strstr(help, "\nExample");
    assert_non_null(end);
    *end = '\0';
    if (widest(help) > 80)
        fail_msg("%s: a line of %zu letters", command, widest(help));
    *end = '\n';
    o = program(here.folder, "help %s", command);
    expect(o, 0, NULL);
    assert_string_equal(o->out, help);
    free(help);
    /* A page: its title is the command's, and every word of options is there. */
    o = program(here.folder, "%s --man", command);
    expect(o, 0, NULL);
    assert_int_equal(strncmp(o->out, ".TH PULLBACK\\-", 14), 0);
    assert_non_null(strstr(o->out, "\n.SH SYNOPSIS\n"));
    assert_non_null(strstr(o->out, "\n.SH EXAMPLES\n"));
}

static void test_helps(void **state)
{
    char *all = pages();
    size_t count = 0;

    (void)state;
    for (char *line = all; *line; line += strlen(line) + 1, count++) {
        line[strcspn(line, "\n")] = '\0';
        check_help(line);
    }
    assert_true(count >= 23); /* explore, where it is built in, is one more */
    free(all);
}

static void test_groups(void **state)
{
    static const char *const titles[] = {
        "\nWhich image:\n",      "\nWhich point on its way to noise:\n",
        "\nWhich directions:\n", "\nHow far, and in which way:\n",
        "\nWhat is written:\n",  "\nModel and machine:\n"};
    const outcome *o = program(here.folder, "edit --help");
    const char *at = o->out;

    (void)state;
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        at = strstr(at, titles[i]); /* in this order */
        if (!at)
            fail_msg("no heading %s", titles[i]);
    }
    /* Beside what stands before it and what is wrong behind it, --help is heeded. */
    expect(program(here.folder, "edit --stages 3 --help --nothing"), 0, NULL);
    expect(program(here.folder, "edit --nothing --help"), 2, "--nothing");
    /* Commands without a model have no options of one. */
    assert_null(strstr(program(here.folder, "compare --help")->out, "--model"));
    expect(program(here.folder, "compare a b --memory 2G"), 2, "--memory");
}

/* Words of a text stand in another, however the lines are broken? */
static bool says(const char *text, const char *words)
{
    for (; *text; text++) {
        const char *at = text, *w = words;
        while (*at && *w) {
            if (*w == ' ' && (*at == ' ' || *at == '\n')) {
                at += strspn(at, " \n");
                w++;
            } else if (*at++ != *w++)
                break;
        }
        if (!*w)
            return true;
    }
    return false;
}

/* Files know their steps, where a command takes some. */
static void test_steps(void **state)
{
    static const struct {
        const char *command, *default_;
    } cases[] = {
        {"edit", "(default: what the file of --basis or --x says, else 100)"},
        {"transport", "(default: what the basis says, else 100)"},
        {"basis", "(default: what the file of --x says, else 100)"},
        {"sample", "(default: what the file of --x says, else 100)"},
        {"invert", "exact (default: 100)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!says(program(here.folder, "%s --help", cases[i].command)->out, cases[i].default_))
            fail_msg("%s: expected %s", cases[i].command, cases[i].default_);
}

static void test_terms(void **state)
{
    static const char *const words[] = {
        "\ntap\n",           "\nboost\n",  "damping",     "\nKarcher mean\n",    "h-space",
        "\ntangent space\n", "null space", "t, timestep", "\npullback metric\n", "\nresidual\n"};
    const outcome *o = program(here.folder, "help terms");

    (void)state;
    expect(o, 0, NULL);
    assert_true(widest(o->out) <= 80);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(o->out, words[i]))
            fail_msg("no term %s", words[i]);
    o = program(here.folder, "help boost");
    expect(o, 0, NULL);
    assert_int_equal(strncmp(o->out, "boost\n    ", 10), 0);
    assert_null(strstr(o->out, "Karcher"));
    expect(program(here.folder, "help"), 0, NULL);
    assert_non_null(strstr(program(here.folder, "help")->out, "  transport "));
    expect(program(here.folder, "help edti"), 2, "did you mean \"edit\"?");
    expect(program(here.folder, "help edit more"), 2, "more");
}

/* -- completion ------------------------------------------------------------------------------- */

/* Are these the candidates, and no others? "a b" */
static void check_candidates(const char *line, const char *expected)
{
    const outcome *o = program(here.folder, "--complete %s", line);
    char found[4096] = "";

    expect(o, 0, NULL);
    for (const char *at = o->out; *at; at += strcspn(at, "\n") + 1)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%.*s", *found ? " " : "",
                 (int)strcspn(at, "\t\n"), at);
    if (strcmp(found, expected))
        fail_msg("%s: expected \"%s\", found \"%s\"", line, expected, found);
}

static void test_completion(void **state)
{
    (void)state;
    check_candidates("m", "models mean");
    check_candidates("study s", "samples status");
    check_candidates("edit --mo", "--mode --model");
    check_candidates("edit --edit-s", "--edit-step --edit-scale");
    check_candidates("edit --mode s", "straight");
    check_candidates("edit --mode=s", "--mode=straight");
    check_candidates("edit --mode = s", "straight"); /* as bash has it */
    check_candidates("edit --fit =", "crop pad stretch");
    check_candidates("edit --crop a", "auto");
    check_candidates("edit --strength 1 -m fac", "faces32 faces64-text");
    check_candidates("study samples --model fash", "fashion32");
    check_candidates("info cif", "cifar32");
    check_candidates("help ed", "edit");
    check_candidates("help te", "terms");
    check_candidates("help study s", "samples status");
    check_candidates("edit --basis a", ""); /* files */
    check_candidates("edit a", "");
    check_candidates("paint a", "");
    check_candidates("models --", "--json --quiet --help");
}

/* Every backend is a word that is completed, named where another is refused, and told of. */
static void test_backends(void **state)
{
    const char *name, *told = NULL;
    char *help = strdup(program(here.folder, "edit --help")->out);

    (void)state;
    assert_non_null(help);
    told = strstr(help, "--backend");
    assert_non_null(told);
    for (size_t i = 0; (name = pb_backend_name(i)) != NULL; i++) {
        const char *at = strstr(told, name);
        char line[100];

        snprintf(line, sizeof line, "edit --backend %s", name);
        check_candidates(line, name);
        expect(program(here.folder, "edit --backend none"), 2, name);
        if (!at || at - told > 300)
            fail_msg("the help of --backend does not tell of %s", name);
    }
    free(help);
}

/* -- options without effect ------------------------------------------------------------------- */

static void test_idle(void **state)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"edit -m " FACES " --seed 0 --damping 1 -o a.png", "--damping would do nothing here"},
        {"edit -m " FACES " --seed 0 --form projection -o a.png", "--form would do nothing"},
        {"edit -m " FACES " --seed 0 --project -o a.png", "--project would do nothing"},
        {"edit -m " FACES " --seed 0 --crop 1,1,9,9 -o a.png", "--crop would do nothing"},
        {"edit -m " FACES " --x x.npy --fit pad -o a.png", "--fit would do nothing"},
        {"edit -m " FACES " --seed 0 --direct -o a.png", "--direct would do nothing"},
        {"edit -m " FACES " --seed 0 --edit-length 1 -o a.png", "--edit-length would do nothing"},
        {"edit -m " FACES " --seed 0 --mode straight --edit-length 1 --edit-step 2 -o a.png",
         "--edit-step would do nothing"},
        {"invert -m " FACES " a.npy --height 32 -o b.npy", "--height would do nothing"},
        {"sample -m " FACES " --noise-seed 1 -o a.png", "--noise-seed would do nothing"},
        {"encode -m " FACES " a.png --direct -o a.npy", "Unknown option --direct"},
        {"bench " FACES " --tune t.json --rank 3", "--rank would do nothing"},
        {"bench " FACES " --tune t.json --costs c.json", "--costs would do nothing"},
        {"bench " FACES " --force", "--force would do nothing"},
        {"bench " FACES " --x x.npy --width 32", "--width would do nothing"},
        {"compare a b --force", "--force would do nothing"},
        {"prompt -m " GOLDEN "sd1-tiny --force cat", "--force would do nothing"},
        {"info --vae a.safetensors", "--vae would do nothing"},
        {"info --lora a.safetensors", "--lora would do nothing"},
        {"fetch a/b --threads 1", "Unknown option --threads"},
        {"fetch a/b --force", "Unknown option --force"},
        {"models --threads 1", "Unknown option --threads"},
        {"models --force", "Unknown option --force"},
        {"study status f --threads 1", "Unknown option --threads"},
        {"study status f --force", "Unknown option --force"},
        {"info " FACES " --force", "Unknown option --force"},
        {"info " FACES " --costs c.json", "Unknown option --costs"},
        {"prompt -m " GOLDEN "sd1-tiny --costs c.json cat", "Unknown option --costs"},
        {"demo --force", "Unknown option --force"},
        {"study samples -m " FACES " a.png b.png --samples 3 -o f", "--samples would do nothing"},
        {"study samples -m " FACES " --crop 1,1,9,9 -o f", "--crop would do nothing"},
        {"study samples --settings s.json --rank 3 -o f", "--rank would do nothing"},
        {"mean a b --kind median -o m.safetensors", "expected karcher or matched"},
        {"sample -m " FACES " --spacing even -o a.png",
         "expected paper, leading, trailing or linspace"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(program(here.folder, "%s", cases[i].line), 2, cases[i].message);
    assert_int_equal(scratch_count(&here), 0);
}

/* A basis of a point settles what a basis computed here would be told. */
static void test_idle_basis(void **state)
{
    static const char *const options[] = {"tap mid",         "rank 3",  "tol 1e-2",  "class 1",
                                          "form projection", "project", "height 32", "mask m.png"};

    (void)state;
    expect(program(here.folder, "basis -m " DDPM " --seed 0 -s 5 -k 2 --no-pictures "
                                "-o b.safetensors"),
           0, NULL);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char message[64];
        snprintf(message, sizeof message, "--%.*s would do nothing", (int)strcspn(options[i], " "),
                 options[i]);
        expect(program(here.folder, "edit --basis b.safetensors -s 5 --%s -o a.png", options[i]), 1,
               message);
    }
}

/* -- models ----------------------------------------------------------------------------------- */

static void test_models(void **state)
{
    json_t *o;

    (void)state;
    /* The folder here is outside of the clone; the program lies in the clone's build folder. */
    o = object_of(program(here.folder, "info faces32 --json"));
    assert_string_equal(json_string_value(json_object_get(o, "model")), FACES);
    assert_true(json_is_null(json_object_get(o, "unused")));
    json_decref(o);
    o = object_of(program(here.folder, "info --json"));
    assert_int_equal(json_array_size(json_object_get(o, "models")), 4);
    json_decref(o);
    expect(program(here.folder, "info dogs"), 1, PB_SOURCE_DIR "/models");
    expect(program(here.folder, "info dogs"), 1, "PULLBACK_MODELS");
    /* A folder that is named goes before them; the other is told. */
    scratch_folder(&here, "mine");
    scratch_copy(&here, DDPM, "mine/faces32");
    setenv("PULLBACK_MODELS", scratch_path(&here, "mine").text, 1);
    o = object_of(program(here.folder, "info faces32 --json"));
    assert_string_equal(json_string_value(json_object_get(o, "model")),
                        scratch_path(&here, "mine/faces32").text);
    assert_string_equal(json_string_value(json_object_get(o, "unused")), FACES);
    json_decref(o);
    unsetenv("PULLBACK_MODELS");
    expect(program(PB_SOURCE_DIR, "info %s", "nowhere/at/all"), 1, "no such model");
}

/* The demo, outside of the clone; it ends with what to try next. */
static void test_demo(void **state)
{
    const outcome *o = program(here.folder, "demo -m " DDPM " -o d");

    (void)state;
    expect(o, 0, NULL);
    assert_non_null(strstr(o->out, PB_BINARY_DIR "/pullback edit photo.jpg\n"));
    assert_true(scratch_has(&here, "d/pasted.png"));
}

/* What a network with classes asks for names the option. */
static void test_class(void **state)
{
    (void)state;
    expect(program(here.folder, "sample -m " GOLDEN "variants/classes -n 1 -s 2 -o a.npy"), 1,
           "--class C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_helps),      SCRATCH_TEST(test_groups),   SCRATCH_TEST(test_terms),
        SCRATCH_TEST(test_completion), SCRATCH_TEST(test_backends), SCRATCH_TEST(test_idle),
        SCRATCH_TEST(test_idle_basis), SCRATCH_TEST(test_models),   SCRATCH_TEST(test_class),
        SCRATCH_TEST(test_demo),       SCRATCH_TEST(test_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
