"""Feature networks that users supply: a TorchScript file, or anything that can be called.

| for | is called with | returns |
| --- | --- | --- |
| LPIPS | two images (n, 3, H, W) in [-1, 1] | a distance for each, n values |
| FVD | videos (n, 3, 16, 224, 224) in [-1, 1] | logits (n, 400) of I3D on Kinetics-400 |
| FID | images (n, 3, 299, 299) in 0 to 255 | features (n, 2048) of Inception |
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from visioncore.errors import InputError, one_line

Network = Callable[..., Tensor]
"""Images, or videos, or two batches of images -> features or distances."""

VIDEO_FRAMES, VIDEO_SIZE, IMAGE_SIZE = 16, 224, 299
_SETTINGS = {"rescale": False, "resize": False, "return_features": True}
"""Arguments that published TorchScript files take: frames come as they want them, and features are wanted."""


def load_network(given: str | Path | Network, device: torch.device | str = "cpu") -> Network:
    """Return a network that can be called.

    Args:
        given: a TorchScript file, which is a program: take it from where you trust; or the network itself.
        device: where it runs.

    Raises:
        InputError: if the file is no TorchScript.
    """
    if not isinstance(given, str | Path):
        return given
    if not Path(given).is_file():
        raise InputError(f"{given}: no such file; a feature network is a TorchScript file")
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            # what networks for metrics are published as
            script: Any = torch.jit.load(str(given), map_location=device).eval()
    except Exception as error:
        raise InputError(f"{given}: not a TorchScript file ({one_line(error, 100)})") from error
    known = {argument.name for argument in script.forward.schema.arguments}
    settings = {name: value for name, value in _SETTINGS.items() if name in known}

    def call(*images: Tensor) -> Tensor:
        found: Tensor = script(*(image.to(device) for image in images), **settings)
        return found

    return call


@torch.no_grad()
def perceptual_distance(network: Network, made: Tensor, real: Tensor) -> Tensor:
    """Return LPIPS (n,) of frames (n, 3, H, W) in [0, 1].

    Raises:
        InputError: if the network does not return a value for each.
    """
    found = _called(network, made * 2 - 1, real * 2 - 1)
    if found.numel() != len(made):
        raise InputError(f"the network of LPIPS returned {tuple(found.shape)}; it should be a value for each image")
    return found.flatten()


@torch.no_grad()
def video_features(network: Network, frames: Tensor) -> NDArray[np.float64]:
    """Return a row of features for each 16 frames in a row, one after the other, of frames (n, 3, H, W) in [0, 1].

    Raises:
        InputError: if there are fewer, or the network does not return a row for each.
    """
    count = len(frames) // VIDEO_FRAMES
    if not count:
        raise InputError(f"{len(frames)} frames; FVD needs at least {VIDEO_FRAMES}")
    resized = functional.interpolate(frames, (VIDEO_SIZE, VIDEO_SIZE), mode="bilinear")
    videos = resized[: count * VIDEO_FRAMES].unflatten(0, (count, VIDEO_FRAMES)).transpose(1, 2) * 2 - 1
    return _rows(torch.cat([_called(network, video[None]) for video in videos]), count, "FVD")


@torch.no_grad()
def image_features(network: Network, frames: Tensor) -> NDArray[np.float64]:
    """Return a row of features for each of the frames (n, 3, H, W) in [0, 1].

    Raises:
        InputError: if the network does not return one.
    """
    resized = functional.interpolate(frames, (IMAGE_SIZE, IMAGE_SIZE), mode="bicubic", antialias=True)
    found = _called(network, resized.clamp(0, 1) * 255)
    return _rows(found.flatten(1) if found.ndim > 1 else found, len(frames), "FID")


def _called(network: Network, *images: Tensor) -> Tensor:
    try:
        return network(*images).detach().float().cpu()
    except Exception as error:
        shape = " and ".join(str(tuple(image.shape)) for image in images)
        raise InputError(f"the feature network failed on {shape} ({one_line(error, 150)})") from error


def _rows(found: Tensor, count: int, of: str) -> NDArray[np.float64]:
    if found.ndim != 2 or len(found) != count:
        raise InputError(f"the network of {of} returned {tuple(found.shape)}; it should be {count} rows of features")
    return found.double().numpy()
