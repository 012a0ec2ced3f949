"""Items of a data set: an image in a file or in a shard, its caption, and the group of its style."""

from __future__ import annotations

from dataclasses import dataclass

from visioncore.data.stored_images import StoredImage


@dataclass(frozen=True)
class Item(StoredImage):
    """One image of a data set.

    Attributes:
        caption: what it shows.
        style: group of images in one style; empty where that is not known.
    """

    caption: str
    style: str = ""
