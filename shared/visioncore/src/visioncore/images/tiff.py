"""TIFF files: their one full-size page, in any layout, as grey or RGB of 8 or 16 bit.

tifffile decodes what it can; Pillow, and OpenCV for 16-bit colour, what is compressed in ways that it lacks. Which
reader is right for which layout, the table in the tests shows.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, damage
from ..extras import require
from ..size_limit import check_pixels, check_size
from .sixteen_bit import Pixels, decode_colour, eight_bit

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_KINDS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_PREMULTIPLIED, _STRAIGHT = 1, 2
_REDUCED, _MASK = 1, 4
# what tifffile decodes by itself: none, Deflate under two numbers, PackBits, LZMA
_OWN_CODECS = (1, 8, 32946, 32773, 34925)
_MOST_PAGES = 100_000

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it finds is told as an error, or is no matter


@dataclass(frozen=True)
class TiffImage:
    """The full-size page of a TIFF file, as its rows lie in it.

    Attributes:
        pixels: (H, W, 1) grey or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W), straight, or None.
        notes: on what was left out.
    """

    pixels: Pixels
    alpha: Pixels | None
    notes: tuple[str, ...] = ()


@contextmanager
def open_page(path: Path) -> Iterator[Any]:
    """Yield the full-size page of a TIFF file, as tifffile describes it; thumbnails and masks beside it do not count.

    Raises:
        InputError: if the file is damaged or too large, or has several pages.
    """
    tifffile = require("tifffile", "images")
    with damage(path, "the TIFF file is truncated or damaged"), tifffile.TiffFile(path) as file:
        pages = list(_full_size(file))
        if len(pages) > 1:
            raise InputError(
                f"{path}: a TIFF of {len(pages)} pages; save each page as a file of its own, such as with tiffsplit"
            )
        page = pages[0]
        if page.imagedepth != 1 or page.tiledepth not in (0, 1):
            raise InputError(f"{path}: a TIFF of {page.imagedepth} planes; save each as a file of its own")
        check_pixels(path, page.imagewidth, page.imagelength)
        yield page


def tiff_size(page: Any) -> tuple[int, int]:
    """Return (height, width) of a page, and as cameras count it its orientation."""
    return int(page.imagelength), int(page.imagewidth)


def tiff_orientation(page: Any) -> int:
    """Return the orientation (1 to 8) of a page."""
    found = page.tags.valueof(274, default=1)
    return int(found) if isinstance(found, int) and 1 <= found <= 8 else 1


def read_tiff(path: Path, page: Any) -> TiffImage:
    """Decode a page.

    Raises:
        InputError: if it is damaged or of a kind that cannot be read; the line says which.
    """
    _check_kind(path, page)
    _check_length(path, page)
    layers = _layers(path, page)
    notes = []
    colours = _KINDS[page.photometric]
    extra = page.extrasamples[: layers.shape[2] - colours]
    alpha = layers[:, :, colours] if extra and extra[0] in (_PREMULTIPLIED, _STRAIGHT) else None
    if (others := layers.shape[2] - colours - (alpha is not None)) > 0:
        notes.append(f"{others} channels beside colours and alpha are left out")
    layers = layers[:, :, :colours]
    if page.photometric == _PALETTE:
        layers = _through_palette(path, layers, page)
    elif page.bitspersample < 8:
        layers = (layers.astype(np.uint16) * 255 // (2**page.bitspersample - 1)).astype(np.uint8)
    if page.photometric == _WHITE_IS_ZERO:
        layers = np.iinfo(layers.dtype).max - layers
    if alpha is not None and extra[0] == _PREMULTIPLIED:
        layers = _divided(layers, alpha)
    if page.photometric == _CMYK:
        if layers.dtype == np.uint16:
            notes.append("16-bit CMYK becomes 8-bit RGB")
            layers = eight_bit(layers)
        inks = require("PIL.Image", "images").fromarray(np.ascontiguousarray(layers), "CMYK")
        layers = np.asarray(inks.convert("RGB"))
        alpha = None
    return TiffImage(layers, alpha, tuple(notes))


def _full_size(file: Any) -> Iterator[Any]:
    """Yield the pages that are neither a smaller version of another nor its mask; the first if all are."""
    if len(file.pages) > _MOST_PAGES:
        raise InputError(f"{file.filename}: a TIFF of more than {_MOST_PAGES} pages")
    pages = [page.aspage() for page in file.pages]
    found = [page for page in pages if not (page.subfiletype & (_REDUCED | _MASK) or page.tags.valueof(255) == 2)]
    yield from found or pages[:1]


def _check_kind(path: Path, page: Any) -> None:
    kind, bits = page.photometric, page.bitspersample
    # 1 whole, 2 signed, 3 floating point
    real = page.sampleformat == 3
    reasons = {
        "Lab colours": kind in (_LAB, 9, 10),
        "the raw values of a camera's sensor": kind in (32803, 34892),
        f"colours of kind {kind}": kind not in _KINDS,
        "signed values": page.sampleformat == 2,
        f"{bits}-bit values": not real and bits not in (1, 2, 4, 8, 16) and bits != 32,
        "32-bit values": not real and bits == 32,
        "complex values": page.sampleformat not in (1, 2, 3, 4),
        "floating-point values in colours other than grey or RGB": real and kind not in (_BLACK_IS_ZERO, _RGB),
        f"{page.samplesperpixel} channels": page.samplesperpixel > 32,
        f"fewer channels than its colours, {page.samplesperpixel},": page.samplesperpixel < _KINDS.get(kind, 1),
    }
    for reason, applies in reasons.items():
        if applies:
            raise InputError(f"{path}: a TIFF with {reason} cannot be read; save it as plain 8 or 16 bit grey or RGB")


def _check_length(path: Path, page: Any) -> None:
    """Validate that the pieces of a page lie in the file, and have the length of their rows where not compressed."""
    length = path.stat().st_size
    ends = [at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if not ends or max(ends) > length or len(page.dataoffsets) != len(page.databytecounts) or 0 in page.databytecounts:
        raise InputError(f"{path}: the TIFF file is truncated or damaged (rows are missing)")
    announced = page.imagewidth * page.imagelength * page.samplesperpixel * max(page.bitspersample // 8, 1)
    check_size(path, announced)
    row = (page.imagewidth * page.samplesperpixel * page.bitspersample + 7) // 8
    subsampled = page.photometric == _YCBCR
    if page.compression == 1 and not subsampled and sum(page.databytecounts) < row * page.imagelength:
        raise InputError(f"{path}: the TIFF file is truncated or damaged (its rows end early)")


def _layers(path: Path, page: Any) -> NDArray[Any]:
    """Return all channels of a page as (H, W, C), by the reader that is right for its layout."""
    own = page.compression in _OWN_CODECS and page.predictor in (1, 2) and page.bitspersample not in (2, 4)
    if page.photometric != _YCBCR and (own or importlib.util.find_spec("imagecodecs")):
        with damage(path, "the TIFF file is truncated or damaged, or compressed in a way that cannot be decoded"):
            return _scaled(path, _channels_last(page))
    if page.bitspersample == 16 and page.photometric == _RGB and page.sampleformat == 1:
        if page.planarconfig == 2:
            raise InputError(
                f"{path}: a 16-bit TIFF with its colours in separate planes that cannot be decoded "
                f"({page.compression.name}); save it with the colours of each pixel together"
            )
        return decode_colour(path)
    if page.bitspersample > 16 or (page.bitspersample == 16 and page.samplesperpixel > 1):
        raise InputError(
            f"{path}: a TIFF compressed in a way that cannot be decoded ({page.compression.name}); save it without, or "
            "with Deflate"
        )
    return _by_pillow(path, page)


def _channels_last(page: Any) -> NDArray[Any]:
    values = page.asarray()
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        values = np.moveaxis(values.reshape(page.samplesperpixel, page.imagelength, page.imagewidth), 0, -1)
    values = values.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    return values.astype(np.uint8) if values.dtype == bool else values


def _scaled(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    """Return values as uint8 or uint16; of floating-point ones in [0, 1], 1 becomes 65535."""
    if values.dtype.kind != "f":
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    lowest, highest = float(values.min()), float(values.max())
    if not (lowest >= 0 and highest <= 1):
        raise InputError(
            f"{path}: a TIFF with floating-point values from {lowest:g} to {highest:g}; they are read where all lie in "
            "[0, 1], so scale them, or save it as 16 bit"
        )
    return (values.astype(np.float64) * 65535).round().astype(np.uint16)


def _by_pillow(path: Path, page: Any) -> NDArray[Any]:
    """Decode a page of at most 8 bit, or 16-bit grey, as its values are stored."""
    plugin = require("PIL.TiffImagePlugin", "images")
    told = f"the TIFF file is truncated or damaged, or {page.compression.name} in it cannot be decoded"
    with damage(path, told), plugin.TiffImageFile(path) as file:
        file.seek(page.index)
        file.load()
        if page.photometric == _YCBCR:
            values = np.asarray(file.convert("RGB"))
        elif file.mode in ("1", "P", "L") or file.mode.startswith("I;16"):
            values = np.asarray(file).astype(np.uint16 if page.bitspersample == 16 else np.uint8)
            # Pillow turns dark and light, and scales to 8 bit, all but what is of 16 bit or in a palette
            if page.bitspersample < 16 and page.photometric == _WHITE_IS_ZERO:
                values = (255 if file.mode != "1" else 1) - values
            if page.bitspersample < 8 and file.mode == "L":
                values = (values // (255 // (2**page.bitspersample - 1))).astype(np.uint8)
        elif file.mode in ("RGBA", "LA") and page.extrasamples[:1] == (_PREMULTIPLIED,):
            raise InputError(
                f"{path}: a TIFF with premultiplied alpha, compressed by {page.compression.name}; save it without, or "
                "with Deflate"
            )
        else:
            values = np.asarray(file)
        return values.reshape(page.imagelength, page.imagewidth, -1)


def _through_palette(path: Path, index: NDArray[Any], page: Any) -> NDArray[np.uint8]:
    if page.colormap is None or index.max(initial=0) >= page.colormap.shape[1]:
        raise InputError(f"{path}: the TIFF file is truncated or damaged (its palette has too few colours)")
    colours = np.asarray(page.colormap, np.uint16)
    if colours.max() > 255:  # some write them in 8 bit
        colours = (colours >> 8).astype(np.uint16)
    return cast(NDArray[np.uint8], colours.astype(np.uint8).T[index[:, :, 0]])


def _divided(layers: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Return colours that were multiplied by alpha as they were before."""
    most = np.iinfo(layers.dtype).max
    share = np.maximum(alpha, 1)[:, :, None].astype(np.float64) / most
    return np.minimum((layers / share).round(), most).astype(layers.dtype)
