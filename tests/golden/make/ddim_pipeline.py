"""Writes tests/golden/ddim-pipeline: what DDIMPipeline of diffusers samples with schedulers of several
kinds, with the network of tests/faults/clip-sample in double precision.

    python tests/golden/make/ddim_pipeline.py        (diffusers 0.42, PyTorch 2.15)

NAME.json: a scheduler_config.json, as files have them that are old or written by hand; io.safetensors:
NAME (1,3,16,16), ten steps of the pipeline's scheduler from torch.manual_seed(0), as the last step
leaves the image, before the pipeline clamps it.
"""

import json
import pathlib
import tempfile

import diffusers
import torch
from safetensors.torch import save_file

TESTS = pathlib.Path(__file__).resolve().parents[2]
BETAS = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
SCHEDULERS = {
    # PNDMScheduler does not clip and ends at timestep 0, but no file says so.
    "pndm-absent": dict(_class_name="PNDMScheduler", **BETAS),
    "pndm": dict(_class_name="PNDMScheduler", clip_sample=False, set_alpha_to_one=False, **BETAS),
    "euler-absent": dict(_class_name="EulerDiscreteScheduler", prediction_type="v_prediction", **BETAS),
    "ddpm-range": dict(_class_name="DDPMScheduler", clip_sample_range=2.0, steps_offset=1, **BETAS),
    "ddpm-threshold": dict(_class_name="DDPMScheduler", thresholding=True,
                           dynamic_thresholding_ratio=0.9, sample_max_value=1.5, **BETAS),
    "ddim-sample": dict(_class_name="DDIMScheduler", prediction_type="sample", **BETAS),
}


@torch.no_grad()
def sample(unet, config):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "scheduler_config.json").write_text(json.dumps(config))
        scheduler = getattr(diffusers, config["_class_name"]).from_pretrained(folder)
    scheduler = diffusers.DDIMPipeline(unet, scheduler).scheduler
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).double()
    scheduler.set_timesteps(10)
    for t in scheduler.timesteps:
        x = scheduler.step(unet(x, t).sample, t, x).prev_sample
    return x.float().contiguous()


def main():
    unet = diffusers.UNet2DModel.from_pretrained(TESTS / "faults" / "clip-sample" / "model" / "unet")
    unet = unet.double().eval()
    folder = TESTS / "golden" / "ddim-pipeline"
    folder.mkdir(exist_ok=True)
    tensors = {}
    for name, config in SCHEDULERS.items():
        (folder / f"{name}.json").write_text(json.dumps(config, indent=2) + "\n")
        tensors[name] = sample(unet, config)
    save_file(tensors, folder / "io.safetensors")


if __name__ == "__main__":
    main()
