"""Layers beside the torch functions that they stand for: forward, and forward and backward.

Each pair computes the same from the same shapes; torch's side has its weights and data in the
layout that torch likes best (images as channels-last, as a careful user would).
"""

import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

from torchkeras import layers

BATCH, SIZE, CHANNELS, STEPS, FEATURES = 32, 56, 64, 128, 128


def images():
    return torch.randn(BATCH, SIZE, SIZE, CHANNELS)


def sequences():
    return torch.randn(BATCH, STEPS, FEATURES)


class Nhwc(nn.Module):
    """A torch module for images whose channels are last, as they lie in memory."""

    def __init__(self, module):
        super().__init__()
        self.module = module.to(memory_format=torch.channels_last)

    def forward(self, x):
        return self.module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class Last(nn.Module):
    """The last step of a recurrent module."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)[0][:, -1]


class SelfAttention(nn.Module):
    """Attention of four heads over one sequence, with the projections in one matrix."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(FEATURES, 3 * FEATURES)
        self.output = nn.Linear(FEATURES, FEATURES)

    def forward(self, x):
        heads = self.project(x).view(len(x), -1, 3, 4, FEATURES // 4).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(*heads.unbind(0))
        return self.output(x.transpose(1, 2).flatten(2))


class Attend(nn.Module):
    """The layer on one sequence."""

    def __init__(self):
        super().__init__()
        self.layer = layers.MultiHeadAttention(4, FEATURES // 4)

    def forward(self, x):
        return self.layer(x, x)


# name: (layer, torch's module, data)
PAIRS = {
    "Dense": (lambda: layers.Dense(256), lambda: nn.Linear(FEATURES, 256), sequences),
    "Conv2D": (
        lambda: layers.Conv2D(64, 3, padding="same"),
        lambda: Nhwc(nn.Conv2d(CHANNELS, 64, 3, padding=1)),
        images,
    ),
    "Conv2DTranspose": (
        lambda: layers.Conv2DTranspose(32, 2, 2),
        lambda: Nhwc(nn.ConvTranspose2d(CHANNELS, 32, 2, 2)),
        images,
    ),
    "DepthwiseConv2D": (
        lambda: layers.DepthwiseConv2D(3, padding="same"),
        lambda: Nhwc(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS)),
        images,
    ),
    "LSTM": (
        lambda: layers.LSTM(128),
        lambda: Last(nn.LSTM(FEATURES, 128, batch_first=True)),
        sequences,
    ),
    "GRU": (
        lambda: layers.GRU(128),
        lambda: Last(nn.GRU(FEATURES, 128, batch_first=True)),
        sequences,
    ),
    "MultiHeadAttention": (Attend, SelfAttention, sequences),
    "BatchNormalization": (
        layers.BatchNormalization,
        lambda: Nhwc(nn.BatchNorm2d(CHANNELS, eps=1e-3, momentum=0.01)),
        images,
    ),
    "LayerNormalization": (
        layers.LayerNormalization,
        lambda: nn.LayerNorm(FEATURES, eps=1e-3),
        sequences,
    ),
    "Embedding": (
        lambda: layers.Embedding(20000, FEATURES),
        lambda: nn.Embedding(20000, FEATURES),
        lambda: torch.randint(0, 20000, (BATCH, STEPS)),
    ),
}


# A sample is of as many calls as take this long, or of one.
SAMPLE = 0.02


def seconds(module, x, gradient, calls=1):
    """A call's time, and with a gradient of the output also that of the backward pass."""
    start = time.perf_counter()
    for _ in range(calls):
        if gradient is None:
            with torch.no_grad():
                module(x)
        else:
            module.zero_grad()
            x.grad = None
            module(x).backward(gradient)
    if x.is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / calls


def measure(name, repeats):
    """Pairs of seconds, torch's and ours: of the forward pass, and of both passes."""
    ours, theirs, data = PAIRS[name]
    x = data().to("cuda" if torch.cuda.is_available() else "cpu")
    ours, theirs = ours().train(), theirs().to(x.device).train()
    gradient = torch.randn_like(ours(x))
    assert theirs(x).shape == gradient.shape
    if x.is_floating_point():
        x.requires_grad_()
    for given in (None, gradient):
        warm = [seconds(module, x, given) for module in (theirs, ours) for _ in range(3)]
        calls = max(1, round(SAMPLE / min(warm)))
        pairs = []
        for i in range(repeats):
            # Who comes first changes: the second finds the caches warm.
            order = (theirs, ours) if i % 2 else (ours, theirs)
            times = {module: seconds(module, x, given, calls) for module in order}
            pairs.append((times[theirs], times[ours]))
        yield pairs


def table(repeats):
    """Medians of the times and of the ratios, in Markdown."""
    torch.manual_seed(0)
    head = ["layer"]
    for passes in ("forward", "both passes"):
        head += [f"torch, {passes} (ms)", f"torchkeras, {passes} (ms)", "ratio"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name in PAIRS:
        cells = [name]
        for pairs in measure(name, repeats):
            cells += [f"{statistics.median(side) * 1e3:.2f}" for side in zip(*pairs)]
            cells.append(f"{statistics.median(ours / theirs for theirs, ours in pairs):.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
