"""A judge of drawn scenes: a small network, trained apart from what it judges, that says what each pixel shows.

It is for scenes of known things, such as those that the demo weights were trained on. There it finds what grew beyond
an outline and where a second thing stands, which colours alone cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from visioncore.configs import check_most
from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained

Bools = NDArray[np.bool_]
LEAST_COPY = 0.25
"""Share of a thing's own area that counts as a second one."""


@dataclass(frozen=True)
class SceneJudgeConfig:
    """Configuration of a judge.

    Attributes:
        names: of the things; what is none of them is a class of its own.
        width: channels of the first maps; those of half and a quarter of the sides have two and three times as many.

    Raises:
        InputError: if a value is out of its range.
    """

    names: tuple[str, ...]
    width: int = 24

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names) or self.width < 1:
            raise InputError(f"{len(self.names)} names and width {self.width}; names must differ, both be at least 1")
        check_most(self, width=1024)


class SceneJudge(Pretrained):
    """A convolutional network that names what each pixel of a scene shows.

    Args:
        config: its shape and the names of the things; weights are random until loaded or trained.
    """

    config_class = SceneJudgeConfig
    config: SceneJudgeConfig

    def __init__(self, config: SceneJudgeConfig) -> None:
        super().__init__()
        self.config = config
        full, half, quarter = config.width, 2 * config.width, 3 * config.width
        self.fine = _block(3, full)
        self.middle = _block(full, half)
        self.coarse = nn.Sequential(_block(half, quarter), _block(quarter, quarter, dilation=2))
        self.wide = _block(quarter, quarter, dilation=4)
        self.up_middle = _block(quarter + half, half)
        self.up_fine = _block(half + full, full)
        self.head = nn.Conv2d(full, len(config.names) + 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> logits (B, 1 + things, H, W), the first for what is none of the things.

        Raises:
            InputError: if the sides are no multiples of 4.
        """
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % 4 or images.shape[3] % 4:
            raise InputError(f"images are {tuple(images.shape)}; they must be (B, 3, H, W), H and W multiples of 4")
        full = self.fine(images - 0.5)
        half = self.middle(functional.max_pool2d(full, 2))
        quarter = self.wide(self.coarse(functional.max_pool2d(half, 2)))
        half = self.up_middle(torch.cat((functional.interpolate(quarter, scale_factor=2.0), half), dim=1))
        full = self.up_fine(torch.cat((functional.interpolate(half, scale_factor=2.0), full), dim=1))
        logits: Tensor = self.head(full)
        return logits

    @torch.inference_mode()
    def shown(self, images: NDArray[np.uint8]) -> Bools:
        """Return where images (N, H, W, 3) show any of the things, (N, H, W)."""
        given = torch.from_numpy(np.ascontiguousarray(images)).movedim(-1, 1).to(self.head.weight) / 255
        nothing = torch.cat([self(part).softmax(dim=1)[:, 0] for part in given.split(64)])
        return (nothing < 0.5).cpu().numpy()


def grown(shown: Bools, mask: Bools) -> Bools:
    """Return the pixels (H, W) outside of a mask that show a thing and are connected with it."""
    _, labels = cv2.connectedComponents((shown | mask).astype(np.uint8), connectivity=8)
    own = np.isin(labels, np.unique(labels[mask]))
    return own & ~mask


def second_copy(shown: Bools, mask: Bools) -> bool:
    """Return whether a second thing stands beside the one in the mask (H, W)."""
    apart = shown & ~mask & ~grown(shown, mask)
    count, _, stats, _ = cv2.connectedComponentsWithStats(apart.astype(np.uint8), connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    return bool(len(areas)) and float(areas.max()) >= LEAST_COPY * float(mask.sum())


def _block(before: int, after: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )
