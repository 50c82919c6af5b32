"""Writes tests/golden/ddim-steps.safetensors: steps of DDIMScheduler that clip or threshold the image
they predict, in double precision but for the schedule's numbers.

    python tests/golden/make/ddim_steps.py        (diffusers 0.42, PyTorch 2.15)

x (2,3,4,4): noise; out (10,2,3,4,4): what a network would give at each step, whatever its input.
spaced.PREDICTION.CASE (2,3,4,4): from x by ten steps of leading spacing, the last to alpha-bar = 1;
boosted.PREDICTION.CASE: from x down the paper's grid of ten points (111 timesteps apart) by steps with
eta = 1, all images with the same noise, torch.manual_seed(5), and none in the last, which ends at
timestep 0.
"""

import pathlib

import torch
from diffusers import DDIMScheduler
from safetensors.torch import save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[1]
CASES = {
    "range1": dict(clip_sample=True),
    "range2": dict(clip_sample=True, clip_sample_range=2.0),
    # Both on: thresholding goes first.
    "threshold": dict(clip_sample=True, thresholding=True),
    "threshold-most": dict(clip_sample=False, thresholding=True, dynamic_thresholding_ratio=0.9,
                           sample_max_value=1.5),
    "threshold-below-1": dict(clip_sample=False, thresholding=True, dynamic_thresholding_ratio=0.5,
                              sample_max_value=0.75),
    "none": dict(clip_sample=False),
}
PREDICTIONS = ["epsilon", "v_prediction", "sample"]
POINTS, SHAPE = 10, (2, 3, 4, 4)


def spaced(scheduler, x, out):
    scheduler.set_timesteps(POINTS)
    for t, o in zip(scheduler.timesteps, out):
        x = scheduler.step(o, t, x).prev_sample
    return x


def boosted(scheduler, x, out):
    generator = torch.Generator().manual_seed(5)
    scheduler.num_inference_steps = POINTS - 1  # 1000 // 9 = 111
    for i in range(POINTS - 1, 0, -1):
        eta = 1.0 if i > 1 else 0.0
        z = torch.randn(1, *SHAPE[1:], generator=generator).double() if eta else None
        x = scheduler.step(out[POINTS - 1 - i], 111 * i, x, eta, variance_noise=z).prev_sample
    return x


def main():
    torch.manual_seed(0)
    x, out = torch.randn(SHAPE), torch.randn(POINTS, *SHAPE) * 1.5
    tensors = {"x": x, "out": out}
    for prediction in PREDICTIONS:
        for name, options in CASES.items():
            for way in (spaced, boosted):
                scheduler = DDIMScheduler(prediction_type=prediction, **options)
                result = way(scheduler, x.double(), out.double())
                tensors[f"{way.__name__}.{prediction}.{name}"] = result.float().contiguous()
    save_file(tensors, GOLDEN / "ddim-steps.safetensors")


if __name__ == "__main__":
    main()
