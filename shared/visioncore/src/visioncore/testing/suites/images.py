"""The predictor of a method that makes images of images: what of an image is kept, and what is no image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ...errors import InputError
from ...images import Image, read_image, write_image
from ..photos import photo


class ImagesSuite:
    """The tests of a predictor; expects a fixture ``predictor``, which changes the images it is given."""

    @pytest.mark.parametrize("bits", [8, 16])
    def test_alpha_and_grey_are_kept(self, predictor: Any, tmp_path: Path, bits: int) -> None:
        pixels = photo(32, 32) if bits == 8 else photo(32, 32).astype(np.uint16) * 257
        grey = pixels[..., :1].repeat(3, axis=2)
        write_image(tmp_path / "a.png", Image(grey, alpha=pixels[..., 1], grey=True))
        path = predictor(tmp_path / "a.png").save(tmp_path / "out")
        assert path == tmp_path / "out" / "a.png"
        back = read_image(path)
        assert back.grey
        assert back.bits == bits
        assert back.alpha is not None
        np.testing.assert_array_equal(back.alpha, pixels[..., 1])
        assert not np.array_equal(back.pixels, grey)

    def test_the_camera_s_orientation_is_applied_and_its_notes_are_kept(self, predictor: Any, tmp_path: Path) -> None:
        from PIL import Image as Pillow

        exif = Pillow.Exif()
        exif[0x0112], exif[0x0132] = 6, "2024:06:17 10:00:00"
        Pillow.fromarray(photo(32, 48)).save(tmp_path / "a.jpg", exif=exif)
        predictor(tmp_path / "a.jpg").save(tmp_path / "b.png")
        with Pillow.open(tmp_path / "b.png") as back:
            assert back.size == (32, 48)
            assert back.getexif()[0x0132] == "2024:06:17 10:00:00"
            assert 0x0112 not in back.getexif()

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            (np.zeros((32, 32, 3), np.float32), "an array of float32 may mean any range"),
            (torch.rand(1, 3, 32, 32), r"a tensor \(1, 3, 32, 32\); give it to run\(\)"),
            (np.zeros((32, 32, 5), np.uint8), r"an image must be \(H, W, 3\) RGB or \(H, W\) grey"),
            (np.zeros((2, 32, 32, 3), np.uint8), r"must be \(H, W, 3\)"),
            (np.zeros((0, 32, 3), np.uint8), "not empty"),
            (np.zeros((32, 32, 3), np.int64), "uint8 or uint16"),
        ],
    )
    def test_what_is_no_image_is_refused(self, predictor: Any, given: Any, told: str) -> None:
        with pytest.raises(InputError, match=told):
            predictor(given)
