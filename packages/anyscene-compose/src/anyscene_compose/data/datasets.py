"""Data sets of scenes with foregrounds in each layout that is read."""

from __future__ import annotations

from pathlib import Path

from visioncore.data.shards import SHARD, find_shards
from visioncore.errors import InputError

from .coco import coco, find_instances
from .folders import own_folder
from .items import Item
from .shards import shard_items


def open_items(data: str | Path, part: str = "train") -> list[Item]:
    """Return the scenes of a data set; they are not opened yet.

    - A folder with ``instances_*.json``, in it or in ``annotations``, or that file: COCO, see `coco`.
    - A folder of ``.tar`` files, one of them, or a glob pattern such as ``"shards/*.tar"``, see `shard_items`.
    - Any other folder, or a list of captions, see `own_folder`.

    Args:
        data: folder, file or pattern.
        part: of COCO: ``train`` or ``val``.

    Raises:
        InputError: if there are none, or something is not as it should be.
    """
    path, shards = Path(data), find_shards(data)
    if path.is_dir() and (instances := find_instances(path, part)):
        return coco(instances)
    if shards:
        return shard_items(shards)
    if path.suffix == ".json" and path.is_file():
        return coco(path)
    if path.is_file() and path.suffix not in (".csv", ".jsonl"):
        raise InputError(
            f"{data}: should be a folder of images, a list of captions, annotations of COCO, or a {SHARD} shard"
        )
    return own_folder(path)
