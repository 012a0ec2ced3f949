"""Images in files: read as RGB with alpha, profile and EXIF, written back in the same depth.

Pillow reads and writes; 16-bit colour, which it lacks, is in ``sixteen_bit``.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..extras import require
from ..files import atomic_path, first_bytes, writable_folder
from .exif import SIDEWAYS, header_orientation, read_exif, upright
from .sixteen_bit import decode_colour, decode_planes, encode_png, encode_tiff

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from PIL.ImageFile import ImageFile

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
"""Suffixes of images inside a folder, and of those that can be written. A GIF is read when it is named outright."""

MAX_PIXELS = 500_000_000
"""A file whose header announces more pixels than this is refused before anything is decoded."""

# the Pillow plugin that reads a file, and how the file begins: by content, because suffixes lie
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
# what Pillow raises for files that are damaged in one way or another
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, zlib.error)

_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANES, _TIFF_EXTRA = 256, 257, 258, 262, 284, 338


@dataclass(frozen=True, eq=False)
class Image:
    """An upright image with the metadata of its file.

    Attributes:
        pixels: (H, W, 3) RGB, uint8 or uint16. Colours beneath transparent pixels are kept, not composited.
        alpha: (H, W) of the same type, straight (not premultiplied), or None for an opaque file.
        grey: the file had one colour channel; ``pixels`` holds it three times.
        icc: the colour profile of the file, which is not applied to the pixels.
        exif: description, camera, date, place and the like as a block of EXIF; without the orientation, which has
            been applied, and without the thumbnail.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    grey: bool = False
    icc: bytes | None = None
    exif: bytes | None = None

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
    """Read a PNG, JPEG, TIFF, WebP, BMP or GIF file, recognised by its content, not by its suffix.

    8 and 16 bit, one-bit, grey, palette, alpha in every form, and CMYK (converted without its profile, which is
    dropped). The EXIF orientation is applied. Of an animation the first frame is read.

    Raises:
        InputError: if the file is missing, unreadable, empty, not an image, truncated or damaged; if it announces
            more than ``MAX_PIXELS``; if it has several pages, or values that are not 8 or 16 bit integers; or if
            Pillow (for 16-bit colour OpenCV) is not installed.
    """
    path = Path(path)
    file, start = _opened(path)
    with file:
        try:
            file.load()
            exif, orientation = read_exif(file)
            pixels, alpha, grey = _decode(path, file, start)
        except InputError:
            raise
        except _DAMAGED as error:
            raise InputError(f"{path}: the {file.format} file is truncated or damaged ({error})") from error
        icc = file.info.get("icc_profile")
    return _upright_image(pixels, alpha, grey, icc, exif, orientation)


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
    exif, orientation = read_exif(pillow)
    if pillow.mode.startswith("I;16"):
        pixels, grey = np.asarray(pillow).astype(np.uint16)[:, :, None].repeat(3, axis=2), True
    else:
        pixels, alpha, grey = _eight_bit_layers(pillow)
        pixels = pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)
    return _upright_image(pixels, alpha, grey, pillow.info.get("icc_profile"), exif, orientation)


def _upright_image(
    pixels: Pixels, alpha: Pixels | None, grey: bool, icc: bytes | None, exif: bytes | None, orientation: int
) -> Image:
    """Return an image that lies as ``orientation`` says, without a profile of other colours."""
    if icc is not None and icc[16:20] not in (b"RGB ", b"GRAY"):
        icc = None
    if alpha is not None:
        alpha = upright(alpha, orientation)
    return Image(upright(pixels, orientation), alpha, grey, icc, exif)


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
    file, _ = _opened(Path(path))
    with file:
        height, width = file.height, file.width
        if file.format == "TIFF":  # where some versions of Pillow have turned the size already
            height, width = _tiff_tag(file, _TIFF_HEIGHT, height), _tiff_tag(file, _TIFF_WIDTH, width)
        return (width, height) if header_orientation(file) in SIDEWAYS else (height, width)


def write_image(path: str | Path, image: Image) -> None:
    """Write ``image`` whole or not at all; the suffix decides the format, and missing folders are made.

    - ``.png``, ``.tif``: everything is kept (in a TIFF, 16-bit grey with alpha becomes RGBA).
    - ``.webp``: lossless and with alpha; 16 bit is rounded to 8, grey becomes RGB.
    - ``.jpg``: quality 95, full chroma; 16 bit is rounded to 8, alpha is dropped.
    - ``.bmp``: 16 bit is rounded to 8; alpha, profile and EXIF are dropped.

    Raises:
        InputError: if the suffix is another, the format cannot hold the image, Pillow is not installed, or the
            system refuses the write (disk full, no permission); what stood at ``path`` is then still there.
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"{path}: images cannot be written as {path.suffix!r}; use {', '.join(_FORMATS)}")
    name, options = _FORMATS[path.suffix.lower()]
    try:
        encoded = _encode(image, name, options)
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(f"{path}: a {name} file cannot hold this image ({error})") from error
    writable_folder(path.parent)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded)


def to_tensor(image: Image, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the colours of ``image`` as (1, 3, H, W) in [0, 1], without alpha."""
    exact = np.float64 if dtype == torch.float64 else np.float32
    planes = torch.from_numpy(np.ascontiguousarray(image.pixels.transpose(2, 0, 1), dtype=exact))
    return planes.div_(2**image.bits - 1).to(dtype)[None]


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
    if tensor.ndim != 4 or tensor.shape[:2] != (1, 3):
        raise InputError(f"an image must be (1, 3, H, W), got {tuple(tensor.shape)}")
    values = tensor[0].detach().cpu()
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    if values.isnan().any():
        raise InputError("the image holds values that are not numbers; if it was made in half precision, use float32")
    if like is not None and like.grey:
        values = values.mean(dim=0, keepdim=True).expand_as(values)
    bits = 8 if like is None else like.bits
    whole = (values.clamp(0, 1) * (2**bits - 1)).round().permute(1, 2, 0).numpy()
    pixels: Pixels = whole.astype(np.uint8) if bits == 8 else whole.astype(np.uint16)
    return Image(pixels) if like is None else replace(like, pixels=pixels)


def _opened(path: Path) -> tuple[ImageFile, bytes]:
    """Open a file, validate its header, and return it with its first bytes."""
    kind, start = _recognise(path)
    plugin = require(f"PIL.{kind}ImagePlugin", "images")
    try:
        # not PIL.Image.open: it has a smaller limit on pixels, which can only be moved for the whole process
        file: ImageFile = getattr(plugin, f"{kind}ImageFile")(path)
    except _DAMAGED as error:
        raise InputError(
            f"{path}: the {kind.upper()} header is damaged, announces no pixels, or describes a kind of image that "
            "cannot be read; save it as 8 or 16 bit grey or RGB"
        ) from error
    try:
        _check_header(path, file)
    except InputError:
        file.close()
        raise
    return file, start


def _recognise(path: Path) -> tuple[str, bytes]:
    """Return the format of an image, as Pillow names its plugin, and the first bytes of the file."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not an image")
    start = first_bytes(path, 32)
    for kind, offset, signature in _SIGNATURES:
        if start.startswith(signature, offset):
            return kind, start
    raise InputError(f"{path}: not an image; PNG, JPEG, TIFF, WebP, BMP and GIF can be read")


def _check_header(path: Path, file: ImageFile) -> None:
    """Validate a header before anything is decoded."""
    width, height = file.size
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{path}: announces {width} x {height} pixels ({width * height / 1e6:.0f} megapixels); "
            f"at most {MAX_PIXELS / 1e6:.0f} megapixels are read"
        )
    if file.format != "TIFF":
        return
    if (pages := getattr(file, "n_frames", 1)) > 1:
        raise InputError(f"{path}: a TIFF of {pages} pages; save each page as a file of its own")
    bits = max(_tiff_tag(file, _TIFF_BITS, (1,)))
    reasons = {
        "floating-point, signed or 32-bit values": file.mode in ("F", "I"),
        f"{bits}-bit values": bits not in (1, 2, 4, 8, 16),
        "Lab colours": file.mode == "LAB",
        "premultiplied 16-bit alpha": bits == 16 and _tiff_tag(file, _TIFF_EXTRA, ()) == (1,),
    }
    for reason, applies in reasons.items():
        if applies:
            raise InputError(f"{path}: a TIFF with {reason} cannot be read; save it as plain 8 or 16 bit grey or RGB")


def _tiff_tag(file: ImageFile, tag: int, default: Any) -> Any:
    return file.tag_v2.get(tag, default)  # type: ignore[attr-defined]


def _decode(path: Path, file: ImageFile, start: bytes) -> tuple[Pixels, Pixels | None, bool]:
    """Return colours (H, W, 3), alpha (H, W), and whether the file has one colour channel, as they lie in the file."""
    # a PNG header tells bits and colour type here; Pillow hides that it reduces both
    bits, png_colour_type = (start[24], start[25]) if file.format == "PNG" else (8, None)
    if file.format == "TIFF":
        bits = max(_tiff_tag(file, _TIFF_BITS, (1,)))
    pixels: Pixels
    alpha: Pixels | None = None
    if file.mode.startswith("I;16"):
        grey = True
        pixels = np.asarray(file).astype(np.uint16)[:, :, None]
        if file.format == "TIFF" and _tiff_tag(file, _TIFF_PHOTOMETRIC, 1) == 0:
            pixels = 65535 - pixels
    elif bits == 16 and file.mode in ("RGB", "RGBA"):
        grey = png_colour_type == 4
        in_planes = file.format == "TIFF" and _tiff_tag(file, _TIFF_PLANES, 1) == 2
        layers = decode_planes(path) if in_planes else decode_colour(path)
        pixels = layers[:, :, :3]
        alpha = layers[:, :, 3] if file.mode == "RGBA" else None
    else:
        pixels, alpha, grey = _eight_bit_layers(file)
    if pixels.dtype == np.uint16 and (key := file.info.get("transparency")) is not None:
        # a PNG may name one colour that is transparent
        alpha = np.where((pixels == key).all(axis=2), 0, 65535).astype(np.uint16)
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(3, axis=2)
    return pixels, alpha, grey


def _encode(image: Image, name: str, options: dict[str, Any]) -> bytes:
    """Return ``image`` as the bytes of a file in the format that Pillow calls ``name``."""
    pixels, alpha = image.pixels, image.alpha if name in _WITH_ALPHA else None
    if image.bits == 16 and name not in _WITH_16_BIT:
        pixels, alpha = eight_bit(pixels), None if alpha is None else eight_bit(alpha)
    one_channel = image.grey and not (name == "TIFF" and image.bits == 16 and alpha is not None)
    layers = pixels[:, :, :1] if one_channel else pixels
    if alpha is not None:
        layers = np.concatenate([layers, alpha[:, :, None]], axis=2)
    if layers.dtype == np.uint16:
        deep = layers.astype(np.uint16, copy=False)
        return (encode_png if name == "PNG" else encode_tiff)(deep, image.icc, image.exif)
    pillow = require("PIL.Image", "images")
    metadata = {"icc_profile": image.icc, "exif": image.exif}
    file = io.BytesIO()
    encoded = pillow.fromarray(layers[:, :, 0] if layers.shape[2] == 1 else np.ascontiguousarray(layers))
    encoded.save(file, name, **options, **{key: value for key, value in metadata.items() if value})
    return file.getvalue()


def eight_bit(array: Pixels) -> NDArray[np.uint8]:
    """Return an array of 16-bit values rounded to 8 bit; one of 8-bit values as it is."""
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
