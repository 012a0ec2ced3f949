"""A pre-trained VoxelNet for detection: its tensors under the names that OpenPCDet's detectors have for them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.files import atomic_path, writable_folder

from .model import CSC, VoxelNet

FILE = "openpcdet.pth"
_SHARED = ("conv_input.", "conv1.", "conv2.", "conv3.", "conv4.", "conv_out.")
"""Stages of OpenPCDet's VoxelBackBone8x, which knows no final layer and no decoder."""


def to_openpcdet(model: CSC) -> dict[str, Tensor]:
    """Return copies of a VoxelNet's tensors as ``backbone_3d.*``, on the CPU, in the layout of spconv 2.

    Raises:
        InputError: if it is another network.
    """
    if not isinstance(model, VoxelNet):
        raise InputError(f"OpenPCDet's detectors stand on a VoxelNet; these weights are a {type(model).__name__}'s")
    state = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(_SHARED)}
    return {f"backbone_3d.{name}": tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}


def write_openpcdet(model: CSC, out: str | Path) -> Path:
    """Write a VoxelNet for OpenPCDet's ``--pretrained_model`` into a folder, and return the file.

    Raises:
        InputError: if it is another network, or the file cannot be written.
    """
    state = to_openpcdet(model)
    path = writable_folder(out) / FILE
    with atomic_path(path) as temporary:
        torch.save({"model_state": state}, temporary)
    return path
