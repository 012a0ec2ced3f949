"""Metadata of image files: read from each format as far as it is kept, and put into those that hold it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .exif import SIDEWAYS, exif_of, read_exif, upright_xmp
from .png import PngChunks

if TYPE_CHECKING:
    from PIL.Image import Exif
    from PIL.Image import Image as PillowImage

_MOST_IN_JPEG = 65_500
"""Bytes of EXIF or XMP in a JPEG file."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Metadata:
    """Metadata of an image.

    Attributes:
        icc: the colour profile of the file, which is not applied to the pixels.
        exif: description, camera, date, place and the like as a block of EXIF; without the orientation, which has
            been applied, and without the thumbnail.
        xmp: the packet of XMP, with the orientation set to upright.
        dpi: pixels per inch, horizontal and vertical.
        colour: chunks of PNG (name, content) that say how colours are meant, besides a profile.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    colour: tuple[tuple[bytes, bytes], ...] = ()


_HELD = {
    "PNG": ("icc", "exif", "xmp", "dpi", "colour"),
    "TIFF": ("icc", "exif", "xmp", "dpi"),
    "JPEG": ("icc", "exif", "xmp", "dpi"),
    "WEBP": ("icc", "exif", "xmp"),
    "BMP": ("dpi",),
}
_CALLED = {"icc": "colour profile", "exif": "EXIF", "xmp": "XMP", "dpi": "resolution", "colour": "colour tags"}


def held(metadata: Metadata, name: str) -> tuple[Metadata, list[str]]:
    """Return as much of the metadata as a format holds, and what is left out, in words.

    Args:
        metadata: of an image.
        name: of the format, as Pillow calls it.
    """
    given = {field: getattr(metadata, field) for field in _CALLED if getattr(metadata, field)}
    lost = [field for field in given if field not in _HELD[name]]
    if name == "JPEG":
        lost += [field for field in ("exif", "xmp") if len(given.get(field, b"")) > _MOST_IN_JPEG]
    kept = Metadata(**{field: value for field, value in given.items() if field not in lost})
    if "exif" in given and "exif" not in lost:
        lost = [field for field in lost if field != "dpi"]  # EXIF has it too
    return kept, [_CALLED[field] for field in lost]


def pillow_options(metadata: Metadata) -> dict[str, Any]:
    """Return metadata as the arguments of Pillow's ``save``."""
    options = {"icc_profile": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp, "dpi": metadata.dpi}
    return {key: value for key, value in options.items() if value}


def of_file(file: PillowImage) -> tuple[Metadata, int, list[str]]:
    """Return metadata, orientation (1 to 8) and what is damaged of an image that Pillow opened; PNG and TIFF aside."""
    xmp = file.info.get("xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    return _put_together(file.info.get("icc_profile"), xmp, file.info.get("dpi"), *read_exif(file.getexif, xmp))


def of_chunks(chunks: PngChunks) -> tuple[Metadata, int, list[str]]:
    """Return metadata, orientation (1 to 8) and what is damaged of a PNG file."""
    block = chunks.exif
    exif = read_exif(lambda: exif_of(block or b""), chunks.xmp)
    metadata, orientation, damaged = _put_together(chunks.icc, chunks.xmp, chunks.dpi, *exif)
    return replace(metadata, colour=tuple(chunks.colour)), orientation, damaged + chunks.unread


def of_page(path: Path, page: Any, orientation: int) -> tuple[Metadata, list[str]]:
    """Return metadata of a page of a TIFF file, and what of it is damaged."""

    def load() -> Exif:
        from PIL.Image import Exif

        exif = Exif()
        exif.endian, exif.bigtiff = page.parent.byteorder, page.parent.is_bigtiff
        exif.load_from_fp(file, page.offset)
        return exif

    with path.open("rb") as file:
        exif = read_exif(load)
    unit = {2: 1.0, 3: 2.54}.get(int(page.tags.valueof(296, default=2)))
    across, down = (_ratio(page.tags.valueof(tag)) for tag in (282, 283))
    dpi = (across * unit, down * unit) if unit and across and down else None
    icc, xmp = (page.tags.valueof(tag) for tag in (34675, 700))
    metadata, _, damaged = _put_together(icc, xmp, dpi, exif[0], orientation, exif[2])
    return metadata, damaged


def _put_together(
    icc: Any, xmp: Any, dpi: Any, exif: bytes | None, orientation: int, damaged: bool
) -> tuple[Metadata, int, list[str]]:
    if not isinstance(icc, bytes) or icc[16:20] not in (b"RGB ", b"GRAY"):
        icc = None
    try:
        across, down = (float(value) for value in dpi)
        fits = all(0 < value < 1e6 and math.isfinite(value) for value in (across, down))
        dpi = ((down, across) if orientation in SIDEWAYS else (across, down)) if fits else None
    except (TypeError, ValueError, ZeroDivisionError):
        dpi = None
    xmp = upright_xmp(xmp) if isinstance(xmp, bytes) else None
    return Metadata(icc=icc or None, exif=exif, xmp=xmp or None, dpi=dpi), orientation, ["EXIF"] if damaged else []


def _ratio(value: Any) -> float:
    try:
        return float(value[0] / value[1] if isinstance(value, tuple) else value or 0)
    except (TypeError, ZeroDivisionError, IndexError):
        return 0.0
