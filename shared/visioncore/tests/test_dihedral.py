"""The eight ways to turn an image: all different, all undone, the same for tensors and arrays."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from visioncore.inference.dihedral import WAYS, self_ensemble, turned, turned_back, turned_pixels


def test_eight_different_ways_and_back() -> None:
    square = torch.arange(9.0).reshape(1, 3, 3)
    ways = [turned(square, way) for way in range(WAYS)]
    assert len({tuple(way.flatten().tolist()) for way in ways}) == WAYS == 8
    wide = torch.arange(24.0).reshape(2, 3, 4)
    for way in range(WAYS):
        assert torch.equal(turned_back(turned(wide, way), way), wide)


def test_what_each_way_does() -> None:
    square = torch.tensor([[1, 2], [3, 4]])
    assert [turned(square, way).flatten().tolist() for way in range(WAYS)] == [
        [1, 2, 3, 4],
        [3, 4, 1, 2],
        [2, 4, 1, 3],
        [4, 2, 3, 1],
        [4, 3, 2, 1],
        [2, 1, 4, 3],
        [3, 1, 4, 2],
        [1, 3, 2, 4],
    ]


def test_arrays_are_turned_as_tensors_are() -> None:
    colours = np.arange(36).reshape(3, 4, 3)
    for way in range(WAYS):
        expected = turned(torch.from_numpy(colours).permute(2, 0, 1), way).permute(1, 2, 0)
        np.testing.assert_array_equal(turned_pixels(colours, way), expected.numpy())
        assert np.shares_memory(turned_pixels(colours, way), colours)


def test_the_ensemble_is_the_mean_over_all_ways() -> None:
    images = torch.rand(2, 3, 5, 7, dtype=torch.float64)

    def shaded(image: Tensor) -> Tensor:  # depends on where up is
        return image * torch.linspace(0, 1, image.shape[-2], dtype=image.dtype)[:, None]

    expected = torch.stack([turned_back(shaded(turned(images, way)), way) for way in range(WAYS)]).mean(dim=0)
    torch.testing.assert_close(self_ensemble(shaded, images), expected)
    torch.testing.assert_close(self_ensemble(lambda image: image, images), images)
    assert self_ensemble(lambda image: image, images.half()).dtype == torch.float32
