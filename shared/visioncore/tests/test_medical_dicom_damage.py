"""Slices of a DICOM series that are empty, cut short or overwritten: told, and left out only if that is asked for."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.medical import ScanReader
from visioncore.testing.dicom_files import RLE, write_series, write_slice
from visioncore.testing.refusals import refusal

pydicom: Any = import_module("pydicom")

read = ScanReader().read
refused = partial(refusal, read)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_before_the_image(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"PN")])  # a patient's name comes before the size of an image


def cut_in_the_file_meta(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:150])


def cut_in_the_pixels(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def cut_with_an_unknown_kind_of_value(path: Path) -> None:
    cut_before_the_image(path)
    path.write_bytes(path.read_bytes().replace(b"\x08\x00\x16\x00UI", b"\x08\x00\x16\x00UA"))


def of_an_unknown_kind_of_modality(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\x08\x00\x60\x00CS", b"\x08\x00\x60\x00CA"))


def overwritten(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES = pytest.mark.parametrize(
    "damage",
    [
        empty,
        cut_before_the_image,
        cut_in_the_file_meta,
        cut_in_the_pixels,
        cut_with_an_unknown_kind_of_value,
        of_an_unknown_kind_of_modality,
        overwritten,
    ],
)


@DAMAGES
@pytest.mark.parametrize("suffix", [".dcm", ""])
@pytest.mark.parametrize("number", [0, 4])
def test_a_damaged_slice_at_an_end_is_told(tmp_path: Path, damage: Any, suffix: str, number: int) -> None:
    names = [f"IM{number:04d}{suffix}" for number in range(5)]
    folder = write_series(tmp_path / "series", (0, 5, 10, 15, 20), names=names)
    damage(folder / names[number])
    assert names[number] in refused(folder)
    if damage is not cut_in_the_pixels:
        assert "; fetch it again, or, to take the scan without, remove it or read with skip_damaged" in refused(folder)
    volume = read(folder, skip_damaged=True)
    assert len(volume.voxels) == 4
    assert f"the slice {names[number]} is damaged (" in volume.notes[0]
    assert volume.notes[0].endswith("; the scan is taken without")


@DAMAGES
def test_a_damaged_slice_in_the_middle_leaves_a_gap(tmp_path: Path, damage: Any) -> None:
    folder = write_series(tmp_path / "series", (0, 5, 10, 15, 20))
    damage(folder / "IM0002.dcm")
    assert "IM0002.dcm" in refused(folder)
    assert "slices are missing" in refused(folder, skip_damaged=True)
    assert len(ScanReader(placed=False).read(folder, skip_damaged=True).voxels) == 4


def test_names_that_are_numbers_or_hashes_are_slices_too(tmp_path: Path) -> None:
    for names in (["1.2.3.1", "1.2.3.2", "1.2.3.30"], ["3f", "a7", "c0"]):
        folder = write_series(tmp_path / names[0], (0, 5, 10), names=names)
        overwritten(folder / names[2])
        assert names[2] in refused(folder)
        empty(folder / names[2])
        assert f"the slice {names[2]} is damaged (it is empty)" in refused(folder)


def test_several_are_counted(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", (0, 5, 10, 15))
    for name in ("IM0000.dcm", "IM0003.dcm"):
        empty(folder / name)
    assert "IM0000.dcm is damaged" in refused(folder)
    assert ", and 1 more such files" in refused(folder)
    for name in ("IM0001.dcm", "IM0002.dcm"):
        empty(folder / name)
    assert "is damaged" in refused(folder, skip_damaged=True)


def test_other_files_in_the_folder_are_no_damage(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", (0, 5, 10), names=["IM1", "IM2", "IM3"])
    (folder / "README").write_text("about this series")
    (folder / "notes.txt").write_bytes(b"")
    (folder / "preview.png").write_bytes(b"\x89PNG\0\0")
    (folder / "._IM1").write_bytes(bytes(200))
    (folder / ".DS_Store").write_bytes(bytes(200))
    (folder / "DICOMDIR").write_bytes(bytes(200))
    report = pydicom.Dataset()
    report.SOPClassUID, report.SOPInstanceUID, report.Modality = "1.2.840.10008.5.1.4.1.1.88.22", "1.2.9", "SR"
    report.file_meta = pydicom.dataset.FileMetaDataset()
    report.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    report.save_as(folder / "IM4", enforce_file_format=True)
    assert read(folder).voxels.shape[0] == 3


@pytest.mark.parametrize("frames", [2_000_000_000, -1, 5])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", RLE])
def test_frames_that_a_file_cannot_hold_are_refused(tmp_path: Path, frames: int, syntax: str) -> None:
    path = write_slice(tmp_path / "a.dcm", np.zeros((4, 5), np.int16), syntax)
    data = pydicom.dcmread(path)
    data.NumberOfFrames = frames
    data.save_as(path)
    message = refused(path)
    assert any(told in message for told in ("it can hold no", "of memory, more than", "announces -1", "pixels are"))


def test_the_limit_holds_for_dicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCORE_MOST_GB", "3e-8")
    path = write_slice(tmp_path / "a.dcm", np.zeros((4, 5), np.int16))
    assert "takes 40 bytes of memory, more than the limit of 3e-08 GB" in refused(path)


def test_a_damaged_slice_of_another_series_or_modality_is_passed_over(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", (0, 5, 10))
    other = write_slice(folder / "other.dcm", np.zeros((4, 5), np.int16), SeriesInstanceUID="1.2.9", Modality="MR")
    content = other.read_bytes()
    other.write_bytes(content[: content.index(b"1.2.9") + 30])
    data = pydicom.dcmread(other)
    assert ("Rows" not in data, data.SeriesInstanceUID, data.Modality) == (True, "1.2.9", "MR")
    assert "the slice other.dcm is damaged" in refused(folder)
    assert len(read(folder, series="1.2.826.0.3").voxels) == 3
    assert len(ScanReader(modality="CT").read(folder).voxels) == 3
