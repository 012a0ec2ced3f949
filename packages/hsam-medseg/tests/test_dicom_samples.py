"""The files that pydicom and nibabel bring along: many makers, transfer syntaxes and defects."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from hsam_medseg.data.scans import read_volume
from visioncore.errors import InputError

SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
MORE_SAMPLES = Path(nibabel.__file__).parent / "nicom" / "tests" / "data"


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


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
    with pytest.warns(UserWarning, match="does not say where"):
        volume = read_volume(SAMPLES / name)
    assert volume.voxels.shape == shape


def test_a_sample_of_nibabel_is_read() -> None:
    assert read_volume(MORE_SAMPLES / "0.dcm").voxels.shape == (1, 256, 256)


def test_samples_that_are_no_volume_are_refused() -> None:
    assert "202.5 mm" in refused(SAMPLES / "dicomdirtests" / "77654033" / "CT2")
    assert "3 series" in refused(SAMPLES / "dicomdirtests" / "98892003" / "MR1")
    with pytest.raises(InputError, match="less than expected"):
        read_volume(SAMPLES / "MR_truncated.dcm")
    assert "no picture of a scan in it (SEG)" in refused(SAMPLES / "liver_1frame.dcm")
    assert "no picture of a scan in it (RTPLAN)" in refused(SAMPLES / "rtplan.dcm")


def test_compressed_pixels_name_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = import_module("pydicom.pixels")
    path, syntax = SAMPLES / "MR_small_jpeg_ls_lossless.dcm", "1.2.840.10008.1.2.4.80"
    monkeypatch.setattr(
        type(pixels.get_decoder(syntax)), "is_available", property(lambda decoder: syntax != decoder.UID)
    )
    message = refused(path)
    assert "JPEG-LS Lossless" in message
    assert 'pip install "hsam-medseg[dicom-compressed]"' in message


def test_compressed_pixels_are_read_where_a_decoder_is_installed() -> None:
    pytest.importorskip("gdcm")
    plain = read_volume(SAMPLES / "MR_small.dcm")
    packed = read_volume(SAMPLES / "MR_small_jpeg_ls_lossless.dcm")
    np.testing.assert_array_equal(packed.voxels, plain.voxels)
