#include "cli/commands.h"

#include "terminal/command.h"

const pb_command pb_commands[] = {
    {"info", "what a model is: architecture, taps, noise schedule", pb_command_info},
    {"models", "the models there are, and which can be read", pb_command_models},
    {"fetch", "a model from a hub, over the network, into its cache", pb_command_fetch},
    {"sample", "draw images from noise", pb_command_sample},
    {"invert", "the noise that an image comes from", pb_command_invert},
    {"basis", "the local latent basis at an image, with certified residuals", pb_command_basis},
    {"edit", "edit an image along the basis", pb_command_edit},
#ifdef PB_HAS_EXPLORE
    {"explore", "a page in the browser: find, try and take home edits of a photo",
     pb_command_explore},
#endif
    {"transport", "carry a direction to another image or timestep, and edit with it",
     pb_command_transport},
    {"compare", "how far tangent spaces are apart", pb_command_compare},
    {"mean", "global directions: the mean of several bases", pb_command_mean},
    {"study", "the paper's experiments: timesteps, samples, models, prompts", pb_command_study},
    {"study timesteps", "how a sample's basis changes with t", pb_command_study},
    {"study samples", "how far samples are apart at each t", pb_command_study},
    {"study models", "both, for several models", pb_command_study},
    {"study prompts", "how the prompt moves a tangent space, and when", pb_command_study},
    {"study status", "how far a study is", pb_command_study},
    {"prompt", "the tokens of a prompt, and its embedding", pb_command_prompt},
    {"encode", "a picture as the latent of a model", pb_command_encode},
    {"decode", "latents as pictures", pb_command_decode},
    {"eval", "evaluate a network, or apply its Jacobian", pb_command_eval},
    {"bench", "how fast this machine is on a model, and where the time goes", pb_command_bench},
    {"demo", "edit the bundled portrait, from photo to photo", pb_command_demo},
    {"help", "this list; help COMMAND; help terms: what the words mean", pb_command_help},
    {NULL, NULL, NULL},
};
