/* Models: a folder in the diffusers layout, or one file in the names of its authors' code, read
 * and checked.
 *
 * A pb_model is immutable once open and may be shared by threads.
 */
#ifndef PULLBACK_MODEL_H
#define PULLBACK_MODEL_H

#include <stdint.h>

#include <pullback/diffusion.h>
#include <pullback/run.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pb_model pb_model;

/* Opens a model: a file of Stable Diffusion, DDPM or guided-diffusion in the names of their
 * authors' code (docs/models.md), by its path; a pipeline folder (model_index.json, unet/,
 * scheduler/) or a flat one (config.json, weights and scheduler_config.json side by side). `name`
 * is a path; failing that a folder of that name inside $PULLBACK_MODELS, `models/` of the working
 * directory, of the clone in whose build folder the running program lies, or of the installation;
 * failing that owner/name in the Hugging Face cache, where huggingface_hub has it ($HF_HUB_CACHE,
 * $HF_HOME, $XDG_CACHE_HOME) and in the snapshot that refs/main names. Nothing is ever downloaded.
 * Where several files could be meant, that is read which diffusers or transformers read
 * (pb_model_info.unused names the others). Weights are checked against the architecture, not yet
 * converted; their files stay open, and are the ones that are read later, when an evaluation needs
 * them first or has no room to keep them. Replacing one (by renaming another over it) changes
 * nothing; writing into it makes what reads it fail: PB_IO.
 * Errors: PB_INVALID (no name), PB_IO, PB_FORMAT, PB_UNSUPPORTED (a component that is not read),
 * PB_MEMORY; the message names the file and the item. */
PB_API pb_status pb_model_open(pb_model **out, const char *name, pb_error *error);

/* A LoRA: low-rank additions to a model's weights. */
typedef struct pb_lora {
    const char *path; /* of its file, or of a folder with pytorch_lora_weights or adapter_model */
    double weight;    /* what it is multiplied by: any finite number; 1: as it was trained */
} pb_lora;

#define PB_LORA_DEFAULTS ((pb_lora){.weight = 1})
PB_API void pb_lora_init(pb_lora *lora);

typedef struct pb_model_options {
    /* The noise schedule of a model that comes without one (a folder that UNet2DModel's
     * save_pretrained wrote): the path of a scheduler_config.json, or "ddpm" for the defaults of
     * DDPMScheduler; NULL: the model's own. It is part of the model's hash. */
    const char *schedule;
    /* What computes: "cpu" (NULL), or "reference": plain loops in double precision, slow, for whom
     * it is an oracle. */
    const char *backend;
    /* An autoencoder in the place of the model's own, or of none: its folder, that of a pipeline,
     * or a file in the original layout or in the names of diffusers. NULL: the model's own. */
    const char *vae;
    /* What the network of a model that is one file predicts, where nothing in it says: "epsilon",
     * "v_prediction" or "sample"; NULL: what it says, or what its family does. */
    const char *prediction_type;
    /* A folder with configs of diffusers (unet/config.json …), which count in the place of what is
     * inferred of a model that is one file; NULL: none. */
    const char *config;
    /* LoRAs of Stable Diffusion (docs/models.md), merged into the weights of U-Net and text
     * encoders when these are read, one after the other: W + weight (alpha / rank) up down, in
     * float32. They are part of the model's hash. The list and its paths need not outlive the call.
     */
    const pb_lora *loras;
    size_t lora_count;
} pb_model_options;

#define PB_MODEL_DEFAULTS ((pb_model_options){.schedule = NULL})
PB_API void pb_model_options_init(pb_model_options *options);

/* The same, with options (NULL: the defaults). Errors: also PB_INVALID (a schedule for a model that
 * has its own; no such backend; two readings of a file that fit equally: the message names the
 * option that decides; a LoRA's weight that is not finite, a LoRA for a model that reads no text,
 * or of which nothing fits). */
PB_API pb_status pb_model_open_with(pb_model **out, const char *name,
                                    const pb_model_options *options, pb_error *error);

PB_API void pb_model_free(pb_model *model);

/* What a model's pullback.json says: recommended editing settings "t", "edit_step", "edit_scale",
 * "edit_iterations", "boost"; "heldout_loss", its denoising loss on held-out data; and of a model
 * that shows faces "face_x", "face_y", "face_size", where in its pictures a face lies: the centre
 * and the side of the square from brow to chin that a detector of faces finds, in units of the
 * picture's shorter side and relative to the largest centred square in it. NaN (iterations: 0)
 * where absent. */
typedef struct pb_recommended {
    double t;          /* fraction of T */
    double step;       /* delta */
    double scale;      /* gamma */
    size_t iterations; /* N; 0: absent */
    double boost;      /* fraction of T; 0: no boost */
    double heldout_loss;
    double face_x, face_y, face_size; /* all three or none */
} pb_recommended;

/* Chooses the algorithm of each convolution by a table of costs, a file that `pullback bench
 * --tune` wrote; without one the choice is built in. Results depend on the choice in their last
 * digits. To be called before the model is evaluated. Errors: PB_INVALID (a backend that has no
 * choice), PB_IO, PB_FORMAT, PB_MEMORY. */
PB_API pb_status pb_model_set_costs(pb_model *model, const char *path, pb_error *error);

typedef struct pb_model_info {
    const char *path;         /* the folder or the file, as found */
    const char *architecture; /* "UNet2DModel", "UNet2DConditionModel" */
    const char *scheduler;    /* the class named in the scheduler's config */
    const char *weights;      /* file name of the weights or of their index */
    size_t parameters;
    size_t weight_bytes;                /* on disk */
    const char *dtype;                  /* of the weights on disk: "F32", "F16", "mixed" … */
    size_t sample_height, sample_width; /* the size the network was trained at, of images as it sees
                                           them (of a latent model in positions of a latent); its
                                           config may name one that it does not take */
    size_t in_channels;
    size_t out_channels;   /* channels of `out` as used */
    int learned_variance;  /* the network's output has twice as many; the first half is used */
    size_t size_multiple;  /* H and W must be multiples of this */
    size_t size_least;     /* and at least this */
    int class_conditional; /* must be given a class label */
    size_t classes;        /* labels 0 … classes-1; 0: any number, or not conditional */
    int latent;            /* works on latents: has an autoencoder, or should have one */
    size_t context_width;  /* numbers of each token's embedding; 0: not conditioned on text */
    size_t pooled_width;   /* numbers of a prompt's pooled embedding, which a network as that of
                              Stable Diffusion XL is given too, with sizes in pixels (map.h); 0: it
                              takes neither */
    int zeros_for_none;    /* no negative prompt at all is zeros, not the empty prompt's embedding
                              ("force_zeros_for_empty_prompt") */
    size_t steps_offset;   /* for pb_ddim_spaced: the scheduler's, or 1 where the network is
                              conditioned on text alone, since StableDiffusionPipeline sets it so */
    int set_alpha_to_one;  /* of the scheduler's config, likewise */
    pb_clip clip;          /* likewise, for steps that are never reversed: of pb_ddim_spaced, and
                              of pb_ddim's from `boost` down. Without clip_sample where the network
                              is conditioned on text alone, since StableDiffusionPipeline sets it
                              so; StableDiffusionXLPipeline leaves both as they are */
    int has_autoencoder, has_tokenizer, has_text_encoder; /* folders of a pipeline */
    int has_tokenizer_2, has_text_encoder_2;              /* likewise */
    const char *unused; /* files and folders that look as if they could have been read and were not,
                           "PATH, PATH", or NULL */
    const char *inferred; /* of a model that is one file, and of an autoencoder that is: what no
                             config says, lines "WHAT: VALUE (FROM WHAT)"; or NULL */
    const char *ignored; /* what all other steps leave out of it, since they must be reversible
                            ("clip_sample", "thresholding"), or NULL */
    pb_recommended recommended;
} pb_model_info;

/* Static facts about the model; owned by it. */
PB_API const pb_model_info *pb_model_get_info(const pb_model *model);

/* What the model is made of: the role of component i as a pipeline calls it, "unet", "scheduler",
 * "vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", those that are there, and
 * its class in *class_name (or NULL). NULL, both, past the last. */
PB_API const char *pb_model_component(const pb_model *model, size_t i, const char **class_name);

/* What became of a LoRA. */
typedef struct pb_lora_info {
    const char *path; /* the file, as found */
    double weight;
    /* Layers that it adds to, of each part. */
    size_t unet_layers, text_encoder_layers, text_encoder_2_layers;
    size_t rank_least, rank_most; /* of their additions; 0: all are whole differences */
    /* Tensors of the file that nothing here has a place for, with the reason in brackets where
     * there is more to say. */
    size_t unmatched_count;
    const char *const *unmatched;
} pb_lora_info;

/* The model's LoRA number i, in the order of the options; owned by the model. NULL past the last.
 */
PB_API const pb_lora_info *pb_model_lora(const pb_model *model, size_t i);

/* What a file says of a model's LoRAs: a JSON list of objects with "file" (the file's own name),
 * "weight" and "sha256"; *text is NULL where there are none. The caller frees it with pb_text_free.
 * Reads the files the first time. Errors: PB_IO, PB_MEMORY, PB_CANCELLED. */
PB_API pb_status pb_model_describe_loras(const pb_model *model, char **text, const pb_run *run,
                                         pb_error *error);

/* The noise schedule; owned by the model. */
PB_API const pb_schedule *pb_model_schedule(const pb_model *model);

/* Taps, along the network from input to output: "x", "down.0", …, "mid", "up.0", …, "out".
 * NULL past the last. "eps" and "x0" are affine in "out" and may be named wherever it is. */
PB_API const char *pb_model_tap(const pb_model *model, size_t i);

/* Shape (C, H, W) of a tap for inputs of height x width; of a tensor of the condition, at which a
 * map may begin too ("context": map.h), as a model of its kind has it: (1, 77, width), whatever
 * number of tokens it is given then.
 * Errors: PB_INVALID (no such tap, or a size the network does not take). */
PB_API pb_status pb_model_tap_shape(const pb_model *model, const char *tap, size_t height,
                                    size_t width, size_t shape[3], pb_error *error);

/* SHA-256 over all files that can change a number, as 64 hexadecimal digits and a final NUL:
 * model_index.json, the network's config and weights, the noise schedule's config, and the configs,
 * weights and vocabularies of the autoencoder, the text encoders and the tokenizers; not
 * pullback.json. Of a model that is one file: the file, what the configs would say, and the
 * tokenizer. LoRAs: their files' bytes and weights. Depends on the files' names in the folder and
 * their bytes, not on where it lies; the network's weights are those that are open. Reads every
 * file the first time: milliseconds to seconds, in which the run is asked about once a millisecond;
 * other threads that want the hash of the same model wait meanwhile. Errors: PB_IO (also where a
 * config has changed since the model was opened), PB_MEMORY, PB_CANCELLED, PB_INVALID (asked for by
 * the monitor of such a run). */
PB_API pb_status pb_model_hash(const pb_model *model, char hash[65], const pb_run *run,
                               pb_error *error);

/* Tells the hash, where it is known from before (a cache by pb_model_signature), so that it need
 * not be computed. To be called before the model is shared. Errors: PB_INVALID. */
PB_API pb_status pb_model_set_hash(pb_model *model, const char *hash, pb_error *error);

/* A text that changes when one of those files does: their paths, sizes, times of modification
 * and inodes. The caller frees *signature with pb_text_free. Errors: PB_IO, PB_MEMORY. */
PB_API pb_status pb_model_signature(const pb_model *model, char **signature, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
