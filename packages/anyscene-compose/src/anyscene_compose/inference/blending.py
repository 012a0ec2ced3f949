"""Blending: light from the scene, details from the foreground's own pixels.

Linear in pixels; works on any pair of images of one size, without a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.images.sixteen_bit import Pixels

from ..data.regions import check_white
from .pyramids import Floats, Rows, down_by_strips, grow, grow_rows, inward, mask_levels, spread_levels, strips

MOST_LEVELS = 16
_OWN_SIDE = 512
"""Longer side of an image that five levels are for."""


@dataclass(frozen=True)
class Blending:
    """Settings of `blend`.

    Attributes:
        harmony: 0 keeps the foreground's pixels bit for bit, 1 takes all of its light from the scene.
        levels: bands of detail, each of them half as fine as the one before; None for five at 512 pixels, and one more
            with every doubling of the longer side, but two more than ``keep_low``.
        keep_low: the coarsest of them, which come from the scene.

    Raises:
        InputError: if a number is outside its range.
    """

    harmony: float = 0.5
    levels: int | None = None
    keep_low: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.harmony <= 1:
            raise InputError(f"harmony is {self.harmony:g}; it must be from 0, the foreground as it is, to 1, relit")
        if self.levels is not None and not 2 <= self.levels <= MOST_LEVELS:
            raise InputError(f"levels is {self.levels}; it must be from 2 to {MOST_LEVELS}")
        most = MOST_LEVELS if self.levels is None else self.levels
        if not 0 <= self.keep_low <= most:
            raise InputError(f"keep_low is {self.keep_low}; it must be from 0 to {most}, the number of levels")

    def levels_for(self, size: tuple[int, int]) -> int:
        """Return the number of levels for a height and a width."""
        if self.levels is not None:
            return self.levels
        doublings = round(np.log2(max(size) / _OWN_SIDE))
        return int(np.clip(5 + doublings, min(self.keep_low + 2, MOST_LEVELS), MOST_LEVELS))


def blend(
    foreground: Pixels,
    scene: Pixels,
    alpha: NDArray[np.generic],
    harmony: float = 0.5,
    levels: int | None = None,
    keep_low: int = 2,
) -> Pixels:
    """Return a scene with a foreground in it, in the foreground's depth.

    Where alpha is 0 the scene stays bit for bit; with ``harmony=0`` the foreground does where alpha is 1.

    Args:
        foreground: (H, W, 3) uint8 or uint16; colours where alpha is 0 do not matter.
        scene: (H, W, 3) uint8 or uint16. Where the foreground is it shows what the foreground should look like in its
            light, or just what is behind it.
        alpha: (H, W), straight: bool, uint8 or uint16 over their range, or floating point in [0, 1].
        harmony: as of `Blending`.
        levels: as of `Blending`.
        keep_low: as of `Blending`.

    Raises:
        InputError: if images and alpha are of different sizes or of another type, alpha is empty or of 0 and 1 in whole
            numbers, or a setting is outside its range.
    """
    return blend_as_shown(foreground, scene, _checked(foreground, scene, alpha), Blending(harmony, levels, keep_low))


def blend_as_shown(
    foreground: Pixels, scene: Pixels, share: Floats, settings: Blending, shown: Pixels | None = None
) -> Pixels:
    """Return a scene with a foreground in it, whose light comes from another image than the scene.

    Args:
        foreground: as of `blend`.
        scene: as of `blend`.
        share: (H, W) of the foreground in each pixel, above 0 somewhere.
        settings: of the blending.
        shown: (H, W, 3) of the foreground's type: what the foreground should look like; None for what the scene shows.
    """
    result = _in_depth(scene, foreground.dtype).copy()
    # nothing is computed where there is no foreground
    frame = extent(share > 0)
    inside, behind, part = foreground[frame], result[frame], np.ascontiguousarray(share[frame])
    added = None
    if settings.harmony:
        wanted = behind if shown is None else shown[frame]
        added = relighting(inside, wanted, part, settings.levels_for((len(share), share.shape[1])), settings.keep_low)
    most = white_of(foreground)
    for begin, end in strips(len(part)):
        mixed = inside[begin:end].astype(np.float32)
        if added is not None:
            mixed += settings.harmony * added(begin, end)
            np.clip(mixed, 0, most, out=mixed)
        ground = behind[begin:end]
        mixed -= ground
        mixed *= part[begin:end, :, None]
        mixed += ground
        # a view of the result
        ground[...] = np.rint(mixed, out=mixed).astype(foreground.dtype)
    return result


def relighting(foreground: Pixels, scene: Pixels, share: Floats, levels: int, keep_low: int) -> Rows:
    """Return the rows of what is added to a foreground (H, W, 3) by which it has all of its light from the scene.

    It is the scene's difference to it: the coarsest bands everywhere, finer ones next to the outline only, so that
    there is no seam.

    Args:
        foreground: of the frame that is looked at.
        scene: the same of the scene; its rows may change once they were asked for, from the top down.
        share: (H, W) of the foreground in each pixel.
        levels: how many bands there are.
        keep_low: of the coarsest of them come from the scene.
    """
    masks = mask_levels(share, levels)
    coarse = levels - keep_low

    def known(begin: int, end: int) -> Floats:
        difference = scene[begin:end].astype(np.float32)
        difference -= foreground[begin:end]
        difference *= share[begin:end, :, None]
        return difference

    if len(masks) == 1:
        return known
    bands = spread_levels(down_by_strips(known, len(share)), masks[1:])
    added = np.zeros_like(bands[-1])
    coarser = added
    for level in range(len(masks) - 1, 0, -1):
        here, size = bands[level - 1], masks[level].shape
        if level < len(masks) - 1:
            added, coarser = grow(added, size), grow(coarser, size)
        band = here - coarser
        added = added + (band if level >= coarse else band * (1 - inward(masks[level]))[..., None])
        coarser = here
    edge = None if coarse <= 0 else 1 - inward(share)

    def rows(begin: int, end: int) -> Floats:
        spread = grow_rows(coarser, share.shape, begin, end)
        band = known(begin, end)
        band -= spread * share[begin:end, :, None]
        if edge is not None:
            band *= edge[begin:end, :, None]
        band += grow_rows(added, share.shape, begin, end)
        return band

    return rows


def extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns of the smallest frame around what is true in a mask (H, W), of which some is."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def white_of(image: NDArray[Any]) -> int:
    """Return the largest value of an image of 8 or 16 bit."""
    return 255 if image.dtype == np.uint8 else 65535


def shares(alpha: NDArray[np.generic]) -> Floats:
    """Return alpha (H, W) of any type as shares in [0, 1].

    Raises:
        InputError: if it has values that are outside of that, or of a type that says no range.
    """
    if alpha.dtype == np.bool_:
        return alpha.astype(np.float32)
    if alpha.dtype in (np.uint8, np.uint16):
        return np.asarray(alpha.astype(np.float32) / np.float32(white_of(alpha)), np.float32)
    if alpha.dtype.kind != "f":
        raise InputError(f"alpha is of {alpha.dtype}; it must be bool, uint8, uint16, or floating point in [0, 1]")
    if not (np.isfinite(alpha).all() and alpha.min(initial=0) >= 0 and alpha.max(initial=0) <= 1):
        raise InputError("alpha has values outside of [0, 1]; divide it by its white, such as 255")
    return alpha.astype(np.float32)


def _checked(foreground: Pixels, scene: Pixels, alpha: NDArray[np.generic]) -> Floats:
    """Return alpha as shares."""
    for name, image in (("foreground", foreground), ("scene", scene)):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype not in (np.uint8, np.uint16):
            raise InputError(f"the {name} is {image.shape} {image.dtype}; it must be (H, W, 3) uint8 or uint16")
    if foreground.shape != scene.shape:
        raise InputError(
            f"the foreground has {_size(foreground)} pixels and the scene {_size(scene)}; they must be alike"
        )
    if alpha.shape != foreground.shape[:2]:
        raise InputError(
            f"alpha has {_size(alpha) if alpha.ndim > 1 else alpha.shape} pixels and the foreground "
            f"{_size(foreground)}; they must be alike"
        )
    check_white(alpha)
    share = shares(alpha)
    if not share.any():
        raise InputError("alpha is 0 everywhere, so there is no foreground; it must be above 0 where there is one")
    return share


def _size(image: NDArray[np.generic]) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"


def _in_depth(image: Pixels, dtype: np.dtype[np.generic]) -> Pixels:
    """Return an image with 8 or 16 bit as one of another depth."""
    if image.dtype == dtype:
        return image
    if dtype == np.uint16:
        return image.astype(np.uint16) * np.uint16(257)
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
