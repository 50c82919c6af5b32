/* Items of a catalogue that were damaged are computed again, with a warning: the report stays what
 * it was. */
#include <glob.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "golden.h"
#include "program.h"
#include "scratch.h"
#include "study/store/catalogue.h"

#define DDPM GOLDEN "unet2d-ddpm" /* 16 x 16 pixels of 3 channels */
#define STUDY                                                                                      \
    "study timesteps -m " DDPM " --steps 3 --timesteps 2 -n 2 -k 3 --threads 1 --catalogue "       \
    "c.sqlite -q -o one"
#define AGAIN "it is computed again"

/* -- a study -------------------------------------------------------------------------------------
 */

typedef struct bytes {
    unsigned char *data;
    size_t count;
} bytes;

static bytes read_bytes(const char *name)
{
    bytes b;

    b.data = scratch_read(&here, name, &b.count);
    return b;
}

static const char *const results[] = {"one/data.csv", "one/report.html", "one/figure.svg",
                                      "one/samples.png"};
#define RESULTS 4

static bytes before[RESULTS];

/* Runs it whole for the first time. */
static void begin(void)
{
    expect(program(here.folder, STUDY), 0, NULL);
    for (size_t i = 0; i < RESULTS; i++)
        before[i] = read_bytes(results[i]);
}

static void check_results(void)
{
    for (size_t i = 0; i < RESULTS; i++) {
        bytes now = read_bytes(results[i]);
        if (now.count != before[i].count || memcmp(now.data, before[i].data, now.count))
            fail_msg("%s is another", results[i]);
        free(now.data);
    }
}

static void end(void)
{
    for (size_t i = 0; i < RESULTS; i++)
        free(before[i].data);
}

/* The name, within the folder, of an item of a kind: the number-th in the order of names. */
static scratch_name item(const char *ending, size_t number)
{
    char pattern[2 * SCRATCH_PATH];
    scratch_name name;
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s/c.sqlite.items/*%s", here.folder, ending);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(number < found.gl_pathc);
    snprintf(name.text, sizeof name.text, "%s", found.gl_pathv[number] + strlen(here.folder) + 1);
    globfree(&found);
    return name;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;

    for (; (text = strstr(text, word)) != NULL; text++)
        count++;
    return count;
}

/* -- damage --------------------------------------------------------------------------------------
 */

static void flip(const char *name, double where)
{
    bytes b = read_bytes(name);

    b.data[(size_t)(where * (double)(b.count - 1))] ^= 1;
    scratch_write(&here, name, b.data, b.count);
    free(b.data);
}

static void cut(const char *name)
{
    bytes b = read_bytes(name);

    scratch_write(&here, name, b.data, b.count / 2);
    free(b.data);
}

static void flip_header(const char *name)
{
    flip(name, 0.02);
}

static void flip_data(const char *name) /* by what no range would tell */
{
    flip(name, 0.7);
}

static void flip_last(const char *name)
{
    flip(name, 1);
}

static void empty(const char *name)
{
    scratch_write(&here, name, "", 0);
}

static void take_away(const char *name)
{
    assert_int_equal(unlink(scratch_path(&here, name).text), 0);
}

/* Another item of the same kind in its place, sound in itself. */
static void swap(const char *name)
{
    scratch_name other = item(strrchr(name, '.'), 1);
    bytes b = read_bytes(other.text);

    assert_string_not_equal(other.text, name);
    scratch_write(&here, name, b.data, b.count);
    free(b.data);
}

/* Of each kind one; trajectories are read where bases are missing. */
static void test_damage(void **state)
{
    static void (*const damages[][3])(const char *) = {{cut, flip_header, flip_last},
                                                       {flip_header, cut, swap},
                                                       {flip_data, empty, take_away},
                                                       {take_away, flip_data, empty},
                                                       {swap, take_away, flip_data}};

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        scratch_name names[] = {item(".safetensors", 0), item(".png", 0), item(".npy", 0)};
        size_t left = damages[i][0] == take_away ? 0 : 1;
        bytes sound[3];
        const outcome *o;

        for (size_t k = 0; k < 3; k++) {
            sound[k] = read_bytes(names[k].text);
            damages[i][k](names[k].text);
        }
        for (size_t k = 0; k < 3; k++) /* all other bases */
            take_away(item(".safetensors", left).text);
        o = program(here.folder, STUDY);
        expect(o, 0, AGAIN);
        assert_int_equal(count_of(o->error, AGAIN), 3 + 3);
        for (size_t k = 0; k < 3; k++) {
            bytes now = read_bytes(names[k].text);
            assert_non_null(strstr(o->error, names[k].text));
            assert_true(now.count == sound[k].count && !memcmp(now.data, sound[k].data, now.count));
            free(now.data);
            free(sound[k].data);
        }
        check_results();
    }
    assert_string_equal(program(here.folder, STUDY)->error, "");
    end();
}

/* -- what is not known ---------------------------------------------------------------------------
 */

/* As in a catalogue of before digests were kept. */
static void forget(void)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(scratch_path(&here, "c.sqlite").text, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM digest", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Then the files themselves tell: of another rank, timestep or model, or number of points. */
static void test_unknown(void **state)
{
    static const char *const bases[][2] = {
        {"-m " DDPM " -k 2", "2 directions from x to mid: the study expects 3"},
        {"-m " DDPM " -k 3 --tap eps", "3 directions from x to eps"},
        {"-m " DDPM " -k 3 -t 0.1 --steps 50", "the study expects"},
        {"-m other -k 3", "of another model"}};
    const outcome *o;
    scratch_name name;
    bytes other;

    (void)state;
    begin();
    scratch_copy(&here, DDPM, "other");
    scratch_change(&here, "other/config.json", "{\"_name_or_path\": \"other\"}");
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        expect(program(here.folder, "basis --seed 1 --no-pictures -q --force -o b.safetensors %s",
                       bases[i][0]),
               0, NULL);
        name = item(".safetensors", i);
        other = read_bytes("b.safetensors");
        scratch_write(&here, name.text, other.data, other.count);
        free(other.data);
    }
    forget();
    o = program(here.folder, STUDY);
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        expect(o, 0, bases[i][1]);
    assert_int_equal(count_of(o->error, AGAIN), sizeof bases / sizeof *bases);
    check_results();
    forget();
    expect(program(here.folder, "sample -m " DDPM " -n 1 -s 2 --seed 1 -q -o one.npy"), 0, NULL);
    other = read_bytes("one.npy");
    for (size_t i = 0; i < 2; i++)
        scratch_write(&here, item(".npy", i).text, other.data, other.count);
    free(other.data);
    take_away(item(".safetensors", 0).text);
    expect(program(here.folder, STUDY), 0, "expected 3 x 3 x 16 x 16 numbers");
    check_results();
    end();
}

/* -- several processes ---------------------------------------------------------------------------
 */

static size_t warnings(const char *name)
{
    bytes b = read_bytes(name);
    size_t count = count_of((const char *)b.data, AGAIN);

    free(b.data);
    return count;
}

/* Whoever comes first mends; each file is mended, and told of, once. */
static void test_two(void **state)
{
    pid_t a, b;

    (void)state;
    begin();
    for (size_t i = 0; i < 4; i++)
        (i % 2 ? flip_data : cut)(item(".safetensors", i).text);
    flip_last(item(".png", 0).text);
    a = program_start(here.folder, "a.txt", STUDY);
    b = program_start(here.folder, "b.txt", STUDY);
    assert_int_equal(program_wait(a), 0);
    assert_int_equal(program_wait(b), 0);
    assert_int_equal(warnings("a.txt") + warnings("b.txt"), 5);
    check_results();
    end();
}

/* Somebody else has claimed what is damaged, and mends it: it is waited for, and not told of. */
static void test_waiting(void **state)
{
    scratch_name name;
    json_t *spec = json_object();
    pb_key key = {""};
    pb_store *store;
    pb_claim found;
    bytes sound;
    pid_t child;

    (void)state;
    begin();
    name = item(".safetensors", 0);
    memcpy(key.text, strrchr(name.text, '/') + 1, 64);
    sound = read_bytes(name.text);
    flip_data(name.text);
    assert_int_equal(pb_catalogue_open(&store, scratch_path(&here, "c.sqlite").text, 0, NULL),
                     PB_OK);
    assert_int_equal(pb_store_check(store, &key, ".safetensors", NULL), PB_FORMAT);
    assert_int_equal(pb_store_claim(store, &key, spec, ".safetensors", 0, &found, NULL), PB_OK);
    assert_int_equal(found, PB_CLAIM_DONE);
    assert_int_equal(pb_store_claim(store, &key, spec, ".safetensors", 1, &found, NULL), PB_OK);
    assert_int_equal(found, PB_CLAIM_MINE);
    child = program_start(here.folder, "a.txt", STUDY);
    usleep(500000);
    assert_int_equal(waitpid(child, NULL, WNOHANG), 0); /* it cannot end before */
    scratch_write(&here, name.text, sound.data, sound.count);
    assert_int_equal(pb_store_finish(store, &key, ".safetensors", 1, NULL), PB_OK);
    assert_int_equal(program_wait(child), 0);
    assert_int_equal(warnings("a.txt"), 0);
    assert_int_equal(pb_store_check(store, &key, ".safetensors", NULL), PB_OK);
    check_results();
    pb_store_close(store);
    json_decref(spec);
    free(sound.data);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_damage),
        SCRATCH_TEST(test_unknown),
        SCRATCH_TEST(test_two),
        SCRATCH_TEST(test_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
