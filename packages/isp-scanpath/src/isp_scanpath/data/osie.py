"""OSIE: 700 photos that the same 15 observers looked at freely for three seconds, and the published split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visioncore.errors import InputError, damage
from visioncore.files import check_regular

from ..network.scanpaths import Frame
from .trials import ScanpathData, Split, Trial, make_fixations

FRAME = Frame(800, 600)
OBSERVERS = 15

_LAYOUT = (
    "it should hold fixations, a cell array of structures with img and subjects, each of these with fix_x, fix_y and "
    "fix_duration, as github.com/NUS-VIP/predicting-human-gaze-beyond-pixels publishes it"
)
_TEST = (
    *(9, 17, 49, 56, 62, 86, 87, 99, 108, 114, 116, 117, 127, 130, 131, 136, 140, 152, 192, 220, 225, 226, 252, 255),
    *(269, 295, 307, 360, 369, 372, 394, 397, 405, 420, 423, 433, 441, 478, 480, 481, 489, 490, 493, 502, 509, 523),
    *(528, 530, 549, 555, 558, 567, 576, 581, 595, 596, 605, 609, 615, 616, 618, 622, 628, 637, 640, 657, 663, 677),
    *(682, 699),
)
"""Numbers above 1000 of the test images, those of earlier work."""

_TRAINING = 560


def published_split(images: Sequence[str]) -> dict[str, Split]:
    """Return the split of OSIE's images, given in the order of the file, which is that of their numbers.

    70 images are for test; the others are shuffled by NumPy's older generator with seed 0, 560 of them for training.
    """
    test = {f"{1000 + number}.jpg" for number in _TEST}
    others = [name for name in images if name not in test]
    np.random.RandomState(0).shuffle(others)
    parts: dict[str, Split] = {name: "test" for name in images if name in test}
    return parts | {name: "train" if place < _TRAINING else "validation" for place, name in enumerate(others)}


def read_osie(path: str | Path, images: str | Path | None = None) -> ScanpathData:
    """Return the trials of OSIE from its ``fixations.mat``.

    Args:
        path: the file, or a folder that holds it or ``eye/fixations.mat``.
        images: the folder of photos; default: ``stimuli`` beside the file or its folder, where there is one.

    Raises:
        InputError: if the file cannot be read or is of another layout; the text names image and observer.
    """
    path = _find(Path(path))
    trials = []
    items = [_item(path, number, item) for number, item in enumerate(_content(path), start=1)]
    split = published_split([image for image, _ in items])
    for image, subjects in items:
        for observer, recorded in enumerate(subjects):
            where = f"{path}, {image}, observer {observer}"
            try:
                columns = [recorded[name] for name in ("fix_x", "fix_y", "fix_duration")]
            except (KeyError, TypeError, IndexError) as error:
                raise InputError(f"{where}: of another layout; {_LAYOUT}") from error
            trials.append(Trial(image, observer, make_fixations(where, *columns), split=split[image]))
    return ScanpathData(
        name="osie",
        trials=tuple(trials),
        observers=tuple(map(str, range(OBSERVERS))),
        source=path,
        frame=FRAME,
        first_pixel=1,
        images=_stimuli(path) if images is None else Path(images),
    )


def _find(path: Path) -> Path:
    if not path.is_dir():
        return path
    places = [path / "fixations.mat", path / "eye" / "fixations.mat"]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(f"{path}: no fixations.mat here or in eye")
    return found


def _stimuli(path: Path) -> Path | None:
    return next((parent / "stimuli" for parent in path.parents[:2] if (parent / "stimuli").is_dir()), None)


def _content(path: Path) -> list[Any]:
    """Return the structures of the file's images."""
    from scipy.io import loadmat

    check_regular(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with damage(path, "truncated, damaged or no MATLAB file", advice=f"; {_LAYOUT}"):
        content = loadmat(path, simplify_cells=True, variable_names=["fixations"])
    if "fixations" not in content:
        raise InputError(f"{path}: of another layout; {_LAYOUT}")
    # one image alone is no list
    found = content["fixations"]
    return list(found) if isinstance(found, list | np.ndarray) else [found]


def _item(path: Path, number: int, item: Any) -> tuple[str, list[Any]]:
    """Return the name and the observers of an image's structure."""
    if not isinstance(item, dict) or not isinstance(item.get("img"), str) or "subjects" not in item:
        raise InputError(f"{path}, image {number}: of another layout; {_LAYOUT}")
    subjects = item["subjects"]
    subjects = list(subjects) if isinstance(subjects, list | np.ndarray) else [subjects]
    if len(subjects) > OBSERVERS:
        raise InputError(f"{path}, {item['img']}: {len(subjects)} observers; OSIE has {OBSERVERS}")
    return item["img"], subjects
