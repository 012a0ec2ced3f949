"""JPEG files whose data end before their rows do, which decoders fill with grey without an error."""

from __future__ import annotations

import io
import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 8
_FILLED = 128
_START, _END, _SCAN, _PROGRESSIVE = 0xD8, 0xD9, 0xDA, 0xC2
# what follows in a scan is a marker, unless it is a zero that escapes a byte of data, a restart, or a filler
_MARKER = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")
_FREQUENCIES = 64


def rows_end_early(content: bytes, pixels: NDArray[np.uint8], opener: Any) -> bool:
    """Return whether the data of a JPEG file end before the rows of its image do.

    What is missing is decoded as middle grey, or in a progressive file less sharply. If the last corner is of that
    grey, or the file progressive, more data are put at the end, which are decoded where some are missing, and else
    passed over.

    Args:
        content: the file.
        pixels: (H, W, C) as decoded.
        opener: Pillow's class of JPEG files.
    """
    height, width = pixels.shape[:2]
    corner = (slice((height - 1) // _BLOCK * _BLOCK, None), slice((width - 1) // _BLOCK * _BLOCK, None))
    segments = list(_segments(content))
    progressive = any(marker == _PROGRESSIVE for marker, _, _ in segments)
    if not progressive and (pixels[corner] != _FILLED).any():
        return False
    end = next((place for marker, place, _ in segments if marker == _END), len(content))
    more = np.random.default_rng(0).integers(1, 255, 4096, np.uint8).tobytes()  # neither 0 nor 255: no marker in it
    added = more + b"".join(bytes((0xFF, 0xD0 + number)) + more for number in range(8))
    with opener(io.BytesIO(content[:end] + added + content[end:])) as file:
        again = np.asarray(file).reshape(height, width, -1)
    return not np.array_equal(again, pixels)


def scans_are_missing(content: bytes) -> bool:
    """Return whether a progressive JPEG file ends before every frequency of its image is there in full."""
    missing: dict[int, set[int]] = defaultdict(lambda: set(range(_FREQUENCIES)))
    progressive = False
    for marker, _, data in _segments(content):
        if marker == _PROGRESSIVE and len(data) >= 6:
            progressive = True
            for component in data[6 : 6 + 3 * data[5] : 3]:
                missing[component]
        elif marker == _SCAN and progressive and data and len(data) >= 4 + 2 * data[0]:
            first, last, precision = data[1 + 2 * data[0] : 4 + 2 * data[0]]
            if precision & 15 == 0:  # no bits are left for a later scan
                for component in data[1 : 1 + 2 * data[0] : 2]:
                    missing[component].difference_update(range(first, last + 1))
    return progressive and any(missing.values())


def _segments(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the marker, the place and the parameters of each segment of the first image in a file."""
    place = 2
    while found := _MARKER.search(content, place):
        marker, place = content[found.end() - 1], found.start()
        if marker in (_START, _END, 0x01):
            yield marker, place, b""
            place += 2
            if marker == _END:
                return
            continue
        if place + 4 > len(content):
            return
        (length,) = struct.unpack_from(">H", content, place + 2)
        yield marker, place, content[place + 4 : place + 2 + length]
        place += 2 + max(length, 2)
