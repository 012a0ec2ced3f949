"""Bayer mosaics: one colour for each pixel; demosaicing by linear interpolation (Malvar, He and Cutler, 2004)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

PATTERNS = ("GRBG", "RGGB", "GBRG", "BGGR")
"""The colours of the first two pixels of the first row, and of the second."""
REACH = 2
"""How many pixels away a pixel's colours come from."""

# eight times what each neighbour counts: from the paper, figure 2
_GREEN = [[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]
_ALONG_ROW = [[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]
_DIAGONAL = [[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]


def site(pattern: str, colour: str) -> tuple[slice, slice]:
    """Return the row and column of the red (``R``) or the blue (``B``) pixel in the 2x2 pattern."""
    row, column = divmod(pattern.index(colour), 2)
    return slice(row, None, 2), slice(column, None, 2)


def mosaic(image: Doubles, pattern: str) -> Doubles:
    """Return the mosaic (H, W) of ``image`` (H, W, 3): of each pixel, the colour that ``pattern`` has there."""
    picked = image[..., 1].copy()
    for channel, colour in ((0, "R"), (2, "B")):
        where = site(pattern, colour)
        picked[where] = image[..., channel][where]
    return picked


def demosaic(picked: Doubles, pattern: str) -> Doubles:
    """Return the image (H, W, 3), not clipped, of a mosaic (H, W), which is padded symmetrically at its border."""
    import cv2

    along_row = np.array(_ALONG_ROW)
    green, row, column, diagonal = (
        cv2.filter2D(picked, cv2.CV_64F, kernel / 8, borderType=cv2.BORDER_REFLECT)
        for kernel in (np.array(_GREEN), along_row, along_row.T, np.array(_DIAGONAL))
    )
    image = np.repeat(picked[..., None], 3, axis=2)
    red, blue = site(pattern, "R"), site(pattern, "B")
    for channel, own, other in ((0, red, blue), (2, blue, red)):
        image[(*own, 1)] = green[own]
        image[(*other, channel)] = diagonal[other]
        # green pixels: those in a row with this colour, and those in a column with it
        beside, below = (own[0], other[1]), (other[0], own[1])
        image[(*beside, channel)] = row[beside]
        image[(*below, channel)] = column[below]
    return image
