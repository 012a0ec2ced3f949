"""Data sets of scenes with foregrounds in each layout that is read."""

from __future__ import annotations

from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import matching, natural_key

from .coco import coco, find_instances
from .folders import own_folder
from .items import Item
from .shards import shard_items

SHARD = ".tar"


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
    path = Path(data)
    if not path.exists() and (shards := sorted(matching(data), key=natural_key)):
        return shard_items(shards)
    if not path.exists():
        raise InputError(f"{data}: no such file or folder")
    if path.is_file():
        if path.suffix == SHARD:
            return shard_items([path])
        if path.suffix == ".json":
            return coco(path)
        if path.suffix not in (".csv", ".jsonl"):
            raise InputError(
                f"{data}: should be a folder of images, a list of captions, annotations of COCO, or a {SHARD} shard"
            )
        return own_folder(path)
    if instances := find_instances(path, part):
        return coco(instances)
    if shards := sorted(path.glob(f"*{SHARD}"), key=natural_key):
        return shard_items(shards)
    return own_folder(path)
