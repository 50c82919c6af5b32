/* Another store and another executor stand in for the catalogue and this process: a study's numbers
 * stay what they are. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "golden.h"
#include "picture/pixels.h"
#include "scratch.h"
#include "study/measures/parts.h"
#include "study/study.h"

#define DDPM GOLDEN "unet2d-ddpm"

/* -- a store in memory ---------------------------------------------------------------------------
 */

#define MOST 64

/* Files beside each other, and in memory which of them are done. It remembers nothing. */
typedef struct shelf {
    pb_store store;
    pb_key done[MOST];
    size_t count, wanted;
    int closed;
} shelf;

static shelf only;

static int is_done(const shelf *s, const pb_key *key)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->done[i].text, key->text))
            return 1;
    return 0;
}

static void shelf_close(pb_store *store)
{
    ((shelf *)store)->closed++;
}

static char *shelf_path(const pb_store *store, const pb_key *key, const char *ending)
{
    (void)store;
    return pb_sprintf("%s/%s%s", here.folder, key->text, ending);
}

static pb_status shelf_claim(pb_store *store, const pb_key *key, const json_t *spec,
                             const char *ending, int doubted, pb_claim *claim, pb_error *error)
{
    (void)spec, (void)ending, (void)error;
    *claim = is_done((shelf *)store, key) && !doubted ? PB_CLAIM_DONE : PB_CLAIM_MINE;
    return PB_OK;
}

static pb_status shelf_finish(pb_store *store, const pb_key *key, const char *ending,
                              double seconds, pb_error *error)
{
    shelf *s = (shelf *)store;

    (void)ending, (void)seconds, (void)error;
    assert_true(s->count < MOST);
    s->done[s->count++] = *key;
    return PB_OK;
}

static void shelf_release(pb_store *store, const pb_key *key)
{
    (void)store, (void)key;
}

static pb_status shelf_check(pb_store *store, const pb_key *key, const char *ending,
                             pb_error *error)
{
    (void)ending;
    return is_done((shelf *)store, key) ? PB_OK : pb_fail(error, PB_IO, "no such item");
}

static pb_status shelf_plan(pb_store *store, const char *study, size_t count, const pb_key *keys,
                            pb_error *error)
{
    (void)study, (void)keys, (void)error;
    ((shelf *)store)->wanted = count;
    return PB_OK;
}

static pb_status shelf_visit(pb_store *store, const char *study, pb_study_visitor visit,
                             void *context, pb_error *error)
{
    const shelf *s = (shelf *)store;

    (void)error;
    visit(context, study, &(pb_study_status){.wanted = s->wanted, .done = s->count});
    return PB_OK;
}

static pb_status shelf_recall(pb_store *store, const char *text, char **value, pb_error *error)
{
    (void)store, (void)text, (void)error;
    *value = NULL;
    return PB_OK;
}

static pb_status shelf_remember(pb_store *store, const char *text, const char *value,
                                pb_error *error)
{
    (void)store, (void)text, (void)value, (void)error;
    return PB_OK;
}

static pb_status shelf_open(pb_store **store, const char *name, int make, pb_error *error)
{
    static const pb_store_functions functions = {
        shelf_close, shelf_path, shelf_claim, shelf_finish, shelf_release,
        shelf_check, shelf_plan, shelf_visit, shelf_recall, shelf_remember};

    (void)name, (void)error;
    only.store.functions = &functions;
    *store = make || only.wanted ? &only.store : NULL;
    return PB_OK;
}

/* -- an executor ---------------------------------------------------------------------------------
 */

static size_t made;

/* From the last item to the first. */
static pb_status run_backwards(pb_workshop *w, pb_error *error)
{
    for (size_t i = w->plan->count; i-- > 0;) {
        int busy;
        PB_TRY(pb_workshop_make(w, &w->plan->items[i], &busy, error));
        assert_false(busy);
        made++;
    }
    w->progress->done = w->plan->distinct;
    return PB_OK;
}

static int is_first;

static int reports(void)
{
    return is_first;
}

static const pb_study_executor backwards = {run_backwards, reports};

/* -- studies -------------------------------------------------------------------------------------
 */

static char *models[] = {(char *)DDPM};

static pb_study_options options_of(const char *folder)
{
    pb_study_options o = PB_STUDY_DEFAULTS;

    o.kind = PB_STUDY_TIMESTEPS;
    o.models = models;
    o.model_count = 1;
    o.samples = 2;
    o.timesteps = 2;
    o.steps = 3;
    o.rank = 3;
    o.from = (char *)"x";
    o.to = (char *)"mid";
    o.folder = (char *)folder;
    return o;
}

static void expect_same(const char *a, const char *b)
{
    size_t m, n;
    unsigned char *x = scratch_read(&here, a, &m), *y = scratch_read(&here, b, &n);

    assert_true(m == n && !memcmp(x, y, m));
    free(x);
    free(y);
}

static void test_way(void **state)
{
    const scratch_name one = scratch_path(&here, "one"), two = scratch_path(&here, "two");
    pb_study_options o = options_of(one.text);
    const pb_study_way way = {shelf_open, &backwards};
    pb_study_progress p;
    pb_error error;

    (void)state;
    only = (shelf){.count = 0};
    made = 0;
    is_first = 0;
    assert_int_equal(pb_study_run(&o, NULL, NULL, &p, &error), PB_OK);
    assert_true(p.done == 6 && p.computed == 6);
    o = options_of(two.text);
    if (pb_study_run(&o, &way, NULL, &p, &error) != PB_OK)
        fail_msg("%s", error.message);
    assert_true(made == 6 && only.count == 8 && only.wanted == 6 && only.closed == 1);
    assert_false(scratch_has(&here, "two/data.csv")); /* somebody else's to write */
    assert_false(scratch_has(&here, "two/catalogue.sqlite"));
    is_first = 1;
    assert_int_equal(pb_study_run(&o, &way, NULL, &p, &error), PB_OK);
    assert_true(p.done == 6 && p.computed == 0 && made == 12 && only.count == 8);
    expect_same("one/data.csv", "two/data.csv");
    expect_same("one/figure.svg", "two/figure.svg");
    expect_same("one/samples.png", "two/samples.png");
    o.rank = 2; /* another study where one has left something */
    assert_int_equal(pb_study_run(&o, &way, NULL, &p, &error), PB_INVALID);
    assert_non_null(strstr(error.message, "\"rank\" is 3 there, and 2 here"));
}

static int stop_at_once(void *context, const pb_progress *progress)
{
    (void)progress;
    ++*(int *)context;
    return 1;
}

/* Distances are measured under the study's run. */
static void test_distances(void **state)
{
    int asked = 0;
    const pb_workshop w = {.inner = {.monitor = stop_at_once, .context = &asked}};
    const float axes[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    pb_space spaces[3] = {{0}};
    double d[9];
    pb_error why;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        MUST(pb_space_new(&spaces[i], 3, 1, axes[i], error));
    assert_int_equal(pb_all_distances(&w, 3, spaces, d, &why), PB_CANCELLED);
    assert_int_equal(asked, 1);
    MUST(pb_all_distances(&(pb_workshop){0}, 3, spaces, d, error));
    assert_true(d[0] == 0 && fabs(d[1] - 1) < 1e-6);
    for (size_t i = 0; i < 3; i++)
        pb_space_clear(&spaces[i]);
}

/* -- what goes together --------------------------------------------------------------------------
 */

static void test_check(void **state)
{
    char *two[] = {(char *)"a", (char *)"b"};
    const struct {
        const char *message;
        size_t offset, value;
    } sizes[] = {
        {"no model", offsetof(pb_study_options, model_count), 0},
        {"2 models: expected one", offsetof(pb_study_options, model_count), 2},
        {"no sample", offsetof(pb_study_options, samples), 0},
        {"timesteps 1: expected at least 2", offsetof(pb_study_options, timesteps), 1},
        {"2 timesteps of a grid of 2", offsetof(pb_study_options, steps), 2},
    };
    pb_study_options o = options_of("f");
    pb_error error;

    (void)state;
    assert_int_equal(pb_study_check(&o, &error), PB_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        o = options_of("f");
        o.models = two;
        memcpy((char *)&o + sizes[i].offset, &sizes[i].value, sizeof sizes[i].value);
        assert_int_equal(pb_study_check(&o, &error), PB_INVALID);
        assert_non_null(strstr(error.message, sizes[i].message));
    }
    o = options_of("");
    assert_int_equal(pb_study_check(&o, &error), PB_INVALID);
    o = options_of("f");
    o.kind = PB_STUDY_MODELS;
    assert_int_equal(pb_study_check(&o, &error), PB_INVALID);
    assert_non_null(strstr(error.message, "one model has nothing"));
    o.kind = PB_STUDY_SAMPLES;
    o.samples = 1;
    assert_int_equal(pb_study_check(&o, &error), PB_INVALID);
    assert_non_null(strstr(error.message, "one sample has no distance"));
    o = options_of("f");
    o.guided = 1;
    assert_int_equal(pb_study_check(&o, &error), PB_INVALID);
    assert_non_null(strstr(error.message, "ends at eps or x0"));
    o.to = (char *)"eps";
    assert_int_equal(pb_study_check(&o, &error), PB_INVALID);
    assert_non_null(strstr(error.message, "guides nothing"));
    o.guidance_scale = 2;
    assert_int_equal(pb_study_check(&o, &error), PB_OK);
    o.kind = PB_STUDY_PROMPTS;
    assert_int_equal(pb_study_check_prompts(&o, &error), PB_INVALID);
}

/* -- what stops it -------------------------------------------------------------------------------
 */

static size_t questions;

static int stop_later(void *context, const pb_progress *progress)
{
    (void)progress;
    return ++questions > *(size_t *)context;
}

/* Wherever it is asked, it stops, and goes on from there. */
static void test_stop(void **state)
{
    const scratch_name one = scratch_path(&here, "one");
    const pb_study_options o = options_of(one.text);
    size_t limit = 0, total;
    pb_run run = {.monitor = stop_later, .context = &limit};
    pb_study_progress p;
    pb_status status;

    (void)state;
    do {
        questions = 0;
        status = pb_study_run(&o, NULL, &run, &p, NULL);
        total = questions;
        if (status == PB_CANCELLED)
            assert_int_equal(total, limit + 1);
        limit = 2 * limit + 10;
    } while (status == PB_CANCELLED);
    assert_int_equal(status, PB_OK);
    assert_true(p.done == 6 && p.computed < 6); /* some were there */
    assert_true(scratch_has(&here, "one/report.html"));
}

/* Fails where a file lies that is no item which was finished. */
static void expect_finished(void)
{
    DIR *folder = opendir(here.folder);
    const struct dirent *entry;

    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        pb_key key = {""};
        const char *dot = strstr(entry->d_name, ".safetensors");
        if (!dot)
            continue;
        snprintf(key.text, sizeof key.text, "%.*s", (int)(dot - entry->d_name), entry->d_name);
        if (!is_done(&only, &key))
            fail_msg("%s was not finished", entry->d_name);
    }
    closedir(folder);
}

static void remove_items(void)
{
    DIR *folder = opendir(here.folder);
    const struct dirent *entry;

    assert_non_null(folder);
    while ((entry = readdir(folder)))
        if (strstr(entry->d_name, ".safetensors"))
            assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
    closedir(folder);
}

/* What a stopped basis keeps is no item. */
static void test_stop_in_bases(void **state)
{
    const scratch_name one = scratch_path(&here, "one");
    const pb_study_options o = options_of(one.text);
    const pb_study_way way = {shelf_open, &backwards};
    size_t limit = (size_t)-1, all, stops = 0;
    pb_run run = {.monitor = stop_later, .context = &limit};
    pb_study_progress p;

    (void)state;
    only = (shelf){.count = 0};
    questions = 0;
    assert_int_equal(pb_study_run(&o, &way, &run, &p, NULL), PB_OK);
    all = questions;
    only = (shelf){.count = 0};
    remove_items();
    for (limit = all / 20; limit < all; limit += all / 100) {
        questions = 0;
        if (pb_study_run(&o, &way, &run, &p, NULL) == PB_OK)
            break;
        stops++;
        expect_finished();
    }
    assert_true(stops > 5);
}

/* What is odd of every item is said once. */
static void count_warning(void *context, const char *text)
{
    assert_non_null(strstr(text, "more than the"));
    ++*(size_t *)context;
}

static void test_warning(void **state)
{
    const scratch_name one = scratch_path(&here, "one");
    const pb_study_options o = options_of(one.text);
    size_t warnings = 0;
    pb_run run = {.warn = count_warning, .context = &warnings, .memory = 1};
    pb_study_progress p;

    (void)state;
    assert_int_equal(pb_study_run(&o, NULL, &run, &p, NULL), PB_OK);
    assert_int_equal(warnings, 1);
}

static int set_up(void **state)
{
    (void)state;
    return pb_picture_start("test_way", 1, NULL) == PB_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_way),     cmocka_unit_test(test_check),
        SCRATCH_TEST(test_stop),    cmocka_unit_test(test_distances),
        SCRATCH_TEST(test_warning), SCRATCH_TEST(test_stop_in_bases),
        SCRATCH_TEST(test_warning),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
