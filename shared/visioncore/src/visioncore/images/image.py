"""Images in files: read as RGB with alpha, profile and EXIF, written back in the same depth.

Pillow reads and writes; 16-bit colour, which it lacks, is in ``sixteen_bit``.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, damage, one_line
from ..extras import require
from ..files import atomic_path, writable_folder
from ..size_limit import check_pixels
from .exif import SIDEWAYS, upright
from .jpeg import rows_end_early, scans_are_missing
from .metadata import Metadata, held, of_chunks, of_file, of_page, pillow_options
from .opening import open_image, open_with_chunks, recognise
from .png import PACKING, Compression, PngChunks, metadata_chunks, read_header
from .sixteen_bit import Pixels, decode_colour, eight_bit, encode_png, encode_tiff
from .tiff import open_page, read_tiff, tiff_orientation, tiff_size

if TYPE_CHECKING:
    # slow to load, and files are read without it
    import torch
    from PIL.Image import Image as PillowImage
    from PIL.ImageFile import ImageFile
    from torch import Tensor

WRITTEN_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
"""Suffixes of images that can be written."""

IMAGE_SUFFIXES = (*WRITTEN_SUFFIXES, ".avif", ".heic", ".heif")
"""Suffixes of images inside a folder. A GIF is read when it is named outright."""

_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".bmp": ("BMP", {}),
}
_WITH_ALPHA = ("PNG", "TIFF", "WEBP")
_WITH_16_BIT = ("PNG", "TIFF")
_GREY_MODES = ("1", "L", "LA", "La")
_HEADER_OF_PNG = 33


@dataclass(frozen=True, eq=False)
class Image(Metadata):
    """An upright image with the `Metadata` of its file, which are named arguments.

    Attributes:
        pixels: (H, W, 3) RGB, uint8 or uint16. Colours beneath transparent pixels are kept, not composited.
        alpha: (H, W) of the same type, straight (not premultiplied), or None for an opaque file.
        grey: the file had one colour channel; ``pixels`` holds it three times.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    grey: bool = False

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype not in (np.uint8, np.uint16):
            raise InputError(f"an image must be (H, W, 3) uint8 or uint16 and not empty, got {shape} {dtype}")
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != dtype):
            raise InputError(
                f"alpha must be {shape[:2]} {dtype} like the image, got {self.alpha.shape} {self.alpha.dtype}"
            )

    def __str__(self) -> str:
        kinds = "grey" if self.grey else "RGB", " with alpha" if self.alpha is not None else ""
        return f"{self.width} x {self.height} {''.join(kinds)}, {self.bits} bit"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def bits(self) -> int:
        """8 or 16, for each channel."""
        return 8 * self.pixels.dtype.itemsize


def read_image(path: str | Path) -> Image:
    """Read a PNG, JPEG, TIFF, WebP, BMP, GIF, AVIF or HEIC file, recognised by its content, not by its suffix.

    8 and 16 bit, one-bit, grey, palette, alpha in every form, and CMYK (converted without its profile, which is
    dropped); AVIF and HEIC in 8 bit; floating-point TIFF with values in [0, 1] as 16 bit. The orientation is applied.
    Of an animation the first frame is read, of a TIFF the one page that is no thumbnail. A warning tells what of a
    file is left out.

    Raises:
        InputError: if the file is missing, unreadable, empty, not an image, truncated or damaged; if it announces
            more than 500 megapixels (VISIONCORE_MOST_MEGAPIXELS raises that); if it has several pages, or values that
            are of another kind; or if what decodes it is not installed.
    """
    path = Path(path)
    if recognise(path) == "Tiff":
        with open_page(path) as page:
            found = read_tiff(path, page)
            orientation = tiff_orientation(page)
            metadata, damaged = of_page(path, page, orientation)
        pixels, alpha, grey = found.pixels, found.alpha, found.pixels.shape[2] == 1
        _note(path, found.notes, damaged)
    else:
        file, chunks = open_with_chunks(path)
        with file:
            with damage(path, f"the {file.format} file is truncated or damaged"):
                file.load()
            # behind some decoders lies metadata that they read with the pixels
            metadata, orientation, damaged = of_chunks(chunks) if chunks else of_file(file)
            with damage(path, f"the {file.format} file is truncated or damaged"):
                pixels, alpha, grey = _decode(path, file, chunks)
            notes = _check_jpeg(path, pixels, file) if file.format == "JPEG" else ()
        _note(path, notes, damaged)
    return _upright_image(pixels, alpha, grey, metadata, orientation)


def from_pillow(pillow: PillowImage) -> Image:
    """Return an image of Pillow as an `Image`, upright as its EXIF says.

    Raises:
        InputError: if its values are not of 1, 8 or 16 bit.
    """
    alpha: Pixels | None = None
    pixels: Pixels
    if pillow.mode in ("I", "F"):
        raise InputError(
            f"an image of Pillow of mode {pillow.mode}, whose values may have any range; give np.asarray(image) and "
            "what is black and white, such as range=(0, 65535)"
        )
    metadata, orientation, _ = of_file(pillow)
    if pillow.mode.startswith("I;16"):
        pixels, grey = np.asarray(pillow).astype(np.uint16)[:, :, None], True
    else:
        pixels, alpha, grey = _eight_bit_layers(pillow)
    return _upright_image(pixels, alpha, grey, metadata, orientation)


def _upright_image(pixels: Pixels, alpha: Pixels | None, grey: bool, metadata: Metadata, orientation: int) -> Image:
    """Return an image that lies as ``orientation`` says; its colours may be one channel."""
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(3, axis=2)
    if alpha is not None:
        alpha = upright(alpha, orientation)
    return Image(upright(pixels, orientation), alpha, grey, **vars(metadata))


def _eight_bit_layers(image: PillowImage) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, bool]:
    """Return colours (H, W, 1 or 3), alpha (H, W), and whether there is one colour, of an image of 1 or 8 bit."""
    grey = image.mode in _GREY_MODES
    opaque = "L" if grey else "RGB"
    if not image.has_transparency_data:
        return np.asarray(image.convert(opaque)).reshape(image.height, image.width, -1), None, grey
    layers = np.asarray(image.convert(f"{opaque}A"))
    return layers[:, :, :-1], layers[:, :, -1], grey


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (height, width) of the upright image in a file from its header; nothing is decoded.

    Raises:
        InputError: as ``read_image``, for what shows in the header.
    """
    path = Path(path)
    match recognise(path):
        case "Tiff":
            with open_page(path) as page:
                (height, width), orientation = tiff_size(page), tiff_orientation(page)
        case "Png":
            chunks = read_header(path)
            width, height = chunks.size
            check_pixels(path, width, height)
            orientation = of_chunks(chunks)[1]
        case _:
            with open_image(path) as file:
                height, width, orientation = file.height, file.width, of_file(file)[1]
    return (width, height) if orientation in SIDEWAYS else (height, width)


def write_image(path: str | Path, image: Image, compression: Compression = "fast") -> None:
    """Write ``image`` whole or not at all; the suffix decides the format, and missing folders are made.

    - ``.png``: everything is kept.
    - ``.tif``: all but PNG's own colour tags; 16-bit grey with alpha becomes RGBA.
    - ``.webp``: lossless and with alpha; 16 bit is rounded to 8, grey becomes RGB.
    - ``.jpg``: quality 95, full chroma; 16 bit is rounded to 8, alpha is dropped.
    - ``.bmp``: 16 bit is rounded to 8; alpha, and metadata but the resolution, are dropped.

    A warning tells, once, which metadata a format cannot hold.

    Args:
        path: the file.
        image: what is written.
        compression: of PNG files, see `png.PACKING`.

    Raises:
        InputError: if the suffix is another, the format cannot hold the image, Pillow is not installed, or the
            system refuses the write (disk full, no permission); what stood at ``path`` is then still there.
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"{path}: images cannot be written as {path.suffix!r}; use {', '.join(_FORMATS)}")
    name, options = _FORMATS[path.suffix.lower()]
    metadata, lost = held(image, name)
    if lost:
        # without the path, so that it is told once and not for each file
        warnings.warn(f"{name} files cannot hold all metadata; left out: {', '.join(lost)}", stacklevel=2)
    with damage(path, f"a {name} file cannot hold this image"):
        encoded = _encode(image, metadata, name, options | (PACKING[compression] if name == "PNG" else {}), compression)
    writable_folder(path.parent)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded)


def to_tensor(image: Image, dtype: torch.dtype | None = None) -> Tensor:
    """Return the colours of ``image`` as (1, 3, H, W) in [0, 1], without alpha, in float32 or ``dtype``."""
    import torch

    exact = np.float64 if dtype == torch.float64 else np.float32
    planes = torch.from_numpy(np.ascontiguousarray(image.pixels.transpose(2, 0, 1), dtype=exact))
    return planes.div_(2**image.bits - 1).to(dtype or torch.float32)[None]


def from_tensor(tensor: Tensor, like: Image | None = None) -> Image:
    """Return ``tensor`` as an image with the depth and the metadata of ``like``.

    Args:
        tensor: (1, 3, H, W), RGB in [0, 1] (clamped), on any device.
        like: what the tensor was made from: its bits, alpha, profile and EXIF are taken over, and if it was grey, so
            is the result (the mean of the three channels). None gives 8-bit RGB.

    Returns:
        The image, rounded half to even.

    Raises:
        InputError: if the shape is another, ``like`` has alpha of another size, or there are values that are not
            numbers (a network that overflowed in half precision).
    """
    import torch

    if tensor.ndim != 4 or tensor.shape[:2] != (1, 3):
        raise InputError(f"an image must be (1, 3, H, W), got {tuple(tensor.shape)}")
    values = tensor[0].detach().cpu()
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    if values.numel() and values.amin().isnan():  # the least is not a number if any is not
        raise InputError("the image holds values that are not numbers; if it was made in half precision, use float32")
    if like is not None and like.grey:
        values = values.mean(dim=0, keepdim=True).expand_as(values)
    bits = 8 if like is None else like.bits
    whole = values.clamp(0, 1).mul_(2**bits - 1).round_()
    # in the order of files once they are small
    rows = whole.to(torch.uint8 if bits == 8 else torch.int32).permute(1, 2, 0).contiguous().numpy()
    pixels: Pixels = rows.astype(np.uint8, copy=False) if bits == 8 else rows.astype(np.uint16)
    return Image(pixels) if like is None else replace(like, pixels=pixels)


def _note(path: Path, notes: Iterable[str], damaged: Iterable[str]) -> None:
    for note in (*notes, *(f"damaged {what} is left out" for what in damaged)):
        warnings.warn(f"{path}: {one_line(note)}", stacklevel=3)


def _check_jpeg(path: Path, pixels: Pixels, file: ImageFile) -> tuple[str, ...]:
    """Return notes on a JPEG file that was decoded.

    Raises:
        InputError: if its data end before its rows do.
    """
    content = path.read_bytes()
    with damage(path, "the JPEG file is truncated or damaged"):
        early = pixels.dtype == np.uint8 and rows_end_early(content, np.asarray(pixels, np.uint8), type(file))
    if early:
        raise InputError(f"{path}: the JPEG file is truncated or damaged (its rows end early)")
    return ("a progressive JPEG without its last scans, so it is less sharp than it was",) * scans_are_missing(content)


def _decode(path: Path, file: ImageFile, chunks: PngChunks | None) -> tuple[Pixels, Pixels | None, bool]:
    """Return colours (H, W, 1 or 3), alpha (H, W), and whether the file has one colour channel, as they lie in it."""
    pixels: Pixels
    alpha: Pixels | None = None
    if file.mode.startswith("I;16"):
        grey = True
        pixels = np.asarray(file).astype(np.uint16)[:, :, None]
    elif chunks is not None and chunks.bits == 16 and file.mode in ("RGB", "RGBA"):
        # Pillow hides that it reduces the bits of these
        grey = chunks.colour_type == 4
        layers = decode_colour(path)
        pixels = layers[:, :, :3]
        alpha = layers[:, :, 3] if file.mode == "RGBA" else None
    else:
        pixels, alpha, grey = _eight_bit_layers(file)
    if pixels.dtype == np.uint16 and (key := file.info.get("transparency")) is not None:
        # a PNG may name one colour that is transparent
        alpha = np.where((pixels == key).all(axis=2), 0, 65535).astype(np.uint16)
    return pixels, alpha, grey


def _encode(image: Image, metadata: Metadata, name: str, options: dict[str, Any], compression: Compression) -> bytes:
    """Return ``image`` as the bytes of a file in the format that Pillow calls ``name``."""
    pixels, alpha = image.pixels, image.alpha if name in _WITH_ALPHA else None
    if image.bits == 16 and name not in _WITH_16_BIT:
        pixels, alpha = eight_bit(pixels), None if alpha is None else eight_bit(alpha)
    one_channel = image.grey and not (name == "TIFF" and image.bits == 16 and alpha is not None)
    layers = pixels[:, :, :1] if one_channel else pixels
    if alpha is not None:
        layers = np.concatenate([layers, alpha[:, :, None]], axis=2)
    chunks = b""
    if name == "PNG":
        chunks = metadata_chunks(metadata.icc, metadata.exif, metadata.xmp, metadata.dpi, metadata.colour)
    pillow = require("PIL.Image", "images")
    if name == "TIFF":
        return encode_tiff(layers, metadata)
    if layers.dtype == np.uint16:
        return encode_png(layers.astype(np.uint16, copy=False), chunks, compression)
    file = io.BytesIO()
    encoded = pillow.fromarray(layers[:, :, 0] if layers.shape[2] == 1 else np.ascontiguousarray(layers))
    encoded.save(file, name, **options, **({} if name == "PNG" else pillow_options(metadata)))
    content = file.getvalue()
    return content[:_HEADER_OF_PNG] + chunks + content[_HEADER_OF_PNG:] if chunks else content
