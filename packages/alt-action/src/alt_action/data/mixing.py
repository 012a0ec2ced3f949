"""Two clips mixed into one training sample, and their classes with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError

from .samples import ClipSamples


@dataclass(frozen=True)
class Mixing:
    """How clips are mixed: one of both ways for each sample, where both are on.

    Attributes:
        mixup: of the beta distribution that the shares of two clips come from (Zhang et al. 2018); 0 for off.
        cutmix: of the one that the area of a rectangle comes from, which is cut out of another clip (Yun et al. 2019);
            0 for off.

    Raises:
        InputError: if one is below 0.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        if self.mixup < 0 or self.cutmix < 0:
            raise InputError(f"mixing.mixup is {self.mixup} and cutmix {self.cutmix}; both must be at least 0")


class MixedSamples:
    """Samples ``frames`` (T, S, S, 3) of uint8 and ``target`` (C,), the share of each class.

    A sample is mixed with another one that its generator draws, so that it does not depend on its batch: parts of
    a batch give the same loss as the whole.

    Args:
        samples: what is mixed.
        classes: their number C.
        mixing: how; off for none.
    """

    def __init__(self, samples: ClipSamples, classes: int, mixing: Mixing) -> None:
        self.samples, self.classes, self.mixing = samples, classes, mixing

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return sample ``index``, mixed with one that ``rng`` draws.

        Raises:
            InputError: if a video cannot be read.
        """
        one = self.samples.sample(index, rng)
        frames, target = one["frames"], self._target(one["label"])
        ways = [way for way in ("mixup", "cutmix") if getattr(self.mixing, way)]
        if ways:
            other = self.samples.sample(int(rng.integers(len(self))), rng)
            way = ways[rng.integers(len(ways))]
            share = float(rng.beta(*[getattr(self.mixing, way)] * 2))
            mix = mixed_up if way == "mixup" else cut_mixed
            frames, share = mix(frames, other["frames"], share, rng)
            target = share * target + (1 - share) * self._target(other["label"])
        return {"frames": frames, "target": target}

    def _target(self, label: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(label, self.classes).float()


def mixed_up(one: Tensor, other: Tensor, share: float, _: np.random.Generator) -> tuple[Tensor, float]:
    """Return the weighted mean of two clips (T, S, S, 3) of uint8, and the share of the first."""
    return (share * one.float() + (1 - share) * other.float()).round().to(torch.uint8), share


def cut_mixed(one: Tensor, other: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """Return a clip with a rectangle of another one in all of its frames, and the share of the area that is its own."""
    height, width = one.shape[1:3]
    tall, wide = (side * (1 - share) ** 0.5 for side in (height, width))
    middle = rng.random(2) * (height, width)
    top, bottom = (int(np.clip(middle[0] + sign * tall / 2, 0, height)) for sign in (-1, 1))
    left, right = (int(np.clip(middle[1] + sign * wide / 2, 0, width)) for sign in (-1, 1))
    mixed = one.clone()
    mixed[:, top:bottom, left:right] = other[:, top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)
