"""Action labels: files of them, and the plain words that each is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from visioncore.errors import InputError, some
from visioncore.files import read_json, read_list, read_text_lines

from ..network.corpus import label_text


@dataclass(frozen=True)
class Labels:
    """Action labels in the order of their classes.

    Attributes:
        names: as they are in the file.
        ids: by which lists of videos name them.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The labels as plain words, see `label_text`."""
        return tuple(map(label_text, self.names))

    @cached_property
    def by_id(self) -> dict[int, int]:
        """Id -> class."""
        return {each: place for place, each in enumerate(self.ids)}

    @cached_property
    def by_text(self) -> dict[str, int]:
        """Label as plain words -> class."""
        return {text: place for place, text in enumerate(self.texts)}


def check_labels(names: Sequence[str], where: str, lines: Sequence[int] | None = None) -> None:
    """Validate that there are labels and that no two are the same in plain words.

    Args:
        names: the labels.
        where: they are from, for messages.
        lines: where each one is, for messages.

    Raises:
        InputError: if there is none, one has no word, or one is there twice.
    """
    if not names:
        raise InputError(f"{where}: no labels; it should have one on each line")
    texts = list(map(label_text, names))
    at = [f", line {line}" for line in lines] if lines else [""] * len(names)
    for place, text in enumerate(texts):
        if not text:
            raise InputError(f"{where}{at[place]}: {names[place]!r} has no word")
    if twice := [text for text, count in Counter(texts).items() if count > 1]:
        second = max(place for place, text in enumerate(texts) if text == twice[0])
        raise InputError(f"{where}{at[second]}: labels are there twice: {some(twice)}; each only once")


def as_labels(names: Iterable[str], where: str = "labels") -> Labels:
    """Return labels whose ids count from 0.

    Raises:
        InputError: as `check_labels`.
    """
    names = tuple(names)
    check_labels(names, where)
    return Labels(names, tuple(range(len(names))))


def read_labels(path: str | Path) -> Labels:
    """Read a file of labels as it is shared.

    - one label on each line, with ids from 0;
    - a CSV file with the header ``id,name``, as of Kinetics;
    - ``1 ApplyEyeMakeup`` on each line, as ``classInd.txt`` of UCF-101;
    - a JSON object of label -> id, as of Something-Something.

    Raises:
        InputError: if it cannot be read, is empty, or names a label or an id twice.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        lines, names, ids = _of_csv(path)
    elif path.suffix.lower() == ".json":
        lines, names, ids = _of_json(path)
    else:
        lines, names, ids = _of_text(path)
    check_labels(names, str(path), lines)
    if twice := [str(each) for each, count in Counter(ids).items() if count > 1]:
        raise InputError(f"{path}: ids are there twice: {some(twice)}; each only once")
    return Labels(tuple(names), tuple(ids))


Read = tuple[list[int], list[str], list[int]]
"""Line, name and id of each label."""


def _of_text(path: Path) -> Read:
    lines = read_text_lines(path, "a list of labels")
    numbered = [re.fullmatch(r"(\d+)\s+(\S+)", line) for _, line in lines]
    if lines and all(numbered):
        return (
            [number for number, _ in lines],
            [match[2] for match in numbered if match],
            [int(match[1]) for match in numbered if match],
        )
    return [number for number, _ in lines], [line for _, line in lines], list(range(len(lines)))


def _of_csv(path: Path) -> Read:
    lines: list[int] = []
    names: list[str] = []
    ids: list[int] = []
    for number, row in read_list(path, ("id", "name"), "a list of labels"):
        if not row.get("id", "").isdecimal() or "name" not in row:
            raise InputError(f"{path}, line {number}: {','.join(row.values())!r}; it should be an id and a name")
        lines.append(number)
        names.append(row["name"])
        ids.append(int(row["id"]))
    return lines, names, ids


def _of_json(path: Path) -> Read:
    found = read_json(path, "a list of labels")
    if not isinstance(found, dict) or not all(str(each).isdecimal() for each in found.values()):
        raise InputError(f"{path}: not a list of labels; it should be an object of label and id")
    return [1] * len(found), [str(name) for name in found], [int(each) for each in found.values()]
