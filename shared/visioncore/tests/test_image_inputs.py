"""Files, arrays and images of Pillow become the same image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from visioncore.errors import InputError
from visioncore.images import Image, read_image
from visioncore.inference.image_inputs import as_image
from visioncore.testing.photos import photo

PIXELS = photo(6, 8, seed=0)


def same(found: Image, expected: Image) -> None:
    """Check that two images are equal in all they hold."""
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert (found.alpha is None) == (expected.alpha is None)
    if found.alpha is not None and expected.alpha is not None:
        np.testing.assert_array_equal(found.alpha, expected.alpha)
    assert (found.grey, found.bits, found.icc, found.exif) == (
        expected.grey, expected.bits, expected.icc, expected.exif
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16"])
def test_an_image_of_pillow_is_what_its_file_is(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        given = Pillow.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    else:
        colour = Pillow.fromarray(np.dstack([PIXELS, PIXELS[..., 0]]))
        given = colour.convert("LA" if mode == "PA" else "RGBA" if mode == "RGBA" else "RGB").convert(mode)
    assert given.mode == mode
    saved = given.convert("RGBA") if mode == "PA" else given
    saved.save(tmp_path / "a.png")
    same(as_image(given), read_image(tmp_path / "a.png"))


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    given = Pillow.fromarray(PIXELS).quantize(4)
    given.info["transparency"] = 1
    given.save(tmp_path / "a.png", transparency=1)
    found = as_image(given)
    assert found.alpha is not None
    assert set(np.unique(found.alpha)) == {0, 255}
    same(found, read_image(tmp_path / "a.png"))


def test_an_opened_photo_is_turned_upright(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112], exif[0x0132] = 6, "2024:06:17 10:00:00"
    Pillow.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=exif, icc_profile=bytes(16) + b"CMYK")
    with Pillow.open(tmp_path / "a.jpg") as opened:
        found = as_image(opened)
    assert (found.height, found.width) == (8, 6)
    assert found.exif
    assert found.icc is None
    same(found, read_image(tmp_path / "a.jpg"))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV"])
def test_other_colours_of_pillow_become_rgb(mode: str) -> None:
    found = as_image(Pillow.fromarray(PIXELS).convert(mode))
    assert np.abs(found.pixels.astype(int) - PIXELS).mean() < 6


@pytest.mark.parametrize(("mode", "told"), [("I", r"range=\(0, 65535\)"), ("F", "any range")])
def test_images_of_pillow_that_will_not_do(mode: str, told: str) -> None:
    with pytest.raises(InputError, match=f"mode {mode}.*{told}"):
        as_image(Pillow.new(mode, (8, 6)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_with_and_without_colour_and_alpha(dtype: Any) -> None:
    pixels = PIXELS.astype(dtype) * (257 if dtype == np.uint16 else 1)
    grey, alpha = pixels[..., 0], pixels[..., 1]
    repeated = grey[..., None].repeat(3, axis=2)
    same(as_image(pixels), Image(pixels))
    same(as_image(np.dstack([pixels, alpha])), Image(pixels, alpha))
    for one in (grey, grey[..., None]):
        same(as_image(one), Image(repeated, grey=True))
    same(as_image(np.dstack([grey, alpha])), Image(repeated, alpha, grey=True))
    same(as_image(Image(pixels)), Image(pixels))


@pytest.mark.parametrize(
    ("array", "range"),
    [
        (PIXELS / 255, (0, 1)),
        (PIXELS.astype(np.float32) / 127.5 - 1, (-1, 1)),
        (PIXELS.astype(np.int64), (0, 255)),
        (PIXELS.astype(np.uint16), (0, 255)),
    ],
)
def test_a_range_says_what_is_black_and_white(array: Any, range: tuple[float, float]) -> None:
    found = as_image(array, range)
    assert found.bits == 16
    np.testing.assert_array_equal(found.pixels, PIXELS.astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("given", "range", "told"),
    [
        (PIXELS / 255, None, r"float64 may mean any range; .* range=\(0, 1\)"),
        (PIXELS.astype(int), None, r"int64 may mean any range; .* range=\(0, 255\)"),
        (PIXELS / 1.0, (0, 1), r"do not lie in range=\(0, 1\)"),
        (PIXELS / 255 - 0.5, (0, 1), r"values from -0\.\d+ to .* do not lie"),
        (PIXELS / 255, (1, 0), "the lower value first"),
        (np.full((4, 5), np.nan), (0, 1), "NaN or infinite"),
        (np.zeros((4, 5), complex), (0, 1), "an array of numbers"),
        (None, None, "a NoneType is no image; give a file"),
        (Image(PIXELS), (0, 1), "range is for arrays"),
        (np.moveaxis(PIXELS, -1, 0), None, "moveaxis"),
        (np.zeros((4, 5, 7), np.uint8), None, r"shape \(4, 5, 7\)"),
        (np.zeros((1, 4, 5, 3), np.uint8), None, r"shape \(1, 4, 5, 3\)"),
        (torch.zeros(3, 4, 5), None, r"a tensor \(3, 4, 5\); give it to run\(\)"),
    ],
)
def test_what_is_no_image_is_one_line(given: Any, range: Any, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        as_image(given, range)
    assert "\n" not in str(caught.value)


def test_images_are_shown_in_a_few_words() -> None:
    grey = PIXELS[..., :1].repeat(3, axis=2).astype(np.uint16)
    assert repr(Image(PIXELS)) == "Image(8 x 6 RGB, 8 bit)"
    assert str(Image(grey, grey[..., 0], grey=True)) == "8 x 6 grey with alpha, 16 bit"
