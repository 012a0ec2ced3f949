"""EXIF and XMP: the orientation of the camera, and the description that is kept with a photo."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Exif

_ORIENTATION, _INTEROPERABILITY = 0x0112, 0xA005
# description, maker, model, resolution, software, date, artist, copyright: not what describes the bytes of the file
_KEPT = (0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298)
_KEPT_FOLDERS = {"camera settings": 0x8769, "place": 0x8825}
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(="|>)([1-8])')

SIDEWAYS = (5, 6, 7, 8)
"""Orientations in which the rows of the file are the columns of the upright image."""


def exif_of(block: bytes) -> Exif:
    """Return a block of EXIF as Pillow presents it."""
    from PIL.Image import Exif

    exif = Exif()
    exif.load(block)
    return exif


def read_exif(load: Callable[[], Exif], xmp: bytes | None = None) -> tuple[bytes | None, int, bool]:
    """Return the description as a block of EXIF, the orientation (1 to 8), and whether something was damaged.

    The block has neither orientation nor thumbnail. A damaged one counts as none, for the image is worth more.

    Args:
        load: returns the EXIF of a file; whatever it raises means damage.
        xmp: the packet of the file, which has the orientation where EXIF has none.
    """
    from PIL.Image import Exif

    orientation = 1
    try:
        found = load()
        orientation = int(found.get(_ORIENTATION) or _in_xmp(xmp))
        kept = Exif()
        kept.update({tag: found[tag] for tag in _KEPT if tag in found})
        for folder in _KEPT_FOLDERS.values():
            if entries := found.get_ifd(folder):
                kept[folder] = {tag: value for tag, value in entries.items() if tag != _INTEROPERABILITY}
        return (kept.tobytes() if kept else None), orientation, False
    except Exception:
        # what Pillow raises over these bytes shares no base class
        return None, orientation, True


def upright_xmp(xmp: bytes | None) -> bytes | None:
    """Return a packet of XMP for an image that has been rotated upright."""
    return None if xmp is None else _XMP_ORIENTATION.sub(rb"tiff:Orientation\g<1>1", xmp)


def upright(array: Any, orientation: int) -> Any:
    """Rotate and flip an array (H, W, ...) of EXIF ``orientation`` (1 to 8) upright."""
    if orientation in SIDEWAYS:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def _in_xmp(xmp: bytes | None) -> int:
    found = _XMP_ORIENTATION.search(xmp or b"")
    return int(found[2]) if found else 1
