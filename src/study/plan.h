/* The plan of a study: its models opened, and the specification and key of every item. */
#ifndef PB_STUDY_PLAN_H
#define PB_STUDY_PLAN_H

#include "catalogue/catalogue.h"
#include "study/prompts.h"
#include "study/study.h"

#define PB_BASIS_ENDING ".safetensors"
#define PB_TRAJECTORY_ENDING ".npy"
#define PB_PICTURE_ENDING ".png"

typedef struct pb_planned_model {
    const char *name; /* as given */
    char *label;      /* its folder's name, legible; of each model another */
    pb_model *model;
    const pb_model_info *info;
    const pb_schedule *schedule;
    char hash[65];
    size_t *grid; /* grid points of the timesteps, ascending */
    size_t height, width;
    pb_session *session;
    uint64_t *attributes; /* of each condition's prompt; NULL: none */
} pb_planned_model;

typedef struct pb_study_plan {
    const pb_study_options *options;
    pb_run run; /* the memory, and who is asked where no item is at hand */
    pb_catalogue *catalogue;
    pb_planned_model *models;
    char (*images)[65]; /* SHA-256 of the images */
    size_t samples, timesteps;
    size_t conditions;    /* for each sample */
    size_t rows;          /* samples * conditions: condition is row % conditions */
    pb_key *trajectories; /* [model][sample] */
    /* What the study is of, and what counts as done: bases, and pictures of drawn samples. */
    pb_key *bases;    /* [model][row][timestep] */
    pb_key *pictures; /* behind them, [model][sample]; none where images are given */
    size_t keys;      /* of both */
    char *repeated;   /* of each key: an earlier one is the same (equal prompts, one image twice) */
    size_t items;     /* keys that are not */
} pb_study_plan;

/* Opens the models and the catalogue, and finds all keys. The study's folder and its catalogue are
 * made only after the models, the images, taps and rank have been found to be right. Errors:
 * theirs. *plan must be zero-filled; pb_study_plan_close frees it, also on failure. */
pb_status pb_study_plan_open(pb_study_plan *plan, const pb_study_options *options,
                             const pb_run *run, pb_error *error);
void pb_study_plan_close(pb_study_plan *plan);

/* The specification of an item, as the catalogue keys it. The caller's. */
json_t *pb_trajectory_spec(const pb_study_plan *plan, size_t model, size_t sample);
json_t *pb_picture_spec(const pb_study_plan *plan, size_t model, size_t sample);
json_t *pb_basis_spec(const pb_study_plan *plan, size_t model, size_t row, size_t timestep);

static inline size_t pb_plan_trajectory(const pb_study_plan *p, size_t model, size_t sample)
{
    return model * p->samples + sample;
}

/* row: sample * conditions + condition; where a sample has one condition, the sample. */
static inline size_t pb_plan_basis(const pb_study_plan *p, size_t model, size_t row,
                                   size_t timestep)
{
    return (model * p->rows + row) * p->timesteps + timestep;
}

/* t of a timestep's number: (i + 1)/P. */
static inline double pb_plan_t(const pb_study_plan *p, size_t timestep)
{
    return (double)(timestep + 1) / (double)p->timesteps;
}

/* Where the basis of a timestep is taken: grid points of x and of the network's time. */
typedef struct pb_study_point {
    size_t x, time;
} pb_study_point;
pb_study_point pb_plan_point(const pb_study_plan *plan, size_t model, size_t timestep);

/* Reads a basis of the plan. Errors: its own, PB_CANCELLED. */
pb_status pb_plan_read(const pb_study_plan *plan, size_t model, size_t row, size_t timestep,
                       pb_basis *basis, pb_error *error);

#endif
