#include "at_work.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static int watch(void *context, const pb_progress *p)
{
    told *t = context;

    assert_non_null(p->task);
    assert_true(p->total == 0 || p->done <= p->total);
    if (!t->task_count || strcmp(t->tasks[t->task_count - 1], p->task)) {
        assert_true(t->task_count < 32);
        t->tasks[t->task_count++] = p->task;
        t->asked = 0;
    }
    t->asked++;
    t->fewest = t->fewest && t->fewest < omp_get_max_threads() ? t->fewest : omp_get_max_threads();
    t->most = t->most > omp_get_max_threads() ? t->most : omp_get_max_threads();
    if (t->converged && p->svd && p->svd->converged >= t->converged)
        return 1;
    return t->stop_in && !strcmp(t->stop_in, p->task) && t->asked >= t->stop_at;
}

static void hear(void *context, const char *text)
{
    told *t = context;
    size_t n = strlen(t->warnings);

    assert_null(strchr(text, '\n'));
    snprintf(t->warnings + n, sizeof t->warnings - n, "%s\n", text);
}

pb_run run_of(told *t)
{
    return (pb_run){.monitor = watch, .warn = hear, .context = t};
}

studio open_studio(const char *path)
{
    studio s = {.picture = PB_TENSOR_EMPTY,
                .point = PB_POINT_EMPTY,
                .found = PB_DIRECTIONS_EMPTY,
                .edit = PB_EDIT_EMPTY};
    size_t factor, channels;

    MUST(pb_model_open(&s.model, path, error));
    MUST(pb_session_new(&s.session, s.model, error));
    MUST(pb_session_pixels(s.session, &factor, &channels, error));
    const pb_model_info *info = pb_model_get_info(s.model);
    const size_t shape[4] = {1, channels, factor * info->sample_height,
                             factor * info->sample_width};
    MUST(pb_tensor_new(&s.picture, 4, shape, error));
    for (size_t i = 0; i < pb_tensor_count(&s.picture); i++)
        s.picture.data[i] = (float)sin(0.01 * (double)i);
    return s;
}

void clear_work(studio *s)
{
    pb_edit_clear(&s->edit);
    pb_directions_clear(&s->found);
    pb_point_clear(&s->point);
}

void close_studio(studio *s)
{
    clear_work(s);
    pb_tensor_clear(&s->picture);
    pb_session_free(s->session);
    pb_model_free(s->model);
}

pb_status go(studio *s, pb_edit_mode mode, const pb_run *run, pb_error *error)
{
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_edit_options how = PB_EDIT_DEFAULTS;

    clear_work(s);
    where.picture = &s->picture;
    where.steps = STEPS;
    where.t = 0.6;
    how.mode = mode;
    how.iterations = 2;
    if (pb_model_get_info(s->model)->context_width) {
        where.prompts.prompt = "a face";
        where.prompts.guidance_scale = 2;
    }
    pb_status status = pb_session_point(s->session, &where, &s->point, run, error);
    if (status == PB_OK)
        status = pb_session_directions(s->session, &s->point, NULL, &s->found, run, error);
    if (status == PB_OK)
        status = pb_session_edit(s->session, &s->point, &s->found, &how, &s->edit, run, error);
    return status;
}
