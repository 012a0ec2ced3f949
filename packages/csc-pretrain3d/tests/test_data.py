"""Photos in folders, synthetic ones, and samples of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from csc_pretrain3d.data.photos import DimPhotos, find_pairs, read_photos
from csc_pretrain3d.data.synthetic import LIGHT, dim_photo, make_photos
from visioncore.errors import InputError


def test_the_generator_decides_the_sample() -> None:
    source = DimPhotos(make_photos(2, size=80), crop=64)
    first, again, other = (source.sample(1, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert len(source) == 2
    assert torch.equal(first["dim"], again["dim"])
    assert not torch.equal(first["dim"], other["dim"])
    assert torch.equal(first["bright"], source.photos[1][:, 8:72, 8:72])


def test_a_photo_smaller_than_a_sample() -> None:
    with pytest.raises(InputError, match="photo 2 of 2 is 64x60; crop is 64, which must fit"):
        DimPhotos([torch.zeros(3, 64, 64), torch.zeros(3, 60, 64)], crop=64)


def test_dim_light() -> None:
    white = torch.ones(3, 2, 2)
    rng = np.random.default_rng(0)
    average = torch.stack([dim_photo(white, rng) for _ in range(200)]).mean(dim=(0, 2, 3))
    torch.testing.assert_close(average, torch.tensor(LIGHT), rtol=0.01, atol=0)


def test_photos_are_read(photos: Path) -> None:
    found = torch.stack(read_photos(photos))
    torch.testing.assert_close(found, torch.stack(make_photos(2)), atol=1 / 255, rtol=0)


def test_no_photos(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(tmp_path)):
        read_photos(tmp_path)


def test_pairs_have_one_name(pairs: Path) -> None:
    names = ["a.png", "more/b.png"]
    assert find_pairs(pairs) == [(name, pairs / "input" / name, pairs / "target" / name) for name in names]
    (pairs / "target" / "a.png").rename(pairs / "target" / "c.png")
    with pytest.raises(InputError, match=r"2 photos are not in both input and target: a\.png, c\.png"):
        find_pairs(pairs)
