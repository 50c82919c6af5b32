"""What every training here shares: it resumes, ends in time, averages weights, keeps a record.

A run lives in build/train/NAME: state.pt (weights, average, optimizer) and losses.csv. Where there is
no state.pt, or it has seen fewer images, a training goes on from the weights committed in
models/NAME, with a fresh optimizer: training.json there says how many images they have seen. The
learning rate warms up at each start. Of the averages recorded, the best on held-out data is kept.
"""

import argparse
import copy
import csv
import math
import os
import pathlib
import signal
import time

import torch

import card

ROOT = pathlib.Path(__file__).resolve().parents[2]
COUNTS = ("images", "steps", "seconds")


def arguments(description, images, **data):
    """The options all trainings take. data: what --data is, where it is not required."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this time")
    parser.add_argument("--images", type=int, default=images,
                        help="in all, also the end of the learning rate's cosine (default: %(default)s)")
    parser.add_argument("--data", type=pathlib.Path, **(data or {"required": True}))
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "models")
    parser.add_argument("--runs", type=pathlib.Path, default=ROOT / "build" / "train")
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's choice")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu",
                        help="default: cuda where there is one, else cpu")
    parser.add_argument("--anneal", action="store_true",
                        help="the learning rate's cosine ends with --minutes, from this start, not with --images")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction,
                        help="default: on an accelerator")
    return parser


def has_bf16(device):
    """Whether bf16 is computed, not imitated."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    cpu = pathlib.Path("/proc/cpuinfo")
    return cpu.exists() and "avx512_bf16" in cpu.read_text()


class Run:
    """One training of one model (a torch module, or a ModuleDict of several).

    while run.goes_on():
        ...
        run.update(loss, images)
        if run.due():
            run.record(held_out_loss)
    """

    def __init__(self, name, model, options, rate, ema=0.999, warmup=200, every=8192):
        if options.threads:
            torch.set_num_threads(options.threads)
        self.name, self.options = name, options
        self.device = torch.device(options.device)
        torch.backends.cudnn.benchmark = True  # all batches are of one shape
        self.bf16 = has_bf16(self.device)
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), rate, weight_decay=0.01, fused=True
        )
        self.before = {}  # its training.json as it was at the start
        self.best = {}  # of the averages recorded: its objective, images seen, weights
        self.others = {}  # what the training keeps besides: name -> object with state_dict
        self.rate, self.ema, self.warmup, self.every = rate, ema, warmup, every
        self.images = self.steps = self.since = self.batch = 0
        self.seconds, self.noted = 0.0, 0
        self.sum, self.count = 0.0, 0
        self.folder = options.runs / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stop = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)
        self.begun = self.last = self.then = time.monotonic()

    def _ask_to_stop(self, *_):
        self.stop = True

    # -- going on from before ------------------------------------------------------------------

    def resume(self, weights, folder=None, part=None):
        """Loads state.pt, or the committed weights, which lie in the model's folder under the name of
        `weights`; those that have seen more images. part: the part of training.json that is this run's,
        where a model is made of several."""
        folder = folder or self.options.models / self.name
        self.before = record = self._record(folder, part)
        path, state = self.folder / "state.pt", None
        if path.exists():
            state = torch.load(path, map_location=self.device, weights_only=False)
        if state and state["images"] >= record.get("images", 0):
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            for name, other in self.others.items():
                other.load_state_dict(state["others"][name])
            self.best = state.get("best", {})
            for name in COUNTS:
                setattr(self, name, state[name])
        elif record:
            committed = type(self.model).from_pretrained(folder / weights).float()
            self.model.load_state_dict(committed.state_dict())
            self.average.load_state_dict(self.model.state_dict())
            for name in COUNTS:
                setattr(self, name, record[name])
            with open(self.folder / "losses.csv", "w", newline="") as file:
                csv.writer(file).writerows([("images", "training", "heldout"), *record["losses"]])
        self.noted = self.images
        torch.manual_seed(self.images)  # not the same noise again

    def _record(self, folder, part):
        record = card.read_json(folder / "training.json", {})
        return record.get(part, {}) if part else record

    def save(self):
        state = {name: getattr(self, name) for name in COUNTS}
        state["model"], state["average"] = self.model.state_dict(), self.average.state_dict()
        state["optimizer"] = self.optimizer.state_dict()
        state["best"] = self.best
        state["others"] = {name: other.state_dict() for name, other in self.others.items()}
        torch.save(state, self.folder / "state.part")
        (self.folder / "state.part").rename(self.folder / "state.pt")

    # -- the loop ------------------------------------------------------------------------------

    def goes_on(self):
        now = time.monotonic()
        self.seconds += now - self.last
        self.last = now
        ended = self.images >= self.options.images or now - self.begun > 60 * self.options.minutes
        return not (ended or self.stop)

    def autocast(self):
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def compiled(self, function):
        wanted = self.device.type != "cpu" if self.options.compile is None else self.options.compile
        return torch.compile(function) if wanted else function

    def share(self):
        """How much of a rate applies now: warm-up, then a cosine over all images, or over the minutes."""
        done = self.images / self.options.images
        if self.options.anneal:
            done = (time.monotonic() - self.begun) / (60 * self.options.minutes)
        done = min(1, done)
        return min(1, (self.since + 1) / self.warmup) * max(0.01, 0.5 + 0.5 * math.cos(math.pi * done))

    def update(self, loss, images, shown=None):
        """One step down the loss of so many images. shown: what the record has instead of it."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * self.share()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.steps, self.since, self.images = self.steps + 1, self.since + 1, self.images + images
        keep = min(self.ema, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.model.parameters()), 1 - keep
            )
            for mean, now in zip(self.average.buffers(), self.model.buffers()):
                mean.copy_(now)
        self.batch = images
        loss = loss if shown is None else shown
        self.sum, self.count = self.sum + loss.detach() * images, self.count + images

    # -- the record ----------------------------------------------------------------------------

    def due(self):
        return self.images - self.noted >= self.every

    def record(self, heldout, objective=None):
        """Writes a line of losses and the state; nothing where no image was seen since the last time.
        objective: of which the average that has least is kept, for take_best."""
        if self.images == self.noted:
            return
        if objective is not None and objective < self.best.get("objective", math.inf):
            weights = {name: value.clone() for name, value in self.average.state_dict().items()}
            self.best = {"objective": float(objective), "images": self.images, "weights": weights}
        training = self.sum.item() / self.count
        path = self.folder / "losses.csv"
        new = not path.exists()
        with open(path, "a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(("images", "training", "heldout"))
            writer.writerow((self.images, f"{training:.6f}", f"{heldout:.6f}"))
        rate = (self.images - self.noted) / (time.monotonic() - self.then)
        self.then, self.noted, self.sum, self.count = time.monotonic(), self.images, 0.0, 0
        print(
            f"{self.name}: {self.images} of {self.options.images} images, training {training:.5f}, "
            f"held out {heldout:.5f}, {rate:.0f} images/s"
            + ("" if objective is None else f", objective {objective:.5f}"),
            flush=True,
        )
        self.save()

    def take_best(self):
        """Makes the average the best of those recorded."""
        if self.best:
            self.average.load_state_dict(self.best["weights"])

    def summary(self):
        """What training.json says of this run."""
        with open(self.folder / "losses.csv", newline="") as file:
            rows = [(int(a), float(b), float(c)) for a, b, c in list(csv.reader(file))[1:]]
        cuda = self.device.type == "cuda"
        made = {
            "on": torch.cuda.get_device_name() if cuda else f"{os.cpu_count()} CPU cores",
            "cosine_end": None if self.options.anneal else self.options.images,  # None: of the time
            "rate": self.rate,
            "batch": self.batch,
            "kept": self.best.get("images", self.images),  # whose average the weights are
        }
        earlier = self.before.get("earlier", [])  # summaries of what was trained otherwise, and when it ended
        then = {name: self.before[name] for name in (*COUNTS, *made) if name in self.before}
        if not self.since:  # the card alone is written again
            made = {name: value for name, value in then.items() if name in made}
        elif any(then.get(name, made[name]) != made[name] for name in ("on", "batch")):
            earlier = [*earlier, then]
        return {
            "images": self.images,
            "steps": self.steps,
            "seconds": round(self.seconds),
            **made,
            "earlier": earlier,
            "notes": self.before.get("notes", []),  # what the card has to say of it besides
            "losses": rows,
        }
