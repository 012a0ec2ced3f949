"""Shards of the webdataset library: tar files of ``KEY.jpg`` with ``KEY.txt`` or ``KEY.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visioncore.data.shards import ShardSample, from_shards

from ..method import METHOD
from .items import Item


def shard_items(shards: Sequence[Path]) -> list[Item]:
    """Return the images with captions of shards.

    Args:
        shards: tar files, not compressed. ``KEY.json`` has ``caption`` and may have ``style``.

    Raises:
        InputError: as `from_shards`.
    """
    return from_shards(shards, _item, f"{METHOD.name}[shards]")


def _item(sample: ShardSample) -> Item | None:
    suffix = sample.image_suffix()
    if suffix is None:
        return None
    about = sample.about()
    caption, style = about.get("caption"), about.get("style")
    if not isinstance(caption, str):
        return None
    name = f"{sample.key}.{suffix}"
    return Item(name, sample.path, caption, style if isinstance(style, str) else "", span=sample.files[suffix])
