"""Classes of points: how the raw ids of a data set become them, their names and colours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, damage, some
from visioncore.size_limit import check_size

MOST_RAW = 1 << 16
"""Raw ids are below this."""


class ClassMap:
    """A list of classes, of which the first one is ignored in training and evaluation.

    Args:
        title: of the list.
        names: of the classes.
        colours: RGB of each.
        raw: the class of each raw id. The first id of a class, in this order, is the one that is written for it.
        things: classes whose instances are told apart.

    Raises:
        InputError: if a class has no name, no colour or no raw id, or an id is out of its range.
    """

    def __init__(
        self,
        title: str,
        names: Sequence[str],
        colours: Sequence[Sequence[int]],
        raw: Mapping[int, int],
        things: Sequence[int] = (),
    ) -> None:
        if not 2 <= len(names) == len(colours) <= MOST_RAW or len(set(names)) < len(names):
            raise InputError(
                f"{title}: {len(names)} names and {len(colours)} colours; there must be one each, no name twice"
            )
        if unfit := [str(key) for key, value in raw.items() if not (0 <= key < MOST_RAW and 0 <= value < len(names))]:
            raise InputError(f"{title}: raw ids must be 0 to 65535 and classes 0 to {len(names) - 1}: {some(unfit)}")
        if missing := [name for at, name in enumerate(names) if at not in raw.values()]:
            raise InputError(f"{title}: no raw id stands for {some(missing)}")
        self.title, self.names, self.things = title, tuple(names), tuple(things)
        self.colours = np.array(colours, np.uint8).reshape(len(names), 3)
        self._classes = dict(raw)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def raw(self) -> NDArray[np.int64]:
        """(K,) the raw id that is written for each class."""
        first: dict[int, int] = {}
        for key, value in self._classes.items():
            first.setdefault(value, key)
        return np.array([first[at] for at in range(len(self))], np.int64)

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        table = np.full(max(self._classes) + 1, -1, np.int64)
        table[list(self._classes)] = list(self._classes.values())
        return table

    def classes_of(self, ids: NDArray[np.integer[Any]], where: str | Path) -> NDArray[np.int64]:
        """Return the classes of raw ids, of the same shape.

        Args:
            ids: as a file stores them.
            where: the file, for messages.

        Raises:
            InputError: if there are ids that no class has; they are listed.
        """
        table = self._table
        known = (ids >= 0) & (ids < len(table))
        classes = table[np.where(known, ids, 0)]
        if (unknown := ids[~known | (classes < 0)]).size:
            listed = some(map(str, np.unique(unknown)))
            raise InputError(f"{where}: {unknown.size} points have raw ids that {self.title} does not know: {listed}")
        return classes

    @classmethod
    def read(cls, path: str | Path) -> ClassMap:
        """Read a list of classes from JSON: ``{"classes": [{"name", "ids", "colour", "thing"}, ...]}``.

        ``ids`` are the raw ids of the class, ``colour`` is RGB (0 to 255), ``thing`` is true where instances are told
        apart and may be left out. The first class is the one that is ignored.

        Raises:
            InputError: if the file is missing or says something else.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        check_size(path, path.stat().st_size)
        with damage(
            path, 'is no list of classes; it must be {"classes": [{"name": ..., "ids": [...], "colour": [...]}]}'
        ):
            entries = json.loads(path.read_text(encoding="utf-8"))["classes"]
            names, colours = [str(entry["name"]) for entry in entries], [entry["colour"] for entry in entries]
            pairs = [(int(key), at) for at, entry in enumerate(entries) for key in entry["ids"]]
            things = [at for at, entry in enumerate(entries) if entry.get("thing", False)]
            if len(dict(pairs)) < len(pairs):
                raise InputError(f"{path}: a raw id stands in two classes")
            return cls(str(path), names, colours, dict(pairs), things)


NUSCENES = ClassMap(
    "nuScenes-lidarseg",
    (
        *("noise", "barrier", "bicycle", "bus", "car", "construction_vehicle", "motorcycle", "pedestrian"),
        *("traffic_cone", "trailer", "truck", "driveable_surface", "other_flat", "sidewalk", "terrain", "manmade"),
        "vegetation",
    ),
    (
        *((0, 0, 0), (112, 128, 144), (220, 20, 60), (255, 127, 80), (255, 158, 0), (233, 150, 70), (255, 61, 99)),
        *((0, 0, 230), (47, 79, 79), (255, 140, 0), (255, 99, 71), (0, 207, 191), (175, 0, 75), (75, 0, 75)),
        *((112, 180, 60), (222, 184, 135), (0, 175, 0)),
    ),
    {
        **dict.fromkeys((0, 1, 5, 7, 8, 10, 11, 13, 19, 20, 29, 31), 0),
        **{9: 1, 14: 2, 15: 3, 16: 3, 17: 4, 18: 5, 21: 6, 2: 7, 3: 7, 4: 7, 6: 7, 12: 8, 22: 9, 23: 10},
        **{24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 30: 16},
    },
    things=range(1, 11),
)
"""The 16 classes of nuScenes and noise, 17 in all, from its 32 raw ones."""

SEMANTICKITTI = ClassMap(
    "SemanticKITTI",
    (
        *("unlabeled", "car", "bicycle", "motorcycle", "truck", "other-vehicle", "person", "bicyclist"),
        *("motorcyclist", "road", "parking", "sidewalk", "other-ground", "building", "fence", "vegetation"),
        *("trunk", "terrain", "pole", "traffic-sign"),
    ),
    (
        *((0, 0, 0), (100, 150, 245), (100, 230, 245), (30, 60, 150), (80, 30, 180), (100, 80, 250), (255, 30, 30)),
        *((255, 40, 200), (150, 30, 90), (255, 0, 255), (255, 150, 255), (75, 0, 75), (175, 0, 75), (255, 200, 0)),
        *((255, 120, 50), (0, 175, 0), (135, 60, 0), (150, 240, 80), (255, 240, 150), (255, 0, 0)),
    ),
    {
        **{0: 0, 10: 1, 11: 2, 15: 3, 18: 4, 20: 5, 30: 6, 31: 7, 32: 8, 40: 9, 44: 10, 48: 11, 49: 12, 50: 13, 51: 14},
        **{70: 15, 71: 16, 72: 17, 80: 18, 81: 19},
        **{1: 0, 52: 0, 99: 0, 13: 5, 16: 5, 60: 9, 252: 1, 253: 7, 254: 6, 255: 8, 256: 5, 257: 5, 258: 4, 259: 5},
    },
    things=range(1, 9),
)
"""The 19 classes of SemanticKITTI's single-scan benchmark and unlabelled points, 20 in all."""

CLASS_MAPS: Mapping[str, ClassMap] = {"nuscenes": NUSCENES, "semantickitti": SEMANTICKITTI}
"""The published lists by name."""
