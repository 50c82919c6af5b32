/* Pictures that are tried by another process first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "explore/taste.h"

static pb_error why;

/* What a program of a shell's makes of a picture. */
static pb_status taste(const char *script, gsize size, const pb_run *run)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    GBytes *picture = g_bytes_new_take(g_malloc0(size), size);
    pb_status status = pb_have_tasted(argv, picture, "x.png", run, &why);

    g_bytes_unref(picture);
    return status;
}

static void test_words(void **state)
{
    (void)state;
    assert_int_equal(taste("exec wc -c >/dev/null", 1 << 20, NULL), PB_OK);
    assert_int_equal(taste("echo 'pullback explore: a picture: damaged' >&2; exit 1", 10, NULL),
                     PB_FORMAT);
    assert_string_equal(why.message, "x.png: damaged");
    assert_int_equal(taste("yes warning | head -c 200000 >&2; exit 0", 10, NULL), PB_OK);
    assert_int_equal(taste("echo 'a warning' >&2; echo 'x: a picture: none' >&2; exit 1", 10, NULL),
                     PB_FORMAT);
    assert_string_equal(why.message, "x.png: none");
    assert_int_equal(taste("kill -SEGV $$", 10, NULL), PB_FORMAT);
    assert_non_null(strstr(why.message, "signal 11"));
}

/* One that does not read what it is given, and more than a pipe holds. */
static void test_unread(void **state)
{
    (void)state;
    assert_int_equal(taste("exit 0", 10 << 20, NULL), PB_OK);
}

static int stop(void *context, const pb_progress *progress)
{
    (void)progress;
    return ++*(int *)context > 3;
}

static void test_stop(void **state)
{
    int asked = 0;
    const pb_run run = {.monitor = stop, .context = &asked};

    (void)state;
    assert_int_equal(taste("exec sleep 1000", 10, &run), PB_CANCELLED);
    assert_true(asked > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_stop),
    };

    signal(SIGPIPE,
           SIG_IGN); /* as the program does: a script may end before it is given anything */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
