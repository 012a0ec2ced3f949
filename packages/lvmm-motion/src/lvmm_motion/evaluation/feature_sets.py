"""Fréchet distances of sets of clips, whose features are gathered clip by clip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from visioncore.errors import InputError

from .feature_networks import VIDEO_FRAMES, Network, image_features, video_features
from .metrics import frechet_distance

LONG = 150
"""Frames that a clip has at least to count for ``fvd_long``."""
_REAL = ""
Features = NDArray[np.float64]


class FeatureSets:
    """Features of real clips and of what is compared with them.

    Args:
        networks: ``fvd`` and ``fid``, as far as they are wanted.
    """

    def __init__(self, networks: Mapping[str, Network]) -> None:
        self._networks = networks
        self._found: dict[str, dict[str, list[Features]]] = defaultdict(lambda: defaultdict(list))

    def add(self, made: Mapping[str, Tensor], real: Tensor) -> None:
        """Add a clip.

        Args:
            made: who made them -> frames (n, 3, H, W) in [0, 1].
            real: as many real ones.
        """
        for maker, frames in {_REAL: real, **made}.items():
            if "fvd" in self._networks and len(frames) >= VIDEO_FRAMES:
                parts = video_features(self._networks["fvd"], frames)
                self._found["fvd"][maker].append(parts)
                if len(frames) >= LONG:
                    self._found["fvd_long"][maker].append(parts.mean(axis=0, keepdims=True))
            if "fid" in self._networks:
                # the first frame is given
                self._found["fid"][maker].append(image_features(self._networks["fid"], frames[1:]))

    def distances(self) -> dict[str, dict[str, float]]:
        """Return the Fréchet distance from the real clips: metric -> who made the frames -> value.

        Raises:
            InputError: if there are too few clips, or features are not finite.
        """
        if "fvd" in self._networks and "fvd" not in self._found:
            raise InputError(f"no clip has {VIDEO_FRAMES} frames, which FVD needs")
        return {
            metric: {
                maker: frechet_distance(np.concatenate(rows), np.concatenate(by_maker[_REAL]))
                for maker, rows in by_maker.items()
                if maker != _REAL
            }
            for metric, by_maker in self._found.items()
            if metric != "fvd_long" or len(by_maker[_REAL]) > 1
        }

    def samples(self) -> dict[str, int]:
        """Return how many features of real clips there are, by metric."""
        return {metric: sum(map(len, by_maker[_REAL])) for metric, by_maker in self._found.items()}
