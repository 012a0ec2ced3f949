"""The splits of a data set: one list, or several that a pattern names."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import matching, natural_key

from .labels import read_labels
from .list_files import holds_splits
from .video_lists import VideoList, read_videos


def read_splits(
    data: str | Path, labels: str | Path = "", videos: str | Path | None = None, splits: Sequence[int] = (1,)
) -> list[VideoList]:
    """Return the labelled videos of each split.

    Args:
        data: a list or a folder, see `read_videos`; or a pattern of several, in natural order.
        labels: a file of labels; or a pattern of as many as there are splits; empty for those that the data names.
        videos: folder that names in lists start from.
        splits: of HMDB-51's split files.

    Raises:
        InputError: if nothing is there, numbers differ, or as `read_videos`.
    """
    lists = _named(data)
    files = _named(labels) if labels else []
    if len(files) > 1 and len(files) != len(lists):
        raise InputError(f"{labels}: {len(files)} files of labels for {len(lists)} lists; give one, or one for each")
    each = [read_labels(path) for path in files]
    found = []
    for place, path in enumerate(lists):
        own = None if not each else each[place if len(each) > 1 else 0]
        numbered = splits if path.is_dir() and holds_splits(path) else (1,)
        found += [read_videos(path, own, videos=videos, split=split) for split in numbered]
    return found


def _named(entry: str | Path) -> list[Path]:
    if Path(entry).exists() or not glob.has_magic(str(entry)):
        return [Path(entry)]
    paths = sorted(matching(entry), key=natural_key)
    if not paths:
        raise InputError(f"{entry}: no file matches this pattern")
    return paths
