"""The JSON lists of the authors' preparation: OSIE, OSIE-ASD, COCO-Search18 and AiR-D."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from visioncore.errors import InputError, one_line
from visioncore.files import check_regular

from ..network.config import CATEGORIES
from ..network.scanpaths import Frame
from .osie import FRAME
from .trials import ScanpathData, Split, Trial, make_fixations

COCO_FRAME = Frame(512, 320)
AIR_OBSERVERS = (
    *("AL", "AR", "AS", "CC", "EN", "JD", "JS", "JY", "KS", "MH"),
    *("MJ", "PK", "SC", "TB", "TT", "TV", "VM", "YL", "YN", "ZL"),
)
"""The observers of AiR-D in the order of their indices."""

GROUPS = {1: "asd", 2: "control"}
_SPLITS: dict[str, Split] = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
_OBSERVERS = {"osie": 15, "osie-asd": 39, "coco-search18": 10}


def read_published_list(path: str | Path, images: str | Path | None = None) -> ScanpathData:
    """Return the trials of a list that the authors' preparation writes; which data set it is shows in its entries.

    Observers are named by their index from 0, those of AiR-D by the names in its lists. For AiR-D give one of
    ``AiR_fixations_train.json``, ``..._validation.json`` and ``..._test.json``; its split is in its name, and the other
    two are read from beside it.

    Args:
        path: the JSON file.
        images: the folder of images, where names of COCO-Search18 stand in folders of their categories.

    Raises:
        InputError: if the file cannot be read, or an entry is not what it should be; the text names it.
    """
    path = Path(path)
    first = _entries(path)[0]
    folder = None if images is None else Path(images)
    if "question_id" in first:
        return _read_air(path, folder)
    name = "coco-search18" if "task" in first else "osie-asd" if "group" in first else "osie"
    # only this list counts observers from 1
    base = 1 if name == "coco-search18" else 0
    trials, groups = [], [""] * _OBSERVERS[name]
    for where, entry in _named(path):
        observer = _integer(entry, "subject", where) - base
        if not 0 <= observer < _OBSERVERS[name]:
            raise InputError(
                f"{where}: subject {observer + base}; {name} has those from {base} to {_OBSERVERS[name] - 1 + base}"
            )
        task = str(entry["task"]) if name == "coco-search18" else ""
        if task and task not in CATEGORIES:
            raise InputError(f"{where}: unknown task {one_line(task, 60)!r}; known are {', '.join(CATEGORIES)}")
        if name == "osie-asd":
            groups[observer] = GROUPS.get(_integer(entry, "group", where), str(entry["group"]))
        image = f"{task}/{_text(entry, 'name', where)}" if task else _text(entry, "name", where)
        fixations = make_fixations(where, *(_value(entry, key, where) for key in "XYT"))
        trials.append(Trial(image, observer, fixations, task, _split(entry, where)))
    return ScanpathData(
        name=name,
        trials=tuple(trials),
        observers=tuple(map(str, range(_OBSERVERS[name]))),
        source=path,
        frame=COCO_FRAME if name == "coco-search18" else FRAME,
        first_pixel=0 if name == "coco-search18" else 1,
        images=folder,
        groups=tuple(groups) if name == "osie-asd" else (),
    )


def _read_air(path: Path, images: Path | None) -> ScanpathData:
    stem = next(
        (path.name.removesuffix(f"_{part}.json") for part in _SPLITS if path.name.endswith(f"_{part}.json")), ""
    )
    if not stem:
        raise InputError(f"{path}: lists of AiR-D are named ..._train.json, ..._validation.json and ..._test.json")
    trials, frames = [], {}
    for part, split in _SPLITS.items():
        other = path.with_name(f"{stem}_{part}.json")
        if not other.is_file():
            continue
        for where, entry in _named(other):
            image = _text(entry, "image_id", where)
            image = image if Path(image).suffix else f"{image}.jpg"
            frames[image] = Frame(_integer(entry, "width", where), _integer(entry, "height", where))
            try:
                seconds = [end - start for start, end in zip(entry["T_start"], entry["T_end"], strict=True)]
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(f"{where}: T_start and T_end must be lists of as many numbers, in ms") from error
            fixations = make_fixations(where, _value(entry, "X", where), _value(entry, "Y", where), seconds)
            observer = _air_observer(entry, where)
            trials.append(Trial(image, observer, fixations, str(_value(entry, "question_id", where)), split))
    return ScanpathData("air-d", tuple(trials), AIR_OBSERVERS, path, frames=frames, images=images)


def _air_observer(entry: dict[str, Any], where: str) -> int:
    given = _value(entry, "subject_idx", where)
    if isinstance(given, int) and 0 <= given < len(AIR_OBSERVERS):
        return given
    if given not in AIR_OBSERVERS:
        raise InputError(f"{where}: unknown observer {one_line(given, 60)!r}; known are {', '.join(AIR_OBSERVERS)}")
    return AIR_OBSERVERS.index(given)


def _named(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, entry in enumerate(_entries(path), start=1):
        yield f"{path}, entry {number}", entry


def _entries(path: Path) -> list[dict[str, Any]]:
    check_regular(path)
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: this is not JSON ({one_line(error)})") from error
    if not isinstance(content, list) or not content or not all(isinstance(entry, dict) for entry in content):
        raise InputError(f"{path}: must be a list of scanpaths, each with name, subject, X, Y and T")
    return content


def _value(entry: dict[str, Any], key: str, where: str) -> Any:
    if key not in entry:
        raise InputError(f"{where}: has no {key}; it has {one_line(', '.join(map(str, entry)))}")
    return entry[key]


def _integer(entry: dict[str, Any], key: str, where: str) -> int:
    value = _value(entry, key, where)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{where}: {key} is {one_line(value, 60)}; it must be a whole number")
    return value


def _text(entry: dict[str, Any], key: str, where: str) -> str:
    value = str(_value(entry, key, where))
    if Path(value).is_absolute() or ".." in Path(value).parts or not value:
        raise InputError(f"{where}: {key} is {one_line(value, 60)!r}; it must be a name in the folder of images")
    return value


def _split(entry: dict[str, Any], where: str) -> Split:
    given = _value(entry, "split", where)
    if given not in _SPLITS:
        raise InputError(f"{where}: split is {one_line(given, 60)!r}; it must be one of {', '.join(_SPLITS)}")
    return _SPLITS[given]
