"""Slices resized: the same as SciPy's zoom, odd habits included, and the published samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from hsam_medseg.data.resizing import resize_image, resize_labels
from hsam_medseg.data.samples import to_sample
from visioncore.errors import InputError

SIZES = [(48, 28), (28, 14), (14, 56), (27, 384), (1, 5), (5, 1), (2, 3), (3, 2), (4, 4), (97, 31)]


@pytest.mark.parametrize(("length", "wanted"), SIZES)
def test_as_scipy_zooms(length: int, wanted: int) -> None:
    from scipy.ndimage import zoom

    rng = np.random.default_rng(0)
    image, labels = rng.normal(size=(length, 9)), rng.integers(0, 9, (length, 9))
    for size, part in (((wanted, 12), image), ((12, wanted), image.T)):
        factors = np.divide(size, part.shape)
        np.testing.assert_allclose(resize_image(part, size), zoom(part, factors, order=3), atol=1e-13)
    np.testing.assert_array_equal(resize_labels(labels, (wanted, 12)), zoom(labels, (wanted / length, 12 / 9), order=0))


@pytest.mark.parametrize("size", [(28, 14), (512, 224)])
def test_the_last_row_where_scipy_loses_it(size: tuple[int, int]) -> None:
    """Rounding takes it for outside: an old fault, but the published network was fed so."""
    length, wanted = size
    assert not resize_image(np.ones((length, 3)), (wanted, 3))[-1].any()
    assert not resize_labels(np.ones((3, length), int), (3, wanted))[:, -1].any()
    assert resize_labels(np.ones((length, 3), int), (wanted, 3))[:-1].all()


def test_float32_to_the_last_bit_and_types_kept() -> None:
    from scipy.ndimage import zoom

    image = np.random.default_rng(1).random((40, 56), dtype=np.float32)
    resized = resize_image(image, (64, 64))
    assert resized.dtype == np.float32
    np.testing.assert_array_equal(resized, zoom(image, (64 / 40, 64 / 56), order=3))
    assert resize_labels((image * 9).astype(np.uint8), (5, 5)).dtype == np.uint8


def test_what_has_the_size_is_not_touched() -> None:
    image = np.random.default_rng(0).random((16, 16))
    assert resize_image(image, (16, 16)) is image
    labels = (image * 4).astype(int)
    assert resize_labels(labels, (16, 16)) is labels


def test_colours_are_resized_one_by_one() -> None:
    image = np.random.default_rng(0).random((16, 20, 3))
    resized = resize_image(image, (24, 24))
    assert resized.shape == (24, 24, 3)
    for colour in range(3):
        np.testing.assert_array_equal(resized[..., colour], resize_image(image[..., colour], (24, 24)))


@pytest.mark.parametrize("size", [(0, 4), (4, -1)])
def test_a_side_without_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="every side needs a pixel"):
        resize_image(np.ones((4, 5)), size)
    with pytest.raises(InputError, match="0x5 cannot be resized"):
        resize_labels(np.ones((0, 5), int), (4, 4))


def test_the_published_sample(golden: Callable[[str], Any], make_input: Callable[[Mapping[str, Any]], Tensor]) -> None:
    case = golden("evaluation")
    inputs = case.about["inputs"]
    labels = make_input(inputs["sample_label"]).numpy().repeat(4, 0).repeat(4, 1)
    image = make_input(inputs["sample_image"]).numpy()
    resized, label = resize_image(image, (28, 28)), resize_labels(labels, (28, 28))
    np.testing.assert_allclose(resized, case.outputs["sample.image"], atol=1e-12)
    np.testing.assert_array_equal(label, case.outputs["sample.label"])
    np.testing.assert_array_equal(resize_labels(label, (7, 7)), case.outputs["sample.low_res_label"])


def test_slices_of_a_volume_as_the_network_sees_them(
    golden: Callable[[str], Any], make_input: Callable[[Mapping[str, Any]], Tensor]
) -> None:
    from scipy.ndimage import uniform_filter

    case = golden("evaluation")
    volume = uniform_filter(make_input(case.about["inputs"]["volume"]).numpy(), (1, 5, 5))
    seen = np.stack([resize_image(image, (28, 28)) for image in volume])
    np.testing.assert_allclose(seen, case.outputs["volume.network_input"], atol=2e-6, rtol=2e-6)


def test_a_sample_has_the_sizes_of_the_network() -> None:
    image = np.random.default_rng(0).random((48, 40), dtype=np.float32)
    labels = (image > 0.5).astype(np.uint8)
    sample = to_sample(image, labels, 32)
    assert {name: tuple(value.shape) for name, value in sample.items()} == {
        "image": (3, 32, 32),
        "label": (32, 32),
        "low_label": (8, 8),
    }
    np.testing.assert_array_equal(sample["image"][0], resize_image(image, (32, 32)))
    assert sample["image"][0].equal(sample["image"][2])
    np.testing.assert_array_equal(sample["low_label"], resize_labels(resize_labels(labels, (32, 32)), (8, 8)))
