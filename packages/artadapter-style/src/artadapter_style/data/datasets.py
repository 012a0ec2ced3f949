"""Data sets of captioned images in each layout that is read."""

from __future__ import annotations

from pathlib import Path

from visioncore.data.shards import SHARD, find_shards
from visioncore.errors import InputError

from .captions import LISTS, listed, own_folder
from .items import Item
from .shards import shard_items
from .wikiart import is_wikiart, wikiart


def open_items(data: str | Path, part: str = "train") -> list[Item]:
    """Return the captioned images of a data set; they are not opened yet.

    - A folder with ``style_train.csv`` and ``style_val.csv``: WikiArt, see `wikiart`.
    - A folder of ``.tar`` files, one of them, or a glob pattern such as ``"shards/*.tar"``, see `shard_items`.
    - Any other folder, or a list of captions, see `own_folder`.

    Args:
        data: folder, file or pattern.
        part: of WikiArt: ``train`` or ``val``.

    Raises:
        InputError: if there are none, or something is not as it should be.
    """
    path, shards = Path(data), find_shards(data)
    if path.is_dir() and is_wikiart(path):
        return wikiart(path, part)
    if shards:
        return shard_items(shards)
    if path.is_file():
        if path.name not in LISTS and path.suffix not in (".csv", ".jsonl"):
            raise InputError(f"{data}: should be a folder of images, a list of captions, or a {SHARD} shard")
        return listed(path)
    return own_folder(path)
