"""The pictures that the bundled models are trained on: grey, uint8, (N, H, W)."""

import gzip
import io
import pathlib

import numpy as np
import torch
from PIL import Image

HELD_OUT = 20  # every 20th picture is never trained on

EXPRESSIONS = "anger contempt disgust fear happiness neutral sadness surprise".split()
FACES = ("13,372 grey faces of the public repository muxspace/facial_expressions (Apache-2.0), most of "
         "them from Labeled Faces in the Wild")
FASHION = "/usr/share/datasets/fashion-mnist"


def faces(path, size):
    """faces64.npz: X (N,64,64), Y numbers of expressions."""
    with np.load(path) as file:
        pictures, labels = file["X"], file["Y"]
    shrink = pictures.shape[1] // size
    if shrink > 1:
        blocks = pictures.reshape(len(pictures), size, shrink, size, shrink).astype(np.float32)
        pictures = np.rint(blocks.mean((2, 4))).astype(np.uint8)
    return pictures, labels, EXPRESSIONS


def cifar(path):
    """cifar10.npz: the training pictures as JPEG, in grey."""
    with np.load(path) as file:
        data, offsets, labels = file["train_jpeg"], file["train_offsets"], file["train_labels"]
        names = [str(n) for n in file["classes"]]
    pictures = [
        np.asarray(Image.open(io.BytesIO(data[a:b].tobytes())).convert("L"))
        for a, b in zip(offsets[:-1], offsets[1:])
    ]
    return np.stack(pictures), labels, names


def fashion(folder):
    """Fashion-MNIST as Debian's dataset-fashion-mnist has it, 28 x 28 amid black."""
    folder = pathlib.Path(folder)
    with gzip.open(folder / "train-images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    names = "T-shirt trouser pullover dress coat sandal shirt sneaker bag boot".split()
    return np.pad(pictures, ((0, 0), (2, 2), (2, 2))), labels, names


def split(count):
    """Indices of the training and of the held-out pictures."""
    every = np.arange(count)
    return every[every % HELD_OUT != 0], every[every % HELD_OUT == 0]


def some(rows, count):
    """`count` of rows, or all where they are fewer, evenly spaced: data may be sorted by class."""
    count = min(count, len(rows))
    return rows[np.arange(count) * len(rows) // count]


def to_network(pictures):
    """uint8 (N,H,W) to float (N,1,H,W) in -1 … 1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float()[:, None] / 127.5 - 1


class Batches:
    """Random batches of rows of tensors, each epoch in a new order; mirrored at random."""

    def __init__(self, *tensors, seed=0, mirror=True):
        self.tensors, self.mirror = tensors, mirror
        self.generator = torch.Generator().manual_seed(seed)
        self.order = torch.empty(0, dtype=torch.long, device=tensors[0].device)

    def take(self, size):
        while len(self.order) < size:
            more = torch.randperm(len(self.tensors[0]), generator=self.generator)
            self.order = torch.cat([self.order, more.to(self.order.device)])
        rows, self.order = self.order[:size], self.order[size:]
        pictures, *others = (t[rows] for t in self.tensors)
        if self.mirror:
            flip = (torch.rand(size, generator=self.generator) < 0.5).to(pictures.device)
            pictures = torch.where(flip[:, None, None, None], pictures.flip(-1), pictures)
        return (pictures, *others) if others else pictures
