"""A folder of one's own: images, and captions in a list or in a text file beside each."""

from __future__ import annotations

from pathlib import Path

from visioncore.data.captions import LISTS, Captioned, captioned_folder, captioned_list

from .items import Item

__all__ = ["LISTS", "listed", "own_folder"]

STYLE = "style"
"""Column of lists of captions, which may be missing."""


def own_folder(folder: Path) -> list[Item]:
    """Return the images of a folder that have a caption.

    Raises:
        InputError: as `captioned_folder`.
    """
    return [_item(each) for each in captioned_folder(folder, (STYLE,))]


def listed(path: Path) -> list[Item]:
    """Return the images that a list of captions names.

    Raises:
        InputError: as `captioned_list`.
    """
    return [_item(each) for each in captioned_list(path, (STYLE,))]


def _item(found: Captioned) -> Item:
    return Item(found.name, found.path, found.caption, found.entries.get(STYLE, ""))
