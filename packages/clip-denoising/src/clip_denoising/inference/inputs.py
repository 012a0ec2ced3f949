"""What can be given to be denoised, and how it is told apart: pictures and CT, as files or as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from visioncore.errors import InputError
from visioncore.images import IMAGE_SUFFIXES, Image, read_image
from visioncore.medical import Volume

from ..data.ct import CT_SCANS, as_hounsfield, as_volume, read_ct

if TYPE_CHECKING:
    from numpy.typing import NDArray

Noisy: TypeAlias = "str | Path | Image | Volume | NDArray[Any]"
"""What can be given: a file (for CT also a folder), a picture, a volume, or an array."""


def as_picture(noisy: Noisy) -> Image:
    """Return a picture from a file or an array.

    Raises:
        InputError: if it cannot be read, is CT, or is no picture.
    """
    if isinstance(noisy, Image):
        return noisy
    if isinstance(noisy, Volume) or (isinstance(noisy, str | Path) and CT_SCANS.knows(Path(noisy))):
        name = noisy.name if isinstance(noisy, Volume) else noisy
        raise InputError(f"{name}: a CT scan, but this network takes RGB pictures; load weights for CT")
    if isinstance(noisy, str | Path):
        return read_image(noisy)
    pixels: Any = np.asarray(noisy)
    if np.issubdtype(pixels.dtype, np.floating):
        raise InputError(
            f"an array of {pixels.dtype} may mean any range; give uint8 or uint16, or a tensor (B, 3, H, W) with "
            "values in [0, 1] to denoise()"
        )
    if pixels.ndim == 2:
        return Image(np.repeat(pixels[..., None], 3, axis=2), grey=True)
    if pixels.ndim == 3 and pixels.shape[2] != 3:
        raise InputError(f"a picture of {pixels.shape[2]} channels; it must be (H, W, 3) RGB or (H, W) grey")
    return Image(pixels)


def as_scan(noisy: Noisy, series: str | None = None) -> Volume:
    """Return a CT volume from a file, a folder or an array.

    Raises:
        InputError: if it cannot be read, is a picture, or is no CT volume.
    """
    if isinstance(noisy, Volume):
        return as_hounsfield(noisy)
    if isinstance(noisy, Image) or (isinstance(noisy, str | Path) and Path(noisy).suffix.lower() in IMAGE_SUFFIXES):
        name = "this" if isinstance(noisy, Image) else noisy
        raise InputError(f"{name}: a picture, but this network takes CT; load weights for RGB pictures")
    return read_ct(noisy, series=series) if isinstance(noisy, str | Path) else as_volume(np.asarray(noisy))
