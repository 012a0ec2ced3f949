"""The output of a network for each point of a scan."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class PointOutputs(NamedTuple):
    """The output of a network for the points of a scan, in their order; zeros for points outside its grid.

    Attributes:
        outputs: of the network (P, C): logits of classes, or features.
        features: what the last layer is given (P, F); for a network without classes its outputs.
        inside: whether each point is inside the grid (P,).
        panoptic: class and instance of each point (P, 2), instance 0 for none; None unless the network is panoptic.
    """

    outputs: Tensor
    features: Tensor
    inside: NDArray[np.bool_]
    panoptic: NDArray[np.int64] | None = None
