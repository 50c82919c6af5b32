/* The catalogue: claims, locks, plans, hostile files; and studies that are killed. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "op_harness.h"
#include "program.h"
#include "scratch.h"
#include "study/store/catalogue.h"

#define ITEM ".npy"

static json_t *spec_of(int number)
{
    return json_pack("{s:i, s:f}", "z", number, "a", 0.1);
}

static pb_claim claim(pb_store *c, int number)
{
    json_t *spec = spec_of(number);
    pb_key key = pb_key_of(spec);
    pb_claim found;

    assert_int_equal(pb_store_claim(c, &key, spec, ITEM, 0, &found, NULL), PB_OK);
    json_decref(spec);
    return found;
}

static pb_key key_of(int number)
{
    json_t *spec = spec_of(number);
    pb_key key = pb_key_of(spec);

    json_decref(spec);
    return key;
}

static void make_file(const pb_store *c, int number)
{
    pb_key key = key_of(number);
    char *path = pb_store_path(c, &key, ITEM);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fprintf(file, "item %d", number) > 0);
    fclose(file);
    pb_free(path);
}

static void test_key(void **state)
{
    json_t *one = json_pack("{s:i, s:f}", "z", 1, "a", 0.1);
    json_t *two = json_pack("{s:f, s:i}", "a", 0.1, "z", 1);

    (void)state;
    assert_string_equal(pb_key_of(one).text, pb_key_of(two).text);
    json_object_set_new(two, "z", json_integer(2));
    assert_string_not_equal(pb_key_of(one).text, pb_key_of(two).text);
    json_decref(one);
    json_decref(two);
}

static void test_claims(void **state)
{
    scratch s;
    pb_store *a, *b;
    pb_key key = key_of(1);
    char *path;

    (void)state;
    scratch_open(&s);
    assert_int_equal(pb_catalogue_open(&a, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(pb_catalogue_open(&b, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(claim(a, 1), PB_CLAIM_MINE);
    assert_int_equal(claim(b, 1), PB_CLAIM_BUSY);
    assert_int_equal(claim(b, 2), PB_CLAIM_MINE);
    pb_store_release(a, &key);
    assert_int_equal(claim(b, 1), PB_CLAIM_MINE);
    make_file(b, 1);
    assert_int_equal(claim(a, 1), PB_CLAIM_BUSY); /* the file alone is not yet done */
    assert_int_equal(pb_store_finish(b, &key, ITEM, 1.5, NULL), PB_OK);
    assert_int_equal(claim(a, 1), PB_CLAIM_DONE);
    path = pb_store_path(a, &key, ITEM);
    assert_int_equal(unlink(path), 0); /* somebody deletes it: it is to be made again */
    pb_free(path);
    assert_int_equal(claim(a, 1), PB_CLAIM_LOST);
    pb_store_close(a); /* a lock ends with its holder */
    assert_int_equal(claim(b, 1), PB_CLAIM_LOST);
    pb_store_close(b);
    scratch_close(&s);
}

#define TOGETHER 6

typedef struct opening {
    pthread_barrier_t *start;
    const char *path;
    pb_status status;
    pb_error error;
} opening;

static void *open_one(void *argument)
{
    opening *o = argument;
    pb_store *c;

    pthread_barrier_wait(o->start);
    o->status = pb_catalogue_open(&c, o->path, 1, &o->error);
    if (o->status == PB_OK)
        pb_store_close(c);
    return NULL;
}

/* Several are the first to open a catalogue. */
static void test_together(void **state)
{
    scratch s;

    (void)state;
    scratch_open(&s);
    for (int round = 0; round < 12; round++) {
        pthread_barrier_t start;
        pthread_t threads[TOGETHER];
        opening openings[TOGETHER];
        char name[16];
        scratch_name path;

        snprintf(name, sizeof name, "c%d", round);
        path = scratch_path(&s, name);
        pthread_barrier_init(&start, NULL, TOGETHER);
        for (int i = 0; i < TOGETHER; i++) {
            openings[i] = (opening){.start = &start, .path = path.text};
            assert_int_equal(pthread_create(&threads[i], NULL, open_one, &openings[i]), 0);
        }
        for (int i = 0; i < TOGETHER; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < TOGETHER; i++)
            if (openings[i].status != PB_OK)
                fail_msg("round %d: %s", round, openings[i].error.message);
        pthread_barrier_destroy(&start);
    }
    scratch_close(&s);
}

static void take_status(void *context, const char *study, const pb_study_status *status)
{
    (void)study;
    *(pb_study_status *)context = *status;
}

static void run_sql(const scratch *s, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(scratch_path(s, "c").text, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void count_study(void *context, const char *study, const pb_study_status *status)
{
    (void)status;
    assert_non_null(study);
    ++*(int *)context;
}

/* Tables without the rules that ours have, and with nothing where there must be something. */
static void test_nothing(void **state)
{
    pb_study_status status;
    char *value;
    pb_store *c;
    int studies = 0;
    scratch s;

    (void)state;
    scratch_open(&s);
    run_sql(&s, "PRAGMA application_id = 1346502657;"
                "CREATE TABLE item (id, key, spec, done, seconds);"
                "CREATE TABLE wanted (study, key); CREATE TABLE memory (text, value);"
                "INSERT INTO memory VALUES ('a', NULL), (NULL, NULL);"
                "INSERT INTO wanted VALUES (NULL, NULL), ('study', NULL);"
                "INSERT INTO item VALUES (NULL, NULL, NULL, NULL, NULL)");
    assert_int_equal(pb_catalogue_open(&c, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(pb_store_recall(c, "a", &value, NULL), PB_OK);
    assert_null(value);
    assert_int_equal(pb_store_visit(c, NULL, count_study, &studies, NULL), PB_OK);
    assert_int_equal(studies, 1);
    assert_int_equal(pb_store_visit(c, "study", take_status, &status, NULL), PB_OK);
    assert_true(status.wanted == 1 && status.done == 0 && status.running == 0);
    run_sql(&s, "INSERT INTO item (id, key, spec) VALUES (-3, '', NULL)");
    assert_int_equal(claim(c, 1), PB_CLAIM_MINE);
    pb_store_close(c);
    scratch_close(&s);
}

/* A row's number that no lock can have, which somebody wrote, keeps nobody waiting. */
static void test_impossible_rows(void **state)
{
    static const char *const ids[] = {"-1", "0", "-9223372036854775808", "9223372036854775807"};
    scratch s;
    pb_store *a, *b;
    const pb_key key = key_of(1);
    pb_study_status status;

    (void)state;
    scratch_open(&s);
    assert_int_equal(pb_catalogue_open(&a, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(pb_catalogue_open(&b, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(pb_store_plan(a, "study", 1, &key, NULL), PB_OK);
    assert_int_equal(claim(a, 1), PB_CLAIM_MINE);
    pb_store_release(a, &key);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char sql[100];

        snprintf(sql, sizeof sql, "UPDATE item SET id = %s, done = 0", ids[i]);
        run_sql(&s, sql);
        assert_int_equal(claim(a, 1), PB_CLAIM_MINE);
        assert_int_equal(claim(b, 1), PB_CLAIM_BUSY);
        assert_int_equal(pb_store_visit(b, "study", take_status, &status, NULL), PB_OK);
        assert_int_equal(status.running, 1);
        /* It may change, or go, while it is held. */
        run_sql(&s, i % 2 ? "UPDATE item SET id = 7" : "DELETE FROM item");
        pb_store_release(a, &key);
        assert_int_equal(claim(b, 1), PB_CLAIM_MINE);
        pb_store_release(b, &key);
    }
    run_sql(&s, "INSERT INTO wanted (study, key) VALUES ('other', ''), ('other', 'no digits'),"
                " ('other', x'00ff')");
    assert_int_equal(pb_store_visit(b, "other", take_status, &status, NULL), PB_OK);
    assert_true(status.wanted == 3 && status.done == 0 && status.running == 0);
    pb_store_close(a);
    pb_store_close(b);
    scratch_close(&s);
}

/* A view without end in the place of a table, and a trigger that undoes what is noted: neither
 * runs. */
static void test_schema(void **state)
{
    pb_study_status status;
    const pb_key key = key_of(1);
    pb_store *c;
    scratch s;

    (void)state;
    scratch_open(&s);
    assert_int_equal(pb_catalogue_open(&c, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(pb_store_plan(c, "study", 1, &key, NULL), PB_OK);
    run_sql(&s, "CREATE TRIGGER undo AFTER UPDATE ON item BEGIN UPDATE item SET done = 0; END");
    assert_int_equal(claim(c, 1), PB_CLAIM_MINE);
    make_file(c, 1);
    assert_int_equal(pb_store_finish(c, &key, ITEM, 1, NULL), PB_OK);
    assert_int_equal(pb_store_visit(c, "study", take_status, &status, NULL), PB_OK);
    assert_int_equal(status.done, 1);
    pb_store_close(c);
    run_sql(&s, "ALTER TABLE item RENAME TO other; CREATE VIEW item AS WITH RECURSIVE r(n) AS "
                "(SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT 1 id, 'a' key, 'b' spec, 0 done, "
                "0.0 seconds FROM r WHERE n < 0");
    assert_int_equal(pb_catalogue_open(&c, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(pb_store_visit(c, "study", take_status, &status, NULL), PB_IO);
    pb_store_close(c);
    scratch_close(&s);
}

static void test_plan(void **state)
{
    scratch s;
    pb_store *c, *other;
    const pb_key keys[] = {key_of(1), key_of(2), key_of(3)};
    pb_study_status status;

    (void)state;
    scratch_open(&s);
    assert_int_equal(pb_catalogue_open(&c, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(pb_catalogue_open(&other, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(pb_store_plan(c, "study", 3, keys, NULL), PB_OK);
    assert_int_equal(pb_store_visit(c, "study", take_status, &status, NULL), PB_OK);
    assert_true(status.wanted == 3 && status.done == 0 && isnan(status.seconds));
    assert_int_equal(claim(c, 1), PB_CLAIM_MINE);
    make_file(c, 1);
    assert_int_equal(pb_store_finish(c, &keys[0], ITEM, 2, NULL), PB_OK);
    assert_int_equal(claim(c, 2), PB_CLAIM_MINE);
    assert_int_equal(pb_store_visit(other, NULL, take_status, &status, NULL), PB_OK);
    assert_true(status.wanted == 3 && status.done == 1 && status.running == 1);
    assert_true(fabs(status.seconds - 2) < 1e-9);
    assert_int_equal(pb_store_plan(c, "study", 1, keys, NULL), PB_OK);
    assert_int_equal(pb_store_visit(c, "study", take_status, &status, NULL), PB_OK);
    assert_true(status.wanted == 1 && status.done == 1);
    pb_store_close(c);
    pb_store_close(other);
    scratch_close(&s);
}

static void test_memory(void **state)
{
    scratch s;
    pb_store *c;
    char *value;

    (void)state;
    scratch_open(&s);
    assert_int_equal(pb_catalogue_open(&c, scratch_path(&s, "c").text, 1, NULL), PB_OK);
    assert_int_equal(pb_store_recall(c, "a", &value, NULL), PB_OK);
    assert_null(value);
    assert_int_equal(pb_store_remember(c, "a", "1", NULL), PB_OK);
    assert_int_equal(pb_store_remember(c, "a", "2", NULL), PB_OK);
    assert_int_equal(pb_store_recall(c, "a", &value, NULL), PB_OK);
    assert_string_equal(value, "2");
    pb_free(value);
    pb_store_close(c);
    scratch_close(&s);
}

static void test_hostile(void **state)
{
    static const char text[] = "this is not a database, though long enough to be taken for one, by "
                               "its name at least; a header has one hundred bytes";
    scratch s;
    pb_store *c;
    pb_error error;
    sqlite3 *db;

    (void)state;
    scratch_open(&s);
    scratch_write(&s, "text", text, sizeof text);
    assert_int_equal(pb_catalogue_open(&c, scratch_path(&s, "text").text, 1, &error), PB_FORMAT);
    assert_non_null(strstr(error.message, "text: file is not a database"));
    assert_int_equal(sqlite3_open(scratch_path(&s, "other").text, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(pb_catalogue_open(&c, scratch_path(&s, "other").text, 1, &error), PB_FORMAT);
    assert_non_null(strstr(error.message, "not a catalogue"));
    assert_int_equal(pb_catalogue_open(&c, scratch_path(&s, "no/where").text, 1, &error), PB_IO);
    scratch_close(&s);
}

/* -- killed studies ------------------------------------------------------------------------------
 */

#define STUDY                                                                                      \
    "study timesteps --model " PB_SOURCE_DIR                                                       \
    "/models/faces32 --samples 2 --timesteps 3 --steps 12 --rank 6 --threads 1 -q"

/* Starts the study in a folder of the scratch one. */
static pid_t start(const scratch *s, const char *folder)
{
    return program_start(s->folder, "error", STUDY " -o %s", folder);
}

static void check_intact(const scratch *s, const char *folder)
{
    char path[2048];
    sqlite3_stmt *statement;
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/catalogue.sqlite", scratch_path(s, folder).text);
    if (access(path, R_OK))
        return; /* killed before it was made */
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void check_equal(const scratch *s, const char *a, const char *b)
{
    char command[4096];

    snprintf(command, sizeof command, "cmp -s %s/data.csv %s/data.csv", scratch_path(s, a).text,
             scratch_path(s, b).text);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command,
             "diff -rq %s/catalogue.sqlite.items %s/catalogue.sqlite.items >&2",
             scratch_path(s, a).text, scratch_path(s, b).text);
    assert_int_equal(system(command), 0);
}

static void empty(const scratch *s, const char *folder)
{
    char command[2048];

    snprintf(command, sizeof command, "rm -rf %s", scratch_path(s, folder).text);
    assert_int_equal(system(command), 0);
}

/* Kills it at random moments (PULLBACK_KILLS of them; one in four by control-C), until it gets
 * through; then the next, from the start. */
static void test_kills(void **state)
{
    const char *wanted = getenv("PULLBACK_KILLS");
    int kills = wanted ? atoi(wanted) : 6, done = 0, finished = 0;
    double longest;
    unsigned seed = 1;
    scratch s;
    pid_t child;
    struct timespec begin, end;

    (void)state;
    scratch_open(&s);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_int_equal(program_wait(start(&s, "whole")), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    longest = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    while (done < kills || finished == 0) {
        float random;
        int interrupt, status;

        fill_random(&random, 1, seed++);
        interrupt = seed % 4 == 0;
        child = start(&s, "killed");
        if (done < kills)
            usleep((useconds_t)(1e6 * fmin(fabs((double)random) * longest / 3, longest)));
        if (done < kills)
            kill(child, interrupt ? SIGINT : SIGKILL);
        status = program_wait(child);
        done += WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
        check_intact(&s, "killed");
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            check_equal(&s, "whole", "killed");
            empty(&s, "killed");
            finished++;
        } else if (WIFEXITED(status))
            assert_int_equal(WEXITSTATUS(status), 1);
    }
    print_message("%d kills, %d studies ended\n", done, finished);
    scratch_close(&s);
}

static void run_two(const scratch *s)
{
    pid_t a = start(s, "both"), b = start(s, "both");

    assert_int_equal(program_wait(a), 0);
    assert_int_equal(program_wait(b), 0);
}

static void test_two_processes(void **state)
{
    scratch s;

    (void)state;
    scratch_open(&s);
    run_two(&s);
    for (int i = 0; i < 3; i++)
        run_two(&s); /* with nothing left to compute, both write the report at once */
    check_intact(&s, "both");
    assert_int_equal(program_wait(start(&s, "alone")), 0);
    check_equal(&s, "both", "alone");
    scratch_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_impossible_rows),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_kills),
        cmocka_unit_test(test_two_processes),
        cmocka_unit_test(test_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
