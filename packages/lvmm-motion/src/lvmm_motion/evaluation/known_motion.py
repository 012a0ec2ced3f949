"""Errors of flow, of made-up clips, whose motion is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError

from ..data.clips import Clip
from ..data.synthetic import Swinging
from ..inference.motions import Motions
from ..network.grids import identity_grid
from .baselines import flows_from_first
from .metrics import end_point_error
from .scores import MADE


def check_known(clips: Sequence[Clip]) -> None:
    """Validate that the motion of clips is known.

    Raises:
        InputError: naming the first of which it is not.
    """
    for clip in clips:
        if not isinstance(clip.source, Swinging):
            raise InputError(f"{clip.name}: its motion is not known; flow is measured on made-up clips")


def flow_of(motion: Motions) -> Tensor:
    """Return where each pixel of all frames comes from, (n, h, w, 2) in float32 on the CPU."""
    return torch.cat([found.flow.float() for found in motion.chunks(8, (64, 64), torch.device("cpu"))])


def flow_errors(clip: Clip, numbers: Sequence[int], frames: Tensor, flow: Tensor) -> dict[str, float]:
    """Return the mean end-point error in pixels of the clip, of a flow and of the baselines.

    Args:
        clip: a made-up one.
        numbers: of its frames; the first is the one that flow points into, and not measured.
        frames: these, (n, 3, H, W) in [0, 1].
        flow: (n, h, w, 2) where each pixel of them comes from, from -1 to 1.
    """
    assert isinstance(clip.source, Swinging)
    known = [clip.source.motion(number, numbers[0]) for number in numbers[1:]]
    places, seen = (torch.from_numpy(np.stack(each)) for each in zip(*known, strict=True))
    height, width = frames.shape[2:]
    grid = identity_grid(height, width, like=places)
    steps = torch.tensor([2 / (width - 1), 2 / (height - 1)])
    flows = {
        MADE: flow[1:],
        "still": grid.expand(len(places), -1, -1, -1),
        "farneback": grid + flows_from_first(frames)[1:] * steps,
    }
    return {maker: float(end_point_error(each, places, seen).mean()) for maker, each in flows.items()}
