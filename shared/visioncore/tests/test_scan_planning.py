"""Where the results of scans go, and when they are done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.inference.jobs import Job, check_results
from visioncore.inference.scan_planning import plan_scans as plan
from visioncore.medical import ScanReader

READER = ScanReader("CT scan", ("DICOM", "NIfTI", "npy"))


def plan_scans(inputs: Iterable[str | Path], out: Path, endings: Sequence[str] = ()) -> list[Job]:
    return plan(inputs, out, READER.find, endings)


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


def test_a_folder_may_be_where_one_is_or_a_link(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link, out = tmp_path / "link.npy", tmp_path / "out"
    link.symlink_to(scans / "b" / "x9.npy")
    assert [job.target for job in plan_scans([link], out)] == [out / "link.npy"]
    monkeypatch.chdir(scans / "a" / "series")
    assert [job.target for job in plan_scans(["."], out)] == [out / "series", out / "sub"]
    assert [job.target.name for job in plan_scans([scans / "a"], scans / "a" / "series" / "sub")] == ["series"]


def test_results_have_endings_behind_the_name(scans: Path, tmp_path: Path) -> None:
    out, endings = tmp_path / "out", (".nii.gz", ".json")
    (job,) = plan_scans([scans / "b" / "x9.npy"], out, endings)
    assert job.results == (out / "x9.nii.gz", out / "x9.json")
    (scans / "b" / "x9.nii").touch()
    assert [job.target.name for job in plan_scans([scans / "b"], out, endings)] == [
        "x9.nii.nii.gz", "x9.npy.nii.gz", "x10.nii.gz"
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"x10\.nii\.gz: this scan would be written over"):
        plan_scans([scans / "b" / "x10.nii.gz"], scans / "b", endings)
    (scans / "b" / "x9.json").touch()
    with pytest.raises(InputError, match=r"several scans would be written there"):
        plan_scans([scans / "b" / "x9.npy", scans / "b" / "x9.nii"], out, (".gz", ".gz"))


def test_one_scan_may_go_to_a_file(scans: Path, tmp_path: Path) -> None:
    endings = (".nii.gz", ".json")
    (job,) = plan_scans([scans / "b" / "x9.npy"], tmp_path / "labels.nii.gz", endings)
    assert job.results == (tmp_path / "labels.nii.gz", tmp_path / "labels.json")
    assert plan_scans([scans / "b" / "x9.npy"], tmp_path / "x.npy") == [Job(scans / "b" / "x9.npy", tmp_path / "x.npy")]
    for inputs, out, told in (
        ([scans / "b"], "labels.nii.gz", "labels.nii.gz: one file, but there are 2 scans; name a folder"),
        ([scans / "b" / "x9.npy"], "labels.nii", "labels.nii: results are written as .nii.gz"),
        ([scans / "b" / "x10.nii.gz"], "in/b/x10.nii.gz", "this scan would be written over"),
    ):
        with pytest.raises(InputError, match=told):
            plan_scans(inputs, tmp_path / out, endings)


def test_results_that_meet_are_refused(tmp_path: Path) -> None:
    check_results([tmp_path / "1"], [tmp_path / "2", tmp_path / "3"], "scan")
    with pytest.raises(InputError, match=r"1: this scan would be written over"):
        check_results([tmp_path / "1"], [tmp_path / "b" / ".." / "1"], "scan")
    with pytest.raises(InputError, match=r"2: several scans would be written there"):
        check_results([tmp_path / "1"], [tmp_path / "2", tmp_path / "2"], "scan")
