"""Which scans are found, and where their results go."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from clip_denoising.data.ct_scans import find_scans, is_scan, plan_scans
from visioncore.errors import InputError


def dicom(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with DICOM in two sub-folders, a NIfTI file, two npy files, and what is no scan."""
    root = tmp_path / "in"
    for name in ("a/series/1", "a/series/2.dcm", "a/series/sub/3", "b/.hidden/4.dcm"):
        dicom(root / name)
    for name in ("b/x10.nii.gz", "b/x9.npy", "top.NPY", "notes.txt", "b/.hidden.npy", "b/beside.dcm"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
    dicom(root / "DICOMDIR")
    return root


def test_scans_in_a_folder(scans: Path) -> None:
    found = [path.relative_to(scans).as_posix() for path in find_scans(scans)]
    assert found == ["top.NPY", "a/series", "a/series/sub", "b/x9.npy", "b/x10.nii.gz"]
    assert find_scans(scans / "a" / "series" / "1") == [scans / "a" / "series" / "1"]
    assert [path.name for path in find_scans(f"{scans}/b/*")] == ["beside.dcm", "x9.npy", "x10.nii.gz"]
    assert [path.name for path in find_scans(f"{scans}/*/series")] == ["series", "sub"]


def test_what_is_a_scan(scans: Path) -> None:
    assert all(is_scan(scans / name) for name in ("a/series", "a/series/1", "b/x10.nii.gz", "b", "top.NPY"))
    assert not any(is_scan(scans / name) for name in ("a", "notes.txt", "DICOMDIR", "none"))


def test_where_results_go(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def targets(*inputs: str | Path) -> list[str]:
        return [job.target.relative_to(out).as_posix() for job in plan_scans(inputs, out)]

    assert targets(scans) == ["top.NPY", "a/series", "a/series/sub", "b/x9.npy", "b/x10.nii.gz"]
    assert targets(scans / "a" / "series") == ["series", "sub"]
    assert targets(scans / "b" / "x9.npy", scans / "a" / "series" / "1") == ["x9.npy", "1"]
    assert targets(f"{scans}/*/x*") == ["b/x9.npy", "b/x10.nii.gz"]
    assert targets(scans / "b", scans / "b" / "x9.npy") == ["x9.npy", "x10.nii.gz"]


def test_results_among_the_inputs_are_no_scans(scans: Path) -> None:
    out = scans / "out"
    dicom(out / "a" / "series" / "1")
    assert len(plan_scans([scans], out)) == 5
    with pytest.raises(InputError, match="would be taken for scans next time"):
        plan_scans([scans], scans)
    with pytest.raises(InputError, match="no scan in it but earlier results in"):
        plan_scans([f"{scans}/out/*"], out / "a")


def test_what_would_collide_or_is_not_there_is_told(scans: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x9.npy", np.zeros(3))
    (tmp_path / "empty").mkdir()
    for inputs, out, told in (
        ([scans / "b" / "x9.npy", tmp_path / "x9.npy"], tmp_path / "out", "several scans would be written there"),
        ([scans / "b" / "x9.npy"], scans / "b", "this scan would be written over"),
        ([tmp_path / "none"], tmp_path / "out", "no such file or folder"),
        ([tmp_path / "empty"], tmp_path / "out", "no CT scan in it; DICOM, NIfTI and npy can be read"),
        ([f"{scans}/*.txt"], tmp_path / "out", "no CT scan in it"),
    ):
        with pytest.raises(InputError, match=told):
            plan_scans(inputs, out)


def test_a_series_is_done_when_its_own_files_are_there(scans: Path, tmp_path: Path) -> None:
    series = scans / "a" / "series"
    (job, below) = plan_scans([series], tmp_path / "out")
    dicom(below.target / "3")
    assert below.done
    assert not job.done
    dicom(job.target / "1")
    os.utime(job.target / "1", (2e9, 2e9))
    assert job.done
    for name in ("1", "2.dcm"):
        os.utime(series / name, (3e9, 3e9))
    assert not job.done
    (file,) = plan_scans([scans / "b" / "x9.npy"], tmp_path / "out")
    assert not file.done
    np.save(file.target, np.zeros(3))
    assert file.done
