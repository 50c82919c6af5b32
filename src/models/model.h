/* The inside of a pb_model. */
#ifndef PB_MODELS_MODEL_H
#define PB_MODELS_MODEL_H

#include <pthread.h>
#include <stdbool.h>

#include <pullback/model.h>

#include "backends/backend.h"
#include "graph/graph.h"
#include "io/weights.h"
#include "models/locate.h"
#include "models/lora/lora.h"
#include "models/scheduler.h"

/* The hash of the files, once it is known: a model may be shared by threads. */
typedef struct pb_model_digest {
    pthread_mutex_t mutex;
    char hash[65]; /* "" until then */
    char *noted;   /* the signature of the files that are read by name, when that began */
    char *loras;   /* what is told of LoRAs (pb_model_describe_loras); NULL until then */
} pb_model_digest;

struct pb_model {
    pb_model_files files;
    pb_loras loras; /* which parts of files have added to them */
    pb_weights *weights;
    pb_device *device; /* of its backend: holds what is made of the weights */
    pb_graph *graph;   /* reads weights */
    pb_denoiser_facts facts;
    pb_schedule *schedule;
    pb_scheduler_facts scheduler;
    pb_model_digest *digest;
    pb_model_info info; /* strings point into the above */
};

/* Checks the size of images against what the network takes. Errors: PB_INVALID. */
pb_status pb_model_check_size(const pb_model *model, size_t height, size_t width, pb_error *error);

/* The shapes of the graph's inputs (graph->inputs of them) for images of such a size; what else it
 * is conditioned on has its nominal shape. */
void pb_model_input_shapes(const pb_model *model, size_t height, size_t width, pb_shape *shapes);

/* Is an input of a network a tensor of its condition? The others have places of their own. Its
 * shape as it is told: positions of numbers are an image of one channel. */
bool pb_is_tensor_input(const char *name);
static inline pb_shape pb_tensor_input_image(pb_shape s)
{
    return (pb_shape){s.h * s.w, s.c, 1};
}

/* Notes the files found, before any of them is read: the hash is refused once they are others.
 * Errors: PB_IO, PB_MEMORY. */
pb_status pb_model_note_files(pb_model *model, pb_error *error);

/* The model's hash if it was computed before, else "". */
void pb_model_known_hash(const pb_model *model, char hash[65]);

/* "no tap NAME", and those there are. Returns PB_INVALID. */
pb_status pb_fail_tap(pb_error *error, const pb_model *model, const char *tap);

/* Checks a class label against the model. Errors: PB_INVALID. */
pb_status pb_model_check_class(const pb_model *model, long label, pb_error *error);

#endif
