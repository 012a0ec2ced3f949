"""The networks that measure images: each looks at an image once, and compares it with any of the styles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from visioncore.backbones.clip_embedding import ClipEmbedder
from visioncore.errors import InputError
from visioncore.images import eight_bit, on_white, read_image

from .alignment import content_leak, style_alignment, text_alignment
from .distances import StyleDistances
from .plan import Plan

Pixels = NDArray[np.uint8]
LEAST = 16
"""Pixels of the shorter side; of smaller images the deepest layer of VGG-19 has no value."""
Compare = Callable[[str], dict[str, float]]
"""Name of a style -> metric -> value of the image that was looked at."""


class Measure(Protocol):
    """Metrics of an image, by one network."""

    metrics: ClassVar[tuple[str, ...]]
    name: str

    def __call__(self, image: Pixels, prompt: int) -> Compare:
        """Look at an RGB image (H, W, 3) that was made of the prompt of a number, counted from 1."""


class ClipMeasure:
    """Cosines of images with their prompts, with the references of a style and with their captions.

    Args:
        embed: a CLIP.
        plan: its prompts and styles.

    Raises:
        InputError: if a reference cannot be read.
    """

    metrics: ClassVar[tuple[str, ...]] = ("text_alignment", "style_alignment", "content_leak")

    def __init__(self, embed: ClipEmbedder, plan: Plan) -> None:
        self._embed, self.name = embed, embed.name
        self._prompts = embed.texts(plan.prompts)
        self._references = {style.name: embed.images(map(read_pixels, style.images)) for style in plan.styles}
        self._captions = {style.name: embed.texts(style.captions) for style in plan.styles if style.captions}

    def __call__(self, image: Pixels, prompt: int) -> Compare:
        seen = self._embed.images([image])

        def compare(style: str) -> dict[str, float]:
            values = {
                "text_alignment": text_alignment(seen, self._prompts[prompt - 1 : prompt]),
                "style_alignment": style_alignment(seen, self._references[style]),
            }
            if style in self._captions:
                values["content_leak"] = content_leak(seen, self._captions[style])
            return {metric: float(value) for metric, value in values.items()}

        return compare


class VGGMeasure:
    """Distances of images from the references of a style.

    Args:
        distances: a VGG-19.
        plan: its styles.

    Raises:
        InputError: if a reference cannot be read.
    """

    metrics: ClassVar[tuple[str, ...]] = ("gram_distance", "statistics_distance")

    def __init__(self, distances: StyleDistances, plan: Plan) -> None:
        self._distances, self.name = distances, distances.name
        self._references = {
            style.name: [distances.features(read_pixels(image)) for image in style.images] for style in plan.styles
        }

    def __call__(self, image: Pixels, prompt: int) -> Compare:
        seen = self._distances.features(image)

        def compare(style: str) -> dict[str, float]:
            references = self._references[style]
            return {
                "gram_distance": self._distances.gram_distance(seen, references),
                "statistics_distance": self._distances.statistics_distance(seen, references),
            }

        return compare


def read_pixels(path: Path) -> Pixels:
    """Return the image of a file as RGB (H, W, 3) of 8 bits, on white where it is transparent.

    Raises:
        InputError: if it cannot be read, or is smaller than 16 x 16 pixels.
    """
    pixels = eight_bit(on_white(read_image(path)).pixels)
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST:
        raise InputError(f"{path}: {width} x {height} pixels; at least {LEAST} x {LEAST} are needed to compare styles")
    return pixels
