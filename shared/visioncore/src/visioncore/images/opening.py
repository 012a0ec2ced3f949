"""Image files opened by what their first bytes are, with the decoder of that one format.

No other decoder is tried: among those that Pillow guesses are some that start external programs.
"""

from __future__ import annotations

import io
import struct
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, damage
from ..extras import require
from ..files import first_bytes
from ..size_limit import check_pixels
from .png import PngChunks, read_chunks

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

# a format as Pillow names its plugin, and how its files begin: by content, because suffixes lie
_SIGNATURES = (
    ("Png", 0, b"\x89PNG\r\n\x1a\n"),
    ("Jpeg", 0, b"\xff\xd8\xff"),
    ("Tiff", 0, b"II*\0"),
    ("Tiff", 0, b"MM\0*"),
    ("Tiff", 0, b"II+\0"),
    ("Tiff", 0, b"MM\0+"),
    ("WebP", 8, b"WEBP"),
    ("Bmp", 0, b"BM"),
    ("Gif", 0, b"GIF8"),
)
_AVIF = (b"avif", b"avis")
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def recognise(path: Path) -> str:
    """Return the format of an image file, as Pillow names its plugin, by its first bytes.

    Raises:
        InputError: if it is missing, a folder, empty or no image.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not an image")
    start = first_bytes(path, 64)
    for kind, offset, signature in _SIGNATURES:
        if start.startswith(signature, offset):
            return kind
    if start[4:8] == b"ftyp":
        brands = [start[at : at + 4] for at in range(8, min(len(start), int.from_bytes(start[:4], "big")), 4)]
        if any(brand in _AVIF for brand in brands):
            return "Avif"
        if any(brand in _HEIF for brand in brands):
            return "Heif"
    raise InputError(f"{path}: not an image; PNG, JPEG, TIFF, WebP, BMP, GIF, AVIF and HEIC can be read")


def open_image(path: Path) -> ImageFile:
    """Open an image by Pillow with the decoder of its format alone, and validate its size; it is decoded later.

    Raises:
        InputError: if it is missing, empty, no image, damaged, too large, or what decodes it is not installed.
    """
    return open_with_chunks(path)[0]


def open_with_chunks(path: Path) -> tuple[ImageFile, PngChunks | None]:
    """Return an image that `open_image` opens, and the parts of a PNG file, which the image then lacks."""
    kind = recognise(path)
    opener = _opener(kind)
    chunks = None
    if kind == "Png":
        check_pixels(path, *struct.unpack(">II", first_bytes(path, 24).ljust(24, b"\0")[16:]))
        chunks = read_chunks(path)
    told = (
        f"the {kind.upper()} header is damaged, announces no pixels, or describes a kind of image that cannot be read; "
        "save it as 8 or 16 bit grey or RGB"
    )
    with damage(path, told):
        # not PIL.Image.open: it has a smaller limit on pixels, which can only be moved for the whole process
        file: ImageFile = opener(path if chunks is None else io.BytesIO(chunks.plain))
    try:
        check_pixels(path, *file.size)
    except InputError:
        file.close()
        raise
    return file, chunks


def _opener(kind: str) -> Any:
    if kind == "Heif":
        return require("pillow_heif.as_plugin", "heif").HeifImageFile
    require("PIL", "images")
    try:
        plugin = import_module(f"PIL.{kind}ImagePlugin")
        supported = getattr(plugin, "SUPPORTED", True)
    except ModuleNotFoundError:
        supported = False
    if not supported:
        raise InputError(f"{kind.upper()} files need a newer Pillow; run: pip install --upgrade pillow")
    return getattr(plugin, f"{kind}ImageFile")
