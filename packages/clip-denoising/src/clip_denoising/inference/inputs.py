"""Inputs of the predictor and how they are recognised: images and CT, as files or as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from visioncore.errors import InputError
from visioncore.images import IMAGE_SUFFIXES, Image
from visioncore.inference.image_inputs import GivenImage, Range, is_pillow
from visioncore.inference.image_inputs import as_image as given_image
from visioncore.medical import Volume, as_volume

from ..data.ct import CT_SCANS, as_hounsfield, axial, read_ct

if TYPE_CHECKING:
    from numpy.typing import NDArray

Noisy: TypeAlias = "GivenImage | Volume"
"""Types of input: a file (for CT also a folder), an image (of Pillow too), a volume, or an array; of CT images of
nibabel and SimpleITK too."""


def as_image(noisy: Noisy, range: Range | None = None) -> Image:
    """Return an image from a file, an image of Pillow or an array, whose ``range`` may be said.

    Raises:
        InputError: if it cannot be read, is CT, or is no image.
    """
    if isinstance(noisy, Volume) or (isinstance(noisy, str | Path) and CT_SCANS.knows(Path(noisy))):
        name = noisy.name if isinstance(noisy, Volume) else noisy
        raise InputError(f"{name}: a CT scan, but this network takes RGB images; load weights for CT")
    return given_image(noisy, range)


def as_scan(
    noisy: Noisy,
    series: str | None = None,
    *,
    order: str | None = None,
    affine: NDArray[Any] | None = None,
    skip_damaged: bool = False,
) -> Volume:
    """Return a CT volume from a file, a folder, or what is in the memory; see `visioncore.medical.as_volume`.

    Raises:
        InputError: if it cannot be read, is an image, or is no CT volume.
    """
    if (
        isinstance(noisy, Image)
        or is_pillow(noisy)
        or (isinstance(noisy, str | Path) and Path(noisy).suffix.lower() in IMAGE_SUFFIXES)
    ):
        name = noisy if isinstance(noisy, str | Path) else "this"
        raise InputError(f"{name}: an image, but this network takes CT; load weights for RGB images")
    if isinstance(noisy, str | Path):
        return read_ct(noisy, series=series, skip_damaged=skip_damaged)
    volume = as_volume(noisy, order=order, affine=affine)
    return as_hounsfield(volume if volume is noisy else axial(volume))
