"""Augmentation of pre-training, in the published order: the cloud as a whole, a cuboid of it, and each image.

Everything random is drawn from the generator that is handed in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from visioncore.errors import InputError

from .pairs import PairedFrame, Pairs

Points = NDArray[np.float32]


@dataclass(frozen=True)
class AugmentationConfig:
    """Settings of augmentation; the defaults are the published ones.

    Attributes:
        size: (H, W) of the images that the network gets.
        rotate: turn the cloud about the z axis by any angle.
        flip: mirror x, y and each image with a probability of 0.5 each.
        cuboid: edges of the cuboid that is dropped, at most, as a share of the cloud's extent; 0 for none.
        crop: smallest share of an image's area that is cropped; 1 for the whole image.
        aspects: lowest and highest width by height of a crop.
        least_pairs: of a camera. A cuboid that leaves fewer is not dropped; a crop that leaves so few, and no more than
            three quarters, is drawn again.
        tries: of a crop; after them the whole image is taken.

    Raises:
        InputError: if a value is out of its range.
    """

    size: tuple[int, int] = (224, 416)
    rotate: bool = True
    flip: bool = True
    cuboid: float = 0.2
    crop: float = 0.3
    aspects: tuple[float, float] = (14 / 9, 17 / 9)
    least_pairs: int = 1024
    tries: int = 50

    def __post_init__(self) -> None:
        if min(self.size) < 1 or self.least_pairs < 0 or self.tries < 1:
            raise InputError("size and tries must be at least 1, least_pairs at least 0")
        if not (0 <= self.cuboid <= 1 and 0 < self.crop <= 1 and 0 < self.aspects[0] <= self.aspects[1]):
            raise InputError("cuboid must lie in [0, 1], crop in (0, 1], and aspects be two numbers, the lower first")


PLAIN = AugmentationConfig(rotate=False, flip=False, cuboid=0, crop=1)
"""Nothing but images at the network's size: for prototypes and evaluation."""


class Crop(NamedTuple):
    """A rectangle of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class View:
    """A frame as pre-training sees it once.

    Attributes:
        points: (P, 3) float32 in metres.
        intensity: (P,) float32.
        images: (3, h, w) float32 RGB in [0, 1] of each camera that has pairs.
        segments: (h, w) int32 of each.
        pairs: of each, on pixels of the view, none on segment 0.
    """

    points: Points
    intensity: Points
    images: list[Tensor]
    segments: list[Tensor]
    pairs: list[Pairs]


def augment(frame: PairedFrame, config: AugmentationConfig, rng: np.random.Generator) -> View:
    """Return a view of a frame; its cameras are those that still have pairs.

    Args:
        frame: a scan with its images.
        config: what is done.
        rng: decides.
    """
    points, intensity, pairs = rotate_and_flip(frame.points, config, rng), frame.intensity, list(frame.pairs)
    if config.cuboid:
        kept = drop_cuboid(points, pairs, config, rng)
        points, intensity = points[kept], intensity[kept]
        pairs = [without_points(each, kept) for each in pairs]
    view = View(points, intensity, [], [], [])
    for image, segments, found in zip(frame.images, frame.segments, pairs, strict=True):
        crop = draw_crop(found, (image.shape[0], image.shape[1]), config, rng)
        small, ids = resize(image, segments, crop, config.size)
        found = into_crop(found, crop, config.size)
        if config.flip and rng.random() < 0.5:
            small, ids = small.flip(-1), ids.flip(-1)
            found = found._replace(column=config.size[1] - 1 - found.column)
        found = found.where(ids.numpy()[found.row, found.column] > 0)
        if len(found.point):
            view.images.append(small)
            view.segments.append(ids)
            view.pairs.append(found)
    return view


def rotate_and_flip(points: Points, config: AugmentationConfig, rng: np.random.Generator) -> Points:
    """Return points (P, 3) turned about the z axis and mirrored."""
    matrix = np.eye(3)
    if config.rotate:
        angle = rng.uniform(0, 2 * math.pi)
        cosine, sine = math.cos(angle), math.sin(angle)
        matrix[:2, :2] = [[cosine, -sine], [sine, cosine]]
    if config.flip:
        matrix = np.diag([*rng.choice([-1.0, 1.0], 2), 1.0]) @ matrix
    return (points @ matrix.T.astype(np.float32)).astype(np.float32)


def drop_cuboid(
    points: Points, pairs: Sequence[Pairs], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which points (P,) are left when a cuboid around one of them is dropped.

    All are left where a camera would keep fewer than ``least_pairs`` pairs.
    """
    edges = rng.uniform(0, config.cuboid) * (points.max(axis=0) - points.min(axis=0))
    centre = points[rng.integers(len(points))]
    kept = (np.abs(points - centre) > edges / 2).any(axis=1)
    if any(np.count_nonzero(kept[each.point]) < config.least_pairs for each in pairs):
        return np.ones(len(points), np.bool_)
    return kept


def without_points(pairs: Pairs, kept: NDArray[np.bool_]) -> Pairs:
    """Return the pairs of the points (P,) that are kept, with their places among these."""
    left = pairs.where(kept[pairs.point])
    return left._replace(point=(np.cumsum(kept) - 1)[left.point])


def draw_crop(pairs: Pairs, size: tuple[int, int], config: AugmentationConfig, rng: np.random.Generator) -> Crop:
    """Return a crop of an image of ``size`` (H, W) that keeps enough of the pairs, or the whole image."""
    height, width = size
    whole = Crop(0, 0, height, width)
    if config.crop == 1:
        return whole
    for _ in range(config.tries):
        area = height * width * rng.uniform(config.crop, 1)
        aspect = math.exp(rng.uniform(math.log(config.aspects[0]), math.log(config.aspects[1])))
        h, w = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
        if not (0 < h <= height and 0 < w <= width):
            continue
        crop = Crop(int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w)
        kept = len(into_crop(pairs, crop, config.size).point)
        if kept > config.least_pairs or kept > 0.75 * len(pairs.point):
            return crop
    return whole


def into_crop(pairs: Pairs, crop: Crop, size: tuple[int, int]) -> Pairs:
    """Return the pairs that a crop, resized to (h, w), keeps; pixels are rounded, halves to even numbers."""
    row = np.rint((pairs.row - crop.top) * (size[0] / crop.height)).astype(np.int64)
    column = np.rint((pairs.column - crop.left) * (size[1] / crop.width)).astype(np.int64)
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    return Pairs(pairs.point, row, column).where(inside)


def resize(
    image: NDArray[np.uint8], segments: NDArray[np.int32], crop: Crop, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return a crop of an image, (3, h, w) float32 in [0, 1], and of its segments, (h, w) int32, at another size.

    The image is interpolated bilinearly without a filter before it; segments take the nearest pixel.
    """
    part = np.s_[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    pixels = torch.from_numpy(np.array(image[part])).permute(2, 0, 1)[None].float()
    small = F.interpolate(pixels, size, mode="bilinear", align_corners=False)[0] / 255
    rows, columns = (np.arange(new) * old // new for new, old in zip(size, crop[2:], strict=True))
    ids = np.ascontiguousarray(segments[part][rows[:, None], columns])
    return small, torch.from_numpy(ids)
