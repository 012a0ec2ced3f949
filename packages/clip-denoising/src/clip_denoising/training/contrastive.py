"""Encoders without captions: contrastive learning from two views of each photo (SimCLR, Chen et al., ICML 2020).

CLIP's weights are published for its own sizes alone. A smaller tower, or one for other images, is trained by this
instead: like CLIP it learns from clean images what is in them, and never sees noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncore.backbones.clip import EXPANSION, STAGES, CLIPResNet, CLIPResNetConfig
from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained

from ..network.config import check_tower

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

LEAST_AREA = 0.2
"""Of a view, as a share of the largest square in the photo."""
JITTER, JITTERED = 0.4, 0.8
"""How far brightness, contrast and saturation go from 1, and how often."""
GREY, BLURRED = 0.2, 0.5
"""How often a view loses its colours, and its sharpness."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in a grey."""


@dataclass(frozen=True)
class ContrastiveConfig:
    """The tower and its projection head.

    Attributes:
        width: channels of the tower's stem.
        blocks: bottlenecks in its four stages.
        embedding: numbers that a view is compared by.

    Raises:
        InputError: if one of them cannot be.
    """

    width: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    embedding: int = 128

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        check_tower(self.width, self.blocks)
        if self.embedding < 1:
            raise InputError(f"embedding is {self.embedding}; it must be at least 1")


class ContrastiveTower(Pretrained):
    """An image tower and the head it is trained through; the tower's tensors are named ``visual.``, as in CLIP.

    Args:
        config: the settings.
    """

    config_class = ContrastiveConfig
    config: ContrastiveConfig

    def __init__(self, config: ContrastiveConfig) -> None:
        super().__init__()
        self.config = config
        self.visual = CLIPResNet(CLIPResNetConfig(config.width, config.blocks))
        channels = EXPANSION * config.width * 2 ** (STAGES - 1)
        self.head = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, config.embedding))
        self.to(memory_format=torch.channels_last)

    def forward(self, views: Tensor) -> Tensor:
        """Return the embeddings (B, embedding), of length 1, of views (B, 3, H, W) in [0, 1]."""
        coarsest = self.visual(views.contiguous(memory_format=torch.channels_last))[-1]
        return F.normalize(self.head(coarsest.mean((2, 3))), dim=1)


def contrastive_loss(embeddings: Tensor, temperature: float) -> Tensor:
    """Return the mean loss of finding, for each view among all others, the one of the same photo (NT-Xent).

    Args:
        embeddings: (2B, D) of length 1; 2i and 2i + 1 are of the same photo.
        temperature: the lower, the more the most alike of the others count.
    """
    likeness = embeddings @ embeddings.T / temperature
    likeness.fill_diagonal_(-torch.inf)
    partner = torch.arange(len(embeddings), device=embeddings.device) ^ 1
    return F.cross_entropy(likeness, partner)


class Views:
    """Two views of each photo, a `visioncore.training.SampleSource`.

    Args:
        photos: files.
        side: of the square views, in pixels.
        read: file -> (H, W, 3) 8-bit RGB.
    """

    def __init__(self, photos: Sequence[Path], side: int, read: Callable[[Path], NDArray[np.uint8]]) -> None:
        self.photos, self.side, self.read = photos, side, read

    def __len__(self) -> int:
        return len(self.photos)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return ``views`` (2, 3, side, side) float32 in [0, 1]."""
        pixels = self.read(self.photos[index])
        views = np.stack([random_view(pixels, self.side, rng) for _ in range(2)])
        return {"views": torch.from_numpy(views.transpose(0, 3, 1, 2).copy())}


def random_view(pixels: NDArray[np.uint8], side: int, rng: np.random.Generator) -> Floats:
    """Return a view of a photo: a square of it, resized, and perhaps mirrored, in other colours, grey or blurred.

    Args:
        pixels: the photo, (H, W, 3) 8-bit RGB.
        side: of the view.
        rng: draws all that.

    Returns:
        (side, side, 3) float32 in [0, 1].
    """
    import cv2

    shorter = min(pixels.shape[:2])
    length = max(1, round(shorter * float(np.sqrt(rng.uniform(LEAST_AREA, 1)))))
    top, left = (int(rng.integers(whole - length + 1)) for whole in pixels.shape[:2])
    square = pixels[top : top + length, left : left + length]
    downsamples = length > side
    view = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if downsamples else cv2.INTER_LINEAR)
    view = view.astype(np.float32) / np.float32(255)
    if rng.random() < 0.5:
        view = view[:, ::-1]
    if rng.random() < JITTERED:
        brightness, contrast, saturation = rng.uniform(1 - JITTER, 1 + JITTER, 3).astype(np.float32)
        view = view * brightness
        view = (view - view.mean()) * contrast + view.mean()
        grey = (view @ LUMA)[..., None]
        view = grey + (view - grey) * saturation
    if rng.random() < GREY:
        view = np.repeat((view @ LUMA)[..., None], 3, axis=2)
    if rng.random() < BLURRED:
        view = cv2.GaussianBlur(view, (0, 0), float(rng.uniform(0.1, 2)))
    return np.clip(view, 0, 1)
