"""The network as a whole, as the paper's figure shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from torch import Tensor

from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import load_into

from .config import CSCConfig
from .gain import ChannelGain
from .published import read_published


class CSC(Pretrained):
    """The network of the paper.

    Example:
        >>> image = torch.rand(1, 3, 48, 64)
        >>> CSC().eval()(image).shape
        torch.Size([1, 3, 48, 64])
    """

    config_class = CSCConfig

    def __init__(self, config: CSCConfig | None = None) -> None:
        super().__init__()
        self.config = config or CSCConfig()
        self.gain = ChannelGain(self.config.channels)

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Return the network with the weights of the authors' checkpoint, in evaluation mode.

        Raises:
            InputError: if the file cannot be read or does not fit.
        """
        model = cls()
        load_into(model, read_published(path), where=str(path))
        return model.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Return bright images (B, C, H, W), not clamped.

        Args:
            image: (B, C, H, W) with values in [0, 1]; C is 3 (RGB) in the published network.

        Raises:
            InputError: if the shape is another.
        """
        if image.ndim != 4 or image.shape[1] != self.config.channels:
            raise InputError(f"image has shape {tuple(image.shape)}; it must be (B, {self.config.channels}, H, W)")
        bright: Tensor = self.gain(image)
        return bright
