"""Winograd's minimal filtering against the direct sum."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from visioncore.convolutions import winograd
from visioncore.convolutions.winograd import Winograd3x3
from visioncore.devices.memory import extra_memory


def rand(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def close(value: Tensor, expected: Tensor, bound: float = 1e-12) -> None:
    assert value.shape == expected.shape
    assert float((value - expected).abs().max()) <= bound * float(expected.abs().max())


@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize("size", [(2, 1, 1), (1, 4, 4), (3, 5, 7), (5, 6, 10), (2, 33, 12)])
@pytest.mark.parametrize(("bias", "slope"), [(True, 0.0), (False, 0.2), (True, None)])
def test_winograd(
    tile: int, size: tuple[int, int, int], bias: bool, slope: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "BLOCK", 6)  # so that strips, and groups of images, come about
    monkeypatch.setattr(winograd, "OUTPUTS", 2)
    batch, height, width = size
    weight, x = rand(5, 3, 3, 3), rand(batch, 3, height, width, seed=1)
    offset = rand(5, seed=2) if bias else None
    plain = F.conv2d(x, weight, offset, padding=1)
    expected = plain if slope is None else F.leaky_relu(plain, slope)
    close(Winograd3x3(weight, offset, slope, tile)(x), expected)


@pytest.mark.parametrize(("tile", "bound"), [(2, 3e-6), (4, 5e-5)])
def test_rounding_of_winograd(tile: int, bound: float) -> None:
    weight, x = rand(64, 128, 3, 3), rand(1, 128, 24, 24, seed=1)
    found = Winograd3x3(weight.float(), None, None, tile)(x.float())
    assert found.is_contiguous(memory_format=torch.channels_last)
    close(found.double(), F.conv2d(x, weight, padding=1), bound)


@pytest.mark.parametrize(("tile", "times"), [(2, 2.0), (4, 1.5)])
def test_filters_are_made_in_little_more_memory_than_they_take(tile: int, times: float) -> None:
    weight = torch.rand(256, 256, 3, 3)
    taken = extra_memory(lambda: Winograd3x3(weight, None, None, tile), torch.device("cpu"))
    assert taken < times * (tile + 2) ** 2 * 256 * 256 * 4
