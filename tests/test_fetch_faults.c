/* Fetching from hubs that misbehave, onto disks that are full, and what becomes of it when it is
 * stopped, or done twice. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fetching.h"
#include "golden.h"
#include "scratch.h"

#define SD1 GOLDEN "sd1-tiny"

/* -- what passes --------------------------------------------------------------------------------
 */

static void test_cuts(void **state)
{
    const size_t cut = 100000;

    (void)state;
    hub_alone(SD1);
    /* Cut once and again: gone on with where it ended, in one call. */
    expect(fetch_under((hub_fault){.cut = cut}), 0, "me/net: " UNET);
    assert_int_equal(hub_asked(UNET), 2);
    expect_fetched(UNET, true);
    fetched_forget();
    expect(fetch_under((hub_fault){.cut = cut, .unlengthed = true, .unhashed = true}), 0,
           "the connection ended early: again in");
    expect_fetched(UNET, true);
    /* All is sent again, though a part was asked for. */
    fetched_forget();
    hub_behave(&(hub_options){.no_ranges = true, .fault = {.of = UNET, .times = 1, .cut = cut}});
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    expect_fetched(UNET, true);
    /* What came in a call before, and is right, is not sent again. */
    assert_int_equal(rename(scratch_path(&here, fetched_blob(UNET, "")).text,
                            scratch_path(&here, fetched_blob(UNET, ".incomplete")).text),
                     0);
    assert_int_equal(truncate(scratch_path(&here, fetched_blob(UNET, ".incomplete")).text, 500000),
                     0);
    hub_behave_well();
    assert_non_null(strstr(program(here.folder, "fetch me/net --dry-run")->out, "of which 0.3 MB"));
    hub_behave_well();
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    assert_int_equal(hub_sent(), hub_size("model_index.json") + hub_size(UNET) - 500000);
    expect_fetched(UNET, true);
    /* All of it, but for its name. */
    assert_int_equal(rename(scratch_path(&here, fetched_blob(UNET, "")).text,
                            scratch_path(&here, fetched_blob(UNET, ".incomplete")).text),
                     0);
    hub_behave_well();
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    assert_int_equal(hub_asked(UNET), 0);
    expect_fetched(UNET, true);
    hub_close();
}

static void test_waits(void **state)
{
    (void)state;
    hub_alone(GOLDEN "unet2d-ddpm");
    expect(fetch_under((hub_fault){.of = "/api/", .status = 429, .headers = "Retry-After: 1\r\n"}),
           0, "me/net: too many requests (HTTP 429): again in 1 s");
    fetched_forget();
    expect(fetch_under((hub_fault){.of = "safetensors", .times = 2, .status = 503}), 0,
           "the server cannot answer now (HTTP 503): again in 0.5 s");
    fetched_forget();
    expect(fetch_under((hub_fault){
               .of = "/api/", .times = 100, .status = 500, .headers = "Retry-After: 0\r\n"}),
           1, "(HTTP 500): given up after 8 tries");
    expect(
        fetch_under((hub_fault){.of = "/api/", .status = 429, .headers = "Retry-After: 9000\r\n"}),
        1, "asked to wait 9000 s");
    hub_close();
}

/* -- what is not what was listed ----------------------------------------------------------------
 */

static void test_wrong(void **state)
{
    (void)state;
    hub_alone(SD1);
    expect(fetch_under((hub_fault){.flipped = true}), 1, UNET ": other bytes than the hub");
    assert_false(fetched_any(fetched_blob(UNET, "")) ||
                 fetched_any(fetched_blob(UNET, ".incomplete")));
    assert_false(fetched_any(SNAPSHOT) || fetched_any(NET "/refs"));
    fetched_forget();
    expect(fetch_under((hub_fault){.of = "vocab.json", .flipped = true}), 1,
           "vocab.json: other bytes than the hub");
    expect(fetch_under((hub_fault){.of = "model_index.json", .flipped = true}), 1,
           "model_index.json: other bytes than");
    fetched_forget();
    expect(fetch_under((hub_fault){.longer = 1}), 1,
           "expected 791152 bytes, as the hub has listed, "
           "found 791153");
    expect(fetch_under((hub_fault){.longer = -1}), 1, "found 791151");
    expect(fetch_under((hub_fault){.longer = 1, .unlengthed = true}), 1, "found more");
    assert_false(fetched_any(fetched_blob(UNET, ".incomplete")));
    expect(fetch_under((hub_fault){.hash = "0123456789012345678901234567890123456789"}), 1,
           "changed meanwhile: expected the hash");
    expect(fetch_under((hub_fault){.commit = "0123456789012345678901234567890123456789"}), 1,
           "changed meanwhile: expected commit " HUB_COMMIT);
    hub_behave(
        &(hub_options){.elsewhere = true, .fault = {.of = "/far/", .times = 1, .flipped = true}});
    expect(program(here.folder, "fetch me/net"), 1, "other bytes than the hub");
    /* A part that is none is not the end of it: it is fetched anew. */
    scratch_write(&here, fetched_blob(UNET, ".incomplete"), "nonsense", 8);
    hub_behave_well();
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    assert_int_equal(hub_asked(UNET), 2);
    expect_fetched(UNET, true);
    /* So is a blob that somebody has cut, and a link that leads elsewhere is set right. */
    assert_int_equal(truncate(scratch_path(&here, fetched_blob(UNET, "")).text, 5), 0);
    assert_int_equal(unlink(scratch_path(&here, SNAPSHOT "/" UNET).text), 0);
    assert_int_equal(symlink("nowhere", scratch_path(&here, SNAPSHOT "/" UNET).text), 0);
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    expect_fetched(UNET, true);
    /* A redirection's own tag is not the file's. */
    fetched_forget();
    expect(fetch_under((hub_fault){.of = "resolve/" HUB_COMMIT "/tokenizer/vocab.json",
                                   .status = 307,
                                   .headers = "Location: /far/tokenizer/vocab.json\r\nETag: "
                                              "\"ffffffffffffffffffffffffffffffffffffffff\"\r\n"}),
           0, NULL);
    assert_int_equal(hub_asked("/far/tokenizer/vocab.json"), 1);
    hub_close();
}

/* -- disks, signals, others ---------------------------------------------------------------------
 */

/* No room for a file is found in it, which is kept as far as it came. */
static void test_full(void **state)
{
    const rlim_t room = 600000;
    struct rlimit before, limit;

    (void)state;
    hub_alone(SD1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){room, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect(program(here.folder, "fetch me/net --include " UNET), 1, ".incomplete: cannot write: ");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(fetched_size(fetched_blob(UNET, ".incomplete")) > 500000);
    assert_false(fetched_any(fetched_blob(UNET, "")));
    hub_behave_well();
    expect(program(here.folder, "fetch me/net --include " UNET), 0, NULL);
    assert_true(hub_sent() < 300000);
    expect_fetched(UNET, true);
    hub_close();
}

/* More than any disk has is seen before it comes. */
static void test_room(void **state)
{
    static const char list[] =
        "{\"sha\": \"" HUB_COMMIT "\", \"siblings\": [{\"rfilename\": \"x\", \"size\": "
        "1000000000000000, \"blobId\": \"0123456789012345678901234567890123456789\"}]}";

    (void)state;
    hub_alone(GOLDEN "unet2d-ddpm");
    hub_behave(&(hub_options){.list = list});
    expect(program(here.folder, "fetch me/net --include x"), 1,
           "the disk is too full: 1000000000.0");
    assert_int_equal(hub_asked("resolve"), 0);
    hub_close();
}

static void rest(void)
{
    const struct timespec moment = {.tv_nsec = 5000000};

    nanosleep(&moment, NULL);
}

static void test_stop(void **state)
{
    pid_t child;
    int status;

    (void)state;
    hub_alone(SD1);
    hub_behave(&(hub_options){.fault = {.of = UNET, .times = 1, .milliseconds = 20}});
    child = program_start(here.folder, "error", "fetch me/net");
    while (fetched_size(fetched_blob(UNET, ".incomplete")) < 50000)
        rest();
    assert_int_equal(kill(child, SIGINT), 0);
    status = program_wait(child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_true(scratch_holds(&here, "error", "cancelled: what has come is kept"));
    assert_true(fetched_size(fetched_blob(UNET, ".incomplete")) >= 50000);
    assert_false(fetched_any(fetched_blob(UNET, "")) || fetched_any(SNAPSHOT));
    hub_behave_well();
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    expect_fetched(UNET, true);
    assert_true(hub_sent() > 0);
    hub_close();
}

/* One fetches, the other waits for it, and finds all of it there. */
static void test_two(void **state)
{
    pid_t child;

    (void)state;
    hub_alone(SD1);
    hub_behave(&(hub_options){.fault = {.of = UNET, .times = 1, .milliseconds = 2}});
    child = program_start(here.folder, "error", "fetch me/net");
    while (fetched_size(fetched_blob(UNET, ".incomplete")) < 4096)
        rest();
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    assert_int_equal(program_wait(child), 0);
    assert_int_equal(hub_asked(UNET), 1);
    expect_fetched(UNET, true);
    hub_close();
}

/* The lock is the one that huggingface_hub takes. */
static void test_lock(void **state)
{
    char name[300];
    pid_t child;
    int lock;

    (void)state;
    hub_alone(SD1);
    snprintf(name, sizeof name, "cache/.locks/models--me--net/%s.lock", hub_hash(UNET));
    scratch_folder(&here, "cache");
    scratch_folder(&here, "cache/.locks");
    scratch_folder(&here, "cache/.locks/models--me--net");
    lock = open(scratch_path(&here, name).text, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    child = program_start(here.folder, "error", "fetch me/net");
    while (!scratch_has(&here, "error") ||
           !scratch_holds(&here, "error", UNET ": another process fetches it"))
        rest();
    assert_false(fetched_any(fetched_blob(UNET, ".incomplete")));
    close(lock);
    assert_int_equal(program_wait(child), 0);
    expect_fetched(UNET, true);
    hub_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_cuts), SCRATCH_TEST(test_waits), SCRATCH_TEST(test_wrong),
        SCRATCH_TEST(test_full), SCRATCH_TEST(test_room),  SCRATCH_TEST(test_stop),
        SCRATCH_TEST(test_two),  SCRATCH_TEST(test_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
