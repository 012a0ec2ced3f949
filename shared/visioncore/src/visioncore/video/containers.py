"""Containers of videos: which one a file is by its first bytes, and whether the file is as long as it says."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

HEAD = 4096
"""Bytes at the beginning of a file that `recognise` needs."""
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp", b"sidx", b"mfra", b"uuid", b"pnot")
_SEGMENT = b"\x18\x53\x80\x67"
# FFmpeg's name of a container, and how its files begin
_SIGNATURES = (
    ("matroska", 0, b"\x1a\x45\xdf\xa3"),
    ("avi", 8, b"AVI "),
    ("mpeg", 0, b"\0\0\x01\xba"),
    ("mpegvideo", 0, b"\0\0\x01\xb3"),
    ("ogg", 0, b"OggS"),
    ("flv", 0, b"FLV\x01"),
    ("asf", 0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    ("gif", 0, b"GIF8"),
    ("h264", 0, b"\0\0\0\x01\x67"),
    ("h264", 0, b"\0\0\0\x01\x09"),
    ("hevc", 0, b"\0\0\0\x01\x40\x01"),
)
_TS_PACKETS = (188, 192, 204)


def recognise(head: bytes) -> str | None:
    """Return FFmpeg's name of the container that begins with these bytes, `HEAD` of them; None if it is none."""
    if head[4:8] in _BOXES:
        return "mov"
    for name, offset, signature in _SIGNATURES:
        if head.startswith(signature, offset):
            return name
    # of packets that each begin with the same byte; a recording may begin within one
    for size in _TS_PACKETS:
        for first in range(size):
            if len(head) > first + 4 * size and head[first : first + 5 * size : size] == b"\x47" * 5:
                return "mpegts"
    return None


def missing_bytes(path: Path, container: str) -> int:
    """Return how many bytes a file lacks of what its container announces, 0 where that does not tell.

    Args:
        path: the file.
        container: its name as `recognise` returns it.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        end = _ENDS.get(container, _none)(file, length)
    return max(0, end - length)


def _end_of_boxes(file: BinaryIO, length: int) -> int:
    place = 0
    while place + 8 <= length:
        file.seek(place)
        size, name = struct.unpack(">I4s", file.read(8))
        if name not in _BOXES:
            return 0  # what follows the video
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
        if size < 8:  # 0: up to the end
            return 0
        place += size
    return place


def _end_of_segment(file: BinaryIO, length: int) -> int:
    head = file.read(HEAD)
    start = 4 + _element_size(head, 4)[1]
    header, _ = _element_size(head, 4)
    segment = start + (header or 0)
    if head[segment : segment + 4] != _SEGMENT:
        return 0
    size, width = _element_size(head, segment + 4)
    return 0 if size is None else segment + 4 + width + size


def _element_size(content: bytes, place: int) -> tuple[int | None, int]:
    """Return the size of an EBML element, None if it is not known, and how many bytes that takes."""
    if place >= len(content) or content[place] == 0:
        return 0, 1
    width = 9 - content[place].bit_length()
    value = int.from_bytes(content[place : place + width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), width


def _end_of_riff(file: BinaryIO, length: int) -> int:
    return int(struct.unpack("<I", file.read(8).ljust(8, b"\0")[4:])[0]) + 8


def _none(file: BinaryIO, length: int) -> int:
    return 0


_ENDS = {"mov": _end_of_boxes, "matroska": _end_of_segment, "avi": _end_of_riff}
