"""What the autoencoder's loss is made of besides L1: gradients at several scales, and a small
discriminator that looks at patches."""

import torch
from torch import nn
from torch.nn import functional


def gradients(a, b, scales=3):
    """Mean absolute difference of horizontal and vertical differences, at halved sizes too."""
    loss = 0
    for scale in range(scales):
        if scale:
            a, b = functional.avg_pool2d(a, 2), functional.avg_pool2d(b, 2)
        for axis in (-1, -2):
            loss = loss + (a.diff(dim=axis) - b.diff(dim=axis)).abs().mean()
    return loss / (2 * scales)


class Discriminator(nn.Sequential):
    """Says for each patch of 30 x 30 pixels how real it looks."""

    def __init__(self, channels=1, width=32):
        layers, last = [], channels
        for i in range(3):
            layers += [nn.Conv2d(last, width << i, 4, 2 if i < 2 else 1, 1)]
            layers += [nn.GroupNorm(8, width << i)] if i else []
            layers += [nn.LeakyReLU(0.2)]
            last = width << i
        super().__init__(*layers, nn.Conv2d(last, 1, 3, 1, 1))
        self.register_buffer("steps", torch.tensor(0))  # it has learnt


def hinge(real, fake):
    return 0.5 * (functional.relu(1 - real).mean() + functional.relu(1 + fake).mean())


def balance(reconstruction, adversarial, last):
    """The weight at which both losses pull equally at the decoder's last layer (Esser et al.)."""
    a = torch.autograd.grad(reconstruction, last, retain_graph=True)[0].norm()
    b = torch.autograd.grad(adversarial, last, retain_graph=True)[0].norm()
    return (a / (b + 1e-6)).clamp(0, 1e3).detach()
