"""Which rainy picture belongs to which clean one: by name, forgiving of the habits of the public data sets."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from visioncore.errors import InputError
from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES

INPUT_FOLDERS = ("input", "rain", "rainy")
TARGET_FOLDERS = ("target", "norain", "gt", "clean", "groundtruth", "ground_truth")

_ROLE = re.compile(r"(no)?rain(y|ing)?(?=[^a-z]|$)|\b(clean|gt|input|target)(?=[^a-z]|$)")
_VERSION = re.compile(r"[_-]\d+$")


class Pair(NamedTuple):
    """A rainy picture and its clean one."""

    rainy: Path
    clean: Path


def find_pairs(source: Path) -> list[Pair]:
    """Return the pairs of a data set, in natural order of the rainy pictures, every pair of one size.

    Args:
        source: a folder with ``input`` and ``target`` (the layout of the published data sets; ``rain``/``norain``,
            ``rainy``/``clean`` and ``gt`` are understood), or a CSV file with two columns, rainy and clean,
            relative to it.

    Names are compared as they are, then without words such as ``rain``, ``norain`` and a trailing ``x2``, then without
    the number of a version (``7_3`` is the third rainy version of ``7``).

    Raises:
        InputError: if folders or pictures are missing, a picture has no partner or several, or sizes differ; the
            text lists the pictures.
    """
    source = Path(source)
    pairs = _read_manifest(source) if source.is_file() else _pair_folders(*_two_folders(source))
    differing = [
        f"{rainy.name} {size[1]}x{size[0]}, {clean.name} {partner[1]}x{partner[0]}"
        for rainy, clean in pairs
        if (size := image_size(rainy)) != (partner := image_size(clean))
    ]
    if differing:
        raise InputError(f"{source}: {len(differing)} pairs differ in size (width x height): {_some(differing)}")
    return pairs


def _two_folders(source: Path) -> tuple[Path, Path]:
    if not source.exists():
        raise InputError(f"{source}: no such folder")
    found = []
    for role, names in (("rainy", INPUT_FOLDERS), ("clean", TARGET_FOLDERS)):
        folder = next((source / name for name in names if (source / name).is_dir()), None)
        if folder is None:
            raise InputError(f"{source}: no folder of {role} pictures in it; it should be named {' or '.join(names)}")
        found.append(folder)
    return found[0], found[1]


def _pair_folders(rainy_folder: Path, clean_folder: Path) -> list[Pair]:
    rainy, clean = expand_inputs([rainy_folder], IMAGE_SUFFIXES), expand_inputs([clean_folder], IMAGE_SUFFIXES)
    partners: dict[Path, Path] = {}
    for key in (lambda stem: stem, _without_role, lambda stem: _VERSION.sub("", stem)):
        by_key: dict[str, list[Path]] = defaultdict(list)
        for path in clean:
            by_key[_without_role(path.stem) if key is _without_role else path.stem].append(path)
        for path in rainy:
            matches = by_key.get(key(path.stem), [])
            if path in partners or not matches:
                continue
            if len(matches) > 1:
                raise InputError(f"{path}: several clean pictures fit it: {_some([m.name for m in matches])}")
            partners[path] = matches[0]
    alone = [path.name for path in rainy if path not in partners]
    if alone:
        raise _alone(alone, rainy_folder, clean_folder)

    used = set(partners.values())
    unused = [path.name for path in clean if path not in used]
    if unused:
        raise _alone(unused, clean_folder, rainy_folder)

    return [Pair(path, partners[path]) for path in rainy]


def _alone(names: list[str], folder: Path, other: Path) -> InputError:
    return InputError(f"{folder}: {len(names)} pictures have no partner in {other.name}: {_some(names)}")


def _without_role(stem: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", _ROLE.sub("", stem.lower()).removesuffix("x2")).strip("-")


def _read_manifest(path: Path) -> list[Pair]:
    pairs = []
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            if not row or row == ["rainy", "clean"]:
                continue
            if len(row) != 2:
                raise InputError(f"{path}, line {number}: {len(row)} columns; there must be two, rainy and clean")
            pair = Pair(*(path.parent / entry.strip() for entry in row))
            missing = [str(entry) for entry in pair if not entry.is_file()]
            if missing:
                raise InputError(f"{path}, line {number}: no such file: {missing[0]}")
            pairs.append(pair)
    if not pairs:
        raise InputError(f"{path}: no pair in this list; each line should be: rainy,clean")
    return pairs


def _some(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
