"""EXIF: the orientation of the camera, and the description that is kept with a photo."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

_ORIENTATION, _INTEROPERABILITY = 0x0112, 0xA005
# description, maker, model, resolution, software, date, artist, copyright: not what describes the bytes of the file
_KEPT = (0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298)
_KEPT_FOLDERS = {"camera settings": 0x8769, "place": 0x8825}
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error)

SIDEWAYS = (5, 6, 7, 8)
"""Orientations in which the rows of the file are the columns of the upright image."""


def header_orientation(image: Image) -> int:
    """Return the orientation (1 to 8) of a Pillow image that was opened, from the metadata before its pixels."""
    from PIL.Image import Image as AnyImage

    try:
        # that of the class for PNG files decodes the whole image to look behind it
        return int(AnyImage.getexif(image).get(_ORIENTATION, 1))
    except _DAMAGED:
        return 1


def read_exif(image: Image) -> tuple[bytes | None, int]:
    """Return the description of a loaded Pillow image as a block of EXIF, and its orientation (1 to 8).

    The block has neither orientation nor thumbnail. A damaged one counts as none, for the image is worth more.
    """
    from PIL.Image import Exif

    try:
        found = image.getexif()
        orientation = int(found.get(_ORIENTATION, 1))
    except _DAMAGED:
        return None, 1
    try:
        kept = Exif()
        kept.update({tag: found[tag] for tag in _KEPT if tag in found})
        for folder in _KEPT_FOLDERS.values():
            if entries := found.get_ifd(folder):
                kept[folder] = {tag: value for tag, value in entries.items() if tag != _INTEROPERABILITY}
        return (kept.tobytes() if kept else None), orientation
    except _DAMAGED:
        return None, orientation


def upright(array: Any, orientation: int) -> Any:
    """Rotate and flip an array (H, W, ...) of EXIF ``orientation`` (1 to 8) upright."""
    if orientation in SIDEWAYS:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)
