"""The baseline without a network: what place and brightness tell, each alone and together."""

from __future__ import annotations

import numpy as np
import pytest

from hsam_medseg.evaluation.atlas import Atlas


def learned(left: float, right: float) -> Atlas:
    """Return the atlas of slices that are half background, with an organ on either side in half of them."""
    slices = []
    for number in range(8):
        image, labels = np.full((40, 60), 0.2, np.float32), np.zeros((40, 60), np.uint8)
        for label, columns, brightness in ((1, np.s_[:, 5:25], left), (2, np.s_[:, 35:55], right)):
            if number % 2:
                image[columns], labels[columns] = brightness, label
        slices.append((image, labels))
    return Atlas.of(slices, 4)


def test_organs_alike_are_told_by_place_and_absent_ones_by_brightness() -> None:
    atlas = learned(0.6, 0.6)
    image = np.full((2, 40, 60), 0.6, np.float32)
    image[1] = 0.2
    found = atlas.segment(image)
    assert found.dtype == np.uint8
    assert (found[0, :, 8:22] == 1).all()
    assert (found[0, :, 38:52] == 2).all()
    assert (found[1] == 0).all()


def test_where_two_are_as_likely_brightness_decides() -> None:
    atlas = learned(0.5, 0.9)
    found = atlas.segment(np.full((1, 40, 60), 0.9, np.float32))
    assert (found[0, :, 28:32] == 2).mean() > 0.9
    assert not (found == 3).any()  # never seen


def test_values_beyond_those_seen_are_taken() -> None:
    found = learned(0.5, 0.9).segment(np.array([[[-1.0, 5.0] * 30] * 40], np.float32))
    assert found.shape == (1, 40, 60)


def test_no_slices_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2, got 0"):
        Atlas.of([], 3)
