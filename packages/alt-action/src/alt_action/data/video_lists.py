"""Lists of labelled videos as the community shares them, and how many of the listed videos are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from visioncore.errors import InputError, some
from visioncore.files import expand_inputs, walk
from visioncore.video import VIDEO_SUFFIXES

from ..network.corpus import label_text
from .labels import Labels, as_labels
from .list_files import Listed, holds_splits, read_listed


@dataclass(frozen=True)
class Video:
    """A labelled video that is there.

    Attributes:
        path: the file.
        name: as it is listed.
        label: number of its class, from 0.
    """

    path: Path
    name: str
    label: int


@dataclass(frozen=True)
class VideoList:
    """The listed videos that are there.

    Attributes:
        videos: in the order of the list.
        labels: of the classes.
        listed: how many videos the list names.
        missing: names of those that are not there.
        source: the list, or the folder.
        split: of HMDB-51's split files; 0 for any other source.
    """

    videos: tuple[Video, ...]
    labels: Labels
    listed: int
    missing: tuple[str, ...]
    source: Path
    split: int = 0

    def __len__(self) -> int:
        return len(self.videos)

    @property
    def name(self) -> str:
        """The name of the list, for tables."""
        return f"{self.source.name} {self.split}" if self.split else self.source.name

    @property
    def found(self) -> str:
        """How many of the listed videos are there, in a few words: no score means anything without it."""
        told = f"{len(self.videos)} of {self.listed} listed videos found"
        return f"{told}; missing are {some(self.missing, 3)}" if self.missing else told


def read_videos(
    source: str | Path,
    labels: Labels | None = None,
    *,
    videos: str | Path | None = None,
    split: int = 1,
    part: str = "test",
) -> VideoList:
    """Return the labelled videos of a list, or of a folder, that are there.

    - a folder with a folder of videos for each class;
    - the folder of HMDB-51's split files, ``brush_hair_test_split1.txt`` and so on;
    - text with ``folder/video.avi 3`` on each line, as of UCF-101, Kinetics and few-shot lists; what is behind the last
      blank is the id; without one the video's folder is its class;
    - a CSV file of ``path,label``;
    - a CSV file of Kinetics: ``label,youtube_id,time_start,time_end,split``;
    - the JSON file of Something-Something: a list of objects with ``id`` and ``template``.

    Args:
        source: the list or the folder.
        labels: of the classes; default: those that the source names itself, sorted.
        videos: folder that names in lists start from; default: that of the list.
        split: of HMDB-51, 1 to 3.
        part: of HMDB-51's splits, ``train`` or ``test``.

    Raises:
        InputError: if the source cannot be read, names a class that is not among the labels, has no label for a video,
            or none of its videos is there.
    """
    source = Path(source)
    if source.is_dir() and not holds_splits(source):
        return _of_folders(source, labels)
    listed = list(read_listed(source, split, part))
    if not listed:
        raise InputError(f"{source}: no videos in this list")
    where = source if source.is_dir() else source.parent
    found = _found(listed, labels, source, Path(videos) if videos is not None else where)
    return replace(found, split=split) if source.is_dir() else found


def _of_folders(folder: Path, labels: Labels | None) -> VideoList:
    paths = expand_inputs([folder], VIDEO_SUFFIXES)
    names = [path.relative_to(folder) for path in paths]
    if loose := [str(name) for name in names if len(name.parts) < 2]:
        raise InputError(
            f"{folder}: {some(loose, 3)} lies in no folder of a class; put each video into that of its class"
        )
    listed = [Listed(name.as_posix(), name.parts[0], 0) for name in names]
    return _found(listed, labels, folder, folder)


def _found(listed: Sequence[Listed], labels: Labels | None, source: Path, root: Path) -> VideoList:
    """Return the videos of a list that are there, with their classes."""
    labels = labels or _own_labels(listed, source)
    places = _Places(root, listed)
    videos, missing = [], []
    for each in listed:
        label = _class_of(each, labels, source)
        path = places.of(each)
        if path is None or (path != root / each.name and _folder_class(path, labels) not in (None, label)):
            missing.append(each.name)
        else:
            videos.append(Video(path, each.name, label))
    if not videos:
        raise InputError(f"{source}: none of its {len(listed)} videos is in {root}: {some(missing, 3)}")
    return VideoList(tuple(videos), labels, len(listed), tuple(missing), source)


class _Places:
    """Where videos are below a folder: at their place, or, if copies laid them out otherwise, under their name.

    A name that several of the listed videos have, such as ``001.mp4`` in each folder, says nothing.
    """

    def __init__(self, root: Path, listed: Iterable[Listed]) -> None:
        self.root = root
        names = Counter(Path(name).name for name in {each.name for each in listed})
        self._shared = {name for name, count in names.items() if count > 1}
        self._names: dict[str, Path | None] = {}
        self._searched = False

    def of(self, listed: Listed) -> Path | None:
        """Return the file of a listed video, None if it is not there."""
        options = (listed.name, *listed.options)
        for option in options:
            if (self.root / option).is_file():
                return self.root / option
        if Path(listed.name).name in self._shared:
            return None
        if not self._searched and self.root.is_dir():
            self._searched = True
            for found in (file for _, files in walk(self.root) for file in files):
                # of two with one name neither is taken
                self._names[found.name] = None if found.name in self._names else found
        return next((path for option in options if (path := self._names.get(Path(option).name)) is not None), None)


def _own_labels(listed: Iterable[Listed], source: Path) -> Labels:
    names = {each.label for each in listed}
    if numbers := [each for each in names if isinstance(each, int)]:
        raise InputError(f"{source}: names classes by ids, such as {numbers[0]}; give the file of labels too")
    return as_labels(sorted(str(name) for name in names), str(source))


def _class_of(listed: Listed, labels: Labels, source: Path) -> int:
    where = f"{source}, line {listed.line}" if listed.line else str(source)
    if listed.label is None:
        raise InputError(f"{where}: {listed.name} has no label")
    if isinstance(listed.label, str):
        if (named := labels.by_text.get(label_text(listed.label))) is None:
            raise InputError(f"{where}: {listed.label!r} is not one of the {len(labels)} labels")
        return named
    if (place := labels.by_id.get(listed.label)) is None:
        raise InputError(
            f"{where}: class {listed.label} is not one of the {len(labels)} labels, whose ids are {min(labels.ids)} to "
            f"{max(labels.ids)}"
        )
    folder = _folder_class(Path(listed.name), labels)
    if folder is not None and folder != place:
        raise InputError(
            f"{where}: {listed.name} is of class {listed.label}, {labels.names[place]!r}, but lies in the folder of "
            f"{labels.names[folder]!r}; do ids of list and labels begin alike, at 0 or at 1?"
        )
    return place


def _folder_class(path: Path, labels: Labels) -> int | None:
    """Return the class that the folder of a video is named after; None if it is none."""
    return labels.by_text.get(label_text(path.parent.name))
