"""NIfTI: opened by content, damage told, written whole and always alike."""

from __future__ import annotations

import gzip
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical.nifti import is_nifti, like_header, open_nifti, write_nifti

nibabel: Any = import_module("nibabel")
NOISE = np.random.default_rng(0).integers(0, 30000, (20, 20, 20)).astype(np.int16)


def save(path: Path, kind: Any = nibabel.Nifti1Image) -> Path:
    nibabel.save(kind(NOISE, np.diag([2.0, 3, 4, 1])), path)
    return path


def values(path: Path) -> np.ndarray[Any, Any]:
    with open_nifti(path) as image:
        return np.asarray(image.dataobj)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        values(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_either_version_is_opened_whatever_its_suffix(tmp_path: Path, name: str, kind: Any) -> None:
    path = save(tmp_path / name, kind)
    assert is_nifti(path.read_bytes()[:8])
    other = path.rename(tmp_path / ("a.nii" if name.endswith(".gz") else "a.nii.gz"))
    np.testing.assert_array_equal(values(other), NOISE)


def test_other_files_are_refused(tmp_path: Path) -> None:
    assert not is_nifti(b"\x93NUMPY")
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"something else" * 50))
    (tmp_path / "b.nii").write_bytes(b"short")
    for name in ("a.nii.gz", "b.nii"):
        assert "not a NIfTI file; header and voxels must be in one .nii or .nii.gz file" in refused(tmp_path / name)
    assert "truncated or damaged (" in refused(tmp_path / "none.nii")


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
@pytest.mark.parametrize("missing", [1, 5000])
def test_truncated_files_are_refused(tmp_path: Path, name: str, missing: int) -> None:
    path = save(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-missing])
    assert "truncated or damaged (" in refused(path)


def test_a_checksum_that_does_not_hold_is_seen(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.nii.gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    assert "CRC" in refused(path)


def test_what_is_refused_inside_stays_as_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^no volume$"), open_nifti(save(tmp_path / "scan.nii")):
        raise InputError("no volume")


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_an_image_is_written_under_its_header_and_always_alike(tmp_path: Path, kind: Any) -> None:
    header = nibabel.load(save(tmp_path / "scan.nii", kind)).header
    image = like_header(NOISE + 1, None, header)
    for name in ("a.nii.gz", "b.NII.GZ", "c.nii"):
        write_nifti(tmp_path / name, image, 1)
    packed = (tmp_path / "a.nii.gz").read_bytes()
    assert packed == (tmp_path / "b.NII.GZ").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "c.nii").read_bytes()
    assert packed[3:8] == bytes(5)  # neither name nor time in it
    back = nibabel.load(tmp_path / "c.nii")
    assert type(back) is kind
    np.testing.assert_array_equal(np.asarray(back.dataobj), NOISE + 1)
    np.testing.assert_array_equal(back.affine, np.diag([2.0, 3, 4, 1]))
