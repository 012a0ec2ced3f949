"""Motion of a driving clip on another photo."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from visioncore.errors import InputError

from ..network.animation import Source
from ..network.autoencoder import FlowAutoencoder, MotionCode
from ..network.flow import Motion, relative_affine
from ..network.regions import Regions
from ..network.representation import clip_motion

Mode = Literal["z-relative", "z-absolute", "u"]
MODES: tuple[str, ...] = get_args(Mode)


def transferred(network: FlowAutoencoder, source: Source, first: Tensor, frames: Tensor, mode: Mode) -> Motion:
    """Return the motion that takes a photo through a driving clip.

    Args:
        network: sees both.
        source: the photo.
        first: (1, 3, h, w) first frame of the clip, of the size of ``source.small``.
        frames: (n, 3, h, w) frames of the clip.
        mode: whether regions of the photo move as those of the clip did since its first frame (``z-relative``, for
            things of another shape or place), go to where those of the clip are (``z-absolute``), or each pixel of the
            photo moves as that of the clip does (``u``).
    """
    count = len(frames)
    if mode == "u":
        return clip_motion(network, first, frames)
    small = source.small.expand(count, -1, -1, -1)
    driving = network.region_predictor(frames)
    if mode == "z-absolute":
        code = network.encode_motion(small, frames)
    else:
        code = MotionCode(
            moved(source.regions.expand(count), network.region_predictor(first).expand(count), driving),
            network.bg_predictor(first.expand_as(frames), frames),
        )
    return network.decode_motion(small, source.regions.expand(count), code)


def check_mode(mode: str) -> None:
    """Validate the name of a mode.

    Raises:
        InputError: if there is none of that name.
    """
    if mode not in MODES:
        raise InputError(f"mode is {mode!r}; it must be one of {', '.join(MODES)}")


def moved(source: Regions, first: Regions, driving: Regions) -> Regions:
    """Return the regions of a photo after they have moved as those of a clip did since its first frame.

    Args:
        source: of the photo.
        first: of the clip's first frame.
        driving: of its n frames.
    """
    turned = relative_affine(driving, first, flip_axes=True)
    shift = source.shift + driving.shift - first.shift
    return Regions(shift, turned @ source.covar @ turned.mT, turned @ source.affine, torch.zeros_like(source.heatmap))
