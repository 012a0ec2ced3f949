"""LPIPS (Zhang et al., 2018): how different two images look, by AlexNet and published weights of its channels."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from visioncore.weights.state_dicts import load_into, read_state_dict

from .areas import Pixels
from .fidelity import resized

SIDE = 64
"""Pixels of a crop's side at least; of smaller ones AlexNet's last layers have no value."""
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""By which RGB in [-1, 1] is normalised."""
WIDTHS = (64, 192, 384, 256, 256)
ENDS = (2, 5, 8, 10, 12)
"""Layers of AlexNet's features behind which they are compared."""


class LPIPS:
    """AlexNet with the weights of its channels.

    Args:
        alexnet: torchvision's file of AlexNet.
        channels: the authors' file ``alex.pth`` of version 0.1.
        device: where it runs.

    Attributes:
        name: to stand beside the numbers.

    Raises:
        InputError: if a file cannot be read or holds something else.
    """

    name = "LPIPS 0.1, AlexNet"

    def __init__(self, alexnet: str | Path, channels: str | Path, device: torch.device | str = "cpu") -> None:
        network = Comparison()
        state = read_state_dict(alexnet)
        load_into(network.features, _below(state, "features."), where=str(alexnet))
        read = read_state_dict(channels)
        names = {name: f"lin{name}.model.1.weight" for name in network.channels.state_dict()}
        weights = {name: read[theirs] for name, theirs in names.items() if theirs in read}
        load_into(network.channels, weights, where=str(channels))
        self._network, self._device = network.to(device).eval(), device

    @torch.inference_mode()
    def __call__(self, image: Pixels, reference: Pixels) -> float:
        """Return the distance of two square images (S, S, 3); those below 64 pixels are upsampled to them."""
        side = max(SIDE, image.shape[0])
        one, other = (
            torch.from_numpy(resized(each, side)).movedim(-1, 0)[None].float().div(127.5).sub(1).to(self._device)
            for each in (image, reference)
        )
        return float(self._network(one, other))


class Comparison(nn.Module):
    """AlexNet's convolutions, and a weight for each channel of five layers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
        )
        self.channels = nn.ParameterList(nn.Parameter(torch.zeros(1, width, 1, 1)) for width in WIDTHS)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the distance (B,) of images (B, 3, H, W) in [-1, 1]."""
        shift, scale = (one.new_tensor(values)[:, None, None] for values in (SHIFT, SCALE))
        one, other = ((each - shift) / scale for each in (one, other))
        total, start = one.new_zeros(len(one)), 0
        for end, weights in zip(ENDS, self.channels, strict=True):
            one, other = (self.features[start:end](each) for each in (one, other))
            difference = (_unit(one) - _unit(other)).square()
            total = total + (difference * weights).sum(dim=1).mean(dim=(1, 2))
            start = end
        return total


def _unit(features: Tensor) -> Tensor:
    """Return features (B, C, h, w) of length 1 along their channels."""
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
