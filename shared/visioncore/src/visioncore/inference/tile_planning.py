"""Size of the tiles of an image: all of it where the memory suffices, else few tiles that share little."""

from __future__ import annotations

from itertools import count

MEMORY = 2 * 2**30
"""Bytes that a network may take for one tile. Fixed, so that results do not depend on the machine."""


def plan_tiles(height: int, width: int, *, most_pixels: int, overlap: int, multiple: int = 1) -> tuple[int, int]:
    """Return height and width of the tiles that cover an image with the fewest pixels computed.

    Tiles are of one size, as even as the multiple allows, and of equal cost the squarer ones are taken.

    Args:
        height, width: of the image; tiles cover it padded to multiples.
        most_pixels: of a tile; at least a tile of twice the overlap is planned.
        overlap: pixels that neighbours share at least.
        multiple: what both sides of a tile are multiples of.
    """
    height, width = _up(height, multiple), _up(width, multiple)
    least = max(_up(2 * overlap, multiple), multiple)
    most_pixels = max(most_pixels, least**2)
    plans = []
    for rows in count(1):
        tall = _even(height, rows, overlap, multiple)
        widest = most_pixels // tall // multiple * multiple
        if widest > overlap or widest >= width:
            columns = 1 if widest >= width else -(-(width - overlap) // (widest - overlap))
            wide = _even(width, columns, overlap, multiple)
            plans.append((rows * columns * tall * wide, abs(tall - wide), tall, wide))
        if tall <= least:
            break
    return min(plans)[2:]


def _even(length: int, tiles: int, overlap: int, multiple: int) -> int:
    """Return how long ``tiles`` tiles are that just cover a side."""
    return min(length, _up(-(-(length + (tiles - 1) * overlap) // tiles), multiple))


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
