"""The 16-bit images that Pillow cannot handle: colour, and grey with alpha, in PNG and TIFF."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require

_PNG_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}


def decode_colour(path: Path) -> NDArray[np.uint16]:
    """Decode a 16-bit colour PNG or TIFF into (H, W, 3 or 4) RGB or RGBA.

    Raises:
        InputError: if OpenCV is not installed, or what it decodes is not 16-bit colour.
    """
    cv2 = require("cv2", "images")
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"{path}: OpenCV cannot decode this file ({error.err})") from error
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise InputError(f"{path}: a 16-bit file that OpenCV cannot decode; save it as 16-bit RGB or RGBA")
    order = [2, 1, 0, 3][: pixels.shape[2]]
    return np.ascontiguousarray(pixels[:, :, order])


def decode_planes(path: Path) -> NDArray[np.uint16]:
    """Decode a 16-bit TIFF whose colours lie in planes one after the other into (H, W, 3 or 4) RGB or RGBA.

    OpenCV mixes their values up without an error, Pillow reduces them to 8 bit.

    Raises:
        InputError: if tifffile is not installed, or the file is damaged or compressed in a way that it cannot decode.
    """
    tifffile = require("tifffile", "images")
    try:
        planes = tifffile.imread(path, key=0)
    # what it raises over a file shares no base class
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: a 16-bit TIFF with its colours in separate planes that cannot be decoded ({reason}); save it "
            "with the colours of each pixel together"
        ) from error
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def encode_png(pixels: NDArray[np.uint16], icc: bytes | None, exif: bytes | None) -> bytes:
    """Return (H, W, 1 to 4) grey, grey with alpha, RGB or RGBA as a PNG file."""
    height, width, channels = pixels.shape
    step = 2 * channels
    rows = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, width * step)
    # PNG's "sub" filter, marked by a 1 before each row: bytes less those one pixel to the left, which compress well
    filtered = np.ones((height, 1 + width * step), np.uint8)
    filtered[:, 1 : 1 + step] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=filtered[:, 1 + step :])
    parts = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR_TYPE[channels], 0, 0, 0)),
        _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)) if icc else b"",
        _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")) if exif else b"",
        _chunk(b"IDAT", zlib.compress(filtered.data, 4)),
        _chunk(b"IEND", b""),
    ]
    return b"".join(parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def encode_tiff(pixels: NDArray[np.uint16], icc: bytes | None, exif: bytes | None) -> bytes:
    """Return (H, W, 1, 3 or 4) grey, RGB or RGBA as an uncompressed TIFF file."""
    from PIL import Image, TiffImagePlugin, TiffTags

    height, width, channels = pixels.shape
    data = pixels.astype("<u2").tobytes()
    tags = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    if exif:
        described = Image.Exif()
        described.load(exif)
        tags.update({tag: described.get_ifd(tag) or value for tag, value in described.items()})
    tags[TiffImagePlugin.IMAGEWIDTH] = width
    tags[TiffImagePlugin.IMAGELENGTH] = height
    tags[TiffImagePlugin.BITSPERSAMPLE] = (16,) * channels
    tags[TiffImagePlugin.COMPRESSION] = 1
    tags[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = 1 if channels == 1 else 2
    tags[TiffImagePlugin.SAMPLESPERPIXEL] = channels
    tags[TiffImagePlugin.ROWSPERSTRIP] = height
    tags[TiffImagePlugin.STRIPBYTECOUNTS] = len(data)
    tags[TiffImagePlugin.STRIPOFFSETS] = 0  # counted from the end of the tags when it is written
    if channels == 4:
        tags[TiffImagePlugin.EXTRASAMPLES] = 2
    if icc:
        tags.tagtype[TiffImagePlugin.ICCPROFILE] = TiffTags.UNDEFINED
        tags[TiffImagePlugin.ICCPROFILE] = icc
    file = io.BytesIO()
    tags.save(file)
    file.write(data)
    return file.getvalue()
