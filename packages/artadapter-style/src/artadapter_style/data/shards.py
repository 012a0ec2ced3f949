"""Shards of the webdataset library: tar files of ``KEY.jpg`` with ``KEY.txt`` or ``KEY.json``.

Their members are grouped as the library does it, but only located, so that training can take them in any order.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from visioncore.errors import InputError, damage, one_line

from ..method import METHOD
from .items import Item, Span

SUFFIXES = ("jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp")
MOST_CAPTION = 2**20
"""Bytes of a text beside an image."""


def shard_items(shards: Sequence[Path]) -> list[Item]:
    """Return the images with captions of shards.

    Args:
        shards: tar files, not compressed. ``KEY.json`` has ``caption`` and may have ``style``.

    Raises:
        InputError: if webdataset is not installed, a shard cannot be read, or there are no such images.
    """
    try:
        from webdataset.tariterators import group_by_keys
    except ModuleNotFoundError as error:
        raise InputError(f'webdataset is not installed; run: pip install "{METHOD.name}[shards]"') from error
    items, seen = [], 0
    for path in shards:
        with damage(path, "the shard is truncated or damaged"):
            for sample in group_by_keys(_members(path)):
                seen += 1
                item = _item(path, sample)
                items += [] if item is None else [item]
    if not items:
        held = f"of {seen} samples none has an image and a caption" if seen else "there is nothing in them"
        raise InputError(
            f"{shards[0]}{f' and {len(shards) - 1} more shards' if len(shards) > 1 else ''}: {held}; KEY.jpg and "
            "KEY.txt should stand one after the other"
        )
    return items


def _members(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the places of files in a shard as `group_by_keys` takes them."""
    try:
        # "r:" reads no compressed file, in which nothing could be found by its place
        archive = tarfile.open(path, "r:")  # noqa: SIM115
    except (tarfile.ReadError, OSError) as error:
        raise InputError(f"{path}: not an uncompressed tar file ({one_line(error)})") from error
    with archive:
        for member in archive:
            if member.isreg() and not member.name.startswith("__"):
                yield {"fname": member.name, "data": Span(member.offset_data, member.size), "__url__": str(path)}


def _item(path: Path, sample: dict[str, Any]) -> Item | None:
    key = sample["__key__"]
    image = next((suffix for suffix in SUFFIXES if suffix in sample), None)
    texts = {suffix: sample[suffix] for suffix in ("txt", "json") if suffix in sample}
    if image is None or not texts:
        return None
    about: dict[str, Any] = {}
    if "json" in texts:
        about = _about(path, key, _text(path, f"{key}.json", texts["json"]))
    if "txt" in texts:
        about["caption"] = " ".join(_text(path, f"{key}.txt", texts["txt"]).split())
    if not isinstance(about.get("caption"), str):
        return None
    style = about.get("style")
    return Item(f"{key}.{image}", path, about["caption"], style if isinstance(style, str) else "", sample[image])


def _text(path: Path, name: str, span: Span) -> str:
    if span.length > MOST_CAPTION:
        raise InputError(f"{path}: {name} has {span.length} bytes; a caption should be short")
    try:
        return Item(name, path, "", span=span).content().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: {name} is not text in UTF-8") from error


def _about(path: Path, key: str, text: str) -> dict[str, Any]:
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {key}.json is not JSON ({one_line(error, 100)})") from error
    return dict(about) if isinstance(about, dict) else {}
