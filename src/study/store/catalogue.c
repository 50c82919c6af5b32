#include "study/store/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/plain.h"
#include "io/file.h"
#include "io/temporary.h"

#define APPLICATION 0x50420001 /* "PB", version 1: the database's application_id */
#define PATIENCE 60000         /* milliseconds to wait for another process's transaction */

typedef struct catalogue {
    pb_store store;
    char *path, *folder;
    sqlite3 *db;
    int lock;
} catalogue;

static catalogue *of(pb_store *store)
{
    return (catalogue *)store;
}

/* -- SQL ------------------------------------------------------------------------------------------
 */

static pb_status fail_sql(const catalogue *c, pb_error *error)
{
    int code = sqlite3_errcode(c->db);

    if (code == SQLITE_BUSY)
        return pb_fail(error, PB_IO, "%s: another process has kept it locked for %d seconds",
                       c->path, PATIENCE / 1000);
    return pb_fail(error, code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? PB_FORMAT : PB_IO,
                   "%s: %s", c->path, sqlite3_errmsg(c->db));
}

static pb_status run(catalogue *c, const char *sql, pb_error *error)
{
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? PB_OK : fail_sql(c, error);
}

/* A statement with up to three texts for its parameters. */
static pb_status prepare(catalogue *c, sqlite3_stmt **statement, const char *sql, const char *first,
                         const char *second, const char *third, pb_error *error)
{
    const char *texts[] = {first, second, third};

    if (sqlite3_prepare_v2(c->db, sql, -1, statement, NULL) != SQLITE_OK)
        return fail_sql(c, error);
    for (int i = 0; i < 3; i++)
        if (texts[i] &&
            sqlite3_bind_text(*statement, i + 1, texts[i], -1, SQLITE_TRANSIENT) != SQLITE_OK) {
            sqlite3_finalize(*statement);
            return fail_sql(c, error);
        }
    return PB_OK;
}

/* Runs a statement to its end and finalises it. The first two columns of its first row go to
 * *number and *text (either may be NULL; pb_free); without a row, or of text without a value, they
 * stay as they are. */
static pb_status finish(catalogue *c, sqlite3_stmt *statement, long *number, char **text,
                        pb_error *error)
{
    int code = sqlite3_step(statement);
    pb_status status = PB_OK;

    if (code == SQLITE_ROW && number)
        *number = (long)sqlite3_column_int64(statement, 0);
    if (code == SQLITE_ROW && text && sqlite3_column_type(statement, 1) != SQLITE_NULL) {
        *text = pb_strdup((const char *)sqlite3_column_text(statement, 1));
        if (!*text)
            status = pb_fail_memory(error, 1, c->path);
    }
    while (code == SQLITE_ROW)
        code = sqlite3_step(statement);
    if (code != SQLITE_DONE)
        status = fail_sql(c, error);
    sqlite3_finalize(statement);
    return status;
}

static pb_status execute(catalogue *c, const char *sql, const char *first, const char *second,
                         const char *third, pb_error *error)
{
    sqlite3_stmt *statement;

    PB_TRY(prepare(c, &statement, sql, first, second, third, error));
    return finish(c, statement, NULL, NULL, error);
}

/* -- locks --------------------------------------------------------------------------------------
 */

/* The byte of an item follows from its key alone: what a damaged database says of it cannot make it
 * another's, or none that there is. */
static struct flock lock_of(const char *key, short type)
{
    char digits[] = "000000000000000"; /* 60 bits: every file offset has more */

    memcpy(digits, key, strnlen(key, sizeof digits - 1));
    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)strtoull(digits, NULL, 16),
                          .l_len = 1};
}

/* Locks an item; *taken: whether no other process holds it. Errors: PB_IO (there are no locks). */
static pb_status lock_item(const catalogue *c, const pb_key *key, int *taken, pb_error *error)
{
    struct flock lock = lock_of(key->text, F_WRLCK);

    *taken = fcntl(c->lock, F_OFD_SETLK, &lock) == 0;
    if (*taken || errno == EAGAIN || errno == EACCES)
        return PB_OK;
    return pb_fail(error, PB_IO, "%s.lock: cannot lock an item: %s", c->path, strerror(errno));
}

static void unlock_item(const catalogue *c, const pb_key *key)
{
    struct flock lock = lock_of(key->text, F_UNLCK);

    fcntl(c->lock, F_OFD_SETLK, &lock);
}

static int is_locked(const catalogue *c, const char *key)
{
    struct flock lock = lock_of(key, F_WRLCK);

    return fcntl(c->lock, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* What the database knows of an item. */
enum { UNKNOWN, KNOWN, DONE };

static pb_status find(catalogue *c, const pb_key *key, long *known, pb_error *error)
{
    sqlite3_stmt *statement;

    *known = UNKNOWN;
    PB_TRY(prepare(c, &statement, "SELECT 1 + (done IS 1) FROM item WHERE key = ?1", key->text,
                   NULL, NULL, error));
    return finish(c, statement, known, NULL, error);
}

/* -- opening --------------------------------------------------------------------------------------
 */

static pb_status check_version(catalogue *c, pb_error *error)
{
    sqlite3_stmt *statement;
    long id = 0, tables = 0;

    PB_TRY(prepare(c, &statement, "PRAGMA application_id", NULL, NULL, NULL, error));
    PB_TRY(finish(c, statement, &id, NULL, error));
    PB_TRY(prepare(c, &statement, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL, error));
    PB_TRY(finish(c, statement, &tables, NULL, error));
    if (id == APPLICATION || (id == 0 && tables == 0))
        return PB_OK;
    return pb_fail(error, PB_FORMAT, "%s: a database, but not a catalogue of this program",
                   c->path);
}

/* The same of one moment, since somebody else may be making it. Where that fails, closing it ends
 * the transaction. */
static pb_status check_file(catalogue *c, pb_error *error)
{
    PB_TRY(run(c, "BEGIN", error));
    PB_TRY(check_version(c, error));
    return run(c, "COMMIT", error);
}

/* A catalogue holds rows. Views and triggers, by which a file of somebody else's could keep us
 * computing without end, are not run, nor is what else a schema may name. */
static void distrust(sqlite3 *db)
{
    static const int off[] = {SQLITE_DBCONFIG_ENABLE_VIEW, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                              SQLITE_DBCONFIG_TRUSTED_SCHEMA};

    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        sqlite3_db_config(db, off[i], 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
}

static pb_status open_all(catalogue *c, const char *path, pb_error *error)
{
    char *lock = pb_sprintf("%s.lock", path), sql[64];
    /* A folder before it: to SQLite "file:…" and ":memory:" are no names of files. */
    char *file = pb_sprintf("%s%s", *path == '/' ? "" : "./", path);
    pb_status status = PB_OK;

    c->lock = -1;
    c->path = pb_strdup(path);
    c->folder = pb_sprintf("%s.items", path);
    if (!lock || !file || !c->path || !c->folder)
        status = pb_fail_memory(error, strlen(path), "a path");
    else if (sqlite3_open(file, &c->db) != SQLITE_OK)
        status =
            pb_fail(error, PB_IO, "%s: %s", path, c->db ? sqlite3_errmsg(c->db) : "out of memory");
    pb_free(file);
    if (status == PB_OK) {
        sqlite3_busy_timeout(c->db, PATIENCE);
        distrust(c->db);
        status = check_file(c, error); /* before anything is left beside what is none */
    }
    if (status != PB_OK) {
        pb_free(lock);
        return status;
    }
    c->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    pb_free(lock);
    if (c->lock < 0)
        return pb_fail(error, PB_IO, "%s.lock: %s", path, strerror(errno));
    if (mkdir(c->folder, 0777) && errno != EEXIST)
        return pb_fail_system(error, c->folder, NULL);
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d", APPLICATION);
    PB_TRY(run(c, "BEGIN IMMEDIATE", error)); /* two processes may be the first */
    PB_TRY(check_version(c, error));
    PB_TRY(run(c, sql, error));
    PB_TRY(run(c,
               "CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL,"
               " spec TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0, seconds REAL);"
               "CREATE TABLE IF NOT EXISTS wanted (study TEXT NOT NULL, key TEXT NOT NULL,"
               " PRIMARY KEY (study, key));"
               "CREATE TABLE IF NOT EXISTS digest (key TEXT PRIMARY KEY, sha256 TEXT NOT NULL);"
               "CREATE TABLE IF NOT EXISTS memory (text TEXT PRIMARY KEY, value TEXT NOT NULL)",
               error));
    return run(c, "COMMIT", error);
}

static void close_catalogue(pb_store *store)
{
    catalogue *c = of(store);

    sqlite3_close(c->db);
    if (c->lock >= 0)
        close(c->lock);
    pb_free(c->path);
    pb_free(c->folder);
    pb_free(c);
}

/* -- items ----------------------------------------------------------------------------------------
 */

static char *path_of(const pb_store *store, const pb_key *key, const char *ending)
{
    return pb_sprintf("%s/%s%s", ((const catalogue *)store)->folder, key->text, ending);
}

static void release(pb_store *store, const pb_key *key)
{
    unlock_item(of(store), key);
}

/* What an item is to somebody who holds its lock. */
static pb_status judge(catalogue *c, const pb_key *key, const char *path, int doubted,
                       pb_claim *claim, pb_error *error)
{
    long known;

    PB_TRY(find(c, key, &known, error));
    if (known != DONE)
        *claim = PB_CLAIM_MINE;
    else if (access(path, R_OK))
        *claim = PB_CLAIM_LOST;
    else
        *claim = doubted ? PB_CLAIM_MINE : PB_CLAIM_DONE;
    return PB_OK;
}

static pb_status claim_path(catalogue *c, const pb_key *key, const char *spec, const char *path,
                            int doubted, pb_claim *claim, pb_error *error)
{
    long known = UNKNOWN;
    int taken;
    pb_status status;

    PB_TRY(find(c, key, &known, error));
    if (known == UNKNOWN)
        PB_TRY(execute(c, "INSERT OR IGNORE INTO item (key, spec) VALUES (?1, ?2)", key->text, spec,
                       NULL, error));
    *claim = PB_CLAIM_DONE;
    if (known == DONE && !doubted && access(path, R_OK) == 0)
        return PB_OK;
    *claim = PB_CLAIM_BUSY;
    PB_TRY(lock_item(c, key, &taken, error));
    if (!taken)
        return PB_OK;
    status = judge(c, key, path, doubted, claim, error); /* somebody may have finished it */
    if (status != PB_OK || *claim == PB_CLAIM_DONE)
        unlock_item(c, key);
    return status;
}

static pb_status claim_item(pb_store *store, const pb_key *key, const json_t *spec,
                            const char *ending, int doubted, pb_claim *claim, pb_error *error)
{
    catalogue *c = of(store);
    char *path = path_of(store, key, ending), *text = pb_key_text(spec);
    pb_status status = path && text ? claim_path(c, key, text, path, doubted, claim, error)
                                    : pb_fail_memory(error, strlen(c->path), "an item");

    pb_free(path);
    free(text);
    return status;
}

/* The SHA-256 of an item's file; PATH: for messages, pb_free, also on failure. */
static pb_status digest_file(const pb_store *store, const pb_key *key, const char *ending,
                             char **path, char digest[65], pb_error *error)
{
    *path = path_of(store, key, ending);
    if (!*path)
        return pb_fail_memory(error, sizeof *key, "a path");
    return pb_file_sha256(1, (const char *[]){*path}, NULL, digest, NULL, error);
}

static pb_status finish_item(pb_store *store, const pb_key *key, const char *ending, double seconds,
                             pb_error *error)
{
    catalogue *c = of(store);
    char number[40], digest[65], *path;
    pb_status status = digest_file(store, key, ending, &path, digest, error);

    pb_plain_print(number, sizeof number, "%.6f", seconds);
    if (status == PB_OK)
        status = execute(c, "INSERT OR REPLACE INTO digest (key, sha256) VALUES (?1, ?2)",
                         key->text, digest, NULL, error);
    if (status == PB_OK)
        status = execute(c, "UPDATE item SET done = 1, seconds = CAST(?2 AS REAL) WHERE key = ?1",
                         key->text, number, NULL, error);
    release(store, key);
    pb_free(path);
    return status;
}

static pb_status check_item(pb_store *store, const pb_key *key, const char *ending, pb_error *error)
{
    catalogue *c = of(store);
    sqlite3_stmt *statement;
    char digest[65], *path, *known = NULL;
    pb_status status = digest_file(store, key, ending, &path, digest, error);

    if (status == PB_OK)
        status = prepare(c, &statement, "SELECT 1, sha256 FROM digest WHERE key = ?1", key->text,
                         NULL, NULL, error);
    if (status == PB_OK)
        status = finish(c, statement, NULL, &known, error);
    if (status == PB_OK && known && strcmp(known, digest))
        status =
            pb_fail(error, PB_FORMAT, "%s: not what was written: its SHA-256 is another", path);
    pb_free(path);
    pb_free(known);
    return status;
}

/* -- studies --------------------------------------------------------------------------------------
 */

static pb_status write_plan(catalogue *c, const char *study, size_t count, const pb_key *keys,
                            pb_error *error)
{
    PB_TRY(execute(c, "DELETE FROM wanted WHERE study = ?1", study, NULL, NULL, error));
    for (size_t i = 0; i < count; i++)
        PB_TRY(execute(c, "INSERT OR IGNORE INTO wanted (study, key) VALUES (?1, ?2)", study,
                       keys[i].text, NULL, error));
    return PB_OK;
}

static pb_status plan(pb_store *store, const char *study, size_t count, const pb_key *keys,
                      pb_error *error)
{
    catalogue *c = of(store);
    pb_status status;

    PB_TRY(run(c, "BEGIN IMMEDIATE", error));
    status = write_plan(c, study, count, keys, error);
    if (status == PB_OK)
        return run(c, "COMMIT", error);
    run(c, "ROLLBACK", NULL);
    return status;
}

/* Counts one study's items. */
static pb_status count_items(catalogue *c, const char *study, pb_study_status *s, pb_error *error)
{
    sqlite3_stmt *statement;
    double sum = 0;
    int code;

    *s = (pb_study_status){.seconds = NAN};
    PB_TRY(prepare(c, &statement,
                   "SELECT wanted.key, item.done, item.seconds FROM wanted LEFT JOIN item"
                   " ON item.key = wanted.key WHERE wanted.study = ?1",
                   study, NULL, NULL, error));
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        s->wanted++;
        if (sqlite3_column_int(statement, 1)) {
            s->done++;
            sum += sqlite3_column_double(statement, 2);
        } else if (sqlite3_column_bytes(statement, 0) > 0)
            s->running += (size_t)is_locked(c, (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    if (s->done)
        s->seconds = sum / (double)s->done;
    return code == SQLITE_DONE ? PB_OK : fail_sql(c, error);
}

static pb_status visit_studies(pb_store *store, const char *study, pb_study_visitor visit,
                               void *context, pb_error *error)
{
    catalogue *c = of(store);
    sqlite3_stmt *statement;
    pb_status status = PB_OK;
    int code;

    PB_TRY(prepare(c, &statement,
                   study ? "SELECT DISTINCT study FROM wanted WHERE study = ?1"
                         : "SELECT DISTINCT study FROM wanted WHERE study IS NOT NULL"
                           " ORDER BY study",
                   study, NULL, NULL, error));
    while (status == PB_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        pb_study_status s;
        status = count_items(c, name, &s, error);
        if (status == PB_OK)
            visit(context, name, &s);
    }
    sqlite3_finalize(statement);
    return status != PB_OK || code == SQLITE_DONE ? status : fail_sql(c, error);
}

/* -- memory ---------------------------------------------------------------------------------------
 */

static pb_status recall(pb_store *store, const char *text, char **value, pb_error *error)
{
    catalogue *c = of(store);
    sqlite3_stmt *statement;

    *value = NULL;
    PB_TRY(prepare(c, &statement, "SELECT 1, value FROM memory WHERE text = ?1", text, NULL, NULL,
                   error));
    return finish(c, statement, NULL, value, error);
}

static pb_status remember(pb_store *store, const char *text, const char *value, pb_error *error)
{
    return execute(of(store), "INSERT OR REPLACE INTO memory (text, value) VALUES (?1, ?2)", text,
                   value, NULL, error);
}

/* -- the store ------------------------------------------------------------------------------------
 */

pb_status pb_catalogue_open(pb_store **out, const char *path, int make, pb_error *error)
{
    static const pb_store_functions functions = {
        close_catalogue, path_of, claim_item,    finish_item, release,
        check_item,      plan,    visit_studies, recall,      remember};
    catalogue *c;
    pb_status status;

    *out = NULL;
    if (!make && access(path, F_OK))
        return PB_OK;
    c = pb_calloc(1, sizeof *c);
    if (!c)
        return pb_fail_memory(error, sizeof *c, "a catalogue");
    c->store.functions = &functions;
    status = open_all(c, path, error);
    if (status == PB_OK) {
        pb_temporary_sweep(c->folder);
        *out = &c->store;
    } else
        close_catalogue(&c->store);
    return status;
}
