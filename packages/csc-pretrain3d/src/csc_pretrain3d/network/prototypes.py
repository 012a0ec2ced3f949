"""Prototypes: the mean feature of each category across all scenes, and the head that joins points' and images'."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from visioncore.errors import InputError


class Prototypes:
    """Mean features of categories, from running sums, so that memory does not grow with the scenes.

    Sums are in float64 on the CPU. Over processes, add them up: ``prototypes.reduce(all_reduce_sum)``.

    Example:
        >>> prototypes = Prototypes(categories=3, channels=2)
        >>> prototypes.update(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([2, 2]))
        >>> prototypes.means()[1]
        tensor([2., 0.])

    Args:
        categories: K, ids from 1 to K.
        channels: C of the features.
        shifted: count category c as c - 1, as the authors' code does, so that category 1 has no prototype and every
            other one's lies where its lower neighbour's is looked for.
    """

    def __init__(self, categories: int = 150, channels: int = 64, *, shifted: bool = False) -> None:
        self.sums = torch.zeros(categories, channels, dtype=torch.float64)
        self.counts = torch.zeros(categories, dtype=torch.float64)
        self.shifted = shifted

    def update(self, features: Tensor, categories: Tensor) -> None:
        """Add segments.

        Args:
            features: (S, C) mean features of segments.
            categories: (S,) from 1 to K.

        Raises:
            InputError: if a category is out of its range.
        """
        most = len(self.counts)
        if len(categories) and not (categories.min() >= 1 and categories.max() <= most):
            raise InputError(
                f"categories go from {int(categories.min())} to {int(categories.max())}; prototypes are of 1 to {most}"
            )
        rows = categories.cpu() - (2 if self.shifted else 1)
        kept = rows >= 0
        self.sums.index_add_(0, rows[kept], features.detach().cpu().double()[kept])
        self.counts += torch.bincount(rows[kept], minlength=most)

    def reduce(self, add_up: Callable[[Tensor], Tensor]) -> None:
        """Replace sums and counts by those of all processes.

        Args:
            add_up: returns the sum of a tensor over the processes.
        """
        self.sums, self.counts = (add_up(each).to("cpu", torch.float64) for each in (self.sums, self.counts))

    def means(self) -> Tensor:
        """Return the prototypes (K, C) in float32; zero for a category that never came."""
        return self.exact_means().float()

    def exact_means(self) -> Tensor:
        """Return the prototypes (K, C) in float64."""
        return self.sums / self.counts.clamp(min=1)[:, None]


class PrototypeHead(nn.Module):
    """Prototypes of points and of images (K, C) -> what superpoints are compared to (K, C).

    Batch statistics run over the K categories, those that never came (rows of zeros) included, as published.

    Args:
        channels: C.
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        wide = 2 * channels
        self.layers = nn.Sequential(
            *(nn.Linear(wide, wide), nn.BatchNorm1d(wide), nn.GELU()),
            *(nn.Linear(wide, wide), nn.BatchNorm1d(wide), nn.GELU()),
            nn.Linear(wide, channels),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, points: Tensor, images: Tensor) -> Tensor:
        joined: Tensor = self.layers(torch.cat([points, images], dim=1))
        return joined
