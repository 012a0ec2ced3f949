"""Measures of images: each looks at an image once, by one network or by none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from visioncore.backbones.clip_embedding import ClipEmbedder

from .areas import Mask, Pixels, covered, inside, opaque
from .duplication import Judge, copy_likeness, name_margin, without_foreground
from .expansion import expansion
from .fidelity import crop_of, psnr_inside, ssim_inside
from .harmony import colour_harmony, gradient_jump
from .lpips import LPIPS
from .object_masks import Finder
from .vectors import ImageVectors

PIXELS = "pixels"
"""Stands in place of a network where none is needed."""

METRICS: Mapping[str, str] = {
    "expansion_pixels": "lower",
    "expansion_percent": "lower",
    "psnr": "higher",
    "ssim": "higher",
    "lpips": "lower",
    "clip_similarity": "higher",
    "dino_similarity": "higher",
    "copy_likeness": "lower",
    "name_margin": "lower",
    "judged_copies": "lower",
    "colour_mean": "lower",
    "colour_covariance": "lower",
    "gradient_jump": "nearer 1",
    "text_alignment": "higher",
    "frechet_distance": "lower",
}
"""Metric -> which is better."""


@dataclass(frozen=True)
class Shown:
    """An image, and what it was asked to show.

    Attributes:
        image: (H, W, 3) RGB.
        foreground: (H, W, 4) RGB with straight alpha, as it was given.
        name: of the foreground.
        prompt: the whole one.
        scene: the prompt without the name.
    """

    image: Pixels
    foreground: Pixels
    name: str
    prompt: str
    scene: str


class Measure(Protocol):
    """Metrics of an image, by one network."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of its values."""

    @property
    def name(self) -> str:
        """The network, to stand beside its values."""

    def __call__(self, shown: Shown) -> dict[str, float]:
        """Return metric -> value."""


class Growth:
    """How far the foreground grew.

    Args:
        finder: of the object that is there now.
        name: of the finder.
    """

    metrics = ("expansion_pixels", "expansion_percent")

    def __init__(self, finder: Finder, name: str) -> None:
        self._finder, self.name = finder, name

    def __call__(self, shown: Shown) -> dict[str, float]:
        found = expansion(self._finder(shown.image, shown.foreground, shown.name), covered(shown.foreground))
        return {"expansion_pixels": found.pixels, "expansion_percent": 100 * found.fraction}


class Fidelity:
    """Whether the foreground's pixels are those that were given, where it is opaque."""

    metrics = ("psnr", "ssim")
    name = PIXELS

    def __call__(self, shown: Shown) -> dict[str, float]:
        mask, given = _solid(shown.foreground), shown.foreground[..., :3]
        return {"psnr": psnr_inside(shown.image, given, mask), "ssim": ssim_inside(shown.image, given, mask)}


class Perception:
    """How different the foreground looks, by LPIPS of its crop.

    Args:
        lpips: the network.
    """

    metrics = ("lpips",)

    def __init__(self, lpips: LPIPS) -> None:
        self._lpips, self.name = lpips, lpips.name

    def __call__(self, shown: Shown) -> dict[str, float]:
        image, given = _crops(shown)
        return {"lpips": self._lpips(image, given)}


class Likeness:
    """How near the foreground's crop is to the one that was given, by vectors of a network such as DINO.

    Args:
        vectors: the network.
    """

    metrics = ("dino_similarity",)

    def __init__(self, vectors: ImageVectors) -> None:
        self._vectors, self.name = vectors, vectors.name

    def __call__(self, shown: Shown) -> dict[str, float]:
        return {"dino_similarity": _cosine(*self._vectors(_crops(shown)))}


class Copies:
    """How much the likeliest place outside the foreground looks like it."""

    metrics = ("copy_likeness",)
    name = PIXELS

    def __call__(self, shown: Shown) -> dict[str, float]:
        return {"copy_likeness": copy_likeness(shown.image, shown.foreground)}


class JudgedCopies:
    """How surely a judge sees the foreground's name in the image without the foreground.

    Args:
        judge: such as a classifier of the names.
        name: of the judge.
    """

    metrics = ("judged_copies",)

    def __init__(self, judge: Judge, name: str) -> None:
        self._judge, self.name = judge, name

    def __call__(self, shown: Shown) -> dict[str, float]:
        scene = without_foreground(shown.image, covered(shown.foreground))
        return {"judged_copies": float(self._judge(scene, shown.name))}


class Harmony:
    """Whether foreground and scene have colours in common, and whether a seam is seen."""

    metrics = ("colour_mean", "colour_covariance", "gradient_jump")
    name = PIXELS

    def __call__(self, shown: Shown) -> dict[str, float]:
        mask = inside(shown.foreground)
        found = colour_harmony(shown.image, mask)
        jump = gradient_jump(shown.image, mask)
        return {"colour_mean": found.mean, "colour_covariance": found.covariance, "gradient_jump": jump}


class ClipMeasure:
    """Metrics of an image by CLIP, as far as they are asked for.

    Args:
        embed: a CLIP.
        metrics: of `CLIP_METRICS`.
        real: photos to compare all images with; None for none.

    Attributes:
        vectors: (D,) of the images that were looked at, in their order, where the alignment with the text is measured.
        real: (N, D) of the photos; None for none.
    """

    def __init__(self, embed: ClipEmbedder, metrics: tuple[str, ...], real: Iterable[Pixels] | None = None) -> None:
        self._embed, self.name = embed, embed.name
        self.metrics = metrics
        self.real = None if real is None else embed.images(real)
        self.vectors: list[Tensor] = []
        self._texts: dict[str, Tensor] = {}

    def __call__(self, shown: Shown) -> dict[str, float]:
        values: dict[str, float] = {}
        if "clip_similarity" in self.metrics:
            values["clip_similarity"] = _cosine(*self._embed.images(_crops(shown)))
        if "name_margin" in self.metrics:
            scene = self._embed.images([without_foreground(shown.image, covered(shown.foreground))])
            margin = name_margin(scene, self._text(shown.name)[None], self._text(shown.scene)[None])
            values["name_margin"] = float(margin)
        if "text_alignment" in self.metrics:
            (seen,) = self._embed.images([shown.image])
            self.vectors.append(seen)
            values["text_alignment"] = _cosine(seen, self._text(shown.prompt))
        return values

    def _text(self, text: str) -> Tensor:
        if text not in self._texts:
            self._texts[text] = self._embed.texts([text])[0]
        return self._texts[text]


CLIP_METRICS: Mapping[str, str] = {
    "fidelity": "clip_similarity",
    "duplication": "name_margin",
    "scene": "text_alignment",
}
"""Protocol -> what CLIP measures of it."""


def _solid(foreground: Pixels) -> Mask:
    """Return where a foreground is opaque, or where it is seen most if it is nowhere."""
    solid = opaque(foreground)
    return solid if solid.any() else np.asarray(foreground[..., 3] == foreground[..., 3].max())


def _crops(shown: Shown) -> list[Pixels]:
    """Return the crop of the foreground in the image, and of the one that was given."""
    mask = inside(shown.foreground) if inside(shown.foreground).any() else covered(shown.foreground)
    return [crop_of(image, mask) for image in (shown.image, shown.foreground[..., :3])]


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(functional.cosine_similarity(one.to(torch.float64), other.to(torch.float64), dim=0))
