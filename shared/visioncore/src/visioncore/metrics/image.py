"""PSNR and SSIM under named protocols: one implementation of each, and the protocols as data.

Two published numbers are comparable only when colour, rounding, borders and window agree, so every value carries the
name of its protocol (``psnr_y_A``) and there is no default one:

========== ===================================================================================================
name       what is compared
========== ===================================================================================================
y_A        luminance of 8-bit images rounded to 8 bit (Rain200L, Rain200H, SPA-Data)
y_B        luminance of 8-bit images, unrounded; large images are downsampled before the SSIM (DID-Data, DDN-Data)
rgb        the 8-bit images as they are, all channels
colour     all channels, not rounded to 8 bit (synthetic noise; the PSNR is the usual validation PSNR of peak 1)
ct         Hounsfield units of stored values in which 0 is -1024 HU and 1 is 3072 HU; zero-padded SSIM window
ct_3096    the same with 1 read as 3096 HU: the published low-dose CT tables (up to 0.05 dB lower)
========== ===================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from .protocols import by_name, resolve

WINDOW = 11
STRIP = 2**17
"""Numbers of an image that are compared at a time."""
_SIGMA = 1.5


@dataclass(frozen=True)
class Protocol:
    """How PSNR and SSIM of a pair of images are computed.

    Attributes:
        name: what reports append to ``psnr_`` and ``ssim_``.
        compares: ``"luminance"`` (BT.601 Y, 16 to 235; one-channel images as they are), ``"channels"`` (each as it
            is), or ``"hounsfield"`` (CT values, cut to -1024 to 3072 HU).
        peak: the largest value, in the unit of what is compared: 255, or 4096 HU.
        eight_bit: the images are rounded to 8 bit first (half to even), as if they had been saved and read again.
        rounded: the compared values are rounded to whole numbers (half away from zero).
        downsampled: before the SSIM, by f = round(shorter side / 256), half up, where that exceeds 1.
        zero_padded: the SSIM window also stands on border pixels, with zeros outside; otherwise only where it fits.
        hu_max: for ``"hounsfield"``, the HU that a stored value of 1 means.
    """

    name: str
    compares: Literal["luminance", "channels", "hounsfield"]
    peak: float = 255.0
    eight_bit: bool = False
    rounded: bool = False
    downsampled: bool = False
    zero_padded: bool = False
    hu_max: float = 3072.0


PROTOCOLS = by_name(
    Protocol("y_A", "luminance", eight_bit=True, rounded=True),
    Protocol("y_B", "luminance", eight_bit=True, downsampled=True),
    Protocol("rgb", "channels", eight_bit=True),
    Protocol("colour", "channels"),
    Protocol("ct", "hounsfield", peak=4096.0, zero_padded=True),
    Protocol("ct_3096", "hounsfield", peak=4096.0, zero_padded=True, hu_max=3096.0),
)


@torch.no_grad()
def psnr(restored: Tensor, target: Tensor, protocol: str | Protocol) -> Tensor:
    """Return the peak signal-to-noise ratio of each image, in dB; infinite where the two are equal.

    Args:
        restored: (B, C, H, W), floating point in [0, 1] or uint8 (then divided by 255). What lies outside [0, 1] is
            clamped. C is 3, or 1 for grey and CT images.
        target: the same shape; moved to the device of ``restored``.
        protocol: a name in ``PROTOCOLS``, or a protocol of one's own.

    Returns:
        (B,) float64 on the device of ``restored`` (float32 on MPS, which has no float64). Averages over images are
        taken of these dB values; an infinite one has to be left out or capped openly.

    Raises:
        InputError: if the shapes differ or are not (B, 1 or 3, H, W), the type is another, or the protocol is unknown.
    """
    protocol = resolve(protocol, PROTOCOLS, "image quality")
    target = _checked(restored, target)
    squares, count = torch.zeros((), device=restored.device), 0
    for rows in _strips(restored):
        x, y = (_values(image[:, :, rows], protocol).flatten(1) for image in (restored, target))
        squares = squares + torch.sub(x, y, out=x).square_().sum(dim=1)
        count += x.shape[1]
    return 10 * torch.log10(protocol.peak**2 * count / squares)


@torch.no_grad()
def ssim(restored: Tensor, target: Tensor, protocol: str | Protocol) -> Tensor:
    """Return the structural similarity (2003) of each image: at most 1, and 1 for equal images.

    Gaussian window of 11 x 11 and sigma 1.5, constants (0.01 peak)^2 and (0.03 peak)^2, population moments, the mean
    over the map and then over the channels. Arguments and result as for ``psnr``.

    Raises:
        InputError: as ``psnr``, and if a side is shorter than the window's 11 pixels.
    """
    protocol = resolve(protocol, PROTOCOLS, "image quality")
    x, y = restored, _checked(restored, target)
    if min(restored.shape[-2:]) < WINDOW:
        raise InputError(
            f"SSIM is undefined for an image of {restored.shape[-2]} x {restored.shape[-1]} (height x width): "
            f"both sides must have at least {WINDOW} pixels"
        )
    whole = protocol.downsampled or protocol.zero_padded
    if whole:
        x, y = (_prepared(_values(image, protocol), protocol) for image in (x, y))
    total, count = torch.zeros((), device=restored.device), 0
    for rows in _strips(x, WINDOW - 1):
        first, second = (image[:, :, rows] if whole else _values(image[:, :, rows], protocol) for image in (x, y))
        maps = ssim_map(first, second, protocol.peak)
        total = total + maps.flatten(1).sum(dim=1)
        count += maps[0].numel()
    return total / count


def measure(restored: Tensor, target: Tensor, protocol: str | Protocol) -> dict[str, Tensor]:
    """Return PSNR and SSIM under the names that reports use, such as ``{"psnr_y_A": (B,), "ssim_y_A": (B,)}``.

    Arguments and errors as for ``ssim``.
    """
    protocol = resolve(protocol, PROTOCOLS, "image quality")
    return {
        f"psnr_{protocol.name}": psnr(restored, target, protocol),
        f"ssim_{protocol.name}": ssim(restored, target, protocol),
    }


def _checked(restored: Tensor, target: Tensor) -> Tensor:
    """Return the target where the restored images are, after validating both."""
    if restored.shape != target.shape:
        raise InputError(
            f"restored image {tuple(restored.shape)} and target {tuple(target.shape)} differ in shape; "
            "they must be equal"
        )
    if restored.ndim != 4 or restored.shape[1] not in (1, 3) or restored.numel() == 0:
        raise InputError(f"images to compare must be (B, 1 or 3, H, W) and not empty, got {tuple(restored.shape)}")
    for image in (restored, target):
        if image.dtype != torch.uint8 and not image.is_floating_point():
            raise InputError(f"an image must be floating point in [0, 1] or uint8, got {image.dtype}")
    return target.to(restored.device)


def _strips(image: Tensor, overlap: int = 0) -> Iterator[slice]:
    """Yield slices of an image's rows, as many at a time as a processor's cache holds; neighbours overlap."""
    height, width = image.shape[2:]
    rows = height if image.is_cuda else max(1, STRIP // (width * len(image) * image.shape[1])) + overlap
    for top in range(0, height - overlap, rows - overlap):
        yield slice(top, min(top + rows, height))


def _values(image: Tensor, protocol: Protocol) -> Tensor:
    """Return the values that the protocol compares, (B, C or 1, H, W), in the unit of its peak."""
    whole = image.dtype == torch.uint8
    image = image.to(torch.float32 if image.device.type == "mps" else torch.float64, copy=True)
    if protocol.compares == "hounsfield":
        return image.div_(255.0 if whole else 1.0).mul_(protocol.hu_max + 1024.0).sub_(1024.0).clamp_(-1024.0, 3072.0)
    if not whole:
        image = image.mul_(255.0).clamp_(0.0, 255.0)
        image = image.round_() if protocol.eight_bit else image
    if protocol.compares == "luminance" and image.shape[1] == 3:
        image = _luminance(image)
    return image.add_(0.5).floor_() if protocol.rounded else image


def _prepared(values: Tensor, protocol: Protocol) -> Tensor:
    values = _downsample(values) if protocol.downsampled else values
    return F.pad(values, (WINDOW // 2,) * 4) if protocol.zero_padded else values


def _luminance(image: Tensor) -> Tensor:
    """Return BT.601 luminance, (B, 1, H, W) in [16, 235], of RGB in [0, 255]."""
    red, green, blue = image[:, 0:1], image[:, 1:2], image[:, 2:3]
    # in this order: one colour in 85,000 is a tie at .5, and rounding errors decide which way it goes
    return (65.481 * red + 128.553 * green + 24.966 * blue) / 255 + 16


def _downsample(image: Tensor) -> Tensor:
    factor = int(min(image.shape[-2:]) / 256 + 0.5)
    return _box_mean(_box_mean(image, factor, -1), factor, -2) if factor > 1 else image


def _box_mean(image: Tensor, factor: int, dim: int) -> Tensor:
    """Return the mean of ``factor`` neighbours at positions 0, factor, 2 factor, ... along ``dim``.

    Borders are mirrored with the edge repeated. An even neighbourhood reaches one further ahead than back.
    """
    size = image.shape[dim]
    starts = torch.arange(0, size, factor, device=image.device)
    window = torch.arange(factor, device=image.device) - (factor - 1) // 2
    positions = starts[:, None] + window
    positions = torch.where(positions < 0, -1 - positions, positions)
    positions = torch.where(positions >= size, 2 * size - 1 - positions, positions)
    return image.movedim(dim, -1)[..., positions].mean(-1).movedim(-1, dim)


def ssim_map(x: Tensor, y: Tensor, peak: float) -> Tensor:
    """Return the SSIM at every position where the window fits: (B, C, H, W) to (B, C, H - 10, W - 10)."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    mean_xy, squares = mean_x * mean_y, mean_x.square() + mean_y.square()
    variances = _blur(x.square() + y.square()) - squares
    covariance = _blur(x * y) - mean_xy
    return (2 * mean_xy + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))


def _blur(image: Tensor) -> Tensor:
    """Return the Gaussian mean at every position where the window fits, as one pass along each axis.

    Sums of shifted images: exact in float64 everywhere, and leaner than a convolution, which unfolds its input there.
    """
    taps = [-((i - WINDOW // 2) ** 2) / (2 * _SIGMA**2) for i in range(WINDOW)]
    weights = torch.tensor(taps, dtype=torch.float64).softmax(0).tolist()
    for dim in (-2, -1):
        size = image.shape[dim] - WINDOW + 1
        blurred = image.narrow(dim, 0, size) * weights[0]
        for shift in range(1, WINDOW):
            blurred.add_(image.narrow(dim, shift, size), alpha=weights[shift])
        image = blurred
    return image
