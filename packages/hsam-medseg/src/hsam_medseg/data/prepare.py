"""Scans with labels -> training slices: in one orientation, windowed to [0, 1], with labels 0 to C."""

from __future__ import annotations

import csv
import json
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visioncore.errors import InputError
from visioncore.files import atomic_path, clear_partials, writable_folder, write_text
from visioncore.inference.batch import Summary, progress, told
from visioncore.medical import check_orientation

from .datasets import CASES_FILE, Case, find_cases
from .intensity_windows import apply_window, parse_window
from .label_map import LabelMap
from .references import read_labelled
from .slices import CASES, SETTINGS_FILE, SLICES, classes_on, read_settings, slice_name

THREADS = 2
"""Cases in work at a time: each holds a whole volume in memory."""


@dataclass(frozen=True)
class Preparation:
    """The preparation of every scan.

    Attributes:
        label_map: what label values mean.
        window: intensities that become 0 and 1: a name in `windows.WINDOWS`, or ``LOW,HIGH``.
        orientation: axes that volumes are brought to before they are cut, such as ``LPS``; ``stored`` leaves them.
        foreground: leave out slices without any class, as published for LA and PROMISE12.
    """

    label_map: LabelMap
    window: str = "abdomen"
    orientation: str = "LPS"
    foreground: bool = False

    def __post_init__(self) -> None:
        parse_window(self.window)
        check_orientation(self.orientation)

    def settings(self) -> dict[str, Any]:
        """Return it as plain values, for the file that is read again."""
        return {
            "classes": list(self.label_map.classes),
            "window": self.window,
            "orientation": self.orientation,
            "foreground": self.foreground,
            "values": dict(sorted(self.label_map.values.items())),
            "others": self.label_map.others,
        }


_IN_LABEL_MAP = {"values": "label values", "others": "other label values ignored (ignore: others):"}
"""Names in messages for settings that a label map has under other names."""


def prepare(
    data: str | Path,
    out: str | Path,
    preparation: Preparation,
    *,
    cases: str | Sequence[str] | int | float | None = None,
    seed: int = 0,
    say: Callable[[str], None] = warnings.warn,
) -> Summary:
    """Write the slices of a data set; what an earlier, interrupted call wrote is not written again.

    ``out/slices/CASE_sliceNNN.npz`` holds ``image`` (H, W) or (H, W, 3) float32 in [0, 1] and ``label`` (H, W) uint8;
    ``out/cases/CASE.json`` says of what they were made; ``out/cases.csv`` lists the cases and their voxels' size, and
    ``out/dataset.yaml`` what was done to them.

    Args:
        data: scans with labels, what `find_cases` takes.
        out: the folder to write in.
        preparation: what is done to every scan.
        cases: which of them, see `choose_cases`; None for all.
        seed: decides where cases are drawn.
        say: told of cases that have no voxel of any class, and of those that failed.

    Returns:
        The cases' files that were written, those that were there already, and the scans that failed, with the reason.

    Raises:
        InputError: if there are no such data, or ``out`` cannot be written or was prepared in another way.
    """
    found = find_cases(data, wanted=cases, seed=seed)
    out = writable_folder(out)
    _keep_settings(out, preparation)
    for name in (SLICES, CASES):
        clear_partials(writable_folder(out / name))
    summary = Summary()
    with ThreadPoolExecutor(THREADS) as threads, progress(len(found), "cases") as advance:
        work = {case: threads.submit(_prepare_case, case, out, preparation) for case in found}
        for case, result in work.items():
            try:
                message = result.result()
            # all of it is reading and writing, so whatever is raised is the fault of these files
            except Exception as error:
                summary.failed[case.image] = told(error, [case.image, *filter(None, [case.label])])
                message = f"failed: {summary.failed[case.image]}"
            else:
                (summary.done if message is not None else summary.skipped).append(_record(out, case))
            if message:
                say(message)
            advance()
    _write_list(out, [case for case in found if case.image not in summary.failed])
    return summary


def _keep_settings(out: Path, preparation: Preparation) -> None:
    """Write the settings of the preparation, or validate that they are those of an earlier call."""
    import yaml

    settings = preparation.settings()
    if not (out / SETTINGS_FILE).is_file() or not any((out / CASES).glob("*.json")):  # nothing was made by them
        write_text(out / SETTINGS_FILE, yaml.safe_dump(settings, sort_keys=False))
        return
    earlier = read_settings(out)
    for name, value in settings.items():
        if earlier.get(name) != value:
            what = _IN_LABEL_MAP.get(name, name)
            was = earlier.get(name)
            raise InputError(f"{out}: was prepared with {what} {was}, not {value}; name another folder, or remove it")


def _record(out: Path, case: Case) -> Path:
    return out / CASES / f"{case.name}.json"


def _prepare_case(case: Case, out: Path, preparation: Preparation) -> str | None:
    """Write the slices of a case and then its record; return a note, None if it was done before."""
    record = _record(out, case)
    if _newer(record, case):
        return None
    record.unlink(missing_ok=True)
    labelled = read_labelled(case, preparation.label_map.classes, preparation.label_map)
    image, mapped = (volume.oriented(preparation.orientation) for volume in labelled)
    windowed = apply_window(image.voxels, preparation.window)
    present: dict[str, list[int]] = {}
    for number, (pixels, classes) in enumerate(zip(windowed, mapped.voxels, strict=True)):
        found = classes_on(classes)
        if found or not preparation.foreground:
            name = slice_name(case.name, number)
            present[name] = found
            with atomic_path(out / SLICES / f"{name}.npz") as temporary:
                np.savez_compressed(temporary, image=pixels, label=classes)
    content = {
        "image": _from(out, case.image),
        "label": _from(out, case.label or case.image),
        "shape": mapped.voxels.shape,
        "spacing": image.spacing if image.located else None,
        "slices": present,
    }
    write_text(record, json.dumps(content, indent=1) + "\n")
    if any(present.values()):
        return ""
    return f"{case.name}: no voxel of any class; " + ("it is kept, all background" if present else "it is left out")


def _newer(record: Path, case: Case) -> bool:
    """Whether the slices are newer than the scan and its labels."""
    sources = {case.image, case.label or case.image, *case.channels}
    sources |= {file for folder in sources if folder.is_dir() for file in folder.iterdir()}
    return record.is_file() and record.stat().st_mtime >= max(path.stat().st_mtime for path in sources)


def _from(folder: Path, path: Path) -> str:
    """Return a path as seen from a folder, so that both can be moved together."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return path.absolute().as_posix()


def _write_list(out: Path, cases: Sequence[Case]) -> None:
    columns = ("name", "image", "label", "slices", "spacing_slice", "spacing_row", "spacing_column")
    rows = []
    for case in cases:
        record = json.loads(_record(out, case).read_text(encoding="utf-8"))
        spacing = record["spacing"] or [""] * 3
        rows.append([case.name, record["image"], record["label"], len(record["slices"]), *spacing])
    with (
        atomic_path(out / CASES_FILE) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        csv.writer(file).writerows([columns, *rows])
