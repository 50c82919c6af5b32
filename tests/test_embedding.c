/* Prompts of a session that are embedded ahead of their use, and how alike they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "session/session.h"

#define TEXT_MODEL PB_SOURCE_DIR "/models/faces64-text"
#define OTHER_MODEL PB_SOURCE_DIR "/models/faces32"

static pb_session *open_session(const char *path, pb_model **model)
{
    pb_session *session;

    assert_int_equal(pb_model_open(model, path, NULL), PB_OK);
    assert_int_equal(pb_session_new(&session, *model, NULL), PB_OK);
    return session;
}

static void close_session(pb_session *session, pb_model *model)
{
    pb_session_free(session);
    pb_model_free(model);
}

/* A batch is what each text is by itself; equal ones are there once. */
static void test_batch(void **state)
{
    const char *const texts[] = {"a man", "", "a smiling woman", "a man"};
    pb_model *model, *again;
    pb_session *batch = open_session(TEXT_MODEL, &model), *single;

    (void)state;
    assert_int_equal(pb_session_embed(batch, 4, texts, 1, NULL, NULL), PB_OK);
    assert_int_equal(batch->embedding_count, 3);
    single = open_session(TEXT_MODEL, &again);
    for (size_t i = 0; i < 3; i++) {
        const pb_embedding *a, *b;
        assert_int_equal(pb_session_embed(single, 1, &texts[i], 1, NULL, NULL), PB_OK);
        a = pb_session_embedding(batch, texts[i]);
        b = pb_session_embedding(single, texts[i]);
        assert_int_equal(a->end, b->end);
        for (size_t j = 0; j < pb_tensor_count(&a->value); j++)
            assert_true(fabs((double)(a->value.data[j] - b->value.data[j])) < 1e-5);
    }
    close_session(batch, model);
    close_session(single, again);
}

/* Of what is refused nothing is kept; what was there before stays. */
static void test_refused(void **state)
{
    char lengthy[2000] = "";
    const char *const texts[] = {"a man", lengthy}, *const none[] = {"a", NULL};
    pb_error error;
    pb_model *model;
    pb_session *s = open_session(TEXT_MODEL, &model);

    (void)state;
    for (size_t i = 0; i < 300; i++)
        strcat(lengthy, "face ");
    assert_int_equal(pb_session_embed(s, 1, (const char *[]){"a woman"}, 1, NULL, NULL), PB_OK);
    assert_int_equal(pb_session_embed(s, 2, texts, 1, NULL, &error), PB_INVALID);
    assert_non_null(strstr(error.message, "too long"));
    assert_null(pb_session_embedding(s, "a man"));
    assert_non_null(pb_session_embedding(s, "a woman"));
    assert_int_equal(pb_session_embed(s, 2, texts, 0, NULL, NULL), PB_OK);
    assert_int_equal(pb_session_embed(s, 2, none, 0, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_embed(s, 1, NULL, 0, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_embed(NULL, 1, texts, 0, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_likeness(s, "a", "b", NULL, NULL, NULL), PB_INVALID);
    close_session(s, model);
    s = open_session(OTHER_MODEL, &model);
    assert_int_equal(pb_session_embed(s, 1, texts, 0, NULL, &error), PB_INVALID);
    assert_non_null(strstr(error.message, "not conditioned on text"));
    close_session(s, model);
}

static void test_likeness(void **state)
{
    double same, near, far, back;
    pb_model *model;
    pb_session *s = open_session(TEXT_MODEL, &model);

    (void)state;
    assert_int_equal(pb_session_likeness(s, "a man", "a man", &same, NULL, NULL), PB_OK);
    assert_int_equal(pb_session_likeness(s, "a smiling man", "a smiling woman", &near, NULL, NULL),
                     PB_OK);
    assert_int_equal(
        pb_session_likeness(s, "a smiling man", "blond hair, bangs, young", &far, NULL, NULL),
        PB_OK);
    assert_int_equal(
        pb_session_likeness(s, "blond hair, bangs, young", "a smiling man", &back, NULL, NULL),
        PB_OK);
    assert_true(fabs(same - 1) < 1e-12 && near < 1 && far < 1 && far == back && near != far);
    close_session(s, model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_likeness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
