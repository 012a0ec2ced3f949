"""LZF, the compression of .pcd files: runs of plain bytes, and copies of what came before."""

from __future__ import annotations

MOST_FROM_ONE = 88
"""Bytes that one compressed byte can become at most: a copy of 264 takes three."""


def decompress(data: bytes, size: int) -> bytes:
    """Return the ``size`` bytes that compressed data stand for.

    A byte below 32 announces that many plain bytes and one more. Another one begins a copy: its upper three bits are
    the length less 2 (7: another byte is added to it), its lower five and the next byte the distance less 1.

    Raises:
        ValueError: if the data end early, copy from before their beginning, or give another number of bytes.
    """
    out = bytearray()
    at, end = 0, len(data)
    while at < end:
        control = data[at]
        at += 1
        if control < 32:
            if at + control + 1 > end:
                raise ValueError("compressed data end early")
            out += data[at : at + control + 1]
            at += control + 1
        else:
            length = control >> 5
            extra = length == 7
            if at + 1 + extra > end:
                raise ValueError("compressed data end early")
            if extra:
                length += data[at]
                at += 1
            length += 2
            start = len(out) - ((control & 31) << 8) - data[at] - 1
            at += 1
            if start < 0:
                raise ValueError("compressed data copy from before their beginning")
            piece = out[start : start + length]
            # a copy may reach into itself: then it repeats what is there
            out += piece if len(piece) == length else (piece * (length // len(piece) + 1))[:length]
        if len(out) > size:
            break
    if len(out) != size:
        raise ValueError(f"compressed data do not give the announced {size} bytes")
    return bytes(out)
