/* Tensors and their files, random numbers, transports, means of bases and basis files, called with
 * every combination of right and wrong arguments (calls.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "golden.h"
#include "scratch.h"

static void test_tensor_new(void **state)
{
    /* a shape: right, NULL, of a 0, of 2^61 - 1, of a product that wraps around to 0 */
    calls c = CALLS("pb_tensor_new", 3, POINTERS, 12, 5);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_tensor t = PB_TENSOR_EMPTY;
        size_t rank = c.at[1] == 11   ? SIZE_MAX / 8
                      : c.at[1] == 10 ? 99
                                      : (c.at[1] + 2) % 10; /* 2, 3 … 9, 0, 1, 99, 2^61 - 1 */
        size_t *shape = calls_bytes(&c, rank < 10 ? rank : 1, sizeof *shape);
        bool there = !c.at[0] && (rank == 0 || c.at[2] != 1) && rank <= PB_MAX_RANK;
        bool large = (c.at[2] == 3 && rank >= 1) || (c.at[2] == 4 && rank >= 2);

        for (size_t i = 0; rank < 10 && i < rank; i++)
            shape[i] = c.at[2] == 2 && i == 0   ? 0
                       : c.at[2] == 3 && i == 0 ? SIZE_MAX / 8
                       : large && i < 2         ? (size_t)1 << 32
                                                : 2;
        if (!calls_judge(&c,
                         pb_tensor_new(calls_pointer(&t, c.at[0]), rank,
                                       calls_pointer(shape, c.at[2] == 1), &e),
                         &e,
                         !there  ? WRONG
                         : large ? MEMORY
                                 : RIGHT))
            calls_hold(&c, !t.data, "the tensor is empty");
        pb_tensor_clear(&t);
    }
    calls_end(&c);
}

static void test_npy(void **state)
{
    calls c = CALLS("pb_npy_write, pb_npy_read", 2, TENSORS(2), POINTERS, POINTERS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0}, other = {0};
        calls_tensor t = calls_tensor_of(&c, 2, (size_t[2]){3, 4}, 1, c.at[0]);
        const scratch_name path = scratch_path(&here, "a.npy");
        pb_tensor found = PB_TENSOR_EMPTY;
        /* extents of 0 make a file without entries */
        bool right = !t.null && t.tensor.data && t.tensor.rank <= PB_MAX_RANK && !c.at[1] &&
                     (t.tensor.rank == 0 || t.tensor.shape[0] < 100);

        if (!calls_judge(&c, pb_npy_write(calls_tensor_at(&t), c.at[1] ? NULL : path.text, &e), &e,
                         right ? RIGHT : WRONG))
            continue;
        calls_judge(&c,
                    pb_npy_read(calls_pointer(&found, c.at[2]), c.at[3] ? NULL : path.text, &other),
                    &other, !c.at[2] && !c.at[3] ? RIGHT : WRONG);
        calls_hold(&c, !found.data || found.rank == t.tensor.rank, "what was written is read");
        pb_tensor_clear(&found);
    }
    calls_end(&c);
}

static void test_rng_new(void **state)
{
    calls c = CALLS("pb_rng_new", 2, POINTERS, 2);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_rng *rng = NULL;

        calls_judge(&c, pb_rng_new(c.at[0] ? NULL : &rng, c.at[1] ? UINT64_MAX : 1, &e), &e,
                    c.at[0] ? WRONG : RIGHT);
        pb_rng_free(rng);
    }
    calls_end(&c);
}

/* -- transports ------------------------------------------------------------------------------- */

enum { K = 3, COUNT = 2 };
static const size_t U[4] = {K, 2, 3, 2}, V[4] = {K, 3, 2, 2};

/* Variants of s (k) beyond those of a tensor: with a 0, with a NaN. */
#define VALUES (TENSORS(1) + 2)

static calls_tensor values_of(calls *c, size_t variant)
{
    size_t k = K;
    calls_tensor s = calls_tensor_of(c, 1, &k, 3, variant < TENSORS(1) ? variant : 0);

    if (variant >= TENSORS(1))
        s.tensor.data[K - 1] = variant == TENSORS(1) ? 0 : NAN;
    return s;
}

static void test_transport(void **state)
{
    /* the basis they are of: not known, of the directions, of those at another tap */
    calls c = CALLS("pb_transport", 2, POINTERS, TENSORS(4), TENSORS(4), TENSORS(1), 3, TENSORS(4),
                    POINTERS, POINTERS, 3);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        calls_tensor u = calls_tensor_of(&c, 4, U, 1, c.at[1]);
        calls_tensor v = calls_tensor_of(&c, 4, V, 2, c.at[2]), s = values_of(&c, c.at[3]);
        const size_t shape[4] = {COUNT, U[1], U[2], U[3]};
        calls_tensor directions = calls_tensor_of(&c, 4, shape, 5, c.at[5]);
        static char mid[] = "mid", up[] = "up.0";
        pb_basis onto = {.u = u.null ? PB_TENSOR_EMPTY : u.tensor,
                         .v = v.null ? PB_TENSOR_EMPTY : v.tensor,
                         .s = s.null ? PB_TENSOR_EMPTY : s.tensor,
                         .to = mid};
        const pb_basis of = {.u = directions.null ? PB_TENSOR_EMPTY : directions.tensor,
                             .to = c.at[8] == 2 ? up : mid};
        pb_tensor out = PB_TENSOR_EMPTY;
        double *share = calls_bytes(&c, shape[0] + 1, sizeof *share);
        pb_transport_form form = c.at[4] == 2 ? (pb_transport_form)99 : (pb_transport_form)c.at[4];
        bool right = !c.at[0] && !c.at[6] && calls_is(&u, 4, (size_t[4]){0}) &&
                     calls_is(&v, 4, (size_t[4]){u.tensor.shape[0]}) && form != 99;

        if (form == PB_TRANSPORT_INVERSE)
            right = right && calls_is(&s, 1, u.tensor.shape);
        right = right &&
                calls_is(&directions, 4,
                         (size_t[4]){0, u.tensor.shape[1], u.tensor.shape[2], u.tensor.shape[3]});
        right = right && c.at[8] != 2;
        if (!calls_judge(&c,
                         pb_transport(c.at[8] ? &of : NULL, calls_pointer(&onto, c.at[0]), form,
                                      calls_tensor_at(&directions), calls_pointer(&out, c.at[6]),
                                      calls_pointer(share, c.at[7]), &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !out.data, "there are no directions");
        pb_tensor_clear(&out);
    }
    calls_end(&c);
}

static void test_project(void **state)
{
    calls c = CALLS("pb_project", 4, POINTERS, TENSORS(4), TENSORS(4), POINTERS, 3);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        calls_tensor v = calls_tensor_of(&c, 4, V, 2, c.at[1]);
        const size_t shape[4] = {COUNT, V[1], V[2], V[3]};
        calls_tensor directions = calls_tensor_of(&c, 4, shape, 5, c.at[2]);
        static char image[] = "x", down[] = "down.0";
        pb_basis onto = {.v = v.null ? PB_TENSOR_EMPTY : v.tensor, .from = image};
        const pb_basis of = {.from = c.at[4] == 2 ? down : image}; /* or not known */
        double *share = calls_bytes(&c, COUNT + 1, sizeof *share);
        bool right =
            !c.at[0] && c.at[4] != 2 && calls_is(&v, 4, (size_t[4]){0}) &&
            calls_is(&directions, 4,
                     (size_t[4]){0, v.tensor.shape[1], v.tensor.shape[2], v.tensor.shape[3]});

        calls_judge(&c,
                    pb_project(c.at[4] ? &of : NULL, calls_pointer(&onto, c.at[0]),
                               directions.null ? NULL : &directions.tensor,
                               calls_pointer(share, c.at[3]), &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

/* -- means and files -------------------------------------------------------------------------- */

/* A basis of borrowed parts. */
static pb_basis basis_of(const calls_tensor *u, const calls_tensor *v, const calls_tensor *s)
{
    static char empty[] = "", from[] = "x", to[] = "mid";

    return (pb_basis){.u = u->null ? PB_TENSOR_EMPTY : u->tensor,
                      .v = v->null ? PB_TENSOR_EMPTY : v->tensor,
                      .s = s->null ? PB_TENSOR_EMPTY : s->tensor,
                      .model = empty,
                      .model_hash = empty,
                      .from = from,
                      .to = to,
                      .method = empty,
                      .prompt = empty,
                      .space = empty,
                      .class_label = -1};
}

/* Are a tensor's numbers there, or is there none? */
static bool is_or_none(const calls_tensor *t, const size_t shape[4])
{
    return t->null || !t->tensor.data || calls_is(t, 4, shape);
}

static void test_basis_mean(void **state)
{
    /* the last basis: right, NULL, guided, of another from, of another to, of none of both */
    calls c = CALLS("pb_basis_mean", 2, POINTERS, LENGTHS, POINTERS, TENSORS(4), TENSORS(4),
                    TENSORS(1), 6, 3, 2, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        size_t count = calls_length(COUNT, c.at[1]), there = count < 100 ? count : COUNT;
        pb_basis *all = calls_bytes(&c, there, sizeof *all), mean = PB_BASIS_EMPTY;
        const pb_basis **bases = calls_bytes(&c, there, sizeof *bases);
        pb_mean_kind kind = c.at[7] == 2 ? (pb_mean_kind)99 : (pb_mean_kind)c.at[7];
        bool in_x = c.at[8] == 0, lone = count == 1;
        bool right = !c.at[0] && count && count < 100 && !c.at[2] && kind != 99 && c.at[6] != 1;
        pb_mean_report report;

        for (size_t i = 0; i < there; i++) {
            bool last = i + 1 == there;
            calls_tensor u = calls_tensor_of(&c, 4, U, 1 + (unsigned)i, last ? c.at[3] : 0);
            calls_tensor v = calls_tensor_of(&c, 4, V, 9 + (unsigned)i, last ? c.at[4] : 0);
            calls_tensor s = values_of(&c, last ? c.at[5] : 0);
            const calls_tensor *taken = in_x ? &v : &u, *other = in_x ? &u : &v;
            const size_t *of = in_x ? V : U, *beside = in_x ? U : V;
            const size_t own[4] = {0}, k = lone ? taken->tensor.shape[0] : K;
            const size_t left[4] = {k, 0};

            all[i] = basis_of(&u, &v, &s);
            bases[i] = last && c.at[6] == 1 ? NULL : &all[i];
            right = right && calls_is(taken, 4, lone ? own : of) && calls_is(&s, 1, &k);
            if (kind ==
                PB_MEAN_MATCHED) /* which takes the others along, where the first has some */
                right = right && (lone ? is_or_none(other, left) : calls_is(other, 4, beside));
        }
        if (there && c.at[6] > 1) {
            pb_basis *last = &all[there - 1];
            static char else_from[] = "down.0";
            last->guided = c.at[6] == 2;
            last->from = c.at[6] == 3 ? else_from : last->from;
            last->to = c.at[6] == 4 ? else_from : last->to;
            if (c.at[6] == 5)
                last->from = last->to = NULL;
            right = right && lone && c.at[6] != 5;
        }
        if (!calls_judge(&c,
                         pb_basis_mean(calls_pointer(&mean, c.at[0]),
                                       calls_pointer(&report, c.at[9]), count,
                                       calls_pointer(bases, c.at[2]), kind, in_x, NULL, &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !mean.u.data && !mean.v.data && !mean.s.data && !mean.model,
                       "the mean is empty");
        pb_basis_clear(&mean);
    }
    calls_end(&c);
}

/* Is it a tensor that can be written, or none? */
static bool is_writable(const calls_tensor *t)
{
    return t->null || !t->tensor.data ||
           (t->tensor.rank <= PB_MAX_RANK && (!t->tensor.rank || t->tensor.shape[0] < 100));
}

static void test_basis_write(void **state)
{
    calls c = CALLS("pb_basis_write", 2, POINTERS, POINTERS, TENSORS(4), TENSORS(4), TENSORS(1));

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        calls_tensor u = calls_tensor_of(&c, 4, U, 1, c.at[2]);
        calls_tensor v = calls_tensor_of(&c, 4, V, 2, c.at[3]), s = values_of(&c, c.at[4]);
        const pb_basis basis = basis_of(&u, &v, &s);
        const scratch_name path = scratch_path(&here, "a.safetensors");
        bool writable = is_writable(&u) && is_writable(&v) && is_writable(&s);
        bool broken = c.at[2] || c.at[3] || c.at[4];

        if (!c.at[0] && !c.at[1] && writable && broken)
            continue; /* whether it is a basis is another question */
        if (!calls_judge(&c,
                         pb_basis_write(c.at[0] ? NULL : &basis, c.at[1] ? NULL : path.text, &e),
                         &e, !c.at[0] && !c.at[1] && writable ? RIGHT : WRONG))
            calls_hold(&c, c.right || !scratch_has(&here, "a.safetensors"), "there is no file");
    }
    calls_end(&c);
}

static void test_basis_set(void **state)
{
    calls c = CALLS("pb_basis_set_model, pb_basis_set_prompts", 3, POINTERS, STRINGS, STRINGS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0}, other = {0};
        pb_basis basis = PB_BASIS_EMPTY, *place = calls_pointer(&basis, c.at[0]);
        const char *one = calls_string("one", c.at[1]), *two = calls_string("two", c.at[2]);

        calls_judge(&c, pb_basis_set_model(place, one, two, &e), &e, place ? RIGHT : WRONG);
        calls_judge(&c, pb_basis_set_prompts(place, one, two, two, 1, 0, &other), &other,
                    place ? RIGHT : WRONG);
        calls_hold(&c, !place || !strcmp(basis.model, one ? one : ""), "NULL is \"\"");
        pb_basis_clear(&basis);
    }
    calls_end(&c);
}

static void test_bases_compatible(void **state)
{
    /* the second: right, NULL, of another tap, guided; uses, and what is none */
    calls c = CALLS("pb_bases_compatible", 3, POINTERS, 4, PB_BASIS_USES + 2);

    (void)state;
    while (calls_next(&c)) {
        static char mid[] = "mid", up[] = "up.0";
        const pb_basis a = {.to = mid}, b = {.to = c.at[1] == 2 ? up : mid, .guided = c.at[1] == 3};
        pb_error e = {0};
        pb_basis_use use = c.at[2] == PB_BASIS_USES       ? (pb_basis_use)-1
                           : c.at[2] == PB_BASIS_USES + 1 ? (pb_basis_use)99
                                                          : (pb_basis_use)c.at[2];
        bool of_mean = use == PB_FOR_MEAN_H || use == PB_FOR_MEAN_X;
        bool right = !c.at[0] && c.at[1] != 1 && c.at[2] < PB_BASIS_USES;

        if (c.at[1] == 2)
            right = right && (use == PB_FOR_COMPARING_X || use == PB_FOR_EDITING);
        if (c.at[1] == 3)
            right = right && !of_mean && use != PB_FOR_TRANSPORT;
        calls_judge(&c, pb_bases_compatible(c.at[0] ? NULL : &a, c.at[1] == 1 ? NULL : &b, use, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

static void test_bases_compare(void **state)
{
    /* the last basis: right, NULL, of another from, of another to, of none of both */
    calls c = CALLS("pb_bases_compare", 2, POINTERS, LENGTHS, POINTERS, TENSORS(4), TENSORS(4), 5,
                    LENGTHS, LENGTHS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        size_t count = calls_length(COUNT, c.at[1]), there = count < 100 ? count : COUNT;
        pb_basis *all = calls_bytes(&c, there, sizeof *all);
        const pb_basis **bases = calls_bytes(&c, there, sizeof *bases);
        pb_comparison found = PB_COMPARISON_EMPTY;
        pb_comparison_options o = {.rank = c.at[6] == 1 ? 0 : calls_length(K, c.at[6]),
                                   .draws = calls_length(2, c.at[7])};
        size_t least = K;
        bool h = c.at[5] != 3, x = c.at[5] != 2, right = !c.at[0] && !c.at[2] && count >= 2;

        for (size_t i = 0; i < there; i++) {
            bool last = i + 1 == there;
            calls_tensor u = calls_tensor_of(&c, 4, U, 1 + (unsigned)i, last ? c.at[3] : 0);
            calls_tensor v = calls_tensor_of(&c, 4, V, 9 + (unsigned)i, last ? c.at[4] : 0);
            calls_tensor s = values_of(&c, 0);

            all[i] = basis_of(&u, &v, &s);
            bases[i] = last && c.at[5] == 1 ? NULL : &all[i];
            h = h && all[i].u.data;
            x = x && all[i].v.data;
            if (h) {
                right = right && calls_is(&u, 4, (size_t[4]){0, U[1], U[2], U[3]});
                least = all[i].u.shape[0] < least ? all[i].u.shape[0] : least;
            }
            if (x) {
                right = right && calls_is(&v, 4, (size_t[4]){0, V[1], V[2], V[3]});
                least = all[i].v.shape[0] < least ? all[i].v.shape[0] : least;
            }
        }
        if (there && c.at[5] > 1) {
            static char other[] = "down.0";
            pb_basis *last = &all[there - 1];
            last->from = c.at[5] == 2 ? other : last->from;
            last->to = c.at[5] == 3 ? other : last->to;
            if (c.at[5] == 4)
                last->from = last->to = NULL;
        }
        right = right && count < 100 && c.at[5] != 1 && c.at[5] != 4 && (h || x);
        if (!c.at[8]) /* else its defaults */
            right = right && o.rank <= least && o.draws && o.draws < 100;
        if (!calls_judge(&c,
                         pb_bases_compare(calls_pointer(&found, c.at[0]), count,
                                          calls_pointer(bases, c.at[2]), calls_pointer(&o, c.at[8]),
                                          NULL, &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !found.h.distances && !found.x.angles && !found.count, "it is empty");
        pb_comparison_clear(&found);
    }
    calls_end(&c);
}

static void test_basis_set_schedule(void **state)
{
    calls c = CALLS("pb_basis_set_schedule", 2, POINTERS, POINTERS);
    pb_schedule *schedule;

    (void)state;
    MUST(pb_schedule_new_flow(&schedule, 10, error));
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_basis basis = PB_BASIS_EMPTY;

        calls_judge(&c,
                    pb_basis_set_schedule(calls_pointer(&basis, c.at[0]),
                                          calls_pointer(schedule, c.at[1]), &e),
                    &e, c.at[0] || c.at[1] ? WRONG : RIGHT);
        pb_basis_clear(&basis);
    }
    calls_end(&c);
    pb_schedule_free(schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensor_new),
        SCRATCH_TEST(test_npy),
        cmocka_unit_test(test_rng_new),
        cmocka_unit_test(test_transport),
        cmocka_unit_test(test_project),
        cmocka_unit_test(test_basis_mean),
        SCRATCH_TEST(test_basis_write),
        cmocka_unit_test(test_basis_set),
        cmocka_unit_test(test_bases_compatible),
        cmocka_unit_test(test_bases_compare),
        cmocka_unit_test(test_basis_set_schedule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
