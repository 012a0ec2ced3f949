"""CT scans -> the slices that training and evaluation read: stored values in npy files, one flat folder."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from visioncore.errors import InputError, some
from visioncore.files import clear_partials, writable_folder, write_text
from visioncore.inference.batch import Summary, progress, told
from visioncore.medical import Volume
from visioncore.medical.arrays import write_npy

from .ct import CT_SCANS, read_ct
from .hounsfield import HU_MIN, PADDING, to_unit

# where a word begins: a follow-up is not of low dose
_FULL, _QUARTER = (re.compile(rf"(?i)(?<![a-z])({words})") for words in ("full|normal|target", "quarter|low|input"))


class Doses(NamedTuple):
    """The scans of a patient."""

    patient: str
    full: Path
    quarter: Path | None


def find_patients(data: str | Path, thickness: str | None = None) -> list[Doses]:
    """Scans of each patient in a folder with one sub-folder for each, such as ``L067/quarter_1mm``.

    Which scan is which dose is told by ``full`` (or normal) and ``quarter`` (or low) in a folder's or file's name below
    the patient's. A patient with one scan of no such name has full dose alone.

    Args:
        data: the folder of patients.
        thickness: take only scans with this in their name, such as ``1mm``, where there are several.

    Raises:
        InputError: if there is no scan, or a patient's scans leave in doubt which is meant.
    """
    data = Path(data)
    by_patient: defaultdict[str, list[Path]] = defaultdict(list)
    for scan in CT_SCANS.find(data):
        below = scan.relative_to(data).parts
        alone = scan.name.partition(".")[0] if scan.is_file() else scan.resolve().name
        by_patient[below[0] if len(below) > 1 else alone].append(scan)
    return [_doses(data, patient, scans, thickness) for patient, scans in by_patient.items()]


def prepare(
    data: str | Path, out: str | Path, *, thickness: str | None = None, say: Callable[[str], None] = print
) -> Summary:
    """Write the slices of scans; a patient that an earlier, interrupted call has finished is not written again.

    ``out/<patient>_<index>_target.npy`` and, where there is a scan at quarter dose, ``_input.npy`` hold (H, W) float32,
    0 for -1024 HU and 1 for 3072 HU, not clipped; what is outside the field of view becomes -1024 HU. Index 0 is the
    lowest slice. ``out/<patient>.json`` says of what they are made and, once all are there, how many they are.

    Args:
        data: what `find_patients` takes: DICOM series, NIfTI or npy files of Hounsfield units.
        out: the folder to write in.
        thickness: as for `find_patients`.
        say: told of odd scans, and of those that failed.

    Returns:
        The patients' JSON files that were written, those that were there already, and the scans that failed.

    Raises:
        InputError: as `find_patients`, and if ``out`` cannot be written.
    """
    patients, out = find_patients(data, thickness), writable_folder(out)
    clear_partials(out)
    summary = Summary()
    with progress(len(patients), "patients") as advance:
        for doses in patients:
            record = out / f"{doses.patient}.json"
            try:
                done = _prepare(doses, record, say)
            # all of it is reading and writing, so whatever is raised is the fault of these files
            except Exception as error:
                summary.failed[doses.full] = told(error, [doses.full, *filter(None, [doses.quarter]), record])
                say(f"failed: {summary.failed[doses.full]}")
            else:
                (summary.done if done else summary.skipped).append(record)
            advance()
    return summary


def _doses(data: Path, patient: str, scans: list[Path], thickness: str | None) -> Doses:
    # below the patient's folder, whose own name may be anything
    names = {scan: "/".join(scan.relative_to(data).parts[1:]) or scan.name for scan in scans}
    wanted = [scan for scan in scans if thickness is None or thickness.lower() in names[scan].lower()]
    quarter = [scan for scan in wanted if _QUARTER.search(names[scan])]
    full = [scan for scan in wanted if scan not in quarter]
    if len(wanted) > 1:
        full = [scan for scan in full if _FULL.search(names[scan])]
    if len(full) != 1 or len(quarter) > 1:
        there = some([names[scan] for scan in scans])
        hint = "" if thickness else "; where there are several of a dose, name the slice thickness that is wanted"
        raise InputError(
            f"{data}: of patient {patient} one scan with 'full' in its name and at most one with 'quarter' or 'low' "
            f"is needed; there is {there}{hint}"
        )
    return Doses(patient, full[0], quarter[0] if quarter else None)


def _prepare(doses: Doses, record: Path, say: Callable[[str], None]) -> bool:
    """Write a patient's slices, and when all are there the record of it; return whether it was not done before."""
    sources = {"full": str(doses.full), "quarter": None if doses.quarter is None else str(doses.quarter)}
    if record.is_file():
        before = json.loads(record.read_text(encoding="utf-8"))
        if any(before[dose] != source for dose, source in sources.items()):
            raise InputError(f"{doses.full}: {record} was made of {before['full']}; name another folder, or remove it")
        if before["slices"]:
            return False
    volumes: dict[str, Volume] = {"target": read_ct(doses.full)}
    if doses.quarter is not None:
        volumes["input"] = read_ct(doses.quarter)
        if volumes["input"].voxels.shape != volumes["target"].voxels.shape:
            shapes = " and ".join(str(volume.voxels.shape) for volume in volumes.values())
            raise InputError(
                f"{doses.full}: has another shape (slices, rows, columns) than {doses.quarter}, {shapes}; "
                "a pair has one"
            )
    # from now on no other scan's slices can get among these
    write_text(record, json.dumps({"slices": 0, **sources}, indent=1) + "\n")
    for dose, volume in volumes.items():
        for note in volume.notes:
            say(note)
        for index, hu in enumerate(volume.voxels):
            path = record.with_name(f"{doses.patient}_{index}_{dose}.npy")
            write_npy(path, to_unit(np.where(hu <= PADDING, HU_MIN, hu)))
    write_text(record, json.dumps({"slices": len(volumes["target"].voxels), **sources}, indent=1) + "\n")
    return True
