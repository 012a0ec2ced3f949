"""PNG files chunk by chunk: whether they are whole, and their metadata, however long."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
Compression = Literal["fast", "small"]
"""How PNG files are packed, without loss either way."""
PACKING: dict[Compression, dict[str, Any]] = {"fast": {"compress_type": zlib.Z_RLE}, "small": {"compress_level": 9}}
"""Options of Pillow. Of photos, runs alone take a quarter of the time of zlib's usual level and 4 % more bytes; the
highest level takes three to six times as long as the usual one and saves 1 to 4 %. See `docs/speed.md`."""
COLOUR = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
"""Chunks that say how colours are meant, besides a profile."""

_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_XMP = b"XML:com.adobe.xmp\0"
_OLD_EXIF = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
_MOST_TEXT = 64 * 2**20
# x and y of the first pixel, and the steps, of the seven images that an interlaced one consists of
_INTERLACED = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclass
class PngChunks:
    """Parts of a PNG file besides its pixels.

    Attributes:
        bits: of a channel.
        colour_type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
        size: width and height.
        icc: the profile.
        exif: the block without a head.
        xmp: the packet.
        dpi: horizontal and vertical.
        colour: the chunks of `COLOUR`, and the shape of pixels that are not square, in the order of the file.
        unread: parts that are damaged or too long, for a note.
        plain: the file with nothing but what its pixels need: Pillow has limits on texts and profiles that can only be
            moved for the whole process.
    """

    bits: int = 8
    colour_type: int = 2
    size: tuple[int, int] = (0, 0)
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    colour: list[tuple[bytes, bytes]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    plain: bytes = b""

    def add(self, name: bytes, data: bytes) -> None:
        """Take a chunk in."""
        try:
            self._add(name, data)
        except (zlib.error, ValueError, IndexError, struct.error):
            kind = {b"iCCP": "colour profile", b"eXIf": "EXIF"}.get(name, f"{name.decode('latin-1')} chunk")
            self.unread.append(kind)

    def _add(self, name: bytes, data: bytes) -> None:
        if name == b"IHDR":
            width, height, self.bits, self.colour_type = struct.unpack(">IIBB", data[:10])
            self.size = width, height
        elif name == b"iCCP":
            self.icc = _inflated(data[data.index(b"\0") + 2 :])
        elif name == b"eXIf":
            self.exif = data
        elif name == b"pHYs":
            across, down, unit = struct.unpack(">IIB", data)
            if unit == 1:
                self.dpi = across * 0.0254, down * 0.0254
            elif across != down:
                self.colour.append((name, data))
        elif name in COLOUR:
            self.colour.append((name, data))
        elif name == b"iTXt" and data.startswith(_XMP):
            packed, rest = data[len(_XMP)], data[len(_XMP) + 2 :]
            text = rest.split(b"\0", 2)[2]  # behind language and keyword
            self.xmp = _inflated(text) if packed else text
        elif name == b"zTXt" and data.startswith(_OLD_EXIF):
            lines = _inflated(data[data.index(b"\0") + 2 :]).decode("latin-1").split("\n")
            self.exif = bytes.fromhex("".join(lines[3:]))


def read_chunks(path: Path) -> PngChunks:
    """Return the parts of a PNG file; its rows are counted, for decoders do not miss those that are not there.

    Raises:
        InputError: if the file ends early, its rows do, or a chunk is damaged.
    """
    chunks = PngChunks()
    content = path.read_bytes()
    pixels, inflate = [SIGNATURE], zlib.decompressobj()
    missing = _length_of_rows(content)
    for name, data in _every(path, content):
        if name in _PIXELS:
            pixels.append(chunk(name, bytes(data)))
        if name == b"IDAT":
            missing -= _inflated_length(path, inflate, data, missing)
        else:
            chunks.add(name, bytes(data))
    if missing > 0:
        raise InputError(f"{path}: the PNG file is truncated or damaged (its rows end early)")
    chunks.plain = b"".join(pixels)
    return chunks


def read_header(path: Path) -> PngChunks:
    """Return the parts before the pixels of a PNG file.

    Raises:
        InputError: if the file ends before that, or a chunk is damaged.
    """
    chunks = PngChunks()
    with path.open("rb") as file:
        file.seek(len(SIGNATURE))
        while True:
            head = file.read(8)
            if len(head) < 8:
                raise InputError(f"{path}: the PNG header is damaged (the file ends in it)")
            length, name = struct.unpack(">I4s", head)
            if name in (b"IDAT", b"IEND"):
                return chunks
            data = file.read(min(length, _MOST_TEXT))
            if len(data) < length or struct.unpack(">I", file.read(4).ljust(4, b"\0"))[0] != zlib.crc32(name + data):
                raise InputError(f"{path}: the PNG header is damaged (its part {name.decode('latin-1')!r})")
            chunks.add(name, data)


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk with its length and its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def packed(data: bytes | memoryview, compression: Compression) -> bytes:
    """Return the content of the chunk of pixels for rows with their filters."""
    fast = compression == "fast"
    deflate = zlib.compressobj(strategy=zlib.Z_RLE) if fast else zlib.compressobj(9)
    return deflate.compress(data) + deflate.flush()


def metadata_chunks(
    icc: bytes | None,
    exif: bytes | None,
    xmp: bytes | None,
    dpi: tuple[float, float] | None,
    colour: Iterable[tuple[bytes, bytes]],
) -> bytes:
    """Return metadata as chunks that go behind the header of a PNG file; arguments as in `PngChunks`."""
    parts = [chunk(name, data) for name, data in colour if not (icc and name == b"sRGB")]
    if icc:
        parts.append(chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if dpi:
        parts.append(chunk(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in dpi), 1)))
    if exif:
        parts.append(chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    if xmp:
        parts.append(chunk(b"iTXt", _XMP + b"\0\0\0\0" + xmp))
    return b"".join(parts)


def _every(path: Path, content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the chunks of a whole file."""
    view, place = memoryview(content), len(SIGNATURE)
    while place + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, place)
        data = view[place + 8 : place + 8 + length]
        end = place + 12 + length
        if end > len(content):
            break
        if zlib.crc32(data, zlib.crc32(name)) != struct.unpack_from(">I", content, end - 4)[0]:
            raise InputError(f"{path}: the PNG file is truncated or damaged (its part {name.decode('latin-1')!r})")
        yield name, data
        if name == b"IEND":
            return
        place = end
    raise InputError(f"{path}: the PNG file is truncated or damaged (it ends early)")


def _length_of_rows(content: bytes) -> int:
    """Return how many bytes the rows of an image have, each with the byte of its filter."""
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", content[16:29].ljust(13, b"\0"))
    sample = bits * _SAMPLES.get(kind, 1)
    total = 0
    for x, y, across, down in _INTERLACED if interlaced else ((0, 0, 1, 1),):
        columns, rows = -((x - width) // across), -((y - height) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * sample + 7) // 8)
    return total


def _inflated_length(path: Path, inflate: zlib._Decompress, data: memoryview, most: int) -> int:
    """Return how many bytes packed data become, up to ``most``, piece by piece."""
    length, rest = 0, bytes(data)
    try:
        while rest and length < most and not inflate.eof:
            length += len(inflate.decompress(rest, 2**20))
            rest = inflate.unconsumed_tail
    except zlib.error as error:
        raise InputError(f"{path}: the PNG file is truncated or damaged ({error})") from error
    return length


def _inflated(data: bytes) -> bytes:
    inflate = zlib.decompressobj()
    content = inflate.decompress(data, _MOST_TEXT)
    if not inflate.eof:
        raise ValueError("longer than any profile or text, or cut short")
    return content
