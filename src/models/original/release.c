#include "models/original/release.h"

#include <math.h>

const pb_release_facts *pb_release_of(pb_release release)
{
    static const pb_release_facts all[] = {
        [PB_SD1] = {.name = "Stable Diffusion 1.x",
                    .architecture = "stable-diffusion-v1",
                    .context = 768,
                    .linear = false,
                    .heads = 8,
                    .scaling = NAN,
                    .sample = {64, 64},
                    .cuts_text = false,
                    .tokenizer = "clip",
                    .scheduler = "DDIMScheduler",
                    .prediction = "epsilon"},
        [PB_SD2] = {.name = "Stable Diffusion 2.x",
                    .architecture = "stable-diffusion-v2",
                    .context = 1024,
                    .linear = true,
                    .heads = 0,
                    .scaling = NAN,
                    .sample = {64, 96},
                    .cuts_text = true,
                    .tokenizer = "openclip",
                    .scheduler = "DDIMScheduler",
                    .prediction = NULL},
        [PB_SDXL] = {.name = "Stable Diffusion XL",
                     .architecture = "stable-diffusion-xl-",
                     .context = 2048,
                     .linear = true,
                     .heads = 0,
                     .scaling = 0.13025,
                     .sample = {128, 128},
                     .cuts_text = false,
                     .tokenizer = "clip",
                     .scheduler = "EulerDiscreteScheduler",
                     .prediction = "epsilon"},
    };

    return &all[release];
}
