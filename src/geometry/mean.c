/* Means of spaces, and of directions. */
#include <pullback/space.h>

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/run.h"
#include "base/shape.h"
#include "geometry/assign.h"
#include "geometry/small.h"
#include "geometry/space.h"
#include "geometry/vectors.h"

#define ITERATIONS 200
#define STEP_SMALL 1e-12 /* radians: the norm of the mean tangent at which the descent ends */
#define ROUNDS 50        /* of matching */

/* -- spaces ------------------------------------------------------------------------------------ */

/* The leading k eigenvectors of sum_s Q_s Q_s^T, by those of the Gram matrix of all columns. */
static pb_status chordal_mean(pb_space *mean, size_t count, const pb_space *spaces, pb_work *work,
                              pb_error *error)
{
    size_t n = spaces->n, k = spaces->k, all = count * k;
    double *gram = pb_malloc(all * all, sizeof *gram), *values = pb_malloc(all, sizeof *values);
    double *vectors = pb_malloc(all * k, sizeof *vectors);
    int *support = pb_malloc(2 * all, sizeof *support);
    pb_status status = PB_OK;
    lapack_int found;

    mean->n = n;
    mean->k = k;
    mean->q = pb_calloc(n * k, sizeof *mean->q);
    if (!gram || !values || !vectors || !support || !mean->q)
        status = pb_fail_memory(error, all * all * sizeof *gram, "a mean of spaces");
    for (size_t a = 0; status == PB_OK && a < count; a++) {
        for (size_t b = 0; b < count; b++)
            pb_inner_products(n, k, spaces[a].q, k, spaces[b].q, gram + b * k * all + a * k, all);
        status = pb_work_step(work, a + 1, error);
    }
    if (status == PB_OK &&
        LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'U', (int)all, gram, (int)all, 0, 0,
                       (int)(all - k + 1), (int)all, 0, &found, values, vectors, (int)all, support))
        status = pb_fail(error, PB_NUMERIC, "the mean of %zu spaces did not converge", count);
    for (size_t s = 0; status == PB_OK && s < count; s++)
        pb_add_combination(n, k, spaces[s].q, k, 1, vectors + s * k, all, mean->q);
    if (status == PB_OK)
        status = pb_orthonormal_columns(n, k, mean->q, error);
    pb_free(gram);
    pb_free(values);
    pb_free(vectors);
    pb_free(support);
    return status;
}

typedef struct tangents {
    size_t n, k;
    double *sum, *rest;            /* n x k */
    double *gram, *a, *b, *scaled; /* k x k */
    double *cosine, *angle;        /* k */
} tangents;

static void tangents_clear(tangents *t)
{
    double *arrays[] = {t->sum, t->rest, t->gram, t->a, t->b, t->scaled, t->cosine, t->angle};

    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        pb_free(arrays[i]);
}

static pb_status tangents_new(tangents *t, size_t n, size_t k, pb_error *error)
{
    *t = (tangents){.n = n,
                    .k = k,
                    .sum = pb_malloc(n * k, sizeof(double)),
                    .rest = pb_malloc(n * k, sizeof(double)),
                    .gram = pb_malloc(k * k, sizeof(double)),
                    .a = pb_malloc(k * k, sizeof(double)),
                    .b = pb_malloc(k * k, sizeof(double)),
                    .scaled = pb_malloc(k * k, sizeof(double)),
                    .cosine = pb_malloc(k, sizeof(double)),
                    .angle = pb_malloc(k, sizeof(double))};
    if (t->sum && t->rest && t->gram && t->a && t->b && t->scaled && t->cosine && t->angle)
        return PB_OK;
    return pb_fail_memory(error, 2 * n * k * sizeof(double), "tangents");
}

/* sum += Log_Q(space) = sum_i theta_i w_i a_i^T: with Q^T Q_s = A cos(theta) B^T, w_i is the part
 * of Q_s b_i outside Q, normalised. Also the squared distance, and the largest angle. */
static pb_status add_logarithm(tangents *t, const pb_space *mean, const pb_space *space,
                               double *square, double *largest, pb_error *error)
{
    size_t n = t->n, k = t->k;

    pb_inner_products(n, k, mean->q, k, space->q, t->gram, k);
    PB_TRY(pb_small_svd(k, k, t->gram, k, t->a, t->cosine, t->b, error));
    pb_combine(n, k, space->q, k, t->b, t->rest);
    memcpy(t->scaled, t->a, k * k * sizeof *t->a);
    for (size_t i = 0; i < k * k; i++)
        t->scaled[i] *= t->cosine[i / k];
    pb_add_combination(n, k, mean->q, k, -1, t->scaled, k, t->rest);
    for (size_t i = 0; i < k; i++) {
        double sine = pb_norm(n, t->rest + i * n);
        double angle = atan2(sine, t->cosine[i]), factor = sine > 0 ? angle / sine : 0;

        *square += angle * angle;
        *largest = fmax(*largest, angle);
        for (size_t j = 0; j < k; j++)
            t->scaled[j * k + i] = factor * t->a[i * k + j];
    }
    pb_add_combination(n, k, t->rest, k, 1, t->scaled, k, t->sum);
    return PB_OK;
}

/* Q = Exp_Q(sum / count) (Edelman, Arias & Smith 1998, equation 2.65). Returns the step's norm. */
static pb_status follow(tangents *t, pb_space *mean, size_t count, double *norm, pb_error *error)
{
    size_t n = t->n, k = t->k;

    *norm = 0;
    PB_TRY(pb_small_svd(n, k, t->sum, n, t->rest, t->angle, t->b, error));
    for (size_t i = 0; i < k; i++) {
        t->angle[i] /= (double)count;
        *norm = hypot(*norm, t->angle[i]);
    }
    /* Q <- (Q V cos + U sin) V^T, of which the last factor does not matter. */
    for (size_t i = 0; i < k * k; i++)
        t->scaled[i] = t->b[i] * cos(t->angle[i / k]);
    pb_combine(n, k, mean->q, k, t->scaled, t->sum);
    for (size_t i = 0; i < n * k; i++)
        mean->q[i] = t->sum[i] + sin(t->angle[i / n]) * t->rest[i];
    return pb_orthonormal_columns(n, k, mean->q, error);
}

static pb_status descend(pb_space *mean, pb_mean_report *report, size_t count,
                         const pb_space *spaces, tangents *t, pb_work *work, pb_error *error)
{
    double norm = INFINITY;

    for (report->iterations = 0;; report->iterations++) {
        double square = 0;

        memset(t->sum, 0, t->n * t->k * sizeof *t->sum);
        report->angle_largest = 0;
        for (size_t s = 0; s < count; s++) {
            PB_TRY(add_logarithm(t, mean, spaces + s, &square, &report->angle_largest, error));
            PB_TRY(pb_work_step(work, s + 1, error));
        }
        report->spread = sqrt(square / (double)count);
        if (report->iterations == 0)
            report->chordal = report->angle_largest > M_PI / 4;
        if (report->chordal || norm < STEP_SMALL || report->iterations == ITERATIONS)
            return PB_OK;
        PB_TRY(follow(t, mean, count, &norm, error));
    }
}

pb_status pb_mean_space(pb_space *mean, pb_mean_report *report, size_t count,
                        const pb_space *spaces, const pb_run *run, pb_error *error)
{
    pb_mean_report unused;
    pb_status status;
    tangents t;
    pb_work work;

    PB_NEED(mean, "a place for the mean");
    if (count == 0 || !spaces)
        return pb_fail(error, PB_INVALID, "the mean of no spaces");
    PB_TRY(pb_space_check(spaces, error));
    PB_TRY(pb_count_check(count, spaces->k, 1, "a mean of spaces", error));
    PB_TRY(pb_count_check(count * spaces->k, count * spaces->k, 1, "a mean of spaces", error));
    for (size_t s = 1; s < count; s++)
        PB_TRY(pb_space_check(spaces + s, error));
    for (size_t s = 1; s < count; s++)
        if (spaces[s].n != spaces->n || spaces[s].k != spaces->k)
            return pb_fail(error, PB_INVALID,
                           "space %zu has dimension %zu of R^%zu, the first %zu of R^%zu", s,
                           spaces[s].k, spaces[s].n, spaces->k, spaces->n);
    PB_TRY(pb_work_begin(&work, run, "mean of spaces", count, error));
    status = tangents_new(&t, spaces->n, spaces->k, error);
    if (status == PB_OK)
        status = chordal_mean(mean, count, spaces, &work, error);
    if (status == PB_OK)
        status = descend(mean, report ? report : &unused, count, spaces, &t, &work, error);
    tangents_clear(&t);
    pb_work_end(&work);
    if (status != PB_OK)
        pb_space_clear(mean);
    return status;
}

/* -- matching ------------------------------------------------------------------------------------
 */

/* Matches columns of products (k x k: entry (i, j) at [j * k + i] is direction i times vector j)
 * with signs, adds |cos| to agreement. */
static pb_status match_signed(size_t k, const double *products, size_t *match, int *sign,
                              double *agreement, int *changed, pb_error *error)
{
    double *gain = pb_malloc(k * k, sizeof *gain);
    size_t *found = pb_malloc(k, sizeof *found);
    pb_status status;

    if (!gain || !found)
        status = pb_fail_memory(error, k * k * sizeof *gain, "a matching");
    else {
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++)
                gain[i * k + j] = fabs(products[j * k + i]);
        status = pb_assign(k, gain, found, error);
    }
    for (size_t i = 0; status == PB_OK && i < k; i++) {
        double product = products[found[i] * k + i];
        int positive = product < 0 ? -1 : 1;

        *changed |= match[i] != found[i] || sign[i] != positive;
        match[i] = found[i];
        sign[i] = positive;
        agreement[i] += fabs(product);
    }
    pb_free(gain);
    pb_free(found);
    return status;
}

/* Widens count vectors of n floats. */
static void widen(size_t size, const float *from, double *to)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (double)from[i];
}

static void normalise(size_t n, size_t k, double *x)
{
    for (size_t i = 0; i < k; i++) {
        double norm = pb_norm(n, x + i * n);
        for (size_t l = 0; norm > 0 && l < n; l++)
            x[i * n + l] /= norm;
    }
}

#define MATCHING "matching directions" /* the task: samples, in every round anew */

/* What matching works with: coordinates of the samples' vectors, or the vectors themselves. */
typedef struct matching {
    size_t n, k, count;
    double *running, *sample; /* n x k */
    double *products;         /* k x k */
    double *sum;              /* n x k */
    size_t *match;
    int *sign;
} matching;

static void matching_clear(matching *m)
{
    pb_free(m->running);
    pb_free(m->sample);
    pb_free(m->products);
    pb_free(m->sum);
}

static pb_status matching_new(matching *m, pb_error *error)
{
    m->running = pb_malloc(m->n * m->k, sizeof(double));
    m->sample = pb_malloc(m->n * m->k, sizeof(double));
    m->products = pb_malloc(m->k * m->k, sizeof(double));
    m->sum = pb_malloc(m->n * m->k, sizeof(double));
    if (m->running && m->sample && m->products && m->sum)
        return PB_OK;
    return pb_fail_memory(error, 3 * m->n * m->k * sizeof(double), "a matching");
}

/* One round over all samples: matches them to `running`, sums what is matched. The samples are
 * vectors[s], or their coordinates in `frame` (an orthonormal basis of a space). */
static pb_status match_round(matching *m, const float *const *vectors, const pb_space *frame,
                             double *room, double *agreement, int *changed, pb_work *work,
                             pb_error *error)
{
    size_t n = m->n, k = m->k;

    memset(m->sum, 0, n * k * sizeof *m->sum);
    memset(agreement, 0, k * sizeof *agreement);
    *changed = 0;
    for (size_t s = 0; s < m->count; s++) {
        size_t *match = m->match + s * k;
        int *sign = m->sign + s * k;

        if (frame) {
            widen(frame->n * k, vectors[s], room);
            pb_inner_products(frame->n, k, frame->q, k, room, m->sample, k);
        } else
            widen(n * k, vectors[s], m->sample);
        pb_inner_products(n, k, m->running, k, m->sample, m->products, k);
        PB_TRY(match_signed(k, m->products, match, sign, agreement, changed, error));
        for (size_t i = 0; i < k; i++)
            for (size_t l = 0; l < n; l++)
                m->sum[i * n + l] += sign[i] * m->sample[match[i] * n + l];
        PB_TRY(pb_work_step(work, s + 1, error));
    }
    for (size_t i = 0; i < k; i++)
        agreement[i] /= (double)m->count;
    return PB_OK;
}

/* Are there `count` samples of k vectors of n floats, no more than can be matched? */
static pb_status check_samples(size_t n, size_t k, size_t count, const float *const *vectors,
                               pb_error *error)
{
    if (n == 0 || k == 0 || count == 0 || !vectors)
        return pb_fail(error, PB_INVALID, "%zu samples of %zu vectors of %zu numbers", count, k, n);
    PB_TRY(pb_count_check(count, k, n, "directions of samples", error));
    PB_TRY(pb_count_check(3, k, k, "a matching", error));
    for (size_t s = 0; s < count; s++)
        PB_NEED(vectors[s], "every sample's vectors");
    return PB_OK;
}

pb_status pb_match_directions(size_t n, size_t k, size_t count, const float *const *vectors,
                              size_t *match, int *sign, double *agreement, const pb_run *run,
                              pb_error *error)
{
    matching m = {.n = n, .k = k, .count = count, .match = match, .sign = sign};
    int changed = 1;
    pb_status status;
    pb_work work;

    PB_TRY(check_samples(n, k, count, vectors, error));
    PB_NEED(match, "room for matches");
    PB_NEED(sign, "room for signs");
    PB_NEED(agreement, "room for the agreement");
    PB_TRY(pb_work_begin(&work, run, MATCHING, count, error));
    status = matching_new(&m, error);
    memset(sign, 0, count * k * sizeof *sign);
    memset(match, 0, count * k * sizeof *match);
    if (status == PB_OK)
        widen(n * k, vectors[0], m.running);
    for (size_t round = 0; status == PB_OK && changed && round < ROUNDS; round++) {
        status = match_round(&m, vectors, NULL, NULL, agreement, &changed, &work, error);
        memcpy(m.running, m.sum, n * k * sizeof *m.sum);
        normalise(n, k, m.running);
    }
    matching_clear(&m);
    pb_work_end(&work);
    return status;
}

pb_status pb_average_directions(size_t n, size_t k, size_t count, const float *const *vectors,
                                const size_t *match, const int *sign, float *out, pb_error *error)
{
    double *sum;

    PB_TRY(check_samples(n, k, count, vectors, error));
    PB_NEED(match, "matches");
    PB_NEED(sign, "signs");
    PB_NEED(out, "room for directions");
    for (size_t i = 0; i < count * k; i++)
        if (match[i] >= k || (sign[i] != 1 && sign[i] != -1))
            return pb_fail(error, PB_INVALID, "match %zu of %zu directions with sign %d", match[i],
                           k, sign[i]);
    sum = pb_calloc(n * k, sizeof *sum);
    if (!sum)
        return pb_fail_memory(error, n * k * sizeof *sum, "a mean of directions");
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < k; i++)
            for (size_t l = 0; l < n; l++)
                sum[i * n + l] += sign[s * k + i] * (double)vectors[s][match[s * k + i] * n + l];
    normalise(n, k, sum);
    for (size_t i = 0; i < n * k; i++)
        out[i] = (float)sum[i];
    pb_free(sum);
    return PB_OK;
}

/* R = the orthogonal factor of the sum (Procrustes). */
static pb_status nearest_rotation(matching *m, double *left, double *sigma, double *right,
                                  pb_error *error)
{
    size_t k = m->k;

    PB_TRY(pb_small_svd(k, k, m->sum, k, left, sigma, right, error));
    for (size_t j = 0; j < k; j++)
        for (size_t i = 0; i < k; i++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += left[l * k + i] * right[l * k + j];
            m->running[j * k + i] = sum;
        }
    return PB_OK;
}

/* The directions by falling agreement; both are sorted. */
static void sort_directions(const pb_space *mean, const double *rotation, float *out,
                            double *agreement, double *room)
{
    size_t n = mean->n, k = mean->k;

    pb_combine(n, k, mean->q, k, rotation, room);
    for (size_t i = 0; i < k; i++) {
        size_t best = i;
        double *a = room + i * n, t = agreement[i];
        for (size_t j = i + 1; j < k; j++)
            best = agreement[j] > agreement[best] ? j : best;
        agreement[i] = agreement[best];
        agreement[best] = t;
        for (size_t l = 0; l < n; l++) {
            double other = room[best * n + l];
            room[best * n + l] = a[l];
            a[l] = other;
            out[i * n + l] = (float)other;
        }
    }
}

pb_status pb_mean_directions(const pb_space *mean, size_t n, size_t k, size_t count,
                             const float *const *vectors, float *out, double *agreement,
                             const pb_run *run, pb_error *error)
{
    matching m = {.n = k, .k = k, .count = count};
    double *room, *small;
    int changed = 1;
    pb_status status;
    pb_work work;

    PB_TRY(pb_space_check(mean, error));
    PB_TRY(check_samples(n, k, count, vectors, error));
    PB_NEED(out, "room for directions");
    PB_NEED(agreement, "room for the agreement");
    if (n != mean->n || k != mean->k)
        return pb_fail(
            error, PB_INVALID,
            "samples of %zu vectors of %zu numbers for a space of dimension %zu of R^%zu", k, n,
            mean->k, mean->n);
    PB_TRY(pb_work_begin(&work, run, MATCHING, count, error));
    room = pb_malloc(n * k, sizeof *room);
    small = pb_malloc(3 * k * k, sizeof *small);
    m.match = pb_calloc(count * k, sizeof *m.match);
    m.sign = pb_calloc(count * k, sizeof *m.sign);
    status = matching_new(&m, error);
    if (status == PB_OK && (!room || !small || !m.match || !m.sign))
        status = pb_fail_memory(error, n * k * sizeof *room, "directions of a mean");
    if (status == PB_OK) { /* begin with the first sample's own directions */
        widen(n * k, vectors[0], room);
        pb_inner_products(n, k, mean->q, k, room, m.sum, k);
        status = nearest_rotation(&m, small, small + 2 * k * k, small + k * k, error);
    }
    for (size_t round = 0; status == PB_OK && changed && round < ROUNDS; round++) {
        status = match_round(&m, vectors, mean, room, agreement, &changed, &work, error);
        if (status == PB_OK && changed)
            status = nearest_rotation(&m, small, small + 2 * k * k, small + k * k, error);
    }
    if (status == PB_OK)
        sort_directions(mean, m.running, out, agreement, room);
    pb_free(room);
    pb_free(small);
    pb_free(m.match);
    pb_free(m.sign);
    matching_clear(&m);
    pb_work_end(&work);
    return status;
}
