"""Files that encoders of the image branch are published in: which encoder a file holds, and its tensors alone.

Read are ResNet-50 in torchvision's layout (ImageNet, MoCo v1 and v2, SwAV, DeepCluster v2, DINO) and the vision
transformers of DINO and DINOv2, with or without registers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from visioncore.errors import InputError, one_line
from visioncore.weights.state_dicts import load_into, read_state_dict

from .image_branch import ImageBranch
from .image_config import ImageBranchConfig, ResNetConfig, ViTConfig

_FIRST = "conv1.weight", "patch_embed.proj.weight"
_PREFIXES = "", "module.encoder_q.", "module.backbone.", "module.", "backbone.", "encoder."
_HEADS = "fc.", "head.", "projection_head.", "prototypes.", "mask_token"
_HEAD_CHANNELS = 64


def load_encoder(path: str | Path, channels: int = 64) -> ImageBranch:
    """Return an image branch with the encoder of a file, on the CPU; its decoder is drawn.

    Args:
        path: the encoder's published weights; which one it is shows in its tensors.
        channels: of the features that pixels and points share.

    Raises:
        InputError: if the file cannot be read, or holds no encoder that is known.
    """
    state = encoder_tensors(read_state_dict(path), str(path))
    branch = ImageBranch(ImageBranchConfig(encoder_config(state, str(path)), channels))
    counters = {name: t for name, t in branch.encoder.state_dict().items() if name.endswith("num_batches_tracked")}
    # files of torchvision from before 2018 have no counters
    load_into(branch.encoder, counters | state, where=str(path))
    return branch


def encoder_tensors(state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return an encoder's tensors of a published file, without prefixes and without heads.

    Raises:
        InputError: if there is no encoder; the text names a tensor that is there.
    """
    for prefix in _PREFIXES:
        if any(prefix + name in state for name in _FIRST):
            names = {name.removeprefix(prefix): name for name in state if name.startswith(prefix)}
            return {ours: state[name] for ours, name in names.items() if not ours.startswith(_HEADS)}
    raise InputError(
        f"{where}: no encoder of images: it should hold {' or '.join(_FIRST)} (it has {len(state)} tensors, the first "
        f"is {one_line(next(iter(state), 'none'))})"
    )


def encoder_config(state: Mapping[str, Tensor], where: str) -> ResNetConfig | ViTConfig:
    """Return the settings of an encoder, read from the shapes of its tensors.

    Raises:
        InputError: if it is a ResNet of other blocks than ResNet-50's, or a transformer without positions.
    """
    if "conv1.weight" in state:
        return _resnet_config(state, where)
    positions, patches = state.get("pos_embed"), state["patch_embed.proj.weight"]
    grid = 0 if positions is None else math.isqrt(max(positions.shape[1] - 1, 0))
    if positions is None or positions.shape[1] != 1 + grid**2 or patches.ndim != 4:
        raise InputError(f"{where}: pos_embed should hold one position for the class token and a square of patches")
    registers = state.get("register_tokens")
    return ViTConfig(
        patch=patches.shape[2],
        channels=patches.shape[0],
        depth=_count(state, "blocks"),
        heads=max(patches.shape[0] // _HEAD_CHANNELS, 1),
        grid=grid,
        layer_scale="blocks.0.ls1.gamma" in state,
        registers=0 if registers is None else registers.shape[1],
    )


def _resnet_config(state: Mapping[str, Tensor], where: str) -> ResNetConfig:
    first, second, third, fourth = (_count(state, f"layer{stage}") for stage in (1, 2, 3, 4))
    if "layer1.0.conv3.weight" not in state or 0 in (first, second, third, fourth):
        raise InputError(f"{where}: a ResNet without bottlenecks, where ResNet-50 or deeper is expected")
    return ResNetConfig(state["conv1.weight"].shape[0], (first, second, third, fourth))


def _count(state: Mapping[str, Tensor], stem: str) -> int:
    parts = (name.split(".") for name in state)
    return len({part[1] for part in parts if len(part) > 1 and part[0] == stem})
