"""The data sets of the paper, and others in their layout: clean photos, and pairs of noisy and clean photos."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from visioncore.errors import InputError, some
from visioncore.files import expand_inputs, walk
from visioncore.images import IMAGE_SUFFIXES, image_size

NOISY_FOLDERS = ("noisy", "input", "lq")
CLEAN_FOLDERS = ("clean", "gt", "target", "hq", "div2k_train_hr_sub")

CLEAN_SETS: Mapping[str, Sequence[str]] = {
    "CBSD68": ("cbsd68",),
    "McM": ("mcm", "mcmaster"),
    "Kodak": ("kodak", "kodak24"),
    "Urban100": ("urban100",),
}
"""The published test sets of clean photos, and what their folders may be called."""
REAL_SETS: Mapping[str, Sequence[str]] = {
    "CC": ("cc",),
    "PolyU": ("polyu",),
    "SIDD": ("ssid/sidd_test_png", "sidd/sidd_test_png", "ssid", "sidd"),
}
"""The published test sets of real noise, and what their folders may be called; "SSID" is the authors' spelling."""

# a real noisy image and the mean of many shots, at the end of a name
_ROLE = re.compile(r"(?i)[_-]?(real|mean)$")


class Pair(NamedTuple):
    """A noisy image and the clean one."""

    noisy: Path
    clean: Path


def find_photos(source: str | Path) -> list[Path]:
    """Return the photos in a folder and its sub-folders, in natural order, or those that match a pattern.

    Raises:
        InputError: if there are none; or if the folder holds noisy and clean ones, of which only the latter will do.
    """
    if Path(source).is_dir() and (folders := _sub_folders(Path(source), NOISY_FOLDERS)):
        raise InputError(f"{source}: has a folder {folders[0].name}; clean photos are wanted, so name their folder")
    return expand_inputs([source], IMAGE_SUFFIXES)


def find_pairs(source: str | Path) -> list[Pair]:
    """Return the pairs of noisy and clean images of a data set, in natural order; both of a pair have one size.

    Args:
        source: a folder with ``noisy`` and ``clean`` (or ``GT``) and images of the same names in both, suffixes
            aside, such as the stored sRGB training set and SIDD; or a folder in which one name ends in ``real`` and
            the other in ``mean``, such as PolyU and CC.

    Raises:
        InputError: if there are no such images, one has no partner or several, or sizes differ; the text lists them.
    """
    source = Path(source)
    if not source.is_dir():
        raise InputError(f"{source}: no such folder")
    noisy_folders, clean_folders = (_sub_folders(source, names) for names in (NOISY_FOLDERS, CLEAN_FOLDERS))
    for found in (noisy_folders, clean_folders):
        if len(found) > 1:
            raise InputError(f"{source}: {found[0].name} and {found[1].name} may both be meant; keep one of them there")
    if noisy_folders and clean_folders:
        noisy, clean = _by_name(noisy_folders[0]), _by_name(clean_folders[0])
    else:
        noisy, clean = _by_role(source)
    pairs = _match(noisy, clean, source)
    differing = [
        f"{pair.noisy.name} {size[1]}x{size[0]}, {pair.clean.name} {partner[1]}x{partner[0]}"
        for pair in pairs
        if (size := image_size(pair.noisy)) != (partner := image_size(pair.clean))
    ]
    if differing:
        raise InputError(f"{source}: {len(differing)} pairs differ in size (width x height): {some(differing)}")
    return pairs


def clean_sets(source: str | Path) -> dict[str, list[Path]]:
    """Return the published test sets of clean photos in a folder; without any, the folder's photos as one set.

    Raises:
        InputError: as `find_photos`.
    """
    found = _published(Path(source), CLEAN_SETS) or {Path(source).resolve().name: Path(source)}
    return {name: find_photos(folder) for name, folder in found.items()}


def real_sets(source: str | Path) -> dict[str, list[Pair]]:
    """Return the published test sets of real noise in a folder; without any, the folder's pairs as one set.

    Raises:
        InputError: as `find_pairs`.
    """
    found = _published(Path(source), REAL_SETS) or {Path(source).resolve().name: Path(source)}
    return {name: find_pairs(folder) for name, folder in found.items()}


def holds_clean_sets(source: Path) -> bool:
    """Return whether published test sets of clean photos lie in a folder."""
    return bool(_published(source, CLEAN_SETS))


def holds_pairs(source: Path) -> bool:
    """Return whether noisy photos lie in a folder: in one of `NOISY_FOLDERS`, in ``*real``, or in a published set."""
    if not source.is_dir():
        return False
    files = (path for _, files in walk(source) for path in files)
    named = (path for path in files if path.suffix.lower() in IMAGE_SUFFIXES and _ROLE.search(path.stem))
    return bool(_sub_folders(source, NOISY_FOLDERS) or _published(source, REAL_SETS) or next(named, None))


def _published(source: Path, sets: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    if not source.is_dir():
        return {}
    inside = {
        folder.relative_to(source).as_posix().lower(): folder
        for pattern in ("*", "*/*")
        for folder in source.glob(pattern)
        if folder.is_dir()
    }
    found: dict[str, Path] = {}
    for name, spellings in sets.items():
        folder = next((inside[spelling] for spelling in spellings if spelling in inside), None)
        if folder is not None:
            found[name] = folder
    return found


def _sub_folders(folder: Path, names: Sequence[str]) -> list[Path]:
    return [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and entry.name.lower() in names]


def _by_name(folder: Path) -> dict[str, list[Path]]:
    """Return the images below a folder by their relative path without suffix."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in expand_inputs([folder], IMAGE_SUFFIXES):
        found[path.relative_to(folder).with_suffix("").as_posix()].append(path)
    return found


def _by_role(folder: Path) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Return the images ``*real`` and ``*mean`` below a folder, by the rest of their names."""
    found: dict[str, defaultdict[str, list[Path]]] = {"real": defaultdict(list), "mean": defaultdict(list)}
    for path in expand_inputs([folder], IMAGE_SUFFIXES):
        if role := _ROLE.search(path.stem):
            name = path.relative_to(folder).with_name(_ROLE.sub("", path.stem)).as_posix()
            found[role[1].lower()][name].append(path)
    if not found["real"] and not found["mean"]:
        raise InputError(
            f"{folder}: no pairs in it; there should be folders noisy and clean (or GT) with images of the same "
            "names, or images *real and *mean"
        )
    return found["real"], found["mean"]


def _match(noisy: Mapping[str, list[Path]], clean: Mapping[str, list[Path]], source: Path) -> list[Pair]:
    for these, those, what in ((noisy, clean, "clean"), (clean, noisy, "noisy")):
        alone = [paths[0].name for name, paths in these.items() if name not in those]
        if alone:
            raise InputError(f"{source}: {len(alone)} images have no {what} partner: {some(alone)}")
        doubled = [path.name for paths in these.values() if len(paths) > 1 for path in paths]
        if doubled:
            raise InputError(f"{source}: images that differ in their suffix alone: {some(doubled)}; keep one of each")
    return [Pair(paths[0], clean[name][0]) for name, paths in noisy.items()]
