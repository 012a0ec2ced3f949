"""Judges: small networks, trained apart from what they judge, that name the style or the content of an image.

They are for images of known things in known styles, such as those that the demo weights were trained on, where it can
be counted how often the style, and how often the content, is right. Statistics of VGG, which the style encoder reads,
would flatter it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from visioncore.configs import check_most
from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained

Pixels = NDArray[np.uint8]
Augment = Callable[[Tensor, torch.Generator], Tensor]
"""Images (B, 3, S, S) in [0, 1] -> as many, changed by what the generator draws."""


@dataclass(frozen=True)
class JudgeConfig:
    """Configuration of a judge.

    Attributes:
        names: of the classes.
        size: side of the images in pixels, a multiple of 16.
        width: channels behind the first convolution; each of the next three doubles them.

    Raises:
        InputError: if a value is out of its range.
    """

    names: tuple[str, ...]
    size: int = 64
    width: int = 32

    def __post_init__(self) -> None:
        if len(self.names) < 2 or len(set(self.names)) < len(self.names):
            raise InputError(f"{len(self.names)} names of classes; there must be two at least, and each once")
        if self.size < 16 or self.size % 16 or self.width < 1:
            raise InputError(
                f"size {self.size} and width {self.width}; size must be a multiple of 16, width at least 1"
            )
        check_most(self, size=1024, width=1024)


class Judge(Pretrained):
    """A convolutional network that names the class of an image.

    Args:
        config: its shape and the names of the classes; weights are random until loaded or trained.
    """

    config_class = JudgeConfig
    config: JudgeConfig

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * 2**stage for stage in range(4)]
        self.stages = nn.Sequential(
            *(_stage(before, after) for before, after in zip([3, *widths], widths, strict=False)),
        )
        self.head = nn.Linear(widths[-1], len(config.names))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> logits (B, classes).

        Raises:
            InputError: if the images are of another shape.
        """
        side = self.config.size
        if images.ndim != 4 or images.shape[1:] != (3, side, side):
            raise InputError(f"images are {tuple(images.shape)}; they must be (B, 3, {side}, {side})")
        maps = self.stages(images - 0.5)
        logits: Tensor = self.head(maps.mean(dim=(2, 3)))
        return logits

    @torch.inference_mode()
    def ranks(self, images: Pixels, labels: Sequence[int], batch: int = 256) -> NDArray[np.int64]:
        """Return the places (N,), from 0, of the right classes among all by their logits.

        Args:
            images: (N, S, S, 3) of 8 bits.
            labels: the right classes.
            batch: images that the network sees at a time.
        """
        parts = to_images(images).split(batch)
        logits = torch.cat([self(part.to(self.head.weight.device)).float().cpu() for part in parts])
        right = logits.gather(1, torch.as_tensor(labels)[:, None])
        return (logits > right).sum(dim=1).numpy()

    def accuracy(self, images: Pixels, labels: Sequence[int], first: int = 1) -> float:
        """Return the share of images (N, S, S, 3) whose right class is among the first by their logits."""
        return float((self.ranks(images, labels) < first).mean())


def train_judge(
    config: JudgeConfig,
    images: Pixels,
    labels: Sequence[int],
    augment: Augment,
    *,
    steps: int = 2000,
    batch: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> Judge:
    """Return a judge that learnt from labelled images.

    Args:
        config: its shape and the names of the classes.
        images: (N, S, S, 3) of 8 bits.
        labels: N classes.
        augment: see `styles_kept` and `contents_kept`.
        steps: of AdamW, at a rate that rises and falls once.
        batch: images of a step.
        learning_rate: the highest.
        seed: of weights, batches and augmentation.
        say: told ten times how it goes.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = Judge(config)
    drawn = torch.Generator().manual_seed(seed)
    given, right = torch.from_numpy(np.ascontiguousarray(images)), torch.as_tensor(labels)
    optimizer = torch.optim.AdamW(judge.parameters(), learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.2)
    judge.train()
    for step in range(1, steps + 1):
        chosen = torch.randint(len(given), (batch,), generator=drawn)
        logits = judge(augment(to_images(given[chosen]), drawn))
        loss = functional.cross_entropy(logits, right[chosen], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % max(1, steps // 10) == 0:
            say(f"step {step}: loss {float(loss.detach()):.3f}")
    return judge.eval()


def styles_kept(images: Tensor, drawn: torch.Generator) -> Tensor:
    """Return images moved, resized and flipped, so that what tells classes apart is how things are drawn."""
    return _moved(images, drawn, turn=0.3, flip=True)


def contents_kept(images: Tensor, drawn: torch.Generator) -> Tensor:
    """Return images in other colours, blurred or grey and a little moved, so that classes are told apart by shapes.

    They are not flipped: that makes another thing of an arrow.
    """
    count = len(images)
    mixing = torch.eye(3) + 0.25 * torch.randn(count, 3, 3, generator=drawn)
    coloured = torch.einsum("bij,bjhw->bihw", mixing, images - 0.5) + 0.5
    grey = images.mean(dim=1, keepdim=True).expand_as(images)
    blurred = functional.avg_pool2d(coloured, 3, stride=1, padding=1, count_include_pad=False)
    chance = torch.rand(2, count, 1, 1, 1, generator=drawn)
    changed = torch.where(chance[0] < 0.3, grey, torch.where(chance[1] < 0.5, blurred, coloured))
    return _moved(changed.clamp(0, 1), drawn, turn=0.15, flip=False)


def to_images(pixels: Pixels | Tensor) -> Tensor:
    """Return images (N, S, S, 3) of 8 bits as (N, 3, S, S) in [0, 1]."""
    return torch.as_tensor(pixels).movedim(-1, 1).float().div(255)


def _stage(before: int, after: int) -> nn.Sequential:
    """Return layers that halve the sides of a map."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


def _moved(images: Tensor, drawn: torch.Generator, turn: float, flip: bool) -> Tensor:
    """Return images rotated by up to so many radians, resized by a tenth and moved by a twelfth; white comes in."""
    count = len(images)
    angle, scale, right, down = (2 * torch.rand(4, count, generator=drawn) - 1) * torch.tensor(
        [turn, 0.1, 1 / 6, 1 / 6]
    ).unsqueeze(1)
    mirrored = torch.where(torch.rand(count, generator=drawn) < 0.5, -1.0, 1.0) if flip else torch.ones(count)
    cosine, sine, scale = angle.cos(), angle.sin(), 1 + scale
    rows = (cosine * scale * mirrored, -sine * scale, right, sine * scale * mirrored, cosine * scale, down)
    grid = functional.affine_grid(
        torch.stack(rows, dim=1).unflatten(1, (2, 3)), list(images.shape), align_corners=False
    )
    # what comes in at the borders is 0, so white is 0 meanwhile
    return 1 - functional.grid_sample(1 - images, grid, align_corners=False)
