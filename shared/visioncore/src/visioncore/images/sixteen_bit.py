"""Images that Pillow cannot handle: 16-bit colour, and grey with alpha, in PNG and TIFF; and TIFF files of 8 bit."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require
from .metadata import Metadata
from .png import SIGNATURE, Compression, chunk, packed

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

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


def eight_bit(array: Pixels) -> NDArray[np.uint8]:
    """Return an array of 16-bit values rounded to 8 bit; one of 8-bit values as it is."""
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)


def encode_png(pixels: NDArray[np.uint16], chunks: bytes = b"", compression: Compression = "fast") -> bytes:
    """Return (H, W, 1 to 4) grey, grey with alpha, RGB or RGBA as a PNG file, with chunks behind its header."""
    height, width, channels = pixels.shape
    step = 2 * channels
    rows = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, width * step)
    # PNG's "sub" filter, marked by a 1 before each row: bytes less those one pixel to the left, which compress well
    filtered = np.ones((height, 1 + width * step), np.uint8)
    filtered[:, 1 : 1 + step] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=filtered[:, 1 + step :])
    parts = [
        SIGNATURE,
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR_TYPE[channels], 0, 0, 0)),
        chunks,
        chunk(b"IDAT", packed(filtered.data, compression)),
        chunk(b"IEND", b""),
    ]
    return b"".join(parts)


def encode_tiff(pixels: Pixels, metadata: Metadata) -> bytes:
    """Return (H, W, 1 to 4) grey, grey with alpha, RGB or RGBA of 8 or 16 bit as an uncompressed TIFF file."""
    from PIL import Image, TiffImagePlugin, TiffTags

    height, width, channels = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    tags = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    if metadata.exif:
        described = Image.Exif()
        described.load(metadata.exif)
        tags.update({tag: described.get_ifd(tag) or value for tag, value in described.items()})
    tags[TiffImagePlugin.IMAGEWIDTH] = width
    tags[TiffImagePlugin.IMAGELENGTH] = height
    tags[TiffImagePlugin.BITSPERSAMPLE] = (8 * pixels.itemsize,) * channels
    tags[TiffImagePlugin.COMPRESSION] = 1
    tags[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = 1 if channels < 3 else 2
    tags[TiffImagePlugin.SAMPLESPERPIXEL] = channels
    tags[TiffImagePlugin.ROWSPERSTRIP] = height
    tags[TiffImagePlugin.STRIPBYTECOUNTS] = len(data)
    tags[TiffImagePlugin.STRIPOFFSETS] = 0  # counted from the end of the tags when it is written
    if channels in (2, 4):
        tags[TiffImagePlugin.EXTRASAMPLES] = 2
    if metadata.dpi:
        tags[TiffImagePlugin.X_RESOLUTION], tags[TiffImagePlugin.Y_RESOLUTION] = metadata.dpi
        tags[TiffImagePlugin.RESOLUTION_UNIT] = 2
    if metadata.icc:
        tags.tagtype[TiffImagePlugin.ICCPROFILE] = TiffTags.UNDEFINED
        tags[TiffImagePlugin.ICCPROFILE] = metadata.icc
    if metadata.xmp:
        tags.tagtype[TiffImagePlugin.XMP] = TiffTags.BYTE
        tags[TiffImagePlugin.XMP] = metadata.xmp
    file = io.BytesIO()
    tags.save(file)
    file.write(data)
    return file.getvalue()
