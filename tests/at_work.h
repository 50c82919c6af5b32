/* A model at work in tests of the session: what its runs tell, and the whole way from a picture to
 * an edit, in few steps. */
#ifndef AT_WORK_H
#define AT_WORK_H

#include "golden.h"

#define PIXEL GOLDEN "variants/variance" /* of pixels; neither recommends anything */
#define TEXT GOLDEN "sd1-tiny"           /* of latents and text */
#define STEPS 6

/* What a run told. */
typedef struct told {
    const char *tasks[32]; /* each once, in order */
    size_t task_count, asked;
    size_t stop_at; /* stop at this question of that task; 0: never */
    const char *stop_in;
    size_t converged; /* stop once that many triplets have; 0: never */
    int fewest, most; /* threads that there were when it was asked */
    char warnings[2000];
} told;

pb_run run_of(told *t);

/* A model at work, and all that comes of it. */
typedef struct studio {
    pb_model *model;
    pb_session *session;
    pb_tensor picture;
    pb_point point;
    pb_directions found;
    pb_edit edit;
} studio;

studio open_studio(const char *path);
void close_studio(studio *s);

/* Clears what came of it. */
void clear_work(studio *s);

/* The whole way. */
pb_status go(studio *s, pb_edit_mode mode, const pb_run *run, pb_error *error);

#endif
