"""Pairs of rainy and clean images, found by name in the layouts of the public data sets."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from visioncore.errors import InputError, some
from visioncore.files import check_listed, expand_inputs, read_list
from visioncore.images import IMAGE_SUFFIXES, image_size

INPUT_FOLDERS = ("input", "rain", "rainy", "rainy_image")
TARGET_FOLDERS = ("target", "norain", "gt", "clean", "groundtruth", "ground_truth")

_ROLE = re.compile(r"(?<![a-z])((no[_-]?)?rain(y|ing)?|clean|gt|input|target)(?![a-z])")
_VERSION = re.compile(r"[_-]\d+$")

Key = Callable[[str], str]


class Pair(NamedTuple):
    """A rainy image and the clean one."""

    rainy: Path
    clean: Path


def find_pairs(source: str | Path) -> list[Pair]:
    """Return the pairs of a data set, in natural order of the rainy images; both of a pair have one size.

    Names are compared as they are; or, where this leaves images without a partner, without words such as ``rain``,
    ``norain`` and a trailing ``x2``; or else also without the number of a version at the end of the rainy name
    (``7_3`` is the third rainy version of ``7``). One rule holds for a whole data set. Images in sub-folders have
    partners in sub-folders of the same name.

    Args:
        source: a folder with ``input`` and ``target`` (the layout of the published data sets; ``rain``/``norain``,
            ``rainy``/``clean`` and ``gt`` are understood), or a CSV file with the columns rainy and clean, relative to
            it.

    Raises:
        InputError: if folders or images are missing, an image has no partner or several, or sizes differ; the
            text lists the images.
    """
    source = Path(source)
    pairs = _read_manifest(source) if source.is_file() else _pair_folders(*_two_folders(source))
    differing = [
        f"{rainy.name} {size[1]}x{size[0]}, {clean.name} {partner[1]}x{partner[0]}"
        for rainy, clean in pairs
        if (size := image_size(rainy)) != (partner := image_size(clean))
    ]
    if differing:
        raise InputError(f"{source}: {len(differing)} pairs differ in size (width x height): {some(differing)}")
    return pairs


def rainy_root(source: str | Path) -> Path:
    """Return the folder of a data set's rainy images; for a CSV file, their common parent."""
    source = Path(source)
    if source.is_file():
        return Path(os.path.commonpath([pair.rainy.parent.absolute() for pair in _read_manifest(source)]))
    return _two_folders(source)[0]


def holds_pairs(folder: Path) -> bool:
    """Whether a folder has sub-folders of rainy and of clean images."""
    try:
        _two_folders(folder)
    except InputError:
        return False
    return True


def _two_folders(source: Path) -> tuple[Path, Path]:
    if not source.is_dir():
        raise InputError(f"{source}: no such folder or list of pairs")
    inside = {entry.name.lower(): entry for entry in source.iterdir() if entry.is_dir()}
    chosen = []
    for role, names in (("rainy", INPUT_FOLDERS), ("clean", TARGET_FOLDERS)):
        found = [inside[name] for name in names if name in inside]
        if not found:
            hint = f"; there are {some(sorted(inside))}" if inside else ""
            raise InputError(
                f"{source}: no folder of {role} images in it; it should be named {' or '.join(names)}{hint}"
            )
        if len(found) > 1:
            several = " and ".join(folder.name for folder in found)
            raise InputError(f"{source}: {several} may both hold the {role} images; give a CSV list of pairs instead")
        chosen += found
    return chosen[0], chosen[1]


def _pair_folders(rainy_folder: Path, clean_folder: Path) -> list[Pair]:
    rainy, clean = _find_images(rainy_folder), _find_images(clean_folder)
    attempts = [_match(rainy, clean, *rule) for rule in _RULES]
    matches, alone, unused = min(attempts, key=lambda attempt: len(attempt[1]) + len(attempt[2]))
    for images, folder, other in ((alone, rainy_folder, clean_folder), (unused, clean_folder, rainy_folder)):
        if images:
            names = [image.name for image in images]
            raise InputError(f"{folder}: {len(names)} images have no partner in {other.name}: {some(names)}")
    for path, partners in matches.items():
        if len(partners) > 1:
            raise InputError(f"{path}: several clean images fit it: {some([p.name for p in partners])}")
    return [Pair(path, partners[0]) for path, partners in matches.items()]


def _find_images(folder: Path) -> dict[Path, str]:
    """Return the images below a folder in natural order, each with its relative path without suffix."""
    return {
        path: path.relative_to(folder).with_suffix("").as_posix() for path in expand_inputs([folder], IMAGE_SUFFIXES)
    }


def _match(
    rainy: dict[Path, str], clean: dict[Path, str], rainy_key: Key, clean_key: Key
) -> tuple[dict[Path, list[Path]], list[Path], list[Path]]:
    """Return the clean images by rainy image, the rainy images without any, and the clean ones left over."""
    by_key: defaultdict[str, list[Path]] = defaultdict(list)
    for path, name in clean.items():
        by_key[clean_key(name)].append(path)
    matches = {path: by_key.get(rainy_key(name), []) for path, name in rainy.items()}
    used = {path for partners in matches.values() for path in partners}
    return matches, [path for path in rainy if not matches[path]], [path for path in clean if path not in used]


def _as_it_is(name: str) -> str:
    return name


def _without_role(name: str) -> str:
    folder, _, stem = name.lower().rpartition("/")
    return f"{folder}/" + re.sub(r"[^a-z0-9]+", "-", _ROLE.sub("", stem.removesuffix("x2"))).strip("-")


def _without_version(name: str) -> str:
    return _VERSION.sub("", _without_role(name))


# what is compared of a rainy and of a clean name, from strict to forgiving
_RULES: Sequence[tuple[Key, Key]] = (
    (_as_it_is, _as_it_is),
    (_without_role, _without_role),
    (_without_version, _without_role),
)


def _read_manifest(path: Path) -> list[Pair]:
    pairs = []
    for number, row in read_list(path, Pair._fields, "a list of pairs, nor a folder with input and target"):
        if not {*Pair._fields} <= row.keys():
            raise InputError(f"{path}, line {number}: {len(row)} columns; there must be two, rainy and clean")
        pair = Pair(*(path.parent / row[role] for role in Pair._fields))
        check_listed(path, number, pair, Pair._fields)
        pairs.append(pair)
    if not pairs:
        raise InputError(f"{path}: no pair in this list; each line should be: rainy,clean")
    return pairs
