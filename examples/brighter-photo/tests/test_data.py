"""Photos in a folder, synthetic ones, and samples of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from brighter_photo.data.photos import DimPhotos, read_photos
from brighter_photo.data.synthetic import LIGHT, dim_photo, make_photos
from visioncore.errors import InputError
from visioncore.images import from_tensor, write_image


def test_the_generator_decides_the_sample() -> None:
    source = DimPhotos(make_photos(2, size=80))
    first, again, other = (source.sample(1, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert len(source) == 2
    assert torch.equal(first["dim"], again["dim"])
    assert not torch.equal(first["dim"], other["dim"])
    assert torch.equal(first["bright"], source.photos[1][:, 8:72, 8:72])


def test_dim_light() -> None:
    white = torch.ones(3, 2, 2)
    rng = np.random.default_rng(0)
    average = torch.stack([dim_photo(white, rng) for _ in range(200)]).mean(dim=(0, 2, 3))
    torch.testing.assert_close(average, torch.tensor(LIGHT), rtol=0.01, atol=0)


def test_photos_are_read(tmp_path: Path) -> None:
    (photo,) = make_photos(1)
    write_image(tmp_path / "a.png", from_tensor(photo[None]))
    (found,) = read_photos(tmp_path)
    torch.testing.assert_close(found, photo, atol=1 / 255, rtol=0)


def test_no_photos(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(tmp_path)):
        read_photos(tmp_path)
