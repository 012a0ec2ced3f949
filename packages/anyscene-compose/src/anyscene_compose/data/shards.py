"""Shards of the webdataset library: tar files of ``KEY.jpg``, its foreground, and ``KEY.txt`` or ``KEY.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visioncore.data.shards import ShardSample, from_shards
from visioncore.data.stored_images import StoredImage

from ..method import METHOD
from .elements import CutOut, MaskFile, OwnAlpha, Source
from .folders import WORDS, check_words, parts_of, words_of
from .items import Item

FOREGROUNDS: dict[str, type[MaskFile] | type[CutOut]] = {"mask.png": MaskFile, "foreground.png": CutOut}


def shard_items(shards: Sequence[Path]) -> list[Item]:
    """Return the scenes of shards.

    The foreground of ``KEY.jpg`` is ``KEY.mask.png``, ``KEY.foreground.png``, or its own alpha.

    Args:
        shards: tar files, not compressed. ``KEY.json`` has ``caption`` and may have ``foreground``.

    Raises:
        InputError: as `from_shards`, and if a caption lacks the words that name its foreground.
    """
    return from_shards(shards, _item, f"{METHOD.name}[shards]")


def _item(sample: ShardSample) -> Item | None:
    suffix = sample.image_suffix()
    if suffix is None:
        return None
    about = sample.about()
    caption, named = about.get("caption"), about.get(WORDS)
    if not isinstance(caption, str):
        return None
    words = words_of(named) if isinstance(named, str) else ()
    check_words(words, caption, f"{sample.path}: {sample.key}")
    name = f"{sample.key}.{suffix}"
    source: Source = OwnAlpha(f"{sample.path}: {name}")
    for ending, make in FOREGROUNDS.items():
        if ending in sample.files:
            source = make(StoredImage(f"{sample.key}.{ending}", sample.path, span=sample.files[ending]))
            break
    return Item(name, sample.path, (caption,), parts_of([source], words), span=sample.files[suffix])
