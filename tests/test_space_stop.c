/* What takes long among spaces and directions tells how far it is, and stops where it is asked to.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "must.h"
#include "near.h"

#include <pullback/pullback.h>

enum { N = 24, K = 3, COUNT = 4 };

typedef struct world {
    unsigned long asked, most; /* questions so far, and the one that is answered with stop */
    char tasks[200];           /* each once, in their order */
    size_t done;               /* the most steps of the last one, */
    size_t total;
    pb_run run;
    float vectors[COUNT][K * N];
    const float *samples[COUNT];
    pb_space spaces[COUNT];
    float s[K];
    pb_basis bases[COUNT];
    const pb_basis *list[COUNT];
} world;

static int watch(void *context, const pb_progress *p)
{
    world *w = context;

    assert_true(p->done <= p->total);
    if (!strstr(w->tasks, p->task)) {
        strcat(w->tasks, *w->tasks ? ", " : "");
        strcat(w->tasks, p->task);
        w->done = 0;
    }
    w->total = p->total;
    w->done = p->done > w->done ? p->done : w->done;
    return ++w->asked >= w->most;
}

/* Spaces near each other, of which the mean is a few rounds of work. */
static void open_world(world *w)
{
    w->run = (pb_run){.monitor = watch, .context = w};
    for (size_t s = 0; s < COUNT; s++) {
        for (size_t i = 0; i < K; i++) {
            float *v = w->vectors[s] + i * N;
            double norm = 0;
            for (size_t l = 0; l < N; l++) {
                v[l] =
                    (l == i) + 0.2f * (float)sin(1.0 + (double)(7 * s + 3 * i + 5 * l * (s + 1)));
                norm += (double)v[l] * (double)v[l];
            }
            for (size_t l = 0; l < N; l++)
                v[l] /= (float)sqrt(norm);
        }
        w->samples[s] = w->vectors[s];
        MUST(pb_space_new(&w->spaces[s], N, K, w->vectors[s], error));
        w->bases[s] = (pb_basis){.u = {4, {K, N, 1, 1}, w->vectors[s]},
                                 .v = {4, {K, 1, 1, N}, w->vectors[s]},
                                 .s = {1, {K}, w->s},
                                 .from = (char *)"x",
                                 .to = (char *)"mid",
                                 .class_label = -1};
        w->list[s] = &w->bases[s];
    }
}

static void close_world(world *w)
{
    for (size_t s = 0; s < COUNT; s++)
        pb_space_clear(&w->spaces[s]);
}

static pb_status draw(world *w, pb_error *error)
{
    pb_distances mean;

    return pb_distances_random(&mean, N, K, 50, 1, &w->run, error);
}

static pb_status mean_space(world *w, pb_error *error)
{
    pb_space mean = PB_SPACE_EMPTY;
    pb_status status = pb_mean_space(&mean, NULL, COUNT, w->spaces, &w->run, error);

    assert_true(!mean.q == (status != PB_OK));
    pb_space_clear(&mean);
    return status;
}

static pb_status match(world *w, pb_error *error)
{
    double agreement[K];
    size_t matches[COUNT * K];
    int sign[COUNT * K];

    return pb_match_directions(N, K, COUNT, w->samples, matches, sign, agreement, &w->run, error);
}

static pb_status directions(world *w, pb_error *error)
{
    double agreement[K];
    float out[K * N];

    return pb_mean_directions(&w->spaces[0], N, K, COUNT, w->samples, out, agreement, &w->run,
                              error);
}

static pb_status mean_of(world *w, pb_mean_kind kind, pb_error *error)
{
    pb_basis mean = PB_BASIS_EMPTY;
    pb_status status = pb_basis_mean(&mean, NULL, COUNT, w->list, kind, 0, &w->run, error);

    assert_true(!mean.u.data == (status != PB_OK));
    pb_basis_clear(&mean);
    return status;
}

static pb_status karcher(world *w, pb_error *error)
{
    return mean_of(w, PB_MEAN_KARCHER, error);
}

static pb_status matched(world *w, pb_error *error)
{
    return mean_of(w, PB_MEAN_MATCHED, error);
}

static pb_status compare(world *w, pb_error *error)
{
    pb_comparison found = PB_COMPARISON_EMPTY;
    pb_status status = pb_bases_compare(&found, COUNT, w->list, NULL, &w->run, error);

    assert_true(!found.h.distances == (status != PB_OK));
    pb_comparison_clear(&found);
    return status;
}

/* Whichever question is answered with stop, nothing more is asked; and all of them are steps. */
static void test_stops(void **state)
{
    static const struct {
        const char *tasks;
        size_t total; /* of the last */
        unsigned long least;
        pb_status (*work)(world *w, pb_error *error);
    } works[] = {
        {"random spaces", 50, 50, draw},
        {"mean of spaces", COUNT, 2 * COUNT, mean_space},
        {"matching directions", COUNT, COUNT, match},
        {"matching directions", COUNT, COUNT, directions},
        {"mean, mean of spaces, matching directions", COUNT, 4 * COUNT, karcher},
        {"matching directions", COUNT, COUNT, matched},
        {"comparing, distances, random spaces", 100, 2 * (2 * COUNT + 100), compare},
    };
    world w = {.s = {3, 2, 1}};

    (void)state;
    open_world(&w);
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        unsigned long all;

        w.asked = 0;
        w.most = (unsigned long)-1;
        *w.tasks = '\0';
        MUST(works[i].work(&w, error));
        assert_string_equal(w.tasks, works[i].tasks);
        assert_int_equal(w.total, works[i].total);
        assert_int_equal(w.done, works[i].total);
        all = w.asked;
        if (all < works[i].least)
            fail_msg("%s: asked %lu times", works[i].tasks, all);
        for (unsigned long nth = 1; nth <= all; nth++) {
            pb_error why = {0};

            w.asked = 0;
            w.most = nth;
            if (works[i].work(&w, &why) != PB_CANCELLED || why.status != PB_CANCELLED ||
                w.asked != nth)
                fail_msg("%s, stopped at question %lu of %lu: %lu asked, \"%s\"", works[i].tasks,
                         nth, all, w.asked, why.message);
        }
        w.run.threads = -1;
        assert_int_equal(works[i].work(&w, NULL), PB_INVALID);
        w.run.threads = 0;
    }
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stops)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
