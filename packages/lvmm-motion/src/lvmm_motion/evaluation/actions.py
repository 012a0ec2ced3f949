"""Which action a clip shows, by a linear classifier of where it moves: a check of motion drawn for a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

PLACES = 16
"""Squares along each side of a frame, in each of which it is measured how much moves."""

Floats = NDArray[np.float32]


def motion_features(frames: NDArray[np.uint8]) -> Floats:
    """Return how much brightness varies over time in each square, left and right together, and how they differ.

    What a clip looks like while nothing moves does not count, nor whether it is mirrored.

    Args:
        frames: (n, S, S, 3), S divisible by 16.

    Returns:
        (256,), zeros where nothing moves.
    """
    varies = torch.from_numpy(frames.mean(axis=-1, dtype=np.float32) / 255).std(dim=0)
    squares = functional.avg_pool2d(varies[None, None], frames.shape[1] // PLACES)[0, 0]
    squares = squares / squares.norm().clamp(min=1e-6)
    mirrored = squares.flip(1)
    halves = ((squares + mirrored) / 2, (squares - mirrored).abs() / 2)
    return torch.cat([half[:, : PLACES // 2].flatten() for half in halves]).numpy()


@dataclass(frozen=True)
class ActionClassifier:
    """Logistic regression.

    Attributes:
        names: of the K actions.
        weight: (K, 256).
        bias: (K,).
    """

    names: tuple[str, ...]
    weight: Floats
    bias: Floats

    @classmethod
    def fitted(cls, features: Sequence[Floats], actions: Sequence[str], decay: float = 1e-2) -> Self:
        """Return the classifier that tells features (256,) by their actions; ``decay`` keeps its weights small."""
        names = tuple(sorted(set(actions)))
        x, y = torch.from_numpy(np.stack(features)), torch.tensor([names.index(action) for action in actions])
        mean, spread = x.mean(dim=0), x.std()
        weight = torch.zeros(len(names), x.shape[1], requires_grad=True)
        bias = torch.zeros(len(names), requires_grad=True)
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=300)

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            found = functional.linear((x - mean) / spread, weight, bias)
            total = functional.cross_entropy(found, y) + decay * weight.square().sum()
            total.backward()
            return total

        optimizer.step(loss)
        with torch.no_grad():
            scaled = weight / spread
            return cls(names, scaled.numpy(), (bias - scaled @ mean).numpy())

    def __call__(self, frames: NDArray[np.uint8]) -> str:
        """Return the action of a clip (n, S, S, 3)."""
        return self.names[int(np.argmax(self.weight @ motion_features(frames) + self.bias))]

    def save(self, path: Path) -> None:
        """Write it as an ``.npz`` file."""
        np.savez(path, names=np.array(self.names), weight=self.weight, bias=self.bias)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the classifier of a file that `save` wrote."""
        with np.load(path) as file:
            return cls(tuple(str(name) for name in file["names"]), file["weight"], file["bias"])
