"""Segments of images: SLIC, Segment Anything, or any function from an image to ids, and folders of them.

Ids of SLIC and of Segment Anything tell segments of one image apart and mean nothing across images, so that there are
no prototypes of them; a function of one's own may give semantic ids, such as ADE20K's class + 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from visioncore.backbones.sam import read_sam
from visioncore.devices import resolve_device
from visioncore.errors import InputError
from visioncore.extras import require
from visioncore.files import check_writable

from .formats import write_segments
from .frames import Frames

Segmenter = Callable[[NDArray[np.uint8]], NDArray[np.int32]]
"""From an image (H, W, 3) uint8 RGB to the segment of each pixel, (H, W) int32, 0 where there is none."""

_EXTRA = 'pip install "csc-pretrain3d[segments]"'


def slic(
    image: NDArray[np.uint8], *, segments: int = 150, compactness: float = 6.0, sigma: float = 3.0
) -> NDArray[np.int32]:
    """Return superpixels of SLIC (Achanta et al. 2012), by scikit-image; ids begin with 1.

    Args:
        image: (H, W, 3) RGB.
        segments: about as many are made; 30 for VoxelNet as published.
        compactness: how much distance counts beside colour.
        sigma: standard deviation in pixels of the smoothing before.

    Raises:
        InputError: if scikit-image is not installed.
    """
    try:
        from skimage.segmentation import slic as clusters
    except ModuleNotFoundError as error:
        raise InputError(f"scikit-image is not installed, which SLIC needs; run: {_EXTRA}") from error
    found = clusters(image, n_segments=segments, compactness=compactness, sigma=sigma, start_label=1)
    return cast(NDArray[Any], found).astype(np.int32)


class SAMSegmenter:
    """The automatic masks of Segment Anything (Kirillov et al. 2023), small masks over large ones.

    Args:
        model: a ``Sam`` of the package segment-anything.
        device: where it runs.
        options: of its ``SamAutomaticMaskGenerator``; the defaults are the published ones.

    Raises:
        InputError: if segment-anything is not installed.
    """

    def __init__(self, model: Any, device: torch.device | str = "cpu", **options: Any) -> None:
        generator = require("segment_anything", "sam").SamAutomaticMaskGenerator
        self.generator = generator(model.to(device).eval(), **options)

    @classmethod
    def from_published(cls, path: str | Path, device: torch.device | str = "cpu", **options: Any) -> SAMSegmenter:
        """Return the segmenter of a checkpoint of SAM's authors, such as ``sam_vit_h_4b8939.pth``.

        Raises:
            InputError: if it is none, or segment-anything is not installed.
        """
        return cls(read_sam(path), device, **options)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return the segments of an image (H, W, 3), (H, W) from 1, and 0 where there is no mask."""
        found: Sequence[Mapping[str, Any]] = self.generator.generate(image)
        return paint([each["segmentation"] for each in found], (image.shape[0], image.shape[1]))


def segmenter_named(
    method: str, *, weights: str | Path = "", number: int = 150, device: torch.device | str = "cpu"
) -> Segmenter:
    """Return the segmenter of a name, with its published settings.

    Args:
        method: ``slic`` or ``sam``.
        weights: checkpoint of SAM's authors, for sam.
        number: about how many segments slic makes of an image.
        device: where sam runs.

    Raises:
        InputError: if the method is unknown or cannot run, or it is given what belongs to the other.
    """
    if method not in ("slic", "sam"):
        raise InputError(f"method is {method}; it must be slic or sam")
    if bool(weights) != (method == "sam"):
        said = "needs the weights of Segment Anything" if method == "sam" else "takes no weights, which are for sam"
        raise InputError(f"{method} {said}: --sam-weights sam_vit_h_4b8939.pth (or _b, _l) goes with --method sam")
    if method == "sam":
        return SAMSegmenter.from_published(weights, resolve_device(device))
    if not 2 <= number <= 65535:
        raise InputError(f"number is {number}; an image is cut into 2 to 65535 segments")
    return partial(slic, segments=number)


def paint(masks: Sequence[NDArray[np.bool_]], size: tuple[int, int]) -> NDArray[np.int32]:
    """Return masks (H, W) as one map of ids 1 to n, the largest first, so that small ones lie above."""
    ids = np.zeros(size, np.int32)
    by_area = sorted(masks, key=lambda mask: -int(np.count_nonzero(mask)))
    for number, mask in enumerate(by_area, start=1):
        ids[mask] = number
    return ids


def checked(segmenter: Segmenter, image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the segments that any function gives for an image.

    Raises:
        InputError: if they are no integers of 0 or above, one for each pixel.
    """
    ids = np.asarray(segmenter(image))
    if ids.shape != image.shape[:2] or ids.dtype.kind not in "iu" or ids.min() < 0:
        raise InputError(
            f"the segmenter returned {ids.dtype} {ids.shape} for an image {image.shape}; it must return integers "
            f"{image.shape[:2]} of 0 (none) or above"
        )
    return ids.astype(np.int32)


def write_all(
    frames: Frames, segmenter: Segmenter, out: str | Path, advance: Callable[[], object] = lambda: None
) -> int:
    """Write the segments of every image of a data set where the data set looks for them; files that are there stay.

    Args:
        frames: opened without segments.
        segmenter: of images.
        out: the folder that ``segments`` names later.
        advance: called after each frame.

    Returns:
        How many files were written.

    Raises:
        InputError: if an image cannot be read, or a file cannot be written, or no frame has an image.
    """
    folder, seen, written = Path(out), 0, 0
    check_writable(folder)
    for index in range(len(frames)):
        for camera in frames[index].cameras:
            seen += 1
            path = folder / f"{camera.key}.png"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_segments(path, checked(segmenter, camera.image))
                written += 1
        advance()
    if not seen:
        raise InputError("no frame has an image to cut into segments; scans and labels alone cannot be pre-trained on")
    return written
