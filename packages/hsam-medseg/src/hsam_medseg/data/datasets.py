"""Data sets: pairs of a scan and its labels, found in the usual folder layouts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from visioncore.errors import InputError, some
from visioncore.files import check_listed, natural_key, read_list
from visioncore.medical import Volume, volume_name
from visioncore.medical.arrays import SLICES_LAST
from visioncore.medical.image_stacks import IMAGE_SUFFIXES

from .case_folders import find_in_folder
from .dicom_segmentations import find_segmentation, read_segmentation
from .few_shot import choose_cases
from .labels import read_labels
from .on_grid import on_grid
from .scans import SCANS, read_volume

CASES_FILE = "cases.csv"
"""The list of cases that `prepare` writes into its folder."""

SYNAPSE_TEST = "test_vol_h5"
"""Where the published Synapse folder has its test volumes."""

FOLDERS = (("images", "labels"), ("imagesTr", "labelsTr"), ("img", "label"))
"""Folders of scans and of labels: the usual names, those of nnU-Net and the Medical Decathlon, those of BTCV."""

BESIDE = "_segmentation"
"""How the names of labels end that lie beside their scans, as in PROMISE12."""

ARRAYS = (".npz", ".h5", ".npy")
"""Suffixes of files that hold a scan and its labels both."""

_LAYOUTS = (
    "a folder with images and labels (or imagesTr and labelsTr, or img and label), one with npz, h5 or npy files that "
    "hold both, the folder of Synapse or LA, one with scans and *_segmentation files such as "
    "PROMISE12's, one with a folder for each case (image.nii.gz and label.nii.gz or segmentations), a folder that was "
    "prepared, or a CSV file of image,label"
)

CHANNEL = re.compile(r"_\d{4}$")
"""How nnU-Net numbers channels, at the end of a name."""
_ROLE = re.compile(r"(?<![a-z])(img|images?|labels?|seg|segmentation|masks?|gt)(?![a-z])")


class Case(NamedTuple):
    """A scan and its labels: two files or folders, or twice the same file if it holds both.

    Attributes:
        name: what it is called.
        image: the scan, or its first channel.
        label: its labels; a folder may hold a mask for each organ.
        channels: the files of the second and the third channel, if it has some in files of their own.
    """

    name: str
    image: Path
    label: Path | None
    channels: tuple[Path, ...] = ()


def find_cases(
    data: str | Path,
    *,
    labelled: bool = True,
    wanted: str | Sequence[str] | int | float | None = None,
    seed: int = 0,
) -> list[Case]:
    """Return the cases of a data set in natural order.

    Args:
        data: a folder with two folders of one volume (file, or folder of DICOM or image slices) for each case,
            ``images`` and ``labels``, ``imagesTr`` and ``labelsTr``, or ``img`` and ``label``, where names are alike
            but for words such as ``label`` and nnU-Net's ``_0000``; a folder of npz, h5 or npy files that each hold
            an image and its label; the published Synapse folder (its test volumes) or that of LA (folders with
            ``mri_norm2.h5``); a folder of scans with ``*_segmentation`` files beside them, as PROMISE12 has; a folder
            that `prepare` wrote; a folder with a folder for each case, in it ``image.nii.gz`` or ``ct.nii.gz`` and
            ``label.nii.gz`` or a folder ``segmentations`` with a mask for each organ, as TotalSegmentator's; or a CSV
            file of image,label, relative to it. Of scans of several channels in nnU-Net's names (``_0000``, ``_0001``)
            these are one case.
        labelled: every case must have labels; else those without are returned with None.
        wanted: which of them, see `fewshot.choose_cases`; None for all.
        seed: decides where cases are drawn.

    Raises:
        InputError: if there is no such data, a scan has no labels, labels no scan, or a wanted case is not there; the
            text names them.
    """
    data = Path(data)
    if data.is_file():
        cases = _read_list(data) if data.suffix.lower() == ".csv" else _one_file(data)
    elif data.is_dir():
        cases = _search(data)
    else:
        raise InputError(f"{data}: no such data set; it should be {_LAYOUTS}")
    if wanted is not None:
        names = set(choose_cases([case.name for case in cases], wanted, seed))
        cases = [case for case in cases if case.name in names]
    without = [case.image.name for case in cases if case.label is None]
    if labelled and without:
        raise InputError(f"{data}: {len(without)} of {len(cases)} scans have no labels: {some(without)}")
    return cases


def read_scan(case: Case) -> Volume:
    """Return the scan of a case as it is stored, with all its channels.

    Raises:
        InputError: if a file cannot be read, or a channel is of another shape or in another place than the first.
    """
    image = read_volume(case.image)
    if not case.channels:
        return image
    others = [on_grid(read_volume(path), image, path, "voxels").voxels for path in case.channels]
    planes = [image.voxels, *others, image.voxels][:3]
    return image.with_voxels(np.stack(planes, axis=-1))


def read_case(case: Case) -> tuple[Volume, Volume | None]:
    """Return a scan as it is stored, and its labels on the same voxel grid.

    Where only one of the two files says where its voxels lie, the voxels are taken to be in one order.

    Raises:
        InputError: if a file cannot be read, or the labels are of another shape or in another place than the scan.
    """
    image = read_scan(case)
    if case.label is None:
        return image, None
    if (segmentation := find_segmentation(case.label)) is not None:
        return image, read_segmentation(segmentation, image)
    labels = on_grid(read_labels(case.label), image, case.label)
    return image, replace(image.with_voxels(labels.voxels), source=case.label, origin=labels.origin)


def _one_file(path: Path) -> list[Case]:
    if not path.name.lower().endswith(ARRAYS):
        raise InputError(f"{path}: no data set, but one scan without labels or another file; a data set is {_LAYOUTS}")
    return [Case(volume_name(path), path, path)]


def _search(folder: Path) -> list[Case]:
    if (folder / CASES_FILE).is_file():
        return _read_list(folder / CASES_FILE)
    for names in FOLDERS:
        images, labels = (folder / name for name in names)
        if images.is_dir() and labels.is_dir():
            return _pair(images, labels)
    if cases := _side_by_side(folder):
        return _unique(cases, folder)
    cases = _folders(folder)
    if any(case.label for case in cases):
        return cases
    if (folder / SYNAPSE_TEST).is_dir():
        folder = folder / SYNAPSE_TEST
    files = sorted(folder.glob(f"**/{SLICES_LAST}"), key=natural_key)
    cases = [Case(path.parent.name, path, path) for path in files]
    cases = cases or [Case(volume_name(path), path, path) for path in _entries(folder, ARRAYS) if path.is_file()]
    if not cases:
        raise InputError(f"{folder}: no cases in it; a data set is {_LAYOUTS}")
    return _unique(cases, folder)


def _folders(folder: Path) -> list[Case]:
    """Return the cases of a folder with a folder for each, which the case is called after."""
    cases = []
    for path in _entries(folder, ()):
        if (found := find_in_folder(path)) is not None:
            cases.append(Case(path.name, *found))
    return cases


def _side_by_side(folder: Path) -> list[Case]:
    """Return the cases of a folder in which labels lie beside their scans under its name with `BESIDE` behind it."""
    files = {volume_name(path): path for path in _entries(folder, SCANS.suffixes) if path.is_file()}
    labels = {name: path for name, path in files.items() if name.lower().endswith(BESIDE)}
    if not labels:
        return []
    scans = {name: path for name, path in files.items() if name not in labels}
    of_scans = {name[: -len(BESIDE)]: path for name, path in labels.items()}
    if alone := [path.name for name, path in of_scans.items() if name not in scans]:
        raise InputError(f"{folder}: {len(alone)} labels have no scan beside them: {some(alone)}")
    return [Case(name, path, of_scans.get(name)) for name, path in scans.items()]


def _entries(folder: Path, suffixes: tuple[str, ...] = (*SCANS.suffixes, *IMAGE_SUFFIXES, ".dcm")) -> list[Path]:
    """Return the files of these kinds and the folders in a folder, hidden ones aside, in natural order."""
    found = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted((p for p in found if p.is_dir() or p.name.lower().endswith(suffixes)), key=natural_key)


def _unique(cases: list[Case], where: Path) -> list[Case]:
    twice = [name for name, count in Counter(case.name for case in cases).items() if count > 1]
    if twice:
        raise InputError(f"{where}: several cases are called {some(twice)}; rename them, or name them in a CSV file")
    if odd := [case.name for case in cases if Path(case.name).name != case.name]:
        raise InputError(f"{where}: a case is called {odd[0]!r}; a name must be fit for a file")
    return cases


# pairs by name


def _pair(images: Path, labels: Path) -> list[Case]:
    """Pair scans and labels by the rule for names that leaves the fewest files without a partner."""
    files = _entries(labels)
    channels = _channels(_entries(images), [volume_name(path) for path in files])
    scans = list(channels)
    if not scans:
        raise InputError(f"{images}: no volumes in it")
    attempts = [_match(scans, files, key) for key in (volume_name, _without_role)]
    matches, unused = min(attempts, key=lambda attempt: len(attempt[1]) + list(attempt[0].values()).count([]))
    if unused:
        names = some([path.name for path in unused])
        raise InputError(f"{labels}: {len(unused)} labels have names that match no scan in {images.name}: {names}")
    for scan, fitting in matches.items():
        if len(fitting) > 1:
            raise InputError(f"{scan}: several labels fit it: {some([path.name for path in fitting])}")
    cases = [
        Case(volume_name(scan), scan, next(iter(fitting), None), channels[scan]) for scan, fitting in matches.items()
    ]
    return _unique(cases, images)


def _channels(scans: list[Path], labels: list[str]) -> dict[Path, tuple[Path, ...]]:
    """Return the further channels of each scan: those of ``p_0000.nii.gz`` are ``p_0001.nii.gz`` and so on.

    What has labels of its own name is a scan of its own.
    """
    by_name = {volume_name(path): path for path in scans}
    found: dict[Path, tuple[Path, ...]] = {}
    for path in scans:
        name = volume_name(path)
        first = by_name.get(f"{name[:-5]}_0000") if CHANNEL.search(name) else None
        if first is None or first == path or any(label.startswith(name) for label in labels):
            found[path] = ()
        else:
            found[first] = (*found.get(first, ()), path)
            if len(found[first]) > 2:
                raise InputError(f"{first}: a scan of more than 3 channels; leave out some of them")
    return found


def _match(
    scans: list[Path], files: list[Path], key: Callable[[Path], str]
) -> tuple[dict[Path, list[Path]], list[Path]]:
    """Return the labels of each scan by its key, and the labels without a scan."""
    by_key: defaultdict[str, list[Path]] = defaultdict(list)
    for path in files:
        by_key[key(path)].append(path)
    matches = {scan: by_key.get(key(scan), []) for scan in scans}
    used = {path for fitting in matches.values() for path in fitting}
    return matches, [path for path in files if path not in used]


def _without_role(path: Path) -> str:
    name = volume_name(path).lower().removesuffix("_0000")
    return re.sub(r"[^a-z0-9]+", "-", _ROLE.sub("", name)).strip("-")


# lists


def _read_list(path: Path) -> list[Case]:
    """Read a CSV file with the columns image and label (without a header: these two), and perhaps name."""
    columns = ("image", "label")
    cases = []
    for number, entry in read_list(path, columns, "a list of cases"):
        image, label = (path.parent / entry[role] if role in entry else None for role in columns)
        if image is None:
            raise InputError(f"{path}, line {number}: no image; there should be {','.join(columns)}")
        check_listed(path, number, (volume for volume in (image, label) if volume is not None), columns)
        cases.append(Case(entry.get("name") or volume_name(image), image, label))
    if not cases:
        raise InputError(f"{path}: no case in this list; each line should be image,label")
    names = Counter(case.name for case in cases)
    if max(names.values()) > 1:
        # files of one name in the folders of their cases
        cases = [case._replace(name=f"{case.image.parent.name}_{case.name}") for case in cases]
    return _unique(cases, path)
