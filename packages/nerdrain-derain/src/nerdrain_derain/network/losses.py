"""The training losses: four terms over three scales against a Gaussian pyramid of the clean image (paper, 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .layers import nearest_down
from .model import Restored

WEIGHTS = {"charbonnier": 1.0, "frequency": 0.01, "edge": 0.05, "inr": 0.1}
"""The published weights of the terms."""

_PYRAMID_TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_LAPLACE_TAPS = (0.05, 0.25, 0.4, 0.25, 0.05)


def blur(image: Tensor, taps: tuple[float, ...], border: str) -> Tensor:
    """Filter rows and columns of (B, C, H, W) with five ``taps``; ``border`` as for `torch.nn.functional.pad`."""
    channels, reach = image.shape[1], len(taps) // 2
    kernel = image.new_tensor(taps)
    image = F.pad(image, [reach] * 4, mode=border)
    image = F.conv2d(image, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(image, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)


def gaussian_pyramid(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a clean image (B, C, H, W) at full, half and quarter scale, low-passed before each halving."""
    half = F.avg_pool2d(blur(image, _PYRAMID_TAPS, "reflect"), 2)
    return image, half, F.avg_pool2d(blur(half, _PYRAMID_TAPS, "reflect"), 2)


def laplacian(image: Tensor) -> Tensor:
    """Return the Laplacian of an image (B, C, H, W), its edges: the image minus a blur of every second pixel."""
    sparse = torch.zeros_like(image)
    sparse[..., ::2, ::2] = 4 * nearest_down(blur(image, _LAPLACE_TAPS, "replicate"), 2)
    return image - blur(sparse, _LAPLACE_TAPS, "replicate")


def charbonnier(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean of sqrt(difference^2 + 1e-6), a scalar."""
    return torch.sqrt((output - target) ** 2 + 1e-6).mean()


def frequency(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean modulus of the difference of the unnormalised 2-D Fourier transforms, a scalar."""
    return torch.fft.fft2(output - target).abs().mean()


def edge(output: Tensor, target: Tensor) -> Tensor:
    """Return the Charbonnier distance between the Laplacians, a scalar."""
    return charbonnier(laplacian(output), laplacian(target))


def training_losses(restored: Restored, clean: Tensor) -> dict[str, Tensor]:
    """Return the weighted terms, whose sum is minimised.

    Computed in float32 or better whatever the precision of the network: the Fourier sums leave a half's range.

    Args:
        restored: the network's outputs for the rainy images.
        clean: the clean images (B, 3, H, W) in [0, 1].
    """
    with torch.autocast(clean.device.type, enabled=False):
        return _exact_losses(restored, clean)


def _exact_losses(restored: Restored, clean: Tensor) -> dict[str, Tensor]:
    clean = clean if clean.dtype == torch.float64 else clean.float()
    targets = gaussian_pyramid(clean)
    outputs = [output.to(clean.dtype) for output in (restored.full, restored.half, restored.quarter)]
    terms = {
        name: sum((term(o, t) for o, t in zip(outputs, targets, strict=True)), clean.new_zeros(()))
        for name, term in (("charbonnier", charbonnier), ("frequency", frequency), ("edge", edge))
    }
    firsts = [(restored.first_half, targets[1]), (restored.first_quarter, targets[2])]
    pairs = [(first.to(clean.dtype), target) for first, target in firsts if first is not None]
    if pairs:
        terms["inr"] = sum((F.l1_loss(first, target) for first, target in pairs), clean.new_zeros(()))
    return {name: WEIGHTS[name] * term for name, term in terms.items()}
