"""The files that pydicom and nibabel bring along: many makers, transfer syntaxes and defects."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from visioncore.errors import InputError
from visioncore.medical import ScanReader
from visioncore.testing.refusals import refusal

read_volume = ScanReader().read

SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
MORE_SAMPLES = Path(nibabel.__file__).parent / "nicom" / "tests" / "data"


refused = partial(refusal, read_volume)


@pytest.mark.parametrize(
    ("name", "shape", "low", "high"),
    [
        ("CT_small.dcm", (1, 128, 128), -896, 1167),
        ("MR_small.dcm", (1, 64, 64), 127, 2145),
        ("MR_small_RLE.dcm", (1, 64, 64), 127, 2145),
        ("MR_small_bigendian.dcm", (1, 64, 64), 127, 2145),
        ("MR_small_implicit.dcm", (1, 64, 64), 127, 2145),
        ("dicomdirtests/98892001/CT5N", (5, 16, 16), -888, 85),
    ],
)
def test_samples_with_a_place(name: str, shape: tuple[int, ...], low: float, high: float) -> None:
    volume = read_volume(SAMPLES / name)
    assert volume.voxels.shape == shape
    assert (volume.voxels.min(), volume.voxels.max()) == (low, high)
    assert volume.orientation == "LPS"
    assert volume.located
    assert volume.voxels.dtype.isnative


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("examples_rgb_color.dcm", (1, 240, 320, 3)),
        ("examples_palette.dcm", (1, 350, 800, 3)),
        ("SC_rgb_rle_2frame.dcm", (2, 100, 100, 3)),
        ("image_dfl.dcm", (1, 512, 512)),
        ("dicomdirtests/77654033/CR1", (1, 16, 16)),
    ],
)
def test_samples_without_a_place(name: str, shape: tuple[int, ...]) -> None:
    volume = read_volume(SAMPLES / name)
    assert "does not say where the voxels lie" in volume.notes[0]
    assert volume.voxels.shape == shape


def test_a_sample_of_nibabel_is_read() -> None:
    assert read_volume(MORE_SAMPLES / "0.dcm").voxels.shape == (1, 256, 256)


def test_samples_that_are_no_volume_are_refused() -> None:
    assert "202.5 mm" in refused(SAMPLES / "dicomdirtests" / "77654033" / "CT2")
    assert "3 series" in refused(SAMPLES / "dicomdirtests" / "98892003" / "MR1")
    with pytest.raises(InputError, match="less than expected"):
        read_volume(SAMPLES / "MR_truncated.dcm")
    assert "no image of a scan in it (SEG)" in refused(SAMPLES / "liver_1frame.dcm")
    assert "no image of a scan in it (RTPLAN)" in refused(SAMPLES / "rtplan.dcm")


def test_compressed_pixels_are_read_where_a_decoder_is_installed() -> None:
    pytest.importorskip("gdcm")
    plain = read_volume(SAMPLES / "MR_small.dcm")
    packed = read_volume(SAMPLES / "MR_small_jpeg_ls_lossless.dcm")
    np.testing.assert_array_equal(packed.voxels, plain.voxels)
