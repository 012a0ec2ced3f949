"""Which scans lie where, and where what is made of a folder goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from visioncore.errors import InputError
from visioncore.inference.batch import check_results, place_inputs
from visioncore.medical.scans import ScanFiles

SCANS = ScanFiles((".nii.gz", ".npy"), lambda file: file.suffix == ".slice", "no scan in it; these can be read")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files that are scans, two folders of slices that are, and what is none."""
    root = tmp_path / "in"
    for name in (
        *("b/x10.nii.gz", "b/X9.NPY", "b/beside.slice", "b/.hidden.npy", "b/.hidden/1.npy", "notes.txt"),
        *("a/series/1.slice", "a/series/notes.txt", "a/series/sub/2.slice"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(entry: str | Path, folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in SCANS.find(entry)]


def test_scans_are_files_and_folders_of_slices(folder: Path) -> None:
    assert found(folder, folder) == ["a/series", "a/series/sub", "b/X9.NPY", "b/x10.nii.gz"]
    assert found(folder / "notes.txt", folder) == ["notes.txt"]
    assert found(f"{folder}/b/*", folder) == ["b/beside.slice", "b/X9.NPY", "b/x10.nii.gz"]
    assert found(f"{folder}/*/series", folder) == ["a/series", "a/series/sub"]
    for entry, told in (
        (folder / "b" / ".hidden" / "none", "none: no such file or folder"),
        (f"{folder}/*.txt", r"\*\.txt: no scan in it; these can be read"),
    ):
        with pytest.raises(InputError, match=told):
            SCANS.find(entry)


def test_folders_have_a_place_as_files_have(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def places(*inputs: str | Path, out: Path = tmp_path / "out") -> list[str]:
        return [place.as_posix() for place in place_inputs(inputs, out, SCANS.find, "scan").values()]

    assert places(folder) == ["a/series", "a/series/sub", "b/X9.NPY", "b/x10.nii.gz"]
    assert places(folder / "a" / "series") == ["series", "sub"]
    assert places(f"{folder}/*/series") == ["a/series", "a/series/sub"]
    assert places(folder, out=folder / "a") == ["b/X9.NPY", "b/x10.nii.gz"]
    assert places(folder, out=folder / "a" / "series") == ["b/X9.NPY", "b/x10.nii.gz"]
    link = tmp_path / "link.npy"
    link.symlink_to(folder / "b" / "X9.NPY")
    assert places(link) == ["link.npy"]
    monkeypatch.chdir(folder / "a" / "series")
    assert places(".") == ["series", "sub"]
    with pytest.raises(InputError, match="no scan in it but earlier results"):
        places(folder / "a", out=folder / "a" / "series")
    with pytest.raises(InputError, match="results in a folder of scans would be taken for scans next time"):
        places(folder, out=folder)


def test_results_that_meet_are_refused(folder: Path) -> None:
    check_results([folder / "1"], [folder / "2", folder / "3"], "scan")
    with pytest.raises(InputError, match=r"1: this scan would be written over"):
        check_results([folder / "1"], [folder / "b" / ".." / "1"], "scan")
    with pytest.raises(InputError, match=r"2: several scans would be written there"):
        check_results([folder / "1"], [folder / "2", folder / "2"], "scan")
