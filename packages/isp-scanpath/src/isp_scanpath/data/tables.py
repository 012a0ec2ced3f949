"""Scanpaths of anyone's own data as one CSV file: a line for each fixation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import read_list

from ..network.scanpaths import Frame
from .trials import SPLITS, ScanpathData, Split, Trial, make_fixations

COLUMNS = ("image", "observer", "x", "y", "duration_ms")
"""Columns that must be there; ``task``, ``split``, ``width``, ``height`` and ``group`` may be."""


def read_table(path: str | Path, images: str | Path | None = None) -> ScanpathData:
    """Return the trials of a CSV file, a line for each fixation, those of a scanpath one after the other.

    Observers have any names; their indices are in the order of the file, see `ScanpathData.as_known_to` for that of a
    network. Width and height of an image are those of the columns ``width`` and ``height``, or else those of its file.

    Args:
        path: the file.
        images: the folder of images.

    Raises:
        InputError: naming the line, if one is not what it should be, or a scanpath is there twice.
    """
    path = Path(path)
    rows = read_list(path, COLUMNS, "a list of fixations")
    paths: dict[tuple[str, str, str], list[tuple[int, dict[str, str]]]] = {}
    last = None
    for number, row in rows:
        if missing := [name for name in COLUMNS if name not in row]:
            raise InputError(f"{path}, line {number}: no {missing[0]}; each line needs {','.join(COLUMNS)}")
        key = row["image"], row.get("task", ""), row["observer"]
        if key in paths and key != last:
            raise InputError(
                f"{path}, line {number}: {row['image']} by {row['observer']} is there already, from line "
                f"{paths[key][0][0]}; one scanpath stands on lines one after the other"
            )
        paths.setdefault(key, []).append((number, row))
        last = key
    observers = tuple(dict.fromkeys(observer for _, _, observer in paths))
    folder = None if images is None else Path(images)
    frames: dict[str, Frame] = {}
    groups = dict.fromkeys(observers, "")
    said = _Said(path)
    trials = []
    for (image, task, observer), lines in paths.items():
        number, first = lines[0]
        where = f"{path}, line {number}"
        of = {"split": f"{image} by {observer}", "width": image, "height": image, "group": observer}
        for line, row in lines:
            said.take(line, row, of)
        first = first | {name: said.values[name, each][1] for name, each in of.items() if (name, each) in said.values}
        if image not in frames:
            frames[image] = _frame(first, image, folder, where)
        groups[observer] = first.get("group", "")
        columns = [[_number(path, line, row, name) for line, row in lines] for name in COLUMNS[2:]]
        fixations = make_fixations(f"{path}, from line {number}", *columns)
        trials.append(Trial(image, observers.index(observer), fixations, task, _split(first, where)))
    return ScanpathData(
        name=path.stem,
        trials=tuple(trials),
        observers=observers,
        source=path,
        frames=frames,
        images=folder,
        groups=tuple(groups.values()) if any(groups.values()) else (),
        by_order=True,
    )


class _Said:
    """Entries of images and observers, said on one line of a file, or again on others."""

    def __init__(self, path: Path) -> None:
        self.path, self.values = path, dict[tuple[str, str], tuple[int, str]]()

    def take(self, line: int, row: dict[str, str], of: Mapping[str, str]) -> None:
        """Keep what a line says in some columns, each of something, or raise where an earlier one says otherwise."""
        for name, each in of.items():
            if name not in row:
                continue
            before, said = self.values.setdefault((name, each), (line, row[name]))
            if said != row[name]:
                raise InputError(
                    f"{self.path}, line {line}: {name} of {each} is {row[name]!r}, but {said!r} on line {before}"
                )


def _number(path: Path, line: int, row: dict[str, str], name: str) -> float:
    try:
        return float(row[name])
    except ValueError as error:
        raise InputError(f"{path}, line {line}: {name} is {row[name]!r}; it must be a number") from error


def _frame(row: dict[str, str], image: str, folder: Path | None, where: str) -> Frame:
    if "width" in row and "height" in row:
        if not (row["width"].isdecimal() and row["height"].isdecimal() and int(row["width"]) * int(row["height"])):
            raise InputError(f"{where}: width and height must be whole numbers of pixels above 0")
        return Frame(int(row["width"]), int(row["height"]))
    if folder is None:
        raise InputError(f"{where}: no width and height; add these columns, or give the folder of images")
    if not (folder / image).is_file():
        raise InputError(f"{where}: {folder / image}: no such image")
    from visioncore.images import read_image

    height, width = read_image(folder / image).pixels.shape[:2]
    return Frame(width, height)


def _split(row: dict[str, str], where: str) -> Split | None:
    given = row.get("split")
    for name in SPLITS:
        if given == name:
            return name
    if given is not None:
        raise InputError(f"{where}: split is {given!r}; it must be one of {', '.join(SPLITS)}")
    return None
