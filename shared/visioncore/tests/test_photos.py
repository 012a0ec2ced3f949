"""Photos as 8-bit RGB, read once as long as there is room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.images.photo_cache import Photos


def image(height: int = 8, width: int = 10) -> Any:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_photos_are_read_once_as_long_as_there_is_room(tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / f"{number}.png", Image(np.full((512, 1024, 3), number, np.uint8)))  # 1.5 MB each
    read = Photos(cache_mb=4)
    first = [read(tmp_path / f"{number}.png") for number in range(3)]
    again = [read(tmp_path / f"{number}.png") for number in range(3)]
    assert [a is b for a, b in zip(first, again, strict=True)] == [True, True, False]
    assert [int(pixels.max()) for pixels in again] == [0, 1, 2]


def test_sixteen_bit_grey_and_alpha_become_eight_bit_rgb(tmp_path: Path) -> None:
    write_image(tmp_path / "deep.png", Image(image().astype(np.uint16) * 257))
    grey = np.repeat(image()[..., :1], 3, axis=2)
    write_image(tmp_path / "grey.png", Image(grey, grey=True))
    write_image(tmp_path / "alpha.png", Image(image(), alpha=image()[..., 0]))
    read = Photos()
    for name, expected in (("deep", image()), ("grey", grey), ("alpha", image())):
        pixels = read(tmp_path / f"{name}.png")
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, expected)


def test_what_is_no_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match=r"text\.png: not an image"):
        Photos()(tmp_path / "text.png")
