"""The canvas: elements placed, rotated and laid over each other, as one composited foreground."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from visioncore.errors import InputError
from visioncore.extras import require
from visioncore.images import Image
from visioncore.images.sixteen_bit import Pixels

from .blending import shares, white_of
from .elements import Element, GivenElement, Word, as_element, premultiplied
from .pyramids import Floats

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""

MULTIPLE = 8
"""Pixels that a latent of Stable Diffusion is wide."""
LEAST, MOST = 8, 8192
"""Pixels of a side."""
FIT = 0.6
"""Share of the canvas that an element takes whose box is not given."""


@dataclass(frozen=True, eq=False)
class Placed:
    """An element in its place.

    Attributes:
        element: as it was given.
        box: that holds it.
        rotation: in degrees, against the clock.
        order: those of a higher one lie on top.
        image: as it is drawn, with straight alpha.
        corner: column and row of its first pixel on the canvas.
    """

    element: Element
    box: Box
    rotation: float
    order: float
    image: Image
    corner: tuple[int, int]

    @property
    def key(self) -> tuple[object, ...]:
        """Sorts elements in the order of drawing: of one order, those that end lower are nearer; then pixels decide."""
        assert self.image.alpha is not None
        digest = hashlib.sha256(self.image.pixels.tobytes() + self.image.alpha.tobytes()).digest()
        named = self.element.name, tuple(map(str, self.element.words))
        return self.order, self.box[3], self.corner, self.image.pixels.shape, digest, named

    def frame(self, size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Return the part of a canvas of a height and width that it covers, and the part of the image on it."""
        (x, y), (height, width) = self.corner, size
        left, top = max(0, x), max(0, y)
        right, bottom = min(width, x + self.image.width), min(height, y + self.image.height)
        there = slice(top, max(top, bottom)), slice(left, max(left, right))
        return there, (slice(top - y, max(top, bottom) - y), slice(left - x, max(left, right) - x))


@dataclass(frozen=True, eq=False)
class Composite:
    """Elements as one foreground.

    Attributes:
        pixels: (H, W, 3) uint8, or uint16 if an element has 16 bit; 0 where nothing is.
        alpha: (H, W), straight, of the same type.
        masks: (E, H, W) in [0, 1], how much of each pixel an element takes, as far as none lies over it.
        placed: the elements in the order of drawing, which is that of the masks.
    """

    pixels: Pixels
    alpha: Pixels
    masks: Floats
    placed: tuple[Placed, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.alpha.shape[0], self.alpha.shape[1]

    @property
    def share(self) -> Floats:
        """How much of each pixel the foreground takes, (H, W) in [0, 1]."""
        return shares(self.alpha)


def check_size(width: int, height: int) -> None:
    """Check the sides of a canvas, before they are rounded.

    Raises:
        InputError: if one is outside of 8 to 8192 pixels.
    """
    for name, side in (("width", width), ("height", height)):
        if not _is_number(side) or not LEAST <= side <= MOST:
            raise InputError(f"{name} of the canvas is {side!r}; it must be from {LEAST} to {MOST} pixels")


class Canvas:
    """A canvas to place elements on.

    Args:
        width: in pixels; rounded to a multiple of 8.
        height: the same.
        notify: told, in one line, if it was rounded; default: a warning.

    Raises:
        InputError: if a side is outside of 8 to 8192 pixels.

    Example:
        >>> canvas = Canvas(768, 512).place("mug.png", box=(100, 200, 400, 500), rotation=5)  # doctest: +SKIP
    """

    def __init__(self, width: int, height: int, notify: Callable[[str], None] = warnings.warn) -> None:
        check_size(width, height)
        self.width, self.height = (max(1, round(side / MULTIPLE)) * MULTIPLE for side in (width, height))
        self.placed: list[Placed] = []
        if (self.width, self.height) != (width, height):
            notify(
                f"a canvas of {width} x {height} pixels is rounded to {self.width} x {self.height}, multiples of "
                f"{MULTIPLE}"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height, self.width

    def place(
        self,
        given: GivenElement,
        box: Sequence[float] | None = None,
        rotation: float = 0,
        order: float = 0,
        name: str | None = None,
        words: str | Sequence[Word] | None = None,
    ) -> Self:
        """Place an element, and return the canvas.

        Its proportions are kept. Some of it may lie beyond the canvas, not all.

        Args:
            given: an `Element`, or what it takes.
            box: left, top, right, bottom in pixels: it is resized to fit, in the middle of it; an image of the very
                size of the box keeps its pixels. Default: the canvas itself for an image of its size, else the middle
                of the canvas.
            rotation: in degrees, against the clock, before it is fitted.
            order: elements of a higher order lie over those of a lower one; of one order the one whose box ends lower,
                whichever was placed first.
            name: in place of the element's own.
            words: in place of the element's own.

        Raises:
            InputError: if it cannot be read, its box is empty or outside of the canvas, or something is no number.
        """
        element = as_element(given)
        if name is not None or words is not None:
            element = element.renamed(element.name if name is None else name, element.words if words is None else words)
        self.placed.append(put(element, self.size, box, rotation, order))
        return self

    def composite(self) -> Composite:
        """Return all elements as one foreground; the order in which they were placed does not matter.

        Raises:
            InputError: if there is none, one is hidden by others, or together they cover the canvas.
        """
        if not self.placed:
            raise InputError("the canvas is empty; place() at least one element")
        return composited(self.placed, self.size)

    def __repr__(self) -> str:
        return f"Canvas({self.width} x {self.height}, {len(self.placed)} elements)"


def put(
    element: Element, size: tuple[int, int], box: Sequence[float] | None = None, rotation: float = 0, order: float = 0
) -> Placed:
    """Return an element in its place on a canvas of a height and a width; see `Canvas.place`.

    Raises:
        InputError: as there.
    """
    whole = check_place(box, rotation, order, element.where) or _own_box(element, size)
    image, corner = drawn(element.image, whole, rotation)
    placed = Placed(element, whole, rotation, order, image, corner)
    assert image.alpha is not None
    if not image.alpha[placed.frame(size)[1]].any():
        raise InputError(
            f"{element.where}{_told(whole)} lies outside of the canvas of {size[1]} x {size[0]}, or all it shows does"
        )
    return placed


def check_place(box: Sequence[float] | None, rotation: float, order: float = 0, where: str = "") -> Box | None:
    """Return a box as it is, checked as far as that can be done without an element and a canvas.

    Raises:
        InputError: if something is no number, or the box holds nothing or too much.
    """
    for name, value in (("rotation", rotation), ("order", order)):
        if not _is_number(value):
            raise InputError(f"{where}its {name} is {value!r}; it must be a number")
    if box is None:
        return None
    sides = tuple(box) if isinstance(box, Iterable) and not isinstance(box, str) else (box,)
    if len(sides) != 4 or not all(map(_is_number, sides)):
        raise InputError(f"{where}its box is {box!r}; it must be four numbers: left, top, right, bottom")
    left, top, right, bottom = whole = float(sides[0]), float(sides[1]), float(sides[2]), float(sides[3])
    if not (left < right and top < bottom):
        raise InputError(
            f"{where}{_told(whole)} holds nothing; it is left, top, right, bottom, with left < right, top < bottom"
        )
    if max(right - left, bottom - top) > 4 * MOST:
        raise InputError(f"{where}{_told(whole)} is too large; its sides are at most {4 * MOST} pixels")
    return whole


def composited(several: Sequence[Placed], size: tuple[int, int]) -> Composite:
    """Return elements as one foreground of a height and a width, in whatever order they are given.

    Raises:
        InputError: as `Canvas.composite`.
    """
    placed = sorted(several, key=lambda each: each.key)
    deep = any(each.image.bits == 16 for each in placed)
    dtype = np.dtype(np.uint16 if deep else np.uint8)
    pixels, alpha = np.zeros((*size, 3), dtype), np.zeros(size, dtype)
    masks = np.zeros((len(placed), *size), np.float32)
    for number, each in enumerate(placed):
        there, here = each.frame(size)
        over, over_alpha = in_depth(each.image, dtype)
        share = shares(over_alpha[here])
        masks[(slice(number), *there)] *= 1 - share
        masks[(number, *there)] = share
        pixels[there], alpha[there] = _over(over[here], over_alpha[here], pixels[there], alpha[there])
    for each, mask in zip(placed, masks, strict=True):
        if not mask.any():
            raise InputError(f"{each.element.where or 'an element: '}it is hidden by others on the canvas entirely")
    if not (alpha < white_of(alpha)).any():
        raise InputError(
            f"the mask covers everything: nothing of the canvas of {size[1]} x {size[0]} is left for a scene"
        )
    return Composite(pixels, alpha, masks, tuple(placed))


def drawn(image: Image, box: Box, rotation: float = 0) -> tuple[Image, tuple[int, int]]:
    """Return an image rotated and fitted into a box, and the column and row of its first pixel.

    Args:
        image: with straight alpha.
        box: it may reach beyond the canvas.
        rotation: in degrees, against the clock; multiples of 90 keep pixels as they are.
    """
    left, top, right, bottom = box
    quarters = round(rotation / 90)
    rest = rotation - 90 * quarters
    if quarters % 4:
        assert image.alpha is not None
        pixels, alpha = (_turned(layer, quarters) for layer in (image.pixels, image.alpha))
        image = Image(pixels, alpha)
    angle = np.deg2rad(rest)
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    # of the frame around the rotated image
    across, down = image.width * cos + image.height * sin, image.width * sin + image.height * cos
    scale = min((right - left) / across, (bottom - top) / down)
    x, y = (left + right - across * scale) / 2, (top + bottom - down * scale) / 2
    if rest == 0:
        width, height = max(1, round(across * scale)), max(1, round(down * scale))
        return resized(image, (height, width)), (round(x), round(y))
    size = max(1, round(image.height * scale)), max(1, round(image.width * scale))
    layers = _resized_layers(premultiplied(image), size)
    first = int(np.floor(x)), int(np.floor(y))
    width, height = int(np.ceil(x + across * scale)) - first[0], int(np.ceil(y + down * scale)) - first[1]
    middle = (left + right) / 2 - first[0] - 0.5, (top + bottom) / 2 - first[1] - 0.5
    cv2 = require("cv2", "images")
    matrix = cv2.getRotationMatrix2D(((size[1] - 1) / 2, (size[0] - 1) / 2), rest, 1.0)
    matrix[:, 2] += np.subtract(middle, ((size[1] - 1) / 2, (size[0] - 1) / 2))
    warped = cv2.warpAffine(layers, matrix, (width, height), flags=cv2.INTER_CUBIC)
    return _as_image(np.asarray(warped, np.float32), image), first


def resized(image: Image, size: tuple[int, int]) -> Image:
    """Return an image with alpha at a height and width; one that has them is returned as it is."""
    if (image.height, image.width) == size:
        return image
    return _as_image(_resized_layers(premultiplied(image), size), image)


def in_depth(image: Image, dtype: np.dtype[np.generic]) -> tuple[Pixels, Pixels]:
    """Return pixels and alpha of an image in 16 bit, or as they are."""
    assert image.alpha is not None
    if dtype == image.pixels.dtype:
        return image.pixels, image.alpha
    return image.pixels.astype(np.uint16) * np.uint16(257), image.alpha.astype(np.uint16) * np.uint16(257)


def _turned(layer: Pixels, quarters: int) -> Pixels:
    """Return a layer turned by quarters, against the clock."""
    turned: Any = np.ascontiguousarray(np.rot90(layer, quarters % 4))
    pixels: Pixels = turned
    return pixels


def _resized_layers(layers: Floats, size: tuple[int, int]) -> Floats:
    """Return (H, W, 4), multiplied by alpha, at another size: the mean of areas, or cubic where it becomes larger."""
    height, width = size
    smaller = min(layers.shape[0], height), min(layers.shape[1], width)
    made, cv2 = layers, require("cv2", "images")
    if smaller != layers.shape[:2]:
        made = np.asarray(cv2.resize(made, smaller[::-1], interpolation=cv2.INTER_AREA), np.float32)
    if smaller != size:
        made = np.asarray(cv2.resize(made, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    return made


def _as_image(layers: Floats, like: Image) -> Image:
    """Return (H, W, 4), multiplied by alpha, as a straight image in the depth of another."""
    most, dtype = white_of(like.pixels), like.pixels.dtype
    alpha = np.rint(np.clip(layers[..., 3], 0, 1) * most)
    share = np.maximum(layers[..., 3:], 1e-6)
    colours = np.rint(np.clip(layers[..., :3] / share, 0, 1) * most)
    colours[alpha == 0] = 0
    if dtype == np.uint8:
        return Image(colours.astype(np.uint8), alpha.astype(np.uint8))
    return Image(colours.astype(np.uint16), alpha.astype(np.uint16))


def _over(over: Pixels, over_alpha: Pixels, under: Pixels, under_alpha: Pixels) -> tuple[Pixels, Pixels]:
    """Return one image with straight alpha over another, and its alpha; colours that are not mixed stay as they are."""
    most = white_of(over)
    hidden = over_alpha == 0
    colours = np.where(hidden[..., None], under, over)
    alpha = np.where(hidden, under_alpha, over_alpha)
    mixed = ~hidden & (over_alpha < most) & (under_alpha > 0)
    if mixed.any():
        top = over_alpha[mixed] / most
        left = under_alpha[mixed] / most * (1 - top)
        whole = over[mixed] * top[:, None] + under[mixed] * left[:, None]
        colours[mixed] = np.rint(whole / (top + left)[:, None]).astype(over.dtype)
        alpha[mixed] = np.rint((top + left) * most).astype(over.dtype)
    return colours, alpha


def _is_number(value: object) -> bool:
    """Return whether a value is a finite number; numbers of NumPy are."""
    return isinstance(value, int | float | np.number) and bool(np.isfinite(value))


def _told(box: Box) -> str:
    return f"its box ({', '.join(f'{side:g}' for side in box)})"


def _own_box(element: Element, size: tuple[int, int]) -> Box:
    """Return the box of an element that is given none."""
    height, width = size
    if element.size == size:
        return 0, 0, width, height
    share = (1 - FIT) / 2
    return round(width * share), round(height * share), round(width * (1 - share)), round(height * (1 - share))
