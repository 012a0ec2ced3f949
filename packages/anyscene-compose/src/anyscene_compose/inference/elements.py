"""Cut-outs: an image with straight alpha, its name, and the words of a prompt that mean it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from visioncore.errors import InputError
from visioncore.images import Image
from visioncore.images.sixteen_bit import Pixels
from visioncore.inference.image_inputs import GivenImage, as_image

from ..data.regions import check_white
from .blending import extent, shares, white_of
from .pyramids import Floats, spread

GivenElement: TypeAlias = "Element | GivenImage | Tensor"
Word: TypeAlias = "str | tuple[int, int]"
"""Words as they stand in the prompt, or the first letter and the one behind the last."""

_SOFT = 32
"""Pixels of partial alpha, at least, from which it shows whether colours were multiplied by it."""
_LOOKED_AT = 512
"""Longer side, at most, of what is looked at for that."""


class Element:
    """A cut-out.

    Args:
        given: a file, an `Image`, an image of Pillow; an array (H, W, 4) uint8, uint16 or floating point in [0, 1]; a
            tensor (4, H, W) in [0, 1]; with a mask also without alpha.
        mask: (H, W) in place of its alpha: a file or an image, white where the foreground is, or an array of bool,
            uint8, uint16 or floating point in [0, 1].
        premultiplied: whether its colours are multiplied by alpha. False takes them as straight, and None too, unless
            they look multiplied.
        name: what it shows, for messages; where there are no words, the words that mean it if a prompt has them.
        words: of the prompt that mean it, one or several: it is kept from being drawn again from them elsewhere.

    Attributes:
        image: 8 or 16 bit, with straight alpha.
        source: the file, if it came from one.

    Raises:
        InputError: if it cannot be read; if there is neither alpha nor a mask, or it is 0 everywhere or of another
            size; if colours are multiplied by alpha and are said not to be, or the other way round; if words are
            neither text nor two numbers.

    Example:
        >>> Element("mug.png", name="mug", words=["red mug"])  # doctest: +SKIP
        Element('mug', 300 x 200, 8 bit, from mug.png)
    """

    def __init__(
        self,
        given: GivenImage | Tensor,
        *,
        mask: GivenImage | None = None,
        premultiplied: bool | None = None,
        name: str = "",
        words: str | Sequence[Word] = (),
    ) -> None:
        self.source = Path(given) if isinstance(given, str | Path) else None
        self.name = name
        self.words = _checked_words(words, self.where)
        image = _read(given)
        if mask is not None:
            image = replace(image, alpha=_read_mask(mask, image, self.where))
        elif image.alpha is None:
            raise InputError(
                f"{self.where}it has no alpha, so nothing says what of it is the foreground; give a mask, or an image "
                "with alpha"
            )
        assert image.alpha is not None
        if not image.alpha.any():
            raise InputError(f"{self.where}the mask is empty: alpha is 0 everywhere; it is above 0 on the foreground")
        self.image = self._straight(image, premultiplied)

    @property
    def where(self) -> str:
        """Return the beginning of a message on it."""
        return f"{self.source}: " if self.source else f"element {self.name!r}: " if self.name else ""

    @property
    def alpha(self) -> Pixels:
        """Alpha (H, W), straight."""
        assert self.image.alpha is not None
        return self.image.alpha

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.height, self.image.width

    def trimmed(self) -> Element:
        """Return the element without the rows and columns at its edges that are transparent."""
        frame = extent(self.alpha > 0)
        return self._with(replace(self.image, pixels=self.image.pixels[frame], alpha=self.alpha[frame]))

    def renamed(self, name: str, words: str | Sequence[Word]) -> Element:
        """Return the element with another name and other words.

        Raises:
            InputError: if words are neither text nor two numbers.
        """
        other = self._with(self.image)
        other.name = name
        other.words = _checked_words(words, other.where)
        return other

    def __repr__(self) -> str:
        height, width = self.size
        named = f"{self.name!r}, " if self.name else ""
        return (
            f"Element({named}{width} x {height}, {self.image.bits} bit{f', from {self.source}' if self.source else ''})"
        )

    def _with(self, image: Image) -> Element:
        other: Element = object.__new__(type(self))
        vars(other).update(vars(self), image=image)
        return other

    def _straight(self, image: Image, premultiplied: bool | None) -> Image:
        """Return an image with straight alpha."""
        assert image.alpha is not None
        if premultiplied:
            over = int((image.pixels.max(axis=2) > image.alpha).sum())
            if over:
                raise InputError(
                    f"{self.where}{over} pixels have a colour above their alpha, so colours are not multiplied by it; "
                    "give it without premultiplied"
                )
            return replace(image, pixels=divided(image.pixels, image.alpha))
        if premultiplied is None and looks_multiplied(image.pixels, image.alpha):
            raise InputError(
                f"{self.where}its colours are multiplied by alpha, for they darken with it along the edge; straight "
                "alpha is wanted: give premultiplied=True to divide them, or False if they are meant so"
            )
        return image


def as_element(given: GivenElement) -> Element:
    """Return an element of what is given for one.

    Raises:
        InputError: as `Element`.
    """
    return given if isinstance(given, Element) else Element(given)


def divided(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Return colours (H, W, 3) that are multiplied by alpha (H, W) divided by it; 0 where it is 0."""
    most = white_of(pixels)
    whole = np.maximum(alpha, 1).astype(np.float64)[..., None]
    straight = np.rint(np.minimum(pixels * (most / whole), most)).astype(pixels.dtype)
    return np.where((alpha == most)[..., None], pixels, straight)


def looks_multiplied(pixels: Pixels, alpha: Pixels) -> bool:
    """Return whether colours that should be straight are multiplied by alpha.

    They are if none is above its alpha, and along the edge they agree with the opaque colours beside them only once
    they are divided by it. Dark hair, whose colours are below alpha as well, agrees with them as it is.
    """
    most = white_of(pixels)
    soft = (alpha > 0) & (alpha < most)
    if soft.sum() < _SOFT or (pixels.max(axis=2)[soft] > alpha[soft]).any() or not (alpha == most).any():
        return False
    step = max(1, max(alpha.shape) // _LOOKED_AT)
    share, colours = shares(alpha)[::step, ::step], pixels[::step, ::step].astype(np.float32) / np.float32(most)
    opaque = (share == 1).astype(np.float32)
    if not opaque.any():
        return False
    beside = spread(colours, opaque)
    # those of little alpha hold too little of the colour
    edge = (share > 0.2) & (share < 0.9)
    if edge.sum() < _SOFT // 2:
        return False
    given, back = colours[edge], colours[edge] / share[edge][:, None]
    as_given, as_divided = (float(np.abs(each - beside[edge]).mean()) for each in (given, back))
    return as_given > 0.04 and as_given > 2 * as_divided


def premultiplied(image: Image) -> Floats:
    """Return an image as (H, W, 4) in [0, 1], colours multiplied by alpha."""
    assert image.alpha is not None
    share = shares(image.alpha)[..., None]
    colours = image.pixels.astype(np.float32)
    colours *= share / np.float32(white_of(image.pixels))
    return np.concatenate([colours, share], axis=2)


def _checked_words(words: str | Sequence[Word], where: str) -> tuple[Word, ...]:
    """Return words as they were given, one as several."""
    if not isinstance(words, str | Sequence):
        raise InputError(f"{where}words are {words!r}; they are a list, of text of the prompt or of pairs of letters")
    several: Sequence[Any] = (words,) if isinstance(words, str) else words
    checked: list[Word] = []
    for word in several:
        if isinstance(word, str) and word.strip():
            checked.append(word)
        elif isinstance(word, list | tuple) and len(word) == 2 and all(type(letter) is int for letter in word):
            checked.append((word[0], word[1]))
        else:
            raise InputError(
                f"{where}words has {word!r}; each is text of the prompt, or the number of its first letter and of the "
                "one behind the last"
            )
    return tuple(checked)


def _read(given: GivenImage | Tensor) -> Image:
    """Return an image from a file or from memory."""
    if isinstance(given, Tensor):
        if given.ndim != 3 or given.shape[0] != 4 or not given.is_floating_point():
            raise InputError(f"a tensor {tuple(given.shape)} {given.dtype}; it must be (4, H, W) RGBA in [0, 1]")
        given = given.detach().float().cpu().permute(1, 2, 0).numpy()
    floating = isinstance(given, np.ndarray) and given.dtype.kind == "f"
    return as_image(given, (0, 1) if floating else None)


def _read_mask(given: GivenImage, image: Image, where: str) -> Pixels:
    """Return a mask as alpha in the depth of an image."""
    mask: NDArray[Any]
    if isinstance(given, np.ndarray) and given.ndim == 2:
        mask = given
    else:
        read = _read(given)
        # a mask may be in the alpha of a file whose colours are one
        clear = read.alpha is not None and not (read.pixels != read.pixels[:1, :1]).any()
        mask = read.alpha if read.alpha is not None and clear else read.pixels.mean(axis=2).astype(read.pixels.dtype)
    told = f"{given}: " if isinstance(given, str | Path) else where
    if mask.shape != (image.height, image.width):
        raise InputError(
            f"{told}alpha has {mask.shape[1]} x {mask.shape[0]} pixels and the image {image.width} x {image.height}; "
            "they must be alike"
        )
    check_white(mask, told)
    if mask.dtype == image.pixels.dtype:
        return mask
    whole = np.rint(shares(mask) * white_of(image.pixels))
    return whole.astype(np.uint8) if image.bits == 8 else whole.astype(np.uint16)
