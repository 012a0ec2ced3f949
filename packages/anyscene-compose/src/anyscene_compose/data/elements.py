"""Elements of a foreground in a data set: where their shape, and perhaps their colours, come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visioncore.data.stored_images import StoredImage
from visioncore.errors import InputError
from visioncore.images import Image, eight_bit

from .regions import check_white, polygon_mask, run_mask

Pixels = NDArray[np.uint8]


class Source(Protocol):
    """Whatever an element can be read from."""

    def read(self, scene: Image) -> Pixels:
        """Return the element (H, W, 4), straight RGBA, in the place that it has in its scene.

        Raises:
            InputError: if it cannot be read, or does not fit the scene.
        """
        ...

    def content(self) -> bytes:
        """Return bytes that decide what is read, beside the scene."""
        ...


@dataclass(frozen=True)
class MaskFile:
    """A mask in a grey image of the scene's size, white for the element; its colours are the scene's."""

    file: StoredImage

    def read(self, scene: Image) -> Pixels:
        """Return the element (H, W, 4)."""
        mask = self.file.image()
        _check_size(self.file, mask, scene)
        if not mask.grey and not (mask.pixels == mask.pixels[..., :1]).all():
            raise InputError(f"{self.file.path}: a mask in colours; it should be grey, white for the foreground")
        check_white(mask.pixels, f"{self.file.path}: ")
        return _with_alpha(scene, eight_bit(mask.pixels)[..., 0])

    def content(self) -> bytes:
        """Return the bytes of the file."""
        return self.file.content()


@dataclass(frozen=True)
class CutOut:
    """An RGBA image of the scene's size: straight alpha, and colours without what lies behind soft edges."""

    file: StoredImage

    def read(self, scene: Image) -> Pixels:
        """Return the element (H, W, 4)."""
        image = self.file.image()
        _check_size(self.file, image, scene)
        if image.alpha is None:
            raise InputError(f"{self.file.path}: has no alpha; a foreground should be RGBA, or a grey mask in masks")
        return _with_alpha(image, eight_bit(image.alpha))

    def content(self) -> bytes:
        """Return the bytes of the file."""
        return self.file.content()


@dataclass(frozen=True)
class OwnAlpha:
    """The alpha of the scene's own file, whose colours go on beneath it."""

    name: str

    def read(self, scene: Image) -> Pixels:
        """Return the element (H, W, 4)."""
        if scene.alpha is None:
            raise InputError(
                f"{self.name}: no foreground; there should be a grey mask, masks/NAME.png or NAME.mask.png, an RGBA "
                "image, foregrounds/NAME.png, or alpha in the image itself"
            )
        return _with_alpha(scene, eight_bit(scene.alpha))

    def content(self) -> bytes:
        """Return nothing, for the scene's file decides."""
        return b""


@dataclass(frozen=True)
class Annotated:
    """An instance of an annotation file.

    Attributes:
        name: of the annotation, for messages.
        segmentation: polygons, or runs of pixels with ``counts`` and ``size``, as COCO has them.
        size: height and width of the image that it is of.
    """

    name: str
    segmentation: Any
    size: tuple[int, int]

    def read(self, scene: Image) -> Pixels:
        """Return the element (H, W, 4)."""
        if (scene.height, scene.width) != self.size:
            raise InputError(
                f"{self.name}: is of an image of {self.size[1]} x {self.size[0]} pixels; the file has {scene.width} x "
                f"{scene.height}"
            )
        try:
            if isinstance(self.segmentation, Mapping):
                mask = run_mask(self.segmentation.get("counts", ()), *self.size)
            else:
                mask = polygon_mask(self.segmentation, *self.size)
        except (InputError, TypeError, ValueError) as error:
            told = error if isinstance(error, InputError) else "it should be polygons, or runs with counts and size"
            raise InputError(f"{self.name}: {told}") from error
        return _with_alpha(scene, mask.astype(np.uint8) * 255)

    def content(self) -> bytes:
        """Return the annotation."""
        return json.dumps(self.segmentation, sort_keys=True).encode()


def _with_alpha(image: Image, alpha: Pixels) -> Pixels:
    return np.dstack((eight_bit(image.pixels), alpha))


def _check_size(file: StoredImage, given: Image, scene: Image) -> None:
    if (given.height, given.width) != (scene.height, scene.width):
        raise InputError(
            f"{file.path}: {given.width} x {given.height} pixels; its scene has {scene.width} x {scene.height}, and "
            "both should have the same"
        )
