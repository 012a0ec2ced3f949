"""Label maps: the classes that are segmented, and which label values of a file belong to each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.configs import read_text, shown
from visioncore.errors import InputError, some
from visioncore.recipes import parse_yaml

from ..network.config import SYNAPSE_CLASSES, check_class_names
from .label_names import name_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CLASSES = 255
"""As many as 8-bit labels can tell apart, with background as 0."""


@dataclass(frozen=True)
class LabelMap:
    """The classes, and the label values that belong to each.

    Attributes:
        classes: names of the C classes, background not counted.
        values: label value as it is in files -> 0 (background) to C, the place of its class from 1.
        others: values that are not in ``values`` are background; without this they are an error.
    """

    classes: tuple[str, ...]
    values: Mapping[int, int] = field(hash=False)
    others: bool = False

    def __post_init__(self) -> None:
        check_class_names(self.classes)
        if len(self.classes) > MOST_CLASSES:
            raise InputError(f"{len(self.classes)} classes; there must be 1 to {MOST_CLASSES}")
        wrong = [
            value for value, label in self.values.items() if not (0 <= value < 2**16 and label <= len(self.classes))
        ]
        if wrong:
            raise InputError(f"label value {wrong[0]} cannot be used; values are whole numbers from 0 to 65535")

    @classmethod
    def of(cls, classes: Iterable[str], ignore: Iterable[int] = ()) -> LabelMap:
        """Return the map of files in which value i is class i, and the values in ``ignore`` are background."""
        names = tuple(classes)
        return cls(names, {**dict.fromkeys(ignore, 0), **{label: label for label in range(len(names) + 1)}})

    @classmethod
    def by_names(cls, classes: Iterable[str], names: Mapping[int, str], where: str | Path) -> LabelMap:
        """Return the map of a file that says what its labels are called; those that are no class are background.

        Args:
            classes: names of the classes; words may stand in another order and be parted otherwise.
            names: label value -> its name.
            where: the file, for the message.

        Raises:
            InputError: if no label of the file is called as a class.
        """
        known = tuple(classes)
        wanted = {name_words(name): label for label, name in enumerate(known, start=1)}
        values = {value: wanted[name_words(name)] for value, name in names.items() if name_words(name) in wanted}
        if not values:
            raise InputError(
                f"{where}: its labels are called {some(names.values())}; none of them is {some(known)}; give a label "
                "map to go by their values"
            )
        return cls(known, {0: 0, **values}, others=True)

    def apply(self, labels: NDArray[np.integer[Any]], where: str | Path = "labels") -> NDArray[np.uint8]:
        """Map label values of any shape to classes 0 to C.

        Args:
            labels: whole numbers.
            where: the file they are from, for the message.

        Raises:
            InputError: if there are values that the map does not know; it names them.
        """
        highest = max(self.values)
        table = np.full(highest + 2, 0 if self.others else -1, np.int16)
        table[list(self.values)] = list(self.values.values())
        # the last entry is for all that is not in the table
        inside = (labels >= 0) & (labels <= highest)
        mapped = table[np.where(inside, labels, highest + 1)]
        unknown = mapped < 0
        if unknown.any():
            found = np.unique(labels[unknown])
            names = ", ".join(map(str, found[:8])) + (" and more" if len(found) > 8 else "")
            known = ", ".join(map(str, sorted(self.values)[:16])) + (" ..." if len(self.values) > 16 else "")
            raise InputError(
                f"{where}: {int(unknown.sum())} voxels have label values outside the list: {names}; it has {known}; "
                "in the file of labels, give them to a class, ignore them (ignore: [5, 9]), or ignore all others "
                "(ignore: others)"
            )
        return mapped.astype(np.uint8)


PRESETS: Mapping[str, LabelMap] = {
    "synapse": LabelMap(
        SYNAPSE_CLASSES,
        {**dict.fromkeys((0, 5, 9, 10, 12, 13), 0), 1: 1, 2: 2, 3: 3, 4: 4, 6: 5, 7: 6, 8: 7, 11: 8},
    ),
    "totalsegmentator": LabelMap(SYNAPSE_CLASSES, {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 52: 7, 7: 8}, others=True),
    "la": LabelMap.of(("left atrium",)),
    "promise12": LabelMap.of(("prostate",)),
}
"""Maps by name: the raw labels of Synapse/BTCV; the same eight organs among TotalSegmentator's (version 2, task
``total``); the left atria of the 2018 challenge; the prostates of PROMISE12."""


def read_label_map(source: str | Path) -> LabelMap:
    """Return the map of that name in `PRESETS`, or in a YAML file.

    The file holds ``classes``: a list of names, the first for value 1; or a name for each value or list of values.
    And, where there are values to be taken for background, ``ignore``: a list of them, or ``others`` for all that
    no class has::

        classes: {spleen: 1, kidneys: [2, 3], liver: 6}
        ignore: [4, 5]

    Raises:
        InputError: if there is no such file or preset, it does not say so, names something twice, or has numbers that
            are not in plain digits, such as 010.
    """
    if str(source) in PRESETS:
        return PRESETS[str(source)]
    path = Path(source)
    if not path.is_file():
        raise InputError(f"{path}: no such file of labels, nor one of {', '.join(PRESETS)}")
    return parse_label_map(parse_yaml(str(path), read_text(path)), str(path))


def parse_label_map(content: Any, where: str) -> LabelMap:
    """Return the map that a file's content describes; see `read_label_map`.

    Raises:
        InputError: if it does not describe one, with ``where`` in front.
    """
    if not isinstance(content, dict) or "classes" not in content or set(content) - {"classes", "ignore"}:
        raise InputError(
            f"{where}: it must hold classes, such as [spleen, liver] or {{spleen: 1, liver: [6]}}, and may hold "
            "ignore, a list of label values or others"
        )
    classes, ignore = content["classes"], content.get("ignore", [])
    if isinstance(classes, list):
        entries = [(name, label) for label, name in enumerate(classes, start=1)]
    else:
        entries = list(classes.items()) if isinstance(classes, dict) else []
    if not isinstance(classes, list | dict) or not all(isinstance(name, str) for name, _ in entries):
        raise InputError(f"{where}: classes must be a list of names, or names with values; it is {shown(classes)}")
    values = dict.fromkeys([0, *_values([] if ignore == "others" else ignore, f"{where}: ignore")], 0)
    for label, (name, given) in enumerate(entries, start=1):
        for value in _values(given, f"{where}: {name}"):
            if value in values:
                raise InputError(
                    f"{where}: value {value} of {name} is taken already; 0 is background, others have one class each"
                )
            values[value] = label
    try:
        return LabelMap(tuple(name for name, _ in entries), values, others=ignore == "others")
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _values(given: Any, where: str) -> list[int]:
    values = given if isinstance(given, list) else [given]
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        raise InputError(f"{where} is {shown(given)}; it must be a whole number in plain digits, or a list of them")
    return values
