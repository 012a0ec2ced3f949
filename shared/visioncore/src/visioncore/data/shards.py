"""Shards of the webdataset library: tar files of ``KEY.jpg`` with ``KEY.txt`` or ``KEY.json``.

Their members are grouped as the library does it, but only located, so that training can take them in any order.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError, damage, one_line
from ..files import matching, natural_key
from .stored_images import Span, StoredImage

SHARD = ".tar"
SUFFIXES = ("jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp")
"""Of images."""
MOST_TEXT = 2**20
"""Bytes of a text beside an image."""

Kind = TypeVar("Kind")


def find_shards(data: str | Path) -> list[Path]:
    """Return the shards that data names: a pattern, one of them, or a folder of them; none for other data.

    Raises:
        InputError: if there is nothing of that name.
    """
    path = Path(data)
    if path.is_dir():
        return sorted(path.glob(f"*{SHARD}"), key=natural_key)
    if path.exists():
        return [path] if path.suffix == SHARD else []
    if not (found := sorted(matching(data), key=natural_key)):
        raise InputError(f"{data}: no such file or folder")
    return found


@dataclass(frozen=True)
class ShardSample:
    """Files of one key in a shard.

    Attributes:
        path: of the shard.
        key: that the names of the files share.
        files: where each lies, by what follows the key's point in its name, in lower case.
    """

    path: Path
    key: str
    files: Mapping[str, Span]

    def image_suffix(self) -> str | None:
        """Return the suffix of the image, or None if there is none."""
        return next((suffix for suffix in SUFFIXES if suffix in self.files), None)

    def about(self) -> dict[str, Any]:
        """Return the entries of ``KEY.json``, and ``caption``, which may be ``KEY.txt``.

        Raises:
            InputError: if one cannot be read.
        """
        found: dict[str, Any] = {}
        if "json" in self.files:
            found = self._entries(self._text("json"))
        if "txt" in self.files:
            found["caption"] = " ".join(self._text("txt").split())
        return found

    def _text(self, suffix: str) -> str:
        span, name = self.files[suffix], f"{self.key}.{suffix}"
        if span.length > MOST_TEXT:
            raise InputError(f"{self.path}: {name} has {span.length} bytes; a caption should be short")
        try:
            return StoredImage(name, self.path, span=span).content().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{self.path}: {name} is not text in UTF-8") from error

    def _entries(self, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.path}: {self.key}.json is not JSON ({one_line(error, 100)})") from error
        return dict(found) if isinstance(found, dict) else {}


def from_shards(shards: Sequence[Path], make: Callable[[ShardSample], Kind | None], extra: str) -> list[Kind]:
    """Return the images with captions of shards.

    Args:
        shards: tar files, not compressed.
        make: an item of a sample, or None if it lacks something.
        extra: the package with the extra that installs webdataset, such as ``package[shards]``.

    Raises:
        InputError: if webdataset is not installed, a shard cannot be read, or there are no such images.
    """
    try:
        from webdataset.tariterators import group_by_keys
    except ModuleNotFoundError as error:
        raise InputError(f'webdataset is not installed; run: pip install "{extra}"') from error
    items, seen = list[Kind](), 0
    for path in shards:
        with damage(path, "the shard is truncated or damaged"):
            for sample in group_by_keys(_members(path)):
                seen += 1
                files = {name: value for name, value in sample.items() if isinstance(value, Span)}
                item = make(ShardSample(path, sample["__key__"], files))
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
