"""Which scans lie where, which format they are in, and what they are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical import ScanReader, volume_name
from visioncore.medical.formats import format_of

ALL = ScanReader()
CT = ScanReader("CT scan", ("DICOM", "NIfTI", "npy"), modality="CT", placed=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with DICOM in two sub-folders, images in another, files that are scans, and what is none."""
    root = tmp_path / "in"
    for name in ("a/series/1", "a/series/2.dcm", "a/series/sub/3", "b/.hidden/4.dcm", "DICOMDIR"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(bytes(128) + b"DICM")
    for name in (
        *("b/x10.nii.gz", "b/X9.NPY", "b/beside.dcm", "b/.hidden.npy", "b/.hidden/1.npy", "notes.txt"),
        *("c/deep/case.npy.h5", "c/stack/0.png", "c/stack/1.png", "a/series/notes.txt", "texts/read.me"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(entry: str | Path, folder: Path, reader: ScanReader = ALL) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in reader.find(entry)]


def test_scans_are_files_and_folders_of_slices(folder: Path) -> None:
    series = ["a/series", "a/series/sub", "b/X9.NPY", "b/x10.nii.gz"]
    assert found(folder, folder) == [*series, "c/deep/case.npy.h5", "c/stack"]
    assert found(folder, folder, CT) == series
    assert found(folder / "notes.txt", folder) == ["notes.txt"]
    assert found(folder / "c" / "stack", folder) == ["c/stack"]
    assert found(f"{folder}/b/*", folder) == ["b/beside.dcm", "b/X9.NPY", "b/x10.nii.gz"]
    assert found(f"{folder}/*/series", folder) == ["a/series", "a/series/sub"]
    assert found(f"{folder}/c/stack/*", folder) == ["c/stack/0.png", "c/stack/1.png"]
    assert found(f"{folder}/*", folder) == found(folder, folder)


def test_what_is_not_there_is_told(folder: Path) -> None:
    for reader, entry, told in (
        (ALL, folder / "b" / ".hidden" / "none", "none: no such file or folder"),
        (
            ALL,
            folder / "texts",
            "no volume in it; NIfTI, DICOM, MetaImage, NRRD, npy, npz, HDF5 and images can be read",
        ),
        (ALL, f"{folder}/*.txt", r"\*\.txt: no volume in it"),
        (CT, folder / "c", "no CT scan in it; DICOM, NIfTI and npy can be read"),
    ):
        with pytest.raises(InputError, match=told):
            reader.find(entry)


def test_what_is_a_scan(folder: Path) -> None:
    assert all(CT.knows(folder / name) for name in ("a/series", "a/series/1", "b/x10.nii.gz", "b", "b/X9.NPY"))
    assert not any(CT.knows(folder / name) for name in ("a", "notes.txt", "DICOMDIR", "none", "c/stack"))
    assert ALL.knows(folder / "c" / "stack")


def test_the_format_goes_by_the_first_bytes(folder: Path) -> None:
    for name, save in (("scan.nii", np.save), ("scan.npy", np.savez)):
        with (folder / name).open("wb") as file:
            save(file, np.zeros((2, 3)))
    assert format_of(folder / "scan.nii") == "npy"
    assert format_of(folder / "scan.npy") == "npz"
    assert format_of(folder / "a" / "series") == format_of(folder / "a" / "series" / "1") == "DICOM"
    assert format_of(folder / "c" / "stack") == "images"
    assert format_of(folder / "c" / "stack", ("DICOM",)) is None


@pytest.mark.parametrize(
    ("reader", "name", "told"),
    [
        (
            ALL,
            "notes.txt",
            "notes.txt: not a volume; NIfTI, DICOM, MetaImage, NRRD, npy, npz, HDF5 and images can be read",
        ),
        (CT, "notes.txt", "notes.txt: not a CT scan; DICOM, NIfTI and npy can be read"),
        (ALL, "empty.nii.gz", "empty.nii.gz: the file is empty"),
        (ALL, "missing.nii.gz", "missing.nii.gz: cannot be read"),
        (ALL, "texts", "texts: no DICOM files or images in this folder; name a volume"),
        (CT, "c/stack", "stack: no DICOM files in this folder; name a CT scan"),
    ],
)
def test_what_is_no_scan_is_refused(folder: Path, reader: ScanReader, name: str, told: str) -> None:
    (folder / "notes.txt").write_text("not a scan")
    (folder / "empty.nii.gz").touch()
    with pytest.raises(InputError) as caught:
        reader.read(folder / name)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_volumes_are_called_by_their_file_or_folder(tmp_path: Path) -> None:
    for name in ("scan.nii.gz", "scan.NII", "scan.npy.h5", "scan.npz", "scan.png", "scan.dcm", "scan"):
        assert volume_name(tmp_path / name) == "scan"
    for name in ("scan.v2.nii.gz", "scan.v2"):
        assert volume_name(f"dir/{name}") == "scan.v2"
    (tmp_path / "series.1").mkdir()
    assert volume_name(tmp_path / "series.1") == "series.1"
