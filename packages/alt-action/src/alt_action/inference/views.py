"""Views of a clip through the network: the vectors of videos, and the entities of the frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from visioncore.errors import InputError

from ..network.model import ALT
from ..network.output import Regions, VideoOutput
from .frame_cache import TowerFrame
from .frame_tower import Place, joined
from .opened import OpenClip
from .seen import SeenFrame, seen_frames


def watch(network: ALT, regions: Regions) -> VideoOutput:
    """Return the vectors of videos and their entities.

    Args:
        network: sees them.
        regions: of their frames, (B, T).

    Raises:
        InputError: if the vectors are not finite.
    """
    output = network.watch(regions)
    if not output.video.isfinite().all():
        raise InputError("the network's output is not finite; use weights that are, or a higher precision (float32)")
    return output


def look(
    network: ALT, clip: OpenClip, views: Sequence[Sequence[int]], found: Mapping[Place, TowerFrame], crops: int
) -> tuple[Tensor, list[SeenFrame]]:
    """Return the vectors (V, D) of all views and crops, and the entities of the frames, by number.

    Args:
        network: sees them.
        clip: the clip.
        views: numbers of the frames of each.
        found: their frames, as the tower saw them.
        crops: of each frame.

    Raises:
        InputError: if the network's output is not finite.
    """
    videos, seen = [], dict[int, SeenFrame]()
    for view in views:
        for crop in range(crops):
            regions = joined([found[number, crop] for number in view], network.logit_scale.device)
            output = watch(network, regions)
            videos.append(output.video)
            if crop == crops // 2:
                frames = seen_frames(view, clip.times, regions, output, network.config.units)
                seen |= {frame.number: frame for frame in frames}
    return torch.cat(videos), [seen[number] for number in sorted(seen)]


def each_number(views: Sequence[Sequence[int]]) -> list[int]:
    """Return the numbers in views, ascending, each once."""
    return sorted({number for view in views for number in view})


def mean_vector(videos: Tensor) -> NDArray[np.float32]:
    """Return the mean of vectors (V, D), of length 1."""
    return F.normalize(videos.float().mean(dim=0), dim=-1).cpu().numpy()
